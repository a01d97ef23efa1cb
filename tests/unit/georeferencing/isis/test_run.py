"""Programs that stand in for ISIS's, run, failing and being ended."""

import logging

import pytest
from fake_isis import FakeIsis
from waiting import wait_until

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.instruments.ctx import CTX
from orbitile.georeferencing.isis import run
from orbitile.georeferencing.isis.run import run_sequence
from orbitile.georeferencing.isis.sequences import MAP_FILE, IsisStep, SpiceChoice, program_sequence
from orbitile.jobs.pieces import StopError

STEPS = program_sequence(CTX.isis.names, "raw.img", SpiceChoice())


@pytest.fixture
def fake(tmp_path, monkeypatch):
    fake = FakeIsis.install(tmp_path / "isis", CTX.isis.names)
    fake.activate(monkeypatch)
    return fake


@pytest.fixture
def bench(tmp_path):
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "raw.img").write_text("pixels")
    (folder / MAP_FILE).write_text("Group = Mapping\nEnd_Group\nEnd\n")
    return folder


def is_alive(pid):
    """Whether a process runs; one that has ended and waits to be told of does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_programs_run_in_order_in_their_folder(fake, bench):
    assert run_sequence("a.IMG", STEPS, bench) == bench / "cam2map.cub"
    assert [call["program"] for call in fake.calls] == list(CTX.isis.names)
    assert [call["arguments"] for call in fake.calls] == [list(step.arguments) for step in STEPS]
    assert {call["folder"] for call in fake.calls} == {str(bench)}
    assert {call["data"] for call in fake.calls} == {fake.variables["ISISDATA"]}


def test_each_reads_what_the_one_before_it_wrote_and_that_is_removed(fake, bench):
    run_sequence("a.IMG", STEPS, bench)
    assert fake.calls[-1]["read"]["from"] == "ctxevenodd of ctxcal of mroctx2isis of pixels"
    assert {path.name for path in bench.glob("*.cub")} == {"cam2map.cub"}
    assert (bench / "raw.img").read_text() == "pixels"


def test_what_programs_say_goes_to_the_log(fake, bench, caplog):
    caplog.set_level(logging.DEBUG, logger="orbitile")
    run_sequence("a.IMG", STEPS, bench)
    assert "a.IMG: ctxcal from=mroctx2isis.cub to=ctxcal.cub" in caplog.messages
    assert "ctxcal: ctxcal: Working" in caplog.messages
    assert not any("Processed" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ("error", "a.IMG: ISIS's ctxcal ended with exit code 3: **I/O ERROR** Unable to open [it]. (more in the log)"),
        ("silent", "a.IMG: ISIS's ctxcal reported no error but wrote no cube: ctxcal: Working"),
        ("killed", "a.IMG: ISIS's ctxcal was killed (SIGKILL; the usual cause is too little memory): ctxcal: Working"),
    ],
)
def test_a_failing_program_is_told_and_ends_the_sequence(fake, bench, caplog, order, says):
    """Of several errors the last is the cause of those above it."""
    caplog.set_level(logging.DEBUG, logger="orbitile")
    fake.order(ctxcal=order)
    with pytest.raises(OrbitileError) as error:
        run_sequence("a.IMG", STEPS, bench)
    assert str(error.value).startswith(says)
    assert "\n" not in str(error.value)
    assert [call["program"] for call in fake.calls] == ["mroctx2isis", "spiceinit", "ctxcal"]
    assert ("ctxcal: **USER ERROR** Unable to do it." in caplog.messages) == (order == "error")


@pytest.mark.parametrize("order", ["hang", "deaf"])
def test_a_job_told_to_stop_ends_the_program_and_what_it_started(fake, bench, monkeypatch, order):
    """A program that does not listen is killed."""
    monkeypatch.setattr(run, "GRACE_SECONDS", 0.3)
    fake.order(ctxcal=order)

    def check_stop():
        begun = [call for call in fake.calls if call["program"] == "ctxcal"]
        if begun and (order == "deaf" or (fake.root / "child").is_file()):
            raise StopError("told to")

    with pytest.raises(StopError):
        run_sequence("a.IMG", STEPS, bench, check_stop)
    started = [fake.calls[-1]["pid"]] + [int(path.read_text()) for path in fake.root.glob("child")]
    assert len(started) == (2 if order == "hang" else 1)
    wait_until(lambda: not any(map(is_alive, started)))


def test_a_program_that_is_not_there(bench):
    with pytest.raises(OrbitileError, match="ISIS: no_such_program not found on the PATH"):
        run_sequence("a.IMG", [IsisStep("no_such_program", ("to=a.cub",))], bench)


def test_a_program_of_a_relative_path_is_found(fake, bench, monkeypatch):
    """It would mean another folder where the programs run."""
    monkeypatch.chdir(fake.root)
    monkeypatch.setenv("PATH", "bin")
    assert run_sequence("a.IMG", STEPS, bench).is_file()
