import { describe, expect, it } from "vitest";
import { broken, changesOf, rewriteOf, seenBy } from "../simulation/breaking.ts";
import { mutants } from "../simulation/mutants.ts";
import { eachNode, parsed, productSources, seamsIn, type Sources } from "../simulation/seams.ts";
import { draw, oneIn } from "../support/effort.ts";
import { formatted, inOneFile, isName, meaning, moved, renamed } from "../support/changed-code.ts";
import { root } from "./repository.ts";

const sources = productSources(root);
const seams = seamsIn(sources);
/** The files that have seams: nothing else can be broken. */
const marked: Sources = new Map(
  [...sources].filter(([path]) => [...seams.values()].some(({ file }) => file === path)),
);
/** Words of JavaScript and of XState's tables, and those that code brings along when it is broken. */
const known = "undefined Object JSON fromEntries keys map stringify target guard key clear any URL".split(
  " ",
);

describe("seams", () => {
  it("are marked once each, and all of them are what some mutant needs", () => {
    const needed = mutants.flatMap((mutant) => [...changesOf(mutant).map(({ at }) => at), ...seenBy(mutant)]);
    expect([...seams.keys()].sort()).toEqual([...new Set(needed)].sort());
  });

  it("tell a rule: something is, has or does something", () => {
    expect([...seams.keys()].filter((name) => name.split("-").length < 3)).toEqual([]);
  });

  it.each<[string, string, string]>([
    ["twice", "// seam: the-rule\na();\n// seam: the-rule\nb();", "marked twice"],
    ["before nothing", "a();\n// seam: the-rule\n", "marks nothing"],
    ["at the end of a block", "if (a) {\n  b();\n  // seam: the-rule\n}\nc();", "marks nothing"],
    ["without a proper name", "// seam: The rule\na();", "without a proper name"],
    ["without a colon", "// seam the-rule\na();", "without a proper name"],
  ])("are refused %s", (_, text, why) => {
    expect(() => seamsIn(new Map([["a.ts", text]]))).toThrow(why);
  });

  it.each<[string, string, string]>([
    ["a statement", "// seam: the-rule\na(b);", "a(b);"],
    ["a statement under other words", "// seam: the-rule\n// Because.\na(b);", "a(b);"],
    ["a property", "f({\n  // seam: the-rule\n  a: b + c,\n});", "a: b + c"],
    ["a spread", "f({ a, /* seam: the-rule */ ...b });", "...b"],
    ["an argument", "f(a, /* seam: the-rule */ b.c(d), e);", "b.c(d)"],
    ["an element", "f([a, /* seam: the-rule */ b ?? c, d]);", "b ?? c"],
    ["the right side of an operator", "f(a && /* seam: the-rule */ (b || c));", "b || c"],
    ["a branch", "f(a ? /* seam: the-rule */ { b } : c);", "{ b }"],
    ["all that begins there", "f(/* seam: the-rule */ a.b === c ? d : e);", "a.b === c ? d : e"],
  ])("can be %s", (_, text, expected) => {
    const node = seamsIn(new Map([["a.ts", text]])).get("the-rule")?.node;
    expect(text.slice(node?.start, node?.end)).toBe(expected);
  });
});

describe("mutants", () => {
  it("have names of their own", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  it.each(mutants)("$name: the change can be made, and the result parses", (mutant) => {
    expect(broken(sources, mutant).size).toBeGreaterThan(0);
  });

  it.each(mutants)("$name: no name of the product is needed", (mutant) => {
    for (const change of changesOf(mutant)) {
      const it = "does" in change ? "it();" : "it";
      const code = rewriteOf(change)?.(it, { at: () => "it", whole: () => "it", part: () => "it" }) ?? it;
      const { program } = parsed("rewrite.ts", "does" in change ? code : `(${code})`);
      const own: unknown[] = [];
      eachNode(program, (node) => {
        if (isName(node)) own.push(node["name"]);
        if (node.type === "Literal" && typeof node["value"] === "string") own.push(node["value"]);
      });
      expect(own.filter((name) => name !== "it" && !known.includes(String(name)))).toEqual([]);
    }
  });
});

describe("mutants of a product that has changed", () => {
  const asText = (_: string, text: string): string => text;

  it.each<[string, (before: Sources) => Promise<Sources> | Sources, typeof asText]>([
    ["has other names and words for everything", (before) => renamed(before, new Set(known)), asText],
    ["has other files and folders", moved, asText],
    ["stands in one file", inOneFile, asText],
    ["is formatted to 40 columns", (before) => formatted(before, { printWidth: 40 }), meaning],
    [
      "is formatted to 200 columns, with tabs, other quotes and no semicolons",
      (before) => formatted(before, { printWidth: 200, useTabs: true, singleQuote: true, semi: false }),
      meaning,
    ],
  ])("make the same mistakes where it %s", async (title, change, read) => {
    const product = await change(marked);
    // Everyday some of them, which the run draws, and others for each change.
    for (const mutant of oneIn(8, mutants, draw + title.length)) {
      const mistakes = broken(marked, mutant);
      const expected =
        change === inOneFile ? inOneFile(new Map([...marked, ...mistakes])) : await change(mistakes);
      const found = broken(product, mutant);
      const same = [...expected].filter(([path]) => !found.has(path));
      expect(same).toEqual([]);
      for (const [path, text] of found) {
        expect(text).not.toBe(product.get(path));
        expect({ mutant: mutant.name, code: read(path, text) }).toEqual({
          mutant: mutant.name,
          code: read(path, expected.get(path) ?? ""),
        });
      }
    }
  });
});
