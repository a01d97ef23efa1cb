"""How much of the catalogue of a world its readers read for a box; needs none of Debian's packages."""

import os
import subprocess
import sys

import pytest
from made_up_catalogue import bounds_of_cell, write_catalogue, write_group, write_manifest

BOXES = [(9, 5, 11, 7), (1, 9, 3, 11), (13.5, 6.2, 15.5, 8.2)]
READERS = {
    "orbitile": "len(orbitile.catalogue.open(folder).select(box=box).table())",
    "geopandas": "len(geopandas.read_parquet(f'{folder}/craters', bbox=box))",
    "geopandas, by parts": """len(geopandas.read_parquet(
        orbitile.catalogue.open(folder).select(box=box).parts, bbox=box
    ))""",
    "duckdb": """len(duckdb.sql(
        f"SELECT * EXCLUDE geometry FROM '{folder}/craters/*.parquet' "
        f"WHERE lon BETWEEN {box[0]} AND {box[2]} AND lat BETWEEN {box[1]} AND {box[3]}"
    ).fetchall())""",
}  # fmt: skip
PROGRAM = """
import duckdb, geopandas, orbitile.catalogue

def bytes_read():
    return int(open("/proc/self/io").readline().split()[1])

def read(folder, box):
    return {reader}

read({small!r}, (-180, -90, 180, 90))  # so that all that is loaded on first use is there
before = bytes_read()
rows = read({folder!r}, {box!r})
print(rows, bytes_read() - before)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The catalogue of a world, 300 parts of 300,000 craters, and a small one.

    All parts of the world but that of the boxes are links to one: nobody reads what is in them.
    """
    world, small = tmp_path_factory.mktemp("world"), tmp_path_factory.mktemp("small")
    near = write_group(world, "near", 300_000, bounds_of_cell((10, 8), 20, 15))
    far = write_group(world, "far000", 300_000, bounds_of_cell((3, 3), 20, 15))
    parts = [near, far, *(linked(world, far, f"far{number:03d}") for number in range(1, 299))]
    return write_manifest(world, parts), write_catalogue(small, 10, 10, 100)


def linked(folder, part, group):
    path = f"craters/{group}.parquet"
    os.link(folder / part["path"], folder / path)
    return part | dict(group=group, path=path)


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("name", READERS)
def test_a_box_needs_less_than_a_hundredth_of_the_bytes(folders, name, box):
    world, small = folders
    program = PROGRAM.format(reader=READERS[name], box=box, folder=str(world), small=str(small))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows, read = map(int, done.stdout.splitlines()[-1].split())  # DuckDB prints its progress
    assert 8000 < rows < 10_000
    share = read / sum(part.stat().st_size for part in (world / "craters").iterdir())
    print(f"{name}: {read / 1e6:.2f} MB, {share:.3%}")
    assert share < 0.01
