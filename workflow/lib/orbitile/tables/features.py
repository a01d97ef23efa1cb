"""Tables of the map of a run: polygons and centre lines. All sizes are those on the ground."""

ABOUT = dict(
    feature="number of the polygon; a line has that of the polygon it lies in",
    scene="scene with the largest part of it", scenes="how many scenes hold a part of it",
    scale_m="scale at which it was mapped", area_m2="on the ground", length_m="along its centre lines",
    width_m="mean width along them", width_max_m="largest width",
    azimuth_deg="mean direction, 0..180 clockwise from north",
    probability="mean over its pixels, 0..1", lon="of a point in it, east, -180..180",
    lat="of a point in it, planetocentric",
) | {"class": "class of the object"}  # fmt: skip
"""Descriptions of the columns."""
UNITS = dict(
    scale_m="m/px", area_m2="m2", length_m="m", width_m="m", width_max_m="m", azimuth_deg="degree", lon="degree",
    lat="degree",
)  # fmt: skip

POLYGONS = [
    "feature", "class", "scene", "scenes", "scale_m", "area_m2", "length_m", "width_m", "width_max_m", "azimuth_deg",
    "probability", "lon", "lat",
]  # fmt: skip
LINES = [
    "feature", "class", "scene", "scale_m", "length_m", "width_m", "width_max_m", "azimuth_deg", "lon", "lat",
]  # fmt: skip
ORDER = ["lat", "lon", "scale_m", "class", "length_m"]
"""Columns that sort both tables."""
TIES = ["row", "col"]
"""While features are not numbered yet: a place on the lattice, in pixels, that sorts what is equal in ORDER."""
TYPES = dict.fromkeys(POLYGONS, float) | dict(feature=int, scenes=int, scene=object) | {"class": object}
"""Types of the columns, for tables without rows."""
NAMES = ["class", "scene", "georef_method"]
"""Columns of few different texts, in the parts of a map."""
KINDS = dict(polygons=POLYGONS, lines=LINES)
"""What a map holds, and the columns of each."""
