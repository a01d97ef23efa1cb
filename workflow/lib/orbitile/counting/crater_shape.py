"""The shape of a crater by radial profiles of elevation: rim, floor, depth, slope of the wall, and their errors.

Definitions, all after a plane through the surroundings is taken off:

- surroundings: a plane through the ground at 1.75 to 2.25 radii, fitted with Huber's weights, so that other craters
  there count little;
- rim crest: along each profile the highest place between 0.7 and 1.3 radii (Pike 1977; Robbins and Hynek 2012), then
  between 0.85 and 1.15 radii of the circle through these places; elevation of the rim: the mean over all azimuths, at
  places that the profiles on both sides tell, so that noise is not picked;
- diameter of the rim: that of the circle of the same area as the crest encloses;
- floor: the mean of the lowest ring, a tenth of a radius wide, within 0.6 radii: the middle of a bowl, the plain around
  a central peak (Robbins and Hynek 2012 take the lowest ground, too);
- depth: rim less floor (Pike 1977; Stopar et al. 2017); height of the rim: rim less surroundings, in which a blanket of
  ejecta at 2 radii is no longer counted (about an eighth of the rim's height; McGetchin et al. 1973);
- slope of the wall: between 10 and 90 % of the depth, mean of eight octants.

Pike: Impact and Explosion Cratering, 489-509. Robbins and Hynek: doi 10.1029/2011JE003966. Stopar et al.: doi
10.1016/j.icarus.2017.05.022. McGetchin et al.: doi 10.1016/0012-821X(73)90162-3.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d

from orbitile.counting.elevation_profiles import AZIMUTHS, EAST, FWHM_PER_SIGMA, NORTH, STEPS, TerrainPatch

OCTANTS = 8
SURROUNDINGS = (1.75, 2.25)
FIRST_SEARCH, SECOND_SEARCH = (0.7, 1.3), (0.85, 1.15)
"""Where the rim is searched, in radii."""
FLOOR_RINGS = np.arange(0, 0.65, 0.1)
WALL_SHARES = (0.1, 0.9)
"""Of the depth, between which the slope of the wall is taken."""
NEIGHBOURS = 2
"""Profiles to either side whose rim tells where it is on the one between them."""
LARGEST_SHIFT, LARGEST_CHANGE = 0.3, 1.25
"""Of a circle through the rim against that of the catalogue: shift in radii, factor of the radius."""
LARGEST_WANDER = 0.12
"""Standard deviation, in radii, of a rim about a smooth curve; without a rim it is 0.17, that of equal chances."""
LARGEST_GAP = 0.1
"""Share of the profiles that may have no data."""
HUBER = 1.345
"""Residuals, in standard deviations, from which on their weight falls (Huber 1981)."""
NORMAL = 1.4826
"""Standard deviation of a normal distribution over the median of its sizes."""
ROBUST_PASSES = 5
TINY = 1e-12
LEAST_OCTANTS = 5

DEFINITIONS = __doc__.split("\n\n", 1)[1]
"""What the quantities mean, with sources."""
OK, SHALLOW = "ok", "shallow"
NO_DATA, TILTED, NO_RIM = "nodata", "tilted", "no_rim"
QUANTITIES = (
    "rim_diameter_km", "rim_m", "floor_m", "surroundings_m", "rim_height_m", "depth_m", "depth_to_diameter",
    "wall_slope_deg", "tilt_deg",
)  # fmt: skip
"""What is measured of a crater; elevations in metres over the model's zero."""


class Uncertainty(NamedTuple):
    """What errors are made of.

    `error_m` is the standard error of the model's elevations, `resolution_m` its resolution on the ground, within which
    its errors go together; `position` and `diameter` the standard errors of the catalogue, as shares of the diameter.
    """

    error_m: float
    resolution_m: float
    position: float
    diameter: float


@dataclass(frozen=True)
class CraterShape:
    """What was measured of a crater: values of QUANTITIES and their standard errors, or the reason why there are none.

    `quality` is OK, SHALLOW (measured, but the depth is less than twice its error), or the reason. `roughness_m` is the
    part of the depth's error that the ground has: its standard deviation, over places of the floor's size around the
    crater. Without it the error is that of measuring this very ground again.
    """

    quality: str
    values: dict[str, float]
    errors: dict[str, float]
    roughness_m: float | None = None


class _Measured(NamedTuple):
    """Of circles (k): quantities (k, QUANTITIES), their scatter by azimuth, roughness, and whether there is a rim."""

    values: np.ndarray
    scatter: np.ndarray
    roughness: np.ndarray
    has_rim: np.ndarray


def measure_shape(patch: TerrainPatch, radius_m: float, errors: Uncertainty, max_tilt_deg: float) -> CraterShape:
    """Measure the crater in the middle of a patch by its radius in the catalogue.

    Standard errors add up the scatter by azimuth (of eight octants, within which terrain goes together), the model's
    error over its resolution cells, the effect of moving and resizing the catalogue's circle by its errors, and half of
    what is added for the blur of model and sampling: what a crest loses grows with the width of a blur, so that values
    measured again with a blur twice as wide are extrapolated to none.
    """
    circle = np.array([0.0, 0.0, radius_m])
    if np.isnan(patch.profiles(circle[None])).mean() > LARGEST_GAP:
        return _without(NO_DATA)
    moved = radius_m * 2 * np.array([errors.position, errors.position, errors.diameter])
    circles = np.concatenate([circle[None], *(circle + sign * np.diag(moved) for sign in (1, -1))])
    measured = _measure(patch, circles, radius_m)
    values = dict(zip(QUANTITIES, measured.values[0].tolist(), strict=True))
    if values["tilt_deg"] > max_tilt_deg:
        return _without(TILTED)
    blur_m = np.hypot(errors.resolution_m / FWHM_PER_SIGMA, np.hypot(patch.spacing_m, radius_m * STEPS[1]) / np.sqrt(6))
    blurred = _measure(patch.blurred(np.sqrt(3) * blur_m), circle[None], radius_m)
    if not measured.has_rim[0] or not blurred.has_rim[0] or measured.has_rim[1:].sum() < len(moved):
        return _without(NO_RIM)
    changes = np.where(measured.has_rim[1:, None], measured.values[1:] - measured.values[0], np.nan)
    variance = np.nansum(_nan_mean(np.reshape(changes**2, (2, 3, -1)), 0), axis=0)
    sharpened = measured.values[0] - blurred.values[0]
    variance += measured.scatter[0] ** 2 + (sharpened / 2) ** 2 + _model_errors(values, errors) ** 2
    values = dict(zip(QUANTITIES, (measured.values[0] + sharpened).tolist(), strict=True))
    deviations = dict(zip(QUANTITIES, np.sqrt(variance).tolist(), strict=True))
    quality = OK if values["depth_m"] > 2 * deviations["depth_m"] else SHALLOW
    return CraterShape(quality, values, deviations, float(measured.roughness[0]))


def _without(reason: str) -> CraterShape:
    return CraterShape(reason, {}, {})


def _model_errors(values: dict[str, float], errors: Uncertainty) -> np.ndarray:
    """Errors (QUANTITIES) that the elevation model's bring, by the number of resolution cells that a mean is over."""
    radius_m = values["rim_diameter_km"] * 500
    cells = radius_m / max(errors.resolution_m, TINY)
    rim = errors.error_m / np.sqrt(max(2 * np.pi * cells, 1))
    floor = errors.error_m / np.sqrt(max(np.pi * (FLOOR_RINGS[1] * cells) ** 2, 1))
    area = np.pi * (SURROUNDINGS[1] ** 2 - SURROUNDINGS[0] ** 2)
    ground = errors.error_m / np.sqrt(max(area * cells**2, 1))
    depth = np.hypot(rim, floor)
    wall = _slope_error(np.array(values["wall_slope_deg"]), depth, np.array(values["depth_m"]))
    of = dict(
        rim_m=rim, floor_m=floor, surroundings_m=ground, rim_height_m=np.hypot(rim, ground), depth_m=depth,
        depth_to_diameter=depth / (2 * radius_m), wall_slope_deg=wall, tilt_deg=np.degrees(ground / radius_m),
    )  # fmt: skip
    return np.array([of.get(name, 0.0) for name in QUANTITIES])


def _slope_error(slope_deg: np.ndarray, depth_error: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The error in degrees that an error of the depth brings into a slope over the same distance."""
    slope = np.radians(slope_deg)
    return np.degrees(np.cos(slope) * np.sin(slope)) * depth_error / np.maximum(np.abs(depth), TINY)


def _measure(patch: TerrainPatch, circles: np.ndarray, radius_m: float) -> _Measured:
    """Measure by circles (k, 3) as the catalogue might have given them; `radius_m` is what it has given."""
    first = _levelled(patch.profiles(circles))
    crest, wander = _crest(first.heights, FIRST_SEARCH)
    fitted = _circles_through(crest, circles)
    shift = np.hypot(*(fitted[:, :2] - circles[:, :2]).T) / circles[:, 2]
    change = np.abs(np.log(fitted[:, 2] / circles[:, 2]))
    has_rim = (wander < LARGEST_WANDER) & (shift < LARGEST_SHIFT) & (change < np.log(LARGEST_CHANGE))
    has_rim &= np.hypot(*fitted[:, :2].T) + fitted[:, 2] * STEPS[-1] < patch.spacing_m * (len(patch.heights) // 2)
    fitted = np.where(has_rim[:, None], fitted, circles)
    terrain = _levelled(patch.profiles(fitted))
    crest, wander = _crest(terrain.heights, SECOND_SEARCH)
    values, scatter = _quantities(terrain, crest, fitted[:, 2])
    is_measured = has_rim & np.isfinite(values).all(axis=1) & (wander < LARGEST_WANDER)
    return _Measured(values, scatter, terrain.roughness, is_measured)


class _Levelled(NamedTuple):
    """Profiles (k, AZIMUTHS, STEPS) over the planes of their surroundings.

    `planes` are the level at the middle and slopes east and north (k, 3; metres, metres per radius), `level_errors` the
    standard errors of that level (k), `roughness` (k; metres) the standard deviation, by the median, of places in the
    surroundings that are a quarter of a radius across.
    """

    heights: np.ndarray
    planes: np.ndarray
    level_errors: np.ndarray
    roughness: np.ndarray


def _levelled(profiles: np.ndarray) -> _Levelled:
    """Profiles without the plane through their surroundings (k planes)."""
    along = _within(*SURROUNDINGS)
    heights = profiles[:, :, along].reshape(len(profiles), -1)
    design = _plane_design(STEPS[along]).reshape(-1, 3)
    planes, residuals = _robust_fit(design, heights)
    octants = _nan_mean(residuals.reshape(len(profiles), OCTANTS, -1), 2)
    flat = profiles - np.einsum("kp,arp->kar", planes, _plane_design(STEPS))
    places = _place_means(residuals.reshape(len(profiles), AZIMUTHS, -1))
    roughness = NORMAL * _medians(np.abs(places - _medians(places)[:, None]))
    return _Levelled(flat, planes, octants.std(axis=1, ddof=1) / np.sqrt(OCTANTS), roughness)


def _place_means(residuals: np.ndarray) -> np.ndarray:
    """Means (k, places) of residuals (k, AZIMUTHS, steps) over the inner and the outer half of the surroundings."""
    halves = np.array_split(residuals, 2, axis=2)
    return np.concatenate([_nan_mean(half, 2) for half in halves], axis=1)


def _nan_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Means along an axis of what is not NaN; NaN where there is nothing else."""
    count = np.isfinite(values).sum(axis=axis)
    return np.where(count > 0, np.nansum(values, axis=axis) / np.maximum(count, 1), np.nan)


def _within(inner: float, outer: float) -> np.ndarray:
    """Which STEPS lie between two distances in radii."""
    return (STEPS >= inner) & (outer >= STEPS)  # noqa: SIM300


def _plane_design(steps: np.ndarray) -> np.ndarray:
    """Columns (AZIMUTHS, steps, 3) of a plane: 1, east, north, in radii."""
    east, north = np.outer(EAST, steps), np.outer(NORTH, steps)
    return np.stack([np.ones_like(east), east, north], axis=-1)


def _robust_fit(design: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (k, p) of a design (n, p) for values (k, n), and residuals, by Huber's weights; NaN is left out."""
    has_value = np.isfinite(values)
    filled, weights = np.where(has_value, values, 0), has_value.astype(float)
    for _ in range(ROBUST_PASSES):
        weighted = design[None] * weights[:, :, None]
        normal = np.swapaxes(weighted, 1, 2) @ design + TINY * np.eye(design.shape[1])
        coefficients = np.linalg.solve(normal, np.einsum("knp,kn->kp", weighted, filled)[..., None])[..., 0]
        residuals = np.where(has_value, filled - coefficients @ design.T, np.nan)
        size = np.abs(residuals)
        limit = HUBER * NORMAL * _medians(size)[:, None]
        weights = np.where(has_value, limit / np.maximum(size, np.maximum(limit, TINY)), 0)
    return coefficients, residuals


def _medians(values: np.ndarray) -> np.ndarray:
    """Lower medians (k) of values (k, n), without NaN."""
    middle = np.maximum(np.isfinite(values).sum(axis=1) - 1, 0) // 2
    return np.take_along_axis(np.sort(values, axis=1), middle[:, None], axis=1)[:, 0]


def _crest(heights: np.ndarray, search: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Distance (k, AZIMUTHS; radii) of the highest place along each profile, and their wander about a smooth curve."""
    within = np.flatnonzero(_within(*search))
    smoothed = uniform_filter1d(heights[:, :, within], 3, axis=1, mode="wrap")
    place = STEPS[within[np.argmax(np.where(np.isfinite(smoothed), smoothed, -np.inf), axis=2)]]
    curve, residuals = _robust_fit(_HARMONICS, place)
    limit = 2 * NORMAL * _medians(np.abs(residuals))[:, None] + STEPS[1]
    return curve @ _HARMONICS.T + np.clip(residuals, -limit, limit), residuals.std(axis=1)


_HARMONICS = np.stack(
    [np.ones(AZIMUTHS), EAST, NORTH, EAST**2 - NORTH**2, 2 * EAST * NORTH], axis=1
)  # fmt: skip
"""A circle that is shifted (first order) and an ellipse (second order)."""


def _circles_through(crest: np.ndarray, circles: np.ndarray) -> np.ndarray:
    """Circles (k, 3) of the same area and middle as crests at distances (k, AZIMUTHS) in radii of circles (k, 3)."""
    shift = 2 * np.stack([(crest * EAST).mean(axis=1), (crest * NORTH).mean(axis=1)], axis=1)
    radius = circles[:, 2]
    return np.column_stack([circles[:, :2] + shift * radius[:, None], radius * np.sqrt((crest**2).mean(axis=1))])


def _quantities(terrain: _Levelled, crest: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """QUANTITIES of circles (k, QUANTITIES) by their levelled profiles and crests, and their scatter by azimuth."""
    rim = _octants(_rim_heights(terrain.heights, crest))
    floor = _floor(terrain.heights)
    diameter = 2 * radius * np.sqrt((crest**2).mean(axis=1))
    rim_mean, floor_mean, level = rim.mean(axis=1), floor.mean(axis=1), terrain.planes[:, 0]
    depth = rim_mean - floor_mean
    slope = _wall_slopes(terrain.heights, rim, floor_mean, radius)
    enough = np.isfinite(slope).sum(axis=1) >= LEAST_OCTANTS
    mean_slope = _nan_mean(slope, 1)
    tilt = np.degrees(np.arctan(np.hypot(*terrain.planes[:, 1:].T) / radius))
    values = dict(
        rim_diameter_km=diameter / 1000, rim_m=rim_mean + level, floor_m=floor_mean + level, surroundings_m=level,
        rim_height_m=rim_mean, depth_m=depth, depth_to_diameter=depth / diameter,
        wall_slope_deg=np.where(enough, mean_slope, np.nan), tilt_deg=tilt,
    )  # fmt: skip
    wander = _octants(crest) - _smooth_octants(crest)
    errors = _scatter(
        terrain, (diameter, depth, mean_slope), _mean_error(rim), _mean_error(floor), _mean_error(slope),
        _mean_error(wander) * 2 * radius,
    )  # fmt: skip
    return _columns(values), _columns(errors)


def _scatter(
    terrain: _Levelled, shape: tuple[np.ndarray, np.ndarray, np.ndarray], rim: np.ndarray, floor: np.ndarray,
    slope: np.ndarray, across: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Errors (k) of QUANTITIES by those of rim, floor (m), slope (degrees) and diameter (m) from octant to octant.

    `shape` is diameter, depth (m) and slope (degrees). The floor is as rough as the surroundings.
    """
    diameter, depth, mean_slope = shape
    floor = np.hypot(floor, terrain.roughness)
    depth_error, ground = np.hypot(rim, floor), terrain.level_errors
    return dict(
        rim_diameter_km=across / 1000, rim_m=rim, floor_m=floor, surroundings_m=ground,
        rim_height_m=np.hypot(rim, ground), depth_m=depth_error,
        depth_to_diameter=np.hypot(depth_error / diameter, depth * across / diameter**2),
        wall_slope_deg=np.hypot(slope, _slope_error(mean_slope, terrain.roughness, depth)),
        tilt_deg=np.degrees(np.sqrt(8) * ground / diameter),
    )  # fmt: skip


def _columns(quantities: dict[str, np.ndarray]) -> np.ndarray:
    return np.column_stack([quantities[name] for name in QUANTITIES])


def _octants(values: np.ndarray) -> np.ndarray:
    """Means (k, OCTANTS) of values by azimuth (k, AZIMUTHS)."""
    return _nan_mean(values.reshape(len(values), OCTANTS, -1), 2)


def _smooth_octants(crest: np.ndarray) -> np.ndarray:
    """Octants of the smooth curve through a crest."""
    curve, _ = _robust_fit(_HARMONICS, crest)
    return _octants(curve @ _HARMONICS.T)


def _mean_error(octants: np.ndarray) -> np.ndarray:
    """Standard errors (k) of means of octants (k, OCTANTS)."""
    count = np.isfinite(octants).sum(axis=1)
    centred = octants - (np.nansum(octants, axis=1) / np.maximum(count, 1))[:, None]
    return np.sqrt(np.nansum(centred**2, axis=1) / np.maximum(count * (count - 1), 1))


def _rim_heights(heights: np.ndarray, crest: np.ndarray) -> np.ndarray:
    """Heights (k, AZIMUTHS) of the rim, on each profile at the place that its neighbours on both sides tell."""
    place = (np.roll(crest, NEIGHBOURS, axis=1) + np.roll(crest, -NEIGHBOURS, axis=1)) / 2
    position = (place / STEPS[1]).clip(0, len(STEPS) - 1.001)
    before = position.astype(int)[:, :, None]
    low, high = (np.take_along_axis(heights, before + step, axis=2)[:, :, 0] for step in (0, 1))
    return low + (high - low) * (position - before[:, :, 0])


def _floor(heights: np.ndarray) -> np.ndarray:
    """Octants (k, OCTANTS) of the lowest ring."""
    rings = []
    for inner, outer in pairwise(FLOOR_RINGS):
        within = _within(inner, outer)
        area = STEPS[within] + STEPS[1] / 8  # of the middle, too, the little that a step around it covers
        rings.append(_octants(np.average(heights[:, :, within], axis=2, weights=area)))
    stacked = np.stack(rings, axis=1)
    lowest = np.argmin(np.where(np.isfinite(stacked.mean(axis=2)), stacked.mean(axis=2), np.inf), axis=1)
    return np.take_along_axis(stacked, lowest[:, None, None], axis=1)[:, 0]


def _wall_slopes(heights: np.ndarray, rim: np.ndarray, floor: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Slopes (k, OCTANTS; degrees) of the wall between WALL_SHARES of the depth, going inwards from the rim.

    NaN where it does not fall so far.
    """
    octants = heights.reshape(len(heights), OCTANTS, -1, len(STEPS)).mean(axis=2)[:, :, STEPS <= 1.0]
    depth = rim - floor[:, None]
    low, high = (_last_below(octants, floor[:, None] + share * depth) for share in WALL_SHARES)
    with np.errstate(invalid="ignore", divide="ignore"):
        run = np.where(high > low, (high - low) * radius[:, None], np.nan)
        return np.degrees(np.arctan((WALL_SHARES[1] - WALL_SHARES[0]) * depth / run))


def _last_below(octants: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The outermost distance (k, OCTANTS; radii) at which profiles (k, OCTANTS, n) rise over levels (k, OCTANTS)."""
    is_below = octants[:, :, :-1] <= levels[:, :, None]
    last = octants.shape[2] - 2 - np.argmax(is_below[:, :, ::-1], axis=2)
    low, high = (np.take_along_axis(octants, last[:, :, None] + step, axis=2)[:, :, 0] for step in (0, 1))
    share = ((levels - low) / np.where(high > low, high - low, np.inf)).clip(0, 1)
    return np.where(is_below.any(axis=2), (last + share) * STEPS[1], np.nan)
