import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";
import { operatorAt, type Operator } from "./operator.ts";

const hour = 3_600_000;

async function stage(begun = true): Promise<{ readonly operator: Operator; readonly data: string }> {
  const sandbox = createSandbox({ clientSecret: "a-secret-of-its-own" });
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const path = folder("cli-limits");
  const operator = operatorAt({ type: "lmdb", path }, sandbox, server);
  if (begun) {
    const lifecycle = await operator.open({ limits: { management: { calls: 40, windowMs: hour } } });
    await lifecycle.onboard("ada");
    await lifecycle.close();
  }
  return { operator, data: join(path, "store", "data.mdb") };
}

async function recorded({ open }: Operator): Promise<unknown> {
  const lifecycle = await open();
  const found = await lifecycle.account.limits();
  await lifecycle.close();
  return found;
}

describe("cli limits", () => {
  it("shows the account's limits, and changes nothing", async () => {
    const { operator, data } = await stage();
    const before = readFileSync(data);
    const shown = "management  40 calls in any 1 h\ntoken       no limit\nfhir        no limit\n";
    expect(await operator.run(["limits"])).toEqual({ code: 0, err: "", out: shown });
    const { out } = await operator.run(["limits", "--json"]);
    expect(JSON.parse(out)).toEqual({ management: { calls: 40, windowMs: hour }, token: null, fhir: null });
    expect(readFileSync(data).equals(before)).toBe(true);
  });

  it.each([
    [["--calls", "600"], { management: { calls: 600, windowMs: hour } }],
    [["--window-ms", "60000"], { management: { calls: 40, windowMs: 60_000 } }],
    [["--calls", "7", "--window-ms", "120000"], { management: { calls: 7, windowMs: 120_000 } }],
    [["--of", "fhir", "--calls", "7", "--window-ms", "1000"], { fhir: { calls: 7, windowMs: 1_000 } }],
  ])("changes what is named by %j, for every process, and says what it was", async (words, change) => {
    const { operator } = await stage();
    const { code, out, err } = await operator.run(["limits", ...words]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(
      words.includes("fhir") ? /^fhir until now: no limit\n/ : /^management until now: 40 calls in any 1 h\n/,
    );
    const usual = { management: { calls: 40, windowMs: hour }, token: null, fhir: null };
    expect(await recorded(operator)).toEqual({ ...usual, ...change });
    for (const secret of operator.secrets()) expect(out).not.toContain(secret);
  });

  it("takes the limit of an endpoint away with --none", async () => {
    const { operator } = await stage();
    await operator.run(["limits", "--of", "token", "--calls", "9", "--window-ms", "1000"]);
    const { code, out } = await operator.run(["limits", "--of", "token", "--none", "--json"]);
    expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 0, token: null });
    expect(await recorded(operator)).toMatchObject({ token: null });
  });

  it.each([
    [["--calls", "0"], /--calls must be a whole number from 1/],
    [["--calls", "many"], /--calls must be a whole number from 1/],
    [["--window-ms", "1h"], /--window-ms must be a whole number from 1/],
    [["--of", "users"], /--of must be one of management, token, fhir, got "users"/],
    [["--of", "token", "--calls", "9"], /no limit of token yet: a new one needs --calls N and --window-ms N/],
    [["--none"], /--none needs --of token or --of fhir/],
    [["--of", "token", "--none", "--calls", "9"], /not both/],
    [["--window-ms", "99999999999999"], /Cannot/],
  ])("refuses %j, and changes nothing", async (words, message) => {
    const { operator } = await stage();
    const { code, err } = await operator.run(["limits", ...words]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(await recorded(operator)).toMatchObject({ management: { calls: 40, windowMs: hour } });
  });

  it("makes neither a store nor a key where there is none", async () => {
    const { operator, data } = await stage(false);
    for (const words of [["limits"], ["limits", "--calls", "9"]]) {
      const { code, err } = await operator.run(words);
      expect(code).toBe(1);
      expect(err).toContain("[STORE_UNUSABLE]");
    }
    expect(existsSync(data)).toBe(false);
  });
});
