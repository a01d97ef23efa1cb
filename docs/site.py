"""The project's pages as the folder that mkdocs makes a site of: `make docs`.

Pages lie all over the project and link to each other, and to files, by their places there. So the folder has the same
tree: every page, and every file that one links to.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (".", "benchmarks", "config", "demo", "docs", "envs", "models", "profiles", "recipes")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


FENCE = re.compile(r"^```(\w+) .*$", re.MULTILINE)
"""The beginning of an example of a kind that tests tell apart ("sh not tried"); the site knows languages alone."""


def pages() -> list[Path]:
    """All pages, sorted."""
    found = (page for folder in FOLDERS for page in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md"))
    return sorted(page for page in found if ".venv" not in page.parts)


def linked(page: Path) -> list[Path]:
    """What a page links to in the project, whether it is there or not."""
    return [page.parent / link for link in LINK.findall(page.read_text()) if "://" not in link]


def write_tree(folder: Path) -> None:
    """Copy pages and what they link to into a folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for page in pages():
        for path in (page, *filter(Path.is_file, linked(page))):
            place = folder / path.resolve().relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    for page in folder.rglob("*.md"):
        page.write_text(FENCE.sub(r"```\1", page.read_text()))


if __name__ == "__main__":
    write_tree(Path(sys.argv[1]))
