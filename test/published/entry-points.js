// Imports every entry point of the installed package: `node entry-points.js [PACKAGE…]`, the packages that an application may leave out.
import { readFileSync } from "node:fs";

const optional = process.argv.slice(2);
const { exports } = JSON.parse(readFileSync("node_modules/oneup-lifecycle/package.json", "utf8"));
for (const entryPoint of Object.keys(exports)) {
  if (entryPoint.endsWith(".json") || optional.some((name) => entryPoint.endsWith(`/${name}`))) continue;
  const names = Object.keys(await import(entryPoint.replace(".", "oneup-lifecycle")));
  if (names.length === 0) throw new Error(`${entryPoint} has nothing to offer`);
  console.log(entryPoint, names.join(" "));
}
