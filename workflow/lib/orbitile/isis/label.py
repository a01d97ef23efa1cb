"""What the way through ISIS must know of a raw image's PDS3 label."""

import re
from pathlib import Path

import pvl
from pvl.exceptions import LexerError, ParseError

from orbitile.errors import OrbitileError

LABEL_BYTES = 256 * 1024
"""More than any label of these instruments holds; behind it come pixels, which no parser of labels should see."""
SUMMING = ("SPATIAL_SUMMING", "SAMPLING_FACTOR")
"""Pixels summed on board, by its older and its newer keyword; ISIS's mroctx2isis asks for them in this order."""
_NO_LABEL = (ValueError, StopIteration, RuntimeError, LexerError, ParseError)
"""What pvl's parser raises on a text that is none, or goes on beyond its end."""
_END = re.compile(r"^[ \t]*END[ \t]*\r?$", re.MULTILINE)


def is_summed(instrument: str, path: str | Path) -> bool:
    """Tell whether pixels of a CTX image were summed on board; of others, nobody asks.

    OrbitileError where its label cannot be read or does not say.
    """
    if instrument != "CTX":
        return False
    label = _label(Path(path))
    found = [label[keyword] for keyword in SUMMING if keyword in label]
    if not found:
        raise OrbitileError(f"{path}: its label has neither {' nor '.join(SUMMING)}; is it a CTX image as archived?")
    return found[0] != 1


def _label(path: Path) -> pvl.PVLModule:
    """The label at the beginning of an image, or in a file of its own."""
    try:
        with path.open("rb") as file:
            head = file.read(LABEL_BYTES).decode("latin-1")
    except OSError as error:
        raise OrbitileError(f"{path}: cannot be read ({error.strerror}); mend the scene table") from error
    end = _END.search(head)
    try:
        return pvl.loads(head[: end.end()] if end else head)
    except _NO_LABEL as error:
        raise OrbitileError(f"{path}: does not begin with a PDS3 label; is it a raw image as archived?") from error
