import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSandbox, type SandboxServer } from "oneup-lifecycle/sandbox";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitingUsers } from "../../src/cli/format.ts";
import { operatorAt, type Operator } from "./operator.ts";

let path: string;
let server: SandboxServer;
let operator: Operator;

/** Ada was refused with a 429: user management is shut for ten minutes, and she is in no lane. */
beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "cli-standing-"));
  const sandbox = createSandbox({ clientSecret: "a-secret-of-its-own" });
  server = await sandbox.listen();
  operator = operatorAt({ type: "lmdb", path }, sandbox, server);
  const lifecycle = await operator.open();
  sandbox.fail({ response: "rateLimited", call: "createUser", retryAfterMs: 600_000 });
  await lifecycle.onboard("ada", { waitMs: 0 });
  await lifecycle.close();
});

afterAll(async () => {
  await server.close();
  rmSync(path, { recursive: true });
});

interface Found {
  readonly at: string;
  readonly shut: readonly { readonly gate: string; readonly until: string }[];
  readonly nextInMs?: number;
  readonly underWayOrHeld: number;
  readonly ahead?: number;
}

async function data(...words: readonly string[]): Promise<Found> {
  const { code, out } = await operator.run([...words, "--json"]);
  expect(code).toBe(0);
  return JSON.parse(out) as Found; // one object
}

describe("cli, while a gate is shut", () => {
  it("status shows when it may open as the time of the next call, and which users are in no lane", async () => {
    const { out } = await operator.run(["status"]);
    const { at, nextInMs, shut, underWayOrHeld: others } = await data("status");
    expect(out).toMatch(/next call +20\d\d-.* UTC, in (?:9|10) min.*\n/);
    expect(out).toMatch(
      /waiting +interactive 0 · recovery 0 · bulk 0\n +in progress or held: 1, without a token/,
    );
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(Date.parse(at) + Number(nextInMs)).toBeCloseTo(Date.parse(shut[0]?.until ?? ""), -4);
    expect(others).toBe(1);
  });

  it("forecast grants nothing before then, and counts those in no lane", async () => {
    const { out } = await operator.run(["forecast", "10"]);
    const found = await data("forecast", "10");
    expect(out).toMatch(
      /granted by 20\d\d-.* UTC, in (?:9|10) min.*\n0 users are waiting ahead; .*\n1 more /,
    );
    expect(out).toMatch(/\nmanagement is throttled.*; next try in (?:9|10) min.*\n$/);
    expect(found).toMatchObject({ ahead: 0, underWayOrHeld: 1, shut: [{ gate: "management" }] });
    expect(Date.parse(found.at)).toBeCloseTo(Date.parse(found.shut[0]?.until ?? ""), -4);
  });
});

describe("underWayOrHeld()", () => {
  it("counts who has a call before it and no token, without those who wait in a lane", () => {
    const users = { created: 3_000, reauthorizing: 2, expiring: 7, tokenActive: 9, failed: 4, offboarded: 5 };
    expect(waitingUsers({ users, waiting: { interactive: 1, recovery: 1, bulk: 1 } })).toBe(2_999);
    expect(waitingUsers({ users: {}, waiting: { interactive: 0, recovery: 0, bulk: 1 } })).toBe(0);
  });
});
