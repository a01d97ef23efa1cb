"""Environments of programs that pip installs and Orbitile itself does not need, kept from call to call."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from debian_packages import InstallError

CACHE = Path(os.environ.get("ORBITILE_TEST_CACHE", "/var/cache/orbitile-tests"))
DONE = "installed"
"""A file that names the package of an environment that is complete."""


def python_with(package: str) -> Path:
    """The interpreter of an environment that has a package ("name==version"); InstallError where it cannot be made."""
    name = package.partition("==")[0]
    folder = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / DONE
        if not done.is_file() or done.read_text() != package:
            _install(folder, package)
    return folder / "bin" / "python"


def _install(folder: Path, package: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for words in ([sys.executable, "-m", "venv", folder], [folder / "bin" / "pip", "install", "--quiet", package]):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
        if done.returncode:
            raise InstallError(f"{package} cannot be installed: {(done.stderr or done.stdout).strip()[-500:]}")
    (folder / DONE).write_text(package)
