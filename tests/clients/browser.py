"""A browser: Chromium of Debian's packages, driven by Playwright in an environment of its own."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from debian_packages import InstallError, install_missing

IN_BROWSER = Path(__file__).with_name("in_browser.py")
FOLDER = Path(os.environ.get("ORBITILE_TEST_CACHE", "/var/cache/orbitile-tests")) / "playwright"
PLAYWRIGHT = "playwright==1.65.2"
PROGRAM = "chromium"
DONE = "installed"
"""A file that names the package of an environment that is complete."""


@dataclass(frozen=True)
class Browser:
    """The interpreter that has Playwright, and Chromium."""

    python: Path
    program: str

    def describe_page(self, page: Path, pictures: Path, width_px: int, scheme: str = "light") -> dict:
        """What a window of a width makes of a page (see in_browser.py); its screenshot lies in a folder afterwards."""
        words = [self.program, page.resolve().as_uri(), pictures / f"{page.parent.name}-{width_px}-{scheme}.png"]
        command = [self.python, IN_BROWSER, *words, width_px, scheme]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def installed_browser() -> Browser:
    """Chromium, installed if it is not there yet, and Playwright without the browsers it would download."""
    install_missing(lambda: [] if shutil.which(PROGRAM) else [PROGRAM])
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with open(FOLDER.parent / "playwright.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = FOLDER / DONE
        if not done.is_file() or done.read_text() != PLAYWRIGHT:
            _install_playwright()
    return Browser(FOLDER / "bin" / "python", str(shutil.which(PROGRAM)))


def _install_playwright() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    for words in ([sys.executable, "-m", "venv", FOLDER], [FOLDER / "bin" / "pip", "install", "--quiet", PLAYWRIGHT]):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
        if done.returncode:
            raise InstallError(f"{PLAYWRIGHT} cannot be installed: {(done.stderr or done.stdout).strip()[-500:]}")
    (FOLDER / DONE).write_text(PLAYWRIGHT)
