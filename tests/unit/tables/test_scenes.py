import pandas as pd
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.tables.scenes import COLUMNS, SceneOrigin, read_scene_origins, read_scene_table


@pytest.fixture
def scenes(tmp_path):
    """Writes a made-up scene table; of its images none exists."""

    def write(text, name="scenes.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_rows_are_sorted_and_paths_complete(scenes):
    path = scenes("scene,path\nb,images/b.tif\na,images/a.tif\n")
    table = read_scene_table(path)
    assert table.columns.tolist() == COLUMNS
    assert (table["scene"].tolist(), table["group"].tolist()) == (["a", "b"], [None, None])
    assert table["path"].tolist() == [str(path.parent / "images" / name) for name in ("a.tif", "b.tif")]
    assert table["body"].isna().all()


def test_absolute_paths_stay(scenes, tmp_path):
    table = read_scene_table(scenes(f"scene,path\na,{tmp_path}/images/a.tif\n"))
    assert table["path"].item() == f"{tmp_path}/images/a.tif"


def test_groups_and_bodies(scenes):
    table = read_scene_table(scenes("scene,path,group,body\na,images/a.tif,strip,Moon\nb,images/b.tif,,\n"))
    assert table["group"].tolist() == ["strip", None]
    assert table["body"].fillna("").tolist() == ["Moon", ""]


def test_spaces_and_comments_are_skipped(scenes):
    assert read_scene_table(scenes("# made up\nscene, path\na, images/a.tif\n"))["scene"].tolist() == ["a"]


def test_numbers_are_names(scenes):
    assert read_scene_table(scenes("scene,path\n007,images/a.tif\n"))["scene"].tolist() == ["007"]


@pytest.mark.parametrize(("names", "expected"), [(["a", "b"], ["a", "b"]), ([1, 2], ["1", "2"])])
def test_parquet(scenes, tmp_path, names, expected):
    path = tmp_path / "scenes.parquet"
    pd.DataFrame(dict(scene=names, path=["images/a.tif", "images/b.tif"])).to_parquet(path)
    table = read_scene_table(path)
    assert (table["scene"].tolist(), table["group"].tolist()) == (expected, [None, None])


def test_groups_named_by_numbers(tmp_path):
    table = pd.DataFrame(dict(scene=["a", "b"], path="images/a.tif", group=[7, 8]))
    table.to_parquet(tmp_path / "scenes.parquet")
    assert read_scene_table(tmp_path / "scenes.parquet")["group"].tolist() == ["7", "8"]


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [([30100, 30110], ["30100", "30110"]), ([301, None], ["301", None]), (["Moon", None], ["Moon", None])],
)
def test_bodies_by_code(tmp_path, bodies, expected):
    table = pd.DataFrame(dict(scene=["a", "b"], path="images/a.tif", body=bodies))
    table.to_parquet(tmp_path / "scenes.parquet")
    assert read_scene_table(tmp_path / "scenes.parquet")["body"].tolist() == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1 2 3", (1, 2, 3)),
        ("2", (2,)),
        ('"3,2,1"', (3, 2, 1)),
        ("red; green + Blue", ("red", "green", "Blue")),
        ("1 elevation", (1, "elevation")),
        ("", None),
        (" ", None),
        (";", None),
    ],
)
def test_bands(scenes, cell, expected):
    table = read_scene_table(scenes(f"scene,path,bands\na,images/a.tif,{cell}\n"))
    assert table["bands"].tolist() == [expected]


@pytest.mark.parametrize(("bands", "expected"), [([1, 2], [(1,), (2,)]), ([3, None], [(3,), None])])
def test_bands_as_numbers_of_a_parquet_table(tmp_path, bands, expected):
    pd.DataFrame(dict(scene=["a", "b"], path="images/a.tif", bands=bands)).to_parquet(tmp_path / "scenes.parquet")
    assert read_scene_table(tmp_path / "scenes.parquet")["bands"].tolist() == expected


@pytest.mark.parametrize("word", ["0", "-1"])
def test_bands_are_counted_from_1(scenes, word):
    message = rf"scenes\.csv: line 2: bands '1 {word}': band {word} is not a band number; bands are counted from 1"
    with pytest.raises(OrbitileError, match=message):
        read_scene_table(scenes(f"scene,path,bands\na,images/a.tif,1 {word}\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; a table begins with a line of column names"),
        ("scene,path\n", "has no rows"),
        ("scene\na\n", "column path is missing"),
        ("name,file\na,images/a.tif\n", "column path, scene is missing"),
        ("scene,path,note\na,images/a.tif,x\n", "column note is unknown"),
        ("scene,path\na b,images/a.tif\n", "line 2: scene 'a b' is not a plain name"),
        ("scene,path\n,images/a.tif\n", "line 2: scene '' is not a plain name"),
        ("scene,path,group\na,images/a.tif,../x\n", "line 2: group '../x' is not a plain name"),
        ("scene,path\na,images/a.tif\na,images/b.tif\n", "line 3: scene 'a' is listed more than once"),
        ("scene,path\na,images/{a}.tif\n", "line 2: scene a: path '.*' contains braces or line breaks"),
    ],
)
def test_faults_name_the_table_and_the_row(scenes, text, message):
    with pytest.raises(OrbitileError, match=rf"scenes\.csv: {message}"):
        read_scene_table(scenes(text))


def test_no_table(tmp_path):
    with pytest.raises(OrbitileError, match=r"there is no scene table at .*gone\.csv"):
        read_scene_table(tmp_path / "gone.csv")


@pytest.mark.parametrize("name", ["a.tif", "a.JPG"])
def test_an_image_is_no_table(scenes, name):
    path = scenes("made up", name)
    with pytest.raises(OrbitileError, match=rf"^scenes: {path} is an image; give the folder {path.parent}, or a scene"):
        read_scene_table(path)


def test_a_table_of_another_format(scenes):
    with pytest.raises(OrbitileError, match=r"scenes\.parquet: not a readable Parquet file"):
        read_scene_table(scenes("scene,path\n", "scenes.parquet"))


def test_places_and_splits(scenes, tmp_path):
    path = scenes("scene,path,place,split,mosaic\na,a.tif,Eos,train,\nb,b.tif,,,\nc,c.tif,x,val,m\nd,d.tif,x,val,m\n")
    origins = dict(a=SceneOrigin("Eos", "train"), b=SceneOrigin(), m=SceneOrigin("x", "val"))
    assert read_scene_origins(path) == origins
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "e.png").touch()
    assert read_scene_origins(tmp_path / "images") == dict(e=SceneOrigin())


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("scene,path,split\na,a.tif,training\n", "split 'training' is unknown; allowed are train, val, test"),
        ("scene,path,place,mosaic\na,a.tif,x,m\nb,b.tif,y,m\n", "mosaic m: its strips have different places"),
    ],
)
def test_splits_and_places_that_cannot_be(scenes, table, reason):
    with pytest.raises(OrbitileError, match=reason):
        read_scene_origins(scenes(table))
