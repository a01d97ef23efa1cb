"""secondaries: craters that lie in clusters, and rays around a primary, beside random fields on the searched ground."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import geopandas
import numpy as np
import pandas as pd

from orbitile import catalogue
from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json, write_text
from orbitile.base.provenance import provenance
from orbitile.counting.chains import FEWEST_MEMBERS, CraterGroup, alignment_probability, group_numbers
from orbitile.counting.clustering import FEWEST_TESTED, LocalClustering, local_clustering, randomness_tests
from orbitile.counting.density_kernel import SphereKernel
from orbitile.counting.footprint_layer import SearchedLayer, read_searched_layer
from orbitile.counting.random_fields import Intensity
from orbitile.counting.rays import Primary, RayTest
from orbitile.pictures.secondaries_picture import ClusterMap, RayRose, draw_secondaries
from orbitile.space.ground import unit_vectors
from orbitile.tables.csv_text import csv_text
from orbitile.tables.standalone_files import write_single_files
from orbitile.tables.vector_writers import VectorLayer

log = logging.getLogger(__name__)

COLUMNS = ["lon", "lat", "diameter_km", "score", "scene"]
MOST_CRATERS = 2_000_000
CHAIN_PROBABILITY = 0.01
"""Groups at most as likely among round ones are chains."""
GROUP_COLUMNS = ("cluster", "craters", "lon", "lat", "length_km", "width_km", "azimuth_deg", "elongation_probability",
                 "is_chain", "from_place_km", "off_radial_deg")  # fmt: skip
RAY_COLUMNS = ("from_km", "to_km", "from_deg", "to_deg", "searched_km2", "craters", "expected")


@dataclass(frozen=True)
class SecondaryChoice:
    """What is compared with random fields; the settings' section `secondaries` explains the keys."""

    least_diameter_km: float | None = None
    diameters_km: tuple[float, ...] | None = None
    neighbours: int = 5
    size_factor: float = 2.0
    false_discovery: float = 0.05
    fields: int = 199
    background_km: float | None = None
    seed: int = 0
    primary: Mapping[str, Any] | None = field(default=None)


class SecondaryOutputs(NamedTuple):
    """Paths of what is made: figures (JSON), craters (GeoParquet, GeoPackage), groups and rays (CSV), picture."""

    figures: str
    parquet: str
    geopackage: str
    groups: str
    rays: str
    picture: str


def secondaries(manifest: str, completeness: str, choice: SecondaryChoice, outputs: SecondaryOutputs) -> None:
    """Flag clustered craters of a catalogue (its manifest), test for rays around a primary; figures come last.

    Craters whose centre lies beside the searched ground, on which random fields lie, are left out. OrbitileError for a
    catalogue without craters on it, and for choices that do not suit it.
    """
    layer = read_searched_layer(completeness)
    entire = _read(manifest, choice)
    craters = _on_ground(entire, layer, manifest)
    points = unit_vectors(craters["lon"].to_numpy(), craters["lat"].to_numpy())
    diameter_km = craters["diameter_km"].to_numpy()
    intensity = _intensity(layer, craters, choice)
    primary = Primary(**choice.primary) if choice.primary else None
    rays = _rays(primary, points, diameter_km, intensity, np.random.default_rng([choice.seed, 1]))
    local = local_clustering(points, diameter_km, intensity, choice.neighbours, choice.size_factor)
    flagged = local.false_discovery <= choice.false_discovery
    numbers, groups = _groups(points, local, flagged, layer.ground.radius_km, primary)
    tests = _tests(points, diameter_km, intensity, choice)
    frame = _frame(craters, local, flagged, numbers, layer)
    _write_craters(frame, layer, outputs)
    write_text(outputs.groups, csv_text(GROUP_COLUMNS, map(_cells, groups)))
    write_text(outputs.rays, csv_text(RAY_COLUMNS, map(_cells, _ray_rows(rays) if rays else [])))
    figures = dict(
        body=layer.body.name, searched_km2=layer.ground.area_km2, craters=len(craters), clustered=int(flagged.sum()),
        craters_outside=len(entire) - len(craters), untested=int(np.isnan(local.probability).sum()),
        false_discovery=choice.false_discovery,
        groups=len(groups), chains=sum(row["is_chain"] for row in groups),
        random_fields=dict(fields=choice.fields, seed=choice.seed, background_km=choice.background_km),
        diameters=tests, rays=_ray_figures(rays, groups, choice) if rays else None,
        note="a flag tells that craters lie closer than at random; it proves no origin",
    )  # fmt: skip
    _draw(frame, tests, rays, choice, outputs.picture)
    write_json(outputs.figures, figures | provenance())
    log.info("%d of %d craters are clustered, in %d groups", flagged.sum(), len(craters), len(groups))


def _read(manifest: str, choice: SecondaryChoice) -> pd.DataFrame:
    """The craters of at least the diameter, in an order of their places."""
    entire = catalogue.open(manifest)
    chosen = entire.select(diameter_km=(choice.least_diameter_km, None)) if choice.least_diameter_km else entire
    count = len(chosen)
    if not len(entire):
        raise OrbitileError(f"{manifest}: holds no craters, so none of them can be secondaries")
    if not count:
        raise OrbitileError(f"secondaries.least_diameter_km: no crater has {choice.least_diameter_km:g} km or more; "
                            "choose a smaller diameter")  # fmt: skip
    if count > MOST_CRATERS:
        raise OrbitileError(f"secondaries.least_diameter_km: {count:,} craters are more than {MOST_CRATERS:,}; choose "
                            "a larger diameter")  # fmt: skip
    frame = chosen.table(COLUMNS).to_pandas().astype(dict(scene=str))
    return frame.sort_values(["lat", "lon", "diameter_km", "score", "scene"], ignore_index=True)


def _on_ground(craters: pd.DataFrame, layer: SearchedLayer, manifest: str) -> pd.DataFrame:
    """The craters whose centre lies on the searched ground; OrbitileError if none does."""
    places = layer.ground.place(craters["lon"].to_numpy(), craters["lat"].to_numpy())
    is_searched = layer.ground.contains(*places)
    if not is_searched.any():
        raise OrbitileError(f"{manifest}: none of its {len(craters)} craters lies on the searched ground, so none of "
                            "them can be compared with random fields there")  # fmt: skip
    if not is_searched.all():
        log.info("%d craters lie beside the searched ground and are left out", (~is_searched).sum())
    return craters[is_searched].reset_index(drop=True)


def _intensity(layer: SearchedLayer, craters: pd.DataFrame, choice: SecondaryChoice) -> Intensity:
    if choice.background_km is None:
        return Intensity(layer.ground)
    kernel = SphereKernel.of(layer.ground, choice.background_km, "secondaries.background_km")
    return Intensity.smooth(kernel, craters["lon"].to_numpy(), craters["lat"].to_numpy())


def _rays(
    primary: Primary | None, points: np.ndarray, diameter_km: np.ndarray, intensity: Intensity,
    random: np.random.Generator,
) -> RayTest | None:  # fmt: skip
    if primary is None:
        return None
    small = diameter_km <= primary.largest_share * primary.diameter_km
    if not small.any():
        largest_km = primary.largest_share * primary.diameter_km
        raise OrbitileError(f"secondaries.primary: no crater has {largest_km:.4g} km or less, largest_share of its "
                            "diameter; choose a larger share")  # fmt: skip
    return RayTest.of(primary, points[small], intensity, random, "secondaries.primary")


def _groups(
    points: np.ndarray, local: LocalClustering, flagged: np.ndarray, radius_km: float, primary: Primary | None
) -> tuple[np.ndarray, list[dict]]:
    """The number (n) of each crater's group, from 1 on by size, 0 for none; the groups of at least three members."""
    numbers = np.zeros(len(points), np.int64)
    members = np.flatnonzero(flagged)
    of_members = group_numbers(points[members], local.angle[members])
    sizes = np.bincount(of_members, minlength=1)
    rows: list[dict] = []
    for group in np.argsort(-sizes, kind="stable")[: (sizes >= 3).sum()].tolist():
        rows_of_group = members[of_members == group]
        numbers[rows_of_group] = len(rows) + 1
        shape = CraterGroup.of(points[rows_of_group], radius_km, primary.vector if primary else None)
        is_chain = shape.craters >= FEWEST_MEMBERS and shape.elongation_probability <= CHAIN_PROBABILITY
        rows.append(dict(cluster=len(rows) + 1, is_chain=is_chain) | shape.__dict__)
    return numbers, rows


def _tests(points: np.ndarray, diameter_km: np.ndarray, intensity: Intensity, choice: SecondaryChoice) -> list[dict]:
    """The tests of each range of diameters, with as many craters as they need."""
    rows = []
    for number, (least, most) in enumerate(_ranges(diameter_km, choice.diameters_km)):
        members = points[(diameter_km >= least) & (diameter_km < most)]
        row = dict(from_km=least, to_km=None if np.isinf(most) else most, craters=len(members))
        tests: Mapping[str, Any] = dict(first_neighbour=None, second_neighbour=None, ripley_k=None)
        if len(members) >= FEWEST_TESTED:
            random = np.random.default_rng([choice.seed, 2, number])
            results = randomness_tests(members, intensity, choice.fields, random)
            tests = {name: test._asdict() for name, test in results.items()}
        rows.append(row | dict(tests))
    return rows


def _ranges(diameter_km: np.ndarray, edges: Sequence[float] | None) -> list[tuple[float, float]]:
    """Ranges between edges, the last without an upper one; without edges between powers of two.

    OrbitileError where no crater is as large as an edge.
    """
    if edges is None:
        low, high = (int(np.floor(np.log2(value))) for value in (diameter_km.min(), diameter_km.max()))
        powers = [2.0**number for number in range(low, high + 2)]
        return list(pairwise(powers))
    ordered = sorted(edges)
    if ordered[-1] > diameter_km.max():
        raise OrbitileError(f"secondaries.diameters_km: no crater has {ordered[-1]:g} km; the largest has "
                            f"{diameter_km.max():.4g} km: leave it out")  # fmt: skip
    return list(zip(ordered, [*ordered[1:], np.inf], strict=True))


def _frame(
    craters: pd.DataFrame, local: LocalClustering, flagged: np.ndarray, numbers: np.ndarray, layer: SearchedLayer
) -> geopandas.GeoDataFrame:
    columns = dict(
        neighbour_km=local.angle * layer.ground.radius_km, expected=local.expected, p_cluster=local.probability,
        q_cluster=local.false_discovery, clustered=flagged, cluster=numbers,
    )  # fmt: skip
    points = geopandas.points_from_xy(craters["lon"], craters["lat"])
    return geopandas.GeoDataFrame(craters.assign(**columns), geometry=points, crs=layer.body.crs)


def _write_craters(frame: geopandas.GeoDataFrame, layer: SearchedLayer, outputs: SecondaryOutputs) -> None:
    stem = Path(outputs.parquet).with_suffix("")
    metadata = {"orbitile": json.dumps(dict(body=layer.body.name, **provenance()), sort_keys=True)}
    write_single_files([frame], VectorLayer(str(stem), "Point", layer.body.crs, metadata), ["gpkg", "parquet"])


def _cells(row: Mapping[str, Any]) -> dict[str, object]:
    """The values of a row as they stand in a table."""
    return {name: f"{value:.8g}" if isinstance(value, float) else value for name, value in row.items()}


def _ray_rows(rays: RayTest) -> list[dict]:
    """A row for each sector of each ring."""
    return [
        dict(from_km=float(rays.edges_km[ring]), to_km=float(rays.edges_km[ring + 1]),
             from_deg=float(rays.edges_deg[sector]), to_deg=float(rays.edges_deg[sector + 1]),
             searched_km2=float(rays.searched_km2[ring, sector]), craters=int(rays.counts[ring, sector]),
             expected=float(rays.expected[ring, sector]))
        for ring, sector in np.ndindex(rays.counts.shape)
    ]  # fmt: skip


def _ray_figures(rays: RayTest, groups: Sequence[Mapping[str, Any]], choice: SecondaryChoice) -> dict:
    off_radial = np.array([row["off_radial_deg"] for row in groups if row["is_chain"]], float)
    random = np.random.default_rng([choice.seed, 3])
    return dict(
        primary=rays.primary._asdict(), craters=int(rays.counts.sum()),
        searched_sectors=int((rays.searched_km2 > 0).any(axis=0).sum()),
        p_anisotropy=rays.anisotropy_probability, p_one_side=rays.harmonic_probability(1),
        p_two_sides=rays.harmonic_probability(2),
        rays=[ray._asdict() for ray in rays.rays if ray.probability <= choice.false_discovery],
        chains=len(off_radial), p_chains_radial=alignment_probability(off_radial, random),
    )  # fmt: skip


def _draw(
    frame: geopandas.GeoDataFrame, tests: Sequence[Mapping[str, Any]], rays: RayTest | None, choice: SecondaryChoice,
    path: str,
) -> None:  # fmt: skip
    lon, lat, clustered = (frame[name].to_numpy() for name in ("lon", "lat", "clustered"))
    clusters = ClusterMap(lon, lat, clustered, (rays.primary.lon, rays.primary.lat) if rays else None)
    rose = None
    if rays:
        marked = [ray for ray in rays.rays if ray.probability <= choice.false_discovery]
        rose = RayRose(rays.edges_deg, rays.edges_km, rays.counts, rays.expected,
                       [(ray.from_deg, ray.to_deg, ray.probability) for ray in marked],
                       rays.anisotropy_probability)  # fmt: skip
    draw_secondaries(clusters, tests, rose, path)
