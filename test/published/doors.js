// Opens every door of the installed package: `node doors.js [PACKAGE…]`, the packages that an application may leave out.
import { readFileSync } from "node:fs";

const optional = process.argv.slice(2);
const { exports } = JSON.parse(readFileSync("node_modules/oneup-lifecycle/package.json", "utf8"));
for (const door of Object.keys(exports)) {
  if (door.endsWith(".json") || optional.some((name) => door.endsWith(`/${name}`))) continue;
  const names = Object.keys(await import(door.replace(".", "oneup-lifecycle")));
  if (names.length === 0) throw new Error(`${door} has nothing to offer`);
  console.log(door, names.join(" "));
}
