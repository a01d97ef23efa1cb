"""The shapes of a catalogue's craters from elevation models, batch by batch, as rows of a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from orbitile.base.errors import OrbitileError
from orbitile.catalogue import Catalogue
from orbitile.counting.crater_shape import NO_DATA, QUANTITIES, CraterShape, Uncertainty, measure_shape
from orbitile.counting.elevation_model import ElevationModel
from orbitile.counting.elevation_profiles import PATCH_RADII, TerrainPatch
from orbitile.counting.larger_craters import largest_diameter_m, on_larger_rims
from orbitile.tables.craters import Craters
from orbitile.tables.detections import ORDER

TRUNCATED, TOO_LARGE, OUTSIDE, TOO_SMALL, LARGER_CRATER = (
    "truncated", "too_large", "outside", "too_small", "larger_crater",
)  # fmt: skip
LEAST_CELLS = 4
"""Resolution cells across a crater, below which the model does not show its shape."""
IDENTITY = ("scene", "scale_m", "tile", "class", "lat", "lon", "width_m", "height_m")
"""Columns that tell a row of the catalogue from all others (see orbitile.tables.detections.ORDER)."""
TAKEN = (*IDENTITY, "diameter_km", "score", "truncated")
"""Columns of the catalogue that a batch is read with."""

_ABOUT = dict(
    rim_diameter_km=("km", "of the circle of the same area as the rim crest encloses"),
    rim_m=("m", "elevation of the rim crest, over the level through the surroundings at the centre"),
    floor_m=("m", "elevation of the floor, likewise"),
    surroundings_m=("m", "elevation at the centre of the plane through the surroundings"),
    rim_height_m=("m", "rim crest over the surroundings"),
    depth_m=("m", "rim crest to floor"),
    depth_to_diameter=("", "depth over the diameter of the rim"),
    wall_slope_deg=("degree", "of the wall between 10 and 90 % of the depth"),
    tilt_deg=("degree", "slope of the surroundings"),
)
SHAPES = pa.schema(
    [
        pa.field("scene", pa.string()), pa.field("scale_m", pa.float64()), pa.field("tile", pa.int64()),
        pa.field("class", pa.string()), pa.field("lat", pa.float64()), pa.field("lon", pa.float64()),
        pa.field("width_m", pa.float64()), pa.field("height_m", pa.float64()), pa.field("diameter_km", pa.float64()),
        pa.field("score", pa.float32()),
        pa.field("quality", pa.string(), metadata={"about": "ok, shallow, or why there are no values"}),
        pa.field("elevation", pa.string(), metadata={"about": "file of the elevation model"}),
        pa.field("roughness_m", pa.float64(), metadata={"unit": "m", "about": "of the ground, in the depth's error"}),
        pa.field("elevation_px", pa.float64(), metadata={"unit": "px", "about": "pixels of it across the crater"}),
        *(
            pa.field(name + suffix, pa.float64(), metadata={"unit": unit, "about": prefix + about})
            for name, (unit, about) in _ABOUT.items()
            for suffix, prefix in (("", ""), ("_error", "standard error: "))
        ),
    ]
)  # fmt: skip
"""Rows of shapes: what identifies the row of the catalogue, then QUANTITIES, each with its standard error."""


@dataclass(frozen=True)
class ShapeLimits:
    """Which craters are measured, and how exact models and catalogue are (see Uncertainty).

    `resolution_m` None: a pixel of the model.
    """

    error_m: float = 0.0
    resolution_m: float | None = None
    min_diameter_px: float = 20
    position_error: float = 0.03
    diameter_error: float = 0.05
    max_tilt_deg: float = 10

    def uncertainty(self, pixel_m: float) -> Uncertainty:
        """With a model of such pixels."""
        resolution_m = max(self.resolution_m or 0.0, pixel_m)
        return Uncertainty(self.error_m, resolution_m, self.position_error, self.diameter_error)


@dataclass
class ShapeMeasurer:
    """Measures the craters of a catalogue on the first of several models that has data around them.

    `qualities` counts the rows measured so far by their quality.
    """

    catalogue: Catalogue
    models: Sequence[ElevationModel]
    limits: ShapeLimits
    qualities: Counter = field(default_factory=Counter)

    def tables(self) -> Iterator[pa.Table]:
        """Rows of SHAPES, a table for each batch of the catalogue, in its order.

        OrbitileError at the end where the catalogue has no craters, none of them lies on a model, or all that do are
        too small.
        """
        largest_m = largest_diameter_m(self.catalogue)
        for batch in self.catalogue.batches(TAKEN):
            yield self._measured(batch, largest_m)
        self._refuse_nothing()

    def patch(self, lon: float, lat: float, diameter_m: float, name: str) -> TerrainPatch:
        """The terrain around a crater, of the model of a file name."""
        model = next(model for model in self.models if model.path.name == name)
        pixel_m = float(model.pixel_m(np.array([lon]), np.array([lat]))[0])
        return TerrainPatch.around(model, lon, lat, diameter_m / 2, pixel_m)

    def _measured(self, batch: pa.RecordBatch, largest_m: float) -> pa.Table:
        craters = Craters.of_catalogue(batch)
        is_on_rim = on_larger_rims(craters, self.catalogue, largest_m)
        is_truncated = batch["truncated"].to_numpy(zero_copy_only=False)
        pixel_m = [np.where(model.covers(craters.lon, craters.lat), model.pixel_m(craters.lon, craters.lat), np.nan)
                   for model in self.models]  # fmt: skip
        rows = [
            self._row(craters, number, np.array([sizes[number] for sizes in pixel_m]),
                      TRUNCATED if is_truncated[number] else LARGER_CRATER if is_on_rim[number] else "")
            for number in range(len(craters))
        ]  # fmt: skip
        self.qualities.update(row["quality"] for row in rows)
        columns = {
            name: pa.array([row.get(name) for row in rows], SHAPES.field(name).type) for name in SHAPES.names[10:]
        }
        columns |= {name: batch[name].cast(SHAPES.field(name).type) for name in SHAPES.names[:10]}
        return pa.Table.from_arrays([columns[name] for name in SHAPES.names], schema=SHAPES)

    def _row(self, craters: Craters, number: int, pixel_m: np.ndarray, fault: str) -> dict:
        """What was measured of a crater, and the model; `pixel_m` (models) is NaN of those that do not hold it."""
        lon, lat, diameter_m = (float(column[number]) for column in (craters.lon, craters.lat, craters.diameter_m))
        row: dict = dict(quality=OUTSIDE)
        for place in np.flatnonzero(np.isfinite(pixel_m)).tolist():
            model, size_m = self.models[place], float(pixel_m[place])
            shape = self._shape(model, (lon, lat, diameter_m), size_m, fault)
            row = dict(
                quality=shape.quality, elevation=model.path.name, elevation_px=diameter_m / size_m, **shape.values
            )
            row |= dict(roughness_m=shape.roughness_m)
            row |= {f"{name}_error": value for name, value in shape.errors.items()}
            if shape.quality != NO_DATA:
                break
        return row

    def _shape(
        self, model: ElevationModel, crater: tuple[float, float, float], pixel_m: float, fault: str
    ) -> CraterShape:
        lon, lat, diameter_m = crater
        uncertainty = self.limits.uncertainty(pixel_m)
        if diameter_m < max(self.limits.min_diameter_px * pixel_m, LEAST_CELLS * uncertainty.resolution_m):
            fault = TOO_SMALL
        if PATCH_RADII * diameter_m / 2 > model.body.radius_m * np.pi / 2:
            fault = TOO_LARGE
        if fault:
            return CraterShape(fault, {}, {})
        patch = TerrainPatch.around(model, lon, lat, diameter_m / 2, pixel_m)
        return measure_shape(patch, diameter_m / 2, uncertainty, self.limits.max_tilt_deg)

    def _refuse_nothing(self) -> None:
        names = ", ".join(str(model.path) for model in self.models)
        if not self.qualities:
            raise OrbitileError(f"{self.catalogue.manifest}: the catalogue has no craters, so there are no shapes")
        if set(self.qualities) == {OUTSIDE}:
            raise OrbitileError(
                f"{names}: none of the {self.qualities.total()} craters of the catalogue lies on it; give elevation of "
                "the ground that was searched"
            )
        if set(self.qualities) <= {OUTSIDE, TOO_SMALL}:
            raise OrbitileError(
                f"{names}: all {self.qualities[TOO_SMALL]} craters on it are too small, below "
                f"{self.limits.min_diameter_px:g} pixels or {LEAST_CELLS} resolution cells across; give a finer model, "
                "or a lower crater_shapes.min_diameter_px"
            )


assert set(IDENTITY) == set(ORDER) and tuple(_ABOUT) == QUANTITIES
