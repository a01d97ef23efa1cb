"""Names of runs, scenes and groups, which become the names of files."""

import re

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
"""Names that become file names and wildcards: no spaces, slashes or quotes, no leading dot."""
LONGEST_NAME = 128
"""Characters of a name: of the 255 bytes of a file's name, tiles, logs and temporary files add some 60."""


def is_plain_name(text: str) -> bool:
    """Tell whether a text can name a file and a wildcard safely."""
    return re.fullmatch(NAME_PATTERN, text) is not None and ".." not in text and len(text) <= LONGEST_NAME


def parse_band(value: object) -> int | str:
    """A band's number (from 1), or the role or description that names it; ValueError for anything else."""
    text = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, int | str) or not text:
        raise ValueError("allowed are a band's number (from 1), its colour or its description, or a list of them")
    if not re.fullmatch(r"[+-]?\d+", text):
        return text
    if int(text) < 1:
        raise ValueError(f"band {text} is not a band number; bands are counted from 1")
    return int(text)
