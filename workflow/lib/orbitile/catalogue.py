"""Catalogues of craters, read by place, diameter, score and scene, in bounded memory.

    import orbitile.catalogue

    catalogue = orbitile.catalogue.open("results/mars/catalogue")
    large = catalogue.select(box=(130, -30, 160, 0), diameter_km=(5, None), score=(0.5, None))
    large.geodataframe("circle").to_file("large.gpkg")

docs/catalogue.md says more.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from orbitile.base.errors import OrbitileError
from orbitile.base.file_access import real_path
from orbitile.base.manifests import changed_part, read_manifest
from orbitile.pipeline import CHAIN_RESULTS, SEGMENTATION
from orbitile.space.bodies import Body, find_body
from orbitile.space.ground import wrap_longitude
from orbitile.tables.crater_parts import ATTRIBUTES, CRATERS, DICTIONARIES

if TYPE_CHECKING:
    import geopandas

FOLDER = "catalogue"
MANIFEST = "craters.json"
PLAN = "plan.parquet"
"""In the folder of every run."""
Range = tuple[float | None, float | None]
Box = tuple[float, float, float, float]
EVERYTHING = pc.scalar(True)
FULL_TURN = 360.0
PARQUET = ds.ParquetFileFormat(read_options=ds.ParquetReadOptions(dictionary_columns=DICTIONARIES))


def open(path: str | Path) -> "Catalogue":
    """Open the catalogue of a run: by results/<run>, its folder catalogue, or the manifest craters.json in there.

    OrbitileError where there is none yet, or where its parts are not those that the manifest names.
    """
    manifest = _manifest_at(Path(path))
    _check_chain(manifest)
    metadata = read_manifest(manifest)
    change = changed_part(manifest, metadata)
    if change:
        raise OrbitileError(f"{manifest}: the catalogue has changed since it was checked: {change}; run again")
    return Catalogue(manifest, metadata)


def _manifest_at(path: Path) -> Path:
    """The manifest in the folder of a run or of a catalogue; a path to a file is its own."""
    if path.suffix == Path(MANIFEST).suffix:
        return path
    is_run = (path / PLAN).is_file() or ((path / FOLDER).is_dir() and not (path / MANIFEST).is_file())
    return (path / FOLDER if is_run else path) / MANIFEST


def _check_chain(manifest: Path) -> None:
    """OrbitileError in place of a catalogue for a run that made a map."""
    map_manifest = manifest.parent.parent / CHAIN_RESULTS[SEGMENTATION].manifest
    if not manifest.is_file() and map_manifest.is_file():
        raise OrbitileError(
            f"{map_manifest.parent.parent}: this run maps pixels and has no catalogue; its polygons and lines are "
            f"files in {map_manifest.parent}, which {map_manifest} names"
        )


@dataclass(frozen=True)
class Catalogue:
    """A catalogue, or what was selected of it; nothing is read before it is asked for.

    `metadata` is what the manifest says of the entire catalogue: rows, sha256, version, settings, weights ...
    """

    manifest: Path
    metadata: dict[str, Any]
    condition: pc.Expression = field(default_factory=lambda: EVERYTHING)

    def select(
        self, box: Box | None = None, diameter_km: Range | None = None, score: Range | None = None,
        scenes: Collection[str] | None = None,
    ) -> "Catalogue":  # fmt: skip
        """Only the craters whose centre lies in a box and whose values lie in ranges, limits included.

        `box` is west, south, east, north in degrees, of longitudes of any range; from 170 to -170 it goes over 180. A
        limit of a range that is None leaves it open. OrbitileError for a box or a range without any extent.
        """
        conditions = [self.condition]
        conditions += [] if box is None else [_in_box(box)]
        conditions += [] if diameter_km is None else [_in_range("diameter_km", diameter_km)]
        conditions += [] if score is None else [_in_range("score", score)]
        conditions += [] if scenes is None else [pc.field("scene").isin(pa.array(sorted(scenes), pa.string()))]
        condition = conditions[0]
        for further in conditions[1:]:
            condition = condition & further
        return replace(self, condition=condition)

    @cached_property
    def dataset(self) -> ds.Dataset:
        """The parts of the entire catalogue, as a dataset that knows where each of them lies."""
        paths = {part["path"]: str(self.manifest.parent / part["path"]) for part in self.metadata["parts"]}
        schema = pa.schema(CRATERS)
        if paths:
            schema = schema.with_metadata(pq.read_schema(min(paths.values())).metadata)
        with_rows = [part for part in self.metadata["parts"] if part["rows"]]
        return ds.FileSystemDataset.from_paths(
            [paths[part["path"]] for part in with_rows], schema, PARQUET, LocalFileSystem(),
            [_within(part["bounds"]) for part in with_rows],
        )  # fmt: skip

    @property
    def parts(self) -> list[str]:
        """The paths of the parts that may hold any of what is selected."""
        return [fragment.path for fragment in self.dataset.get_fragments(self.condition)]

    def __len__(self) -> int:
        return self.dataset.count_rows(filter=self.condition)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """What is selected, in batches of some ten thousand rows, part by part in the order of the groups' names."""
        for fragment in self.dataset.get_fragments(self.condition):
            batches = fragment.to_batches(
                schema=self.dataset.schema, columns=_listed(columns), filter=self.condition, use_threads=False
            )
            yield from (batch for batch in batches if len(batch))

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """What is selected, a table for each part, in the order of the groups' names."""
        for fragment in self.dataset.get_fragments(self.condition):
            yield fragment.to_table(schema=self.dataset.schema, columns=_listed(columns), filter=self.condition)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """What is selected, in memory."""
        return self.dataset.to_table(columns=_listed(columns), filter=self.condition)

    def geodataframe(self, shape: str | None = None, vertices: int = 128) -> "geopandas.GeoDataFrame":
        """What is selected, in memory: as points, or with polygons of so many vertices as ellipse, circle or box."""
        return with_shapes(self.table(ATTRIBUTES), shape, vertices, self.body)

    @property
    def body(self) -> Body:
        """The body that the craters lie on."""
        return find_body(self.metadata["body"])


def check_outside(path: Path, catalogue: Catalogue) -> None:
    """OrbitileError for a path to write to that lies in the folder of a catalogue."""
    if real_path(path).is_relative_to(catalogue.manifest.resolve().parent):
        raise OrbitileError(f"{path}: this is the folder of the catalogue, where nothing else may lie; write elsewhere")


def with_shapes(rows: pa.Table, shape: str | None, vertices: int, body: Body) -> "geopandas.GeoDataFrame":
    """Rows (columns ATTRIBUTES) with points, or with polygons of so many vertices as ellipse, circle or box."""
    import geopandas

    from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes

    frame = rows.to_pandas()
    if shape is not None:
        return detection_shapes(frame, VectorStyle(shape, vertices), body)
    return geopandas.GeoDataFrame(frame, geometry=geopandas.points_from_xy(frame["lon"], frame["lat"]), crs=body.crs)


def _listed(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(columns)


def _in_box(box: Box) -> pc.Expression:
    west, south, east, north = box
    if not (south <= north and np.isfinite(box).all()):
        raise OrbitileError(f"box {box}: give west, south, east, north in degrees, south not above north")
    lat = _in_range("lat", (south, north))
    if east - west >= FULL_TURN:
        return lat
    first, width = float(wrap_longitude(np.array(west))), (east - west) % FULL_TURN
    return lat & _in_longitudes(first, first + width)


def _in_longitudes(first: float, last: float) -> pc.Expression:
    """Longitudes from `first` (-180 to below 180) to `last`; where that is 180 or more, also what lies beyond."""
    within = _in_range("lon", (first, last))
    beyond = _in_range("lon", (None, last - FULL_TURN)) if last >= FULL_TURN / 2 else None
    same_meridian = pc.field("lon") == FULL_TURN / 2 if first == -FULL_TURN / 2 else None
    for further in (beyond, same_meridian):
        within = within if further is None else within | further
    return within


def _in_range(name: str, limits: Range) -> pc.Expression:
    least, most = limits
    if least is not None and most is not None and not least <= most:
        raise OrbitileError(f"{name} from {least:g} to {most:g}: give the lower limit first")
    condition = EVERYTHING if least is None else pc.field(name) >= least
    return condition if most is None else condition & (pc.field(name) <= most)


def _within(bounds: Sequence[float]) -> pc.Expression:
    """What holds for all rows of a part with bounds (west, south, east, north)."""
    west, south, east, north = bounds
    return _in_range("lon", (west, east)) & _in_range("lat", (south, north))
