import numpy as np
import pytest
import shapely
from matplotlib.image import imread

from orbitile.counting.area_count import AreaCount
from orbitile.counting.size_frequency import SizeFrequency
from orbitile.pictures.size_frequency_picture import FrequencySeries, draw_size_frequency


def series(sizes, label="a", binning="pseudo_log"):
    size = np.asarray(sizes, float)
    ones = np.ones(len(size))
    count = AreaCount("a", shapely.box(0, 0, 1, 1), 1.0, ones, ones, size, ones, ones, ones)
    return FrequencySeries(label, vars(SizeFrequency.of(count, binning, 2.0)))


@pytest.mark.parametrize("binning", ["pseudo_log", "none"])
@pytest.mark.parametrize("sizes", [[], [3.0], [1.0, 2.0, 3.0, 80.0]])
@pytest.mark.parametrize("from_km", [None, 2.0])
def test_frequencies_are_drawn(tmp_path, sizes, binning, from_km):
    paths = [tmp_path / "a.png", tmp_path / "a.pdf"]
    draw_size_frequency([series(sizes, binning=binning)], "title", from_km, "why", paths)
    assert (imread(paths[0])[..., :3] < 0.9).any()
    assert paths[1].read_bytes().startswith(b"%PDF")


def test_the_same_numbers_give_the_same_files(tmp_path):
    first, second = ([tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"] for name in "ab")
    for paths in (first, second):
        draw_size_frequency([series([3.0, 4.0]), series([5.0], "b")], "title", 2.0, "why", paths)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
