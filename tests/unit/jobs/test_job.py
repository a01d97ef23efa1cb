import errno
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from waiting import wait_until

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.jobs import job as module
from orbitile.jobs.job import job
from orbitile.jobs.lock import lock_holder
from orbitile.jobs.paths import WHOLE_RUN, JobPaths, recorded_jobs
from orbitile.jobs.pieces import JobProgress, Piece, read_exclusions
from orbitile.jobs.records import DONE, FAILED, LOST, RUNNING, STOPPED, Recorder, read_attempts
from orbitile.jobs.reserve import keep_reserve
from orbitile.tables.detections import TILE_DETECTIONS
from orbitile.tables.parquet import read_pieces, read_table, write_table

LIBRARY = Path(module.__file__).parents[2]

SLOW = """
import sys, time
from pathlib import Path
from orbitile.jobs.job import job
from orbitile.jobs.pieces import Piece
log, folder, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])

def make(piece):
    (folder / f"{piece.scene}.begun").touch()
    time.sleep(seconds)
    piece.path.touch()

with job(log, threads=3) as work:
    work.make_pieces([Piece(str(i), folder / str(i)) for i in range(5)], make)
    (folder / "out").touch()
"""


@pytest.fixture
def paths(tmp_path):
    return JobPaths(tmp_path, "tile", "a")


@pytest.fixture
def attempt(paths, tmp_path):
    """One attempt at a made-up job with pieces named by letters, of which the given ones fail."""

    def run(letters, failing="", error=None, **options):
        def make(piece):
            if piece.scene in failing:
                raise OrbitileError(f"{piece.scene}.tif: made up")
            piece.path.touch()

        with job(str(paths.log), **options) as work:
            work.make_pieces([Piece(letter, tmp_path / letter, "100 m/px", 5) for letter in letters], make, "tiles")
            if error is not None:
                raise error
            write_table(
                read_pieces([], TILE_DETECTIONS), TILE_DETECTIONS, tmp_path / "out.parquet", work.table_metadata
            )

    return run


@pytest.fixture
def slow(tmp_path, paths):
    """Starts a made-up job of five pieces, each of some seconds, in a process of its process_usage."""
    with ExitStack() as stack:

        def start(piece_s=0.1):
            command = [sys.executable, "-c", SLOW, str(paths.log), str(tmp_path), str(piece_s)]
            environment = os.environ | dict(PYTHONPATH=str(LIBRARY))
            # Tests may run under nohup, and what it ignores is inherited.
            process = subprocess.Popen(
                ["env", "--default-signal=HUP", *command], env=environment, stderr=subprocess.PIPE, text=True
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield start


def states(paths):
    return [attempt.state for attempt in read_attempts(paths.record)]


def test_the_log_goes_to_file_and_terminal(tmp_path, capfd):
    with job(str(tmp_path / "logs" / "train.log")):
        logging.getLogger("orbitile.stages").info("3 tiles")
        logging.getLogger("elsewhere").info("noise")
    assert (tmp_path / "logs" / "train.log").read_text().endswith("INFO orbitile.stages: 3 tiles\n")
    assert capfd.readouterr().err == "3 tiles\n"


def test_the_log_names_the_process(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "99")
    with job(str(tmp_path / "logs" / "train.log")):
        pass
    text = (tmp_path / "logs" / "train.log").read_text()
    assert f"process {os.getpid()} on {os.uname().nodename}, Slurm job 99" in text


def test_a_fault_of_the_user_is_one_line(tmp_path, capfd):
    with pytest.raises(SystemExit) as end, job(str(tmp_path / "logs" / "train.log")):
        raise OrbitileError("scenes: none")
    assert end.value.code == 1
    assert capfd.readouterr().err == "scenes: none\n"
    assert (tmp_path / "logs" / "train.log").read_text().splitlines()[1:] == [
        (tmp_path / "logs" / "train.log").read_text().splitlines()[-1]
    ]


def test_a_fault_of_ours_comes_with_its_trace(tmp_path):
    with pytest.raises(SystemExit) as end, job(str(tmp_path / "logs" / "train.log")):
        raise ZeroDivisionError("made up")
    assert end.value.code == 1
    text = (tmp_path / "logs" / "train.log").read_text()
    assert "please report it with this log" in text
    assert "ZeroDivisionError: made up" in text


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left", "a.parquet"), "a.parquet: the disk has no room or no inodes left"),
        (OSError(errno.ENOSPC, "No space left"), "No space left: the disk has no room or no inodes left"),
        (OSError(errno.EDQUOT, "Quota", "a.tif"), "a.tif: your disk quota is used up"),
        (OSError(errno.EROFS, "Read-only", "a.tif"), "a.tif: the file system is read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "a.tif"), "a.tif: permission denied; change"),
        (MemoryError(), "MemoryError: out of memory; give the job more"),
        (BrokenProcessPool("A process in the process pool was terminated abruptly"), "a process that worked"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "a process that worked"),
    ],
)
def test_a_fault_of_the_machine_is_one_line_with_the_way_out(attempt, paths, capfd, error, line):
    with pytest.raises(SystemExit) as end:
        attempt("a", error=error)
    assert end.value.code == 1
    terminal = capfd.readouterr().err
    assert terminal.startswith(line)
    assert terminal.count("\n") == 1
    assert "Traceback" not in paths.log.read_text()
    (row,) = read_table(paths.failures).to_dict("records")
    assert row["reason"].startswith(line)
    assert row["traceback"].startswith("Traceback")


def test_a_fault_of_ours_is_one_line_on_the_terminal(attempt, paths, capfd):
    with pytest.raises(SystemExit):
        attempt("a", error=OSError("made up"))
    expected = f"unexpected error (OSError: made up), please report it with this log: {paths.log}\n"
    assert capfd.readouterr().err == expected
    assert "Traceback" in paths.log.read_text()


def test_an_interruption_is_one_line(paths, capfd):
    with pytest.raises(SystemExit) as end, job(str(paths.log)):
        raise KeyboardInterrupt
    assert end.value.code == 130
    assert states(paths) == [STOPPED]
    assert capfd.readouterr().err == "interrupted; what is finished is kept\n"


def test_a_second_attempt_adds_to_the_log(tmp_path):
    """The log of the attempt that failed is what one looks for after the next."""
    path = tmp_path / "logs" / "train.log"
    path.parent.mkdir()
    for word in ("first", "second"):
        with job(str(path)):
            logging.getLogger("orbitile").info(word)
    assert path.read_text().index("first") < path.read_text().index("second")


@pytest.mark.parametrize(
    ("log", "rule", "group"),
    [
        ("results/r/logs/tile/a.log", "tile", "a"),
        ("results/r/logs/tile/a.b.log", "tile", "a.b"),
        ("results/r/logs/annotate/run.log", "annotate", "run"),
        ("results/r/logs/train.log", "train", WHOLE_RUN),
    ],
)
def test_a_job_s_place_is_told_by_its_log(log, rule, group):
    paths = JobPaths.of_log(log)
    assert (paths.results, paths.rule, paths.group) == (Path("results/r"), rule, group)
    assert paths.log == Path(log)


def test_places_that_differ_share_nothing():
    """A made-up group called run is not the whole run."""
    group_job, run_job = JobPaths.of_log("results/r/logs/tile/run.log"), JobPaths.of_log("results/r/logs/tile.log")
    assert not {group_job.log, group_job.lock, group_job.record, group_job.failures} & {
        run_job.log,
        run_job.lock,
        run_job.record,
        run_job.failures,
    }


def test_places_are_found_by_their_records(tmp_path):
    for log in ("logs/tile/a.b.log", "logs/tile/c.log", "logs/train.log"):
        with job(str(tmp_path / log)):
            pass
    assert [(paths.rule, paths.group) for paths in recorded_jobs(tmp_path)] == [
        ("tile", "a.b"),
        ("tile", "c"),
        ("train", WHOLE_RUN),
    ]


def test_a_job_holds_its_lock(paths):
    with job(str(paths.log)):
        assert lock_holder(paths.lock).pid == os.getpid()
        assert states(paths) == [RUNNING]
    assert not paths.lock.exists()


def test_the_record_tells_what_a_job_did(attempt, paths, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "99")
    attempt("ab", threads=3)
    (recorded,) = read_attempts(paths.record)
    assert (recorded.state, recorded.reason, recorded.threads, recorded.slurm_job) == (DONE, "", 3, "99")
    assert recorded.host == os.uname().nodename
    assert recorded.started < recorded.ended <= time.time()
    assert recorded.progress == JobProgress("tiles", pieces=2, pieces_done=2, size=10, size_done=10)


def test_the_record_tells_what_a_job_used(attempt, paths):
    attempt("a")
    (recorded,) = read_attempts(paths.record)
    process_usage, children = (resource.getrusage(scope) for scope in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    assert 0 < recorded.memory_mb <= process_usage.ru_maxrss * 1024 / 1e6 * 1.05
    cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in (process_usage, children))
    assert 0 < recorded.cpu_s <= cpu_s + 0.01
    assert (recorded.gpu_memory_mb, recorded.gpu_percent) == (None, None)


def test_a_job_is_not_charged_with_the_memory_of_the_process_that_started_it(tmp_path):
    ballast = b"1" * 400_000_000
    record = tmp_path / "record.json"
    code = f"from pathlib import Path; from orbitile.jobs.records import Recorder; Recorder(Path({str(record)!r}), 1)"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(LIBRARY)})
    (recorded,) = read_attempts(record)
    assert 10 < recorded.memory_mb < len(ballast) / 1e6


@pytest.mark.parametrize("module_name", ["numpy", "triton._C.libtriton"])
def test_a_job_ends_without_a_word(paths, module_name):
    """Triton, where PyTorch brings it along, counts what is left of its objects."""
    pytest.importorskip(module_name)
    code = f"from orbitile.jobs.job import job\nwith job({str(paths.log)!r}):\n    import {module_name}"
    environment = os.environ | {"PYTHONPATH": str(LIBRARY)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_attempts_follow_one_another(attempt, paths):
    with pytest.raises(SystemExit):
        attempt("ax", failing="x")
    with pytest.raises(SystemExit):
        attempt("ax", error=KeyboardInterrupt())
    attempt("axb")
    assert states(paths) == [FAILED, STOPPED, DONE]
    first, _, last = read_attempts(paths.record)
    assert first.reason == "1 of 2 pieces failed, the others are kept; first: scene x: x.tif: made up"
    assert (first.progress.pieces_failed, last.progress.pieces_before, last.progress.pieces_done) == (1, 2, 1)


def test_no_record_means_no_attempts(paths):
    assert read_attempts(paths.record) == []


@pytest.mark.parametrize("content", ["", "made up", "{}", "[1]", '[{"state": "done"}]', '[{"progress": {}, "new": 1}]'])
def test_a_record_that_cannot_be_read_stops_no_job(paths, attempt, content):
    """A machine that failed may leave an empty file, another version of the library one with other fields."""
    paths.record.parent.mkdir(parents=True)
    paths.record.write_text(content)
    attempt("a")
    assert states(paths)[-1] == DONE


class BusyGpu:
    """A made-up GPU whose driver tells no utilisation, as in parts of one (MIG) and in some containers."""

    def is_initialized(self):
        return True

    def utilization(self):
        raise RuntimeError("Not Supported")

    def max_memory_reserved(self):
        return 5_000_000


def test_a_gpu_that_tells_nothing_stops_no_job(paths, monkeypatch):
    torch = type("torch", (), dict(cuda=BusyGpu()))
    monkeypatch.setitem(sys.modules, "torch", torch)
    Recorder(paths.record, 1).end(DONE)
    (recorded,) = read_attempts(paths.record)
    assert recorded.gpu_memory_mb == 5


@pytest.mark.parametrize("torch", [object(), type("torch", (), dict(cuda=object()))])
def test_a_job_that_ends_while_it_imports_torch_is_on_record(paths, monkeypatch, torch):
    """A module that is being imported lacks its parts."""
    monkeypatch.setitem(sys.modules, "torch", torch)
    Recorder(paths.record, 1).end(STOPPED)
    assert states(paths) == [STOPPED]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_that_end_a_job_are_on_record(slow, paths, tmp_path, number):
    process = slow(piece_s=1)
    wait_until((tmp_path / "1.begun").exists)
    process.send_signal(number)
    assert process.wait(20) == 143
    assert states(paths) == [STOPPED]
    assert not paths.lock.exists()


def test_failures_are_kept_until_the_job_succeeds(attempt, paths):
    with pytest.raises(SystemExit):
        attempt("axy", failing="xy")
    table = read_table(paths.failures)
    assert table["scene"].tolist() == ["x", "y"]
    assert (table["detail"] == "100 m/px").all()
    assert table["reason"].tolist() == ["x.tif: made up", "y.tif: made up"]
    assert (table["rule"] + table["group"] + table["log"]).tolist() == [f"tilea{paths.log}"] * 2
    assert table["traceback"].str.startswith("Traceback").all()
    assert not table["excluded"].any()
    attempt("axy")
    assert not paths.failures.exists()


def test_a_job_that_fails_as_a_whole_is_kept_too(attempt, paths):
    with pytest.raises(SystemExit):
        attempt("a", error=ZeroDivisionError("made up"))
    (row,) = read_table(paths.failures).to_dict("records")
    assert (row["scene"], row["detail"], row["reason"]) == ("", "", "ZeroDivisionError: made up")
    assert "ZeroDivisionError: made up" in row["traceback"]


def test_allowed_failures_are_exclusions(attempt, paths, tmp_path):
    attempt("ax", failing="x", allow_failures=True)
    table = read_table(paths.failures)
    assert (table["scene"].tolist(), table["excluded"].tolist()) == (["x"], [True])
    assert read_exclusions([tmp_path / "out.parquet"]) == [dict(scene="x", detail="100 m/px", reason="x.tif: made up")]
    assert states(paths) == [DONE]


def test_sigterm_ends_a_job_after_its_piece(slow, paths, tmp_path):
    process = slow(piece_s=1)
    wait_until((tmp_path / "1.begun").exists)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 143
    assert error == "stopped by SIGTERM: 2 of 5 pieces finished and kept\n"
    made = sorted(path.name for path in tmp_path.iterdir() if path.is_file() and path.suffix != ".seal")
    assert made == ["0", "0.begun", "1", "1.begun"]
    (recorded,) = read_attempts(paths.record)
    assert (recorded.state, recorded.reason, recorded.threads) == (STOPPED, "2 of 5 pieces finished and kept", 3)
    assert not paths.lock.exists()
    assert not paths.failures.exists()


def test_sigterm_twice_leaves_the_piece_its_time_too(slow, paths, tmp_path):
    process = slow(piece_s=1)
    wait_until((tmp_path / "1.begun").exists)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    assert (tmp_path / "1").exists()
    assert not (tmp_path / "2.begun").exists()
    assert states(paths) == [STOPPED]


def test_a_job_killed_soon_after_sigterm_was_told_to_stop(slow, paths, tmp_path):
    """As Slurm does where a piece takes longer than KillWait."""
    process = slow(piece_s=60)
    wait_until((tmp_path / "0.begun").exists)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: states(paths) == [STOPPED])
    process.kill()
    process.wait()
    assert read_attempts(paths.record)[-1].reason == "killed before its current piece was finished"
    assert not (tmp_path / "0").exists()


def test_a_job_that_was_stopped_goes_on(slow, paths, tmp_path):
    process = slow(piece_s=1)
    wait_until((tmp_path / "1.begun").exists)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    process = slow()
    _, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (0, "2 of 5 pieces already done\n")
    assert (tmp_path / "out").exists()
    assert states(paths) == [STOPPED, DONE]


def test_a_killed_job_is_lost_and_another_goes_on(slow, paths, tmp_path):
    process = slow(piece_s=1)
    wait_until((tmp_path / "1.begun").exists)
    process.kill()
    process.wait()
    assert states(paths) == [RUNNING]
    assert lock_holder(paths.lock).pid == process.pid
    process = slow()
    _, error = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "taking over from process" in error
    assert error.endswith("1 of 5 pieces already done\n")
    assert states(paths) == [LOST, DONE]


def test_a_second_job_waits_for_the_first(slow, paths, tmp_path):
    first = slow()
    wait_until((tmp_path / "0.begun").exists)
    first.send_signal(signal.SIGSTOP)
    second = slow()
    wait_until(lambda: "waiting for" in paths.log.read_text())
    first.send_signal(signal.SIGCONT)
    assert first.communicate(timeout=20)[1] == ""
    error = second.communicate(timeout=20)[1]
    assert (first.returncode, second.returncode) == (0, 0)
    assert error.startswith(f"waiting for process {first.pid}")
    assert error.endswith("5 of 5 pieces already done\n")
    assert states(paths) == [DONE, DONE]


@pytest.fixture
def disk(tmp_path):
    """Makes a made-up disk with tmpfs(5)'s options."""
    with ExitStack() as stack:

        def mount(options):
            folder = tmp_path / "disk"
            folder.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
            if os.getuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
                pytest.skip("mounting a file system is not permitted here")
            stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
            return folder

        yield mount


@pytest.fixture
def small_disk(disk):
    """A made-up disk of 64 kB."""
    return disk("size=64k")


def exhaust(folder):
    """Fill a disk until it has no room left, nor inodes if these are few."""
    with suppress(OSError):
        fill(folder)
    with suppress(OSError):
        for number in range(100):
            (folder / f"empty{number}").touch()


def fill(folder):
    """Write until the disk is full: raises OSError."""
    with open(folder / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1024))


def test_a_full_disk_is_one_line(small_disk, capfd):
    with pytest.raises(SystemExit) as end, job(str(small_disk / "logs" / "tile" / "a.log")):
        fill(small_disk)
    assert end.value.code == 1
    assert capfd.readouterr().err.startswith("No space left on device: the disk has no room or no inodes left")


def test_a_job_on_a_full_disk_does_not_begin(small_disk, capfd):
    with pytest.raises(OSError, match="No space left"):
        fill(small_disk)
    with pytest.raises(SystemExit) as end, job(str(small_disk / "logs" / "tile" / "a.log")):
        pytest.fail("must not begin")
    assert end.value.code == 1
    terminal = capfd.readouterr().err
    assert "the disk has no room or no inodes left" in terminal
    assert terminal.count("\n") == 1
    assert [path.name for path in (small_disk / "jobs").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("options", ["size=1m", "size=1m,nr_inodes=48"])
def test_what_failed_is_on_record_on_a_full_disk(disk, capfd, begun, options):
    """The run keeps a reserve for it, of bytes and of inodes."""
    folder = disk(options)
    paths = JobPaths(folder, "tile", "a")
    keep_reserve(folder)
    with pytest.raises(SystemExit) as end:
        if not begun:
            exhaust(folder)
        with job(str(paths.log)):
            exhaust(folder)
            write_json(folder / "big.json", list(range(100_000)))
    assert end.value.code == 1
    (row,) = read_table(paths.failures).to_dict("records")
    assert "the disk has no room or no inodes left" in row["reason"]
    terminal = capfd.readouterr().err
    assert terminal == row["reason"] + "\n"
    assert "Traceback" not in terminal


def test_a_reserve_is_kept_once(tmp_path):
    keep_reserve(tmp_path)
    files = [path.stat() for path in (tmp_path / "jobs" / "reserve").iterdir()]
    keep_reserve(tmp_path)
    assert files == [path.stat() for path in (tmp_path / "jobs" / "reserve").iterdir()]
    assert recorded_jobs(tmp_path) == []


def test_the_table_of_failures_is_one_file_per_job(attempt, paths, tmp_path):
    with pytest.raises(SystemExit):
        attempt("x", failing="x")
    assert paths.failures == tmp_path / "failures" / "tile" / "a.parquet"
    assert pq.read_metadata(paths.failures).num_rows == 1
    assert len(json.loads(paths.record.read_text())) == 1
