import { describe, expect, it } from "vitest";
import { code, places, read, sources } from "./repository.ts";

const product = sources("src", "machines", "adapters");
const everything = [...product, ...sources("test", "examples", "bench")];

/** A file holds one idea; a longer one holds two. */
const longestFile = 500;

describe("code", () => {
  it("takes time and chance from src/clock.ts alone", () => {
    const pattern =
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bMath\.random\b|\bset(?:Timeout|Interval)\b/;
    const page = "src/inspector/page/"; // in the browser the clock is the reader's
    const others = product.filter((path) => path !== "src/clock.ts" && !path.startsWith(page));
    expect(others.flatMap((path) => places(path, code(path), pattern))).toEqual([]);
  });

  it("listens to abort signals in src/abort.ts alone, which leaves nothing behind in one that lives on", () => {
    const pattern = /\bAbortSignal\.(?:any|timeout)\b|\b(?:add|remove)EventListener\(\s*"abort"|\bonabort\b/;
    const others = [...product, ...sources("examples")].filter((path) => path !== "src/abort.ts");
    expect(others.flatMap((path) => places(path, code(path), pattern))).toEqual([]);
  });

  it("tells errors from other values in src/realms.ts alone, which knows those of Node's modules in a VM context", () => {
    const pattern = /\binstanceof Error\b/;
    const others = product.filter(
      (path) => path !== "src/realms.ts" && !path.startsWith("src/inspector/page/"),
    );
    expect(others.flatMap((path) => places(path, code(path), pattern))).toEqual([]);
  });

  it("runs XState in the machines alone", () => {
    const pattern = /from "(?:xstate|xstate\/[^"]+)"/;
    const users = product.filter((path) => places(path, code(path), pattern).length > 0);
    const others = users.filter((path) => !path.startsWith("machines/"));
    const running = others.flatMap((path) =>
      places(path, code(path).replaceAll(/^import type .*$/gm, ""), pattern),
    );
    expect(running).toEqual([]);
    expect(others).toEqual(["src/runtime/watching/actor-logic.ts", "src/runtime/watching/user-snapshot.ts"]);
    expect(users).toContain("machines/user-lifecycle.ts");
  });

  it("lets no type check be switched off", () => {
    const pattern = /\bas any\b|<\s*any\s*>/;
    const silenced = everything.flatMap((path) => [
      ...places(path, code(path), pattern),
      ...places(path, read(path), /@ts-(?:ignore|nocheck)\b/), // these two are comments
    ]);
    expect(silenced).toEqual([]);
  });

  it("leaves no test out and none alone", () => {
    const pattern = /\b(?:it|test|describe|suite|bench)\.(?:only|skip|todo)\b/;
    expect(sources("test", "examples").flatMap((path) => places(path, code(path), pattern))).toEqual([]);
  });

  it("only re-exports, by name, from an index.ts", () => {
    for (const path of product.filter((name) => name.endsWith("/index.ts"))) {
      const rest = code(path).replaceAll(/export (?:type )?\{[^}]*\} from "[^"]+";/g, "");
      expect({ path, rest: rest.trim() }).toEqual({ path, rest: "" });
    }
  });

  it("names in its comments only files that exist", () => {
    const names = new Set(everything.map((path) => path.split("/").at(-1)));
    const named = everything.flatMap((path) =>
      Array.from(read(path).matchAll(/`(?:[\w.-]+\/)*([\w-]+(?:\.[\w-]+)*\.ts)`/g), ([, name = ""]) => ({
        path,
        name,
      })),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(({ name }) => !names.has(name))).toEqual([]);
  });

  it("has no file with a name like utils", () => {
    const vague = /(?:^|\/)(?:utils?|helpers?|common|types|misc|shared)(?:\.[^/]*)?\.ts$/;
    expect(everything.filter((path) => vague.test(path))).toEqual([]);
  });

  it(`has no file of more than ${longestFile} lines, examples beside the code not counted`, () => {
    const lengths = everything.map((path) => {
      const text = read(path).replaceAll(/^ *\* ```[^]*?^ *\* ```\n/gm, "");
      return { path, lines: text.split("\n").length - 1 };
    });
    expect(lengths.filter(({ lines }) => lines > longestFile)).toEqual([]);
  });
});
