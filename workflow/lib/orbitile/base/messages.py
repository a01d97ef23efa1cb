"""Values in messages."""


def shortened(value: object, length: int = 60) -> str:
    """A value as it may stand in a message: one line of printable characters, the middle of long ones left out."""
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= length else f"{text[: length // 2]}...{text[-length // 4 :]}"
