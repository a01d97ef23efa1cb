"""Odd tables: their true content, or a refusal in one line with file, row and column (see tables.py)."""

from random import Random

import numpy as np
import pandas as pd
import pytest
from hostile import tables
from hostile.many_inputs import endings_of
from hostile.tables import VARIANTS, check, check_variant

from orbitile.base.errors import OrbitileError
from orbitile.tables.craters import read_craters
from orbitile.tables.scenes import read_scene_table

CRATERS = "lon,lat,diameter_km\n-177.94965,-48.603922,76.8885\n-172.170468,-10.069415,53.8318\n"


@pytest.fixture
def written(tmp_path):
    def write(text, name="table.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant(name, tmp_path):
    for seed in range(12):
        folder = tmp_path / str(seed)
        folder.mkdir()
        ending = check_variant(name, Random(f"{name}:{seed}"), folder)
        assert ending == ("accepted" if VARIANTS[name] in tables.ACCEPTED else "refused")


def test_at_random(tmp_path):
    endings = endings_of(check, tmp_path, "tables:", 200)
    assert min(endings.count("accepted"), endings.count("refused")) > 50


def test_crater_table_extra_field(written):
    lines = CRATERS.splitlines()
    path = written("\n".join([lines[0], *(line + ",0.2" for line in lines[1:])]))
    with pytest.raises(OrbitileError, match=r"table\.csv: line 2 has 4 fields, but the header names 3 columns"):
        read_craters(path)


def test_crater_table_two_cases(written):
    path = written("Lon,lon,lat,diameter_km\n182,-178,-48,76\n")
    with pytest.raises(OrbitileError, match=r"line 1: columns 1 \('Lon'\) and 2 \('lon'\) have the same name"):
        read_craters(path)


def test_hash_in_table(written):
    craters = read_craters(written("name,lon,lat,diameter_km\nCrater #7,10,20,5\nB,11,21,6\n"))
    assert (craters.lon.tolist(), craters.diameter_m.tolist()) == ([10, 11], [5000, 6000])
    path = written("scene,path\na,M#1/x.tif\n")
    assert read_scene_table(path)["path"].tolist() == [str(path.parent / "M#1" / "x.tif")]
    with pytest.raises(OrbitileError, match=r"line 2 has 4 fields, but the header names 3 columns"):
        read_scene_table(written("scene,path,incidence\nx,base.tif,base.tif,60\n"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("-48.6,-177.9,76.8", "column lat is '-177.9'; latitudes lie in -90..90 degrees; are longitude and latitude"),
        ("-177.9,190,76.8", "column lat is '190'"),
        ("-177.9,-48.6,-9999", "column diameter_km is '-9999'; diameters are above 0"),
        ("-177.9,-48.6,0", "column diameter_km is '0'"),
    ],
)
def test_bad_values_in_table(written, row, message):
    with pytest.raises(OrbitileError, match=rf"table\.csv: line 4: {message}"):
        read_craters(written(CRATERS + row + "\n"))


def test_long_id(written):
    with pytest.raises(OrbitileError) as refused:
        read_scene_table(written(f"scene,path\n{'a' * 300},x.tif\n"))
    assert "line 2: scene 'aaa" in str(refused.value)
    assert len(str(refused.value)) < 400
    with pytest.raises(OrbitileError, match="line 2: group 'ggg"):
        read_scene_table(written(f"scene,path,group\na,x.tif,{'g' * 240}\n"))
    assert read_scene_table(written(f"scene,path\n{'a' * 128},x.tif\n"))["scene"].tolist() == ["a" * 128]


def test_list_cells(tmp_path):
    path = tmp_path / "scenes.parquet"
    pd.DataFrame(dict(scene=["a"], path=["x.tif"], group=[["a", "b"]])).to_parquet(path)
    with pytest.raises(OrbitileError, match=r"scenes\.parquet: column group holds values of type list.*row 1: \['a'"):
        read_scene_table(path)


def test_a_table_twice_counts_once(written, caplog):
    craters = read_craters(written(CRATERS + "".join(CRATERS.splitlines(keepends=True)[1:])))
    assert np.round(craters.diameter_m).tolist() == [76888, 53832]
    assert "line 4 and others: 2 of 4 craters repeat an earlier row; each counts once" in caplog.text
