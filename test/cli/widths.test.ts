import { stripVTControlCharacters } from "node:util";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { operatorAt, type Operator } from "./operator.ts";
import { hanging, wrapped } from "../../src/cli/screen.ts";
import { afterwards, folder } from "../support/scene.ts";

const long = "a-user-whose-id-is-rather-long@department.of.a.hospital.example.org";

/** Ada has a token, and a user with a long id waits for a slot before a shut gate. */
async function stage(): Promise<Operator> {
  const sandbox = createSandbox({ clientSecret: "a-secret-of-its-own" });
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const operator = operatorAt({ type: "lmdb", path: folder("cli-widths") }, sandbox, server);
  const lifecycle = await operator.open();
  await lifecycle.onboard("ada");
  sandbox.fail({ call: "createUser", status: 429, headers: { "retry-after": "3600" } });
  await lifecycle.onboard(long, { waitMs: 0 });
  await lifecycle.resume();
  await lifecycle.close();
  return operator;
}

/** What a command prints on a terminal of this width. */
async function onTerminal(
  columns: number,
  operator: Operator,
  words: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<string> {
  const { stdout } = process;
  const was = { isTTY: stdout.isTTY, columns: stdout.columns };
  Object.assign(stdout, { isTTY: true, columns });
  try {
    const { code, out } = await operator.run(words, env);
    expect(code).toBe(0);
    return out;
  } finally {
    Object.assign(stdout, was);
  }
}

describe("cli, on terminals of all widths", () => {
  it("colours take no room, and later lines keep their indent", async () => {
    const operator = await stage();
    const holding = await operator.open();
    await holding.hold("ada", "a complaint of the clinic in the north is being looked into");
    await holding.close();
    const coloured = { NO_COLOR: "", FORCE_COLOR: "1" };
    for (const words of [["inspect", "ada"], ["inspect", long], ["status"]]) {
      const out = await onTerminal(60, operator, words, coloured);
      expect(out).toContain("\u001B[");
      const lines = stripVTControlCharacters(out).split("\n").filter(Boolean);
      expect(lines.filter((line) => !line.startsWith("  "))).toEqual([]);
      expect(lines.filter((line) => line.length > 60 && line.trim() !== long)).toEqual([]);
    }
  });

  it("no line is longer than the terminal, but for an id, and nothing is cut", async () => {
    const operator = await stage();
    for (const columns of [60, 80, 140]) {
      const looks = [
        ["status"],
        ["users"],
        ["inspect", long],
        ["inspect", "ada"],
        ["explain", long],
        ["forecast", "9"],
      ];
      for (const words of looks) {
        const out = await onTerminal(columns, operator, words);
        const lines = out.split("\n").filter((line) => line.trim() !== long);
        expect({ columns, words, wide: lines.filter((line) => line.length > columns) }).toMatchObject({
          wide: [],
        });
        expect(out).not.toContain("…");
        if (words[0] === "users") expect(out).toContain(long);
      }
      const users = await onTerminal(columns, operator, ["users"]);
      expect(users).toMatch(/rateLimit (?:60|59) min|throttled (?:60|59) min/);
      const ada = (await onTerminal(columns, operator, ["inspect", "ada"])).replaceAll(/\s+/g, " ");
      if (columns === 60) expect(ada).toContain("codeIssued 1 mgmt 1upHealth created it and issued a code");
      if (columns === 140) expect(ada).toContain("codeIssued 1upHealth created it and issued a code 1 mgmt");
    }
  });

  it.each([60, 80, 100])("help fits into %i columns, but for what is typed as it stands", async (columns) => {
    const operator = await stage();
    for (const words of [["help"], ["offboard", "--help"], ["keys", "--help"], ["reconcile", "--help"]])
      for (const line of (await onTerminal(columns, operator, words)).split("\n"))
        if (!line.startsWith("Example: ")) expect(line.length).toBeLessThanOrEqual(columns);
  });

  it("wrapped() keeps a number with its unit, and hanging() indents what follows", () => {
    expect(wrapped("in 6 d 8 h.", 7)).toEqual(["in 6 d", "8 h."]);
    expect(wrapped("it ends in 59 min", 13)).toEqual(["it ends in", "59 min"]);
    expect(hanging("  waits ", "for a slot of the limit", 22)).toEqual([
      "  waits for a slot of",
      "        the limit",
    ]);
  });
});
