"""What is loaded of folders and meta-kernels, and what users are told where kernels are missing or do not fit."""

import shutil

import numpy as np
import pytest
import spiceypy
from camera_files import CTX, HIRISE
from made_kernels import NacStrip, attitudes, positions, write_text
from raw_archive import CTX_LABEL, Archive

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras import spice
from orbitile.georeferencing.cameras.spice_kernels import loaded_kernels
from orbitile.georeferencing.instruments.geometry import camera_geometry
from orbitile.georeferencing.instruments.registry import read_product

KERNELS = sorted(path for path in CTX.iterdir() if path.suffix not in (".lbl", ".json"))
NEEDED = "from 2009-06-01T00:38:16.057 to 2009-06-01T00:38:16.807 UTC"


@pytest.fixture(scope="module")
def image():
    return read_product(CTX_LABEL)


@pytest.fixture
def folder(tmp_path):
    """A folder with all kernels of the image."""
    place = tmp_path / "kernels"
    place.mkdir()
    for path in KERNELS:
        shutil.copy(path, place)
    return place


def without(folder, *suffixes):
    for path in folder.iterdir():
        if path.suffix in suffixes:
            path.unlink()
    return folder


def refused(product, kernels):
    """What users are told: one line that names the kernels; nothing stays loaded."""
    with pytest.raises(OrbitileError) as told:
        camera_geometry(product, kernels)
    text = str(told.value)
    assert str(kernels) in text
    assert "\n" not in text
    assert spiceypy.ktotal("ALL") == 0
    return text


def test_folders_in_folders_are_looked_into(folder, image):
    """As NAIF keeps them: a folder for each kind."""
    expected = camera_geometry(image, folder)
    for path in list(folder.iterdir()):
        (folder / path.suffix[1:]).mkdir(exist_ok=True)
        path.rename(folder / path.suffix[1:] / path.name)
    assert camera_geometry(image, folder).error_m == expected.error_m


@pytest.mark.parametrize(
    ("suffix", "wrong", "way_out"),
    [
        (".tls", "leap seconds are in none", "add the .tls"),
        (".tsc", "the clock of MRO (-74) is in none", "add its .tsc"),
        (".tpc", "BODY499_RADII is in none", "add the .tpc"),
        (".tf", "the frame MRO_CTX is in none", "add the mission's .tf"),
        (".ti", "INS-74021_OD_K is in none", "add the instrument's kernel (.ti), and ISIS' addendum"),
        (".bsp", f"positions of MRO (-74) are needed {NEEDED}, and no kernel has any;", "add the .bsp of that time"),
        (".bc", f"attitudes of MRO (-74000) are needed {NEEDED}, and no kernel has any;", "add the .bc of that time"),
    ],
)
def test_each_kind_of_kernel_is_asked_for_where_it_is_missing(suffix, wrong, way_out, folder, image):
    told = refused(image, without(folder, suffix))
    assert wrong in told
    assert told.endswith(way_out) or way_out in told


@pytest.mark.parametrize(
    ("other", "what", "spans"),
    [
        ("PSP_001446_1790_BG12_0.spice_0.bsp", "positions of MRO (-74)", "03:14:49.060 to 2006-11-17T03:55:46.863"),
        (
            "mro_sc_psp_061114_061120_0_sliced_-74000.bc",
            "attitudes of MRO (-74000)",
            "03:14:49.060 to 2006-11-17T03:55",
        ),
    ],
)
def test_kernels_of_another_time_are_told_with_what_they_cover(other, what, spans, folder, image):
    shutil.copy(HIRISE / other, without(folder, "." + other.rsplit(".", 1)[1]))
    told = refused(image, folder)
    assert f"{what} are needed {NEEDED}, and the kernels have 2006-11-17T{spans}" in told


def test_kernels_that_cover_only_a_part_are_refused(folder, tmp_path):
    """The kernels end with the whole image, some 24,000 lines."""
    text = CTX_LABEL.read_text().replace("LINES = 400", "LINES = 40000")
    (tmp_path / "long.lbl").write_text(text)
    told = refused(read_product(tmp_path / "long.lbl"), folder)
    assert "from 2009-06-01T00:38:16.057 to 2009-06-01T00:39:31.137 UTC" in told
    assert "2009-06-01T00:38:14.057 to 2009-06-01T00:39:04.186" in told


def test_kernels_of_another_spacecraft_are_told_by_name(folder, image):
    times = np.array([0.0, 1e9])
    positions(without(folder, ".bsp") / "lro.bsp", -85, 301, times, np.ones((2, 6)))
    assert "no kernel has any, but of LUNAR RECONNAISSANCE ORBITER (-85); add" in refused(image, folder)


def test_the_clock_of_another_spacecraft_is_told_by_name(folder, tmp_path):
    nac = read_product(Archive(tmp_path).nac(np.zeros((2, 5064), np.uint8), **{
        "LRO:SPACECRAFT_CLOCK_PREROLL_COUNT": '"1/270649237:07208"'
    }))  # fmt: skip
    told = refused(nac, folder)
    assert "the clock of LUNAR RECONNAISSANCE ORBITER (-85) is in none of them, but of" in told
    assert "(-74); add its .tsc" in told


def test_planets_are_asked_for_where_only_the_spacecraft_is_known(folder, image):
    """Light time needs the way around the Sun."""
    times = np.array([297088700.0, 297088900.0])
    positions(without(folder, ".bsp") / "mro.bsp", -74, 499, times, np.array([[3700.0, 0, 0, 0, 3, 0]] * 2))
    told = refused(image, folder)
    assert "positions of the planets are not in them; add the .bsp of planets" in told
    assert "SOLAR SYSTEM BARYCENTER" in told


def test_a_count_that_the_clock_does_not_know_is_told(folder, tmp_path):
    product = read_product(Archive(tmp_path).ctx(
        np.zeros((2, 5056), np.uint8), SPACECRAFT_CLOCK_START_COUNT='"9928283918:060"'
    ))  # fmt: skip
    assert "the clock's kernel does not cover the count; add a newer .tsc" in refused(product, folder)


def test_one_kernel_goes_on_where_another_ends(tmp_path):
    strip = NacStrip.of_tables(tmp_path)
    whole = camera_geometry(strip.product(), tmp_path).camera.motion.trajectory.positions
    (tmp_path / "strip.bsp").unlink()
    positions(tmp_path / "1.bsp", -85, 301, strip.times[:13], strip.states[:13])
    positions(tmp_path / "2.bsp", -85, 301, strip.times[12:], strip.states[12:])
    np.testing.assert_allclose(
        camera_geometry(strip.product(), tmp_path).camera.motion.trajectory.positions, whole, atol=1e-6
    )
    (tmp_path / "2.bsp").unlink()
    positions(tmp_path / "2.bsp", -85, 301, strip.times[13:], strip.states[13:])
    told = refused(strip.product(), tmp_path)
    assert told.count(" to 2009-07-30T") == 3  # what is needed, and two spans
    assert "; 2009-07-30T" in told


def test_attitudes_of_the_camera_itself_are_asked_for(tmp_path):
    """LRO's cameras have attitudes of their own, relative to the spacecraft's."""
    strip = NacStrip.of_tables(tmp_path)
    strip.frames(kind=3)
    told = refused(strip.product(), tmp_path)
    assert "attitudes of LRO (-85600) are needed from 2009-07-30T12:20:38.1" in told
    assert "no kernel has any, but of -85000;" in told
    still = type(strip.turns).identity(2)
    attitudes(tmp_path / "nac.bc", -85600, -85, strip.times[[0, -1]], still, "LRO_SC_BUS")
    assert camera_geometry(strip.product(), tmp_path).camera.height == 52224


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("a.bsp", b"hello", "fetch it again, or remove it"),
        ("a.tf", b"hello", "fetch it again, or remove it"),
        ("a.bsp", b"", "fetch it again, or remove it"),
        ("a.bsp", b"DAFETF NAIF DAF ENCODED TRANSFER FILE\n", "convert it with NAIF's tobin"),
    ],
)
def test_broken_files_are_told_by_name(name, content, wrong, folder, image):
    (folder / name).write_bytes(content)
    told = refused(image, folder)
    assert f"{name} cannot be loaded as a kernel; {wrong} (SPICE: " in told


@pytest.mark.parametrize("size", [100, 1500, 3000, 5000])
def test_kernels_that_are_cut_short_are_told_by_name(size, folder, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = folder / "B10_013341_1010_XN_79S172W_1.bsp"
    path.write_bytes(path.read_bytes()[:size])
    assert f"{path.name} is truncated at {size} bytes; fetch it again" in refused(image, folder)
    assert [one.name for one in tmp_path.iterdir()] == ["kernels"]


def test_what_is_no_kernel_is_left_alone(folder, image):
    (folder / "README.txt").write_text("no kernel")
    (folder / "notes").mkdir()
    (folder / "image.IMG").write_bytes(b"\0" * 99)
    assert camera_geometry(image, folder).camera.width == 5000
    assert spiceypy.ktotal("ALL") == 0


def test_folders_without_kernels_and_places_without_anything_are_refused(tmp_path, image):
    assert "holds no kernels (.tls, .tsc," in refused(image, tmp_path)
    assert "does not exist" in refused(image, tmp_path / "nowhere")


def meta(path, names, places=None):
    keywords = dict(PATH_SYMBOLS=list(places), PATH_VALUES=list(places.values())) if places else {}
    return write_text(path, "MK", **keywords, KERNELS_TO_LOAD=list(names))


@pytest.mark.parametrize(
    ("place", "places", "name"),
    [
        ("kernels/m.tm", None, "{}"),
        ("m.tm", None, "kernels/{}"),
        ("m.tm", {"K": "kernels"}, "$K/{}"),
        ("m.tm", {"K": "./ker", "KK": "./kernels"}, "$KK/{}"),
        ("mk/m.tm", {"K": ".."}, "$K/kernels/{}"),
    ],
)
def test_meta_kernels_count_relative_names_from_their_own_folder(place, places, name, folder, image, monkeypatch):
    path = folder.parent / place
    path.parent.mkdir(exist_ok=True)
    monkeypatch.chdir("/")
    found = camera_geometry(image, meta(path, [name.format(one.name) for one in KERNELS], places))
    expected = camera_geometry(image, folder).camera.motion.trajectory.positions
    np.testing.assert_array_equal(found.camera.motion.trajectory.positions, expected)


def test_meta_kernels_may_count_from_the_working_directory_or_from_the_root(folder, image, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(folder)
    assert camera_geometry(image, meta(other / "m.tm", [one.name for one in KERNELS])).camera.width == 5000
    monkeypatch.chdir("/")
    # SPICE takes 80 characters at a time.
    begins = [f"{folder}/"[start : start + 60] + "+" for start in range(0, len(f"{folder}/"), 60)]
    names = [part for one in KERNELS for part in (*begins, one.name)]
    assert camera_geometry(image, meta(other / "n.tm", names)).camera.width == 5000


def test_names_that_spice_cuts_are_told(tmp_path, image):
    told = refused(image, meta(tmp_path / "m.tm", ["x" * 90 + ".tls"]))
    assert f"lists {'x' * 80}, which" in told
    assert "cuts texts after 80 characters" in told


def test_meta_kernels_are_loaded_in_their_order_and_long_names_go_on(folder):
    (folder / "a.ti").write_text("KPL/IK\n\\begindata\nINS-1_N = 1\n")
    (folder / "b.ti").write_text("KPL/IK\n\\begindata\nINS-1_N = 2\n")
    for names, last in ((["a.ti", "b.ti"], 2), (["b.ti", "a.t+", "i"], 1)):
        with loaded_kernels(meta(folder / "m.tm", names)):
            assert spice.kernel_number("INS-1_N") == last


def test_meta_kernels_that_name_what_is_not_there_are_refused(folder, image):
    told = refused(image, meta(folder / "m.tm", ["naif0012.tls", "nope.bsp"]))
    assert "m.tm: lists nope.bsp, which is neither in its folder nor in the working directory" in told


@pytest.mark.parametrize("content", [b"nonsense", bytes(range(256)) * 9, b"KPL/MK\n\\begindata\nX = 1\n\\begintext\n"])
def test_what_is_no_meta_kernel_is_refused(content, tmp_path, image):
    (tmp_path / "m.tm").write_bytes(content)
    refused(image, tmp_path / "m.tm")


def test_numbers_of_kernels_must_be_as_many_as_asked(folder):
    write_text(folder / "a.ti", "IK", **{"INS-1_TWO": [1, 2]})
    with loaded_kernels(folder):
        np.testing.assert_array_equal(spice.kernel_numbers("INS-1_TWO", 2), [1, 2])
        assert spice.kernel_number("INS-1_NONE", 7.0) == 7
    wrong = pytest.raises(OrbitileError, match="kernels: INS-1_TWO is in none of them, or not with 3 numbers; add the")
    with wrong, loaded_kernels(folder):
        spice.kernel_numbers("INS-1_TWO", 3)
