/* The page: its state, which the address keeps, the map, pointer and keys. */
"use strict";

const BITS = { missed: "m", images: "i", rings: "r", graticule: "g", scenes: "s", left_out: "l", searched: "a", polygons: "p", lines: "n" };

class Page {
  constructor(run) {
    this.run = run;
    this.maps = mapsOf(run);
    this.state = { colour: run.has_probability ? "probability" : "score", longitudes: "180", images: true, rings: true, graticule: true,
      layers: new Set([...run.layers.map((layer) => layer.kind), "left_out", ...(run.comparison ? ["missed"] : [])]), selected: null };
    const address = this.readAddress();
    this.map = this.maps.find((map) => map.name === address.get("map")) ?? this.maps[0];
    this.rows = new Rows(run, () => this.redraw());
    this.features = run.layers.length ? new Features(this) : null;
    this.missed = [];
    const scenes = Object.entries(run.scenes).filter(([, scene]) => scene.left_out);
    this.leftOut = [...scenes.map(([name, scene]) => leftOutShape(name, scene.left_out, [scene.outline])),
      ...run.failed.map(({ scene, why, outlines }) => leftOutShape(scene, why, outlines))];
    if (run.comparison) load("missed").then((value) => this.takeMissed(value)).catch(showAlarm);
    this.drawing = new Drawing(this);
    this.judging = new Judging(this);
    this.panel = new Panel(this);
    this.judging.build();
    this.tiles = Object.fromEntries(this.maps.map((map) => [map.name, tileSet(run.maps[map.name].tiles)]));
    this.restoreFilters(address);
    this.buildMap();
    this.useMap(this.map.name, address.get("at"));
    this.watch();
  }

  takeMissed({ count: n, columns }) {
    const { buffer } = bytesOf(columns), [lon, lat] = [0, 4 * n].map((offset) => new Int32Array(buffer, offset, n));
    this.missed = Array.from(new Float32Array(buffer, 8 * n, n), (diameter_km, i) => ({ lon: lon[i] / 1e7, lat: lat[i] / 1e7, diameter_km }));
    this.redraw();
  }
  get isMissedShown() {
    return this.state.layers.has("missed") && this.state.rings && !this.judging.isOn;
  }

  get palette() {
    if (this.state.colour === "comparison") return COMPARISON_COLOURS;
    return this.state.colour === "class" ? this.run.colours.classes : this.run.colours.sequence;
  }
  get view() {
    return this.olMap.getView();
  }
  get visible() {
    const view = this.view;
    return new Visible(this.map, view.calculateExtent(), view.getResolution());
  }

  /** Outlines (lists of places in degrees, whose longitudes do not jump) of a kind of layer. */
  outlines(name) {
    if (name === "searched") return this.run.searched;
    if (name === "left_out") return this.leftOut.flatMap(({ parts }) => parts);
    return Object.values(this.run.scenes).map((scene) => scene.outline);
  }
  isShown(name) {
    return name in this.state && name !== "layers" ? this.state[name] : this.state.layers.has(name);
  }
  showLayer(name, isShown) {
    if (typeof this.state[name] === "boolean") this.state[name] = isShown;
    else this.state.layers[isShown ? "add" : "delete"](name);
    this.imageLayer.setVisible(this.state.images);
    this.redraw();
  }
  change(part) {
    Object.assign(this.state, part);
    this.redraw();
  }

  buildMap() {
    this.olMap = new ol.Map({ target: "map", controls: [], layers: [],
      interactions: ol.defaultInteractions({ altShiftDragRotate: false, pinchRotate: false }) });
    this.olMap.addInteraction(new ol.PointerInteraction({
      handleDownEvent: (event) => Boolean((this.drag = this.judging.dragFrom(event))),
      handleDragEvent: (event) => this.judging.dragTo(event, this.drag),
      handleUpEvent: () => false,
    }));
  }

  /** Show one of the maps, at a place "longitude,latitude,metres per pixel" or else all that there is. */
  useMap(name, at = null) {
    const before = this.olMap.getView()?.getCenter() ? this.map.fromMap(this.view.getCenter()) : null;
    this.map = this.maps.find((map) => map.name === name);
    const { map } = this, levels = this.run.maps[map.name];
    const projection = new ol.Projection({ code: `ORBITILE:${map.name}`, units: "m", extent: map.extent, global: Boolean(map.turn), metersPerUnit: 1 });
    const resolutions = Array.from({ length: levels.finest + 1 }, (_, level) => map.side / TILE_PX / 2 ** level);
    const tileGrid = new ol.TileGrid({ extent: map.extent, origin: [map.extent[0], map.extent[3]], resolutions, tileSize: TILE_PX });
    const bounds = map.turn ? [-1e15, map.extent[1], 1e15, map.extent[3]] : map.extent;
    const view = new ol.View({ projection, center: [0, 0], resolution: map.side / TILE_PX, extent: bounds, constrainOnlyCenter: true,
      multiWorld: true, enableRotation: false, minResolution: resolutions[levels.finest] / 16, maxResolution: (map.side * map.columns) / 256 });
    const canvas = (paint) => new ol.ImageCanvas({ projection, ratio: 1.4, canvasFunction: (...place) => paint(...place) });
    this.imageLayer = new ol.TileLayer({ preload: 2, visible: this.state.images, source: new ol.TileImage({ projection, tileGrid,
      wrapX: Boolean(map.turn), transition: 0, tileUrlFunction: ([level, column, row]) => this.tileAddress(map, level, column, row) }) });
    this.overlay = new ol.ImageLayer({ source: canvas((...place) => this.drawing.paint(...place)) });
    this.highlight = new ol.ImageLayer({ source: canvas((...place) => this.paintHighlight(...place)) });
    // Layers keep what they drew: none of them may meet the view of another map.
    this.olMap.setLayers([]);
    this.olMap.setView(view);
    this.olMap.setLayers([this.imageLayer, this.overlay, this.highlight]);
    if (this.panel) this.panel.mapChoice.value = map.name;
    const [lon, lat, metres] = (at ?? "").split(",").map(Number);
    if (at && [lon, lat, metres].every(Number.isFinite)) {
      view.setCenter(map.toMap(lon, lat));
      view.setResolution(metres);
    } else this.goHome();
    if (before && !at && map.sign && map.sign * before[1] > POLAR_LIMIT) view.setCenter(map.toMap(...before));
    this.redraw();
  }
  tileAddress(map, level, column, row) {
    return this.tiles[map.name].has(`${level}-${column}-${row}`) ? `tiles/${map.name}/${level}-${column}-${row}.${this.run.tile_suffix}` : undefined;
  }
  goHome() {
    const [west, south, east, north] = this.run.bounds, { map } = this;
    if (map.turn) this.view.fit([...map.toMap(west, south), ...map.toMap(east, north)], { padding: [20, 20, 20, 20], size: this.olMap.getSize() });
    else this.view.fit(map.extent, { size: this.olMap.getSize() });
  }
  /** Move to a row so that it fills a third of the view. */
  goTo(row, share = 0.33) {
    const size = Math.min(...(this.olMap.getSize() ?? [400, 400]));
    const wanted = !this.map.turn ? (this.map.sign * row.lat > POLAR_LIMIT ? this.map : this.maps[0])
      : this.maps.find((map) => map.sign && map.sign * row.lat > 70) ?? this.map;
    if (wanted !== this.map) this.useMap(wanted.name);
    const scale = this.map.turn ? 1 : this.map.groundScale(row.lon, row.lat);
    const near = this.map.turn ? this.map.fromMap(this.view.getCenter())[0] : row.lon;
    this.view.setCenter(this.map.toMap(near + wrap(row.lon - near), row.lat));
    this.view.setResolution((row.diameter_km * 1000) / scale / (size * share));
  }

  /** What is marked: the row that was clicked, the one under the pointer, and what is being judged. */
  paintHighlight(extent, resolution, pixelRatio, size) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = size.map(Math.round);
    const context = canvas.getContext("2d"), frame = new Frame(extent[0], extent[3], resolution);
    context.scale(pixelRatio, pixelRatio);
    const ring = (row, colour, width, dashes = []) => {
      if (row.about) return this.paintFeature(context, frame, extent, row, colour, width);
      const angle = (row.diameter_km * 500) / this.run.radius_m, path = new Path2D();
      for (const turn of this.map.copies(row.lon, extent, this.map.reach(row.lat, angle))) this.map.addRing(path, frame, row.lon + turn, row.lat, angle);
      strokeTwice(context, path, colour, width, dashes);
    };
    if (this.hovered) ring(this.hovered, "#ffffff", 2);
    if (this.state.selected && !this.judging.isOn) ring(this.state.selected, "#00e5ff", 3);
    this.judging.paint(ring);
    return canvas;
  }
  paintFeature(context, frame, extent, feature, colour, width) {
    const path = new Path2D();
    for (const part of feature.parts) this.drawing.addOutline(path, frame, extent, part, feature.kind === "polygons");
    strokeTwice(context, path, colour, width);
  }
  /** Draw everything again. */
  redraw() {
    if (!this.overlay?.getSource()) return;
    this.overlay.getSource().changed();
    this.highlight.getSource().changed();
    this.refreshSoon();
  }
  markAgain() {
    this.highlight.getSource().changed();
  }
  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const visible = this.visible;
      this.panel.refresh(visible, this.rows.shown(visible));
      this.judging.refresh();
      this.showScale();
      this.writeAddress();
      this.timer = null;
    }, 120);
  }
  select(row) {
    this.state.selected = row;
    this.panel.showRow(row);
    this.markAgain();
    this.refreshSoon();
  }

  watch() {
    this.olMap.on("moveend", () => this.refreshSoon());
    this.olMap.on("pointermove", (event) => this.hover(event));
    this.olMap.on("singleclick", (event) => this.judging.isOn || this.select(this.at(event.coordinate)));
    this.olMap.getViewport().addEventListener("pointerleave", () => this.hover(null));
    byId("zoom-in").onclick = () => this.view.adjustZoom(1);
    byId("zoom-out").onclick = () => this.view.adjustZoom(-1);
    byId("home").onclick = () => this.goHome();
    addEventListener("resize", () => this.refreshSoon());
    addEventListener("keydown", (event) => this.judging.key(event), true);
    addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.select(null);
      if (event.key === "Enter" && event.target === byId("map") && !this.judging.isOn) this.select(this.at(this.view.getCenter()));
    });
    if (this.run.rows && this.rows.isDirect) for (const name of Object.keys(this.run.blocks)) this.rows.want(name);
  }
  /** The row or the feature at a place on the map, or else what was missed or left out there; null without. */
  at(coordinate) {
    const resolution = this.view.getResolution(), row = this.state.rings ? this.drawing.at(coordinate, resolution) : null;
    const place = this.map.fromMap(coordinate), tolerance = (5 * resolution) / this.map.radius / RADIANS;
    return row ?? this.features?.at(place, tolerance) ?? this.missedAt(...place, tolerance) ?? this.leftOutAt(...place);
  }
  missedAt(lon, lat, tolerance) {
    if (!this.isMissedShown) return null;
    const angles = this.missed.map((crater) => angleBetween(lon, lat, crater.lon, crater.lat) - (crater.diameter_km * 500) / this.run.radius_m);
    const near = this.missed.filter((_, i) => angles[i] <= tolerance * RADIANS);
    const smallest = near.reduce((best, crater) => (best && best.diameter_km <= crater.diameter_km ? best : crater), null);
    return smallest && (smallest.shape ??= missedShape(this, smallest));
  }
  leftOutAt(lon, lat) {
    if (!this.state.layers.has("left_out")) return null;
    return this.leftOut.find(({ parts }) => parts.filter((part) => isInside(part, lon, lat)).length % 2 === 1) ?? null;
  }
  hover(event) {
    const row = event && !event.dragging ? this.at(event.coordinate) : null;
    const tip = byId("tip");
    if ((row?.about ?? row?.id) !== (this.hovered?.about ?? this.hovered?.id)) {
      this.hovered = row;
      this.markAgain();
      tip.replaceChildren(...(row ? [described(row.about ? featureEntries(row) : rowEntries(this, row))] : []));
    }
    tip.hidden = !row;
    if (row) {
      const [width, height] = this.olMap.getSize(), [x, y] = event.pixel;
      tip.style.left = `${x + 16 + tip.offsetWidth > width ? Math.max(0, x - 16 - tip.offsetWidth) : x + 16}px`;
      tip.style.top = `${Math.min(y + 12, Math.max(0, height - tip.offsetHeight - 4))}px`;
    }
    byId("place").textContent = "";
    if (event) {
      const [lon, lat] = this.map.fromMap(event.coordinate);
      byId("place").textContent = `${latitudeText(lat, 4)} ${degreesText(lon, this.state.longitudes, 4)}`;
    }
  }
  /** The scale bar: true in the middle of the view, east-west. */
  showScale() {
    const metres = this.view.getResolution() * this.map.groundScale(...this.map.fromMap(this.view.getCenter()));
    const power = 10 ** Math.floor(Math.log10(120 * metres)), length = [5, 2, 1].map((n) => n * power).find((n) => n <= 120 * metres);
    byId("scale-bar").style.width = `${length / metres}px`;
    byId("scale-text").textContent = lengthText(length);
  }

  readAddress() {
    return new URLSearchParams(location.hash.slice(1));
  }
  restoreFilters(address) {
    const { state } = this;
    for (const name of ["colour", "longitudes"]) {
      const select = byId(name), value = address.get(name);
      if (select && value && [...select.options].some((option) => option.value === value)) select.value = state[name] = value;
    }
    for (const name of ["diameter", "score", "probability"]) {
      const ends = (address.get(name) ?? "").split("~");
      ends.forEach((text, end) => {
        const input = document.querySelector(`[data-filter="${name}-${end}"]`), value = Number(text);
        if (!input || text === "" || !Number.isFinite(value)) return;
        input.value = value;
        this.rows.filter[name][end] = value;
      });
    }
    for (const name of ["scenes", "classes", "comparison"]) {
      if (!address.has(name) || !document.querySelector(`[data-choices="${name}"]`)) continue;
      this.rows.filter[name] = new Set(address.get(name).split(",").filter((text) => text !== "").map(Number));
    }
    for (const name of this.features ? address.getAll("hide") : []) {
      const box = [...document.querySelectorAll("[data-class]")].find(({ dataset }) => dataset.class === name);
      if (box) box.checked = false;
      this.features.hiddenClasses.add(name);
    }
    if (address.has("show")) {
      for (const [name, letter] of Object.entries(BITS)) {
        const box = document.querySelector(`[data-layer="${name}"]`);
        if (box) box.checked = address.get("show").includes(letter);
        if (typeof state[name] === "boolean") state[name] = address.get("show").includes(letter);
        else state.layers[address.get("show").includes(letter) ? "add" : "delete"](name);
      }
    }
  }
  /** Keep in the address what is shown, so that it can be sent to somebody. */
  writeAddress() {
    const { state, rows } = this, address = new URLSearchParams(), [lon, lat] = this.map.fromMap(this.view.getCenter());
    address.set("map", this.map.name);
    address.set("at", [wrap(lon).toFixed(5), lat.toFixed(5), this.view.getResolution().toPrecision(5)].join());
    address.set("show", Object.entries(BITS).filter(([name]) => this.isShown(name)).map(([, letter]) => letter).join(""));
    address.set("colour", state.colour);
    address.set("longitudes", state.longitudes);
    for (const name of ["diameter", "score", "probability"]) {
      const ends = rows.filter[name].map((end, k) => (end === [0, name === "diameter" ? Infinity : 1][k] ? "" : end));
      if (ends.join("")) address.set(name, ends.join("~"));
    }
    for (const name of ["scenes", "classes", "comparison"]) if (rows.filter[name]) address.set(name, [...rows.filter[name]].sort((a, b) => a - b).join());
    for (const name of this.features?.hiddenClasses ?? []) address.append("hide", name);
    history.replaceState(null, "", `#${address.toString().replaceAll("%2C", ",").replaceAll("%7E", "~")}`);
  }
}

/** What was left out of a run, as a feature. */
function leftOutShape(scene, why, outlines) {
  return { title: "Left out", kind: "polygons", about: { scene, "left out": why }, parts: outlines };
}

/** A crater of the other table that no row matches, as a feature. */
function missedShape(page, { lon, lat, diameter_km }) {
  const about = { diameter: diameterText(diameter_km, 4), place: `${latitudeText(lat, 4)}, ${degreesText(lon, page.state.longitudes, 4)}` };
  return { title: page.run.comparison.missed_title, kind: "polygons", about, parts: [ringPoints(lon, lat, (diameter_km * 500) / page.run.radius_m)] };
}

/** The names of tiles, level-column-row, of runs [level, row, first column, last column]. */
function tileSet(runs) {
  const names = new Set();
  for (const [level, row, first, last] of runs) for (let column = first; column <= last; column++) names.add(`${level}-${column}-${row}`);
  return names;
}

addEventListener("error", (event) => showAlarm(event.error ?? event.message));
load("run").then((run) => (globalThis.page = new Page(run))).catch(showAlarm);
