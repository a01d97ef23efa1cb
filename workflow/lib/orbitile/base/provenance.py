"""Which version of Orbitile makes a result: part of its metadata, never of the keys of finished pieces."""

import subprocess
from functools import cache
from pathlib import Path

from orbitile import __version__

CHECKOUT = Path(__file__).parents[4]
"""The folder that holds the library, and the repository where it is a clone."""
UNKNOWN = "unknown"
_GIT_SECONDS = 10


@cache
def provenance() -> dict[str, str]:
    """The version of Orbitile and the commit of its checkout, by the names of raster tags and table metadata.

    The commit is 40 hexadecimal digits, with "-modified" where files of the checkout differ from it. Without the
    program git such changes cannot be noticed; without a repository the commit is "unknown".
    """
    return dict(orbitile_version=__version__, orbitile_commit=_described_commit() or _head_commit() or UNKNOWN)


def _described_commit() -> str | None:
    """The commit as git describes it; None where git is not installed or refuses the folder."""
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=-modified"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _head_commit() -> str | None:
    """The commit that the repository's own files name; None where there are none."""
    folder = CHECKOUT / ".git"
    try:
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (folder / name).is_file():
            return (folder / name).read_text().strip()
        lines = (folder / "packed-refs").read_text().splitlines()
    except OSError:
        return None
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), None)
