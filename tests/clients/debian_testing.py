"""Debian's testing release in a folder of its own: programs that are newer than those of this machine."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from debian_packages import InstallError, install_missing

FOLDER = Path(os.environ.get("ORBITILE_TEST_CACHE", "/var/cache/orbitile-tests")) / "debian-testing"
PACKAGES = ("python3-qgis", "gdal-bin", "libduckdb-dev")
"""The last is the library by which GDAL's driver ADBC reads Parquet: Debian builds GDAL without its own driver."""
CONTENTS = "packages"
"""A file that names the packages of a folder that is complete."""


def debian_testing() -> Path:
    """The root folder of the release with PACKAGES, made if it is not there yet (in 3 minutes, 1.8 GB). Needs root."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with open(FOLDER.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_complete():
            install_missing(lambda: [] if shutil.which("debootstrap") else ["debootstrap"])
            _make()
    return FOLDER


def _is_complete() -> bool:
    contents = FOLDER / CONTENTS
    return contents.is_file() and contents.read_text().split() == list(PACKAGES)


def _make() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=FOLDER.parent))
    temporary.chmod(0o755)  # for the user _apt in there
    try:
        _run(["debootstrap", "--variant=minbase", "testing", str(temporary)])
        _run(["chroot", str(temporary), "apt-get", "--quiet", "install", "--yes", "--no-install-recommends", *PACKAGES])
        _run(["chroot", str(temporary), "apt-get", "clean"])
        (temporary / CONTENTS).write_text("\n".join(PACKAGES))
        temporary.rename(FOLDER)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _run(command: Sequence[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise InstallError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-500:]}")
