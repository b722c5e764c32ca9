/** A schema is upgraded only if its version is lower, so no change of its contents may keep the version. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { allFunctions } from "../../adapters/postgres/migrate.ts";
import { oldest, tables, version } from "../../adapters/postgres/tables.ts";

/** Of the contents of each version. One that was released never changes. */
const digests: Readonly<Record<number, string>> = {
  6: "93a5258588ffde59",
};

/** Of the parameters of what processes call, for each oldest version whose releases call it so. */
const calls: Readonly<Record<number, string>> = {
  2: "2babe1c544d42f01",
};

function digestOf(text: string): string {
  const bare = text.replaceAll(/--.*$/gm, "").replaceAll(/\s+/g, " ");
  return createHash("sha256").update(bare).digest("hex").slice(0, 16);
}

it("a change of the schema raises its version", () => {
  const digest = digestOf(`${tables('"s"')}\n${allFunctions('"s"')}`);
  expect(digest, "raise `version` in tables.ts, and write its digest here").toBe(digests[version]);
});

it("a change of the parameters of a function that processes call raises the oldest version that works", () => {
  const folder = new URL("../../adapters/postgres/", import.meta.url);
  const files = [
    new URL("../postgres.ts", folder),
    ...readdirSync(folder).map((name) => new URL(name, folder)),
  ];
  const called = new Set(
    files.flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/\b([a-z_]+)\(\$1/g)].map(([, name]) => name),
    ),
  );
  const heads = [...allFunctions("s").matchAll(/FUNCTION s\.(\w+)\s*\([^)]*\)/g)];
  const signatures = heads.filter(([, name]) => called.has(name)).map(([head]) => head);
  expect(signatures.length).toBeGreaterThan(25);
  const digest = digestOf(signatures.sort().join("\n"));
  expect(digest, "raise `oldest` in tables.ts if earlier calls fail now; write the digest here").toBe(
    calls[oldest],
  );
});
