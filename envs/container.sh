#!/bin/sh
# Builds, runs and saves the container image of the environment, with podman or docker.
#
#   envs/container.sh build                          make the image orbitile:cpu (VARIANT=cuda: orbitile:cuda)
#   envs/container.sh run [OPTION...] -- COMMAND...  run a command in it; options go to the engine
#   envs/container.sh save FILE                      write it to a file
#
# CONTAINER names the engine, GPU=1 lends it the GPUs, PYTHON the interpreter whose pip fetches the packages.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
variant=${VARIANT:-}
[ -n "$variant" ] || { [ -n "${GPU:-}" ] && variant=cuda || variant=cpu; }
image=orbitile:$variant

fail() {
    echo "$*" >&2
    exit 1
}

# An engine counts if it answers: a docker command without its daemon does not.
choose_tool() {
    if [ -n "${CONTAINER:-}" ]; then set -- "$CONTAINER"; else set -- podman docker; fi
    for name; do
        if "$name" info > /dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    fail "No container engine answers to the command info: $*"
}
tool=$(choose_tool)
case $tool in *podman*) podman=yes ;; *) podman= ;; esac

# crun refuses the mixture of cgroup versions 1 and 2 that some machines have; runc does not.
runtime=
if [ -n "$podman" ] && [ -d /sys/fs/cgroup/unified ] && command -v runc > /dev/null; then
    runtime=runc
fi
engine() {
    "$tool" ${runtime:+--runtime "$runtime"} "$@"
}

# podman as root sets limits of its own, which root without CAP_SYS_RESOURCE (bit 24) may only lower.
is_limited_root() {
    [ -n "$podman" ] && [ "$(id -u)" = 0 ] || return 1
    capabilities=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
    [ $((0x$capabilities >> 24 & 1)) = 0 ]
}

# The base: Debian from the registry or, where none can be reached, from Debian's packages.
base() {
    if engine image inspect orbitile-base > /dev/null 2>&1; then
        echo orbitile-base
    elif engine pull debian:bookworm-slim >&2; then
        echo debian:bookworm-slim
    else
        bootstrap >&2
        echo orbitile-base
    fi
}

bootstrap() {
    [ "$(id -u)" = 0 ] || fail "No registry can be reached, and making the base with debootstrap needs root"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    chmod 755 "$folder"
    debootstrap --variant=minbase --include=python3,python3-venv bookworm "$folder"
    rm -rf "$folder"/var/cache/apt/*.bin "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/*
    tar -C "$folder" -c . | engine import - orbitile-base
}

# The host's pip fetches the packages, with whatever settings it needs to reach them. One of another Python
# would fetch other files; then the build fetches them itself.
fetch_wheels() {
    wheels=$root/envs/wheels
    python=${PYTHON:-python3}
    wanted=$(cksum < "$root/envs/requirements.lock")
    [ "$(cat "$wheels/current" 2> /dev/null)" != "$wanted" ] || return 0
    rm -rf "$wheels"
    "$python" -c 'import sys; sys.exit((sys.platform, *sys.version_info[:2]) != ("linux", 3, 11))' || return 0
    "$python" -m pip download --quiet --disable-pip-version-check --require-hashes \
        --requirement "$root/envs/requirements.lock" --dest "$wheels"
    echo "$wanted" > "$wheels/current"
}

build() {
    case $variant in cpu | cuda) ;; *) fail "VARIANT is cpu or cuda, not $variant" ;; esac
    fetch_wheels
    from=$(base)
    export DOCKER_BUILDKIT=1 # docker before version 23 mounts nothing while it builds unless asked to
    engine build --build-arg "BASE=$from" --build-arg "VARIANT=$variant" --tag "$image" "$root/envs"
}

# The arguments of the engine grow from back to front: options, image, command.
run() {
    command=
    for argument; do
        shift
        if [ -z "$command" ] && [ "$argument" = -- ]; then
            command=yes argument=$image
        fi
        set -- "$@" "$argument"
    done
    [ -n "$command" ] || fail "Usage: envs/container.sh run [OPTION...] -- COMMAND..."
    engine image inspect "$image" > /dev/null 2>&1 || fail "There is no image $image: make container VARIANT=$variant"

    # Results belong to the caller. podman without root maps the caller to another id unless told not to.
    set -- --user "$(id -u):$(id -g)" "$@"
    if [ -n "$podman" ] && [ "$(id -u)" != 0 ]; then set -- --userns=keep-id "$@"; fi
    if is_limited_root; then set -- --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 "$@"; fi
    if [ -n "${GPU:-}" ] && [ -n "$podman" ]; then set -- --device nvidia.com/gpu=all "$@"; fi
    if [ -n "${GPU:-}" ] && [ -z "$podman" ]; then set -- --gpus all "$@"; fi
    if [ -t 0 ] && [ -t 1 ]; then set -- --interactive --tty "$@"; fi
    # The checkout lies at its own path, so that results made inside count outside. Nothing is downloaded, and
    # nothing written but there and to /tmp. Locks name machine and process, which are therefore the host's.
    # Training's workers hand batches over in /dev/shm. SELinux would want the checkout relabelled.
    engine run --rm --network none --uts host --pid host --read-only --tmpfs /tmp --shm-size 2g \
        --security-opt label=disable --volume "$root:$root" --workdir "$root" \
        --env PYTHONPATH="$root/workflow/lib" "$@"
}

save() {
    [ $# = 1 ] || fail "Usage: envs/container.sh save FILE"
    rm -f "$1"
    engine save --output "$1" "$image"
}

case ${1:-} in
build | run | save) "$@" ;;
*) fail "Usage: envs/container.sh build | run [OPTION...] -- COMMAND... | save FILE" ;;
esac
