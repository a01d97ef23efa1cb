"""Programs that some tests need and that come from Debian's packages."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path


class InstallError(Exception):
    """A package cannot be installed here; the message is all there is to say."""


def install_missing(missing: Callable[[], Sequence[str]]) -> None:
    """Install the packages that `missing` lists. Needs root and apt-get where there are any."""
    # Several test processes start at once, and apt-get does not wait for its own lock.
    with open(Path(tempfile.gettempdir()) / "orbitile-test-packages.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if packages := missing():
            _install(packages)


def _install(packages: Sequence[str]) -> None:
    if shutil.which("apt-get") is None:
        raise InstallError(f"these tests need {', '.join(packages)}")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "--quiet", *words], env=quiet, capture_output=True, text=True)
        if done.returncode:
            raise InstallError(f"apt-get {' '.join(words)}: {done.stderr.strip()}")
