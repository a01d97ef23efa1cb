"""Locks between real processes. Other machines are made up: a lock's file says which holds it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
from waiting import wait_until

from orbitile.base.errors import OrbitileError
from orbitile.jobs import lock as module
from orbitile.jobs.driver import hold_driver_lock, refuse_while_driven
from orbitile.jobs.lock import (
    GONE_AFTER_SECONDS,
    hold_lock,
    holder_is_gone,
    live_slurm_jobs,
    lock_holder,
    slurm_has_ended,
    this_process,
)
from orbitile.jobs.paths import JobPaths
from orbitile.jobs.running import running_jobs

LIBRARY = Path(module.__file__).parents[2]

HOLD = """
import sys, time
from pathlib import Path
from orbitile.jobs.lock import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""

COUNT = """
import sys, time
from pathlib import Path
from orbitile.jobs import lock
lock.POLL_SECONDS = 0.002
path, counter, inside = (Path(name) for name in sys.argv[1:])
for _ in range(25):
    with lock.hold_lock(path):
        inside.touch(exist_ok=False)
        number = int(counter.read_text())
        time.sleep(0.001)
        counter.write_text(str(number + 1))
        inside.unlink()
"""

DRIVE = """
import sys, time
from orbitile.jobs.driver import hold_driver_lock
hold_driver_lock(sys.argv[1])
print("drives", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def python():
    """Starts Python programs that know the library; what still runs in the end is killed."""
    with ExitStack() as stack:

        def start(program, *arguments):
            command = [sys.executable, "-c", program, *map(str, arguments)]
            pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            process = subprocess.Popen(command, env=os.environ | dict(PYTHONPATH=str(LIBRARY)), **pipes)
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A lock's place; who waits for it asks often, and in the end gets it."""
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    (tmp_path / "jobs").mkdir()
    yield tmp_path / "jobs" / "a.lock"
    (tmp_path / "jobs" / "a.lock").unlink(missing_ok=True)
    for thread in threading.enumerate():
        if thread.name == "taker":
            thread.join()


def write(path, holder):
    path.write_text(json.dumps(asdict(holder)))


def dead():
    """A made-up holder of this machine that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return replace(this_process(), pid=process.pid, mark="dead")


def elsewhere():
    """A made-up holder of another machine."""
    return replace(this_process(), host="elsewhere", machine="another boot", mark="far")


def grow_old(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def is_free(path):
    """Take a lock in a thread; tells whether it was got within a moment, and gives it back."""
    got = threading.Event()

    def take():
        with hold_lock(path):
            got.set()

    threading.Thread(target=take, name="taker", daemon=True).start()
    return got.wait(0.5)


def test_a_lock_names_its_holder_while_it_is_held(path):
    assert lock_holder(path) is None
    with hold_lock(path) as me:
        assert lock_holder(path) == me
        assert me.pid == os.getpid()
        assert not holder_is_gone(me, path)
    assert list(path.parent.iterdir()) == []


def test_a_lock_makes_its_folder(tmp_path):
    with hold_lock(tmp_path / "new" / "folder" / "a.lock"):
        assert lock_holder(tmp_path / "new" / "folder" / "a.lock")


def test_a_lock_is_given_back_after_an_error(path):
    with pytest.raises(ZeroDivisionError), hold_lock(path):
        raise ZeroDivisionError
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(("job", "expected"), [(None, "process 7 on host"), ("99", "Slurm job 99, process 7 on host")])
def test_holders_are_named(job, expected):
    assert str(replace(this_process(), pid=7, host="host", slurm_job=job)) == expected


def test_one_process_at_a_time(path, tmp_path, python):
    """Four processes count to 25 each; a count would be lost if two were inside at once."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    processes = [python(COUNT, path, counter, tmp_path / "inside") for _ in range(4)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    assert counter.read_text() == "100"
    assert list(path.parent.iterdir()) == []


def test_a_live_holder_is_waited_for(path, python, caplog):
    process = python(HOLD, path)
    assert process.stdout.readline() == "held\n"
    assert not is_free(path)
    assert lock_holder(path).pid == process.pid
    assert f"waiting for process {process.pid}" in caplog.text
    assert caplog.text.count("waiting for") == 1


@pytest.mark.parametrize("reaped", [True, False])
def test_a_killed_holder_is_taken_over_from_at_once(path, python, caplog, monkeypatch, reaped):
    """Until its parent asks for it, a killed process remains as a zombie."""
    process = python(HOLD, path)
    assert process.stdout.readline() == "held\n"
    process.send_signal(signal.SIGKILL)
    if reaped:
        process.wait()
    else:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pytest.fail("must not wait"))
    with hold_lock(path) as me:
        assert lock_holder(path) == me
    assert f"taking over from process {process.pid}" in caplog.text
    assert list(path.parent.iterdir()) == []


def test_a_number_used_again_is_another_process(path):
    """The made-up holder had the number of this very process, but began a minute earlier."""
    me = this_process()
    write(path, replace(me, started=me.started - 60, mark="earlier"))
    assert holder_is_gone(lock_holder(path), path)
    assert is_free(path)


def test_a_clock_that_is_set_does_not_end_a_holder(path, monkeypatch):
    """psutil tells when a process began by the clock, which moves when the clock is set."""
    with hold_lock(path) as me:
        before = psutil.boot_time()
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda: before + 5)
        assert not holder_is_gone(me, path)


@pytest.mark.parametrize(
    ("age", "gone"), [(0, False), (GONE_AFTER_SECONDS - 10, False), (GONE_AFTER_SECONDS + 10, True)]
)
def test_a_holder_elsewhere_is_gone_when_it_gave_no_sign_for_long(path, age, gone):
    write(path, elsewhere())
    grow_old(path, age)
    assert holder_is_gone(lock_holder(path), path) == gone
    assert is_free(path) == gone


def test_the_file_system_s_clock_counts(path, monkeypatch):
    write(path, elsewhere())
    monkeypatch.setattr(time, "time", lambda: 1e10)
    assert not holder_is_gone(lock_holder(path), path)


def test_asking_for_a_lock_leaves_nothing(path):
    write(path, elsewhere())
    assert not holder_is_gone(lock_holder(path), path)
    path.unlink()
    assert not holder_is_gone(elsewhere(), path)
    assert list(path.parent.iterdir()) == []


def test_a_holder_gives_signs_of_life(path, monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.02)
    with hold_lock(path):
        grow_old(path, 1000)
        wait_until(lambda: module._age(path) < 10)


def test_signs_of_life_go_on_after_one_failed(path, monkeypatch):
    """A file server that did not answer once, or a lock that was put back, ends no holder."""
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.02)
    with hold_lock(path):
        path.rename(path.with_suffix(".aside"))
        time.sleep(0.1)
        path.with_suffix(".aside").rename(path)
        grow_old(path, 1000)
        wait_until(lambda: module._age(path) < 10)


@pytest.mark.parametrize("content", ["", "made up", "null", "[]", "7", '{"pid": 7}', b"\xff\xfe"])
def test_what_is_no_lock_is_refused(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(OrbitileError, match=r"a\.lock: is not a lock; delete it and run again"), hold_lock(path):
        pass
    assert [file.name for file in path.parent.iterdir()] == ["a.lock"]


def test_a_lock_given_back_while_it_is_looked_at_is_no_garbage(path, monkeypatch):
    """Others take the lock and give it back between any two looks, so that each look finds none."""
    write(path, dead())
    looks = [lock_holder(path), None, None]
    monkeypatch.setattr(module, "lock_holder", lambda path: looks.pop() if looks else lock_holder(path))
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    with hold_lock(path) as me:
        assert lock_holder(path) == me


def test_a_lock_that_another_took_is_not_given_back(path):
    holder = elsewhere()
    with hold_lock(path):
        write(path, holder)
    assert lock_holder(path) == holder


def test_a_new_lock_is_not_taken_for_the_stale_one(path):
    """One who saw the stale lock comes late: the other has already taken over."""
    gone = dead()
    with hold_lock(path) as me:
        module._remove_stale(path, gone)
        assert lock_holder(path) == me
    assert list(path.parent.iterdir()) == []


def test_a_third_gets_no_lock_that_is_held(path, monkeypatch):
    """One holds the lock; another comes late for the stale one, and a third while that is put right."""
    got, rename = [], Path.rename

    def then_a_third_comes(source, target):
        rename(source, target)
        got.append(module._create(path, replace(this_process(), mark="third")))

    with hold_lock(path):
        monkeypatch.setattr(Path, "rename", then_a_third_comes)
        module._remove_stale(path, dead())
        assert True not in got


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A made-up Slurm that knows the given jobs; its queries are kept."""

    def install(*alive, fails="", exit_code=0):
        lines = ["#!/bin/sh", f'echo "$@" >> {tmp_path}/queries', *(f"echo {job}" for job in alive)]
        lines += [f"echo '{fails}' >&2", f"exit {exit_code}"]
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "squeue").write_text("\n".join(lines))
        (tmp_path / "bin" / "squeue").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
        monkeypatch.delenv("SLURM_JOB_ID", raising=False)
        return tmp_path / "queries"

    return install


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (dict(), True),
        (dict(fails="slurm_load_jobs error: Invalid job id specified", exit_code=1), True),
        (dict(fails="Unable to contact slurm controller", exit_code=1), False),
    ],
)
def test_slurm_knows_sooner_that_a_holder_elsewhere_is_gone(path, squeue, answer, ended):
    queries = squeue(**answer)
    write(path, replace(elsewhere(), slurm_job="99"))
    assert slurm_has_ended(lock_holder(path)) == ended
    assert "--jobs=99" in queries.read_text()
    assert is_free(path) == ended


def test_a_job_that_slurm_knows_has_not_ended(path, squeue):
    squeue("98", "99")
    write(path, replace(elsewhere(), slurm_job="99"))
    assert not slurm_has_ended(lock_holder(path))
    assert not is_free(path)


def test_without_slurm_only_signs_of_life_count(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert live_slurm_jobs(["99"]) is None
    assert not slurm_has_ended(replace(elsewhere(), slurm_job="99"))


@pytest.mark.parametrize("holder", [replace(this_process(), slurm_job="99"), replace(elsewhere(), slurm_job=None)])
def test_slurm_is_asked_about_its_own_jobs_elsewhere_alone(squeue, holder):
    queries = squeue()
    assert not slurm_has_ended(holder)
    assert not queries.exists()


def test_a_job_that_slurm_began_anew_takes_over_from_itself(squeue, monkeypatch):
    squeue("99")
    monkeypatch.setenv("SLURM_JOB_ID", "99")
    assert slurm_has_ended(replace(elsewhere(), slurm_job="99"))


def test_slurm_is_asked_once_for_many_jobs(tmp_path, squeue):
    queries = squeue("97", "99")
    places = [JobPaths(tmp_path, "tile", group) for group in "abcd"]
    for place, job in zip(places, ("97", "98", "99", None), strict=True):
        place.lock.parent.mkdir(parents=True, exist_ok=True)
        write(place.lock, replace(elsewhere(), slurm_job=job))
    write(places[3].lock, dead())
    assert running_jobs(places) == {places[0], places[2]}
    assert queries.read_text().count("\n") == 1
    assert "--jobs=97,98,99" in queries.read_text()


def test_two_who_take_over_one_lock_take_turns(path, tmp_path, python):
    """Many times over: a dead holder's lock, and two processes that want it at once."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    write(path, dead())
    processes = [python(COUNT, path, counter, tmp_path / "inside") for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert counter.read_text() == "50"


def test_threads_that_take_over_one_lock_take_turns(path):
    """Twenty stale locks, two threads for each."""
    inside, counts = [], []

    def take(gate):
        gate.wait()
        with hold_lock(path):
            inside.append(1)
            counts.append(len(inside))
            time.sleep(0.002)
            inside.pop()

    for _ in range(20):
        write(path, dead())
        gate = threading.Barrier(2)
        threads = [threading.Thread(target=take, args=(gate,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counts == [1] * 40


def test_one_driver_at_a_time(tmp_path, python):
    process = python(DRIVE, tmp_path, 60)
    assert process.stdout.readline() == "drives\n"
    with pytest.raises(
        OrbitileError, match=rf"process {process.pid} on .* already drives this run.*kill {process.pid}"
    ):
        hold_driver_lock(tmp_path)
    assert lock_holder(tmp_path / "jobs" / "driver.lock").pid == process.pid


def test_a_run_is_not_planned_anew_while_it_is_driven(tmp_path, python):
    process = python(DRIVE, tmp_path, 60)
    assert process.stdout.readline() == "drives\n"
    with pytest.raises(OrbitileError, match=rf"process {process.pid} on .* drives this run.*kill {process.pid}"):
        refuse_while_driven(tmp_path)
    process.kill()
    process.wait()
    refuse_while_driven(tmp_path)


def test_a_dead_driver_is_taken_over_from(tmp_path, python):
    process = python(DRIVE, tmp_path, 60)
    assert process.stdout.readline() == "drives\n"
    process.kill()
    process.wait()
    second = python(DRIVE, tmp_path, 0)
    assert second.wait(20) == 0
    assert not (tmp_path / "jobs" / "driver.lock").exists()


def test_a_driver_that_ends_leaves_no_lock(tmp_path, python):
    assert python(DRIVE, tmp_path, 0).wait(20) == 0
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_driver_that_ends_in_another_folder_leaves_no_lock(tmp_path, python):
    """As Snakemake does with --directory."""
    (tmp_path / "run").mkdir()
    code = f"import os\nos.chdir({str(tmp_path)!r})\n{DRIVE}\nos.chdir('/')"
    assert python(code, "run", 0).wait(20) == 0
    assert list((tmp_path / "run" / "jobs").iterdir()) == []


def test_runs_are_driven_side_by_side(tmp_path, python):
    processes = [python(DRIVE, tmp_path / name, 60) for name in "ab"]
    assert [process.stdout.readline() for process in processes] == ["drives\n"] * 2
