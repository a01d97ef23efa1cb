"""The one error that users are meant to read, and any error in one line."""


class OrbitileError(Exception):
    """A fault in the input or the settings that the user can mend.

    Its text is one line: the file or setting, what is wrong, and the way out.
    """


def reason_of(error: BaseException) -> str:
    """Why something failed, in one line: what users are meant to read as it is, other errors with their type."""
    return first_line(error if isinstance(error, OrbitileError) else f"{type(error).__name__}: {error}")


def first_line(text: str | BaseException) -> str:
    """The first line of a text, or of what an error says."""
    return (str(text).strip() or "no reason given").splitlines()[0]
