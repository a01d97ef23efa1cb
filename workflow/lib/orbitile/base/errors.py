"""The error that users are meant to read, and any error in one line."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress

WAYS_OUT = {
    errno.ENOSPC: "the disk has no room or no inodes left (`df -h` and `df -i` tell which); make room and run again",
    errno.EDQUOT: "your disk quota is used up (`quota -s` tells it); remove files or ask for more, and run again",
    errno.EROFS: "the file system is read-only; mount it for writing, or take another folder (--directory)",
    errno.EACCES: "permission denied; change its permissions or those of its folders (`ls -l`, `chmod`) and run again",
    errno.EPERM: "the operation is not permitted here; see its owner and permissions (`ls -l`) and run again",
    errno.ENOENT: "no such file or folder, or not any more; put it back, or run again to make it anew",
    errno.EIO: "the disk or the network failed to read or write it; see that it is well, and run again",
    errno.ESTALE: "the network file system lost it; see that it is mounted, and run again",
    errno.ENOTCONN: "the network file system is not connected; see that it is mounted, and run again",
    errno.EMFILE: "too many files are open; allow more (`ulimit -n`) and run again",
    errno.ENFILE: "too many files are open on this machine; run again when it is less busy",
    errno.EFBIG: "the file is larger than allowed (`ulimit -f`) or than the file system can hold",
    errno.ENAMETOOLONG: "the name is too long for the file system; use shorter names",
    errno.ENOMEM: "out of memory; give the job more (mem_mb), or the run fewer cores, and run again",
}
"""What to do about faults of the machine, by their number."""
SIGNS = {
    errno.ENOSPC: ("No space left on device", "disk is full", "disk full"),
    errno.EDQUOT: ("Disk quota exceeded", "quota exceeded"),
    errno.EROFS: ("Read-only file system", "readonly database"),
    errno.EACCES: ("Permission denied",),
    errno.EMFILE: ("Too many open files",),
    errno.EIO: ("Input/output error",),
    errno.ESTALE: ("Stale file handle",),
    errno.ENOMEM: ("Cannot allocate memory",),
}
"""By which words of libraries that keep no number such faults are recognised."""
KILLED = ("terminated abruptly", "is killed by signal", "exited unexpectedly")
"""By which words libraries tell that a process which worked for them was killed."""


class OrbitileError(Exception):
    """A fault in the input or the settings that the user can correct.

    Its text is one line: the file or setting, what is wrong, and the way out.
    """


def reason_of(error: BaseException) -> str:
    """The reason of a failure in one line.

    An OrbitileError as it is, a fault of the machine with its file and the way out, any other error with its type.
    """
    if isinstance(error, OrbitileError):
        return first_line(error)
    return machine_fault(error) or first_line(f"{type(error).__name__}: {error}")


def machine_fault(error: BaseException) -> str | None:
    """File, fault and way out, in one line, where the machine is at fault: its disk, its memory; None elsewhere."""
    if isinstance(error, MemoryError):
        return f"{type(error).__name__}: {WAYS_OUT[errno.ENOMEM]}"
    chain = list(_chain(error))
    if any(word in str(link) for link in chain for word in KILLED):
        return f"a process that worked for the job was killed, most likely {WAYS_OUT[errno.ENOMEM]}"
    for link in chain:
        if (number := _number(link)) is not None:
            return f"{_file_of(chain) or getattr(link, 'strerror', None) or first_line(link)}: {WAYS_OUT[number]}"
    return None


def name_file(error: Exception, path: str | os.PathLike) -> None:
    """Note which file was written when an error came, where the disk is at fault and the error names no file."""
    if _number(error) in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        with suppress(AttributeError):  # some libraries' errors take no attributes
            error.filename = os.fspath(path)  # type: ignore[attr-defined]


def first_line(text: str | BaseException) -> str:
    """The first line of a text or of an error's message; "no reason given" for an empty one."""
    return (str(text).strip() or "no reason given").splitlines()[0]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _number(error: BaseException) -> int | None:
    """The number of a fault of the machine; None for other errors."""
    if isinstance(error, OSError) and error.errno in WAYS_OUT:
        return error.errno
    return next((number for number, signs in SIGNS.items() if any(sign in str(error) for sign in signs)), None)


def _file_of(chain: list[BaseException]) -> str | None:
    names = (getattr(error, "filename", None) for error in chain)
    return next((os.fsdecode(name) for name in names if isinstance(name, str | bytes)), None)
