/* What lies over the images: rings, density, outlines, graticule; and which row is under the pointer. */
"use strict";

const LEAST_RING_PX = 1.3;
const MOST_DOTS = 4000;
const DENSITY_PX = 9;
const DENSITY_COLOUR = [86, 180, 233];
const LINE_COLOURS = { scenes: "#56b4e9", left_out: "#d55e00", searched: "#009e73" };
const VERDICT_COLOURS = { right: "#56b4e9", false: "#d55e00", unsure: "#f0e442", moved: "#cc79a7", added: "#009e73" };
const COMPARISON_COLOURS = ["#dddddd", "#56b4e9", "#d55e00"];
const MISSED_COLOUR = "#ffffff";
const DASHES = [[], [], [6, 4]];
const MISSED_DASHES = [2, 3];
const NEUTRAL = "#ffd60a";

/** What a view shows of the body, for blocks of rows. */
class Visible {
  constructor(map, extent, resolution) {
    Object.assign(this, { map, extent, resolution });
    this.pixelsPerDegree = (RADIANS * map.radius) / resolution;
    if (map.turn) {
      [this.west, this.south] = map.fromMap(extent.slice(0, 2));
      [this.east, this.north] = map.fromMap(extent.slice(2));
    }
  }
  /** Whether objects of a block may reach into it: so many degrees of longitude and latitude beyond the block. */
  touches(level, column, row, [across, down] = [0, 0]) {
    const side = 180 / 2 ** level, west = column * side - 180 - across, width = side + 2 * across;
    const north = Math.min(90, 90 - row * side + down), south = Math.max(-90, 90 - (row + 1) * side - down), height = north - south;
    if (this.map.turn) {
      if (north < this.south || south > this.north) return false;
      return ((((west - this.west) % 360) + 360) % 360) < this.east - this.west || ((((this.west - west) % 360) + 360) % 360) < width;
    }
    const near = this.map.sign > 0 ? north : -south;
    if (near < 0) return false;
    if (Math.max(width, height) > 45) return true;
    let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i <= 4; i++) for (let j = 0; j <= 4; j++) {
      const lat = north - (height * j) / 4;
      const [x, y] = this.map.toMap(west + (width * i) / 4, this.map.sign * Math.max(0, this.map.sign * lat));
      [left, right, bottom, top] = [Math.min(left, x), Math.max(right, x), Math.min(bottom, y), Math.max(top, y)];
    }
    return left <= this.extent[2] && right >= this.extent[0] && bottom <= this.extent[3] && top >= this.extent[1];
  }
  /** Whether a place lies in it. */
  holds(lon, lat) {
    if (!this.map.turn) {
      if (this.map.sign * lat < 0) return false;
      const [x, y] = this.map.toMap(lon, lat);
      return x >= this.extent[0] && x <= this.extent[2] && y >= this.extent[1] && y <= this.extent[3];
    }
    return lat >= this.south && lat <= this.north && ((((lon - this.west) % 360) + 360) % 360) <= this.east - this.west;
  }
}

/** The number of the colour of each row of a block, as the page is set; -1 for rows that are not shown. */
function colourNumbers(page, block) {
  const { rows, state } = page, mask = rows.mask(block), limits = page.run.colours.limits;
  const numbers = new Int8Array(block.count);
  const values = state.colour === "probability" ? block.probability : block.score;
  for (let i = 0; i < block.count; i++) {
    if (!mask[i]) numbers[i] = -1;
    else if (page.judging.isOn) numbers[i] = 0;
    else if (state.colour === "comparison") numbers[i] = block.comparison[i];
    else if (state.colour === "class") numbers[i] = block.class[i] % page.palette.length;
    else {
      let k = 1;
      while (k < limits.length - 1 && values[i] / SHARES >= limits[k]) k++;
      numbers[i] = k - 1;
    }
  }
  return numbers;
}

class Drawing {
  constructor(page) {
    this.page = page;
    this.shownBlocks = [];
    this.dense = 0;
  }
  /** The canvas of all that lies over the images, for OpenLayers' ImageCanvas. */
  paint(extent, resolution, pixelRatio, size) {
    const { page } = this, canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = size.map(Math.round);
    const context = canvas.getContext("2d");
    context.scale(pixelRatio, pixelRatio);
    const frame = new Frame(extent[0], extent[3], resolution), visible = new Visible(page.map, extent, resolution);
    const { chip } = page.judging;
    if (chip && chip.map === page.map && page.state.images) for (const turn of page.map.copies(chip.row.lon, extent, 0)) paintChip(context, frame, chip.map, chip.row, chip.image, turn);
    this.paintDensity(context, frame, this.blocks(visible), visible);
    this.paintOutlines(context, frame, extent);
    const labels = page.state.graticule ? this.paintGraticule(context, frame, visible) : [];
    if (page.state.rings) this.paintRings(context, frame, visible);
    context.font = "11px system-ui, sans-serif";
    for (const { anchor, text } of labels) haloText(context, text, ...anchor);
    return canvas;
  }
  blocks(visible) {
    this.shownBlocks = this.page.rows.shown(visible);
    return this.shownBlocks;
  }
  /** Rings by their colours; where thousands would be smaller than a few pixels, how many there are. */
  paintRings(context, frame, visible) {
    const { page } = this, { map, rows } = page, palette = page.judging.isOn ? [NEUTRAL] : page.palette;
    const paths = palette.map(() => new Path2D()), dots = palette.map(() => []);
    let dotCount = 0;
    for (const block of this.shownBlocks) {
      const numbers = colourNumbers(page, block);
      for (let i = 0; i < block.count; i++) {
        if (numbers[i] < 0) continue;
        const lon = block.lon[i] / 1e7, lat = block.lat[i] / 1e7;
        if (map.sign && map.sign * lat < 0) continue;
        const angle = (block.diameter[i] * 500) / page.run.radius_m, reach = map.reach(lat, angle);
        for (const turn of map.copies(lon, visible.extent, reach)) {
          const [x, y] = map.toMap(lon + turn, lat);
          if (x + reach < visible.extent[0] || x - reach > visible.extent[2]) continue;
          if (y + reach < visible.extent[1] || y - reach > visible.extent[3]) continue;
          if (reach / frame.across < LEAST_RING_PX) {
            dots[numbers[i]].push(...frame.pixel([x, y]));
            dotCount++;
          } else map.addRing(paths[numbers[i]], frame, lon + turn, lat, angle);
        }
      }
    }
    this.dense = dotCount > MOST_DOTS ? dotCount : 0;
    if (this.dense) paintCells(context, dots.flat());
    else dots.forEach((places, k) => paintDots(context, places, palette[k]));
    context.lineWidth = 3;
    context.strokeStyle = "#0008";
    paths.forEach((path) => context.stroke(path));
    context.lineWidth = 1.5;
    paths.forEach((path, k) => {
      context.setLineDash(page.state.colour === "comparison" && !page.judging.isOn ? DASHES[k] : []);
      context.strokeStyle = palette[k];
      context.stroke(path);
    });
    context.setLineDash([]);
    if (page.isMissedShown) this.paintMissed(context, frame, visible);
  }
  /** The craters of the other table that no row matches. */
  paintMissed(context, frame, visible) {
    const { page } = this, { map } = page, path = new Path2D();
    for (const { lon, lat, diameter_km } of page.missed) {
      if (map.sign && map.sign * lat < 0) continue;
      const angle = (diameter_km * 500) / page.run.radius_m, reach = map.reach(lat, angle);
      for (const turn of map.copies(lon, visible.extent, reach)) {
        const [x, y] = map.toMap(lon + turn, lat), extent = visible.extent;
        if (x + reach >= extent[0] && x - reach <= extent[2] && y + reach >= extent[1] && y - reach <= extent[3]) map.addRing(path, frame, lon + turn, lat, angle);
      }
    }
    strokeTwice(context, path, MISSED_COLOUR, 1.5, MISSED_DASHES);
  }
  /** How many smaller craters, which are not loaded at this zoom, lie where. */
  paintDensity(context, frame, blocks, visible) {
    const { rows, map } = this.page;
    if (rows.isDirect) return;
    const closed = blocks.filter((block) => block.deeper.cells.length && !rows.opens(block.level, visible));
    const most = Math.max(1, ...closed.map((block) => Math.max(...block.deeper.rows) / (block.side / CELLS) ** 2));
    for (const block of closed) {
      const side = block.side / CELLS;
      block.deeper.cells.forEach((cell, k) => {
        const west = block.column * block.side - 180 + (cell % CELLS) * side;
        const north = 90 - block.row * block.side - Math.floor(cell / CELLS) * side;
        const share = Math.log1p(block.deeper.rows[k] / side ** 2) / Math.log1p(most);
        context.fillStyle = `rgba(${DENSITY_COLOUR.join()},${0.1 + 0.45 * share})`;
        const corners = [[west, north], [west + side, north], [west + side, north - side], [west, north - side]];
        for (const turn of map.copies(west + side / 2, visible.extent, map.reach(0, side * RADIANS))) {
          context.beginPath();
          map.addOutline(context, frame, corners.map(([lon, lat]) => [lon + turn, lat]));
          context.fill();
        }
      });
    }
  }
  paintOutlines(context, frame, extent) {
    for (const [name, colour] of Object.entries(LINE_COLOURS)) {
      if (!this.page.state.layers.has(name)) continue;
      const path = new Path2D();
      for (const outline of this.page.outlines(name)) this.addOutline(path, frame, extent, outline, true);
      strokeTwice(context, path, colour, 1.5, name === "left_out" ? [6, 4] : []);
    }
    this.page.features?.paint(context, frame, extent);
  }
  /** Add an outline (degrees) to a path, as often as an extent shows it. */
  addOutline(path, frame, extent, points, closed) {
    const { map } = this.page;
    if (map.sign && !points.some(([, lat]) => map.sign * lat > 0)) return;
    const lons = points.map(([lon]) => lon), width = Math.max(...lons) - Math.min(...lons);
    const middle = (Math.max(...lons) + Math.min(...lons)) / 2;
    for (const turn of map.copies(middle, extent, map.turn ? (width / 360) * map.turn : 0)) {
      map.addOutline(path, frame, points.map(([lon, lat]) => [lon + turn, lat]), closed);
    }
  }
  /** Meridians and parallels; returns their degrees, which are written over the rings. */
  paintGraticule(context, frame, visible) {
    const { map } = this.page, step = graticuleStep(110 / visible.pixelsPerDegree);
    context.lineWidth = 1;
    const lines = map.turn ? cylindricalLines(visible, step) : polarLines(map, step);
    context.beginPath();
    for (const { points } of lines) map.addOutline(context, frame, points, false);
    context.strokeStyle = "#0006";
    context.lineWidth = 2;
    context.stroke();
    context.strokeStyle = "#fff9";
    context.lineWidth = 0.7;
    context.stroke();
    return this.labels(lines, frame, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  }
  labels(lines, frame, digits) {
    const { map, state } = this.page, view = this.page.view.calculateExtent();
    const [left, top] = frame.pixel([view[0], view[3]]), [right, bottom] = frame.pixel([view[2], view[1]]);
    const labels = [];
    for (const { lon, lat, points } of lines) {
      const text = lon !== undefined ? degreesText(lon, state.longitudes, digits) : latitudeText(lat, digits);
      if (map.turn) {
        const [x, y] = frame.pixel(map.toMap(...points[0]));
        if (lon !== undefined && x > left + 60 && x < right - 30) labels.push({ text, anchor: [x + 3, top + 14] });
        if (lat !== undefined && y > top + 145 && y < bottom - 40) labels.push({ text, anchor: [left + 6, y - 3] });
      } else {
        const place = points.map((point) => frame.pixel(map.toMap(...point))).find(([x, y]) => x > left + 8 && x < right - 50 && y > top + 16 && y < bottom - 40);
        if (place) labels.push({ text, anchor: [place[0] + 3, place[1] - 3] });
      }
    }
    return labels;
  }
  /** The row whose rim or, of the smallest, whose ground is under a place on the map; null without. */
  at(coordinate, resolution) {
    const { page } = this, { map, rows } = page, [lon, lat] = map.fromMap(coordinate);
    let best = null, least = Infinity;
    for (const block of this.shownBlocks) {
      const mask = rows.mask(block);
      for (let i = 0; i < block.count; i++) {
        if (!mask[i]) continue;
        const down = Math.abs(block.lat[i] / 1e7 - lat), radius = (block.diameter[i] * 500) / page.run.radius_m;
        if (down * RADIANS > radius * 1.1 + (6 * resolution) / map.radius) continue;
        const angle = angleBetween(lon, lat, block.lon[i] / 1e7, block.lat[i] / 1e7);
        const slack = ((5 * resolution) / map.radius) * map.groundScale(lon, lat);
        if (angle <= radius + slack && radius < least) [best, least] = [[block, i], radius];
      }
    }
    return best && rows.row(...best);
  }
}

function paintDots(context, places, colour) {
  context.fillStyle = "#0008";
  for (let k = 0; k < places.length; k += 2) context.fillRect(places[k] - 2, places[k + 1] - 2, 4, 4);
  context.fillStyle = colour;
  for (let k = 0; k < places.length; k += 2) context.fillRect(places[k] - 1.2, places[k + 1] - 1.2, 2.4, 2.4);
}

/** How many places (x, y, x, y ...) lie in cells of a few pixels. */
function paintCells(context, places) {
  const cells = new Map();
  for (let k = 0; k < places.length; k += 2) {
    const key = `${Math.floor(places[k] / DENSITY_PX)},${Math.floor(places[k + 1] / DENSITY_PX)}`;
    cells.set(key, (cells.get(key) ?? 0) + 1);
  }
  const most = Math.max(1, ...cells.values());
  for (const [key, rows] of cells) {
    const [x, y] = key.split(",").map(Number);
    context.fillStyle = `rgba(${DENSITY_COLOUR.join()},${0.08 + 0.5 * (rows / most)})`;
    context.fillRect(x * DENSITY_PX, y * DENSITY_PX, DENSITY_PX - 1, DENSITY_PX - 1);
  }
}

/** A line with a dark border; under dashes the border is whole, or they would look like a ladder. */
function strokeTwice(context, path, colour, width, dashes = []) {
  context.strokeStyle = dashes.length ? "#0007" : "#000a";
  context.lineWidth = width + 2;
  context.stroke(path);
  context.setLineDash(dashes);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
  context.setLineDash([]);
}

function haloText(context, text, x, y) {
  context.strokeStyle = "#000b";
  context.lineWidth = 3;
  context.strokeText(text, x, y);
  context.fillStyle = "#fff";
  context.fillText(text, x, y);
}

/** Degrees between lines that are at least so many apart. */
function graticuleStep(least) {
  const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 45, 90];
  return steps.find((step) => step >= least) ?? 90;
}

function cylindricalLines(visible, step) {
  const lines = [];
  for (let lon = Math.ceil(visible.west / step) * step; lon <= visible.east; lon += step) {
    lines.push({ lon, points: [[lon, Math.max(visible.south, -90)], [lon, Math.min(visible.north, 90)]] });
  }
  for (let lat = Math.ceil(visible.south / step) * step; lat <= visible.north + 1e-9; lat += step) {
    lines.push({ lat: Number(lat.toFixed(6)), points: [[visible.west, lat], [visible.east, lat]] });
  }
  return lines;
}

function polarLines(map, step) {
  const lines = [], parallel = Math.min(step, 10);
  for (let lon = -180; lon < 180; lon += Math.max(step, 15)) {
    const points = [];
    for (let k = 0; k <= (lon % 90 ? 58 : 60); k++) points.push([lon, map.sign * (k * 1.5)]);
    lines.push({ lon, points });
  }
  for (let k = 1; 90 - k * parallel >= POLAR_LIMIT - 15; k++) {
    const lat = map.sign * (90 - k * parallel), points = [];
    for (let lon = -180; lon <= 180; lon += 2) points.push([lon, lat]);
    lines.push({ lat, points });
  }
  return lines;
}

/** A longitude as it is counted: to both sides, or from 0 to 360 east. */
function degreesText(lon, longitudes, digits) {
  const folded = wrap(Number(lon.toFixed(digits)));
  if (longitudes === "360") return `${(folded < 0 ? folded + 360 : folded).toFixed(digits)}°E`;
  return `${Math.abs(folded).toFixed(digits)}°${Math.abs(folded) === 180 || folded === 0 ? "" : folded > 0 ? "E" : "W"}`;
}

function latitudeText(lat, digits) {
  const rounded = Number(lat.toFixed(digits));
  return `${Math.abs(rounded).toFixed(digits)}°${rounded > 0 ? "N" : rounded < 0 ? "S" : ""}`;
}
