"""The layer to judge in QGIS: the sample first, no scores, and never over what somebody wrote into it."""

import json
import sqlite3

import geopandas
import pandas as pd
import pytest
from judgements import judged_catalogue

from orbitile.features.shapes.detection_shapes import VectorStyle
from orbitile.gis.judging_form import VERDICT_COLOURS
from orbitile.review.judgements import VERDICTS
from orbitile.review.sampling import draw_rows
from orbitile.stages import judging
from orbitile.stages.judging import FIELDS, write_judging_layer

STYLE = VectorStyle("ellipse", 16)


@pytest.fixture
def write(tmp_path):
    """Writes the layer of a catalogue; gives its rows."""

    def write(catalogue, seed=0):
        write_judging_layer(str(catalogue.manifest), 20, seed, STYLE, str(tmp_path / "judging.json"))
        return geopandas.read_file(tmp_path / "judge.gpkg", layer="judge")

    return write


def judge(path, word="right"):
    with sqlite3.connect(path) as database:
        database.create_function("ST_IsEmpty", 1, lambda shape: 0)
        for name in ("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            database.create_function(name, 1, lambda shape: 0.0)
        database.execute("UPDATE judge SET verdict = ? WHERE sample_number = 1", (word,))
    database.close()


def test_the_sample_comes_first_and_no_score_is_told(write, tmp_path):
    catalogue = judged_catalogue(tmp_path)
    frame, (_, sample) = write(catalogue), draw_rows(catalogue, 20, 0)
    assert frame.columns.tolist() == [*FIELDS, "geometry"]
    assert frame["id"].tolist()[:20] == sample["id"].tolist() and frame["sample_number"][:20].tolist() == [
        *range(1, 21)
    ]
    assert len(frame) == 60 and frame["sample_number"][20:].isna().all() and frame["id"].is_unique
    assert frame["verdict"].isna().all() and set(frame["catalogue"]) == {"made up"}
    assert json.loads((tmp_path / "judging.json").read_text())["sample"] == 20


def test_of_a_large_catalogue_the_sample_alone_is_in_it(write, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "MOST_ROWS", 59)
    assert len(write(judged_catalogue(tmp_path))) == 20


def test_an_empty_catalogue_has_an_empty_layer(write, tmp_path):
    assert len(write(judged_catalogue(tmp_path, 0))) == 0


def test_verdicts_stay_when_the_layer_is_made_again(write, tmp_path):
    catalogue = judged_catalogue(tmp_path)
    write(catalogue)
    judge(tmp_path / "judge.gpkg")
    assert write(catalogue)["verdict"].notna().sum() == 1
    assert not list(tmp_path.glob("judge-*"))


def test_verdicts_on_another_sample_are_renamed_not_lost(write, tmp_path):
    catalogue = judged_catalogue(tmp_path)
    write(catalogue)
    assert write(catalogue, 1)["verdict"].isna().all() and not list(tmp_path.glob("judge-*"))
    judge(tmp_path / "judge.gpkg")
    assert write(catalogue, 2)["verdict"].isna().all()
    (kept,) = tmp_path.glob("judge-*.gpkg")
    assert geopandas.read_file(kept, layer="judge")["verdict"].notna().sum() == 1
    (tmp_path / "judge.gpkg").write_text("no layer")
    write(catalogue, 2)
    assert (tmp_path / "judge-2.gpkg").read_text() == "no layer"


def test_the_style_brings_a_form_with_the_verdicts(write, tmp_path):
    write(judged_catalogue(tmp_path))
    with sqlite3.connect(tmp_path / "judge.gpkg") as database:
        styles = pd.read_sql("SELECT styleQML FROM layer_styles", database)["styleQML"]
    assert 'label="not judged"' in styles[0]
    assert "Forms" in styles[0] and all(f'name="{word}" value="{word}"' in styles[0] for word in VERDICTS)
    assert set(VERDICT_COLOURS) == {*VERDICTS, ""}
