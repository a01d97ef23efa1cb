"""The text files of Craterstats: spatial crater counts (.scc) and lists of diameters (.diam) of both its dialects.

Craterstats III reads `area =` and a table of named columns; Craterstats II before 2014, and programs of its time,
`Area <km^2> =` and bare columns. A .scc file serves OpenCraterTool too, which calls the radius `a-axis radius`, wants
five columns separated by tabs, and takes the comment with an area's name for its begin. All read decimals only: what
follows an exponent is cut off.
"""

from collections.abc import Iterator

import numpy as np

from orbitile.base.messages import shortened
from orbitile.counting.area_count import AreaCount
from orbitile.counting.area_rings import AreaRings, RingPart, part_solid_angle
from orbitile.counting.counting_sphere import CountingSphere
from orbitile.counting.plain_numbers import plain_degrees, plain_number

SAME_GROUND = 1e-6
"""Relative difference of areas up to which all craters count on the same ground."""


def counted_on_same_ground(count: AreaCount) -> bool:
    """Whether every crater counts on all of the searched ground, so that a single area says it all."""
    return bool(np.all(np.abs(count.area_km2 / count.searched_km2 - 1) <= SAME_GROUND))


def scc_text(count: AreaCount, rings: AreaRings, sphere: CountingSphere) -> str:
    """A spatial crater count: outline and size of the area; diameter, fraction and centre of each crater.

    The fraction is the crater's weight by its probability. The file knows a single area: of craters that count on other
    ground than that, those of `diam_text` are the frequencies.
    """
    radius = plain_number(sphere.radius_m / 1000)
    craters = [
        f"{plain_number(diameter)}\t{plain_number(fraction)}\t{plain_degrees(lon)}\t{plain_degrees(lat)}\t1"
        for diameter, fraction, lon, lat in _rows(count)
    ]
    return _text(
        "# Spatial crater count",
        f"# Area: {shortened(count.name)}",
        *_single_area_note(count),
        "# Ellipsoid axes:",
        *(f"{axis}_axis_radius = {radius} <km>" for axis in "abc"),
        *(f"{axis}-axis radius = {radius} <km>" for axis in "abc"),
        f"coordinate_system_name = {sphere.crs.name.replace(' ', '_')}",
        "# area_shapes:",
        "unit_boundary = {vertex, sub_area, tag, lon, lat",
        *_boundary(rings, sphere.radius_m, shortened(count.name)),
        "}",
        f"Total_area = {plain_number(count.searched_km2)} <km^2>",
        f"Total_perimeter = {plain_number(rings.perimeter * sphere.radius_m / 1000)} <km>",
        "# crater_diameters:",
        "crater = {diam, fraction, lon, lat, topo_scale_factor",
        *craters,
        "}",
    )


def diam_text(count: AreaCount) -> str:
    """A list of diameters for Craterstats III.

    With the area and the fraction of each crater, or where craters count on different ground with that of each: its
    `reference_area`, the ground over weight and probability.
    """
    rows = list(_rows(count))
    if counted_on_same_ground(count):
        head = ["# Area, <km^2>", f"area = {plain_number(count.searched_km2)}"]
        column, values = "fraction", [fraction for _, fraction, _, _ in rows]
    else:
        head, column = [], "reference_area"
        areas = count.area_km2[count.largest_first]
        values = [area / fraction for area, (_, fraction, _, _) in zip(areas, rows, strict=True)]
    return _text(
        "# Diam file for Craterstats",
        f"# Area: {shortened(count.name)}",
        *head,
        "# crater_diameters, <km>:",
        f"crater = {{diameter, {column}, lon, lat",
        *("\t".join(fields) for fields in _diameter_fields(rows, values)),
        "}",
    )


def diam_text_of_craterstats_2(count: AreaCount) -> str:
    """A list of diameters for Craterstats II before 2014, which knows a single area."""
    rows = list(_rows(count))
    return _text(
        "# Diam file for Craterstats",
        f"# Area: {shortened(count.name)}",
        *_single_area_note(count),
        "#",
        f"Area <km^2> = {plain_number(count.searched_km2)}",
        "#",
        "#diameter, fraction, lon, lat",
        *("\t".join(fields) for fields in _diameter_fields(rows, [fraction for _, fraction, _, _ in rows])),
    )


def _text(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def _rows(count: AreaCount) -> Iterator[tuple[float, float, float, float]]:
    """Diameter, fraction, longitude and latitude, the largest crater first."""
    columns = (count.diameter_km, count.weight * count.probability, count.lon, count.lat)
    return zip(*(column[count.largest_first].tolist() for column in columns), strict=True)


def _diameter_fields(rows: list[tuple[float, float, float, float]], values: list[float]) -> Iterator[list[str]]:
    for (diameter, _, lon, lat), value in zip(rows, values, strict=True):
        yield [plain_number(diameter), plain_number(value), plain_degrees(lon), plain_degrees(lat)]


def _single_area_note(count: AreaCount) -> list[str]:
    if counted_on_same_ground(count):
        return []
    return ["# Craters count on ground that differs with their diameter, which this format cannot hold: use the .diam"]


def _boundary(rings: AreaRings, radius_m: float, name: str) -> Iterator[str]:
    """The rows of an area's outline; each part begins with comments, and its holes follow it."""
    vertex = ring_number = 0
    for part in rings.parts:
        for place, ring in enumerate(part.rings):
            ring_number += 1
            yield f"# Area_name {ring_number} = {name}"
            size = part_solid_angle(RingPart(ring, [] if place else part.holes)) * (radius_m / 1000) ** 2
            yield f"# Area_size {ring_number} = {plain_number(size)} <km^2>"
            for lon, lat in ring.tolist():
                vertex += 1
                tag = "int" if place else "ext"
                yield f"{vertex}\t{ring_number}\t{tag}\t{plain_degrees(lon)}\t{plain_degrees(lat)}"
