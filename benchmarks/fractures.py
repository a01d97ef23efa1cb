"""Made-up masks of fractures: networks of smooth curves 3 to 40 px wide with holes, and specks, from a fixed seed."""

import numpy as np
import rasterio.features
import shapely

SEED = 20
SHARE = 0.03
"""Of pixels that belong to a fracture."""
STEP_PX = 10.0
NARROWEST_PX, WIDEST_PX = 3.0, 40.0
PIXELS_PER_SPECK = 50_000
LARGEST_SPECK_PX, LARGEST_HOLE_PX = 2.5, 6.0


def mask(side: int) -> np.ndarray:
    """A mask (side, side; bool)."""
    rng = np.random.default_rng([SEED, side])
    drawn: list[tuple[shapely.Geometry, int]] = []
    filled = 0.0
    while filled < SHARE * side**2:
        curve, holes = fracture(rng, side)
        inside = shapely.clip_by_rect(curve, 0, 0, side, side)
        filled += inside.area
        drawn += [(inside, 1), (holes, 0)]
    drawn += [(speck, 1) for speck in specks(rng, side)]
    drawn = [(shape, value) for shape, value in drawn if not shape.is_empty]
    return rasterio.features.rasterize(drawn, (side, side), dtype=np.uint8).astype(bool)


def fracture(rng: np.random.Generator, side: int) -> tuple[shapely.Geometry, shapely.Geometry]:
    """A curve of changing width, and the holes in it."""
    steps = int(np.exp(rng.uniform(np.log(20), np.log(300))))
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.06, steps))
    points = rng.uniform(0, side, 2) + np.cumsum(STEP_PX * np.column_stack([np.cos(heading), np.sin(heading)]), axis=0)
    drift = np.cumsum(rng.normal(0, 0.05, steps))
    width = np.clip(np.exp(rng.uniform(np.log(NARROWEST_PX), np.log(WIDEST_PX)) + drift), NARROWEST_PX, WIDEST_PX)
    parts = shapely.buffer(shapely.linestrings(np.stack([points[:-1], points[1:]], axis=1)), width[1:] / 2)
    middles = shapely.points(points[rng.random(steps) < 0.05])
    holes = shapely.buffer(middles, rng.uniform(0.5, LARGEST_HOLE_PX, len(middles)))
    return shapely.union_all(parts), shapely.union_all(holes)


def specks(rng: np.random.Generator, side: int) -> np.ndarray:
    """Discs of a few pixels."""
    number = side**2 // PIXELS_PER_SPECK
    return shapely.buffer(shapely.points(rng.uniform(0, side, (number, 2))), rng.uniform(0.5, LARGEST_SPECK_PX, number))
