#!/bin/sh
# Snakemake runs this in the environment it has made of isis.yaml. ISIS gets an environment of its own inside: its
# package pins so much, Python among it, that USGS advises to add nothing to it, and to reach its programs by the PATH.
set -eu
"${CONDA_EXE:-conda}" create --yes --quiet --prefix "$CONDA_PREFIX/isis" \
    --override-channels --channel usgs-astrogeology --channel conda-forge isis=8.3.0
mkdir -p "$CONDA_PREFIX/etc/conda/activate.d"
# Whoever comes with an ISIS of their own keeps it.
cat > "$CONDA_PREFIX/etc/conda/activate.d/isis.sh" << 'EOF'
if [ -z "${ISISROOT:-}" ]; then
    export ISISROOT="$CONDA_PREFIX/isis"
    export PATH="$PATH:$ISISROOT/bin"
fi
EOF
