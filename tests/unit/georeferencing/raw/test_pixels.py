import os
import tracemalloc
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pdr
import pytest
from hypothesis import given
from raw_archive import HIRISE, NAC_LABEL, NACL, Archive, random_pixels

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.instruments.registry import read_product
from orbitile.georeferencing.raw.pixels import RawPixels
from orbitile.georeferencing.raw.products import Columns
from orbitile.rasters.read import opened_raster
from orbitile.space.grids import Window


def read_all(pixels):
    return pixels.read(Window(0, 0, pixels.width, pixels.height))


def every_column(path):
    """A product with its dark columns, as ISIS counts them."""
    product = read_product(path)
    left, right = product.dropped_columns
    layout = replace(product.layout, pixel_offset=product.layout.pixel_offset - left)
    return replace(product, width=left + product.width + right, layout=layout, columns=Columns(0, 0, 0.0, 1))


def test_decompanded_nac_equals_isis(caplog):
    """lronac2isis: mean 156.48748025, sum 7924526, standard deviation 36.50010 of 50640 pixels.

    These count 13 bytes of the label as pixels, to which this label's pointer leads, and all dark columns.
    """
    counts, valid = read_all(RawPixels(every_column(NACL)))
    counts = counts.astype(float)
    assert valid.sum() == 50640
    assert counts.sum() == 7924526
    assert counts.mean() == pytest.approx(156.48748025276461, rel=1e-12)
    assert counts.std(ddof=1) == pytest.approx(36.500101257155755, rel=1e-12)
    assert "the label ends at byte 3649, but its ^IMAGE points to byte 3637" in caplog.text


def test_the_real_hirise_image_is_read_as_pdr_reads_it():
    stored, _ = read_all(RawPixels(read_product(HIRISE), decompanded=False))
    assert np.array_equal(stored, pdr.read(str(HIRISE))["IMAGE"])


def test_the_real_nac_image_is_read_as_gdal_reads_it():
    """pdr finds no image in this file, whose label was edited."""
    stored, _ = read_all(RawPixels(every_column(NACL), decompanded=False))
    with opened_raster(str(NACL)) as source:
        assert np.array_equal(stored, source.read(1))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("write", [Archive.ctx, Archive.nac, Archive.mdis])
@pytest.mark.parametrize("height", [1, 7])
def test_made_up_images_are_read_as_pdr_reads_them(archive, write, height):
    width = {Archive.ctx: 5056, Archive.nac: 5064, Archive.mdis: 1024}[write]
    path = write(archive, random_pixels(height, width))
    stored, _ = read_all(RawPixels(read_product(path), decompanded=False))
    left, right = read_product(path).dropped_columns
    assert np.array_equal(stored, np.asarray(pdr.read(str(path))["IMAGE"])[:, left : width - right])


@pytest.fixture(scope="module")
def hirise():
    """The real image's pixels, and all of them."""
    pixels = RawPixels(read_product(HIRISE))
    return pixels, read_all(pixels)


@given(st.integers(0, 255), st.integers(0, 4999), st.integers(1, 300), st.integers(1, 300))
def test_windows_are_cut_from_the_whole_image(hirise, col, row, width, height):
    pixels, (all_pixels, all_valid) = hirise
    window = Window(col, row, min(width, 256 - col), min(height, 5000 - row))
    counts, valid = pixels.read(window)
    area = window.slices_within(Window(0, 0, 256, 5000))
    assert np.array_equal(counts, all_pixels[area])
    assert np.array_equal(valid, all_valid[area])


@pytest.mark.parametrize("detached", [False, True])
def test_nac_attached_and_detached(archive, detached):
    raw = random_pixels(5, 5064)
    product = read_product(archive.nac(raw, detached))
    stored, valid = read_all(RawPixels(product, decompanded=False))
    assert np.array_equal(stored, raw[:, 42:-23])
    assert valid.all()


@pytest.mark.parametrize("col, row", [(-1, 0), (255, 0), (0, 4999), (0, -1)])
def test_windows_outside_are_an_error(hirise, col, row):
    with pytest.raises(IndexError, match="not inside 256 x 5000"):
        hirise[0].read(Window(col, row, 2, 2))


def test_a_full_strip_is_read_in_bounded_memory(archive):
    """A made-up strip of 52224 lines, empty on disk: a window of 1 million pixels takes 5 bytes of each, and a copy."""
    path = archive.nac(random_pixels(1, 5064), IMAGE=dict(LINES=52224))
    os.truncate(path, 5064 * 52225)
    pixels = RawPixels(read_product(path))
    tracemalloc.start()
    stored, valid = pixels.read(Window(1000, 51000, 1000, 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stored.shape == (1000, 1000)
    assert not valid.any()
    assert peak < 16e6


def test_a_truncated_image_is_refused_with_both_sizes(archive):
    path = archive.ctx(random_pixels(5, 5056))
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(size - 1)
    with pytest.raises(OrbitileError, match=f"truncated: .* byte {size}, but the file has {size - 1} bytes"):
        RawPixels(read_product(path))


def test_a_label_without_its_image_is_refused():
    with pytest.raises(OrbitileError, match=r"M103595705LE_pds3.IMG: cannot be read .* put the image beside its label"):
        RawPixels(read_product(NAC_LABEL))


def test_the_label_of_another_image_is_refused(archive):
    """A label lies beside an image that says itself, or whose name says, that it is another product."""
    image = archive.nac(random_pixels(3, 5064), detached=True)
    other = image.with_name("M111111111LE.IMG")
    label = image.with_suffix(".lbl").read_text()
    other.with_suffix(".lbl").write_text(label.replace(image.name, other.name))
    image.rename(other)
    with pytest.raises(OrbitileError, match=r"label of M000000000LE, but the image .*M1.*IMG has another name"):
        RawPixels(read_product(other))


def test_an_image_that_says_itself_that_it_is_another_product_is_refused(archive, tmp_path):
    label = archive.nac(random_pixels(3, 5064), detached=True).with_suffix(".lbl")
    attached = archive.nac(random_pixels(9, 5064), name="M222222222LE")
    attached.rename(tmp_path / "M000000000LE.IMG")
    with pytest.raises(OrbitileError, match=r"is the label of M000000000LE, but the image .* is M222222222LE"):
        RawPixels(read_product(label))
