"""Running the programs of ISIS one after another, each told about when it fails and ended when the job is."""

import logging
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.isis.sequences import Step

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
GRACE_SECONDS = 5
"""How long a program may take to end by itself when it is told to."""
ERROR_LINE = re.compile(r"\*\*[A-Z/ ]*ERROR\*\*")
"""ISIS writes errors as "**USER ERROR** ...", the cause below what it led to."""
_PROGRESS = re.compile(r"\d+% Processed")


def run_sequence(source: str, steps: Sequence[Step], folder: Path, go_on: Callable[[], None] = lambda: None) -> Path:
    """Run steps of ISIS in `folder`, and return the cube that the last of them wrote there.

    What the programs say goes to the log. Cubes are removed once the next program has made its own of them: a strip
    is a gigabyte each time. OrbitileError that names `source` (the image as the user knows it), the program and
    ISIS's own reason where one fails; whatever `go_on` raises, which is asked several times a second, after the
    program that runs has been ended.
    """
    cube = None
    for step in steps:
        _run(source, step, folder, go_on)
        if step.output:
            if cube:
                (folder / cube).unlink()
            cube = step.output
    if cube is None:
        raise ValueError("no step writes a cube")
    return folder / cube


def _run(source: str, step: Step, folder: Path, go_on: Callable[[], None]) -> None:
    log.info("%s: %s", source, step)
    said = folder / f"{step.program}.txt"
    with said.open("wb") as out, _started(step, folder, out.fileno()) as process:
        code = _finished(process, go_on)
    lines = _lines(said)
    for line in lines:
        log.debug("%s: %s", step.program, line)
    if code != 0:
        raise OrbitileError(f"{source}: ISIS's {step.program} {_end_of(code)}: {_reason(lines)} (more in the log)")
    if step.output and not (folder / step.output).is_file():
        raise OrbitileError(f"{source}: ISIS's {step.program} wrote no cube, without an error: {_reason(lines)}")


@contextmanager
def _started(step: Step, folder: Path, out: int) -> Iterator[subprocess.Popen]:
    """A running program, which ends with the block; with a session of its own, so that what it starts ends too."""
    program = shutil.which(step.program)
    if program is None:
        raise OrbitileError(f"ISIS: {step.program} not found on the PATH; activate ISIS's conda environment")
    process = subprocess.Popen(
        # The path is found here, because relative ones on the PATH mean another folder there.
        [step.program, *step.arguments], executable=Path(program).absolute(), cwd=folder, stdin=subprocess.DEVNULL,
        stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        _end(process)


def _finished(process: subprocess.Popen, go_on: Callable[[], None]) -> int:
    while True:
        try:
            return process.wait(timeout=POLL_SECONDS)
        except subprocess.TimeoutExpired:
            go_on()


def _end(process: subprocess.Popen) -> None:
    """End a program that still runs, and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE_SECONDS)


def _lines(said: Path) -> list[str]:
    """What a program said, line by line, without its counting up to 100 %."""
    text = said.read_bytes().decode("utf-8", errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip() and not _PROGRESS.search(line)]


def _reason(lines: list[str]) -> str:
    """The last error in what a program said, which is the cause of those above it; else its last line."""
    errors = [line for line in lines if ERROR_LINE.search(line)]
    return [*lines, *errors][-1] if lines else "it said nothing"


def _end_of(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    return f"was killed ({signal.Signals(-code).name}; often for want of memory)"
