import pytest

from orbitile.counting.methods_text import methods_text
from orbitile.counting.searched_ground import DiameterRange
from orbitile.settings import CountingSettings

CATALOGUE = dict(
    body="Moon", rows=5672, model="moon-relief-474m", model_sha256="ea63d7c7" * 8, scales_m=[474.0, 948.0],
    orbitile_version="0.2.0", orbitile_commit="c" * 40,
    errors=dict(text="9.3% are expected to be", score_threshold=0.56, unlike_scenes=2),
)  # fmt: skip
CORRECTED = dict(mode="correct", from_km=5.3704, reason="the catalogue is 50% complete from there on")
AREAS = [dict(name="Mare", craters=1234, expected=1500.25, from_km=5.37, to_km=227.5, searched_km2=45889.77)]


def text(catalogue=CATALOGUE, completeness=CORRECTED, **settings):
    dumped = CountingSettings(**settings).model_dump(mode="json")
    return methods_text(catalogue, dumped, completeness, {474.0: DiameterRange(4.74, 56.9)}, AREAS)


def test_the_text_says_what_was_done():
    words = text()
    for part in (
        "network moon-relief-474m (SHA-256 ea63d7c7ea63...)", "Orbitile 0.2.0 (commit cccccccccccc)", "474, 948 m/px",
        "scores from 0.56 on", "5,672 craters", "4.74 to 56.9 km at 474 m/px", "have their centres in the area",
        "calibrated probability", "from 5.37 km on", "1 / completeness", "2 scenes whose images are unlike",
        "18 per decade (Neukum 1983)", "100 draws (seed 0)", "off by 6.0%",
        "Mare: 1,234 craters (1,500.2 expected true ones) of 5.37 to 227.5 km on 45,889.8 km2",
    ):  # fmt: skip
        assert part in words, part


@pytest.mark.parametrize(
    ("settings", "part", "cited", "not_cited"),
    [
        (dict(method="buffered"), "2 radii", "Fassett, C. I.", "Kneissl, T."),
        (dict(method="non_sparseness"), "of ejecta", "Kneissl, T.", "Fassett, C. I."),
        (dict(binning="root_2"), "square root of 2", "Hartmann, W. K.", "Neukum, G. (1983)"),
        (dict(excluded="shadows.gpkg"), "less the polygons of shadows.gpkg", "Crater Analysis", "Hartmann, W. K."),
        (dict(draws=0), "No draws", "Michael, G. G.", "Hartmann, W. K."),
        (dict(probabilities=False), "none is taken for false", "Michael, G. G.", "Hartmann, W. K."),
    ],
)
def test_words_and_citations_go_with_the_settings(settings, part, cited, not_cited):
    words = text(**settings, **(dict(buffer_radii=2) if settings.get("method") == "buffered" else {}))
    assert part in words and cited in words and not_cited not in words


def test_nothing_is_claimed_without_a_calibration():
    unknown = dict(mode="none", from_km=None, reason="nothing is known of the completeness: no calibration states it")
    words = text(CATALOGUE | dict(errors=None, model=None), unknown)
    assert "at all diameters that show (nothing is known" in words and "nothing is corrected" in words
    assert "none is taken for false" in words and "unlike" not in words
