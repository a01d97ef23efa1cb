"""What every job does around its stage: log to a file, follow on the terminal, fail in one line."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from orbitile.errors import OrbitileError


@contextmanager
def logged(path: str) -> Iterator[None]:
    """Send the library's log to a file and the terminal; end the job on an OrbitileError."""
    to_file, to_terminal = logging.FileHandler(path, mode="w"), logging.StreamHandler()
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    to_terminal.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("orbitile")
    log.setLevel(logging.INFO)
    log.handlers = [to_file, to_terminal]
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers = [to_file]
    try:
        yield
    except OrbitileError as error:
        log.error("%s", error)
        raise SystemExit(1) from None
    except Exception:
        log.exception("unexpected error, please report it with this log: %s", path)
        raise SystemExit(1) from None
