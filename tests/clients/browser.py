"""A browser: Chromium of Debian's packages, driven by Playwright in an environment of its own."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from debian_packages import install_missing
from pip_environment import python_with

IN_BROWSER = Path(__file__).with_name("in_browser.py")
PLAYWRIGHT = "playwright==1.65.2"
PROGRAM = "chromium"


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
    return Browser(python_with(PLAYWRIGHT), str(shutil.which(PROGRAM)))
