/* What of OpenLayers the page uses; `npm ci && npm run build` makes ../assets/code/ol.js of it. */
export { default as Map } from "ol/Map.js";
export { default as View } from "ol/View.js";
export { default as TileLayer } from "ol/layer/Tile.js";
export { default as ImageLayer } from "ol/layer/Image.js";
export { default as TileImage } from "ol/source/TileImage.js";
export { default as ImageCanvas } from "ol/source/ImageCanvas.js";
export { default as TileGrid } from "ol/tilegrid/TileGrid.js";
export { default as Projection } from "ol/proj/Projection.js";
export { default as PointerInteraction } from "ol/interaction/Pointer.js";
export { defaults as defaultInteractions } from "ol/interaction/defaults.js";
