"""Values in messages."""

from collections.abc import Iterable


def shortened(value: object, length: int = 60) -> str:
    """A value as it may stand in a message: one line of printable characters, the middle of long ones left out."""
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= length else f"{text[: length // 2]}...{text[-length // 4 :]}"


def format_size(size: float) -> str:
    """Bytes as a text: 12 MB, 1.2 GB."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 1):,.0f} MB"


def format_count(number: int, noun: str) -> str:
    """A number with a noun, whose plural ends in s: 1 job, 2,000 jobs."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def shorten_names(names: Iterable[str], most: int = 5) -> str:
    """The first names of a list, and how many more there are."""
    names = list(names)
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
