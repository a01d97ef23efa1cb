"""Made-up strips merged to one scene."""

import json
from itertools import pairwise, permutations

import geopandas
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strips import Strips, grid, on_top, plain_edges, row_windows_of

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.mosaicking.compose import opened_strips
from orbitile.georeferencing.mosaicking.levels import LevelMatch
from orbitile.georeferencing.mosaicking.merge import MergeOptions, merge_strips
from orbitile.georeferencing.mosaicking.order import Strip
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.grids import Window

AS_THEY_ARE = MergeOptions(match_levels=False)


@pytest.fixture
def strip(tmp_path):
    return Strips(tmp_path)


@pytest.fixture
def merged(tmp_path):
    """Merges strips; returns the result, the pixels (0 where not valid) and the sources."""

    def run(strips, options=AS_THEY_ARE, **more):
        result = merge_strips(strips, tmp_path / "out" / "m.tif", options, **more)
        layers = []
        for path in (result.path, result.sources_path):
            with opened_raster(str(path)) as source:
                pixels, valid = read_window(source, Window(0, 0, source.width, source.height))
                layers.append(np.where(valid, pixels, 0).tolist())
        return result, *layers

    return run


def test_two_strips_side_by_side(strip, merged):
    """The finer one lies on top where both have data."""
    strips = [strip("a", [[1, 2, 3], [4, 5, 6]], gsd_m=2.0), strip("b", [[7, 8], [0, 9]], col=2, row=1)]
    result, pixels, sources = merged(strips)
    assert result.order == ("b", "a")
    assert pixels == [[1, 2, 3, 0], [4, 5, 7, 8], [0, 0, 0, 9]]
    assert sources == [[2, 2, 2, 0], [2, 2, 1, 1], [0, 0, 0, 1]]


def test_a_hole_in_the_upper_strip_shows_the_lower_one(strip, merged):
    upper, lower = strip("a", [[1, 1, 1], [1, 0, 1], [1, 1, 1]]), strip("b", np.full((5, 5), 2), col=-1, row=-1)
    result, pixels, sources = merged([lower, upper])
    expected = [[2] * 5, [2, 1, 1, 1, 2], [2, 1, 2, 1, 2], [2, 1, 1, 1, 2], [2] * 5]
    assert pixels == sources == expected
    seams = geopandas.read_parquet(result.seams_path)
    assert seams[["left", "right"]].to_numpy().tolist() == [["a", "b"]] * 2
    assert sorted(seams.length) == [400, 1200]
    assert seams.geometry.is_ring.all()


def test_three_strips_meet(strip, merged):
    left, right = strip("a", np.full((2, 3), 7)), strip("b", np.full((2, 3), 8), col=2)
    result, _, sources = merged([strip("c", np.full((3, 5), 9)), right, left])
    assert sources == [[1, 1, 1, 2, 2]] * 2 + [[3] * 5]
    seams = geopandas.read_parquet(result.seams_path)
    assert [(*row[:2], list(row[2].coords)) for row in seams.itertuples(index=False)] == [
        ("a", "b", [(300, -200), (300, 0)]),
        ("a", "c", [(0, -200), (300, -200)]),
        ("b", "c", [(300, -200), (500, -200)]),
    ]


def test_one_strip_inside_another_that_is_finer_is_not_seen(strip, merged):
    result, pixels, sources = merged([strip("in", [[5]], col=1, row=1, gsd_m=3.0), strip("out", np.full((3, 3), 4))])
    assert pixels == [[4] * 3] * 3
    assert sources == [[1] * 3] * 3
    assert result.order == ("out", "in")
    assert len(geopandas.read_parquet(result.seams_path)) == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [(MergeOptions("incidence", match_levels=False), [[2, 2]]), (MergeOptions("incidence", 10.0, False), [[1, 1]])],
)
def test_the_strip_of_the_wanted_incidence_lies_on_top(strip, merged, options, expected):
    strips = [strip("flat", [[1, 1]], incidence_deg=10.0), strip("low", [[2, 2]], gsd_m=9.0, incidence_deg=65.0)]
    assert merged(strips, options)[1] == expected


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", 0), ("int16", -32768), ("float32", None), ("float64", -1e30)])
def test_pixels_stay_as_they_are_in_their_type(strip, merged, dtype, nodata):
    pixels = np.array([[3, 1], [7, 100]], dtype)
    result, found, _ = merged([strip("a", pixels, nodata=nodata), strip("b", pixels, col=2, row=2, nodata=nodata)])
    with rasterio.open(result.path) as source:
        assert source.dtypes == (dtype,)
        assert source.nodata == nodata
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert found == [[3, 1, 0, 0], [7, 100, 0, 0], [0, 0, 3, 1], [0, 0, 7, 100]]


def test_rasters_say_what_they_are_made_of(strip, merged):
    strips = [strip("a", [[1]], gsd_m=0.5, incidence_deg=30.0), strip("b", [[2]], col=1)]
    result, *_ = merged(strips, tags=dict(georef_method="made up"))
    as_it_is = dict(gain=1.0, offset=0.0, pixels=0, scatter=None)
    expected = [
        dict(number=1, name="a", gsd_m=0.5, incidence_deg=30.0, **as_it_is),
        dict(number=2, name="b", gsd_m=1.0, incidence_deg=None, **as_it_is),
    ]
    with rasterio.open(result.path) as scene, rasterio.open(result.sources_path) as sources:
        assert json.loads(scene.tags()["strips"]) == json.loads(sources.tags()["strips"]) == expected
        assert scene.tags()["georef_method"] == "made up"
        assert sources.dtypes == ("uint8",)


def test_overviews_of_the_sources_hold_no_mixtures(strip, merged):
    """Made-up strips: the first and the third meet in the middle of a pixel of the overview, far from the second."""
    wide = np.ones((1030, 401), np.uint8)
    result, *_ = merged([strip("a", wide), strip("b", wide, col=700), strip("c", wide, col=350)])
    with rasterio.open(result.sources_path) as source:
        level = source.overviews(1)[0]
        small = source.read(1, out_shape=(source.height // level, source.width // level))
    steps = {(a, b) for row in small.tolist() for a, b in pairwise(row) if a != b}
    assert steps == {(1, 3), (3, 2)}


def noise(shape, number=0):
    return np.random.default_rng(number).uniform(1000, 3000, shape).round().astype(np.int16)


def cut(ground, left, right, gain=1.0, offset=0.0):
    """Columns of a made-up ground as a darker or lighter camera would see them."""
    return np.rint((ground[:, left:right] - offset) / gain).astype(np.int16)


def test_levels_are_matched_one_after_the_other(strip, merged):
    """The third made-up strip overlaps the second one only."""
    ground = noise((40, 60))
    strips = [
        strip("a", cut(ground, 0, 25)), strip("b", cut(ground, 15, 45, 2, -700), col=15),
        strip("c", cut(ground, 35, 60, 0.5, 90), col=35),
    ]  # fmt: skip
    result, pixels, _ = merged(strips, MergeOptions())
    assert result.levels[0] == (LevelMatch(),)
    found = [(level.gain, level.offset) for (level,) in result.levels[1:]]
    assert found == [pytest.approx((2, -700), rel=5e-3), pytest.approx((0.5, 90), rel=0.02)]
    assert np.abs(np.array(pixels) - ground).max() <= 3
    assert [level.pixels for (level,) in result.levels] == [0, 400, 400]
    with rasterio.open(result.path) as source:
        kept = json.loads(source.tags()["strips"])
    assert [one["gain"] for one in kept] == [level.gain for (level,) in result.levels]


def test_a_strip_far_from_the_first_waits_for_one_between_them(strip, merged):
    """The made-up second in order overlaps only the third, which overlaps the first."""
    ground = noise((40, 60))
    strips = [
        strip("a", cut(ground, 0, 25)), strip("b", cut(ground, 35, 60, 0.5, 90), col=35),
        strip("c", cut(ground, 15, 45, 2, -700), col=15),
    ]  # fmt: skip
    result, pixels, _ = merged(strips, MergeOptions())
    assert result.order == ("a", "b", "c")
    assert [level.gain for (level,) in result.levels] == pytest.approx([1, 0.5, 2], rel=0.02)
    assert np.abs(np.array(pixels) - ground).max() <= 3


def test_a_strip_without_overlap_keeps_its_level_and_is_named(strip, merged, caplog):
    ground = noise((40, 60))
    strips = [
        strip("a", cut(ground, 0, 25)), strip("far", cut(ground, 30, 40, 3), col=30),
        strip("z", cut(ground, 20, 29, 2), col=20),
    ]  # fmt: skip
    result, *_ = merged(strips, MergeOptions())
    assert result.levels[1] == (LevelMatch(),)
    assert result.levels[2][0].gain == pytest.approx(2, rel=0.01)
    assert ["far" in one.message for one in caplog.records if one.levelname == "WARNING"] == [True]


def test_strips_far_from_all_others_are_matched_among_each_other(strip, merged):
    ground = noise((40, 60))
    strips = [
        strip("a", cut(ground, 0, 20)), strip("b", cut(ground, 30, 50, 3), col=30),
        strip("c", cut(ground, 40, 60, 1.5), col=40),
    ]  # fmt: skip
    result, *_ = merged(strips, MergeOptions())
    assert [level.pixels for (level,) in result.levels] == [0, 0, 400]
    assert result.levels[2][0].gain == pytest.approx(0.5, rel=0.01)


def test_values_beyond_the_data_type_are_its_last(strip, merged):
    ground = np.random.default_rng(0).integers(100, 120, (30, 20))
    dark = (ground - 90).astype(np.uint8)
    dark[:, 15:] = 250
    result, pixels, _ = merged(
        [strip("a", ground[:, :10].astype(np.uint8)), strip("b", dark, gsd_m=2.0)], MergeOptions()
    )
    assert (result.levels[1][0].gain, result.levels[1][0].offset) == pytest.approx((1, 90))
    assert np.array(pixels)[:, 15:].min() == 255
    assert np.array_equal(np.array(pixels)[:, :15], ground[:, :15])


def test_the_order_given_does_not_matter(strip, tmp_path):
    ground = noise((40, 60))
    strips = [strip(n, cut(ground, k, k + 30, 1 + k / 50, k), col=k) for n, k in (("c", 0), ("a", 12), ("b", 24))]
    found = set()
    for n, some in enumerate(permutations(strips)):
        result = merge_strips(some, tmp_path / str(n) / "m.tif", MergeOptions())
        files = result.path, result.sources_path, result.seams_path
        found.add((result.order, result.levels, *(path.read_bytes() for path in files)))
    assert len(found) == 1


layers = st.lists(hnp.arrays(np.uint8, (6, 7), elements=st.integers(0, 9)), min_size=1, max_size=4)


@given(layers, st.integers(1, 7))
def test_pixels_sources_and_seams_are_those_of_a_plain_loop(tmp_path_factory, layers, rows):
    """Strips of one place with holes all over."""
    strip = Strips(tmp_path_factory.mktemp("s"))
    strips = [strip(f"s{n}", layer, gsd_m=n) for n, layer in enumerate(layers, start=1)]
    index, expected = on_top(layers)
    with opened_strips(strips) as composition:
        for blocks, wanted in (
            (composition.source_blocks(row_windows_of(7, 6, rows)), index),
            (
                composition.merged_blocks(
                    dict.fromkeys(range(len(strips)), (LevelMatch(),)), row_windows_of(7, 6, rows)
                ),
                expected,
            ),
        ):
            found = list(blocks)
            assert np.array_equal(np.concatenate([pixels for _, pixels, _ in found]), wanted)
            assert np.array_equal(np.concatenate([valid for *_, valid in found]), index > 0)
    result = merge_strips(strips, strip.folder / "m.tif", AS_THEY_ARE)
    seams = geopandas.read_parquet(result.seams_path)
    assert seams.length.sum() == 100 * len(plain_edges(index))


def test_levels_know_no_bands(strip, monkeypatch):
    ground = noise((40, 60))
    strips = [strip("a", cut(ground, 0, 25)), strip("b", cut(ground, 15, 45, 2, -700), col=15)]
    found = []
    for rows in (1, 7, 40):
        monkeypatch.setattr(
            "orbitile.georeferencing.mosaicking.compose.row_windows",
            lambda grid, rows=rows: row_windows_of(45, 40, rows),
        )
        with opened_strips(strips) as composition:
            found.append(composition.match_levels())
    assert found[0] == found[1] == found[2]
    assert found[0][1][0].pixels == 400


def test_the_grid_lies_around_all_strips(strip):
    with opened_strips(
        [strip("a", np.ones((3, 4)), col=5, row=-2), strip("b", np.ones((2, 2)), col=-1, row=7)]
    ) as both:
        assert both.grid == grid(10, 11, -1, -2)
        assert both.strip_windows == [Window(6, 0, 4, 3), Window(0, 9, 2, 2)]


def test_strips_that_do_not_fit_are_named_with_both_values(strip, merged, tmp_path):
    one = strip("a", np.ones((2, 2), np.uint8))
    others = {
        "its pixels .*, 50 m/px.* are not on one grid .*, 100 m/px": strip("b", np.ones((2, 2), np.uint8), gsd=50.0),
        "its pixels .* 0.5 and 0 px off .* not on one grid .* 0 and 0 px off": strip(
            "c", np.ones((2, 2), np.uint8), col=0.5
        ),
        "has pixels of type int16, but .*a.tif has uint8": strip("d", np.ones((2, 2), np.int16)),
        "has 2 x 2 pixels, but its grid has 3 x 2": Strip(
            "e", strip("e", np.ones((2, 2), np.uint8)).path, grid(3, 2), 1.0
        ),
        "cannot be read as a file": Strip("f", str(tmp_path / "none.tif"), grid(3, 2), 1.0),
    }
    for message, other in others.items():
        with pytest.raises(OrbitileError, match=f"^{other.path}: {message}") as error:
            merged([one, other])
        assert "\n" not in str(error.value)
    with pytest.raises(OrbitileError, match=r"m\.tif: the mosaic has no strips"):
        merged([])
    assert not list((tmp_path / "out").glob("*.tif"))


def read_bands(path):
    """All bands of a raster (bands, rows, columns), and where they are valid together."""
    with opened_raster(str(path)) as source:
        return read_window(source, Window(0, 0, source.width, source.height), range(1, source.count + 1))


def colours(height, width):
    """Three bands of a made-up ground that have nothing to do with each other."""
    return np.stack([noise((height, width), number) for number in range(3)])


def test_all_bands_of_a_pixel_come_from_one_strip(strip, merged):
    """The upper made-up strip lacks its second band at one pixel, the lower one its first at another."""
    upper = np.array([[[1, 2, 3]], [[4, 0, 6]]])
    lower = np.array([[[11, 12, 13, 14, 0]], [[15, 16, 17, 18, 19]]])
    result = merge_strips([strip("a", upper), strip("b", lower)], strip.folder / "out" / "m.tif", AS_THEY_ARE)
    pixels, valid = read_bands(result.path)
    sources, _ = read_bands(result.sources_path)
    assert pixels[:, valid].tolist() == [[1, 12, 3, 14], [4, 16, 6, 18]]
    assert valid.tolist() == [[True] * 4 + [False]]
    assert sources.tolist() == [[[1, 2, 1, 2, 0]]]


def test_each_band_has_its_level(strip):
    """The gains and offsets of a made-up camera differ from band to band."""
    ground, seen_by = colours(40, 60), [(2, -700), (0.5, 90), (1.25, 10)]
    darker = np.stack([cut(band, 15, 45, *level) for band, level in zip(ground, seen_by, strict=True)])
    result = merge_strips(
        [strip("a", ground[:, :, :25]), strip("b", darker, col=15)], strip.folder / "out" / "m.tif", MergeOptions()
    )
    assert result.levels[0] == (LevelMatch(),) * 3
    for level, expected in zip(result.levels[1], seen_by, strict=True):
        assert (level.gain, level.offset) == pytest.approx(expected, rel=0.02, abs=3)
        assert level.pixels == 400
    pixels, _ = read_bands(result.path)
    assert np.abs(pixels - ground[:, :, :45]).max() <= 3
    with rasterio.open(result.path) as source:
        first, second = json.loads(source.tags()["strips"])
    assert first["gain"] == [1, 1, 1]
    assert second["gain"] == [level.gain for level in result.levels[1]]
    assert second["pixels"] == [400, 400, 400]


def test_bands_are_merged_as_each_would_be_alone(strip):
    """With holes in all bands at once: levels, pixels, sources and seams are those of three mosaics of one band."""
    ground, holes = colours(40, 60), np.random.default_rng(9).random((40, 60)) < 0.2
    ground[:, holes] = 0
    cuts = [("a", 0, 25, 1), ("b", 15, 45, 2), ("c", 35, 60, 0.5)]
    results = []
    for bands in (range(3), 0, 1, 2):
        strips = [
            strip(name, np.rint(ground[bands, :, left:right] / gain).astype(np.int16), col=left)
            for name, left, right, gain in cuts
        ]
        results.append(merge_strips(strips, strip.folder / f"{bands}" / "m.tif", MergeOptions()))
    together, *apart = results
    assert together.levels == tuple(zip(*(sum(result.levels, ()) for result in apart), strict=True))
    pixels, valid = read_bands(together.path)
    for band, result in zip(pixels, apart, strict=True):
        expected, expected_valid = read_bands(result.path)
        assert np.array_equal(valid, expected_valid)
        assert np.array_equal(band[valid], expected[0][valid])
        assert np.array_equal(read_bands(result.sources_path)[0], read_bands(together.sources_path)[0])
        assert geopandas.read_parquet(result.seams_path).equals(geopandas.read_parquet(together.seams_path))


def test_names_of_bands_are_kept(strip):
    strips = [strip(name, np.ones((2, 2, 2), np.uint8), col=col) for name, col in (("a", 0), ("b", 1))]
    for member in strips:
        with rasterio.open(member.path, "r+") as sink:
            sink.descriptions = ("nir", "elevation")
    result = merge_strips(strips, strip.folder / "out" / "m.tif", AS_THEY_ARE)
    with rasterio.open(result.path) as source:
        assert source.descriptions == ("nir", "elevation")


def test_strips_with_other_numbers_of_bands_are_named(strip, merged):
    strips = [strip("a", np.ones((2, 2), np.uint8)), strip("b", np.ones((3, 2, 2), np.uint8))]
    with pytest.raises(OrbitileError, match=r"b\.tif: number of bands 3, but 1 in .*a\.tif"):
        merged(strips)
