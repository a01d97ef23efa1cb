"""The error that users are meant to read, and any error in one line."""


class OrbitileError(Exception):
    """A fault in the input or the settings that the user can correct.

    Its text is one line: the file or setting, what is wrong, and the way out.
    """


def reason_of(error: BaseException) -> str:
    """The reason of a failure in one line: an OrbitileError as it is, any other error with its type."""
    return first_line(error if isinstance(error, OrbitileError) else f"{type(error).__name__}: {error}")


def first_line(text: str | BaseException) -> str:
    """The first line of a text or of an error's message; "no reason given" for an empty one."""
    return (str(text).strip() or "no reason given").splitlines()[0]
