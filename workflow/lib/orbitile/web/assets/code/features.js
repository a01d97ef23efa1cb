/* The polygons and lines of a map: blocks that are loaded as they are needed. */
"use strict";

const DEGREES_PER_STEP = 1e-6;
const MOST_DIRECT_FEATURES = 20_000;

class Features {
  constructor(page) {
    this.page = page;
    this.blocks = new Map();
    this.shown = [];
    this.colours = new Map();
    const names = [...new Set(page.run.layers.flatMap((layer) => layer.classes))].sort();
    names.forEach((name, number) => this.colours.set(name, page.run.colours.classes[number % page.run.colours.classes.length]));
    this.hiddenClasses = new Set();
  }
  /** A block's features with places in degrees; null until it is loaded. */
  want(kind, name) {
    const key = `${kind}/${name}`;
    if (this.blocks.has(key)) return this.blocks.get(key);
    this.blocks.set(key, null);
    load(key).then(({ features, deeper }) => {
      this.blocks.set(key, { deeper, features: features.map(({ about, parts }) => ({ about, kind, parts: parts.map(placesOf) })) });
      this.page.redraw();
    }).catch(showAlarm);
    return null;
  }
  paint(context, frame, extent) {
    const { page } = this, visible = new Visible(page.map, extent, frame.across);
    this.shown = [];
    for (const layer of page.run.layers) {
      if (!page.state.layers.has(layer.kind)) continue;
      const paths = new Map([...this.colours.keys()].map((name) => [name, new Path2D()]));
      for (const feature of this.features(layer, visible)) {
        if (this.hiddenClasses.has(feature.about.class)) continue;
        this.shown.push(feature);
        for (const part of feature.parts) page.drawing.addOutline(paths.get(feature.about.class), frame, extent, part, layer.kind === "polygons");
      }
      for (const [name, path] of paths) strokeTwice(context, path, this.colours.get(name), layer.kind === "lines" ? 1.2 : 1.8);
    }
  }
  features(layer, visible) {
    const features = [], isDirect = layer.rows <= MOST_DIRECT_FEATURES;
    const visit = (level, column, row) => {
      const name = `${level}-${column}-${row}`;
      if (!layer.blocks[name] || !visible.touches(level, column, row, layer.reaches[name])) return;
      features.push(...(this.want(layer.kind, name)?.features ?? []));
      if (!isDirect && (180 / 2 ** (level + 1)) * visible.pixelsPerDegree < BLOCK_PX) return;
      for (const [right, down] of [[0, 0], [1, 0], [0, 1], [1, 1]]) visit(level + 1, 2 * column + right, 2 * row + down);
    };
    visit(0, 0, 0);
    visit(0, 1, 0);
    return features;
  }
  countText() {
    const visible = this.page.visible, counts = {};
    for (const { kind, parts } of this.shown) if (parts.some((part) => part.some(([lon, lat]) => visible.holds(lon, lat)))) counts[kind] = (counts[kind] ?? 0) + 1;
    const listed = this.page.run.layers.map(({ kind, rows }) => `${count(counts[kind] ?? 0)} of ${count(rows)} ${kind}`);
    return `${listed.join(", ")} in view.`;
  }
  /** The smallest polygon that holds a place, or the line beside it; null without. */
  at([lon, lat], tolerance) {
    let best = null, least = Infinity;
    for (const feature of this.shown) {
      const size = feature.about.area_m2 ?? feature.about.length_m ?? 0;
      const holds = feature.kind === "polygons" ? feature.parts.filter((part) => isInside(part, lon, lat)).length % 2 === 1
        : feature.parts.some((part) => isBeside(part, lon, lat, tolerance));
      if (holds && size < least) [best, least] = [feature, size];
    }
    return best;
  }
}

/** Places in degrees of steps: the first place, then differences. */
function placesOf(steps) {
  const places = [];
  let lon = 0, lat = 0;
  for (let k = 0; k < steps.length; k += 2) {
    lon += steps[k];
    lat += steps[k + 1];
    places.push([lon * DEGREES_PER_STEP, lat * DEGREES_PER_STEP]);
  }
  return places;
}

/** Whether an outline (degrees) holds a place, by the crossings of a ray. */
function isInside(outline, lon, lat) {
  let inside = false;
  const x = outline[0][0] + wrap(lon - outline[0][0]);
  outline.forEach(([lon1, lat1], i) => {
    const [lon0, lat0] = outline[(i || outline.length) - 1];
    if (lat1 > lat !== lat0 > lat && x < ((lon0 - lon1) * (lat - lat1)) / (lat0 - lat1) + lon1) inside = !inside;
  });
  return inside;
}

/** Whether a place lies within so many degrees of a line. */
function isBeside(line, lon, lat, tolerance) {
  const scale = Math.max(Math.cos(lat * RADIANS), 0.01);
  return line.some(([lon1, lat1], i) => {
    if (!i) return false;
    const [lon0, lat0] = line[i - 1], dx = wrap(lon1 - lon0) * scale, dy = lat1 - lat0;
    const px = wrap(lon - lon0) * scale, py = lat - lat0, square = dx * dx + dy * dy;
    const share = square ? Math.max(0, Math.min(1, (px * dx + py * dy) / square)) : 0;
    return Math.hypot(px - share * dx, py - share * dy) <= tolerance;
  });
}
