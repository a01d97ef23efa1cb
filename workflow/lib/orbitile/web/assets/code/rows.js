/* The rows of the catalogue: blocks that are loaded as they are needed, and filters. */
"use strict";

const DIRECT_ROWS = 100_000;
const BLOCK_PX = 256;
const CELLS = 32;
const UNKNOWN = 65535;
const SHARES = 65534;
const BASE_32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** A block's rows: arrays as row_blocks.py packs them. */
class Block {
  constructor(name, value) {
    [this.level, this.column, this.row] = name.split("-").map(Number);
    this.name = name;
    this.count = value.count;
    const bytes = bytesOf(value.columns), n = this.count, buffer = bytes.buffer;
    this.lon = new Int32Array(buffer, 0, n);
    this.lat = new Int32Array(buffer, 4 * n, n);
    this.diameter = new Float32Array(buffer, 8 * n, n);
    this.scene = new Uint32Array(buffer, 12 * n, n);
    this.score = new Uint16Array(buffer, 16 * n, n);
    this.probability = new Uint16Array(buffer, 18 * n, n);
    this.class = new Uint16Array(buffer, 20 * n, n);
    this.scale = new Uint8Array(buffer, 22 * n, n);
    this.truncated = new Uint8Array(buffer, 23 * n, n);
    this.identity = new Uint8Array(buffer, 24 * n, 10 * n);
    this.comparison = new Uint8Array(buffer, 34 * n, n);
    this.deeper = value.deeper;
    this.mask = null;
    this.maskVersion = -1;
  }
  get side() {
    return 180 / 2 ** this.level;
  }
  id(i) {
    let bits = 0, held = 0, text = "";
    for (let k = 10 * i; k < 10 * i + 10; k++) {
      bits = ((bits << 8) | this.identity[k]) & 0xffff;
      for (held += 8; held >= 5; held -= 5) text += BASE_32[(bits >> (held - 5)) & 31];
    }
    return text;
  }
}

class Rows {
  constructor(run, changed) {
    this.run = run;
    this.changed = changed;
    this.blocks = new Map();
    this.isDirect = run.rows <= DIRECT_ROWS;
    this.filter = { diameter: [0, Infinity], score: [0, 1], probability: [0, 1], scenes: null, classes: null, comparison: null };
    this.version = 0;
    this.pending = 0;
  }
  setFilter(part) {
    Object.assign(this.filter, part);
    this.version++;
    this.changed();
  }
  has(name) {
    return this.run.blocks[name] !== undefined;
  }
  /** Load a block; afterwards the page is drawn again. */
  want(name) {
    if (this.blocks.has(name)) return this.blocks.get(name);
    this.blocks.set(name, null);
    this.pending++;
    load(`rows/${name}`).then((value) => {
      this.blocks.set(name, new Block(name, value));
      this.pending--;
      this.changed();
    }).catch(showAlarm);
    return null;
  }
  /** The blocks that a view shows, from the roots on; those that are missing are asked for. */
  shown(view) {
    const blocks = [];
    const visit = (level, column, row) => {
      const name = `${level}-${column}-${row}`;
      if (!this.has(name) || !view.touches(level, column, row, this.run.reaches[name])) return;
      const block = this.want(name);
      if (block) blocks.push(block);
      if (!this.opens(level, view)) return;
      for (const [right, down] of [[0, 0], [1, 0], [0, 1], [1, 1]]) visit(level + 1, 2 * column + right, 2 * row + down);
    };
    visit(0, 0, 0);
    visit(0, 1, 0);
    return blocks;
  }
  /** Whether the blocks below those of a level are shown, too. */
  opens(level, view) {
    return this.isDirect || (180 / 2 ** (level + 1)) * view.pixelsPerDegree >= BLOCK_PX;
  }
  /** 1 for each row of a block that passes the filters (n). */
  mask(block) {
    if (block.maskVersion === this.version) return block.mask;
    const { diameter, score, probability, scenes, classes, comparison } = this.filter, n = block.count;
    const mask = block.mask ?? new Uint8Array(n);
    const hasProbability = probability[0] > 0 || probability[1] < 1;
    for (let i = 0; i < n; i++) {
      const s = block.score[i] / SHARES, p = block.probability[i];
      mask[i] = block.diameter[i] >= diameter[0] && block.diameter[i] <= diameter[1] &&
        s >= score[0] - 1e-5 && s <= score[1] + 1e-5 &&
        (!hasProbability || (p !== UNKNOWN && p / SHARES >= probability[0] - 1e-5 && p / SHARES <= probability[1] + 1e-5)) &&
        (!scenes || scenes.has(block.scene[i])) && (!classes || classes.has(block.class[i])) && (!comparison || comparison.has(block.comparison[i])) ? 1 : 0;
    }
    Object.assign(block, { mask, maskVersion: this.version });
    return mask;
  }
  /** How many of the rows that are loaded pass the filters. */
  passing() {
    let sum = 0;
    for (const block of this.blocks.values()) if (block) for (const passes of this.mask(block)) sum += passes;
    return sum;
  }
  /** A row as an object, in degrees and km. */
  row(block, i) {
    const probability = block.probability[i];
    return {
      block, i, id: block.id(i), lon: block.lon[i] / 1e7, lat: block.lat[i] / 1e7, diameter_km: block.diameter[i],
      score: block.score[i] / SHARES, probability: probability === UNKNOWN ? null : probability / SHARES,
      scene: this.run.scene_names[block.scene[i]], class: this.run.classes[block.class[i]],
      scale_m: this.run.scales_m[block.scale[i]], truncated: block.truncated[i] === 1,
      comparison: this.run.comparison?.kinds[block.comparison[i]] ?? null,
    };
  }
}
