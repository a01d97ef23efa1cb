/* Data files, which are scripts that call received(name, value), and elements made of plain text. */
"use strict";

const awaited = new Map();

function received(name, value) {
  awaited.get(name)?.resolve(value);
}

/** The value of the data script data/`name`.js; the same promise for everyone who asks. */
function load(name) {
  if (!awaited.has(name)) {
    const entry = {};
    entry.value = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
    awaited.set(name, entry);
    const script = document.createElement("script");
    script.src = `data/${name}.js`;
    script.onerror = () => entry.reject(new Error(`data/${name}.js cannot be read; is the folder of the page complete?`));
    script.onload = () => script.remove();
    document.head.append(script);
  }
  return awaited.get(name).value;
}

/** The bytes of base 64. */
function bytesOf(text) {
  const characters = atob(text), bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** An element with properties and children; texts become text, never markup. */
function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(node.dataset, value);
    else if (name.startsWith("aria-") || name === "for" || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const byId = (id) => document.getElementById(id);

function showAlarm(error) {
  byId("alarm").hidden = false;
  byId("alarm").textContent = error.message ?? String(error);
}

const count = (number) => number.toLocaleString("en");

/** A number in three digits. */
function brief(value) {
  return value === 0 ? "0" : Math.abs(value) >= 100 ? count(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** A diameter in m or km, in so many digits. */
function diameterText(km, digits) {
  return km < 1 ? `${(km * 1000).toPrecision(digits)} m` : `${km.toPrecision(digits)} km`;
}

/** A length in m or km. */
function lengthText(metres) {
  return metres < 1000 ? `${brief(metres)} m` : `${brief(metres / 1000)} km`;
}
