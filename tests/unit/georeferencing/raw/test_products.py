import numpy as np
import pytest
from raw_archive import CTX_LABEL, HIRISE, NAC_LABEL, NACL, zeros

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.instruments.registry import read_product
from orbitile.georeferencing.instruments.spice_camera import detector_column
from orbitile.georeferencing.raw.products import Columns, Layout


@pytest.mark.parametrize(
    "path, instrument, name, body, size, layout, columns",
    [
        (HIRISE, "HIRISE", "PSP_001446_1790_BG12_0", "Mars", (256, 5000), Layout(61902, 290, 18, "u1"),
         Columns(0, 0, 1024, 4)),
        (NACL, "LROC_NACL", "M114145549LE", "Moon", (4999, 10), Layout(3637, 5064, 42, "u1"), Columns(42, 23, 42, 1)),
        (NAC_LABEL, "LROC_NACL", "M103595705LE", "Moon", (4999, 400), Layout(5064, 5064, 42, "u1"),
         Columns(42, 23, 42, 1)),
        (CTX_LABEL, "CTX", "B10_013341_1010_XN_79S172W", "Mars", (5000, 400), Layout(5056, 5056, 38, "u1"),
         Columns(38, 18, 0, 1)),
    ],
)  # fmt: skip
def test_products_of_the_archives(path, instrument, name, body, size, layout, columns):
    product = read_product(path)
    assert (product.instrument, product.product_id, product.body) == (instrument, name, body)
    assert (product.width, product.height) == size
    assert product.layout == layout
    assert product.columns == columns


def test_places_on_the_detector(archive):
    """Of a summed CTX image, the left edge of column 0 is that of detector sample 0, and of column 10 that of 20."""
    product = read_product(archive.ctx(zeros(2, 2528), SAMPLING_FACTOR=2))
    assert detector_column(product).sample(np.array([0, 0.5, 10, 2500])).tolist() == [0, 1, 20, 5000]
    assert (product.first_sample, product.summing, product.dropped_columns) == (0, 2, (19, 9))


@pytest.mark.parametrize(
    "keywords",
    [
        dict(DATA_SET_ID='"MRO-M-CTX-5-RDR-V1.0"'),
        dict(DATA_SET_ID='"LRO-L-LROC-3-CDR-V1.0"', PRODUCT_TYPE="CDR"),
        dict(IMAGE_MAP_PROJECTION=dict(MAP_PROJECTION_TYPE="EQUIRECTANGULAR")),
    ],
)
def test_calibrated_and_projected_products_are_not_raw(archive, keywords):
    assert read_product(archive.ctx(zeros(2, 5056), **keywords)) is None


def test_files_without_a_label_and_cubes_are_not_raw(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    (tmp_path / "a.cub").write_text("Object = IsisCube\n Object = Core\n End_Object\nEnd_Object\nEnd\n")
    assert read_product(tmp_path / "a.tif") is None
    assert read_product(tmp_path / "a.cub") is None


@pytest.mark.parametrize(
    "write, says",
    [
        (lambda a: a.ctx(zeros(2, 5056), RECORD_BYTES=5064), "lines of 5056 bytes, but RECORD_BYTES is 5064"),
        (lambda a: a.ctx(zeros(2, 5056), IMAGE=dict(SAMPLE_BITS=16)), "lines of 10112 bytes, but RECORD_BYTES is 5056"),
        (lambda a: a.ctx(zeros(2, 5056), IMAGE=dict(SAMPLE_BITS=12)), "SAMPLE_BITS 12"),
        (lambda a: a.ctx(zeros(2, 5056), IMAGE=dict(SAMPLE_TYPE="IEEE_REAL")), "SAMPLE_TYPE IEEE_REAL"),
        (lambda a: a.ctx(zeros(2, 5000)), "LINE_SAMPLES is 5000, but complete lines .* have 5056"),
        (lambda a: a.ctx(zeros(2, 5056), SAMPLING_FACTOR=3), r"SAMPLING_FACTOR is 3 .* one of 1, 2 is allowed"),
        (lambda a: a.ctx(zeros(2, 5056), TARGET_NAME="SKY"), "'SKY' is not a body"),
        (lambda a: a.nac(zeros(2, 5000), CROSSTRACK_SUMMING=1), "LINE_SAMPLES is 5000, but .* have 5064"),
        (lambda a: a.nac(zeros(2, 5064), FRAME_ID="RIGHT", PRODUCT_VERSION_ID="new"), "PRODUCT_VERSION_ID is 'new'"),
        (lambda a: a.mdis(zeros(2, 1000)), "LINE_SAMPLES is 1000|lines of 1000 bytes"),
        (lambda a: a.hirise(zeros(2, 300)), "LINE_SAMPLES is 300, but complete lines .* have 341"),
        (lambda a: a.hirise(zeros(2, 256), **{"MRO:CHANNEL_NUMBER": 2}), "CHANNEL_NUMBER is 2"),
    ],
)  # fmt: skip
def test_labels_that_contradict_themselves_are_refused(archive, write, says):
    with pytest.raises(OrbitileError, match=says) as error:
        read_product(write(archive))
    assert "\n" not in str(error.value)
