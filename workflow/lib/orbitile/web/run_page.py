"""The page of a run: its program, image tiles, rows and outlines in one folder."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely

from orbitile.base.manifests import read_manifest
from orbitile.base.provenance import provenance
from orbitile.catalogue import Catalogue
from orbitile.features.shapes.on_body import drawing_points
from orbitile.gis.layer_styles import SCORES, SEQUENTIAL
from orbitile.gis.run_layers import LeftOutGround
from orbitile.pictures.class_colours import class_colours
from orbitile.reporting.sizes import DiameterCounts
from orbitile.review.sampling import draw_rows
from orbitile.space.bodies import Body
from orbitile.space.ground import wrap_longitude
from orbitile.tables.craters import Craters
from orbitile.tables.plan import read_columns, read_outlines
from orbitile.tables.rasters import RasterRow
from orbitile.tables.standalone_files import best_standalone_file
from orbitile.web.data_scripts import packed, write_data_script
from orbitile.web.feature_blocks import write_feature_blocks
from orbitile.web.image_tiles import (
    SUFFIX,
    PyramidLevels,
    SceneRasters,
    TileNumber,
    choose_levels,
    scenes_of_rasters,
    write_pyramid,
)
from orbitile.web.page_chips import PageChips
from orbitile.web.row_blocks import PageRows, degree_steps, write_blocks
from orbitile.web.tile_maps import MAPS
from orbitile.web.truth_comparison import ComparedTable, TruthComparison

ASSETS = Path(__file__).with_name("assets")
DECIMALS = 5
"""Of degrees in outlines: a metre on the Moon is 0.00003."""
KINDS = ("polygons", "lines")
SHAPES = (".parquet", ".gpkg", ".shp")
"""Files of what was searched, the quickest to read first."""


@dataclass(frozen=True)
class PageChoice:
    """At most how many image tiles and chips there are; how many rows are drawn to be judged, with which seed."""

    most_tiles: int
    review_rows: int
    review_seed: int
    most_chips: int = 0


@dataclass(frozen=True)
class RunPage:
    """A page in a folder, on a body, of scenes with rasters."""

    folder: Path
    body: Body
    choice: PageChoice
    rasters: Sequence[RasterRow] = ()

    @cached_property
    def scenes(self) -> list[SceneRasters]:
        """The scenes, the finest first."""
        return scenes_of_rasters(self.rasters, self.body.radius_m)

    @cached_property
    def levels(self) -> PyramidLevels:
        """The levels of image tiles."""
        return choose_levels(self.scenes, MAPS, self.choice.most_tiles)

    def copy_program(self) -> None:
        """Copy what every page has."""
        shutil.copytree(ASSETS, self.folder, dirs_exist_ok=True)

    def write_images(self) -> dict[str, Any]:
        """Write the image tiles of all maps that scenes reach; returns what the page knows of them."""
        scenes, levels, maps = self.scenes, self.levels, {}
        for tile_map in MAPS:
            if tile_map.name in levels.finest:
                finest = levels.finest[tile_map.name]
                tiles = write_pyramid(scenes, tile_map, finest, self.folder / "tiles" / tile_map.name)
                maps[tile_map.name] = dict(finest=finest, needed=levels.needed[tile_map.name], tiles=tile_runs(tiles))
        coarser = {name for name, level in levels.finest.items() if level < levels.needed[name]}
        finest_m = scenes[0].rows[0].scale_m if scenes else 0.0
        left_out = [
            f"{m.name.capitalize()} map: images at {m.pixel_m(levels.finest[m.name], self.body.radius_m):.3g} m/px, "
            f"not at their {finest_m:g} m/px (page.most_tiles: {self.choice.most_tiles})."
            for m in MAPS
            if m.name in coarser
        ]
        return dict(maps=maps, tile_suffix=SUFFIX, notes=left_out)

    def write_rows(self, catalogue: Catalogue | None, table: ComparedTable | None = None) -> dict[str, Any]:
        """Write the rows of a catalogue, if any, compared with a table; returns what the page knows of them."""
        if catalogue is None:
            return dict(
                rows=0, catalogue=None, blocks={}, reaches={}, classes=[], scene_names=[], scales_m=[],
                sizes=_sizes(np.zeros(0)), diameters_km=[0, 0], has_probability=False, sample=[],
                comparison=None, chips=0,
            )  # fmt: skip
        rows = PageRows.read(catalogue)
        comparison = None
        if table is not None:
            compared = TruthComparison.of(Craters(rows.lon, rows.lat, rows.diameter_km * 1000), table.craters)
            rows = replace(rows, comparison=compared.kinds)
            comparison = table.words() | self._write_missed(compared)
        sizes_km, sample = rows.diameter_km, self._sample(catalogue, rows)
        blocks, reaches = write_blocks(rows, self.folder / "data", self.body.radius_m)
        return dict(
            rows=len(rows), catalogue=catalogue.metadata.get("sha256"),
            blocks=blocks, reaches=reaches, classes=rows.classes, scene_names=rows.scenes,
            scales_m=rows.scales_m, class_counts=np.bincount(rows.class_number, minlength=len(rows.classes)).tolist(),
            row_counts=np.bincount(rows.scene, minlength=len(rows.scenes)).tolist(), sizes=_sizes(sizes_km),
            diameters_km=[float(sizes_km.min()), float(sizes_km.max())] if len(rows) else [0, 0],
            has_probability=bool(np.isfinite(rows.probability).any()),
            sample=[rows.described(i) for i in sample], comparison=comparison, chips=self._write_chips(rows, sample),
        )  # fmt: skip

    def _write_missed(self, compared: TruthComparison) -> dict[str, Any]:
        """Write the craters that only the other table has as the script missed; returns the counts of all kinds."""
        missed = compared.missed
        columns = [degree_steps(missed.lon), degree_steps(missed.lat), (missed.diameter_m / 1000).astype("f4")]
        write_data_script(self.folder / "data", "missed", dict(count=len(missed), columns=packed(columns)))
        return dict(counts=compared.counts, missed=len(missed))

    def write_features(self, manifest: Path | None) -> list[dict[str, Any]]:
        """Write the polygons and lines of a map, if there is one; returns what the page knows of them."""
        if manifest is None:
            return []
        metadata, folder = read_manifest(manifest), self.folder / "data"
        layers = [write_feature_blocks(manifest, metadata, kind, folder) for kind in KINDS]
        return [layer for layer in layers if layer["rows"]]

    def write_run(self, plan: Path, metadata: Mapping[str, Any], ground: LeftOutGround, content: Mapping[str, Any]
                  ) -> None:  # fmt: skip
        """Write what the page knows of the run: `content` beside names, colours, scenes and what was left out."""
        columns = read_columns(plan, ["scene", "georef_method"])
        outlines = [outline for _, outline in read_outlines(plan)]
        scenes = {
            scene: dict(georef_method=method, left_out=ground.scenes.get(scene), outline=plain_outline(*outline))
            for scene, method, outline in zip(columns["scene"], columns["georef_method"], outlines, strict=True)
        }
        classes = content["classes"] or sorted({name for layer in content["layers"] for name in layer["classes"]})
        colours = dict(limits=list(SCORES), sequence=list(SEQUENTIAL), classes=class_colours(len(classes))[1:])
        failed = [dict(scene=t.scene, why=t.why, outlines=shape_outlines([t.shape])) for t in ground.tiles]
        lacking = len({*ground.scenes, *(tiles.scene for tiles in ground.tiles)})
        notes = [*content["notes"], *([f"{lacking} scenes were left out, in part or as a whole."] if lacking else [])]
        value = dict(content) | dict(
            run=metadata["run"], body=self.body.name, radius_m=self.body.radius_m, scenes=scenes, colours=colours,
            failed=failed, scene_count=len(scenes), bounds=bounds_of(outlines), notes=notes,
            version=provenance()["orbitile_version"],
        )  # fmt: skip
        write_data_script(self.folder / "data", "run", value)

    def _write_chips(self, rows: PageRows, sample: Sequence[int]) -> int:
        """Write chips, those of the sample first, and the data script chips, which names them; returns how many."""
        chips = PageChips.of(self.scenes, self.levels, self.body.radius_m)
        pixels_m = chips.write(rows, chips.choose(rows, sample, self.choice.most_chips), self.folder / "chips")
        write_data_script(self.folder / "data", "chips", pixels_m)
        return len(pixels_m)

    def _sample(self, catalogue: Catalogue, rows: PageRows) -> list[int]:
        """The indices of the random sample to be judged, in the order of its numbers."""
        if not len(rows):
            return []
        _, drawn = draw_rows(catalogue, self.choice.review_rows, self.choice.review_seed)
        return rows.indices_of(drawn["id"].tolist())


def searched_outlines(manifest: Path) -> list[list[list[float]]]:
    """The outlines of what was searched, by the file that the manifest of completeness names; none without."""
    path = best_standalone_file(manifest, manifest.stem, SHAPES)
    if path is None:
        return []
    frame = geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)
    return shape_outlines(frame.geometry.to_list())


def shape_outlines(shapes: Sequence[shapely.Geometry]) -> list[list[list[float]]]:
    """The outlines of shapes in degrees, each a list of places, for JSON."""
    points, first = drawing_points(np.array(shapes, object))
    return [np.round(part, DECIMALS).tolist() for part in np.split(points, first[1:])] if len(points) else []


def tile_runs(tiles: Sequence[TileNumber]) -> list[tuple[int, int, int, int]]:
    """Tiles in rows without a gap: level, row, first column and last column."""
    ordered = sorted((level, row, column) for level, column, row in tiles)
    is_next = [b[:2] == a[:2] and b[2] == a[2] + 1 for a, b in pairwise(ordered)]
    starts = [i for i in range(len(ordered)) if i == 0 or not is_next[i - 1]]
    ends = [start - 1 for start in starts[1:]] + [len(ordered) - 1] * bool(ordered)
    return [(*ordered[start][:2], ordered[start][2], ordered[end][2]) for start, end in zip(starts, ends, strict=True)]


def plain_outline(lon: np.ndarray, lat: np.ndarray) -> list[list[float]]:
    """An outline (n places in degrees) whose longitudes do not jump at 180, for JSON."""
    unwrapped = np.unwrap(np.asarray(lon, float), period=360)
    return np.round(np.column_stack([unwrapped, lat]), DECIMALS).tolist()


def bounds_of(outlines: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """West, south, east and north of outlines, by the widest gap of longitudes between them; east may be above 180."""
    south = min(float(np.min(lat)) for _, lat in outlines)
    north = max(float(np.max(lat)) for _, lat in outlines)
    spans = []
    for lon, _ in outlines:
        unwrapped = np.unwrap(np.asarray(lon, float), period=360)
        width = float(np.ptp(unwrapped))
        turn = abs(float(unwrapped[-1] - unwrapped[0] + wrap_longitude(lon[0] - lon[-1])))
        west = float(wrap_longitude(unwrapped.min()))
        spans.append((-180.0, 360.0) if turn > 180 or width >= 360 else (west, width))
    spans.sort()
    reached, gaps = spans[0][0], []
    for (west, width), (next_west, _) in zip(spans, [*spans[1:], (spans[0][0] + 360, 0.0)], strict=True):
        reached = max(reached, west + width)
        gaps.append((next_west - reached, next_west, reached))
    gap, west, east = max(gaps)
    if gap <= 0:
        return [-180.0, south, 180.0, north]
    first = float(wrap_longitude(np.array(west)))
    return [first, south, first + (east - west) % 360, north]


def _sizes(diameters_km: np.ndarray) -> dict[str, list[float]]:
    """How many craters have which size, as in the report."""
    counts = DiameterCounts()
    counts.feed(diameters_km)
    return dict(least_km=[size.low_km for size in counts.sizes], rows=[size.craters for size in counts.sizes])
