"""Links of the project's pages lead to files that are there."""

import re
import runpy
from pathlib import Path

import pytest
import yaml

import orbitile

ROOT = Path(__file__).parents[2]
SITE = runpy.run_path(str(ROOT / "docs" / "site.py"))


def dead_links(page):
    return [path.relative_to(page.parent).as_posix() for path in SITE["linked"](page) if not path.exists()]


@pytest.mark.parametrize("page", SITE["pages"](), ids=lambda page: str(page.relative_to(ROOT)))
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


def navigation(entries):
    """The pages that the site's navigation names."""
    for entry in entries:
        (value,) = entry.values()
        yield from [value] if isinstance(value, str) else navigation(value)


def test_the_site_leads_to_every_page_of_the_documentation(tmp_path):
    named = list(navigation(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert len(set(named)) == len(named)
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= set(named)
    SITE["write_tree"](tmp_path / "pages")
    assert [page for page in named if not (tmp_path / "pages" / page).is_file()] == []
    assert [page for page in (tmp_path / "pages").rglob("*.md") if re.search(r"^```\w+ ", page.read_text(), re.M)] == []


def test_hosted_ci_runs_what_is_here():
    """Make's targets, and scripts of the project."""
    targets = set(re.findall(r"^([\w -]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    targets = {name for line in targets for name in line.split()}
    texts = [path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    jobs = [job for text in texts for job in yaml.safe_load(text)["jobs"].values()]
    steps = [step.get("run", "") for job in jobs for step in job["steps"]]
    commands = "\n".join([*steps, (ROOT / ".ci" / "run").read_text()])
    calls = re.findall(r"\bmake ([^&|#\n]+)", commands)
    named = [word for call in calls for word in call.split() if re.fullmatch(r"\w[\w-]*", word)]
    assert len(named) >= 7 and set(named) <= targets
    assert all((ROOT / script).is_file() for script in re.findall(r"bash (\S+)", commands))
