import numpy as np
from page_runs import CRATERS, GSD_M, RADIUS_M, write_scenes

from orbitile.detections.matching import MatchCriteria, match_craters
from orbitile.detections.truth_on_ground import JudgedGround, TruthOnGround
from orbitile.tables.craters import Craters
from orbitile.web.truth_comparison import FALSE_ROW, NOT_JUDGED, RIGHT_ROW, TruthComparison


def craters_around(random, count):
    """Craters in the scene at 60 N, many of which overlap."""
    diameter_m = random.uniform(3, 30, count) * GSD_M
    return Craters(40 + random.uniform(-2, 2, count), 60 + random.uniform(-1, 1, count), diameter_m)


def test_rows_are_matched_as_an_evaluation_does(tmp_path):
    random = np.random.default_rng(1)
    true, rows = craters_around(random, 300), craters_around(random, 400)
    criteria = MatchCriteria(0.3, 8 * GSD_M, RADIUS_M)
    ground = JudgedGround.of(write_scenes(tmp_path)[:1], RADIUS_M, unmapped=False)
    compared = TruthComparison.of(rows, TruthOnGround.of(true, ground, criteria))
    expected = match_craters(rows, true, 0.3, 8 * GSD_M, RADIUS_M)
    hit = expected.detected["hit"].to_numpy()
    assert compared.counts == [400 - len(hit), hit.sum(), (~hit).sum()] and 20 < hit.sum() < 300
    assert len(compared.missed) == (~expected.truth["hit"]).sum()
    for kind, members in ((RIGHT_ROW, hit), (FALSE_ROW, ~hit)):
        assert sorted(rows.lon[compared.kinds == kind]) == sorted(expected.detected["lon"][members])


def test_what_lies_beside_the_scenes_is_not_judged(tmp_path):
    lon, lat, diameter_km = np.array([CRATERS["sixty"][0], (100.0, 0.0, 50.0)]).T
    criteria = MatchCriteria(0.3, 0.0, RADIUS_M)
    ground = JudgedGround.of(write_scenes(tmp_path)[:1], RADIUS_M, unmapped=False)
    none = Craters(np.zeros(0), np.zeros(0), np.zeros(0))
    compared = TruthComparison.of(Craters(lon, lat, diameter_km * 1000), TruthOnGround.of(none, ground, criteria))
    assert compared.kinds.tolist() == [FALSE_ROW, NOT_JUDGED]
