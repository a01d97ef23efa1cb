/* Judging: a list of rows, verdicts by keys, rings that are moved, resized and added, and the file that is saved. */
"use strict";

const HEADER = ["id", "verdict", "lon", "lat", "diameter_km", "scene", "reviewer", "judged_at", "catalogue", "list"];
const MOST_LISTED = 5000;
const KEYS = { r: "right", f: "false", u: "unsure" };
const STEP = { move: 0.02, size: 0.02 };
const RIM_PX = 12;

class Judging {
  constructor(page) {
    this.page = page;
    this.isOn = false;
    this.list = [];
    this.index = 0;
    this.events = [];
    this.edited = null;
  }

  build() {
    const { run } = this.page;
    if (!run.catalogue) return;
    const name = element("input", { id: "reviewer", placeholder: "your name", autocomplete: "off", maxLength: 100 });
    try {
      name.value = localStorage.getItem("orbitile reviewer") ?? "";
    } catch (error) {
      showAlarm("This browser keeps nothing of pages from a disk: save your verdicts before you close the page.");
    }
    const source = element("select", { id: "list" },
      element("option", { value: "sample" }, `random sample (${count(run.sample.length)})`), element("option", { value: "filter" }, "what the filters show in this view"));
    this.start = element("button", { id: "start", className: "main", onclick: () => (this.isOn ? this.stop() : this.begin(name.value.trim(), source.value)) }, "Start judging");
    this.setup = element("div", {}, element("label", { className: "line" }, "Reviewer ", name), element("label", { className: "line" }, "Rows ", source));
    const button = (title, keyName, act, id) => element("button", { onclick: act, id, title: `key ${keyName}` }, title, element("kbd", {}, keyName));
    this.buttons = element("div", { className: "verdicts", hidden: true },
      button("right", "R", () => this.judge("right"), "verdict-right"), button("false", "F", () => this.judge("false"), "verdict-false"), button("unsure", "U", () => this.judge("unsure"), "verdict-unsure"),
      button("correct", "M", () => this.edit(), "verdict-moved"), button("add", "A", () => this.add(), "verdict-added"), button("undo", "Z", () => this.undo(), "undo"),
      button("back", "B", () => this.step(-1), "back"), button("next", "N", () => this.step(1), "next"), button("save", "S", () => this.save(), "save"));
    this.status = element("p", { id: "judged", role: "status" });
    this.hint = element("p", { className: "note", id: "judging-hint" });
    byId("judging").append(element("h2", {}, "Judge"), this.setup, this.start, this.status, this.buttons, this.hint);
    this.refresh();
  }

  begin(reviewer, source) {
    if (!reviewer) {
      byId("reviewer").focus();
      this.hint.textContent = "Write your name first: it stands beside every verdict.";
      return;
    }
    this.reviewer = reviewer;
    this.source = source;
    this.list = source === "sample" ? this.page.run.sample : this.listed();
    if (!this.list.length) {
      this.hint.textContent = "No row of the catalogue passes the filters in this view.";
      return;
    }
    this.isOn = true;
    byId("view").classList.add("judging");
    this.events = this.kept();
    const judged = this.verdicts();
    this.index = Math.max(0, this.list.findIndex((row) => !judged.has(row.id)));
    this.page.select(null);
    this.setup.hidden = true;
    this.buttons.hidden = false;
    this.start.textContent = "Stop judging";
    this.keep("orbitile reviewer", reviewer);
    this.show();
    byId("map").focus({ preventScroll: true });
  }
  stop() {
    this.isOn = false;
    this.chip = null;
    byId("view").classList.remove("judging");
    this.edited = null;
    this.setup.hidden = false;
    this.buttons.hidden = true;
    this.start.textContent = "Start judging";
    this.page.redraw();
    this.refresh();
  }
  /** The rows in view that pass the filters, the largest first. */
  listed() {
    const { page } = this, visible = page.visible, list = [];
    for (const block of page.rows.shown(visible)) {
      const mask = page.rows.mask(block);
      for (let i = 0; i < block.count && list.length < MOST_LISTED; i++) {
        if (mask[i] && visible.holds(block.lon[i] / 1e7, block.lat[i] / 1e7)) list.push(page.rows.row(block, i));
      }
    }
    return list.sort((a, b) => b.diameter_km - a.diameter_km);
  }

  get key_name() {
    return `orbitile ${this.page.run.run} ${this.page.run.catalogue} ${this.reviewer}`;
  }
  keep(name, text) {
    try {
      localStorage.setItem(name, text);
    } catch (error) {
      this.hint.textContent = "The browser cannot keep your verdicts; save them before you close the page.";
    }
  }
  kept() {
    try {
      return JSON.parse(localStorage.getItem(this.key_name) ?? "[]");
    } catch (error) {
      return [];
    }
  }
  /** The last verdict on each row, by id; those that were added count each. */
  verdicts() {
    const last = new Map();
    this.events.forEach((event, number) => last.set(event.id || `added ${number}`, event));
    return last;
  }
  get row() {
    return this.list[this.index];
  }
  record(verdict, row) {
    const { lon, lat, diameter_km, scene } = row;
    this.events.push({ id: verdict === "added" ? "" : row.id, verdict, lon, lat, diameter_km, scene, list: verdict === "added" ? "" : this.source, judged_at: new Date().toISOString().replace(/\.\d+Z$/, "Z") });
    this.keep(this.key_name, JSON.stringify(this.events));
  }
  judge(verdict) {
    if (!this.isOn || this.edited) return;
    this.record(verdict, this.row);
    this.step(1);
  }
  step(by) {
    this.edited = null;
    this.index = Math.max(0, Math.min(this.list.length - 1, this.index + by));
    this.show();
  }
  undo() {
    if (this.edited) {
      this.edited = null;
      return this.show();
    }
    const event = this.events.pop();
    if (!event) return;
    this.keep(this.key_name, JSON.stringify(this.events));
    const index = this.list.findIndex((row) => row.id === event.id);
    if (event.id && index >= 0) this.index = index;
    this.show();
  }
  /** Correct the ring of the row. */
  edit() {
    const before = this.verdicts().get(this.row.id);
    const place = before?.verdict === "moved" ? before : this.row;
    this.edited = { ...this.row, lon: place.lon, lat: place.lat, diameter_km: place.diameter_km, verdict: "moved" };
    this.refresh();
  }
  /** A ring of a missing crater, in the middle of the view. */
  add() {
    const { page } = this, [lon, lat] = page.map.fromMap(page.view.getCenter());
    const metres = page.view.getResolution() * (page.map.turn ? 1 : page.map.groundScale(lon, lat));
    this.edited = { id: "", lon: wrap(lon), lat, diameter_km: (metres * Math.min(...page.olMap.getSize()) * 0.2) / 1000, verdict: "added" };
    this.refresh();
  }
  accept() {
    const { edited } = this;
    this.record(edited.verdict, { ...edited, scene: edited.id ? edited.scene : sceneAt(this.page, edited.lon, edited.lat) });
    this.edited = null;
    if (edited.verdict === "moved") this.step(1);
    else this.refresh();
  }
  /** Shift the ring by shares of its diameter, and make it larger by a share. */
  change(east, north, larger) {
    const { edited } = this, radius = this.page.run.radius_m, metres = edited.diameter_km * 1000;
    if (east || north) {
      const [lon, lat] = destination(edited.lon, edited.lat, (Math.hypot(east, north) * metres) / radius, Math.atan2(east, north));
      Object.assign(edited, { lon: wrap(lon), lat });
    }
    edited.diameter_km *= 1 + larger;
    this.refresh();
  }

  show() {
    if (this.isOn && this.row) {
      this.page.goTo(this.row, 0.3);
      this.showChip(this.row).catch(showAlarm);
    }
    this.page.redraw();
    this.refresh();
  }
  /** Where image tiles are too coarse to judge by, the chip of a row lies over them. */
  async showChip(row) {
    this.chip = null;
    const chip = await loadChip(this.page, row);
    if (!chip || !this.isOn || this.row !== row) return;
    this.chip = { ...chip, row, map: chipMap(this.page, row) };
    this.page.redraw();
  }
  refresh() {
    if (!this.status) return;
    const counts = {}, verdicts = this.verdicts();
    for (const { verdict } of verdicts.values()) counts[verdict] = (counts[verdict] ?? 0) + 1;
    const listed = Object.entries(counts).map(([name, number]) => `${number} ${name}`).join(", ");
    const done = this.list.filter((row) => verdicts.has(row.id)).length;
    this.status.textContent = this.isOn ? `Row ${this.index + 1} of ${this.list.length}, ${diameterText(this.row.diameter_km, 3)}: ${verdicts.get(this.row.id)?.verdict ?? "not judged yet"}. ${done} judged${listed ? `; in all ${listed}` : ""}.` : "";
    if (this.isOn) this.hint.textContent = this.edited
      ? "Drag the middle or the rim of the dashed ring, or use the arrow keys and + and - (with Shift: larger steps); a drag elsewhere draws it anew. Enter accepts, Esc gives up."
      : `Is the ring a crater of that place and size? Verdicts stay in this browser; S saves them as judgements.csv.${
        this.source === "filter" ? " Filters chose these rows: they correct the catalogue, but say nothing of its precision." : ""}`;
    this.page.highlight?.getSource()?.changed();
  }
  paint(ring) {
    if (!this.isOn) return;
    for (const { verdict, lon, lat, diameter_km } of this.verdicts().values()) ring({ lon, lat, diameter_km }, VERDICT_COLOURS[verdict], 1.5, [3, 3]);
    if (!this.edited && this.row) ring(this.row, "#00e5ff", 3);
    if (this.edited) ring(this.edited, "#00e5ff", 2.5, [8, 5]);
  }

  /** The dashed ring follows the pointer: its middle, its rim, or a new one. */
  dragTo(event, drag) {
    const { page, edited } = this, [lon, lat] = page.map.fromMap(event.coordinate);
    if (drag.part === "middle") Object.assign(edited, { lon: wrap(lon + drag.off[0]), lat: Math.max(-90, Math.min(90, lat + drag.off[1])) });
    else edited.diameter_km = Math.max(1e-6, (2 * angleBetween(edited.lon, edited.lat, lon, lat) * page.run.radius_m) / 1000);
    this.refresh();
  }
  dragFrom(event) {
    if (!this.isOn || !this.edited) return null;
    const { page, edited } = this, [lon, lat] = page.map.fromMap(event.coordinate);
    const metres = page.view.getResolution() * page.map.groundScale(lon, lat);
    const off = (angleBetween(edited.lon, edited.lat, lon, lat) * page.run.radius_m) / metres, radius = (edited.diameter_km * 500) / metres;
    if (Math.abs(off - radius) <= RIM_PX) return { part: "rim" };
    if (off < radius) return { part: "middle", off: [edited.lon - lon, edited.lat - lat] };
    Object.assign(edited, { lon: wrap(lon), lat });
    return { part: "rim" };
  }

  key(event) {
    if (!this.isOn || event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const act = this.edited ? this.editKeys(event) : this.listKeys(event);
    if (!act) return;
    act();
    event.preventDefault();
    event.stopPropagation();
  }
  listKeys(event) {
    const name = event.key.toLowerCase();
    if (name in KEYS) return () => this.judge(KEYS[name]);
    return { m: () => this.edit(), a: () => this.add(), z: () => this.undo(), n: () => this.step(1), b: () => this.step(-1), s: () => this.save() }[name];
  }
  editKeys(event) {
    const large = event.shiftKey ? 5 : 1, move = STEP.move * large, size = STEP.size * large;
    return {
      ArrowUp: () => this.change(0, move, 0), ArrowDown: () => this.change(0, -move, 0), ArrowLeft: () => this.change(-move, 0, 0), ArrowRight: () => this.change(move, 0, 0),
      "+": () => this.change(0, 0, size), "=": () => this.change(0, 0, size), "-": () => this.change(0, 0, -size), _: () => this.change(0, 0, -size),
      Enter: () => this.accept(), Escape: () => this.undo(), z: () => this.undo(),
    }[event.key];
  }

  /** The verdicts as text, one row each. What was judged as part of the sample stays so, whatever list it is seen in later. */
  text() {
    const sampled = new Set(this.events.filter(({ list }) => list === "sample").map(({ id }) => id));
    const cell = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const lines = [...this.verdicts().values()].map((event) => [event.id, event.verdict, event.lon.toFixed(7), event.lat.toFixed(7), event.diameter_km.toPrecision(7), event.scene,
      this.reviewer, event.judged_at, this.page.run.catalogue, sampled.has(event.id) ? "sample" : event.list ?? ""]);
    return [HEADER, ...lines].map((line) => line.map((value) => cell(String(value))).join(",")).join("\n") + "\n";
  }
  save() {
    const link = element("a", { href: `data:text/csv;charset=utf-8,${encodeURIComponent(this.text())}`, download: "judgements.csv" });
    document.body.append(link);
    link.click();
    link.remove();
    this.hint.textContent = "Saved as judgements.csv, where your browser puts files.";
  }
}

/** The scene that shows a place: the first whose outline holds it; an empty text where none does. */
function sceneAt(page, lon, lat) {
  return Object.keys(page.run.scenes).find((name) => isInside(page.run.scenes[name].outline, lon, lat)) ?? "";
}
