"""Colours that decide between right and wrong, as people see them who lack a kind of cones."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import rgb2lab

from orbitile.pictures.class_colours import PALETTE
from orbitile.pictures.measure_styles import MEASURE_STYLES
from orbitile.reporting.colours import STATE_COLOURS, UNFINISHED
from orbitile.stages.annotate import COLOURS, STYLES

TO_LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
LACKING = dict(
    protanopia=[[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]],
    deuteranopia=[[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]],
)
"""Cones from linear RGB, and what is left of them: Vienot, Brettel and Mollon (1999), Color Res. Appl. 24, 243."""
TOLD_APART = 10.0
"""Distance in CIELAB; what is called just noticeable is 2.3."""
SETS = dict(
    matches=[COLOURS[kind] for kind in STYLES],
    measures=[style.colour for style in MEASURE_STYLES.values()],
    classes=PALETTE,
    states=[STATE_COLOURS[state] for state in UNFINISHED],
)


def seen_without(colours, lacking):
    """CIELAB of colours (n, 3) to somebody who lacks a kind of cones."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    left = (linear @ (np.linalg.inv(TO_LMS) @ np.array(LACKING[lacking]) @ TO_LMS).T).clip(0, 1)
    return rgb2lab(np.where(left <= 0.0031308, 12.92 * left, 1.055 * left ** (1 / 2.4) - 0.055))


def least_distance(colours, lacking):
    lab = seen_without(colours, lacking)
    return min(float(np.linalg.norm(first - second)) for first, second in combinations(lab, 2))


@pytest.mark.parametrize("lacking", LACKING)
@pytest.mark.parametrize("name", SETS)
def test_colour_blind_people_tell_them_apart(name, lacking):
    assert least_distance(SETS[name], lacking) > TOLD_APART


@pytest.mark.parametrize("lacking", LACKING)
def test_a_red_and_a_green_that_they_confuse_are_noticed(lacking):
    assert least_distance(["#b06000", "#707000"], lacking) < TOLD_APART


def test_matches_differ_in_their_lines_too():
    assert len({str(style) for style in STYLES.values()}) == len(STYLES) == 3
