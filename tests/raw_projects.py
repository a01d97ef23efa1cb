"""A project of raw images and strips on Mars. The HiRISE image is real; the others, cut from the Moon and put on Mars,
are made up."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from camera_files import HIRISE
from projects import SCENE, Project, demo_settings, write_image, write_scenes
from raw_archive import HIRISE as HIRISE_EDR

GSD_M = 4.4
FOUR = "-156.700 -1.100; -156.685 -1.100; -156.685 -1.115; -156.700 -1.115"
STRIPS = dict(left=(0, 1.0), right=(200, 0.7))
"""Where the strips of the mosaic begin, in columns, and by what their pixels are darker: they overlap by 100."""
PLACE = -2_110_600 * GSD_M, -14_000 * GSD_M


def moon(col: int, width: int) -> np.ndarray:
    """Pixels of the Moon (300 rows) that stand for Mars."""
    with rasterio.open(SCENE) as source:
        return source.read(1)[700:1000, 600 + col : 600 + col + width]


def write_mars(path: Path, pixels: np.ndarray, **place: object) -> None:
    """Write pixels as an image without a map, or at a place."""
    write_image(path, pixels, dict(driver="GTiff", count=1, dtype="uint8", nodata=0) | place)


def mars_settings(folder: Path) -> dict:
    """The demo's settings for scenes of Mars in a folder."""
    scales = [dict(gsd_m=GSD_M, tile_px=256, overlap_px=96)]
    return demo_settings(folder) | dict(body="Mars", scales=scales, evaluation={})


def make_raw_project(folder: Path) -> Project:
    """One group of a raw image, a mosaic of two strips and an image with corners."""
    rows = [dict(scene="edr", path=str(HIRISE_EDR), kernels=str(HIRISE))]
    for name, (col, share) in STRIPS.items():
        place = dict(crs="IAU_2015:49910", transform=Affine(GSD_M, 0, PLACE[0] + col * GSD_M, 0, -GSD_M, PLACE[1]))
        write_mars(folder / "images" / f"{name}.tif", moon(col, 300) * share, **place)
        rows.append(dict(scene=name, path=f"images/{name}.tif", mosaic="pair"))
    write_mars(folder / "images" / "plain.tif", moon(0, 300))
    rows.append(dict(scene="plain", path="images/plain.tif", corners=FOUR))
    write_scenes(folder, [row | dict(group="g") for row in rows])
    return Project(folder, mars_settings(folder))
