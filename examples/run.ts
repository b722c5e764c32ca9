// Runs an example by its name, or lists the names: npm run example 01-first-user
import { readdirSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const name = process.argv[2];
const names = readdirSync(new URL(".", import.meta.url))
  .filter((file) => /^\d.*\.ts$/.test(file))
  .map((file) => file.slice(0, -".ts".length));

if (name !== undefined && names.includes(name)) {
  const example = new URL(`${name}.ts`, import.meta.url);
  process.argv.splice(1, 2, fileURLToPath(example)); // as if it had been started directly
  await import(example.href);
} else {
  console.log(`${name === undefined ? "Which example?" : `There is no ${name}:`} npm run example NAME\n`);
  for (const each of names) console.log(`  ${each}`);
  process.exitCode = name === undefined ? 0 : 2;
}
