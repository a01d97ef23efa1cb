"""What every job does around its stage: lock, log, progress, record, and one line for an error."""

import logging
import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.jobs.failures import write_failures
from orbitile.jobs.lock import hold_lock
from orbitile.jobs.paths import JobPaths
from orbitile.jobs.pieces import Failure, JobWork, StopError
from orbitile.jobs.records import DONE, FAILED, STOPPED, Recorder

log = logging.getLogger(__name__)

TERMINATED = 128 + signal.SIGTERM


@contextmanager
def job(log_path: str, threads: int = 1, allow_failures: bool = False) -> Iterator[JobWork]:
    """Run a job under its lock; write its log, its record and its failures.

    The path of the log tells which job it is (see orbitile.jobs.paths). Ends the process with 1 on
    an error, and with 143 after SIGTERM.
    """
    paths = JobPaths.of_log(log_path)
    with _logging_to(log_path), _errors_as_exit_codes(log_path), hold_lock(paths.lock):
        recorder = Recorder(paths.record, threads)
        work = JobWork(allow_failures, recorder.update)
        previous = signal.signal(signal.SIGTERM, lambda number, frame: _stop(recorder, work))
        try:
            yield work
            recorder.end(DONE)
            write_failures(paths, work.failures, excluded=True)
        except StopError as stop:
            recorder.end(STOPPED, str(stop))
            raise
        except KeyboardInterrupt:
            recorder.end(STOPPED, "interrupted")
            raise
        except Exception as error:
            _record_failure(paths, recorder, work, error)
            raise
        finally:
            signal.signal(signal.SIGTERM, previous)


def _stop(recorder: Recorder, work: JobWork) -> None:
    """Stop a job; recorded at once, because its current piece may take longer than the time until SIGKILL."""
    with suppress(OSError):
        recorder.end(STOPPED, "killed before its current piece was finished")
    work.stop()


def _record_failure(paths: JobPaths, recorder: Recorder, work: JobWork, error: Exception) -> None:
    """Write why a job failed, unless the disk does not take it."""
    failure = Failure.of(error)
    with suppress(OSError):
        recorder.end(FAILED, failure.reason)
        write_failures(paths, work.failures or [failure], excluded=False)


@contextmanager
def _errors_as_exit_codes(log_path: str) -> Iterator[None]:
    """Turn errors into lines of the log and an exit code."""
    try:
        yield
    except StopError as stop:
        log.warning("stopped by SIGTERM: %s", stop)
        raise SystemExit(TERMINATED) from None
    except OrbitileError as error:
        log.error("%s", error)
        raise SystemExit(1) from None
    except OSError as error:
        log.error("%s: %s", error.filename or "a file", error.strerror or error)
        log.debug("%s", traceback.format_exc())
        raise SystemExit(1) from None
    except Exception:
        log.exception("unexpected error, please report it with this log: %s", log_path)
        raise SystemExit(1) from None


@contextmanager
def _logging_to(log_path: str) -> Iterator[None]:
    """Send the library's log to a file, with tracebacks, and to the terminal."""
    Path(log_path).parent.mkdir(parents=True, exist_ok=True)
    file_handler, terminal_handler = logging.FileHandler(log_path), logging.StreamHandler()
    file_handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    terminal_handler.setFormatter(logging.Formatter("%(message)s"))
    terminal_handler.setLevel(logging.INFO)
    library = logging.getLogger("orbitile")
    library.setLevel(logging.DEBUG)
    library.handlers = [file_handler, terminal_handler]
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers = [file_handler]
    log.debug(
        "process %d on %s, Slurm job %s", os.getpid(), os.uname().nodename, os.environ.get("SLURM_JOB_ID", "none")
    )
    yield
