/** The rooms of the house: which may import which. */
import { readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { code, root, sources } from "./repository.ts";

/** Stands for all files outside the rooms. */
const anyFile = "*.ts";

/** Each room, and the rooms and files beside it that it may import. The other files outside the rooms put them together. */
const rooms: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "src/runtime": {
    options: [],
    account: ["options"],
    gates: ["account", "options"],
    user: ["gates", "options"],
    telemetry: ["user", "options"],
    engine: ["telemetry", "user", "gates", "account", "options"],
    operations: ["events", "engine", "telemetry", "user", "gates", "account", "options"],
    fhir: ["operations", "engine", "telemetry", "user", "account", "options"],
    watching: ["operations", "engine", "user", "options"],
    bulk: ["operations", "engine", "user", "account", "options"],
    events: ["engine", "user", "options"],
    moving: ["user", "account", "options"],
    leaving: ["fhir", "bulk", "operations", "engine", "user", "account", "options"],
    keys: ["events", "engine", "user", "account", "options"],
  },
  "src/sandbox": {
    base: [],
    clock: ["base"],
    options: ["base", "clock"],
    resources: ["base"],
    state: ["base", "options", "resources"],
    fhir: ["base", "options", "resources", "state"],
    export: ["base", "fhir", "options", "resources", "state"],
    oauth: ["base", "state"],
    faults: ["base", "oauth", "state"],
    http: ["base", "clock", "faults", "options", "state", "handler.ts", "sandbox.ts"],
  },
  "src/fhir": {
    batch: [anyFile],
    pages: [
      "calls.ts",
      "checks.ts",
      "execute.ts",
      "fhir-call-options.ts",
      "operation.ts",
      "query.ts",
      "repeat.ts",
    ],
    attachment: ["calls.ts", "checks.ts", "execute.ts", "operation.ts", "repeat.ts", "stream-call.ts"],
    export: [
      "checks.ts",
      "execute.ts",
      "fhir-call-options.ts",
      "lossless-json.ts",
      "operation.ts",
      "query.ts",
      "repeat.ts",
      "stream-call.ts",
    ],
  },
  "src/opentelemetry": {},
  "src/http": {
    streaming: ["call.ts", "safety.ts", "transport.ts"],
    undici: ["charset.ts", "safety.ts", "transport.ts"],
  },
  "src/guard": {},
  "src/store": {
    sealing: ["contract.ts", "envelope.ts", "guards.ts", "make-folder.ts", "quarantine.ts"],
    "table-store": [
      "contract.ts",
      "event-text.ts",
      "lane-scheduler.ts",
      "lost-store.ts",
      "movable.ts",
      "row-rules.ts",
      "sliding-window.ts",
      "slot-log.ts",
      "steady-time.ts",
    ],
  },
  adapters: { keyv: [], lmdb: [], postgres: [], redis: [] },
  "src/inspector": {
    page: ["shapes.ts", "actions"],
    actions: ["responses.ts", "shapes.ts", "views.ts"],
  },
  "src/cli": {
    commands: [anyFile],
    "one-user": [anyFile],
    importing: [anyFile],
    leaving: [anyFile],
    demo: [anyFile, "inspector"],
    inspector: [anyFile],
    sandbox: [anyFile],
  },
};

const product = sources("src", "machines", "adapters");

/** The files of the repository that a file imports, types included. */
function importsOf(path: string): readonly string[] {
  const found = code(path).matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
  return Array.from(found, ([, specifier = ""]) => posix.join(posix.dirname(path), specifier));
}

/** The names of the folders in a folder. */
function foldersIn(path: string): readonly string[] {
  const entries = readdirSync(join(root, path), { withFileTypes: true });
  return entries.filter((one) => one.isDirectory()).map(({ name }) => name);
}

describe.each(Object.entries(rooms))("%s", (house, plan) => {
  it("has the rooms of the plan", () => {
    expect(foldersIn(house).toSorted()).toEqual(Object.keys(plan).toSorted());
  });

  it.each(Object.entries(plan))("%s imports only its own files and %j", (room, below) => {
    const inside = product.filter((path) => path.startsWith(`${house}/${room}/`));
    expect(inside).not.toEqual([]);
    const others = inside.flatMap((path) =>
      importsOf(path)
        .filter((target) => target.startsWith(`${house}/`))
        .map((target) => ({ path, room: target.slice(house.length + 1).split("/")[0] ?? "" })),
    );
    const mayImport = (other: string): boolean =>
      other === room || below.includes(other) || (other.endsWith(".ts") && below.includes(anyFile));
    expect(others.filter((one) => !mayImport(one.room))).toEqual([]);
  });
});

describe("imports", () => {
  it("never run in a circle", () => {
    const graph = new Map(
      product.map((path) => [path, importsOf(path).filter((target) => product.includes(target))]),
    );
    const done = new Set<string>();
    const circles: string[][] = [];
    const visit = (path: string, way: readonly string[]): void => {
      const at = way.indexOf(path);
      if (at >= 0) circles.push(way.slice(at));
      if (at >= 0 || done.has(path)) return;
      for (const target of graph.get(path) ?? []) visit(target, [...way, path]);
      done.add(path);
    };
    for (const path of product) visit(path, []);
    expect(circles).toEqual([]);
  });
});
