"""A count as the files that other programs of crater counting read: Craterstats, OpenCraterTool, CraterTools, JMARS."""

import logging
from pathlib import Path

from orbitile.base.files import make_folder, write_text
from orbitile.counting.area_count import AreaCount
from orbitile.counting.area_rings import AreaRings
from orbitile.counting.counting_shapefiles import write_shapefile_pair
from orbitile.counting.counting_sphere import CountingSphere
from orbitile.counting.crater_lists import jmars_text, robbins_text
from orbitile.counting.craterstats_files import diam_text, diam_text_of_craterstats_2, scc_text
from orbitile.space.bodies import Body

log = logging.getLogger(__name__)

MOST_ERROR = 1e-3
"""Relative difference of an outline's size from the counted area from which on a line says so."""


def write_exchange_files(count: AreaCount, body: Body, stem: str) -> list[Path]:
    """Write stem.scc, .diam, _craterstats2.diam, _CRATER.shp, _AREA.shp, _jmars.csv and _robbins.csv; their paths.

    None where no crater was counted, for most programs read no empty list. OrbitileError for an area without extent.
    """
    if not len(count):
        log.warning("area %s: no crater was counted in it; no files for other programs are written", count.name)
        return []
    rings = AreaRings.of(count.shape)
    sphere = CountingSphere.of(count, rings, body)
    if abs(sphere.area_error) > MOST_ERROR:
        log.warning("area %s: its outline surrounds %.3g km2, of which %.3g km2 were searched; Craterstats takes the "
                    "first from _AREA.shp, and the second from .scc and .diam", count.name,
                    count.searched_km2 * (1 + sphere.area_error), count.searched_km2)  # fmt: skip
    make_folder(Path(stem).parent)
    texts = {
        ".scc": scc_text(count, rings, sphere), ".diam": diam_text(count),
        "_craterstats2.diam": diam_text_of_craterstats_2(count),
        "_jmars.csv": jmars_text(count), "_robbins.csv": robbins_text(count),
    }  # fmt: skip
    for suffix, text in texts.items():
        write_text(f"{stem}{suffix}", text)
    shapefiles = [file.path for file in write_shapefile_pair(count, rings, sphere, stem)]
    return [*(Path(f"{stem}{suffix}") for suffix in texts), *shapefiles]
