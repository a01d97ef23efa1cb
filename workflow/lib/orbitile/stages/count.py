"""count: the craters of a catalogue in named areas, by size, with the ground on which they were searched."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import geopandas
import numpy as np

from orbitile import catalogue
from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json, write_text
from orbitile.base.manifests import listed_files
from orbitile.base.provenance import provenance
from orbitile.calibration.row_confidence import RowConfidence
from orbitile.counting.area_count import AreaCount
from orbitile.counting.areas import NamedArea, folder_names, read_areas, read_polygons_as_one
from orbitile.counting.completeness_correction import CompletenessChoice, CompletenessCorrection
from orbitile.counting.count_craters import Counted, CountingMethod, Detected, count_in_area, detected_in_table
from orbitile.counting.count_files import CRATERS, DRAWS, REFERENCE, write_count, write_draws
from orbitile.counting.methods_text import methods_text
from orbitile.counting.resampled_counts import resampled_counts
from orbitile.counting.searched_ground import AreaGround, DiameterRange, SearchedGround
from orbitile.counting.size_frequency import SizeFrequency
from orbitile.features.shapes.lonlat_shapes import area_on_sphere_km2
from orbitile.pictures.size_frequency_picture import MOST_SERIES, FrequencySeries, draw_size_frequency
from orbitile.space.bodies import Body
from orbitile.tables.craters import read_craters
from orbitile.tables.datasets import published_folder
from orbitile.tables.enlarged_rasters import NOT_ENLARGED
from orbitile.tables.rasters import read_rasters_of_groups
from orbitile.tables.vectors import write_vectors

log = logging.getLogger(__name__)

COLUMNS = ["lon", "lat", "diameter_km", "probability"]
PLOTS = ("size_frequency.png", "size_frequency.pdf")
METHODS = "methods.txt"
FREQUENCIES, REFERENCE_FREQUENCIES = "size_frequency.csv", "reference_size_frequency.csv"


class CountInputs(NamedTuple):
    """The manifest of a catalogue, and the groups' tables of rasters at all scales.

    `enlarged` holds the factors of scales that were searched in enlarged pixels.
    """

    catalogue: str
    rasters: Sequence[str]
    enlarged: Mapping[float, int] = NOT_ENLARGED


@dataclass(frozen=True)
class _Count:
    """All that the count of an area needs beside the area; `metadata` is what the catalogue's manifest says."""

    metadata: Mapping[str, Any]
    detected: Detected
    reference: Detected | None
    searched: SearchedGround
    correction: CompletenessCorrection
    settings: Mapping[str, Any]
    finest_m: float

    @classmethod
    def of(
        cls, inputs: CountInputs, settings: Mapping[str, Any], ranges: Mapping[float, DiameterRange], body: Body,
        correction: CompletenessCorrection,
    ) -> Self:  # fmt: skip
        """From the catalogue and the files of the section counting; OrbitileError where one cannot be read."""
        opened = catalogue.open(inputs.catalogue)
        excluded = read_polygons_as_one(settings["excluded"], body) if settings["excluded"] else None
        failed, rasters = opened.metadata.get("exclusions", ()), read_rasters_of_groups(inputs.rasters)
        searched = SearchedGround.of(rasters, ranges, body, failed, excluded, inputs.enlarged)
        detected, reference = _detected(opened, settings["probabilities"]), _reference(settings["reference"])
        return cls(opened.metadata, detected, reference, searched, correction, settings, min(ranges))

    @property
    def method(self) -> CountingMethod:
        """How craters are assigned to areas."""
        return CountingMethod(*(self.settings[name] for name in ("method", "buffer_radii", "ejecta_radii")))


def count(
    inputs: CountInputs, settings: Mapping[str, Any], ranges: Mapping[float, DiameterRange], body: Body,
    confidence: RowConfidence | None, least_score: float, manifest: str,
) -> None:  # fmt: skip
    """Count the craters of a catalogue in the areas of a file; write a folder for each, and counts.json last.

    `settings` are those of the section counting, `ranges` the diameters that each scale in m/px holds, `confidence` and
    `least_score` say what is known of the catalogue's rows. An area that cannot be counted is listed with the reason.
    OrbitileError where none can.
    """
    folder = Path(manifest).parent
    areas, unreadable = read_areas(settings["areas"], body, settings["name_column"])
    choice = CompletenessChoice(settings["completeness"], settings["least_completeness"])
    correction = CompletenessCorrection.of(choice, confidence, least_score)
    counting = _Count.of(inputs, settings, ranges, body, correction)
    metadata = counting.metadata
    refused = [area._asdict() for area in unreadable]
    entries, series, uncounted = _count_areas(areas, counting, folder)
    refused += uncounted
    if not entries:
        raise OrbitileError(
            f"{settings['areas']}: no area can be counted: {refused[0]['name']}: {refused[0]['reason']}"
        )
    _remove_other_folders(folder, {entry["folder"] for entry in entries})
    plots, title = [folder / name for name in PLOTS], _overview_title(metadata, len(series))
    draw_size_frequency(series[:MOST_SERIES], title, correction.from_km, correction.reason, plots)
    write_text(folder / METHODS, methods_text(metadata, settings, correction.stated, ranges, entries))
    files = [*PLOTS, METHODS, *(file for entry in entries for file in entry["files"])]
    write_json(
        manifest,
        dict(
            body=body.name, run=metadata.get("run"), catalogue_sha256=metadata["sha256"], areas=entries,
            refused=refused, completeness=correction.stated, settings=dict(settings),
            scales={f"{scale:g}": list(limits) for scale, limits in ranges.items()},
            files=listed_files(folder, files), **provenance(),
        ),
    )  # fmt: skip
    log.info("%d areas counted, %d left out", len(entries), len(refused))


def _detected(opened: catalogue.Catalogue, with_probabilities: bool) -> Detected:
    craters = detected_in_table(opened.table(COLUMNS))
    return craters if with_probabilities else craters._replace(probability=np.full(len(craters.lon), np.nan))


def _reference(path: str | None) -> Detected | None:
    if path is None:
        return None
    craters = read_craters(path)
    unknown = np.full(len(craters), np.nan)
    return Detected(craters.lon, craters.lat, craters.diameter_m / 1000, unknown)


def _count_areas(
    areas: Sequence[NamedArea], counting: _Count, folder: Path
) -> tuple[list[dict[str, Any]], list[FrequencySeries], list[dict[str, str]]]:
    """Count areas, each into a folder of its own: entries of the manifest, frequencies, and what cannot be counted."""
    entries, series, refused = [], [], []
    for area, name in zip(areas, folder_names([area.name for area in areas]), strict=True):
        try:
            counted = _CountedArea.of(area, counting)
            entries.append(counted.write(folder / name))
        except OrbitileError as error:
            log.warning("area %s: left out: %s", area.name, error)
            refused.append(dict(name=area.name, reason=str(error)))
        else:
            series.append(FrequencySeries(area.name, vars(counted.frequency)))
    return entries, series, refused


@dataclass(frozen=True, eq=False)
class _CountedArea:
    """An area, its size and its searched ground, the diameters that count, its craters, and the same with weights."""

    area: NamedArea
    counting: _Count
    size_km2: float
    ground: AreaGround
    limits: DiameterRange
    counted: Counted
    weighted: AreaCount

    @classmethod
    def of(cls, area: NamedArea, counting: _Count) -> Self:
        """Count an area; OrbitileError where it is too small, or no crater in it could count."""
        searched, correction = counting.searched, counting.correction
        size_km2 = area_on_sphere_km2(area.shape, searched.body.radius_m)
        if size_km2 < (counting.finest_m / 1000) ** 2:
            raise OrbitileError(
                f"is smaller than a pixel of {counting.finest_m:g} m ({size_km2 * 1e6:.3g} m2); is its "
                "coordinate reference system the right one?"
            )
        ground = searched.within(area.shape)
        if not ground.area_km2:
            raise OrbitileError("lies outside of all that was searched; give an area on scenes of this run")
        limits = correction.counted_range(ground.limits)
        if not limits.least_km < limits.most_km:
            raise OrbitileError(
                f"craters would count from {limits.least_km:.4g} km on ({correction.reason}), but the "
                f"scales hold none above {limits.most_km:.4g} km; add a coarser scale"
            )
        counted = count_in_area(area, counting.detected, searched, counting.method)
        weighted = replace(counted.count, weight=correction.weights(counted.count.diameter_km))
        return cls(area, counting, size_km2, ground, limits, counted, weighted)

    @cached_property
    def frequency(self) -> SizeFrequency:
        """The frequencies of its craters by size."""
        return SizeFrequency.of(self.weighted, self.counting.settings["binning"], self.limits.least_km)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write its folder, completely or not at all; returns its entry of the manifest."""
        is_counted = _are_counted(self.weighted, self.limits)
        empty = None if is_counted.any() else "no crater in it is counted"
        if empty:
            log.warning("area %s: %s", self.area.name, empty)
        with published_folder(folder) as temporary:
            self._write_tables(is_counted, temporary)
            self._draw(int(is_counted.sum()), temporary)
            names = sorted(path.name for path in temporary.iterdir())
        expected = float((self.weighted.weight * self.weighted.probability)[is_counted].sum())
        return dict(
            name=self.area.name, folder=folder.name, area_km2=_rounded(self.size_km2),
            searched_km2=_rounded(self.weighted.searched_km2),
            craters=int(is_counted.sum()), expected=_rounded(expected), not_counted=int((~is_counted).sum()),
            from_km=_rounded(self.limits.least_km), to_km=_rounded(self.limits.most_km),
            notes=[note for note in (self.area.note, empty) if note],
            files=[f"{folder.name}/{name}" for name in names],
        )  # fmt: skip

    def _write_tables(self, is_counted: np.ndarray, folder: Path) -> None:
        """Write its craters, of which some are counted (n; bool), frequencies, draws and searched ground."""
        settings = self.counting.settings
        write_count(self.weighted, is_counted, folder / CRATERS)
        write_text(folder / FREQUENCIES, self.frequency.csv_text())
        draws = resampled_counts(
            self.counted, self.counting.correction, self.limits,
            settings["size_error"], settings["draws"], settings["seed"],
        )  # fmt: skip
        write_draws(draws, folder / DRAWS)
        _write_ground(self.area, self.ground, self.counting.searched.body, folder)

    def _draw(self, craters: int, folder: Path) -> None:
        """Draw its frequencies beside those of the reference, which are written, too."""
        series = [FrequencySeries(f"{self.area.name}: {craters:,} craters", vars(self.frequency))]
        series += _reference_series(self.area, self.counting, self.limits, folder)
        title = f"{self.area.name}: {self.weighted.searched_km2:,.6g} km$^2$ searched"
        reason = _cut_reason(self.counting.correction, self.limits)
        draw_size_frequency(series, title, self.limits.least_km, reason, [folder / name for name in PLOTS])


def _are_counted(count: AreaCount, limits: DiameterRange) -> np.ndarray:
    """Which craters (n; bool) have a diameter that counts, and ground on which it would."""
    size = count.diameter_km
    return (size >= limits.least_km) & (size <= limits.most_km) & (count.area_km2 > 0)


def _cut_reason(correction: CompletenessCorrection, limits: DiameterRange) -> str:
    return correction.reason if correction.from_km == limits.least_km else "smaller ones do not show at any scale"


def _reference_series(area: NamedArea, counting: _Count, limits: DiameterRange, folder: Path) -> list[FrequencySeries]:
    """The frequencies of the reference's craters in an area, where there is one."""
    if counting.reference is None:
        return []
    reference = count_in_area(area, counting.reference, counting.searched, counting.method).count
    frequency = SizeFrequency.of(reference, counting.settings["binning"], limits.least_km)
    write_text(folder / REFERENCE_FREQUENCIES, frequency.csv_text())
    is_counted = _are_counted(reference, limits)
    write_count(reference, is_counted, folder / REFERENCE)
    title = f"{Path(counting.settings['reference']).name}: {int(is_counted.sum()):,} craters"
    return [FrequencySeries(title, vars(frequency))]


def _write_ground(area: NamedArea, ground: AreaGround, body: Body, folder: Path) -> None:
    """The searched ground by ranges of diameters, as a GeoPackage."""
    sizes = [size for size in ground.sizes if size.area_km2 > 0]
    frame = geopandas.GeoDataFrame(
        dict(name=area.name, from_km=[size.from_km for size in sizes], to_km=[size.to_km for size in sizes],
             area_km2=[size.area_km2 for size in sizes]),
        geometry=[size.shape for size in sizes], crs=body.crs,
    )  # fmt: skip
    write_vectors(frame, folder / "area", dict(orbitile=json.dumps(dict(name=area.name))), "Polygon", ["gpkg"])


def _overview_title(metadata: Mapping[str, Any], areas: int) -> str:
    more = f", the first {MOST_SERIES} of {areas} areas" if areas > MOST_SERIES else ""
    return f"Craters of {metadata.get('run', metadata['body'])}{more}"


def _remove_other_folders(folder: Path, names: set[str]) -> None:
    """Remove the folders of areas of an earlier count."""
    for path in folder.glob(f"*/{CRATERS}"):
        if path.parent.name not in names:
            shutil.rmtree(path.parent)


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
