import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.jobs.paths import WHOLE_RUN
from orbitile.jobs.records import DONE
from orbitile.jobs.show import show_stale
from orbitile.jobs.stale import clear_stale, missing_tables, stale_files
from orbitile.pipeline import TABLE_FOLDERS
from orbitile.tables.plan import read_plan


@pytest.fixture
def finished(run_folder):
    """A made-up run of two groups, all of whose tables are there with their pieces; returns the pieces."""
    run_folder.plan(dict(g="ab", h="c"))
    pieces = []
    for group, scenes in (("g", "ab"), ("h", "c")):
        pieces_of_rule = {rule: [] for rule in TABLE_FOLDERS}
        for scene in scenes:
            pieces_of_rule["georeference"].append(run_folder.piece("rasters", scene, "100m-1.json"))
            pieces.append(run_folder.piece("rasters", scene, "100m-1.tif"))
            pieces_of_rule["downsample"].append(run_folder.piece("rasters", scene, "400m-2.tif"))
            pieces_of_rule["tile"].append(run_folder.piece("work/tile", scene, "100m-3.parquet"))
            pieces_of_rule["infer"].append(run_folder.piece("work/infer", scene, "100m-0-9-4.parquet"))
        for rule in TABLE_FOLDERS:
            run_folder.done(rule, group, pieces=pieces_of_rule[rule])
            pieces += pieces_of_rule[rule]
            for file in (run_folder.job(rule, group).log, run_folder.path / "benchmarks" / rule / f"{group}.tsv"):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
    return pieces


def names(paths):
    return {path.name for path in paths}


def test_a_finished_run_has_nothing_stale(run_folder, finished):
    assert stale_files(run_folder.path) == []


def test_what_lies_beside_a_mosaic_is_not_stale(run_folder, finished):
    current = {run_folder.piece("rasters", "a", name) for name in ("sources-100m-1.tif", "seams-100m-1.parquet")}
    former = {run_folder.piece("rasters", "a", name) for name in ("sources-100m-0.tif", "seams-100m-0.parquet")}
    stale = {str(path) for path in stale_files(run_folder.path)}
    assert not stale & {str(path) for path in current}
    assert {str(path) for path in former} <= stale


def test_an_empty_run_has_nothing_stale(run_folder):
    run_folder.plan(dict(g="ab"))
    assert stale_files(run_folder.path) == []


@pytest.mark.parametrize("spelling", ["absolute", "from elsewhere", "with dots", "by a link"])
def test_it_does_not_matter_how_the_folder_is_named(run_folder, finished, tmp_path, monkeypatch, spelling):
    """Tables name pieces from the folder where the workflow ran."""
    if spelling == "absolute":
        path = run_folder.path.absolute()
    elif spelling == "from elsewhere":
        monkeypatch.chdir(tmp_path / "results")
        path = Path("r")
    elif spelling == "with dots":
        path = Path("results/../results/r")
    else:
        (tmp_path / "link").symlink_to("results/r")
        path = Path("link")
    assert stale_files(path) == []


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("rasters", "100m-old.json"),
        ("rasters", "100m-old.tif"),
        ("rasters", "400m-old.tif"),
        ("work/tile", "100m-old.parquet"),
        ("work/infer", "100m-0-9-old.parquet"),
        ("work/isis", "6m-old.cub"),
    ],
)
def test_pieces_of_old_settings_are_stale(run_folder, finished, folder, name):
    path = run_folder.piece(folder, "a", name)
    assert stale_files(run_folder.path) == [path]


@pytest.mark.parametrize(
    ("rule", "folder", "left_alone"),
    [
        ("georeference", "rasters", True),
        ("downsample", "rasters", True),
        ("tile", "work/tile", True),
        ("infer", "work/infer", True),
        ("isis", "work/isis", True),
        ("tile", "work/infer", False),
        ("infer", "rasters", False),
        ("suppress", "work/infer", False),
    ],
)
def test_pieces_of_unfinished_groups_are_left_alone(run_folder, finished, rule, folder, left_alone):
    """The next attempt goes on from them."""
    former = {scene: run_folder.piece(folder, scene, "old.parquet") for scene in "abc"}
    (run_folder.path / TABLE_FOLDERS[rule] / "g.parquet").unlink()
    assert stale_files(run_folder.path) == ([former["c"]] if left_alone else [former["a"], former["b"], former["c"]])


def test_what_a_killed_job_of_isis_leaves_is_stale_but_not_the_image(run_folder, finished, tmp_path, capsys):
    """A link to the raw image among it counts as what it is, and not as what it leads to."""
    image = tmp_path / "raw.IMG"
    image.write_bytes(bytes(10_000_000))
    (run_folder.path / TABLE_FOLDERS["isis"] / "g.parquet").unlink()
    cube = run_folder.piece("work/isis", ".a-1234abcd", "hical.cub")
    link = cube.with_name("raw.IMG")
    link.symlink_to(image)
    assert stale_files(run_folder.path) == [cube, link]
    show_stale(run_folder.path, remove=True)
    assert "2 stale files, 0.0 MB, removed" in capsys.readouterr().out
    assert image.is_file()


def test_scenes_that_are_no_more_are_stale(run_folder, finished):
    gone = run_folder.piece("rasters", "gone", "100m-1.json"), run_folder.piece("work/tile", "gone", "3.parquet")
    assert set(stale_files(run_folder.path)) == set(gone)


def test_groups_that_are_no_more_are_stale(run_folder, finished):
    """The plan is pieces_of_rule anew: the group h has got another name, and its tables are not there yet."""
    run_folder.plan(dict(g="ab", new="c"))
    stale = stale_files(run_folder.path)
    assert {f"{TABLE_FOLDERS[rule]}/h.parquet" for rule in TABLE_FOLDERS} < {
        str(p.relative_to(run_folder.path)) for p in stale
    }
    assert names(stale) == {"h.parquet", "h.json", "h.log", "h.tsv"}
    assert not set(stale) & set(finished)


def test_failures_of_groups_that_are_no_more_are_stale(run_folder, finished):
    path = run_folder.job("tile", "old").failures
    path.parent.mkdir(parents=True)
    path.touch()
    assert stale_files(run_folder.path) == [path]


def test_names_of_groups_may_hold_dots(run_folder):
    run_folder.plan({"g.1": "a"})
    run_folder.done("tile", "g.1")
    old = run_folder.done("tile", "g")
    assert stale_files(run_folder.path) == [run_folder.job("tile", "g").record, old]


def test_lists_of_pictures_of_former_groups_are_stale(run_folder, finished):
    """The pictures are named by their scenes."""
    old = {"annotated/old.json", "logs/annotate/old.log"}
    for name in (*old, "annotated/g.json", "annotated/old.png", "logs/annotate/g.log"):
        (run_folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run_folder.path / name).touch()
    assert set(stale_files(run_folder.path)) == {run_folder.path / name for name in old}


def test_jobs_of_the_whole_run_are_not_those_of_groups(run_folder, finished):
    run_folder.attempts("catalogue", WHOLE_RUN, DONE)
    for name in ("logs/catalogue.log", "catalogue/craters.json"):
        (run_folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run_folder.path / name).touch()
    assert stale_files(run_folder.path) == []


@pytest.mark.parametrize(
    "place",
    [
        "rasters/a/.100m-1.0123abcd.tif", "jobs/tile/.g.lock.0123abcd", ".plan.1.parquet",
        "catalogue/.craters.0123abcd/g.parquet",
    ],
)  # fmt: skip
def test_what_killed_jobs_left_half_done_is_stale(run_folder, finished, place):
    """In temporary folders, too."""
    path = run_folder.path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert stale_files(run_folder.path) == [path]


def test_clear_removes_what_is_stale_and_nothing_else(run_folder, finished):
    before = run_folder.files()
    old = run_folder.piece("work/infer", "a", "old.parquet")
    assert clear_stale(run_folder.path) == [old]
    assert run_folder.files() == before


@pytest.mark.parametrize("lock", ["tile/g.lock", "driver.lock"])
def test_clear_is_refused_while_jobs_run(run_folder, finished, lock):
    old = run_folder.piece("work/infer", "a", "old.parquet")
    with ExitStack() as stack:
        if lock == "driver.lock":
            stack.enter_context(run_folder.running("..", "jobs/driver"))
        else:
            stack.enter_context(run_folder.running("tile", "g"))
        with pytest.raises(OrbitileError, match=rf"results/r: process {os.getpid()} on .* works on this run"):
            clear_stale(run_folder.path)
    assert old.exists()


def test_stale_files_are_shown_with_their_sizes(run_folder, finished, capsys):
    run_folder.piece("work/infer", "a", "old.parquet").write_bytes(bytes(2_500_000))
    show_stale(run_folder.path, remove=False)
    assert capsys.readouterr().out == ("      2.50 MB  results/r/work/infer/a/old.parquet\n1 stale files, 2.5 MB\n")
    show_stale(run_folder.path, remove=True)
    assert capsys.readouterr().out.endswith("1 stale files, 2.5 MB, removed\n")
    show_stale(run_folder.path, remove=False)
    assert capsys.readouterr().out == "0 stale files, 0.0 MB\n"


@pytest.mark.parametrize(("rasters", "missing"), [(True, ["georeferenced/g", "tiles/g"]), (False, ["tiles/g"])])
def test_tables_are_missing_where_later_ones_are_there(run_folder, rasters, missing):
    """Rasters and their tables may be deleted for room."""
    run_folder.plan(dict(g="a", h="b"))
    for rule in ("downsample", "infer"):
        run_folder.table(rule, "g")
    run_folder.table("georeference", "h")
    if rasters:
        run_folder.piece("rasters", "a", "a.tif")
    paths = missing_tables(run_folder.path, read_plan(run_folder.path / "plan.parquet"))
    assert [str(path.relative_to(run_folder.path).with_suffix("")) for path in paths] == missing
