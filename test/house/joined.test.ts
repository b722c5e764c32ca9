import type { Metafile } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { planJoined } from "../published/joined.ts";
import { onDeno } from "../support/built.ts";

type Outputs = Metafile["outputs"];

/** What Node loads for one file: files of ours, and packages. Imports inside of functions come later, if ever. */
function loadedBy(path: string, outputs: Outputs, seen = new Set<string>()): ReadonlySet<string> {
  seen.add(path);
  for (const { path: next, kind } of outputs[path]?.imports ?? []) {
    if (kind === "import-statement" && !seen.has(next)) loadedBy(next, outputs, seen);
  }
  return seen;
}

/** The packages among them. */
function packagesIn(loaded: ReadonlySet<string>): readonly string[] {
  return [...loaded].filter((name) => !name.startsWith("node:") && !name.startsWith("dist/")).toSorted();
}

describe.runIf(!onDeno)("what is published", () => {
  let outputs: Outputs;
  beforeAll(async () => {
    outputs = await planJoined();
  });

  it("holds each source once, so that a class is the same from every entry point", () => {
    const inputs = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
    expect(inputs.length).toBeGreaterThan(300);
    expect(inputs.filter((input, index) => inputs.indexOf(input) !== index)).toEqual([]);
  });

  it("loads for the first call what that needs: no HTTP client, no store, and few files", () => {
    const loaded = loadedBy("dist/lib/index.js", outputs);
    expect(packagesIn(loaded)).toEqual(["@xstate/store", "xstate"]);
    expect([...loaded].filter((path) => path.startsWith("dist/")).length).toBeLessThanOrEqual(20);
  });

  it.each([
    ["adapters-memory", []],
    ["adapters-lmdb", ["lmdb"]],
    ["adapters-redis", ["@keyv/redis"]],
    ["adapters-postgres", []], // pg comes from the application, and with the first connection
    ["machines", ["xstate"]],
  ])("loads for %s the packages %j", (name, packages) => {
    expect(packagesIn(loadedBy(`dist/lib/${name}.js`, outputs))).toEqual(packages);
  });
});
