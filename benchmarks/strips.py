"""A made-up pattern on the ground as a real camera images it, and how far off it is on a map.

The pattern tells its own place: one image's pixels hold the map's columns, the other's its rows, counted from the map's
middle, where the camera sees their centres. What a pixel of the map then holds beyond its own column and row is
its error, with the rounding of 32-bit floats (0.002 px at most) and what bilinear resampling leaves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import rasterio
from scipy.interpolate import CubicSpline

from orbitile.georeferencing.cameras.camera import Camera, to_ground
from orbitile.georeferencing.cameras.isd import read_camera, read_ellipsoid
from orbitile.georeferencing.cameras.surfaces import Ellipsoid
from orbitile.georeferencing.projection.choose_crs import choose_crs, grid_around
from orbitile.georeferencing.projection.footprint import footprint
from orbitile.rasters.write import Block
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, lonlat_of_points

ISD = Path(__file__).parents[1] / "tests/data/camera/lro_nac/lro_isis_isd.json"
WIDTH, HEIGHT = 5064, 52_224
GSD_M = 1.5
IMAGES = "cols", "rows"
MOON = find_body("Moon")
NODE_STEP = 64
"""Columns between the rays that are cast in every row; a cubic spline between them is within 1e-6 px."""

ROWS = 2048
MARGIN = 3
"""Pixels of the map from the image's border that are not judged: there the pattern ends, not the method."""


@dataclass(frozen=True)
class Strip:
    """The first rows of LRO NAC M103595705LE, whose camera and attitude are real, and the map it goes to."""

    camera: Camera
    surface: Ellipsoid
    grid: Grid

    @classmethod
    def of(cls, height: int) -> "Strip":
        """Of a number of rows."""
        camera, surface = read_camera(ISD, (WIDTH, height)), read_ellipsoid(ISD)
        outline = footprint(camera, surface, 64)
        return cls(camera, surface, grid_around(*outline, choose_crs(*outline, MOON), GSD_M, MOON.radius_m))

    def on_map(self, col: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Map coordinates (n, 2) of the ground that pixels (n) see."""
        lon, lat = lonlat_of_points(to_ground(self.camera, self.surface, col, row))
        return np.column_stack(Ground(self.grid.crs_wkt, MOON.radius_m).xy(lon, lat, *self._middle))

    def lattice(self, col: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Map coordinates (rows, columns, 2) of what all pixels of some rows and columns see."""
        cols, rows = np.meshgrid(col, row)
        return self.on_map(cols.ravel(), rows.ravel()).reshape(len(row), len(col), 2)

    def painted(self, rows: np.ndarray) -> np.ndarray:
        """Columns and rows of the map (2, rows, WIDTH), from its middle, at the centres of pixels."""
        nodes = np.arange(0.0, WIDTH + NODE_STEP, NODE_STEP)
        pixel_places = self.grid.to_pixel(*np.moveaxis(self.lattice(nodes, rows + 0.5), -1, 0))
        centres = np.arange(WIDTH) + 0.5
        middle = self.grid.width / 2, self.grid.height / 2
        return np.stack([CubicSpline(nodes, f - m, axis=1)(centres) for f, m in zip(pixel_places, middle, strict=True)])

    @property
    def _middle(self) -> tuple[float, float]:
        return self.grid.to_map(self.grid.width / 2, self.grid.height / 2)


def write_images(strip: Strip, folder: Path) -> None:
    """The pattern's two images as GeoTIFFs: cols.tif, rows.tif."""
    height = strip.camera.height
    profile = dict(driver="GTiff", width=WIDTH, height=height, count=1, dtype="float32", blockysize=16)
    with (
        rasterio.open(folder / "cols.tif", "w", **profile) as cols,
        rasterio.open(folder / "rows.tif", "w", **profile) as rows,
    ):
        for first in range(0, height, ROWS):
            last = min(first + ROWS, height)
            for sink, pixels in zip((cols, rows), strip.painted(np.arange(first, last)), strict=True):
                sink.write(pixels.astype("float32"), 1, window=((first, last), (0, WIDTH)))


def write_arrays(strip: Strip, folder: Path, step: int) -> None:
    """The map's coordinates of pixels' corners, every `step` px, as geolocation arrays that VRTs of the images name."""
    col, row = (np.arange(-(-size // step) + 1) * float(step) for size in (WIDTH, strip.camera.height))
    for axis, values in zip("xy", np.moveaxis(strip.lattice(col, row), -1, 0), strict=True):
        profile = dict(driver="GTiff", width=len(col), height=len(row), count=1, dtype="float64")
        with rasterio.open(folder / f"{axis}.tif", "w", **profile) as sink:
            sink.write(values, 1)
    options = dict(
        SRS=escape(strip.grid.crs_wkt), X_DATASET=folder / "x.tif", X_BAND=1, Y_DATASET=folder / "y.tif", Y_BAND=1,
        PIXEL_OFFSET=0, LINE_OFFSET=0, PIXEL_STEP=step, LINE_STEP=step, GEOREFERENCING_CONVENTION="TOP_LEFT_CORNER",
    )  # fmt: skip
    items = "".join(f'<MDI key="{key}">{value}</MDI>' for key, value in options.items())
    _write_views(strip, folder, "arrays", f'<Metadata domain="GEOLOCATION">{items}</Metadata>')


def write_points(strip: Strip, folder: Path, across: int, along: int) -> None:
    """Ground control points in map coordinates, on an even lattice over the image, in VRTs of the images."""
    col, row = np.linspace(0, WIDTH, across), np.linspace(0, strip.camera.height, along)
    places = strip.lattice(col, row).tolist()
    points = "".join(
        f'<GCP Id="{i}-{j}" Pixel="{c}" Line="{r}" X="{places[i][j][0]!r}" Y="{places[i][j][1]!r}"/>'
        for i, r in enumerate(row)
        for j, c in enumerate(col)
    )
    crs = quoteattr(strip.grid.crs_wkt)
    _write_views(strip, folder, "points", f"<GCPList Projection={crs}>{points}</GCPList>")


def _write_views(strip: Strip, folder: Path, kind: str, place: str) -> None:
    """VRTs of both images that say where they lie."""
    for image in IMAGES:
        (folder / f"{image}-{kind}.vrt").write_text(
            f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{strip.camera.height}">{place}'
            f'<VRTRasterBand dataType="Float32" band="1"><SimpleSource><SourceFilename>{folder / image}.tif'
            "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
        )


@dataclass
class Offsets:
    """How far pixels' values are from their own columns (axis 0) or rows (1), fed from north to south."""

    grid: Grid
    axis: int
    count: int = 0
    worst: float = 0.0
    squares: float = 0.0

    def feed(self, blocks: Iterable[Block]) -> None:
        """Judge whole rows of the map, all but those at the border of what is valid."""
        tail: Block | None = None
        for window, pixels, valid in blocks:
            first = window.row
            if tail is not None:
                first, pixels, valid = tail[0], np.vstack([tail[1], pixels]), np.vstack([tail[2], valid])
            self._judge(first, pixels, valid)
            tail = first + len(pixels) - 2 * MARGIN, pixels[-2 * MARGIN :], valid[-2 * MARGIN :]

    def _judge(self, first: int, pixels: np.ndarray, valid: np.ndarray) -> None:
        inner, (rows, cols) = slice(MARGIN, -MARGIN), valid.shape
        is_valid = np.ones((rows - 2 * MARGIN, cols - 2 * MARGIN), bool)
        for down in (0, MARGIN, 2 * MARGIN):
            for right in (0, MARGIN, 2 * MARGIN):
                is_valid &= valid[down : rows - 2 * MARGIN + down, right : cols - 2 * MARGIN + right]
        expected = [np.arange(cols)[None, inner], first + np.arange(rows)[inner, None]][self.axis]
        middle = (self.grid.width, self.grid.height)[self.axis] / 2
        off = np.abs(pixels[inner, inner] - (expected + 0.5 - middle))[is_valid]
        self.count += off.size
        self.worst = max(self.worst, float(off.max(initial=0)))
        self.squares += float((off.astype(float) ** 2).sum())
