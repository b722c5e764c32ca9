import type { BudgetView, Health } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { paintFor } from "../../src/cli/screen.ts";
import { statusLines } from "../../src/cli/commands/status.ts";
import type { Failures, MetCause } from "../../src/cli/commands/users-in-trouble.ts";
import { nextStepAfter, nextSteps } from "../../src/next-step.ts";

const plain = paintFor({}, { NO_COLOR: "1" });
const now = Date.UTC(2026, 10, 25, 14);
const at = (minutes: number): Date => new Date(now + minutes * 60_000);

/** Everything as large as it gets. */
const view: BudgetView = {
  at: at(0),
  used: { interactive: 999_999, recovery: 999_999, bulk: 999_999 },
  of: 2_999_997,
  waiting: { interactive: 999_999, recovery: 999_999, bulk: 999_999 },
  nextInMs: 86_340_000,
  users: { created: 9_999_999, reauthorizing: 999_999, tokenActive: 12_345_678, failed: 1_204 },
  imports: Array.from({ length: 12 }, (_, n) => ({
    name: "n".repeat(63) + n.toString(36),
    left: 9_999_999,
    failed: n,
  })),
  shut: [
    { gate: "management", state: "throttled", reason: "throttled", until: at(1_439) },
    { gate: "secret", state: "suspended", reason: "credentials", until: at(12) },
    { gate: "exchange", state: "probing", reason: "unavailable", until: at(-1) },
  ],
  refusedSecrets: [{ triedAt: at(-2), until: at(12) }],
  paused: [
    {
      lane: "recovery",
      reason: "1upHealth asked us to wait ".repeat(7),
      since: at(-1),
      until: at(1_439),
      by: null,
    },
    { lane: null, reason: "a bill", since: at(-9), until: null, by: "ada" },
  ],
  running: 0,
};
const health: Health = {
  ready: false,
  storeMs: 1,
  problem: "RECORD_TOO_NEW",
  why: "Cannot open the store: its account has format 3",
  nextStep: nextSteps.RECORD_TOO_NEW,
  endpoints: [],
  shut: view.shut,
  refusedSecrets: view.refusedSecrets,
  paused: view.paused,
  limitConflicts: [
    {
      limit: "management",
      configured: { calls: 1_000_000, windowMs: 86_400_000 },
      recorded: { calls: 2_999_997, windowMs: 3_600_000 },
      inForce: { calls: 1_000_000, windowMs: 86_400_000 },
    },
  ],
  lostWritesAt: null,
  running: 0,
  apart: 0,
};

const met: MetCause = {
  cause: {
    call: "issueAuthCode",
    endpoint: "management",
    host: "a-rather-long-name-of-a-host.eu-central-1.example.org:8443",
    status: 503,
    code: "http_503",
    text: { length: 10_000, fingerprint: "0123456789ab" },
    attempt: 12,
    at: at(-1),
    retryAt: at(1),
  },
  users: 100,
  nextAt: at(1),
  underWay: false,
  nextStep: nextStepAfter({ code: "http_503", status: 503 }),
};

const failures: Failures = {
  looked: 100,
  causes: [
    { in: "reauthorizing", reason: "contradiction", why: "it exists and it does not", users: 60 },
    { in: "created", reason: "refused", why: "http_400", users: 30 },
    ...["http_402", "http_405", "http_409", "http_410", "http_411"].map((why) => ({
      in: "codeIssued" as const,
      reason: "refused" as const,
      why,
      users: 2,
    })),
  ],
};
const endpoints = {
  api: "https://api-of-a-rather-long-name.eu-central-1.example.org/a/path",
  auth: "https://auth.example.org",
};

describe("cli status", () => {
  it("fits into 80 columns, whatever it prints", () => {
    const lines = statusLines({ store: "postgres", endpoints, view, health, causes: [met], failures }, plain);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    const text = lines.join("\n");
    expect(text).toContain("0123456789ab");
    expect(text).toContain("100 users waiting, next attempt ");
    expect(text).toMatch(/tokenActive +12,345,678 {2}━{30}\n/);
    expect(text).toMatch(/failed +1,204 {2}━\n/);
    expect(text).toMatch(/auth +https:\/\/auth\.example\.org\n/);
    expect(text).toMatch(
      /failed +60 users in reauthorizing: contradiction \(it exists and it does\n +not\)\n/,
    );
    expect(text).toMatch(/ 4 users in other ways\n +of the first 100 of 1,204 failed users\n/);
    expect(text).toMatch(/ in progress or held: 8,000,001, without a token and in no lane\n/);
    expect(text).toContain("management: 1,000,000 in 1 d here, 2,999,997 in 1 h recorded");
    expect(text).toContain("2,999,997 of 2,999,997 slots in use");
    expect(text).toMatch(/next call +2026-11-26 13:59:00 UTC, in 23 h 59 min\n/);
    expect(text).toMatch(/gates +management is throttled; next try in 23 h 59 min\n/);
    expect(text).toContain("secret is suspended (credentials); next try in 12 min\n");
    expect(text).toContain("exchange is probing (unavailable); one call is trying\n");
    expect(text).toContain("secret of another process is refused; next try in 12 min\n");
    expect(text).toMatch(/paused +lane recovery, ends in 23 h 59 min: 1upHealth asked/);
    expect(text).toContain("all management calls, by ada: a bill\n");
    expect(text).toMatch(/nnn1:\s+9,999,999 left, 1 failed\n/);
    expect(text).toContain("and 2 more imports\n");
    expect(text).toMatch(/problem +RECORD_TOO_NEW/);
  });

  it("tells of a time that has passed since when it is due, and what it waits for", () => {
    const shut: BudgetView["shut"] = [
      { gate: "management", state: "throttled", reason: "throttled", until: at(-1) },
    ];
    const text = (nextInMs: number, underWay: boolean): string =>
      statusLines(
        {
          store: "lmdb",
          endpoints,
          view: { ...view, shut, nextInMs },
          health,
          causes: [{ ...met, nextAt: at(-2), underWay }],
          failures,
        },
        plain,
      )
        .join(" ")
        .replaceAll(/\s+/g, " ");
    expect(text(0, false)).toContain("next attempt due since 2026-11-25 13:58:00 UTC, waits for a worker");
    expect(text(60_000, false)).toContain("due since 2026-11-25 13:58:00 UTC, waits for its turn");
    expect(text(0, true)).toContain("next attempt under way");
    expect(text(0, true)).toContain("; next try due since 2026-11-25 13:59:00 UTC, waits for a worker");
    expect(text(0, true)).not.toContain(" ago");
  });

  it("has numbers alone where bars would be noise", () => {
    const looked = { store: "lmdb", endpoints, view, health, causes: [], failures };
    const text = statusLines(looked, plain, 80, false).join("\n");
    expect(text).not.toMatch(/[━─]/);
    expect(text).toMatch(/tokenActive +12,345,678\n/);
    expect(text).toContain("  limit      2,999,997 of 2,999,997 slots in use\n");
  });
});
