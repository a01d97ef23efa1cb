"""STAC items as scenes: which asset, which path, which columns; and items that cannot be used. All made up."""

import copy
import json
import random
import socket
from pathlib import Path

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.tables.stac_items import StacScene, holds_stac_items, read_stac_scenes

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
DATA = dict(href="https://a.org/x.tif", type=COG, roles=["data"])


def item(assets=None, name="x", **properties):
    """A STAC item as the specification wants it."""
    return dict(
        type="Feature", stac_version="1.0.0", stac_extensions=[], id=name, geometry=None,
        properties=dict(datetime="2021-01-01T00:00:00Z") | properties, links=[],
        assets=dict(image=DATA) if assets is None else assets,
    )  # fmt: skip


def collection(*items, **fields):
    return dict(type="FeatureCollection", features=[*items], **fields)


@pytest.fixture
def read(tmp_path):
    """The scenes of a file with some content."""

    def read(content, asset=None):
        path = tmp_path / "items.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_stac_scenes(path, asset)

    return read


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a server was asked"))


def image(**change):
    return item(dict(image=DATA | change))


def refusal(read, content, asset=None):
    with pytest.raises(OrbitileError) as refused:
        read(content, asset)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_table_of_an_answer_of_a_search(read):
    mars = {"ssys:targets": ["MARS"], "view:sun_elevation": 22.5, "view:incidence_angle": 3.0, "gsd": 6.0}
    found = read(collection(item(name="b/2", **mars), item(name="a"), numberMatched=2))
    assert found.scenes == [
        StacScene("a", "https://a.org/x.tif", None, None),
        StacScene("b_2", "https://a.org/x.tif", "Mars", 67.5),
    ]
    assert found.warnings == []


@pytest.mark.parametrize(
    ("assets", "name", "key"),
    [
        (dict(a=DATA, b=DATA | dict(roles=["thumbnail"]), c=DATA | dict(type="image/png")), None, "a"),
        (dict(a=DATA, b=DATA), "b", "b"),
        (dict(a=DATA | dict(roles=["metadata"])), "a", "a"),
        (dict(a=DATA | dict(roles="metadata"), b=DATA), None, "b"),
        (
            dict(a=dict(href="a.org/x.xml", roles=["data"]), b=dict(href="https://a.org/b.TIF", roles=["data"])),
            None,
            "b",
        ),
        (dict(a=DATA | dict(type="image/vnd.stac.geotiff; cloud-optimized=true")), None, "a"),
        (dict(a=DATA | dict(type="IMAGE/TIFF; application=geotiff")), None, "a"),
    ],
)
def test_the_asset_that_is_the_image(read, assets, name, key):
    for each, asset in assets.items():
        asset = assets[each] = dict(asset)
        asset["href"] = asset["href"].replace("https://a.org/", f"https://{each}.org/")
    assert read(item(assets), name).scenes[0].path.startswith(f"https://{key}.org/")


@pytest.mark.parametrize(
    ("assets", "name", "message"),
    [
        (dict(dem=DATA, ortho=DATA, thumb=DATA | dict(roles=[])), None,
         "several assets could be the image; --asset NAME takes one of 'dem', 'ortho'"),
        (dict(dem=DATA | dict(type="image/jp2"), thumb=DATA | dict(roles=[])), None,
         "no asset is a GeoTIFF with the role data; --asset NAME takes one of 'dem', 'thumb'"),
        (dict(dem=DATA), "ortho image", "has no asset ortho image; --asset NAME takes one of 'dem'"),
        ({}, None, "no asset is a GeoTIFF with the role data; it has none at all"),
    ],
)  # fmt: skip
def test_no_asset_or_several(read, tmp_path, assets, name, message):
    assert refusal(read, item(assets), name) == f"{tmp_path}/items.json: {message}"
    place = f"{tmp_path}/items.json: item 2 of 2 (x)"
    if name is None:
        assert refusal(read, collection(item(name="y"), item(assets)), name) == f"{place}: {message}"


@pytest.mark.parametrize(
    ("href", "storage", "path"),
    [
        ("https://a.org/b c/{1}.tif?v=2", {}, "https://a.org/b%20c/%7B1%7D.tif?v=2"),
        ("s3://astrogeo-ard/mars/ctx/x.tif", {}, "https://astrogeo-ard.s3.amazonaws.com/mars/ctx/x.tif"),
        ("s3://ard/a b+c.tif", {"storage:region": "us-west-2"}, "https://ard.s3.us-west-2.amazonaws.com/a%20b%2Bc.tif"),
        ("s3://my.ard/x.tif", {"storage:region": "us-west-2"}, "https://s3.us-west-2.amazonaws.com/my.ard/x.tif"),
        ("s3://ard/x.tif", {"storage:region": "cn-north-1", "storage:platform": "AWS"},
         "https://ard.s3.cn-north-1.amazonaws.com.cn/x.tif"),
        ("s3://ard/x.tif", {"storage:schemes": {"aws": {"type": "aws-s3", "region": "eu-central-1"}}},
         "https://ard.s3.eu-central-1.amazonaws.com/x.tif"),
    ],
)  # fmt: skip
def test_addresses(read, href, storage, path):
    assert read(item(dict(image=DATA | dict(href=href)), **storage)).scenes[0].path == path
    assert read(item(dict(image=DATA | dict(href=href) | storage))).scenes[0].path == path


def test_the_scheme_that_an_asset_refers_to(read):
    schemes = {"b": dict(type="custom-s3", platform="https://b.org"), "a": dict(type="aws-s3", region="eu-west-1")}
    asset = DATA | {"href": "s3://ard/x.tif", "storage:refs": ["a"]}
    properties = {"storage:schemes": schemes}
    assert read(item(dict(image=asset), **properties)).scenes[0].path == "https://ard.s3.eu-west-1.amazonaws.com/x.tif"
    asset = asset | {"storage:refs": ["b"]}
    assert "bucket ard is not one of AWS (https://b.org)" in refusal(read, item(dict(image=asset), **properties))


@pytest.mark.parametrize("href", ["x.tif", "./x.tif", "below/../x.tif"])
def test_paths_count_from_the_items_file(read, tmp_path, href):
    (tmp_path / "below").mkdir()
    (tmp_path / "x.tif").touch()
    links = [dict(rel="self", href="https://a.org/elsewhere/x.json")]
    content = item(dict(image=DATA | dict(href=href))) | dict(links=links)
    assert Path(read(content).scenes[0].path).resolve() == tmp_path / "x.tif"


def test_images_outside_of_the_items_folder_are_refused(read, tmp_path):
    outside = tmp_path.parent / "outside.tif"
    outside.touch()
    (tmp_path / "link.tif").symlink_to(outside)
    for href in ("../outside.tif", str(outside), "below/../../outside.tif", "link.tif", "..\\outside.tif"):
        assert "lies outside of the folder of items.json" in refusal(read, image(href=href))


@pytest.mark.parametrize(
    ("href", "words"),
    [
        ("file:///etc/passwd", "is neither a path from the item's file nor an address"),
        ("/vsicurl/https://a.org/x.tif", "is neither a path from the item's file nor an address"),
        ("ftp://a.org/x.tif", "is neither a path from the item's file nor an address"),
        ("https://me:secret@a.org/x.tif", "credentials are not supported"),
        ("https://[a.org/x.tif", "is no address"),
        ("no.tif", "cannot be read as a file"),
        (".", "is a folder, where a file is expected"),
        ("x\0.tif", "cannot be read as a file"),
        ("s3://ard", "is not s3://BUCKET/KEY"),
        ("s3://evil.org/../x", ""),
        ("s3://ARD/x.tif", "is not s3://BUCKET/KEY"),
        ("s3://a.org:80@b/x.tif", "is not s3://BUCKET/KEY"),
        (" ", "has no href"),
    ],
)
def test_hostile_addresses(read, href, words):
    if words:
        message = refusal(read, image(href=href))
        assert "asset image" in message and "items.json" in message and words in message
    else:  # a key may have any characters; who may be asked is another matter
        assert read(image(href=href)).scenes[0].path == "https://s3.amazonaws.com/evil.org/../x"


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ({"storage:requester_pays": True}, "whoever reads bucket ard pays for it; credentials are not supported"),
        ({"storage:platform": "ALIBABA"}, "bucket ard is not one of AWS (ALIBABA)"),
        ({"storage:region": "evil.org/x"}, "storage:region evil.org/x is no region of AWS"),
        ({"storage:region": 3}, "storage:region 3 is no region of AWS"),
    ],
)
def test_buckets_that_are_not_public_ones_of_aws(read, storage, words):
    assert words in refusal(read, image(href="s3://ard/x.tif", **storage))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is no JSON"), ("{", "is no JSON"), ("[" * 100_000, "is no JSON"), ("null", "is no STAC item"),
        ('"Feature"', "is no STAC item"), ("[]", "is no STAC item"), ({}, "is no STAC item"),
        (dict(type="Catalog"), "is a STAC Catalog, which holds no items itself"),
        (dict(type="Collection"), "is a STAC Collection, which holds no items itself"),
        (dict(type="FeatureCollection"), "has no list of features"),
        (collection(), "holds no STAC item"), (collection("x"), "item 1 of 1: is no STAC item with an id"),
        (item() | dict(id=3), "is no STAC item with an id"),
        (item() | dict(properties=None), "is no STAC item"), (item() | dict(assets=[3]), "is no STAC item"),
        (item(datetime="never"), "is no STAC item"),
        (dict(type="Feature", id="x", geometry=None, properties={}), "is no STAC item"),
        (item(**{"view:sun_elevation": "low"}), "view:sun_elevation low is no angle"),
        (item(**{"view:sun_elevation": float("nan")}), "view:sun_elevation nan is no angle"),
        (image(href=3), "is no STAC item"), (item(dict(image=dict(type=COG))), "is no STAC item"),
        (collection(item(name="A"), item(name="a")), "item 2 of 2 (a): would be the scene a, like"),
    ],
)  # fmt: skip
def test_what_is_no_item(read, content, words):
    message = refusal(read, content)
    assert "items.json: " in message and words in message


def test_an_item_needs_no_geometry(read):
    content = item()
    del content["geometry"]
    assert read(content).scenes[0].scene == "x"


def test_several_targets_or_unknown_ones_are_left_to_the_map(read):
    for targets in (["Ganymede", "Jupiter"], ["Nibiru"], [], None, 3):
        assert read(item(**{"ssys:targets": targets})).scenes[0].body is None


@pytest.mark.parametrize(
    "fields", [dict(numberMatched=5000), dict(links=[dict(rel="next", href="https://a.org/?page=2")])]
)
def test_a_page_of_an_answer_is_said(read, fields):
    (warning,) = read(collection(item(), **fields)).warnings
    assert "items, one page of an answer" in warning
    assert ("of 5,000" in warning) == ("numberMatched" in fields)


def test_a_folder_of_items(tmp_path):
    assert not holds_stac_items(tmp_path)
    for name in ("b", "a"):
        (tmp_path / f"{name}.json").write_text(json.dumps(item(name=name)))
    (tmp_path / "more.geojson").write_text("\ufeff" + json.dumps(collection(item(name="c"))))
    (tmp_path / "collection.json").write_text(json.dumps(dict(type="Collection")))
    (tmp_path / ".hidden.json").write_text("{")
    assert holds_stac_items(tmp_path)
    assert [scene.scene for scene in read_stac_scenes(tmp_path).scenes] == ["a", "b", "c"]
    (tmp_path / "a.tif").touch()
    assert not holds_stac_items(tmp_path) and holds_stac_items(tmp_path, "image")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(OrbitileError, match=r"other\.json: is no STAC item"):
        read_stac_scenes(tmp_path)


def test_a_pipe_and_a_missing_file(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.json")
    for name, words in (("pipe.json", "is a pipe"), ("no.json", "cannot be read as a file")):
        with pytest.raises(OrbitileError, match=words):
            read_stac_scenes(tmp_path / name)


def places_of(value, path=()):
    """The places of all values in JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places_of(each, (*path, key))


@pytest.mark.parametrize("seed", range(8))
def test_items_changed_at_random_are_read_or_refused_in_a_line(read, seed):
    chance = random.Random(seed)
    storage = {"storage:schemes": {"aws": {"type": "aws-s3", "region": "us-west-2"}}, "ssys:targets": ["Mars"]}
    sound = collection(
        item(dict(image=DATA | {"href": "s3://ard/x.tif", "storage:refs": ["aws"]}, thumb=DATA | dict(roles=["x"])),
             **storage, **{"view:sun_elevation": 20}),
        links=[dict(rel="self", href="x")], numberMatched=1,
    )  # fmt: skip
    places = list(places_of(sound))
    values = [None, 3, -1.5, True, "", "x", [], {}, [None], {"a": 1}, [["data"]], "../..", 1e400]
    for _ in range(150):
        content = copy.deepcopy(sound)
        for place in chance.sample(places, chance.choice((1, 1, 2))):
            try:
                parent = content
                for key in place[:-1]:
                    parent = parent[key]
                parent[place[-1]] = copy.deepcopy(chance.choice(values))
            except (TypeError, KeyError, IndexError):
                continue  # what stood there has been changed already
        try:
            scenes = read(content).scenes
        except OrbitileError as error:
            assert "items.json" in str(error) and "\n" not in str(error)
        else:
            assert [scene.path for scene in scenes]
