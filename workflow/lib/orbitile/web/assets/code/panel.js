/* The panel: filters with counts, sizes, layers, the crater that was clicked and its chip. */
"use strict";

const CHIP_PX = 280;
const CHIP_DIAMETERS = 3;
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A number with its noun, which is given in the plural. */
function counted(number, noun) {
  return `${count(number)} ${number === 1 ? noun.slice(0, -1) : noun}`;
}

/** Entries as a list of terms; values that are null are left out. */
function described(entries) {
  const parts = Object.entries(entries).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", {}, ...parts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}

function rowEntries(page, row) {
  const scene = page.run.scenes[row.scene] ?? {};
  const sure = page.judging.isOn ? {} : {
    score: row.score.toFixed(3), probability: row.probability === null ? null : row.probability.toFixed(3),
  };
  return {
    diameter: diameterText(row.diameter_km, 4),
    place: `${latitudeText(row.lat, 4)}, ${degreesText(row.lon, page.state.longitudes, 4)}`,
    ...sure, class: row.class, scene: row.scene, scale: `${brief(row.scale_m)} m/px`, [`compared with ${page.run.comparison?.name}`]: page.judging.isOn ? null : row.comparison, cut: row.truncated ? "touches nodata or an edge" : null,
    "georeferenced by": scene.georef_method, id: row.id,
  };
}

const UNITS = { m: " m", m2: " m²", deg: "°" };

/** What is known of a polygon or a line; its columns have their units in their names. */
function featureEntries({ about }) {
  return Object.fromEntries(Object.entries(about).map(([column, value]) => {
    const [, name, unit] = column.match(/^(.+)_(m2|m|deg)$/) ?? [null, column, null];
    return [name.replaceAll("_", " "), typeof value === "number" ? `${brief(value)}${name === "scale" ? " m/px" : UNITS[unit] ?? ""}` : value];
  }));
}

class Panel {
  constructor(page) {
    this.page = page;
    byId("title").textContent = page.run.run;
    document.title = `${page.run.run}: Orbitile`;
    const features = page.run.layers.map((layer) => counted(layer.rows, layer.kind)).join(" and ");
    const content = features || counted(page.run.rows, "craters");
    byId("about").textContent = `${content} on ${page.run.body}, ${counted(page.run.scene_count, "scenes")}`;
    if (page.features) this.buildFeatures();
    else {
      this.buildFilters();
      this.buildSizes();
    }
    this.buildLayers();
    this.buildNotes();
  }

  /** Of a map of features: its classes, which can be hidden. */
  buildFeatures() {
    const { page } = this, { features } = page;
    const total = new Map();
    for (const layer of page.run.layers) layer.classes.forEach((name, k) => total.set(name, (total.get(name) ?? 0) + layer.class_counts[k]));
    const boxes = [...total].map(([name, number]) => {
      const box = element("input", { type: "checkbox", checked: true, data: { class: name }, onchange: () => {
        features.hiddenClasses[box.checked ? "delete" : "add"](name);
        page.redraw();
      } });
      return element("label", { className: "line" }, box, key(features.colours.get(name)), element("span", { className: "name" }, name), element("span", { className: "number" }, count(number)));
    });
    this.counts = element("p", { className: "counts", id: "counts" });
    byId("filters").append(element("h2", {}, "Classes"), this.counts, element("div", { className: "scroll" }, ...boxes));
  }

  buildFilters() {
    const { page } = this, { rows } = page;
    const range = (title, name, unit, step, limits) => {
      const inputs = [0, 1].map((end) => element("input", {
        type: "number", step, min: 0, placeholder: brief(limits[end]), "aria-label": `${end ? "largest" : "least"} ${title}`, data: { filter: `${name}-${end}` },
        onchange: () => rows.setFilter({ [name]: inputs.map((input, k) => (input.value === "" ? [0, name === "diameter" ? Infinity : 1][k] : Number(input.value))) }),
      }));
      return element("div", { className: "range" }, element("span", {}, title), inputs[0], element("span", {}, "to"), inputs[1], element("span", {}, unit));
    };
    const sizes = page.run.diameters_km;
    const parts = [range("Diameter", "diameter", "km", "any", sizes)];
    if (page.run.rows) parts.push(range("Score", "score", "", "0.05", [0, 1]));
    if (page.run.has_probability) parts.push(range("Probability", "probability", "", "0.05", [0, 1]));
    if (page.run.classes.length > 1) parts.push(this.choices("Classes", "classes", page.run.classes, page.run.class_counts));
    if (page.run.comparison) parts.push(this.choices(`Compared with ${page.run.comparison.name}`, "comparison", page.run.comparison.kinds, page.run.comparison.counts));
    if (page.run.scene_names.length > 1) parts.push(this.choices("Scenes", "scenes", page.run.scene_names, page.run.row_counts));
    this.counts = element("p", { className: "counts", id: "counts" });
    const colours = ["score", ...(page.run.has_probability ? ["probability"] : []), ...(page.run.classes.length > 1 ? ["class"] : []), ...(page.run.comparison ? ["comparison"] : [])];
    const select = element("select", { id: "colour", onchange: () => page.change({ colour: select.value }) },
      ...colours.map((name) => element("option", { value: name, selected: name === page.state.colour }, name)));
    this.legend = element("p", { className: "legend" });
    byId("filters").append(element("h2", {}, "Craters"), this.counts, ...parts,
      element("label", { className: "line" }, "Colour by ", select), this.legend);
  }

  /** Check boxes of names with their counts, made when they are opened; a search where there are many. */
  choices(title, key, names, counts) {
    const details = element("details", { data: { choices: key } }, element("summary", {}, `${title} (${count(names.length)})`));
    details.addEventListener("toggle", () => this.fillChoices(details, title, key, names, counts), { once: true });
    return details;
  }
  fillChoices(details, title, key, names, counts) {
    const { rows } = this.page, chosen = new Set(rows.filter[key] ?? names.keys());
    const apply = () => rows.setFilter({ [key]: chosen.size === names.length ? null : chosen });
    const boxes = names.map((name, number) => {
      const box = element("input", { type: "checkbox", checked: chosen.has(number), onchange: () => {
        chosen[box.checked ? "add" : "delete"](number);
        apply();
      } });
      return element("label", { className: "line" }, box, element("span", { className: "name" }, String(name)), element("span", { className: "number" }, count(counts[number])));
    });
    const all = (state) => () => {
      boxes.forEach((label, number) => {
        if (label.hidden) return;
        label.firstChild.checked = state;
        chosen[state ? "add" : "delete"](number);
      });
      apply();
    };
    const search = element("input", { type: "search", placeholder: "part of a name", "aria-label": `search ${title}`, oninput: () => {
      boxes.forEach((label, number) => (label.hidden = !String(names[number]).toLowerCase().includes(search.value.toLowerCase())));
    } });
    const buttons = element("div", { className: "row" }, ...(names.length > 8 ? [search] : []),
      element("button", { onclick: all(true) }, "all"), element("button", { onclick: all(false) }, "none"));
    details.append(buttons, element("div", { className: "scroll" }, ...boxes));
  }

  buildLayers() {
    const { page } = this;
    const box = (title, name, colour) => {
      const input = element("input", { type: "checkbox", checked: page.isShown(name), data: { layer: name }, onchange: () => page.showLayer(name, input.checked) });
      return element("label", { className: "line" }, input, ...(colour ? [key(colour)] : []), element("span", { className: "name" }, title));
    };
    const maps = page.maps.map((map) => element("option", { value: map.name, selected: map === page.map }, map.title));
    this.mapChoice = element("select", { id: "map-choice", onchange: () => page.useMap(this.mapChoice.value) }, ...maps);
    const longitudes = element("select", { id: "longitudes", onchange: () => page.change({ longitudes: longitudes.value }) },
      ...[["180", "-180 to 180"], ["360", "0 to 360"]].map(([value, title]) => element("option", { value, selected: value === page.state.longitudes }, title)));
    byId("layers").append(element("h2", {}, "Map"),
      element("label", { className: "line" }, "Map ", this.mapChoice), element("label", { className: "line" }, "Longitudes ", longitudes),
      box("images", "images"), ...(page.features ? [] : [box("rings", "rings")]),
      ...(page.run.comparison ? [box(`${page.run.comparison.missed_title} (${count(page.run.comparison.missed)})`, "missed", MISSED_COLOUR)] : []), box("graticule", "graticule"), box("scenes", "scenes", LINE_COLOURS.scenes),
      ...(page.outlines("left_out").length ? [box(`left out (${count(page.leftOut.length)})`, "left_out", LINE_COLOURS.left_out)] : []),
      ...(page.outlines("searched").length ? [box("searched ground", "searched", LINE_COLOURS.searched)] : []),
      ...page.run.layers.map((layer) => box(`${layer.kind} (${count(layer.rows)})`, layer.kind)));
  }

  buildSizes() {
    this.plot = svg("svg", { viewBox: "0 0 300 170", role: "img", "aria-label": "Craters by diameter, in the view and in all" });
    this.plotNote = element("p", { className: "note" });
    byId("sizes").append(element("h2", {}, "Sizes in view"), this.plot, this.plotNote);
  }

  buildNotes() {
    const notes = this.page.run.notes.map((text) => element("p", { className: "note" }, text));
    byId("notes").append(...notes, element("p", { className: "note" }, `Orbitile ${this.page.run.version}. Maps by OpenLayers (code/LICENCE-openlayers.txt).`));
  }

  /** Counts, plot and legend of what is in view. */
  refresh(visible, blocks) {
    const { page } = this, { rows } = page, classes = new Map();
    if (page.features) {
      this.counts.textContent = page.features.countText();
      return;
    }
    let inView = 0, deeper = 0, complete = 0;
    for (const block of blocks) {
      const mask = rows.mask(block);
      for (let i = 0; i < block.count; i++) {
        if (!mask[i] || !visible.holds(block.lon[i] / 1e7, block.lat[i] / 1e7)) continue;
        inView++;
        const size = Math.floor(Math.log2(block.diameter[i]) * 2 + 1e-9);
        classes.set(size, (classes.get(size) ?? 0) + 1);
      }
      if (block.deeper.cells.length && !rows.opens(block.level, visible)) {
        deeper += block.deeper.rows.reduce((sum, number) => sum + number, 0);
        complete = Math.max(complete, block.diameter[block.count - 1]);
      }
    }
    const filtered = rows.isDirect && !rows.pending ? `${count(rows.passing())} of ${count(page.run.rows)} pass the filters. ` : "";
    const waiting = rows.pending ? "Loading ... " : "";
    const more = deeper ? ` At this zoom ${count(deeper)} smaller ones are shown as a density, which no filter changes.` : "";
    const dense = page.drawing.dense ? ` ${count(page.drawing.dense)} of them are too small for rings: the shade of blue tells how many there are where.` : "";
    this.counts.textContent = `${waiting}${filtered}${count(inView)} in view.${dense}${more}`;
    this.drawSizes(classes, complete);
    this.drawLegend();
  }

  drawLegend() {
    const { page } = this, { limits } = page.run.colours;
    const names = page.state.colour === "class" ? page.run.classes : page.state.colour === "comparison" ? page.run.comparison.kinds : limits.slice(1).map((limit, k) => `${limits[k]} to ${limit}`);
    this.legend.replaceChildren(...(page.judging.isOn ? [element("span", {}, "Scores are hidden while you judge.")]
      : names.map((name, k) => element("span", { className: "entry" }, key(page.palette[k % page.palette.length]), String(name)))));
  }

  /** Counts by classes of the square root of 2: in view, as points; of all, as a line. */
  drawSizes(classes, complete) {
    const { least_km: least, rows: totals } = this.page.run.sizes;
    this.plot.replaceChildren();
    this.plotNote.textContent = "";
    if (!least.length) return;
    const low = Math.log2(least[0]), high = Math.log2(least[least.length - 1]) + 0.5, top = Math.log10(Math.max(...totals)) + 0.15;
    const x = (size) => 38 + ((size - low) / (high - low || 1)) * 252, y = (rows) => 140 - ((Math.log10(rows) + 0.15) / (top + 0.15)) * 128;
    const text = (content, px, py, anchor) => svg("text", { x: px, y: py, "text-anchor": anchor }, String(content));
    for (let power = 0; power <= top; power++) this.plot.append(svg("line", { x1: 38, x2: 290, y1: y(10 ** power), y2: y(10 ** power), class: "grid" }), text(shortCount(10 ** power), 34, y(10 ** power) + 4, "end"));
    const every = Math.max(1, Math.ceil((high - low) / 6));
    for (let size = Math.ceil(low); size <= high; size += every) this.plot.append(svg("line", { x1: x(size), x2: x(size), y1: 12, y2: 140, class: "grid" }), text(brief(2 ** size), x(size), 154, "middle"));
    this.plot.append(text("diameter (km)", 164, 168, "middle"));
    const line = totals.map((rows, k) => (rows ? `${x(Math.log2(least[k]) + 0.25).toFixed(1)},${y(rows).toFixed(1)}` : "")).filter(Boolean).join(" ");
    this.plot.append(svg("polyline", { points: line, class: "all" }));
    for (const [size, rows] of classes) this.plot.append(svg("circle", { cx: x(size / 2 + 0.25), cy: y(rows), r: 3.5, class: "in-view" }));
    this.plotNote.textContent = `Line: all. Points: in view, after the filters${complete ? `; at this zoom complete from ${lengthText(complete * 1000)} on` : ""}. A class is a factor of 1.41.`;
  }

  /** Show a row and its chip, or a feature; null hides them. */
  showRow(row) {
    const details = byId("details");
    details.hidden = !row;
    details.replaceChildren();
    if (!row) return;
    if (row.about) {
      details.append(element("h2", {}, row.title ?? (row.kind === "lines" ? "Line" : "Polygon")), described(featureEntries(row)),
        element("div", { className: "row" }, element("button", { onclick: () => this.page.select(null) }, "Close")));
      return;
    }
    const chip = element("canvas", { className: "chip", width: 2 * CHIP_PX, height: 2 * CHIP_PX, role: "img", "aria-label": "The crater in the images" });
    const note = element("p", { className: "note" });
    details.append(element("h2", {}, "Crater"), chip, note, described(rowEntries(this.page, row)),
      element("div", { className: "row" }, element("button", { onclick: () => this.page.goTo(row) }, "Zoom to it"), element("button", { onclick: () => this.page.select(null) }, "Close")));
    drawChip(this.page, row, chip).then((text) => (note.textContent = text)).catch(showAlarm);
  }
}

/** 1, 10, 100, 1k ... */
function shortCount(number) {
  return number >= 1e6 ? `${number / 1e6}M` : number >= 1000 ? `${number / 1000}k` : String(number);
}

function key(colour) {
  const mark = element("span", { className: "key" });
  mark.style.background = colour;
  return mark;
}

/** The map that the chip of a row is on. */
function chipMap(page, row) {
  return page.maps.find((map) => map.sign && map.sign * row.lat > 70) ?? page.maps[0];
}

/** The chip of a row in the pixels of its image, and metres per pixel; null where it has none. */
async function loadChip(page, row) {
  const pixel = page.run.chips ? (await load("chips"))[row.id] : undefined;
  return pixel ? { pixel, image: await loadImage(`chips/${row.id}.${page.run.tile_suffix}`) } : null;
}

/** Draw the surroundings of a crater from its chip or the finest tiles that there are; resolves to a line about them. */
async function drawChip(page, row, canvas) {
  const map = chipMap(page, row);
  const reach = (row.diameter_km * 1000 * CHIP_DIAMETERS) / 2, stretch = map.groundScale(row.lon, row.lat), size = canvas.width;
  const levels = page.run.maps[map.name], across = (2 * reach) / (map.turn ? stretch : stretch) / size, down = map.turn ? (2 * reach) / size : across;
  const [x, y] = map.toMap(row.lon, row.lat), frame = new Frame(x - (across * size) / 2, y + (down * size) / 2, across, down);
  const finest = map.side / TILE_PX / 2 ** levels.finest;
  const level = Math.max(0, Math.min(levels.finest, Math.ceil(Math.log2(map.side / TILE_PX / (2 * Math.min(across, down))))));
  const context = canvas.getContext("2d");
  const chip = await loadChip(page, row);
  await drawTiles(context, page, map, level, frame, size);
  if (chip) paintChip(context, frame, map, row, chip.image);
  context.beginPath();
  map.addRing(context, frame, row.lon, row.lat, (row.diameter_km * 500) / page.run.radius_m);
  context.strokeStyle = "#000a";
  context.lineWidth = 4;
  context.stroke();
  context.strokeStyle = NEUTRAL;
  context.setLineDash([12, 12]);
  context.lineWidth = 2.5;
  context.stroke();
  context.setLineDash([]);
  if (chip) return `${CHIP_DIAMETERS} diameters wide, from the images, in pixels of ${lengthText(chip.pixel)}`;
  const limited = levels.finest < levels.needed ? ", not those of the images: page.most_tiles and most_chips limit them" : "";
  return `${CHIP_DIAMETERS} diameters wide, from pixels of ${lengthText(map.side / TILE_PX / 2 ** level)} (the finest here: ${lengthText(finest)}${limited})`;
}

/** Draw the chip of a row where it lies: a square on its map. */
function paintChip(context, frame, map, row, image, turn = 0) {
  const side = (CHIP_DIAMETERS * row.diameter_km * 1000) / map.groundScale(row.lon, row.lat), [x, y] = map.toMap(row.lon + turn, row.lat);
  context.drawImage(image, ...frame.pixel([x - side / 2, y + side / 2]), side / frame.across, side / frame.down);
}

/** Draw the tiles of a level that lie in a frame of a size. */
async function drawTiles(context, page, map, level, frame, size) {
  const tile = map.side / 2 ** level, [left, , , top] = map.extent;
  const columns = [frame.left, frame.left + frame.across * size].map((edge) => Math.floor((edge - left) / tile));
  const lines = [frame.top, frame.top - frame.down * size].map((edge) => Math.floor((top - edge) / tile));
  const total = map.columns * 2 ** level, images = [];
  for (let column = columns[0]; column <= columns[1]; column++) for (let line = lines[0]; line <= lines[1]; line++) {
    const wrapped = map.turn ? ((column % total) + total) % total : column;
    const address = page.tileAddress(map, level, wrapped, line);
    if (address) images.push(loadImage(address).then((image) => [image, column, line]));
  }
  context.fillStyle = "#777";
  context.fillRect(0, 0, size, size);
  for (const [image, column, line] of await Promise.all(images)) {
    const [x, y] = frame.pixel([left + column * tile, top - line * tile]);
    context.drawImage(image, x, y, tile / frame.across, tile / frame.down);
  }
}

function loadImage(address) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error(`${address} cannot be read; is the folder of the page complete?`));
    image.src = address;
  });
}
