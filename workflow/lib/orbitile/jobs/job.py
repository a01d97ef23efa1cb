"""What every job does around its stage: lock, log, progress, record, and one line for an error."""

import atexit
import gc
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orbitile.base.errors import OrbitileError, machine_fault, reason_of
from orbitile.jobs.failures import write_failures
from orbitile.jobs.lock import hold_lock
from orbitile.jobs.paths import JobPaths
from orbitile.jobs.pieces import Failure, JobWork, StopError
from orbitile.jobs.records import DONE, FAILED, INTERRUPTED, STOPPED, Recorder
from orbitile.jobs.reserve import write_with_reserve

log = logging.getLogger(__name__)

EXIT_CODES = {number: 128 + number for number in (signal.SIGTERM, signal.SIGINT)}
STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)

COLLECTIONS = 50_000, 2, 2
"""When Python looks for unreachable objects (gc.set_threshold): among new ones after so many of them; by default after
700, which slows imports by a tenth. Among all of them about as often as by default, for the sake of memory."""


@contextmanager
def job(log_path: str, threads: int = 1, allow_failures: bool = False) -> Iterator[JobWork]:
    """Run a job under its lock; write its log, its record and its failures.

    The path of the log tells which job it is (see orbitile.jobs.paths). Ends the process with 1 on
    an error, with 143 after SIGTERM or SIGHUP, and with 130 after Ctrl-C.
    """
    paths = JobPaths.of_log(log_path)
    gc.set_threshold(*COLLECTIONS)
    atexit.register(_spare_last_collection)
    with _errors_as_exit_codes(log_path), _beginning(paths), _logging_to(log_path), hold_lock(paths.lock):
        recorder = Recorder(paths.record, threads)
        work = JobWork(allow_failures, recorder.update)
        try:
            with _stopping_by_signals(lambda: _stop(recorder, work)):
                yield work
            recorder.end(DONE)
            write_failures(paths, work.failures, excluded=True)
        except StopError as stop:
            recorder.end(STOPPED, str(stop))
            raise
        except KeyboardInterrupt:
            recorder.end(STOPPED, INTERRUPTED)
            raise
        except Exception as error:
            _record_failure(paths, recorder, work, error)
            raise


def _spare_last_collection() -> None:
    """Keep Python from looking through all modules as it ends, for a quarter of a second and more.

    Triton's module takes what is left then for a leak, and says so in hundreds of lines.
    """
    if "triton" not in sys.modules:
        gc.freeze()


@contextmanager
def _stopping_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call a function when the process is told to end, by Slurm, by Snakemake or by a terminal that closes."""
    heeded = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, lambda number, frame: stop()) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _beginning(paths: JobPaths) -> Iterator[None]:
    """Write down why a job could not even begin: its log, its lock or its record failed."""
    try:
        yield
    except StopError:
        raise
    except Exception as error:
        if not paths.failures.is_file():
            failures = [Failure.of(error)]
            write_with_reserve(paths.results, lambda: write_failures(paths, failures, excluded=False))
        raise


def _stop(recorder: Recorder, work: JobWork) -> None:
    """Stop a job; recorded at once, because its current piece may take longer than the time until SIGKILL."""
    with suppress(OSError):
        recorder.end(STOPPED, "killed before its current piece was finished")
    work.stop()


def _record_failure(paths: JobPaths, recorder: Recorder, work: JobWork, error: Exception) -> None:
    """Write why a job failed, unless the disk does not take even that."""
    failure = Failure.of(error)
    write_with_reserve(paths.results, lambda: recorder.end(FAILED, failure.reason))
    failures = work.failures or [failure]
    write_with_reserve(paths.results, lambda: write_failures(paths, failures, excluded=False))


@contextmanager
def _errors_as_exit_codes(log_path: str) -> Iterator[None]:
    """Turn errors into lines of the log and an exit code."""
    try:
        yield
    except StopError as stop:
        log.warning("stopped by SIGTERM: %s", stop)
        raise SystemExit(EXIT_CODES[signal.SIGTERM]) from None
    except KeyboardInterrupt:
        log.warning("interrupted; what is finished is kept")
        raise SystemExit(EXIT_CODES[signal.SIGINT]) from None
    except Exception as error:
        if isinstance(error, OrbitileError) or machine_fault(error):
            log.error("%s", reason_of(error))
        else:
            log.error("unexpected error (%s), please report it with this log: %s", reason_of(error), log_path)
            log.debug("%s", traceback.format_exc())
        raise SystemExit(1) from None


class _LogFile(logging.FileHandler):
    """A log on a disk that may fill up: the terminal gets all lines, too, so that a lost one stops nothing."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Leave out a line that cannot be written."""

    def close(self) -> None:
        """Close the file without its last lines where the disk does not take them."""
        with suppress(OSError):
            super().close()


@contextmanager
def _logging_to(log_path: str) -> Iterator[None]:
    """Send the library's log to a file, with tracebacks, and to the terminal."""
    library, terminal_handler = logging.getLogger("orbitile"), logging.StreamHandler()
    library.setLevel(logging.DEBUG)
    terminal_handler.setLevel(logging.INFO)
    library.handlers = [terminal_handler]  # first, for the log's own disk may be at fault
    Path(log_path).parent.mkdir(parents=True, exist_ok=True)
    file_handler = _LogFile(log_path)
    file_handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    library.handlers = [file_handler, terminal_handler]
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers = [file_handler]
    log.debug(
        "process %d on %s, Slurm job %s", os.getpid(), os.uname().nodename, os.environ.get("SLURM_JOB_ID", "none")
    )
    yield
