"""Run the programs of ISIS one after another: their output is logged, their failures named, and a job can stop them."""

import logging
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.isis.sequences import IsisStep

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""Time between two checks of a running program."""
GRACE_SECONDS = 5
"""Time in which a program may end by itself after SIGTERM, before it is killed."""
ERROR_LINE = re.compile(r"\*\*[A-Z/ ]*ERROR\*\*")
"""ISIS writes errors as "**USER ERROR** ...", the cause below its consequence."""
_PROGRESS = re.compile(r"\d+% Processed")


def run_sequence(
    source: str, steps: Sequence[IsisStep], folder: Path, check_stop: Callable[[], None] = lambda: None
) -> Path:
    """Run steps of ISIS in `folder`, and return the cube that the last of them wrote there.

    The programs' output goes to the log. A cube is removed once the next program has made its own from it: a strip is
    a gigabyte each time. `check_stop` is called several times a second; where it raises, the program that runs is
    ended, and the exception goes on. OrbitileError with `source` (the image as the user named it), the program and
    ISIS's own reason where a program fails.
    """
    cube = None
    for step in steps:
        _run(source, step, folder, check_stop)
        if step.output:
            if cube:
                (folder / cube).unlink()
            cube = step.output
    if cube is None:
        raise ValueError("no step writes a cube")
    return folder / cube


def _run(source: str, step: IsisStep, folder: Path, check_stop: Callable[[], None]) -> None:
    log.info("%s: %s", source, step)
    output = folder / f"{step.program}.txt"
    with output.open("wb") as sink, _started(step, folder, sink.fileno()) as process:
        code = _wait(process, check_stop)
    lines = _output_lines(output)
    for line in lines:
        log.debug("%s: %s", step.program, line)
    if code != 0:
        raise OrbitileError(
            f"{source}: ISIS's {step.program} {_describe_exit(code)}: {_reason(lines)} (more in the log)"
        )
    if step.output and not (folder / step.output).is_file():
        raise OrbitileError(
            f"{source}: ISIS's {step.program} reported no error but wrote no cube: {_reason(lines)} (more in the log)"
        )


@contextmanager
def _started(step: IsisStep, folder: Path, output: int) -> Iterator[subprocess.Popen]:
    """A running program, which ends with the block; in a session of its own, so that its children end too."""
    program = shutil.which(step.program)
    if program is None:
        raise OrbitileError(f"ISIS: {step.program} not found on the PATH; activate ISIS's conda environment")
    process = subprocess.Popen(
        # The path is resolved here, because a relative one on the PATH means another folder there.
        [step.program, *step.arguments], executable=Path(program).absolute(), cwd=folder, stdin=subprocess.DEVNULL,
        stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        _end(process)


def _wait(process: subprocess.Popen, check_stop: Callable[[], None]) -> int:
    """The exit code of a program, as soon as it has ended."""
    while True:
        try:
            return process.wait(timeout=POLL_SECONDS)
        except subprocess.TimeoutExpired:
            check_stop()


def _end(process: subprocess.Popen) -> None:
    """End a program that still runs, and its children."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE_SECONDS)


def _output_lines(output: Path) -> list[str]:
    """A program's output line by line, without its counting up to 100 %."""
    text = output.read_bytes().decode("utf-8", errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip() and not _PROGRESS.search(line)]


def _reason(lines: list[str]) -> str:
    """The last error in a program's output, which is the cause of those above it; else its last line."""
    errors = [line for line in lines if ERROR_LINE.search(line)]
    return [*lines, *errors][-1] if lines else "it printed nothing"


def _describe_exit(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    return f"was killed ({signal.Signals(-code).name}; the usual cause is too little memory)"
