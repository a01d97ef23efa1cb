#!/bin/sh
# Make .venv from the lock, unless it is current. Usage: envs/setup.sh PYTHON
set -eu
lock=envs/requirements.lock
wanted=$(cksum < "$lock")
if [ -f .venv/current ] && [ "$(cat .venv/current)" = "$wanted" ]; then
    touch .venv/current
    exit 0
fi
"$1" -c 'import sys; sys.exit("Orbitile needs Python 3.11 or later, not " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
echo "Setting up .venv (a few minutes and 6 GB, once)"
rm -rf .venv
"$1" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
# The library, for `python -m orbitile`, its command `orbitile`, and for editors.
printf '%s\n' "$PWD/workflow/lib" > "$(.venv/bin/python -c 'import site; print(site.getsitepackages()[0])')/orbitile.pth"
printf '#!%s\nimport sys\n\nfrom orbitile.__main__ import main\n\nsys.exit(main())\n' "$PWD/.venv/bin/python" > .venv/bin/orbitile
chmod +x .venv/bin/orbitile
printf '%s\n' "$wanted" > .venv/current
