import pytest
import yaml

from orbitile.base.errors import OrbitileError


@pytest.fixture
def evaluate(script):
    """models/evaluate.py, with the modules beside it."""
    return script("evaluate")


def figures(**changes):
    intervals = dict(f1=[0.4, 0.6], precision=[0.3, 0.7], recall=None, unit="scenes", units=9)
    measures = dict(f1=0.5, precision=0.5, recall=0.5, n_truth=4, intervals=intervals)
    spread = dict(p16=0.9, median=1, p84=1.1)
    return measures | dict(diameter_ratio=spread, center_offset_px=None) | changes


def result():
    by_size = [figures(**{"from": 10, "to": 12}), figures(**{"from": 50, "to": None})]
    by_score = [dict(score=0.3, f1=0.5), dict(score=0.4, f1=0.6)]
    return dict(set="made", title="Made up", why="For a test.", network="a", seconds_per_megapixel=1.234,
                best_score=0.4, by_score=by_score, metrics=figures(by_size_px=by_size))  # fmt: skip


def test_tables_of_made_up_figures(evaluate):
    change = dict(set="made", network="a", title="turned", metrics=figures(), f1_change=-0.0123, changed_rows=0.095)
    text = evaluate.report([result()], [change])
    for line in (
        "- made (Made up): For a test.",
        "| made | a | 0.500 (0.400-0.600) | 0.500 (0.300-0.700) | 0.500 | 4 | 1.00 (0.90-1.10) | - | 0.4 (F1 0.600) "
        "| 1.23 |",
        "| made | a | 10-12 | 4 | 0.500 | 0.500 | 0.500 | 1.00 (0.90-1.10) | - |",
        "| made | a | 50 and more | 4 | 0.500 | 0.500 | 0.500 | 1.00 (0.90-1.10) | - |",
        "| made | a | turned | 0.500 (0.400-0.600) | 0.500 | 0.500 | -0.012 | 9.5 % |",
    ):
        assert line in text.splitlines()
    assert "9 scenes (made)" in text
    assert "Changed images" not in evaluate.report([result()], [])


@pytest.fixture
def sets(tmp_path):
    entry = dict(title="Made up", why="a\n  b", scenes="images", truth="truth.csv", settings=dict(body="Moon"))
    (tmp_path / "images").mkdir()
    for name in ("b.png", "a.tif", "a.txt"):
        (tmp_path / "images" / name).touch()
    (tmp_path / "truth.csv").touch()

    def write(**changes):
        (tmp_path / "sets.yaml").write_text(yaml.safe_dump(dict(made=entry | changes)))
        return tmp_path / "sets.yaml", tmp_path

    return write


def test_sets_of_images(evaluate, sets):
    (held_out,) = evaluate.HeldOut.read(*sets())
    assert list(held_out.scenes) == ["a", "b"]
    assert (held_out.why, held_out.in_pixels) == ("a b", False)
    (held_out,) = evaluate.HeldOut.read(*sets(names=["b"]))
    assert list(held_out.scenes) == ["b"]


@pytest.mark.parametrize(
    ("changes", "names", "message"),
    [
        (dict(scenes="none"), None, "neither a folder of images nor a scene table"),
        (dict(truth="none.csv"), None, "none.csv is not there"),
        (dict(names=["a", "c"]), None, "made: c is not there"),
        ({}, ["moon"], "has no set moon, but made"),
    ],
)
def test_sets_that_are_not_there(evaluate, sets, changes, names, message):
    with pytest.raises(OrbitileError, match=message):
        evaluate.HeldOut.read(*sets(**changes), names)
