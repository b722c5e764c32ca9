/** Data as an attacker, a broken gateway or a broken disk would have it: real samples, changed, and plain garbage. */
import process from "node:process";
import fc from "fast-check";

/** How many cases are requested, e.g. `ONEUP_FUZZ=100000 npx vitest run --config test/vitest.config.ts test/hardening`. */
const asked = Number(process.env["ONEUP_FUZZ"] ?? 0);

/** How long a test may then take, ms. */
export const patience: number = asked > 0 ? 900_000 : 600_000;

/** As many cases as were requested, otherwise `usual`, on a slow machine too; `first` come first, and on top of these. */
export function bounds<T>(usual: number, first: readonly T[]): fc.Parameters<T> {
  const numRuns = first.length + (asked > 0 ? asked : usual);
  return { numRuns, examples: [...first] };
}

/** What JSON can say and `JSON.stringify` can not: put in after it. */
const unsayable: Readonly<Record<string, string>> = {
  '"@infinite"': "1e999",
  '"@negative zero"': "-0",
  '"@deep"': `${"[".repeat(2_000)}${"]".repeat(2_000)}`,
  '"@proto"': "__proto__",
};

/** Values that break assumptions, anywhere. */
export const nasty: fc.Arbitrary<unknown> = fc.oneof(
  {
    arbitrary: fc.constantFrom<unknown>(null, true, false, "", "true", [], {}, [null], { a: null }),
    weight: 3,
  },
  {
    arbitrary: fc.constantFrom<unknown>(
      0,
      -1,
      0.5,
      7200,
      1e308,
      -1e308,
      5e-324,
      2 ** 53,
      2 ** 60,
      1e21,
      8.64e15 + 1,
    ),
    weight: 3,
  },
  {
    arbitrary: fc.constantFrom<unknown>("7200", "-1", "NaN", "1e3", "Infinity", "0x10", " 1", "1.5"),
    weight: 2,
  },
  { arbitrary: fc.constantFrom<unknown>("@infinite", "@negative zero"), weight: 2 },
  { arbitrary: fc.constant<unknown>("@deep"), weight: 1 },
  {
    arbitrary: fc.constantFrom<unknown>(
      "a\r\nx-evil: 1",
      "\0",
      "\ud800",
      "../..",
      "__proto__",
      "constructor",
      "x".repeat(9_000),
      "\u202e\u2028",
      "<html>Log in</html>",
      "user does not exist",
      "already exists",
    ),
    weight: 3,
  },
  { arbitrary: fc.jsonValue({ maxDepth: 2 }), weight: 2 },
);

const names = ["__proto__", "constructor", "prototype", "toString", "length", "then", "toJSON", "0", ""];

interface Change {
  readonly at: number;
  readonly how: "replace" | "remove" | "add" | "wrap" | "repeat";
  readonly value: unknown;
  readonly name: string;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(1_000),
  how: fc.constantFrom("replace", "replace", "remove", "add", "wrap", "repeat"),
  value: nasty,
  name: fc.constantFrom(...names),
});

/** A place in a tree: a container and a key in it. */
type Spot = readonly [container: Record<string, unknown>, key: string];

function spots(tree: unknown): Spot[] {
  if (typeof tree !== "object" || tree === null) return [];
  const container = tree as Record<string, unknown>; // a list has its indexes as keys
  return Object.keys(container).flatMap((key) => [[container, key] as const, ...spots(container[key])]);
}

function changed(sample: unknown, changes: readonly Change[]): unknown {
  const root: Record<string, unknown> = { value: structuredClone(sample) };
  for (const { at, how, value, name } of changes) {
    const all = spots(root);
    const [container, key] = all[at % all.length] ?? [root, "value"];
    const put = (to: string, what: unknown): void =>
      void Object.defineProperty(container, to, {
        value: what,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    if (how === "replace") put(key, structuredClone(value));
    else if (how === "remove") delete container[key];
    else if (how === "add")
      put(Array.isArray(container) ? String(container.length) : name, structuredClone(value));
    else if (how === "wrap") put(key, [container[key]]);
    else
      put(
        key,
        Array.from({ length: 30 }, () => container[key]),
      );
  }
  return root["value"];
}

/** The text of a sample after some changes to its values. */
export function mutated(samples: readonly unknown[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(change, { maxLength: 4 }))
    .map(([sample, changes]) => {
      const text = JSON.stringify(changed(sample, changes)) ?? "";
      return Object.entries(unsayable).reduce((said, [word, put]) => said.replaceAll(word, put), text);
    });
}

/** A text that was cut, pushed together, or given a character too many. */
export function torn(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(
      text,
      fc.nat(),
      fc.nat(),
      fc.constantFrom("", "{", '"', "\\", "\0", "\ufeff", "<html>", "e999", ","),
    )
    .map(([whole, from, to, put]) => {
      const [a, b] = [from % (whole.length + 1), to % (whole.length + 1)];
      return whole.slice(0, Math.min(a, b)) + put + whole.slice(Math.max(a, b));
    });
}

/** Meaningless input. */
export const garbage: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.string({ unit: "binary", maxLength: 60 }), weight: 10 },
  { arbitrary: fc.json({ maxDepth: 3 }), weight: 10 },
  { arbitrary: fc.constantFrom("", " ", "null", "[]", "{}", "<!doctype html>password"), weight: 10 },
  { arbitrary: fc.constantFrom("[".repeat(100_000), `{"a":`.repeat(50_000)), weight: 1 },
);
