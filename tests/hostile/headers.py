"""Images whose headers claim places that cannot be, odd ones that can, and headers with bytes of another file.

`odd_header` draws one; the same random numbers make the same file. `check` plans it beside a good scene: it is refused
by name, or every position of its row lies on the body, inside its footprint; the good scene is planned in any case.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import SimpleNamespace
from unittest.mock import patch
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS

from orbitile.planning import headers
from orbitile.planning.placement_checks import MAX_PIXELS
from orbitile.settings import Settings
from orbitile.space.bodies import find_body
from orbitile.space.ground import Ground
from orbitile.tables.plan import PlanRow, UnplannedScene

SIDE, GSD_M = 256, 474.0
MOON = find_body("Moon")
RADIUS = MOON.radius_m
MAP, MAP_180, NORTH, SOUTH, SINUSOIDAL = (
    CRS.from_authority("IAU_2015", code).to_wkt("WKT1_GDAL") for code in (30110, 30115, 30130, 30135, 30120)
)
DEGREES = CRS.from_authority("IAU_2015", 30100).to_wkt()
HEIGHTS = 'VERT_CS["h",VERT_DATUM["Moon radius",2005],UNIT["metre",1],AXIS["Up",UP]]'
USUAL = Affine(GSD_M, 0, -GSD_M * SIDE / 2, 0, -GSD_M, GSD_M * SIDE / 2)
NO_MAPS = dict(
    local='LOCAL_CS["Moon unnamed",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]',
    engineering='ENGCRS["site",EDATUM["P1"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]',
    vertical=HEIGHTS,
    geocentric='GEOCCS["m",DATUM["Moon",SPHEROID["Moon",1737400,0]],PRIMEM["m",0],UNIT["metre",1]]',
    grads=DEGREES.replace('"degree",0.0174532925199433', '"grad",0.015707963267949'),
    meridian=MAP.replace('"Reference Meridian",0', '"Elsewhere",30'),
    flattened=MAP.replace("1737400,0", "1737400,4"),
    no_radius=MAP.replace("1737400,0", "0,0"),
    mars=CRS.from_authority("IAU_2015", 49910).to_wkt(),
    earth=CRS.from_epsg(32633).to_wkt(),
    parameter=MAP.replace('"central_meridian",0', '"central_meridian",nan'),
)
"""Coordinate systems that are no maps of the Moon."""
MAPS = dict(
    plain=MAP,
    compound=f'COMPD_CS["Moon map and height",{MAP},{HEIGHTS}]',
    bound=MAP.replace("1737400,0]", "1737400,0],TOWGS84[0,0,0,0,0,0,0]"),
    unnamed=MAP.replace("Moon (2015) - Sphere", "unknown"),
    kilometres=MAP.replace('UNIT["metre",1', 'UNIT["kilometre",1000'),
)
"""Coordinate systems that are, with the usual geotransform (of kilometres, a thousandth of it)."""
ODD_NUMBERS = (0.0, -0.0, 1e-300, -1e-300, 5e-324, 1e-9, 1e9, -1e9, 1e100, 1e300, -1e308, float("nan"), float("inf"),
               -float("inf"), GSD_M, -GSD_M, 1.0, 360.0, 1e6, -1e8)  # fmt: skip
DEGREE_M = np.radians(1) * RADIUS
PLACES: dict[str, tuple] = dict(
    usual=(MAP, USUAL), antimeridian=(MAP, USUAL @ Affine.translation(180 * DEGREE_M / GSD_M, 0)),
    around_180=(MAP_180, USUAL), from_0_to_360=(MAP, Affine(GSD_M, 0, 0, 0, -GSD_M, 90 * DEGREE_M), (23_030, 11_516)),
    north_pole=(NORTH, USUAL), south_pole=(SOUTH, USUAL), south_up=(MAP, USUAL @ Affine.scale(1, -1)),
    mirrored=(MAP, USUAL @ Affine.scale(-1, 1)), rotated=(MAP, USUAL @ Affine.rotation(30)),
    quarter_turn=(MAP, USUAL @ Affine.rotation(90)), oblong=(MAP, USUAL @ Affine.scale(0.5, 1)),
    sinusoidal=(SINUSOIDAL, USUAL), polar_far_out=(NORTH, Affine(GSD_M, 0, 1e6, 0, -GSD_M, 1e6)),
)  # fmt: skip
"""Maps, geotransforms and sizes, where not 256 px a side, of images that lie on the Moon."""
LOST = dict(
    zero=Affine(0, 0, 0, 0, 0, 0), tiny=Affine(1e-300, 0, 0, 0, -1e-300, 0), flat=Affine(GSD_M, 0, 0, GSD_M, 0, 0),
    far=Affine(GSD_M, 0, 0, 0, -GSD_M, 1e8), far_east=Affine(GSD_M, 0, 1e9, 0, -GSD_M, 0),
    below=USUAL @ Affine.translation(0, 1e4),
    infinite=Affine(GSD_M, 0, float("inf"), 0, -GSD_M, 0), no_number=Affine(GSD_M, 0, 0, 0, float("nan"), 0),
    oblong=Affine(13.3, 0, 0, 0, -GSD_M, 0), in_degrees=Affine(0.0156, 0, 0, 0, -0.0156, 0),
    coarse_rows=Affine(GSD_M, 0, 0, 0, -3 * GSD_M, 0),
)  # fmt: skip
"""Geotransforms of images that lie nowhere."""


@dataclass(frozen=True)
class OddHeader:
    """A file, what is odd about its header, and whether it `lies` on the Moon; None where only a look can tell."""

    kind: str
    path: Path
    lies: bool | None = None


def write_image(path: Path, wkt: str, transform: Sequence[float], size: tuple[int, int] = (SIDE, SIDE)) -> Path:
    """A grey image beside which a VRT claims a map, a geotransform and a size, whatever they are."""
    pixels = path.with_name(f"{path.stem}-pixels.tif")
    profile = dict(driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="uint8")
    with rasterio.open(pixels, "w", **profile) as sink:
        sink.write(np.full((1, SIDE, SIDE), 7, np.uint8))
    a, b, c, d, e, f = transform[:6]
    numbers = ", ".join(repr(float(number)) for number in (c, a, b, f, d, e))
    path.write_text(
        f'<VRTDataset rasterXSize="{size[0]}" rasterYSize="{size[1]}"><SRS>{escape(wkt)}</SRS>'
        f'<GeoTransform>{numbers}</GeoTransform><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{pixels.name}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>'
        "</VRTRasterBand></VRTDataset>"
    )
    return path


def write_geotiff(path: Path, wkt: str = MAP, transform: Affine = USUAL) -> Path:
    """A GeoTIFF with a map and a geotransform that GDAL accepts."""
    profile = dict(driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="uint8", compress="deflate")
    with rasterio.open(path, "w", crs=wkt, transform=transform, **profile) as sink:
        sink.write(np.full((1, SIDE, SIDE), 7, np.uint8))
    return path


def good_place(random: Random, folder: Path) -> OddHeader:
    """One of PLACES."""
    name = random.choice(list(PLACES))
    return OddHeader(name, write_image(folder / "odd.vrt", *PLACES[name]), True)


def lost_place(random: Random, folder: Path) -> OddHeader:
    """One of LOST."""
    name = random.choice(list(LOST))
    return OddHeader(name, write_image(folder / "odd.vrt", MAP, LOST[name]), False)


def no_map(random: Random, folder: Path) -> OddHeader:
    """One of NO_MAPS."""
    name = random.choice(list(NO_MAPS))
    return OddHeader(name, write_image(folder / "odd.vrt", NO_MAPS[name], USUAL), False)


def other_map(random: Random, folder: Path) -> OddHeader:
    """One of MAPS."""
    name = random.choice(list(MAPS))
    factor = 0.001 if name == "kilometres" else 1.0
    return OddHeader(name, write_image(folder / "odd.vrt", MAPS[name], [number * factor for number in USUAL[:6]]), True)


def any_geotransform(random: Random, folder: Path) -> OddHeader:
    """Some of the usual numbers replaced by odd ones."""
    wkt = random.choice([MAP, MAP_180, NORTH, SOUTH, SINUSOIDAL])
    numbers = [random.choice(ODD_NUMBERS) if random.random() < 0.4 else number for number in USUAL[:6]]
    return OddHeader(f"geotransform {numbers}", write_image(folder / "odd.vrt", wkt, numbers))


def any_crs(random: Random, folder: Path) -> OddHeader:
    """A coordinate system with pieces of others in it."""
    texts = [*NO_MAPS.values(), *MAPS.values(), NORTH, SINUSOIDAL, DEGREES]
    text, other = random.choice(texts), random.choice(texts)
    start, place = random.randrange(len(other)), random.randrange(len(text))
    length = random.choice([0, 1, 2, 5, 40])
    mixed = text[:place] + other[start : start + length] + text[place + random.choice([0, 1, length]) :]
    return OddHeader("CRS", write_image(folder / "odd.vrt", mixed, USUAL))


def any_size(random: Random, folder: Path) -> OddHeader:
    """Columns and rows of up to 2^31 - 1."""
    size = tuple(random.choice([1, 2, 255, 5000, 10**5, 10**7, 10**9, 2**31 - 1]) for _ in range(2))
    return OddHeader(f"size {size}", write_image(folder / "odd.vrt", MAP, USUAL, size))


def any_bytes(random: Random, folder: Path) -> OddHeader:
    """A GeoTIFF of which a few bytes are others."""
    path = write_geotiff(folder / "odd.tif", *random.choice(list(PLACES.values()))[:2])
    content = bytearray(path.read_bytes())
    for _ in range(random.choice([1, 1, 2, 5, 20])):
        content[random.randrange(len(content))] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)])
    path.write_bytes(content[: random.choice([len(content)] * 9 + [random.randrange(len(content))])])
    return OddHeader("bytes", path)


KINDS: tuple[Callable[[Random, Path], OddHeader], ...] = (
    good_place, lost_place, no_map, other_map, any_geotransform, any_crs, any_size, any_bytes, any_bytes
)  # fmt: skip


def odd_header(random: Random, folder: Path) -> OddHeader:
    """An image with an odd header."""
    return random.choice(KINDS)(random, folder)


def check(random: Random, folder: Path) -> str:
    """Plan an odd header; "refused" or "accepted", AssertionError for a wrong place or a poor message."""
    return check_header(odd_header(random, folder), folder)


def check_header(header: OddHeader, folder: Path) -> str:
    rows, unplanned = plan_beside_good_scene(header.path, folder)
    assert "good" in rows, f"{header}: took the good scene with it, {unplanned.get('good')}"
    if "odd" in unplanned:
        reason = unplanned["odd"].reason
        assert header.lies is not True, f"{header}: refused, {reason}"
        assert str(header.path) in reason and "\n" not in reason and len(reason) < 600, f"{header}: {reason}"
        assert "unforeseen" not in reason, f"{header}: {reason}"
        return "refused"
    assert header.lies is not False, f"{header}: accepted"
    check_row(header, rows["odd"])
    return "accepted"


def check_row(header: OddHeader, row: PlanRow) -> None:
    """Every position of a row lies on the body, inside the footprint that the plan keeps."""
    grid = row.grid
    assert 0 < grid.width * grid.height <= MAX_PIXELS, f"{header}: {grid}"
    assert 0 < row.image_gsd_m <= GSD_M * 1.01, f"{header}: {row.image_gsd_m} m/px"
    cols, rows = np.random.default_rng(0).random((2, 50)) * [[grid.width], [grid.height]]
    lon, lat = Ground(grid.crs_wkt, RADIUS).lonlat(*grid.to_map(cols, rows))
    assert np.isfinite([lon, lat]).all(), f"{header}: positions off the body"
    assert np.abs([*lat, *row.outline_lat]).max() <= 90 + np.degrees(2.1 * GSD_M * 10 / RADIUS), f"{header}: {lat}"
    if row.outline_lat and "pole" not in header.kind and not grid.crs.to_wkt().count("Polar"):
        assert min(row.outline_lat) - 0.1 <= lat.min() <= lat.max() <= max(row.outline_lat) + 0.1, f"{header}: {lat}"


def plan_beside_good_scene(path: Path, folder: Path) -> tuple[dict[str, PlanRow], dict[str, UnplannedScene]]:
    """The rows and the refusals of a plan of an odd image and a good one, by scene, made in this process."""
    write_geotiff(folder / "good.tif")
    (folder / "scenes.csv").write_text(f"scene,path\ngood,good.tif\nodd,{path.name}\n")
    with patch.object(headers, "worker_pool", no_pool):
        rows, unplanned = headers.read_headers(settings(folder), {})
    return {row.scene: row for row in rows}, {scene.scene: scene for scene in unplanned}


def settings(folder: Path, **changes: object) -> Settings:
    """Those of a run on the Moon at 474 m."""
    scale = dict(gsd_m=GSD_M, tile_px=32, overlap_px=16)
    model = dict(weights="any.safetensors", sha256="0" * 64)
    fixed = dict(run="r", body="Moon", scenes=folder / "scenes.csv", scales=[scale], model=model)
    return Settings(**fixed | changes)


@contextmanager
def no_pool(*sizes: object) -> Iterator[SimpleNamespace]:
    """In place of worker processes, which a process of the campaign may not have."""
    yield SimpleNamespace(call=lambda function, *arguments: function(*arguments))
