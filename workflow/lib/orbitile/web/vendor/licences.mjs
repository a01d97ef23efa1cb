/* Writes the licences of what is in ol.js beside it. */
import { readFileSync, writeFileSync } from "node:fs";

const packages = { ol: "LICENSE.md", rbush: "LICENSE", quickselect: "LICENSE" };
const texts = Object.entries(packages).map(([name, file]) => {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  return `${name} ${version}\n\n${readFileSync(`node_modules/${name}/${file}`, "utf8").trim()}\n`;
});
writeFileSync("../assets/code/LICENCE-openlayers.txt", texts.join(`\n${"-".repeat(72)}\n\n`));
