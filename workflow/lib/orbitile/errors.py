"""The one error that users are meant to read."""


class OrbitileError(Exception):
    """A fault in the input or the settings that the user can mend.

    Its text is one line: the file or setting, what is wrong, and the way out.
    """
