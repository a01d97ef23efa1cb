import errno
import json
import logging

import pandas as pd
import pytest

from orbitile.base.errors import WAYS_OUT, OrbitileError
from orbitile.jobs.pieces import JobProgress, JobWork, Piece, StopError, read_exclusions, table_pieces
from orbitile.tables.detections import TILE_DETECTIONS
from orbitile.tables.parquet import write_table


@pytest.fixture
def pieces(tmp_path):
    """Pieces of made-up work, one for each letter."""
    return lambda letters, size=1: [Piece(letter, tmp_path / letter, size=size) for letter in letters]


@pytest.fixture
def made_scenes():
    return []


@pytest.fixture
def make(made_scenes):
    """Makes a piece; those of x fail with a fault of the user's, those of y with one of ours."""

    def make_piece(piece):
        made_scenes.append(piece.scene)
        if piece.scene == "x":
            raise OrbitileError("x.tif: made up\nsecond line")
        if piece.scene == "y":
            raise ZeroDivisionError("made up")
        piece.path.write_text(piece.scene)

    return make_piece


def test_pieces_are_made_in_order(pieces, make, made_scenes):
    work = JobWork()
    assert work.make_pieces(pieces("bac"), make) == pieces("bac")
    assert made_scenes == ["b", "a", "c"]
    assert work.failures == []


def test_finished_pieces_are_not_made_again(pieces, make, made_scenes, caplog):
    caplog.set_level(logging.INFO, "orbitile")
    JobWork().make_pieces(pieces("ac"), make)
    assert "already done" not in caplog.text
    made_scenes.clear()
    assert JobWork().make_pieces(pieces("abcd"), make) == pieces("abcd")
    assert made_scenes == ["b", "d"]
    assert caplog.messages[-1] == "2 of 4 pieces already done"


@pytest.mark.parametrize("content", ["", "A", "ab", "\0"], ids=["empty", "flipped", "longer", "zeros"])
def test_torn_pieces_are_made_again(pieces, make, made_scenes, caplog, content):
    JobWork().make_pieces(pieces("ab"), make)
    made_scenes.clear()
    (path,) = (piece.path for piece in pieces("a"))
    path.write_text(content)
    assert JobWork().make_pieces(pieces("ab"), make) == pieces("ab")
    assert made_scenes == ["a"]
    assert path.read_text() == "a"
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith(f"scene a: {path} ")
    assert line.endswith("it counts as missing and is made again")


def test_pieces_without_a_seal_are_made_again(pieces, make, made_scenes, caplog):
    (piece,) = pieces("a")
    piece.path.write_text("of an earlier version, or the job was killed before it was sealed")
    JobWork().make_pieces([piece], make)
    assert made_scenes == ["a"]
    assert "has no seal" in caplog.text


def test_a_piece_is_torn_where_a_file_that_goes_with_it_is(tmp_path):
    piece = Piece("a", tmp_path / "a.json", others=(tmp_path / "a.tif", tmp_path / "seams-a.parquet"))

    def make(piece):
        for path in (*piece.others, piece.path):
            path.write_text(path.name)

    for path in piece.others:
        JobWork().make_pieces([piece], make)
        path.write_text("")
        JobWork().make_pieces([piece], make)
        assert path.read_text() == path.name


def test_sizes_are_told_where_they_are_not_the_pieces(pieces, make, caplog):
    caplog.set_level(logging.INFO, "orbitile")
    JobWork().make_pieces(pieces("a", size=64), make)
    JobWork().make_pieces(pieces("ab", size=64), make, unit="tiles")
    assert caplog.messages[-1] == "1 of 2 pieces already done (64 of 128 tiles)"


def test_nothing_to_do(make, made_scenes):
    assert JobWork().make_pieces([], make) == []
    assert made_scenes == []


def test_progress_is_told_after_each_piece(pieces, make):
    reports = []
    work = JobWork(allow_failures=True, report_progress=lambda progress: reports.append(JobProgress(**vars(progress))))
    work.make_pieces(pieces("a", 10), make)
    work.make_pieces(pieces("abx", 10), make, unit="tiles")
    start = JobProgress("tiles", pieces=3, pieces_before=1, size=30, size_before=10)
    assert reports[-3:] == [
        start,
        JobProgress(**vars(start) | dict(pieces_done=1, size_done=10)),
        JobProgress(**vars(start) | dict(pieces_done=1, size_done=10, pieces_failed=1)),
    ]


def test_a_failed_piece_stops_no_other(pieces, make, made_scenes):
    work = JobWork()
    with pytest.raises(
        OrbitileError, match=r"^2 of 4 pieces failed, the others are kept; first: scene x: x\.tif: made up$"
    ):
        work.make_pieces(pieces("axyb"), make)
    assert made_scenes == ["a", "x", "y", "b"]
    assert [piece.path.is_file() for piece in pieces("axyb")] == [True, False, False, True]


def test_failures_are_recorded_with_their_traces(pieces, make, caplog):
    work = JobWork(allow_failures=True)
    work.make_pieces(pieces("xy"), make)
    user, ours = work.failures
    assert (user.scene, user.detail, user.reason) == ("x", "", "x.tif: made up")
    assert (ours.scene, ours.reason) == ("y", "ZeroDivisionError: made up")
    for failure in work.failures:
        assert failure.traceback.startswith("Traceback")
        assert "in make_piece" in failure.traceback
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "scene x failed: x.tif: made up",
        "scene y failed: ZeroDivisionError: made up",
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENXIO, "No such device"), "OSError: [Errno 6] No such device"),
        (OSError(errno.ENOSPC, "No space left", "a.tif"), f"a.tif: {WAYS_OUT[errno.ENOSPC]}"),
        (MemoryError(), f"MemoryError: {WAYS_OUT[errno.ENOMEM]}"),
        (OrbitileError(""), "no reason given"),
    ],
)
def test_every_failure_has_a_reason_of_one_line(pieces, error, reason):
    def fail(piece):
        raise error

    work = JobWork(allow_failures=True)
    work.make_pieces(pieces("a"), fail)
    assert [failure.reason for failure in work.failures] == [reason]


def test_allowed_failures_are_left_out(pieces, make):
    work = JobWork(allow_failures=True)
    assert work.make_pieces(pieces("axb"), make) == pieces("ab")
    assert work.pieces == pieces("ab")


def test_parts_of_one_scene_fail_on_their_own(tmp_path, make):
    """Two made-up scales of one scene, of which one cannot be made."""
    finished, failed = (Piece("a", tmp_path / name, name) for name in ("100m", "200m"))

    def fail(piece):
        if piece == failed:
            raise OrbitileError("made up")
        make(piece)

    work = JobWork(allow_failures=True)
    assert work.make_pieces([finished, failed], fail) == [finished]
    assert str(failed) == "scene a, 200m"


def test_an_interruption_is_no_failure(pieces):
    work = JobWork(allow_failures=True)

    def interrupted(piece):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.make_pieces(pieces("ab"), interrupted)
    assert work.failures == []


def test_a_job_told_to_stop_ends_after_the_current_piece(pieces, make, made_scenes):
    work = JobWork()

    def stopped_while_made(piece):
        work.stop()
        make(piece)

    with pytest.raises(StopError, match=r"^1 of 3 pieces finished and kept$"):
        work.make_pieces(pieces("abc"), stopped_while_made)
    assert made_scenes == ["a"]
    assert pieces("a")[0].path.is_file()
    assert JobWork().make_pieces(pieces("abc"), make) == pieces("abc")
    assert made_scenes == ["a", "b", "c"]


def test_a_job_told_to_stop_in_its_last_piece_has_done_its_work(pieces, make):
    work = JobWork()

    def stopped_while_made(piece):
        work.stop()
        make(piece)

    assert work.make_pieces(pieces("a"), stopped_while_made) == pieces("a")


def test_told_twice_it_ends_after_the_current_piece_too(pieces, make, made_scenes):
    """At its time limit Slurm tells a job twice."""
    work = JobWork(allow_failures=True)

    def stopped_while_made(piece):
        work.stop()
        work.stop()
        make(piece)

    with pytest.raises(StopError, match="1 of 2 pieces finished and kept"):
        work.make_pieces(pieces("ab"), stopped_while_made)
    assert made_scenes == ["a"]
    assert work.failures == []


def test_outside_of_pieces_it_stops_at_once(pieces, make):
    with pytest.raises(StopError):
        JobWork().stop()
    work = JobWork()
    work.make_pieces(pieces("a"), make)
    with pytest.raises(StopError):
        work.stop()


def test_a_failed_piece_is_left_like_any_other(pieces, make):
    """After it, too, the work is outside of pieces."""
    work = JobWork(allow_failures=True)
    work.make_pieces(pieces("x"), make)
    with pytest.raises(StopError):
        work.stop()


def table(path, metadata=None):
    write_table(pd.DataFrame(columns=TILE_DETECTIONS.names), TILE_DETECTIONS, path, metadata)
    return path


def test_the_account_is_kept_in_the_table(pieces, make, tmp_path):
    work = JobWork(allow_failures=True)
    work.make_pieces(pieces("axb"), make)
    path = table(tmp_path / "out.parquet", work.table_metadata)
    assert table_pieces(path) == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert read_exclusions([path]) == [dict(scene="x", detail="", reason="x.tif: made up")]


def test_exclusions_of_many_tables_are_sorted(tmp_path):
    lists = [[("b", "2")], [("b", "1"), ("a", "")], []]
    paths = [
        table(tmp_path / f"{i}.parquet", dict(exclusions=json.dumps([dict(scene=s, detail=d) for s, d in excluded])))
        for i, excluded in enumerate(lists)
    ]
    assert [(row["scene"], row["detail"]) for row in read_exclusions(paths)] == [("a", ""), ("b", "1"), ("b", "2")]


def test_tables_without_an_account_left_nothing_out(tmp_path):
    path = table(tmp_path / "out.parquet")
    assert (table_pieces(path), read_exclusions([path])) == ([], [])
