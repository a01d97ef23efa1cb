"""What every job does around its stage: lock, log, follow, record, and fail in one line."""

import logging
import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.jobs.failures import write_failures
from orbitile.jobs.lock import held
from orbitile.jobs.pieces import Failure, StopError, Work
from orbitile.jobs.place import Place
from orbitile.jobs.records import DONE, FAILED, STOPPED, Recorder

log = logging.getLogger(__name__)

TERMINATED = 128 + signal.SIGTERM


@contextmanager
def job(log_path: str, threads: int = 1, allow_failures: bool = False) -> Iterator[Work]:
    """Do a job's work under its lock, with its log, its record and its failures kept.

    The place of the log says which job it is (see orbitile.jobs.place). Ends the process with 1 on
    an error, and with 143 when SIGTERM told it to end.
    """
    place = Place.of_log(log_path)
    with _logged(log_path), _told(log_path), held(place.lock):
        recorder = Recorder(place.record, threads)
        work = Work(allow_failures, recorder.tell)
        previous = signal.signal(signal.SIGTERM, lambda number, frame: _stop(recorder, work))
        try:
            yield work
            recorder.end(DONE)
            write_failures(place, work.failures, excluded=True)
        except StopError as stop:
            recorder.end(STOPPED, str(stop))
            raise
        except KeyboardInterrupt:
            recorder.end(STOPPED, "interrupted")
            raise
        except Exception as error:
            _keep(place, recorder, work, error)
            raise
        finally:
            signal.signal(signal.SIGTERM, previous)


def _stop(recorder: Recorder, work: Work) -> None:
    """Tell a job to stop; kept at once, since what it has at hand may take longer than the time it is left."""
    with suppress(OSError):
        recorder.end(STOPPED, "killed before what it had at hand was done")
    work.stop()


def _keep(place: Place, recorder: Recorder, work: Work, error: Exception) -> None:
    """Keep why a job failed, as far as the disk still takes it."""
    whole = Failure.of(error)
    with suppress(OSError):
        recorder.end(FAILED, whole.reason)
        write_failures(place, work.failures or [whole], excluded=False)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Turn errors into lines of the log and an exit code."""
    try:
        yield
    except StopError as stop:
        log.warning("told to stop: %s", stop)
        raise SystemExit(TERMINATED) from None
    except OrbitileError as error:
        log.error("%s", error)
        raise SystemExit(1) from None
    except OSError as error:
        log.error("%s: %s", error.filename or "a file", error.strerror or error)
        log.debug("%s", traceback.format_exc())
        raise SystemExit(1) from None
    except Exception:
        log.exception("unexpected error, please report it with this log: %s", path)
        raise SystemExit(1) from None


@contextmanager
def _logged(path: str) -> Iterator[None]:
    """Send the library's log to a file, with tracebacks, and to the terminal."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    to_file, to_terminal = logging.FileHandler(path), logging.StreamHandler()
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    to_terminal.setFormatter(logging.Formatter("%(message)s"))
    to_terminal.setLevel(logging.INFO)
    library = logging.getLogger("orbitile")
    library.setLevel(logging.DEBUG)
    library.handlers = [to_file, to_terminal]
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers = [to_file]
    log.debug(
        "process %d on %s, Slurm job %s", os.getpid(), os.uname().nodename, os.environ.get("SLURM_JOB_ID", "none")
    )
    yield
