/** A schema is upgraded only if its version is lower, so no change of its contents may keep the version. */
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { allFunctions } from "../../adapters/postgres/migrate.ts";
import { tables, version } from "../../adapters/postgres/tables.ts";

/** Of the contents of each version. One that was released never changes. */
const digests: Readonly<Record<number, string>> = {
  6: "93a5258588ffde59",
};

it("a change of the schema raises its version", () => {
  const contents = `${tables('"s"')}\n${allFunctions('"s"')}`
    .replaceAll(/--.*$/gm, "")
    .replaceAll(/\s+/g, " ");
  const digest = createHash("sha256").update(contents).digest("hex").slice(0, 16);
  expect(digest, "raise `version` in tables.ts, and write its digest here").toBe(digests[version]);
});
