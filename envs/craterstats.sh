#!/bin/sh
# Make .craterstats, the environment of Craterstats, from its lock, unless it is current.
# Usage: envs/craterstats.sh [PYTHON], a Python 3.12; by default the first of the usual names and of pyenv's that runs.
set -eu
lock=envs/craterstats.lock
wanted=$(cksum < "$lock")
if [ -f .craterstats/current ] && [ "$(cat .craterstats/current)" = "$wanted" ]; then
    touch .craterstats/current
    exit 0
fi
is_3_12='import sys; sys.exit(sys.version_info[:2] != (3, 12))'
python=
for candidate in ${1:+"$1"} python3.12 python3 python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12.*/bin/python; do
    if "$candidate" -c "$is_3_12" > /dev/null 2>&1; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Craterstats needs Python 3.12, and none was found; install one, or name it: make craterstats PYTHON_3_12=/path/to/python3.12" >&2
    exit 1
fi
echo "Setting up .craterstats (a minute or two and 460 MB, once)"
rm -rf .craterstats
"$python" -m venv .craterstats
.craterstats/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock"
printf '%s\n' "$wanted" > .craterstats/current
