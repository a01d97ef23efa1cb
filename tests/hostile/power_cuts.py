"""Runs whose power is cut at random, again and again, end with the results of an undisturbed one, byte for byte:
`python tests/hostile/power_cuts.py --help`; needs root, for a file system of its own.

The run's folder is an ext4 file system in a file. A cut is EXT4_IOC_SHUTDOWN without a flush: what was neither synced
nor written by the kernel meanwhile is lost, file by file, while names may remain. It is mounted so that it keeps no
order between content and names (data=writeback, noauto_da_alloc), as many file systems do.
"""

import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib"), str(ROOT / "tests"), str(Path(__file__).parent)]

from hostile.torn import SmallRun  # noqa: E402
from kills import (  # noqa: E402 (needs the paths)
    STARTUP_S,
    Chain,
    campaign_options,
    digests,
    disturb_chains,
    ends_within,
    working_rules,
)

EXT4_IOC_SHUTDOWN, WITHOUT_FLUSH = 0x8004587D, 2
OPTIONS = "loop,data=writeback,noauto_da_alloc,commit=1"
LONGEST_SHARE = 0.5
"""Of the undisturbed run's time, the longest until a cut."""


class NoDiskError(Exception):
    """This machine lets nobody mount a file system in a file."""


@dataclass(frozen=True)
class Disk:
    """An ext4 file system in a file, and where it is mounted."""

    image: Path
    folder: Path

    def cut_power(self) -> None:
        """Lose all that is not on the disk, and mount it again; no process may go on that has files open there."""
        self.stop()
        self.unmount()
        self.mount()

    def stop(self) -> None:
        """Lose all that is not on the disk; every access fails from now on."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(descriptor)

    def mount(self) -> None:
        _command("mount", "-o", OPTIONS, str(self.image), str(self.folder))

    def unmount(self) -> None:
        for _ in range(1200):  # processes that were killed may take a while
            with suppress(NoDiskError):
                return _command("umount", str(self.folder))
            time.sleep(0.1)
        raise NoDiskError(f"{self.folder} stays in use")


@contextmanager
def power_cut_disk(folder: Path, size_mb: int = 1024) -> Iterator[Disk]:
    """A disk whose power can be cut, below a folder; NoDiskError where this machine or user cannot have one."""
    disk = Disk(folder / "disk.img", folder / "disk")
    disk.folder.mkdir(parents=True)
    disk.image.touch()
    os.truncate(disk.image, size_mb * 2**20)
    _command("mkfs.ext4", "-q", "-F", str(disk.image))
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()
        disk.image.unlink()


def _command(*words: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoDiskError(f"{words[0]}: {getattr(error, 'stderr', None) or error}") from error


@dataclass
class SmallCuts:
    """How often the power of small runs was cut, and how many of them reached their end in between."""

    cuts: int = 0
    ends: int = 0


def cut_small_runs(folder: Path, cuts: int, seed: str) -> SmallCuts:
    """Cut the power of small runs (see hostile.torn) so many times; AssertionError where they end in other bytes."""
    moments, counts = random.Random(seed), SmallCuts()
    context = get_context("forkserver")
    context.set_forkserver_preload(["hostile.torn"])
    with power_cut_disk(folder, size_mb=64) as disk:
        _finish_small(context, disk)
        begun = time.monotonic()
        _begin_anew(disk)
        _finish_small(context, disk)
        seconds = time.monotonic() - begun
        expected = SmallRun(disk.folder).contents()
        _begin_anew(disk)
        while counts.cuts < cuts:
            process = context.Process(target=finish_small_run, args=(disk.folder,), daemon=True)
            process.start()
            process.join(moments.uniform(0, seconds))
            has_ended = process.exitcode is not None
            if has_ended:
                assert process.exitcode == 0, f"a run after a power cut failed, {counts}; see above"
            else:
                disk.stop()
                process.kill()
                counts.cuts += 1
            process.join()
            disk.unmount()
            disk.mount()
            if has_ended or counts.cuts == cuts:
                _finish_small(context, disk)
                results = SmallRun(disk.folder).contents()
                different = sorted(str(path) for path in expected | results if expected.get(path) != results.get(path))
                assert not different, f"not as undisturbed after {counts}: {different}"
                counts.ends += 1
                _begin_anew(disk)
    return counts


def finish_small_run(folder: Path) -> None:
    """Finish a small run in a process of its own."""
    SmallRun(folder).finish()


def _finish_small(context, disk: Disk) -> None:
    process = context.Process(target=finish_small_run, args=(disk.folder,), daemon=True)
    process.start()
    process.join()
    assert process.exitcode == 0, "a small run failed; see above"


def _begin_anew(disk: Disk) -> None:
    shutil.rmtree(SmallRun(disk.folder).results)
    os.sync()


def cut_run(chain: Chain, folder: Path, cuts: int, seed: str) -> list[str]:
    """Cut the power of a chain's runs so many times; AssertionError where the results differ in the end.

    Returns what ran when the power was cut.
    """
    moments, rules = random.Random(seed), []
    with power_cut_disk(folder) as disk:
        project = chain.make(disk.folder / "run")
        begun = time.monotonic()
        _finish(project, chain)
        seconds = time.monotonic() - begun
        expected = digests(project.result("."))
        shutil.copytree(project.result("."), folder / "expected")
        print(f"  undisturbed: {seconds:.0f} s, {len(expected)} files", flush=True)
        while len(rules) < cuts:
            for name in ("results", ".snakemake"):
                shutil.rmtree(project.folder / name, ignore_errors=True)
            _command("sync")
            while len(rules) < cuts:
                at_work = _cut(project, chain, disk, STARTUP_S + moments.uniform(0, LONGEST_SHARE * seconds))
                if at_work is None:
                    break
                rules.append(at_work)
                print(f"  cut {len(rules)}: {at_work}", flush=True)
            _finish(project, chain)
            results = digests(project.result("."))
            different = sorted(name for name in expected | results if expected.get(name) != results.get(name))
            if different:
                shutil.copytree(project.folder, folder / "different")
            assert not different, f"not as undisturbed: {different}"
    return rules


def _finish(project, chain: Chain) -> None:
    done = project.run(*chain.targets)
    if done.returncode:
        shutil.copytree(project.folder, project.folder.parents[1] / "failed")
    assert done.returncode == 0, done.stderr[-5000:]


def _cut(project, chain: Chain, disk: Disk, seconds: float) -> str | None:
    """Cut the power after some seconds of a run; None where it had ended before, else what was at work."""
    log = disk.folder.parent / "driver.log"
    with log.open("ab") as sink:
        running = subprocess.Popen(
            project.command(*chain.targets), stdout=sink, stderr=sink, start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    if ends_within(seconds, running, log):
        return None
    rules = working_rules(project.result("jobs")) or ["snakemake"]
    disk.stop()
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    disk.unmount()
    disk.mount()
    return ", ".join(rules)


def main() -> int:
    """Cut the power of all chains, each its share; 1 where the results of one differ."""
    options = campaign_options(__doc__, "cuts", 50, ["detection", "mapping"])

    def cut_chain(chain: Chain, name: str, cuts: int, seed: str) -> str:
        cut_run(chain, options.folder / name, cuts, seed)
        return f"{cuts} power cuts, the same results to the byte"

    return disturb_chains(options.count, options.seed, options.chains, cut_chain)


if __name__ == "__main__":
    sys.exit(main())
