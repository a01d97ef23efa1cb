"""Which blocks of objects the page shows in a view: all with an object that reaches into it."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import shapely

from orbitile.space.bodies import find_body
from orbitile.web import row_blocks
from orbitile.web.blocks import blocks_by_size, rounded_reaches
from orbitile.web.feature_blocks import _extents
from orbitile.web.row_blocks import PageRows, write_blocks

MOON = find_body("Moon")
CODE = Path(row_blocks.__file__).with_name("assets") / "code"
ROWS = 400
LACKING = """
const fs = require("fs"), vm = require("vm");
const { code, rows, blocks, reaches, views, radius } = JSON.parse(fs.readFileSync(0));
vm.runInThisContext(code.map((path) => fs.readFileSync(path, "utf8")).join(";") + `;this.run = function () {
  const maps = [new CylindricalMap(radius), new PolarMap(1, radius), new PolarMap(-1, radius)], lacking = [];
  let seen = 0;
  for (const [number, lon, lat, size] of views) {
    const map = maps[number], [x, y] = map.toMap(lon, lat), extent = [x - size, y - size, x + size, y + size];
    const visible = new Visible(map, extent, size / 500), shown = new Set();
    const visit = (level, column, row) => {
      const name = level + "-" + column + "-" + row;
      if (!blocks[name] || !visible.touches(level, column, row, reaches[name])) return;
      shown.add(name);
      for (const [i, j] of [[0, 0], [1, 0], [0, 1], [1, 1]]) visit(level + 1, 2 * column + i, 2 * row + j);
    };
    visit(0, 0, 0);
    visit(0, 1, 0);
    for (const [name, members] of Object.entries(blocks)) for (const i of members) {
      const [lon1, lat1, angle] = rows[i], reach = map.reach(lat1, angle);
      if (map.sign && map.sign * lat1 < 0) continue;
      for (const turn of map.copies(lon1, extent, reach)) {
        const [x1, y1] = map.toMap(lon1 + turn, lat1), down = map.turn ? angle * radius : reach;
        const isBeside = x1 + reach < extent[0] || x1 - reach > extent[2];
        if (isBeside || y1 + down < extent[1] || y1 - down > extent[3]) continue;
        seen++;
        if (!shown.has(name)) lacking.push([number, lon, lat, size, i]);
      }
    }
  }
  return { seen, lacking };
};`);
Object.assign(globalThis, { rows, blocks, reaches, views, radius });
console.log(JSON.stringify(run()));
"""


@pytest.fixture
def rows(monkeypatch):
    """Craters of all sizes all over the Moon, more around 180 degrees and the poles, in small blocks."""
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 4)
    random = np.random.default_rng(0)
    lon, lat = random.uniform(-180, 180, ROWS), np.degrees(np.arcsin(random.uniform(-1, 1, ROWS)))
    lon[:60], lat[60:120] = random.uniform(178, 182, 60), random.choice([-1, 1], 60) * random.uniform(75, 90, 60)
    lon = (lon + 180) % 360 - 180
    zeros = np.zeros(ROWS, int)
    names = dict(scenes=["a"], classes=["crater"], scales_m=[1.0])
    return PageRows(
        lon, lat, 10 ** random.uniform(0, 3, ROWS), zeros, zeros + 0.5, zeros + 0.5, zeros, zeros, zeros == 1,
        np.zeros((ROWS, 10), np.uint8), zeros, **names,
    )  # fmt: skip


def blocks_of(rows, folder):
    """The indices of the rows of each block by name, and the blocks' reaches."""
    blocks = blocks_by_size(rows.lon, rows.lat, rows.diameter_km, row_blocks.BLOCK_ROWS)
    return {block.name: block.rows.tolist() for block in blocks}, write_blocks(rows, folder, MOON.radius_m)[1]


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no program that runs the page's code")
def test_what_reaches_into_a_view_is_shown(rows, tmp_path):
    """Close to a rim, the middle of a crater is often in a block beside the view."""
    blocks, reaches = blocks_of(rows, tmp_path)
    random = np.random.default_rng(1)
    bearing, angle = random.uniform(0, 2 * np.pi, ROWS), rows.diameter_km * 500 / MOON.radius_m
    rim_lat = np.clip(rows.lat + np.degrees(angle * np.cos(bearing)), -89.9, 89.9)
    rim_lon = rows.lon + np.degrees(angle * np.sin(bearing)) / np.cos(np.radians(rows.lat))
    maps = np.where(np.abs(rim_lat) > 65, np.where(rim_lat > 0, 1, 2), 0) * random.integers(0, 2, ROWS)
    views = [
        [int(m), lon, lat, size]
        for m, lon, lat, size in zip(maps, rim_lon, rim_lat, angle * MOON.radius_m / 20, strict=True)
    ]
    code = [str(CODE / name) for name in ("maps.js", "drawing.js")]
    places = np.column_stack([rows.lon, rows.lat, angle]).tolist()
    given = dict(code=code, radius=MOON.radius_m, views=views, rows=places, blocks=blocks, reaches=reaches)
    command = ["node", "-e", LACKING]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["seen"] > ROWS / 2 and found["lacking"] == []


def test_a_block_reaches_as_far_as_those_below_it():
    reaches = {"0-1-0": (1.0, 0.2), "1-2-0": (0.5, 0.5), "2-5-1": (170.0001, 0.1), "1-3-0": (2.0, 0.1)}
    assert rounded_reaches(reaches) == {
        "0-1-0": [170.001, 0.5], "1-2-0": [170.001, 0.5], "2-5-1": [170.001, 0.1], "1-3-0": [2.0, 0.1]
    }  # fmt: skip


def test_extents_of_shapes_that_are_cut_at_180_degrees():
    east, west = shapely.box(179.5, 10, 180, 11), shapely.box(-180, 10.5, -179, 12)
    belt, box = shapely.box(-180, -80, 180, -70), shapely.box(-10, 0, 30, 4)
    shapes = np.array([shapely.MultiPolygon([east, west]), belt, box, west], object)
    (lon, lat), (width, height) = _extents(shapes)
    assert lon.tolist() == [-179.75, 0, 10, -179.5] and lat.tolist() == [11, -75, 2, 11.25]
    assert width.tolist() == [1.5, 360, 40, 1] and height.tolist() == [2, 10, 4, 1.5]
