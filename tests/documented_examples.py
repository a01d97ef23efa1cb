"""The examples of a page of the documentation."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Example(NamedTuple):
    """A block of code: what stands after the fence ("python", "python in QGIS"), and its text."""

    kind: str
    text: str


def examples(page: str) -> list[Example]:
    """All blocks of code of docs/<page>."""
    blocks = re.findall(r"^```(\w[^\n]*)\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
    return [Example(kind, text) for kind, text in blocks]


def examples_of(page: str, kind: str) -> list[str]:
    """The texts of one kind; at least one, or the page has changed and its test has not."""
    texts = [example.text for example in examples(page) if example.kind == kind]
    assert texts, f"{page} has no example of kind {kind}"
    return texts
