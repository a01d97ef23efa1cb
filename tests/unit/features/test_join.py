"""Outlines of made-up scenes joined to features."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_runs import Lattice, MaskRun, lying, pieces
from plain_map import feature_layers
from scipy import ndimage

from orbitile.space.grids import Window

SHAPE = (60, 100)
MOON_M = 1737400.0


@pytest.fixture
def joined(tmp_path):
    """The layers of probabilities that are cut into scenes."""

    def run(probability, cut=None, margin="auto", **lattice):
        made = MaskRun(tmp_path / "r", Lattice(**lattice), margin)
        made.stitched(probability, cut or pieces(SHAPE[1], SHAPE[0]))
        return list(feature_layers(made.outlined(), made.rasters, MOON_M))

    return run


def test_no_outlines(joined):
    assert joined(lying(SHAPE)) == []


def test_a_polygon_of_two_scenes(joined):
    """It has 200 pixels in a, 300 in b."""
    (layer,) = joined(lying(SHAPE, (30, 20, 80, 30)), pieces(100, 60, [50]))
    assert [shape.wkt for shape in layer.polygons] == [shapely.box(30, 20, 80, 30).normalize().wkt]
    (row,) = layer.attributes.itertuples()
    assert (row.scene, row.scenes, row.pixels, row.probability) == ("b", 2, 500, 500 * 200)
    assert (layer.scale_m, layer.class_name) == (100.0, "fracture")
    assert layer.polygon_of_line.tolist() == [0]
    assert (layer.grid.width, layer.grid.height, layer.grid.index) == (100, 60, (0, 0))


def test_the_first_of_two_scenes_that_hold_as_much_counts(joined):
    (layer,) = joined(lying(SHAPE, (30, 20, 70, 30)), pieces(100, 60, [50]))
    assert layer.attributes["scene"].tolist() == ["a"]


def test_what_touches_at_a_corner_on_a_border_is_one(joined):
    """Two boxes that have but the corner of four scenes in common."""
    (layer,) = joined(lying(SHAPE, (40, 20, 50, 30), (50, 30, 60, 40)), pieces(100, 60, [50], [30]))
    (feature,) = layer.polygons
    assert feature.geom_type == "MultiPolygon"
    assert layer.attributes[["scenes", "pixels"]].to_numpy().tolist() == [[2, 200]]


def test_a_hole_across_borders_stays_one(joined):
    probability = lying(SHAPE, (30, 10, 70, 50))
    probability[25:35, 45:55] = 0
    (layer,) = joined(probability, pieces(100, 60, [50], [30]))
    (feature,) = layer.polygons
    assert shapely.equals(feature, shapely.box(30, 10, 70, 50) - shapely.box(45, 25, 55, 35))
    assert len(feature.interiors) == 1
    assert layer.attributes["scenes"].tolist() == [4]


@pytest.mark.parametrize("right", [50, 51])
def test_pieces_that_abut_or_overlap_by_a_seam_are_joined(joined, right):
    cut = dict(a=Window(0, 0, right, 60), b=Window(50, 0, 50, 60))
    (layer,) = joined(lying(SHAPE, (30, 20, 80, 30)), cut)
    assert layer.attributes["pixels"].tolist() == [500]
    assert len(layer.lines) == 1


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_images_that_overlap_are_no_continuation_of_each_other(joined, names):
    """What lies in both is found in both, each with its own line, though they lie on one grid of pixels."""
    windows = Window(0, 0, 80, 60), Window(20, 0, 80, 60)
    found = joined(lying(SHAPE, (30, 20, 70, 30), (2, 40, 15, 50)), dict(zip(names, windows, strict=True)))
    assert [layer.attributes["scene"].unique().tolist() for layer in found] == [["a"], ["b"]]
    assert sorted(len(layer.polygons) for layer in found) == [1, 2]
    for layer in found:
        assert layer.polygon_of_line.tolist() == list(range(len(layer.polygons)))
        assert shapely.within(shapely.force_2d(layer.lines), layer.polygons).all()


def test_classes_and_scales_and_maps_never_mix(tmp_path):
    """Two classes that overlap, at two scales, and on a lattice half a pixel off: six layers of a box."""
    layers_of = dict(ridge=lying(SHAPE, (30, 20, 70, 30)), pit=lying(SHAPE, (40, 25, 80, 35)))
    run = MaskRun(tmp_path)
    for lattice, names in ((Lattice(), "ab"), (Lattice(gsd_m=200.0), "ab"), (Lattice(col=300.5), "cd")):
        run.lattice = lattice
        run.stitched(layers_of, pieces(100, 60, [50], names=names))
    found = list(feature_layers(run.outlined(), run.rasters, MOON_M))
    assert sorted((layer.scale_m, layer.class_name) for layer in found) == [
        (100.0, "pit"), (100.0, "pit"), (100.0, "ridge"), (100.0, "ridge"), (200.0, "pit"), (200.0, "ridge")
    ]  # fmt: skip
    assert [layer.attributes["pixels"].tolist() for layer in found] == [[400]] * 6
    assert [len(layer.lines) for layer in found] == [1] * 6


def test_a_thin_loop_belongs_to_its_polygon(joined):
    """A ring one pixel wide: smoothed, its centre line leaves it at the corners, where it begins."""
    probability = lying(SHAPE, (50, 20, 90, 50), (10, 5, 60, 8))
    probability[21:49, 51:89] = 0
    (layer,) = joined(probability)
    assert layer.polygon_of_line.tolist() == [0, 1]


@pytest.mark.parametrize("left_out", ["a", "b"])
def test_lines_into_a_scene_whose_outlines_are_left_out(tmp_path, left_out):
    """Its neighbour's lines end, or begin, one pixel within it; they belong to what is left of their polygon."""
    probability = lying(SHAPE, (2, 52, 20, 58))
    for col in range(30, 70):
        probability[60 - col : 66 - col, col] = 200
    run = MaskRun(tmp_path).stitched(probability[:, :], pieces(100, 60, [50]))
    table = run.outlined()
    (layer,) = feature_layers(table[table["scene"] != left_out], run.rasters, MOON_M)
    apart = shapely.distance(layer.lines, layer.polygons[layer.polygon_of_line])
    assert len(layer.lines) == len(layer.polygons)
    assert sorted(layer.polygon_of_line.tolist()) == list(range(len(layer.polygons)))
    assert (apart < 1).all()


@st.composite
def blobs(draw):
    """A mask of blobs, and where it is cut into scenes."""
    noise = np.random.default_rng(draw(st.integers(0, 999))).random((30, 40))
    mask = ndimage.uniform_filter(noise, 3) > draw(st.sampled_from([0.5, 0.55, 0.6]))
    cols, rows = draw(st.sets(st.integers(1, 39), max_size=2)), draw(st.sets(st.integers(1, 29), max_size=1))
    return mask, pieces(40, 30, sorted(cols), sorted(rows))


@settings(max_examples=8)
@given(blobs())
def test_features_are_those_of_the_uncut_mask(tmp_path_factory, case):
    """As many as regions that hang together at edges or corners, each with its pixels."""
    mask, cut = case
    run = MaskRun(tmp_path_factory.mktemp("b"), margin="always").stitched((mask * 200).astype(np.uint8), cut)
    found = list(feature_layers(run.outlined(), run.rasters, MOON_M))
    labels, number = ndimage.label(mask, np.ones((3, 3)))
    expected = sorted(np.bincount(labels[mask], minlength=number + 1)[1:].tolist())
    assert sorted(pixels for layer in found for pixels in layer.attributes["pixels"]) == expected
    for layer in found:
        assert shapely.area(layer.polygons) == pytest.approx(layer.attributes["pixels"])
        assert (shapely.distance(layer.lines, layer.polygons[layer.polygon_of_line]) <= 1).all()
