import numpy as np
import pytest
from raw_archive import CTX_LABEL, HIRISE, NAC_LABEL, NACL, Archive

from orbitile.errors import OrbitileError
from orbitile.raw.products import INSTRUMENTS, Columns, Layout, read_product


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)


def zeros(height, width, dtype=np.uint8):
    return np.zeros((height, width), dtype)


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


@pytest.mark.parametrize(
    "keywords, width, expected",
    [
        (dict(), 5056, Columns(38, 18, 0, 1)),
        (dict(SAMPLING_FACTOR=2), 2528, Columns(19, 9, 0, 2)),
        (dict(SAMPLING_FACTOR=None, SPATIAL_SUMMING=2), 2528, Columns(19, 9, 0, 2)),
        (dict(SAMPLE_FIRST_PIXEL=1000), 2016, Columns(16, 0, 1000, 1)),
        (dict(SAMPLE_FIRST_PIXEL=None, EDIT_MODE_ID='"1000"', SAMPLING_FACTOR=2), 1008, Columns(8, 0, 1000, 2)),
    ],
)
def test_columns_of_ctx(archive, keywords, width, expected):
    product = read_product(archive.ctx(zeros(2, width), **keywords))
    assert product.columns == expected
    assert product.width == width - expected.left - expected.right


@pytest.mark.parametrize(
    "side, summing, version, expected",
    [
        ("LEFT", 1, "v1.8", Columns(42, 23, 42, 1)),
        ("LEFT", 2, "v1.2", Columns(21, 12, 42, 2)),
        ("RIGHT", 1, "v1.3", Columns(24, 40, 24, 1)),
        ("RIGHT", 2, "1.8", Columns(12, 20, 24, 2)),
        ("RIGHT", 1, "v1.2", Columns(40, 24, 5024, 1, mirrored=True)),
        ("RIGHT", 2, "v1.2", Columns(20, 12, 5024, 2, mirrored=True)),
    ],
)
def test_columns_of_the_nacs(archive, side, summing, version, expected):
    product = read_product(archive.nac(zeros(2, 5064 // summing), FRAME_ID=side, PRODUCT_VERSION_ID=f'"{version}"'))
    assert product.instrument == f"LROC_NAC{side[0]}"
    assert product.columns == expected


def test_a_mirrored_image_sees_the_samples_of_the_same_image_turned_round(archive):
    """lronac2isis turns images of the right camera round that are older than version 1.3."""
    turned, mirrored = (
        read_product(archive.nac(zeros(2, 5064), name=name, FRAME_ID="RIGHT", PRODUCT_VERSION_ID=version))
        for name, version in (("A", "v1.3"), ("B", "v1.2"))
    )
    col = np.array([0.0, 10.5, 5000.0])
    assert turned.width == mirrored.width == 5000
    assert turned.detector_sample(col).tolist() == mirrored.detector_sample(mirrored.width - col).tolist()


@pytest.mark.parametrize(
    "width, keywords, expected",
    [
        (1024, {}, Columns(4, 0, 4, 1)),
        (512, {}, Columns(2, 0, 4, 2)),
        (256, {"MESS:PIXELBIN": 2}, Columns(1, 0, 4, 4)),
        (128, {"MESS:PIXELBIN": 4}, Columns(1, 0, 8, 8)),
        (512, {"MESS:FPU_BIN": 0, "MESS:PIXELBIN": 2}, Columns(2, 0, 4, 2)),
    ],
)
def test_columns_of_mdis(archive, width, keywords, expected):
    product = read_product(archive.mdis(zeros(width, width), **keywords))
    assert (product.instrument, product.body) == ("MDIS_NAC", "Mercury")
    assert product.columns == expected


@pytest.mark.parametrize("width, channel, first", [(1024, 0, 1024), (512, 1, 0), (256, 0, 1024), (341, 1, 0)])
def test_columns_of_hirise(archive, width, channel, first):
    product = read_product(archive.hirise(zeros(2, width), **{"MRO:CHANNEL_NUMBER": channel}))
    assert product.columns == Columns(0, 0, first, 1024 // width)
    assert product.layout.line_bytes == width + 34


def test_places_on_the_detector(archive):
    """Of a summed CTX image, the left edge of column 0 is that of detector sample 0, and of column 10 that of 20."""
    product = read_product(archive.ctx(zeros(2, 2528), SAMPLING_FACTOR=2))
    assert product.detector_sample([0, 0.5, 10, 2500]).tolist() == [0, 1, 20, 5000]
    assert (product.first_sample, product.summing, product.dropped) == (0, 2, (19, 9))


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
    "keywords, says",
    [
        (dict(INSTRUMENT_ID="MARCI", DATA_SET_ID='"MRO-M-MARCI-2-EDR-L0-V1.0"'), "INSTRUMENT_ID MARCI is not"),
        (dict(INSTRUMENT_ID="LROC", FRAME_ID="WAC"), "INSTRUMENT_ID LROC WAC is not"),
        (dict(INSTRUMENT_ID=None), "INSTRUMENT_ID nameless is not"),
    ],
)
def test_raw_products_of_other_instruments_are_refused(archive, keywords, says):
    with pytest.raises(OrbitileError, match=f"{says} an instrument .*; known are {', '.join(INSTRUMENTS)}"):
        read_product(archive.ctx(zeros(2, 5056), **keywords))


@pytest.mark.parametrize(
    "write, says",
    [
        (lambda a: a.ctx(zeros(2, 5056), RECORD_BYTES=5064), "lines of 5056 bytes, but RECORD_BYTES is 5064"),
        (lambda a: a.ctx(zeros(2, 5056), IMAGE=dict(SAMPLE_BITS=16)), "lines of 10112 bytes, but RECORD_BYTES is 5056"),
        (lambda a: a.ctx(zeros(2, 5056), IMAGE=dict(SAMPLE_BITS=12)), "SAMPLE_BITS 12"),
        (lambda a: a.ctx(zeros(2, 5056), IMAGE=dict(SAMPLE_TYPE="IEEE_REAL")), "SAMPLE_TYPE IEEE_REAL"),
        (lambda a: a.ctx(zeros(2, 5000)), "LINE_SAMPLES is 5000, but whole lines .* have 5056"),
        (lambda a: a.ctx(zeros(2, 5056), SAMPLING_FACTOR=3), r"SAMPLING_FACTOR is 3 .* one of \(1, 2\)"),
        (lambda a: a.ctx(zeros(2, 5056), TARGET_NAME="SKY"), "'SKY' is not a body"),
        (lambda a: a.nac(zeros(2, 5000), CROSSTRACK_SUMMING=1), "LINE_SAMPLES is 5000, but whole lines .* have 5064"),
        (lambda a: a.nac(zeros(2, 5064), FRAME_ID="RIGHT", PRODUCT_VERSION_ID="new"), "PRODUCT_VERSION_ID is 'new'"),
        (lambda a: a.mdis(zeros(2, 1000)), "LINE_SAMPLES is 1000|lines of 1000 bytes"),
        (lambda a: a.hirise(zeros(2, 300)), "LINE_SAMPLES is 300, but whole lines .* have 341"),
        (lambda a: a.hirise(zeros(2, 256), **{"MRO:CHANNEL_NUMBER": 2}), "CHANNEL_NUMBER is 2"),
    ],
)  # fmt: skip
def test_labels_that_contradict_themselves_are_refused(archive, write, says):
    with pytest.raises(OrbitileError, match=says) as error:
        read_product(write(archive))
    assert "\n" not in str(error.value)
