import numpy as np
import pytest
from raw_archive import CTX_LABEL, HIRISE, NAC_LABEL, NACL, Archive

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.raw import label as labels
from orbitile.georeferencing.raw.label import FIRST_BYTES, PvlLabel
from orbitile.georeferencing.raw.units import convert_unit


@pytest.fixture
def written(tmp_path):
    """Reads the label of a file with some lines between the first keyword and END."""

    def read(*lines, name="a.img", end="END"):
        path = tmp_path / name
        path.write_text("\r\n".join(["PDS_VERSION_ID = PDS3", *lines, end, ""]))
        return PvlLabel.read(path)

    return read


def test_a_label_is_parsed_once_unless_it_changes(written, monkeypatch):
    parsed, loads = [], labels.pvl.loads
    monkeypatch.setattr(labels.pvl, "loads", lambda text, **options: parsed.append(text) or loads(text, **options))
    assert [written("SEEN_HERE_ONLY = 1").integer("SEEN_HERE_ONLY") for _ in range(3)] == [1, 1, 1]
    assert len(parsed) == 1
    assert written("SEEN_HERE_ONLY = 2").integer("SEEN_HERE_ONLY") == 2


@pytest.mark.parametrize(
    "path, end, byte, lines, start, exposure_s",
    [
        (HIRISE, 28172, 61902, 5000, "2006-11-17T03:27:53.118000", None),
        (NACL, 3649, 3637, 10, "2009-11-29T14:51:21.968000", 0.3376e-3),
        (NAC_LABEL, 4009, 5064, 400, "2009-07-30T12:20:38.185000", 1.0288e-3),
        (CTX_LABEL, 1296, 5056, 400, "2009-06-01T00:38:16.057000", 1.877e-3),
    ],
)
def test_labels_of_the_archives(path, end, byte, lines, start, exposure_s):
    label = PvlLabel.read(path)
    assert (label.end, label.pointer("IMAGE")[1], label.integer("IMAGE.LINES")) == (end, byte, lines)
    assert label.text("START_TIME") == start
    if exposure_s is not None:
        assert label.number("LINE_EXPOSURE_DURATION", "s") == pytest.approx(exposure_s, rel=1e-12)


def test_values_of_the_hirise_label():
    label = PvlLabel.read(HIRISE)
    assert label.number("MRO:SCAN_EXPOSURE_DURATION", "us") == 83.6875
    assert label.number("MRO:SCAN_EXPOSURE_DURATION", "s") == pytest.approx(83.6875e-6, rel=1e-12)
    assert label.text("SPACECRAFT_CLOCK_START_COUNT") == "848201291:62546"
    assert label.integer("CALIBRATION_IMAGE.LINES") == 41
    table = label.numbers("mro:lookup_conversion_table")
    assert table.shape == (256, 2)
    assert table[[0, 1, 254, 255]].tolist() == [[0, 808], [809, 826], [8864, 16383], [-9998, -9998]]


@pytest.mark.parametrize(
    "pointer, records, name, byte",
    [
        ("2", "RECORD_BYTES = 100", "a.img", 100),
        ("101 <BYTES>", "RECORD_BYTES = 7", "a.img", 100),
        ("101", "RECORD_TYPE = UNDEFINED", "a.img", 100),
        ("1", "NOTE = none", "a.img", 0),
        ('"b.img"', "NOTE = none", "b.img", 0),
        ('("b.img", 3)', "RECORD_BYTES = 10", "b.img", 20),
        ('("b.img", 11 <BYTES>)', "NOTE = none", "b.img", 10),
    ],
)
def test_pointers_count_from_one_and_lead_into_files(written, pointer, records, name, byte):
    file, at = written(f"^IMAGE = {pointer}", records).pointer("IMAGE")
    assert (file.name, at) == (name, byte)


def test_the_outermost_key_is_found_first_in_any_case(written):
    label = written(
        "OBJECT = A", "LINES = 1", "GROUP = B", "LINES = 2", "X = 4", "END_GROUP", "END_OBJECT", "Lines = 3"
    )
    assert [label.integer(key) for key in ("lines", "A.LINES", "b.LINES", "a.b.lines", "X")] == [3, 1, 2, 2, 4]
    assert not label.has("B.Y")


def test_labels_of_isis_cubes(tmp_path):
    path = tmp_path / "a.cub"
    core = "Object = Core\n StartByte = 65537\n Group = Dimensions\n Samples = 5\n Lines = 4\n End_Group\n End_Object"
    path.write_bytes(f"Object = IsisCube\n {core}\nEnd_Object\nEnd\n".encode().ljust(65536, b"\0") + bytes(20))
    label = PvlLabel.read(path)
    assert label.integer("IsisCube.Core.Dimensions.Lines") == 4
    assert label.has("IsisCube")


def test_a_long_label_is_read_to_its_end(written):
    notes = [f'NOTE{i} = "{"x" * 1000}"' for i in range(200)]
    label = written(*notes, "LAST = 5")
    assert label.end > 2 * FIRST_BYTES
    assert label.integer("LAST") == 5


def test_an_image_finds_its_label_and_a_label_its_image(tmp_path):
    image = Archive(tmp_path).ctx(np.ones((3, 5056), np.uint8), detached=True)
    by_image, by_label = PvlLabel.read(image), PvlLabel.read(image.with_suffix(".lbl"))
    assert by_image.path == by_label.path == image.with_suffix(".lbl")
    assert by_image.image_path == by_label.image_path == image


def test_a_label_names_its_image_in_another_case(written, tmp_path):
    (tmp_path / "p01.img").touch()
    assert written("FILE_NAME = P01.IMG", name="b.lbl").image_path == tmp_path / "p01.img"


@pytest.mark.parametrize(
    "number, label_unit, unit, expected",
    [
        (2, "MSEC", "s", 0.002), (2, "ms", "us", 2000), (2, "MICROSECONDS", "ms", 0.002), (3, "KM", "m", 3000),
        (3396.19, "km", "km", 3396.19), (1, "METERS", "km", 0.001), (180, "DEG", "rad", np.pi),
        (1.5, "<K>", "s", None), (0, "DEGC", "K", 273.15), (295.2, "K", "degC", 22.05), (1, "furlong", "m", None),
    ],
)  # fmt: skip
def test_units(number, label_unit, unit, expected):
    converted = convert_unit(number, label_unit, unit)
    assert converted == (None if expected is None else pytest.approx(expected, rel=1e-12))


@pytest.mark.parametrize(
    "ask, says",
    [
        (lambda label: label.text("FOO"), "has no FOO"),
        (lambda label: label.text("LIST"), r"LIST is \[1, 2\] in the label, where text"),
        (lambda label: label.number("NAME"), "NAME is 'N/A' in the label, where a number"),
        (
            lambda label: label.number("LENGTH", "s"),
            r"LENGTH is '5 <KM>' in the label, where a number in s or",
        ),
        (lambda label: label.integer("HALF"), "HALF is 0.5 in the label, where an integer"),
        (lambda label: label.numbers("NAME"), "NAME is 'N/A' in the label, where a list of numbers"),
        (lambda label: label.pointer("IMAGE"), r"\^IMAGE is 0 in the label, where a record"),
        (lambda label: label.pointer("TABLE"), "has no RECORD_BYTES"),
    ],
)
def test_what_is_not_there_or_of_another_kind_is_named(written, ask, says):
    label = written("LIST = (1, 2)", "NAME = N/A", "LENGTH = 5 <KM>", "HALF = 0.5", "^IMAGE = 0", "^TABLE = 2")
    with pytest.raises(OrbitileError, match=f"a.img: .*{says}") as error:
        ask(label)
    assert "\n" not in str(error.value)


def test_files_without_a_whole_label_are_refused(written, tmp_path):
    (tmp_path / "b.img").write_bytes(bytes(100))
    with pytest.raises(OrbitileError, match=r"b.img: has no label, .* b.lbl beside it"):
        PvlLabel.read(tmp_path / "b.img")
    with pytest.raises(OrbitileError, match=r"c.img: cannot be read"):
        PvlLabel.read(tmp_path / "c.img")
    with pytest.raises(OrbitileError, match=r"a.img: its label has no END within"):
        written("A = 1", end="")
    with pytest.raises(OrbitileError, match=r"a.img: its label cannot be parsed"):
        written("A = (1, 2", "B = 2")


@pytest.mark.parametrize(
    "broken",
    ['=0\n"ACECRAFT = MARS', 'BIT_MO=0=A"SQROOT"', 'FILE = "B10("\n\n=2W.IMG"\nRECORDSZ) 1', "A = /* for ever", "= 5"],
)
def test_broken_labels_are_refused_at_once(written, broken):
    """pvl's lenient parser does not come back from the first three."""
    with pytest.raises(OrbitileError, match=r"a.img: its label (cannot be parsed|has no END)") as error:
        written("A = 1", broken, "B = 2")
    assert "\n" not in str(error.value)


def test_words_broken_at_a_hyphen_are_put_together(written):
    assert written("A = (one, tw-", "     o)", "B = 3").text("B") == "3"
    assert written("A = mars_express-", "     _orbiter", "B = 3").text("A") == "mars_express_orbiter"


def test_keywords_without_a_value_are_as_good_as_not_there(written):
    label = written("A =", "  B = 3", "C = ", "D =", '  "text"', "E =")
    assert [label.has(key) for key in "ABCDE"] == [False, True, False, True, False]
    assert label.text("D") == "text"
