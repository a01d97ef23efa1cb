"""A campaign of bad inputs against the library, each in a watched process: `python tests/hostile/campaign.py --help`.

A kind of input is a module beside this one with a function `check(random, folder) -> str`: it makes one input in the
folder, hands it to the library, and returns "refused" or "accepted"; AssertionError where the library is silently
wrong. Whatever else it raises is a traceback that a user would have seen.
"""

import argparse
import importlib
import random
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib"), str(ROOT / "tests")]

from hostile.watch import Watch, forbid_sockets, limit_memory, under_strace  # noqa: E402 (needs the paths above)

KINDS = ("settings_files", "tables", "headers", "pixels", "vectors", "strangers", "weights_files")
ENDINGS = ("refused", "accepted")
FAULTS = ("wrong", "traceback", "hang", "crash", "socket")
TIME_LIMIT_S = 20
START_LIMIT_S = 120
"""What the first input of a process has more, for imports of all kinds."""
RESTART_AFTER = 1000
"""Inputs after which a process is replaced, so that what the library may leak does not add up."""


@dataclass(frozen=True)
class Input:
    """The n-th input of a kind in a campaign with a seed."""

    kind: str
    number: int
    seed: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}"

    @property
    def random(self) -> random.Random:
        return random.Random(f"{self.seed}:{self}")


@dataclass(frozen=True)
class Outcome:
    """How an input ended: refused, accepted or one of FAULTS, and what there is to say about it."""

    input: Input
    ending: str
    text: str = ""


def check_input(case: Input, base: Path) -> Outcome:
    """Make one input and hand it to the library, in a folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"{case.kind}-{case.number}-", dir=base))
    watch = Watch.begin(folder)
    try:
        ending = importlib.import_module(f"hostile.{case.kind}").check(case.random, folder)
        sockets = watch.sockets()
        return Outcome(case, "socket", sockets[0]) if sockets else Outcome(case, ending)
    except AssertionError as error:
        return Outcome(case, "wrong", str(error) or traceback.format_exc())
    except BaseException:
        return Outcome(case, "traceback", traceback.format_exc())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def work(connection: Connection, base: Path, kinds: Sequence[str]) -> None:
    """Check inputs of some kinds until there are no more of them."""
    for kind in kinds:
        importlib.import_module(f"hostile.{kind}")
    forbid_sockets()
    limit_memory()
    while (case := connection.recv()) is not None:
        connection.send(check_input(case, base))


class Worker:
    """A watched process that checks one input after another."""

    def __init__(self, base: Path, kinds: Sequence[str]) -> None:
        self._base, self._kinds = base, kinds
        self._start()

    def _start(self) -> None:
        context = get_context("spawn")
        self.connection, child = context.Pipe()
        self._process = context.Process(target=work, args=(child, self._base, self._kinds), daemon=True)
        self._process.start()
        child.close()
        self._checked = 0
        self.case: Input | None = None

    def give(self, case: Input) -> None:
        if self._checked >= RESTART_AFTER:
            self.end()
            self._start()
        self.deadline = time.monotonic() + TIME_LIMIT_S + (0 if self._checked else START_LIMIT_S)
        self.case = case
        self.connection.send(case)

    def outcome(self) -> Outcome:
        """The outcome of its input, once there is one; of a process that died, a crash."""
        case, self.case = self.case, None
        assert case is not None
        self._checked += 1
        try:
            return self.connection.recv()
        except EOFError:
            self._process.join()
            ending = f"the process ended with {self._process.exitcode}"
            self._start()
            return Outcome(case, "crash", ending)

    def kill(self) -> Outcome:
        """End a process that hangs, and start another."""
        case = self.case
        assert case is not None
        self._process.kill()
        self._process.join()
        self._start()
        return Outcome(case, "hang", f"no answer after {TIME_LIMIT_S} s")

    def end(self) -> None:
        self.connection.send(None)
        self._process.join(TIME_LIMIT_S)
        self._process.kill()


def outcomes(cases: list[Input], workers: int, base: Path) -> Iterator[Outcome]:
    """The outcomes of inputs, in the order in which they end."""
    kinds = sorted({case.kind for case in cases})
    pool = [Worker(base, kinds) for _ in range(min(workers, len(cases)))]
    remaining = iter(cases)
    for worker in pool:
        worker.give(next(remaining))
    busy = pool.copy()
    while busy:
        ready = wait([worker.connection for worker in busy], timeout=0.5)
        late = [worker for worker in busy if worker.connection not in ready and time.monotonic() > worker.deadline]
        for worker in [worker for worker in busy if worker.connection in ready or worker in late]:
            yield worker.kill() if worker in late else worker.outcome()
            case = next(remaining, None)
            if case is None:
                busy.remove(worker)
            else:
                worker.give(case)
    for worker in pool:
        worker.end()


def shuffled_inputs(kinds: list[str], count: int, seed: str) -> list[Input]:
    """As many inputs of each kind, in an order that mixes them."""
    cases = [Input(kinds[number % len(kinds)], number // len(kinds), seed) for number in range(count)]
    random.Random(seed).shuffle(cases)
    return cases


def report(results: list[Outcome], seconds: float) -> str:
    """A table of the endings of each kind."""
    columns = [*ENDINGS, *FAULTS]
    lines = [f"{'':16}{'inputs':>8}" + "".join(f"{column:>11}" for column in columns)]
    for kind in [*sorted({outcome.input.kind for outcome in results}), "all"]:
        of_kind = [outcome for outcome in results if kind in (outcome.input.kind, "all")]
        counts = Counter(outcome.ending for outcome in of_kind)
        lines.append(f"{kind:16}{len(of_kind):8}" + "".join(f"{counts[column]:11}" for column in columns))
    return "\n".join([*lines, f"{seconds:.0f} s"])


def run(cases: list[Input], workers: int, stop_at: float) -> tuple[list[Outcome], list[Outcome]]:
    """Check inputs until `stop_at` (time.monotonic()); all outcomes, and those that are faults."""
    results: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="hostile-") as base:
        for outcome in outcomes(cases, workers, Path(base)):
            results.append(outcome)
            if outcome.ending in FAULTS:
                print(f"{outcome.ending.upper()} {outcome.input}: {outcome.text}", flush=True)
            if time.monotonic() > stop_at:
                print(f"stopped by the time limit after {len(results)} of {len(cases)} inputs", flush=True)
                break
    return results, [outcome for outcome in results if outcome.ending in FAULTS]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--seed", default=secrets.token_hex(4), help="of a campaign that is to be repeated")
    parser.add_argument("--only", help="one input of the campaign, such as headers:17")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60, help="time limit")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    cases = shuffled_inputs(options.kinds, options.inputs, options.seed)
    if options.only:
        kind, number = options.only.split(":")
        cases = [Input(kind, int(number), options.seed)]
    start = time.monotonic()
    results, faults = run(cases, options.workers, start + options.minutes * 60)
    print(report(results, time.monotonic() - start))
    return 1 if faults or not results else 0


if __name__ == "__main__":
    sys.exit(under_strace(main, sys.argv[1:]))
