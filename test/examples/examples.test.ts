import { readFileSync, readdirSync } from "node:fs";
import process from "node:process";
import { Client } from "pg";
import { describe, expect, it } from "vitest";
import { onDeno } from "../support/built.ts";
import { oneIn } from "../support/effort.ts";
import { needing } from "../support/needs.ts";
import { startPostgres } from "../support/postgres.ts";
import { startServer } from "../support/servers.ts";
import { start } from "../support/started.ts";

const examples = new URL("../../examples/", import.meta.url);

function fleet(): void {
  it(
    "05-fleet onboards all users though a worker is killed",
    needing(["redis-server"]),
    async ({ onTestFinished }) => {
      const server = await startServer("redis-server");
      onTestFinished(() => server.stop());
      const { code, out, err } = await start("examples/05-fleet.ts", [], { REDIS_URL: server.url }).ended;
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain("200 users are in Redis, 3 workers are running\n");
      expect(out).toContain("worker 1 is killed while it processes users\n");
      expect(out).toMatch(/█{20} 200 usable, 0 waiting, .*\ncreated twice: 0, refused by the limit: 0\n$/);
    },
  );
}

function besidePostgres(): void {
  it(
    "06-postgres goes on after kill -9, beside the application's own table",
    needing(["postgres"]),
    async ({ onTestFinished }) => {
      const server = await startPostgres();
      const mine = new Client({ connectionString: server.url });
      await mine.connect();
      onTestFinished(() => mine.end().then(() => server.stop()));
      await mine.query("CREATE TABLE people (name text); INSERT INTO people VALUES ('not an example')");
      const { code, out, err } = await start("examples/06-postgres.ts", [], { POSTGRES_URL: server.url })
        .ended;
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toBe(
        "the application is killed while it processes users\nthe lifecycle counts 80 with a token\n" +
          "the application counts 80 who are connected\ncreated twice: 0\n",
      );
      expect((await mine.query("SELECT name FROM people")).rows).toEqual([{ name: "not an example" }]);
      const left = await mine.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'oneup%example%'");
      expect(left.rows).toEqual([]);
    },
  );
}

function bulkImport(): void {
  it("07-bulk-import brings a list in across a stop, for a call each, the first for two, and two pages of 1upHealth's list", async () => {
    const { code, out, err } = await start("examples/07-bulk-import.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("the first process has stopped\n");
    expect(out).toContain("a user who signs up: usable: true\n");
    expect(out).toContain(
      '240 already stored, 0 new, 0 failed\nusers: {"reauthorized":60,"tokenActive":181}\n',
    );
    expect(out).toMatch(/management calls: 244 for 241 users, refused: 0\n$/);
  });
}

function longExport(): void {
  it("09-long-export exports 20,000 resources across an expiry and a stop, none twice", async () => {
    const { code, out, err } = await start("examples/09-long-export.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("stopped after 60 pages; another process continues\n");
    expect(out).toMatch(/100 pages, 2 refreshes\nexported: 20000, distinct: 20000\n$/);
  });
}

describe.concurrent("examples", () => {
  // Everyday one of each two that take long.
  for (const register of [...oneIn(2, [fleet, besidePostgres]), ...oneIn(2, [bulkImport, longExport])])
    register();

  it("01-first-user takes a user to a Patient of its own for one management call", async () => {
    const { code, out, err } = await start("examples/01-first-user.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/is created\n.*is codeIssued\n.*is tokenActive\nusable: true, until 2/);
    expect(out).toMatch(/Patient\/\w+: Ada Lovelace\nmanagement calls: 1 of 300\n$/);
  });

  it.each(
    oneIn(2, [
      ["10-signup-wizard", 0, /done tokenActive\n/],
      ["01-first-uzer", 2, /^There is no 01-first-uzer: .*\n\n {2}01-first-user\n/],
    ] as const),
  )(
    "run by their names, as %s does, and a mistyped one lists which there are",
    async (name, code, prints) => {
      // As its README says, also where other examples start compiled: it looks for the sources beside it.
      const tsx = onDeno ? undefined : [process.execPath, "--import", "tsx"];
      const ended = await start("examples/run.ts", [name], {}, tsx).ended;
      expect(ended).toMatchObject({ code, err: "" });
      expect(ended.out).toMatch(prints);
    },
  );

  it("02-resume continues after kill -9 and creates no user twice", async () => {
    const { code, out, err } = await start("examples/02-resume.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(
      "first process:  ended by SIGKILL\nthe store has:  codeIssued, exchangeCode is in doubt\n",
    );
    expect(out).toMatch(/usable: true\ncalls: 1 management, 1 token\ncreated twice: 0\n$/);
  });

  it("06-postgres names what it needs", async () => {
    const { code, err } = await start("examples/06-postgres.ts", [], { POSTGRES_URL: "" }).ended;
    expect(code).not.toBe(0);
    expect(err).toContain("Cannot start: POSTGRES_URL must be the URL of a PostgreSQL server");
  });

  it("05-fleet names what it needs", async () => {
    const { code, err } = await start("examples/05-fleet.ts", [], { REDIS_URL: "" }).ended;
    expect(code).not.toBe(0);
    expect(err).toContain("Cannot start: REDIS_URL must be the URL of a Redis or Valkey server");
  });

  it("08-patient-record creates, reads, finds and changes a patient, and loses no change", async () => {
    const { code, out, err } = await start("examples/08-patient-record.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe(
      "read: Bilbo Baggins, version 1\nfound: 1, the same one: true\n" +
        "conflict: Cannot update the Patient: it has changed meanwhile (412); read it again first\n" +
        "weight: 72.5 kg, as written: 72.50\neverything: Patient\neverything: Observation\n" +
        "birth dates, newest first: 1993-09-22, 1993-06-20\n",
    );
  });

  it("10-signup-wizard is killed in the middle, restored by the next server, and creates no user twice", async () => {
    const { code, out, err } = await start("examples/10-signup-wizard.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(
      "first server:  connecting failed\nfirst server:  failed failed 1upHealth refused\n",
    );
    expect(out).toContain("first server:  connecting codeIssued\nfirst server:  ended by SIGKILL\n");
    expect(out).toContain("first server:  ended by SIGKILL\nsecond server: connecting codeIssued\n");
    expect(out).toMatch(/second server: done tokenActive\ncalls: 2 management, 1 token; created twice: 0\n$/);
  });

  it("15-webhooks posts each event at least once and in order, and the receiver verifies them", async () => {
    const { code, out, err } = await start("examples/15-webhooks.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const [ada, bob] = ["ada", "bob"].map((name) =>
      ["ONBOARD", "USER_CREATED", "TOKEN_GRANTED"].map((type) => `${name}@example.org ${type}`),
    );
    expect(out.trimEnd().split("\n")).toEqual([
      ...(ada ?? []),
      bob?.[0],
      "the sender has died; the next one continues",
      `${bob?.[0]}: again, and ignored`,
      ...(bob?.slice(1) ?? []),
      "a request without the secret: 401",
      "events: 6",
    ]);
  });

  it("13-key-provider rotates its keys, retires the old one and replaces the store's own", async () => {
    const { code, out, err } = await start("examples/13-key-provider.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe(
      "wrapped by: key-2025\nwrapped by: key-2026\nre-encrypted: 1 user, dropped: 1 store key\nusable: true\n",
    );
  });

  it("14-structured-logs writes one object a line, with fields, and users by alias", async () => {
    const { code, out, err } = await start("examples/14-structured-logs.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const gate = { component: "oneup-lifecycle", gate: "management" };
    expect(lines).toContainEqual(expect.objectContaining({ ...gate, level: "warn", reason: "throttled" }));
    expect(lines).toContainEqual(expect.objectContaining({ ...gate, level: "info" }));
    const user = expect.stringMatching(/^#[0-9a-f]{20}$/) as string;
    expect(lines.at(-1)).toMatchObject({ user, usable: true, msg: "Ada has signed up" });
    expect(out).not.toContain("example.org");
  });

  it("16-opentelemetry shows spans by alias, and the page that Prometheus reads", async () => {
    const { code, out, err } = await start("examples/16-opentelemetry.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^POST \/user-management\/v1\/user #[0-9a-f]{20} created$/m);
    expect(out).toMatch(/^GET \/r4\/Patient #[0-9a-f]{20} done$/m);
    expect(out).toMatch(/^oneup_slots_free\{.*\} 299$/m);
    expect(out).toMatch(/^oneup_users\{oneup_user_state="tokenActive".*\} 1$/m);
    expect(out).not.toMatch(/example\.org|Lovelace/);
  });

  it("17-simulated-crashes finds the handler that sends a mail twice, and plays its seed again", async () => {
    const { code, out, err } = await start("examples/17-simulated-crashes.ts").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^careful: one mail in each of 100 seeds, with more than 100 crashes\n/);
    expect(out).toMatch(/^Seed \d+: AssertionError \[ERR_ASSERTION\]: 2 mails were sent$/m);
    expect(out).toMatch(/the same, step by step, when it is played again\n$/);
  });

  it("the table names every example, and each is short enough to read at once", () => {
    const table = readFileSync(new URL("README.md", examples), "utf8");
    const scripts = readdirSync(examples).filter((name) => /^\d.*\.ts$/.test(name));
    expect([...table.matchAll(/\]\((\d[^)]+\.ts)\)/g)].map(([, name]) => name)).toEqual(scripts.sort());
    for (const name of scripts) {
      const lines = readFileSync(new URL(name, examples), "utf8").trimEnd().split("\n");
      expect({ name, lines: Math.max(80, lines.length) }).toEqual({ name, lines: 80 });
    }
  });
});
