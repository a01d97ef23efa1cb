"""Links of the project's pages lead to files that are there."""

import re
from pathlib import Path

import pytest
import yaml

import orbitile

ROOT = Path(__file__).parents[2]
FOLDERS = (".", "benchmarks", "config", "demo", "docs", "envs", "models", "profiles", "recipes")
PAGES = sorted(
    page
    for folder in FOLDERS
    for page in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
    if ".venv" not in page.parts
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def dead_links(page):
    return [link for link in LINK.findall(page.read_text()) if "://" not in link and not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert dead_links(page) == []


def test_dead_links_are_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[a](page.md#part) [b](gone.md) ![c](pictures/gone.png) [d](https://example.org/x)")
    assert dead_links(page) == ["gone.md", "pictures/gone.png"]


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == orbitile.__version__
    assert citation["license"] == "AGPL-3.0-or-later"


def test_the_first_page_is_short_and_says_what_it_takes():
    """A screen and a half with two pictures, and all that a bare Debian lacks."""
    page = (ROOT / "README.md").read_text()
    assert len(page.split()) < 800
    assert len(re.findall(r"!\[[^]]+\]\(docs/pictures/", page)) >= 2
    needed = next(line for line in page.splitlines() if line.startswith("Needed:"))
    assert [word for word in ("git", "make", "Python 3.11", "python3-venv") if word not in needed] == []
