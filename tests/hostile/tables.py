"""Tables as users and strangers may write them, with their true content: a kind of input of the campaign.

A crater table, a scene table or a file of control points, in an odd form or with a planted fault. Either its true
content is read, or it is refused in one line that names the file and what is at fault.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.control_points import read_points
from orbitile.tables.craters import read_craters
from orbitile.tables.scenes import read_scene_table

Row = tuple[float, float, float]


@dataclass
class Written:
    """A table's text: its header and rows of cells, and what they truly say."""

    random: Random
    folder: Path
    truth: list[Row]
    header: list[str] = field(default_factory=lambda: ["lon", "lat", "diameter_km"])
    rows: list[list[str]] = field(default_factory=list)

    @classmethod
    def of(cls, random: Random, folder: Path) -> "Written":
        """A handful of craters."""
        truth = [
            (
                round(random.uniform(-180, 179.9), 4),
                round(random.uniform(-90, 90), 4),
                round(random.uniform(1.1, 90), 3),
            )
            for _ in range(random.randint(2, 9))
        ]
        return cls(random, folder, truth, rows=[[repr(value) for value in row] for row in truth])

    def text(self, separator: str = ",", end: str = "\n") -> str:
        """The table as text."""
        return "".join(separator.join(cells) + end for cells in [self.header, *self.rows])

    def save(self, content: str | bytes | None = None, name: str = "craters.csv", encoding: str = "utf-8") -> Path:
        """Write a text, by default the table itself, into a file."""
        content = self.text() if content is None else content
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def line(self) -> int:
        """The index of a random row."""
        return self.random.randrange(len(self.rows))


@dataclass(frozen=True)
class Expected:
    """A file, and the words that its refusal must contain; none where its true content must be read."""

    path: Path
    refusal: tuple[str, ...] = ()
    truth: tuple[Row, ...] | None = None


def names(table: Written) -> Expected:
    """Names of columns of the field's catalogues, with their units."""
    km, m = (lambda v: v), (lambda v: v * 1000)
    lon, lat, diameter, convert = table.random.choice(
        [
            ("LON_CIRC_IMG", "LAT_CIRC_IMG", "DIAM_CIRC_IMG", km),
            ("LONGITUDE_CIRCLE_IMAGE", "LATITUDE_CIRCLE_IMAGE", "DIAM_CIRCLE_IMAGE", km),
            ("Long", "Lat", "Diameter (km)", km),
            ("Lon", "Lat", "Diam_km", km),
            ("x_coord", "y_coord", "Diam_km", km),
            ("center_lon", "center_lat", "diameter", km),
            ("Longitude [deg]", "Latitude [deg]", "Diameter [m]", m),
            ("lon_deg_E", "lat_deg_N", "radius_km", lambda v: v / 2),
        ]
    )
    table.header = [lon, lat, diameter]
    table.rows = [[str(a), str(b), repr(convert(c))] for a, b, c in table.truth]
    return Expected(table.save())


def both_fits(table: Written) -> Expected:
    """Circles go before ellipses, wherever they stand."""
    table.header = [
        "LAT_ELLI_IMG",
        "LON_ELLI_IMG",
        "DIAM_ELLI_MAJOR_IMG",
        "LON_CIRC_IMG",
        "LAT_CIRC_IMG",
        "DIAM_CIRC_IMG",
    ]
    table.rows = [["1", "2", "3", *row] for row in table.rows]
    return Expected(table.save())


def directions(table: Written) -> Expected:
    """Longitudes counted westwards, from 0, or in radians."""
    kind = table.random.choice(["lon_w", "lon_deg_e360", "lon_rad"])
    convert = dict(lon_w=lambda v: -v, lon_deg_e360=lambda v: v % 360, lon_rad=math.radians)[kind]
    table.header[0] = kind
    table.rows = [[repr(convert(row[0])), *cells[1:]] for row, cells in zip(table.truth, table.rows, strict=True)]
    return Expected(table.save())


def spellings(table: Written) -> Expected:
    """Names that look like the usual ones."""
    table.header[0] = table.random.choice(["LON", " lon ", "\u00a0lon", "lоn", "ｌｏｎ", "\u200blon", "Lon (deg)"])  # noqa: RUF001
    return Expected(table.save())


def encodings(table: Written) -> Expected:
    return Expected(table.save(encoding=table.random.choice(["utf-8-sig", "utf-16", "utf-32"])))


def line_ends(table: Written) -> Expected:
    return Expected(table.save(table.text(end=table.random.choice(["\r\n", "\r", "\n\n", "\n \n"]))))


def separators(table: Written) -> Expected:
    separator = table.random.choice([";", "\t", "|"])
    head = table.random.choice(["", f"sep={separator}\n"])
    return Expected(table.save(head + table.text(separator), table.random.choice(["a.csv", "a.txt", "a.CSV"])))


def decimal_commas(table: Written) -> Expected:
    separator = table.random.choice([";", "\t"])
    table.rows = [[cell.replace(".", ",") for cell in row] for row in table.rows]
    table.rows.append(["1,25", "2,5", "3,0"])
    return Expected(table.save(table.text(separator)), truth=(*table.truth, (1.25, 2.5, 3.0)))


def quoted(table: Written) -> Expected:
    table.header.append("note")
    notes = ['"a, b"', '"#7"', "Crater #7", '"he said ""x"""', '"two\nlines"', '5" hole', "", '"two\n# lines"']
    table.rows = [[f'"{row[0]}"', *row[1:], table.random.choice(notes)] for row in table.rows]
    return Expected(table.save())


def comments(table: Written) -> Expected:
    lines = table.text().splitlines()
    for _ in range(3):
        lines.insert(table.random.randint(0, len(lines)), table.random.choice(["# a, b, c", '# "quote', "#", ""]))
    return Expected(table.save("\n".join(lines)))


def strange_columns(table: Written) -> Expected:
    """Columns that nobody reads: without a name, of one name, in another encoding."""
    table.header += ["", "note", "note", "name"]
    table.rows = [[*row, "1", "a", "b", "Vallès"] for row in table.rows]
    return Expected(table.save(table.text().encode("latin-1")))


def trailing(table: Written) -> Expected:
    lines = [line + "," * table.random.randint(0, 3) for line in table.text().splitlines()]
    return Expected(table.save("\n".join([*lines, ",,", " ,,,", ""])))


def repeated(table: Written) -> Expected:
    table.rows += [table.rows[table.line()] for _ in range(table.random.randint(1, 5))]
    return Expected(table.save())


def header_only(table: Written) -> Expected:
    table.rows = []
    return Expected(table.save(), truth=())


def parquet(table: Written) -> Expected:
    """Numbers of any type, texts, dictionaries; lists where nobody reads them."""
    lon, lat, diameter = (pa.array(column) for column in zip(*table.truth, strict=True))
    texts = pa.array([str(row[2]) for row in table.truth])
    kinds = [diameter, texts, texts.dictionary_encode(), pa.array([Decimal(str(row[2])) for row in table.truth])]
    columns = dict(lon=lon, lat=lat, diam_km=table.random.choice(kinds), list=pa.array([[1]] * len(lon)))
    pq.write_table(pa.table(columns), table.folder / "craters.parquet")
    return Expected(table.folder / "craters.parquet")


def vectors(table: Written) -> Expected:
    frame = pd.DataFrame(table.truth, columns=["lon", "lat", "diam_km"])
    shapes = shapely.points(frame["lon"], frame["lat"])
    path = table.folder / f"craters.{table.random.choice(['gpkg', 'geojson', 'shp'])}"
    geopandas.GeoDataFrame(frame, geometry=shapes, crs="IAU_2015:30100").to_file(path)
    return Expected(path)


def field_counts(table: Written) -> Expected:
    row = table.rows[index := table.line()]
    table.rows[index] = table.random.choice([[*row, "0.2"], row[:2], row[:1], ["x", *row], [row[0], "", *row[1:]]])
    return Expected(table.save(), (f"line {index + 2} has", "3 columns"))


def all_longer(table: Written) -> Expected:
    table.rows = [[*row, "0.2"] for row in table.rows]
    return Expected(table.save(), ("line 2 has 4 fields",))


def two_names(table: Written) -> Expected:
    name = table.random.choice(["lon", "Lon", " lon", "LON", "lоn", "ｌｏｎ", "lat", "Diameter (km)"])  # noqa: RUF001
    table.header.append(name)
    table.rows = [[*row, "1"] for row in table.rows]
    return Expected(table.save(), ("line 1: columns", "have the same name"))


def bad_values(table: Written) -> Expected:
    column, cell = table.random.choice(
        [(0, "-9999"), (0, "x"), (1, "90.5"), (1, "-9999"), (1, "190"), (2, "0"), (2, "-9999"), (2, "1e9"), (2, "-1")]
        + [
            (c, cell)
            for c in range(3)
            for cell in ("", "nan", "inf", "12 km", "1.2.3", "1_0", "0x10", "--1", "1 2", "N/A")
        ]
    )
    table.rows[index := table.line()][column] = cell
    return Expected(table.save(), (f"line {index + 2}: column {table.header[column]} is",))


def open_commas(table: Written) -> Expected:
    """Commas that may be decimal ones or thousands, or both with points."""
    table.rows = [["12", "34", cell] for cell in table.random.choice([["1,234", "2,345"], ["1.5", "1,5"], ["1.234,5"]])]
    return Expected(table.save(table.text(";")), ("column diameter_km is", "decimal point"))


def no_unit(table: Written) -> Expected:
    table.header[2] = table.random.choice(["diameter", "Diam", "D", "radius"])
    return Expected(table.save(), ("names no unit",))


def no_column(table: Written) -> Expected:
    table.header[index := table.random.randrange(3)] = "x"
    return Expected(table.save(), ("no column named", ("lon", "lat", "diameter_km")[index]))


def no_text(table: Written) -> Expected:
    content, word = table.random.choice(
        [
            (b"PK\x03\x04 made up", "Excel"), (table.text().encode("utf-16-le"), "NUL"), (b"", "is empty"),
            (b"# nothing\n", "is empty"), (table.text().encode() + b"1,2\0,3\n", f"line {len(table.rows) + 2} holds"),
            (table.text().encode() + b"1,2,3\xff\n", f"line {len(table.rows) + 2}: column diameter_km"),
            (table.text().encode("utf-16")[:-1], "Unicode"), (b"\x1f\x8b\x08\x00", "compressed"),
        ]
    )  # fmt: skip
    return Expected(table.save(content), (word,))


def open_quotes(table: Written) -> Expected:
    index = table.line()
    table.rows[index][0] = '"' + table.rows[index][0]
    return Expected(table.save(), (f"line {index + 2}: its quotes are not in order",))


def parquet_cells(table: Written) -> Expected:
    cell = table.random.choice([[1.0], dict(a=1.0), True, datetime(2020, 1, 1), b"1"])
    frame = pa.table(dict(lon=[1.0], lat=[2.0], diam_km=[cell]))
    pq.write_table(frame, table.folder / "craters.parquet")
    return Expected(table.folder / "craters.parquet", ("column diam_km holds values of type",))


ACCEPTED = (
    names, both_fits, directions, spellings, encodings, line_ends, separators, decimal_commas, quoted, comments,
    strange_columns, trailing, repeated, header_only, parquet, vectors,
)  # fmt: skip
REFUSED = (
    field_counts, all_longer, two_names, bad_values, open_commas, no_unit, no_column, no_text, open_quotes,
    parquet_cells,
)  # fmt: skip
VARIANTS: dict[str, Callable[[Written], Expected]] = {make.__name__: make for make in (*ACCEPTED, *REFUSED)}


def check(random: Random, folder: Path) -> str:
    """Make a table and read it; "refused" or "accepted". AssertionError for a wrong result or a poor message."""
    kind = random.choice([*VARIANTS, "mutated", "scene_table", "mutated_scenes", "points"])
    special = dict(
        mutated=check_mutated, scene_table=check_scenes, mutated_scenes=check_mutated_scenes, points=check_points
    )
    return special[kind](random, folder) if kind in special else check_variant(kind, random, folder)


def check_variant(name: str, random: Random, folder: Path) -> str:
    """A crater table of a variant."""
    table = Written.of(random, folder)
    expected = VARIANTS[name](table)
    try:
        craters = read_craters(expected.path)
    except OrbitileError as error:
        assert expected.refusal, f"{name}: refused, {error}"
        check_line(str(error), expected.path, expected.refusal)
        return "refused"
    assert not expected.refusal, f"{name}: accepted, {expected.path.read_bytes()[:300]!r}"
    true = np.array(table.truth if expected.truth is None else expected.truth, float).reshape(-1, 3)
    read = np.column_stack([craters.lon, craters.lat, craters.diameter_m / 1000])
    assert read.shape == true.shape, f"{name}: {len(read)} of {len(true)} craters"
    assert np.allclose(read, true, rtol=0, atol=1e-9), f"{name}: {read} instead of {true}"
    return "accepted"


def check_line(message: str, path: Path, words: tuple[str, ...] = ()) -> None:
    """A message of one line, with the file and some words."""
    assert message.startswith(str(path)) and "\n" not in message and message.isprintable(), message
    assert len(message) - len(str(path)) < 500, message
    assert all(word in message for word in words), f"{words} not in {message}"


def mutated_bytes(random: Random, content: bytes) -> bytes:
    """Bytes of which some are others, lost, or there twice."""
    letters = bytearray(content)
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(letters))
        change = random.choice(["set", "insert", "delete", "cut", "double"])
        byte = random.choice([0, 9, 10, 13, 34, 35, 44, 59, 92, 0xFF, 0xE2, random.randrange(256)])
        if change == "set":
            letters[at] = byte
        elif change == "insert":
            letters.insert(at, byte)
        elif change == "double":
            letters[at:at] = letters[at : at + random.randint(1, 40)]
        else:
            del letters[at : at + (1 if change == "delete" else random.randint(1, 30))]
        letters = letters or bytearray(b"x")
    return bytes(letters)


def check_mutated(random: Random, folder: Path) -> str:
    """A damaged crater table: refused in a line, or craters that lie on a body."""
    expected = VARIANTS[random.choice(["names", "quoted", "parquet", "separators", "decimal_commas"])](
        Written.of(random, folder)
    )
    expected.path.write_bytes(mutated_bytes(random, expected.path.read_bytes()))
    try:
        craters = read_craters(expected.path)
    except OrbitileError as error:
        check_line(str(error), expected.path)
        return "refused"
    assert np.isfinite(craters.lon).all() and (np.abs(craters.lat) <= 90).all() and (craters.diameter_m > 0).all()
    return "accepted"


SCENE_FAULTS = {
    "scene,path\na,x.tif,y\n": "line 2 has 3 fields",
    "scene,path,group\na,x.tif\n": "line 2 has 2 fields",
    "scene,Scene,path\na,b,x.tif\n": "have the same name",
    "scene,path\nA,x.tif\na,y.tif\n": "line 3: scene 'a' differs from 'A' only in upper and lower case",
    "scene,path\na,x.tif\na,y.tif\n": "line 3: scene 'a' is listed more than once",
    f"scene,path\n{'a' * 300},x.tif\n": "line 2: scene 'aaa",
    f"scene,path,group\na,x.tif,{'g' * 240}\n": "line 2: group 'ggg",
    "scene,path,incidence\na,x.tif,200\n": "line 2: column incidence is '200'",
    "scene,path,incidence\na,x.tif,60 deg\n": "line 2: column incidence is '60 deg', not a number",
    "scene,path\na,\n": "line 2: path '' is empty",
    "scene,path,\na,x.tif,1\n": "line 2 has 3 fields",
    "scene,path,note\na,x.tif,1\n": "column note is unknown",
    "scene,path,georef_method\na,x.tif,Corners\n": "line 2: georef_method 'Corners' is unknown",
    "scene,path\n": "has no rows",
}
"""Scene tables with a fault, and what its refusal says."""
SCENE_FORMS = (
    "scene,path\na,M#1/x.tif\n", '\ufeffscene,path\na,"M#1/x.tif"\n', "Scene;Path\na;M#1/x.tif\n",
    "# made up\npath\tscene\tgroup\nM#1/x.tif\ta\t\n", "scene,path,\na,M#1/x.tif,\n,,\n",
    "scene , path\n a , M#1/x.tif \n",
)  # fmt: skip
"""Scene tables of the scene a, with the image M#1/x.tif."""


def check_scenes(random: Random, folder: Path) -> str:
    """A scene table of an odd form, or with a fault."""
    path = folder / "scenes.csv"
    if random.random() < 0.5:
        path.write_text(random.choice(SCENE_FORMS), encoding=random.choice(["utf-8", "utf-16"]))
        (row,) = read_scene_table(path).to_dict("records")
        assert (row["scene"], row["path"], row["group"]) == ("a", str(folder / "M#1" / "x.tif"), None), row
        return "accepted"
    text = random.choice(list(SCENE_FAULTS))
    path.write_text(text)
    try:
        read_scene_table(path)
    except OrbitileError as error:
        check_line(str(error), path, (SCENE_FAULTS[text],))
        return "refused"
    raise AssertionError(f"accepted: {text!r}")


def check_mutated_scenes(random: Random, folder: Path) -> str:
    """A damaged scene table: refused in a line, or with names that can be names of files."""
    path = folder / "scenes.csv"
    path.write_bytes(mutated_bytes(random, random.choice(SCENE_FORMS).encode() + b"b,images/b.tif\nc,images/c.tif\n"))
    try:
        table = read_scene_table(path)
    except OrbitileError as error:
        check_line(str(error), path)
        return "refused"
    assert all(name and len(name) <= 128 and "/" not in name for name in table["scene"])
    return "accepted"


def check_points(random: Random, folder: Path) -> str:
    """Control points with or without a fault."""
    path = folder / "points.csv"
    separator = random.choice([",", ";", "\t"])
    rows = [["row", "col", "lat", "lon"], ["0.5", "1", "-4", "360"], ["2", "3", "5", "181"]]
    has_fault = random.random() < 0.5
    if has_fault:
        rows[random.randint(1, 2)] = random.choice(
            [
                ["1", "2", "3"],
                ["1", "2", "91", "4"],
                ["1", "2", "3", "x"],
                ["1", "", "3", "4"],
                ["1", "2", "3", "4", "5"],
            ]
        )
    path.write_text("\n".join(separator.join(row) for row in rows))
    try:
        points = read_points(str(path), (10, 10))
    except OrbitileError as error:
        assert has_fault, str(error)
        check_line(str(error), path, ("line ",))
        return "refused"
    assert not has_fault and points.col.tolist() == [1, 3] and points.row.tolist() == [0.5, 2]
    assert points.lon.tolist() == [0, -179] and points.lat.tolist() == [-4, 5]
    return "accepted"
