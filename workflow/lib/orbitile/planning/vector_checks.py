"""Whether users' vector files can be read as what they are given for, and lie where the scenes are."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shorten_names
from orbitile.features.filter import FilterArea, PolygonFilters
from orbitile.features.labels.read import LabelFields, VectorLabels, read_labels
from orbitile.settings import Settings
from orbitile.space.bodies import Body, find_body
from orbitile.space.footprints import outline_centre
from orbitile.space.grids import crs_from_wkt, has_degrees
from orbitile.space.ground import Ground, angles_between, unit_vectors
from orbitile.tables.plan import read_columns
from orbitile.tables.wide_shapes import bounding_circles

log = logging.getLogger(__name__)

NAMED_SCENES = 3
TINY_PX = 2


@dataclass(frozen=True, eq=False)
class SceneCaps:
    """The scenes of a plan as circles on the body: unit vectors of their centres (n, 3) and radii (n, radians)."""

    scenes: list[str]
    centres: np.ndarray
    radii: np.ndarray

    @classmethod
    def read(cls, plan: Path) -> Self:
        """The scenes of a plan's file."""
        columns = read_columns(plan, ["scene", "outline_lon", "outline_lat"])
        outlines = [*zip(columns["outline_lon"], columns["outline_lat"], strict=True)]
        centres = np.array([outline_centre(*outline) for outline in outlines]).reshape(-1, 3)
        borders = [unit_vectors(np.asarray(lon), np.asarray(lat)) for lon, lat in outlines]
        pairs = zip(borders, centres, strict=True)
        return cls(
            columns["scene"], centres, np.array([angles_between(border, centre).max() for border, centre in pairs])
        )

    def any_near(self, centres: np.ndarray, reach: np.ndarray) -> bool:
        """Whether circles of shapes (n, 3; n radians) overlap that of any scene, half as large again for its bulges."""
        caps = zip(self.centres, self.radii, strict=True)
        return any((angles_between(centres, centre) <= reach + 1.5 * radius).any() for centre, radius in caps)

    @property
    def names(self) -> str:
        """The first scenes by name."""
        return shorten_names(self.scenes, NAMED_SCENES)


def check_vectors(settings: Settings, plan: Path) -> None:
    """Read all vector files of the settings as a run does. OrbitileError for what a run would stumble over.

    Also for files without a place on any scene, where these decide what is learnt or mapped; a warning for the truth.
    """
    body, scenes = find_body(settings.body), SceneCaps.read(plan)
    filters = PolygonFilters.of(body, **settings.polygon_filters)
    for key in ("inside", "outside", "seams"):
        if area := getattr(filters, key):
            _check_area(area, str(getattr(settings.mapping, key)), scenes, settings, body)
    if filters.inside and not _is_near(filters.inside.geometry, filters.inside.crs_wkt, scenes, body):
        raise OrbitileError(
            f"mapping.inside: {settings.mapping.inside}: none of its polygons lies on a scene of this run "
            f"({scenes.names}): nothing would be mapped; give another file, or none"
        )
    if settings.evaluation.truth and not settings.evaluation.truth.is_dir():
        # The classes are those of the weights.
        fields = LabelFields(settings.labels.width_field, None, ("any",), _unmapped_scenes(settings, scenes))
        _check_labels([str(settings.evaluation.truth)], fields, scenes, settings, body, is_truth=True)
    training = settings.segmentation_training
    if training and training.labels:
        names = settings.labels.width_field, settings.labels.class_field, tuple(training.classes)
        fields = LabelFields(*names, _unmapped_scenes(settings, scenes))
        _check_labels([str(path) for path in training.labels], fields, scenes, settings, body)


def _unmapped_scenes(settings: Settings, scenes: SceneCaps) -> int:
    return len(scenes.scenes) if settings.pixel_coordinates else 0


def _check_area(area: FilterArea, path: str, scenes: SceneCaps, settings: Settings, body: Body) -> None:
    is_near = _is_near(area.geometry, area.crs_wkt, scenes, body)
    _refuse_degrees(area.geometry, area.crs_wkt, path, is_near, settings.finest_m)


def _check_labels(
    paths: list[str], fields: LabelFields, scenes: SceneCaps, settings: Settings, body: Body, is_truth: bool = False
) -> None:
    labels = read_labels(paths, body, fields)
    is_near = any(scenes.any_near(layer.centre, layer.reach) for layer in labels.layers)
    for layer in labels.layers:
        _refuse_degrees(layer.geometry, layer.crs_wkt, ", ".join(paths), is_near, settings.finest_m)
    if is_near:
        return
    nowhere = f"no feature lies on a scene of this run ({scenes.names}), the first at {_first_place(labels)}"
    if not is_truth:
        raise OrbitileError(f"{', '.join(paths)}: empty labels, no pixel would be labelled: {nowhere}")
    log.warning("%s: %s: the map will be compared with nothing", ", ".join(paths), nowhere)


def _first_place(labels: VectorLabels) -> str:
    x, y, z = labels.layers[0].centre[0]
    return f"{np.degrees(np.arctan2(y, x)):.4g} E, {np.degrees(np.arctan2(z, np.hypot(x, y))):.4g} N"


def _is_near(geometry: np.ndarray, crs_wkt: str, scenes: SceneCaps, body: Body) -> bool:
    """Whether any of the shapes of a map may lie on a scene."""
    return bool(len(geometry)) and scenes.any_near(*bounding_circles(geometry, Ground(crs_wkt, body.radius_m)))


def _refuse_degrees(geometry: np.ndarray, crs_wkt: str, path: str, is_near: bool, finest_m: float) -> None:
    """OrbitileError for shapes of a map in metres that all lie in -360..360, -90..90, far from scenes or tiny on them.

    Maps of a landing site have such coordinates, too, but then shapes lie on its scenes and are larger than pixels.
    """
    crs = crs_from_wkt(crs_wkt)
    if has_degrees(crs) or not len(geometry):
        return
    left, low, right, high = shapely.total_bounds(geometry)
    sides = np.diff(shapely.bounds(geometry).reshape(-1, 2, 2), axis=1)
    in_degrees = max(-left, right) <= 360 and max(-low, high) <= 90
    if in_degrees and not (is_near and sides.max() > TINY_PX * finest_m):
        raise OrbitileError(
            f"{path}: its coordinates look like degrees, but its coordinate reference system {crs.name!r} is in "
            "metres; assign the right one (in QGIS: Set Layer CRS)"
        )
