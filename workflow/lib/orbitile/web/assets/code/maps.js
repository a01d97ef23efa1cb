/* The maps of the page on a sphere, in metres, and circles on the ground as they lie on them. */
"use strict";

const RADIANS = Math.PI / 180;
const TILE_PX = 512;
const POLAR_LIMIT = 60;
const SMALL_ERROR_PX = 0.3;

const wrap = (lon) => ((((lon + 180) % 360) + 360) % 360) - 180;

/** The angle in radians between two places in degrees, by the haversine formula. */
function angleBetween(lon0, lat0, lon1, lat1) {
  const down = Math.sin(((lat1 - lat0) * RADIANS) / 2), across = Math.sin(((lon1 - lon0) * RADIANS) / 2);
  const square = down * down + Math.cos(lat0 * RADIANS) * Math.cos(lat1 * RADIANS) * across * across;
  return 2 * Math.asin(Math.min(1, Math.sqrt(square)));
}

/** The place in degrees at an angle (radians) from another one, in a direction (radians from north over east). */
function destination(lon, lat, angle, bearing) {
  const sine = Math.sin(lat * RADIANS), cosine = Math.cos(lat * RADIANS);
  const newSine = sine * Math.cos(angle) + cosine * Math.sin(angle) * Math.cos(bearing);
  const turn = Math.atan2(Math.sin(bearing) * Math.sin(angle) * cosine, Math.cos(angle) - sine * newSine);
  return [lon + turn / RADIANS, Math.asin(Math.max(-1, Math.min(1, newSine))) / RADIANS];
}

/** Where a map lies on a canvas: the map coordinates of its upper left corner, and metres per pixel across and down. */
class Frame {
  constructor(left, top, across, down = across) {
    Object.assign(this, { left, top, across, down });
  }
  pixel([x, y]) {
    return [(x - this.left) / this.across, (this.top - y) / this.down];
  }
}

class CylindricalMap {
  constructor(radius) {
    this.name = "cylindrical";
    this.title = "Cylindrical";
    this.radius = radius;
    this.columns = 2;
    this.extent = [-Math.PI * radius, (-Math.PI / 2) * radius, Math.PI * radius, (Math.PI / 2) * radius];
    this.side = Math.PI * radius;
    this.turn = 2 * Math.PI * radius;
  }
  toMap(lon, lat) {
    return [lon * RADIANS * this.radius, lat * RADIANS * this.radius];
  }
  fromMap([x, y]) {
    return [x / this.radius / RADIANS, Math.max(-90, Math.min(90, y / this.radius / RADIANS))];
  }
  /** Metres on the ground of a metre on the map, east-west, at a place. */
  groundScale(lon, lat) {
    return Math.max(Math.cos(lat * RADIANS), 0.01);
  }
  /** Degrees of longitude to add so that a place lies in an extent; none, one, or more. */
  copies(lon, extent, reach) {
    const first = Math.ceil((extent[0] - reach - lon * RADIANS * this.radius) / this.turn);
    const last = Math.floor((extent[2] + reach - lon * RADIANS * this.radius) / this.turn);
    const turns = [];
    for (let k = first; k <= last; k++) turns.push(360 * k);
    return turns;
  }
  /** The half width on the map of a circle of an angle (radians). */
  reach(lat, angle) {
    const ratio = Math.sin(angle) / Math.max(Math.cos(lat * RADIANS), 1e-9);
    return (ratio < 1 ? Math.asin(ratio) : Math.PI) * this.radius;
  }
  /** Add a circle of an angle (radians) around a place to a path. */
  addRing(context, frame, lon, lat, angle) {
    const bulge = ((angle * angle) / 2) * Math.abs(Math.tan(lat * RADIANS)) * (this.radius / frame.down);
    const [x, y] = frame.pixel(this.toMap(lon, lat));
    if (bulge < SMALL_ERROR_PX && Math.abs(lat) + angle / RADIANS < 89) {
      const across = this.reach(lat, angle) / frame.across, down = (angle * this.radius) / frame.down;
      context.moveTo(x + across, y);
      context.ellipse(x, y, across, down, 0, 0, 2 * Math.PI);
      return;
    }
    this.addOutline(context, frame, ringPoints(lon, lat, angle));
  }
  /** Add places in degrees, whose longitudes do not jump, to a path; a ring around a pole stays open. */
  addOutline(context, frame, points, closed = true) {
    points.forEach(([lon, lat], i) => context[i ? "lineTo" : "moveTo"](...frame.pixel(this.toMap(lon, lat))));
    if (closed && Math.abs(points[0][0] - points[points.length - 1][0]) < 180) context.closePath();
  }
}

class PolarMap {
  constructor(radius, sign) {
    this.name = sign > 0 ? "north" : "south";
    this.title = sign > 0 ? "North pole" : "South pole";
    this.radius = radius;
    this.sign = sign;
    this.columns = 1;
    const half = 2 * radius * Math.tan(((90 - POLAR_LIMIT) * RADIANS) / 2);
    this.extent = [-half, -half, half, half];
    this.side = 2 * half;
    this.turn = 0;
  }
  toMap(lon, lat) {
    const rho = 2 * this.radius * Math.tan(((90 - this.sign * lat) * RADIANS) / 2);
    return [rho * Math.sin(lon * RADIANS), -this.sign * rho * Math.cos(lon * RADIANS)];
  }
  fromMap([x, y]) {
    const colatitude = (2 * Math.atan(Math.hypot(x, y) / (2 * this.radius))) / RADIANS;
    return [Math.atan2(x, -this.sign * y) / RADIANS, this.sign * (90 - colatitude)];
  }
  groundScale(lon, lat) {
    return (1 + Math.sin(this.sign * lat * RADIANS)) / 2;
  }
  copies(lon, extent, reach) {
    return [0];
  }
  reach(lat, angle) {
    const colatitude = (90 - this.sign * lat) * RADIANS;
    if (colatitude + angle > 0.9 * Math.PI) return 0;
    return this.radius * (Math.tan((colatitude + angle) / 2) - Math.tan((colatitude - angle) / 2));
  }
  /** A circle on a sphere is a circle on this map, too (Snyder 1987, page 154), around another point. */
  addRing(context, frame, lon, lat, angle) {
    const radius = this.reach(lat, angle);
    if (!radius) return;
    const colatitude = (90 - this.sign * lat) * RADIANS;
    const rho = this.radius * (Math.tan((colatitude + angle) / 2) + Math.tan((colatitude - angle) / 2));
    const [x, y] = frame.pixel([rho * Math.sin(lon * RADIANS), -this.sign * rho * Math.cos(lon * RADIANS)]);
    context.moveTo(x + radius / frame.across, y);
    context.ellipse(x, y, radius / frame.across, radius / frame.down, 0, 0, 2 * Math.PI);
  }
  addOutline(context, frame, points, closed = true) {
    const shown = points.map(([lon, lat]) => [lon, Math.max(this.sign * lat, 0) * this.sign]);
    shown.forEach(([lon, lat], i) => context[i ? "lineTo" : "moveTo"](...frame.pixel(this.toMap(lon, lat))));
    if (closed) context.closePath();
  }
}

/** Places in degrees along a circle; longitudes do not jump. */
function ringPoints(lon, lat, angle, count = 180) {
  const points = [];
  let last = lon;
  for (let i = 0; i <= count; i++) {
    const [newLon, newLat] = destination(lon, lat, angle, (2 * Math.PI * i) / count);
    last += wrap(newLon - last);
    points.push([last, newLat]);
  }
  // A ring around a pole begins on the other side of it, to the east or to the west.
  const shift = 360 * Math.round((lon - (points[0][0] + last) / 2) / 360);
  return points.map(([pointLon, pointLat]) => [pointLon + shift, pointLat]);
}

function mapsOf(run) {
  const maps = [new CylindricalMap(run.radius_m), new PolarMap(run.radius_m, 1), new PolarMap(run.radius_m, -1)];
  return maps.filter((map) => run.maps[map.name]);
}
