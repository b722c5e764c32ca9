import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSandbox, type SandboxServer } from "oneup-lifecycle/sandbox";
import { mermaid } from "oneup-lifecycle/machines";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operatorAt, type Operator, type Performed } from "./operator.ts";

const limit = ["--limit", "3"] as const;
let path: string;
let server: SandboxServer;
let operator: Operator;
let before: string;

/** Ada has a token, Eve failed, and Bob and Kim wait for a slot. */
beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "cli-looking-"));
  const sandbox = createSandbox({ clientSecret: "a-secret-of-its-own" });
  server = await sandbox.listen();
  operator = operatorAt({ type: "lmdb", path }, sandbox, server);
  const lifecycle = await operator.open({ limits: { management: { calls: 3, windowMs: 3_600_000 } } });
  await lifecycle.onboard("ada@example.org");
  sandbox.fail({
    call: "createUser",
    status: 400,
    body: { success: false, error: "app_user_id may not contain \u001b[31msuch thing" },
  });
  await lifecycle.onboard("eve").catch(() => {}); // USER_FAILED, which is what is wanted
  await lifecycle.onboard("sue");
  for (const id of ["bob", "kim"]) await lifecycle.onboard(id, { lane: "bulk", waitMs: 0 });
  await lifecycle.close();
  before = stored();
});

afterAll(async () => {
  await server.close();
  rmSync(path, { recursive: true });
});

function stored(): string {
  return createHash("sha256")
    .update(readFileSync(join(path, "store", "data.mdb")))
    .digest("hex");
}

function judge({ code, out, err }: Performed): string {
  expect({ code, err }).toEqual({ code: 0, err: "" });
  for (const secret of operator.secrets()) expect(out).not.toContain(secret);
  expect(out).not.toContain("\u001b");
  expect(stored()).toBe(before);
  return out;
}

async function look(...words: readonly string[]): Promise<string> {
  return judge(await operator.run(words));
}

async function data(...words: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await look(...words, "--json")) as Record<string, unknown>; // one object
}

describe("cli, looking at a store", () => {
  it("each command does as a process what it does here", async () => {
    const all = [
      ["status"],
      ["users"],
      ["inspect", "eve"],
      ["explain", "eve"],
      ["forecast", "9"],
      ["diagram"],
    ];
    for (const words of all) {
      const { code, out, err } = await operator.begin([...words, "--json"]).ended;
      judge({ code: code ?? NaN, out, err });
      for (const line of out.trimEnd().split("\n")) expect(JSON.parse(line)).toBeTypeOf("object");
    }
  });

  it("status shows users by state, the limit, who waits, and that nothing is shut", async () => {
    const out = await look("status", ...limit);
    expect(out).toMatch(/store +lmdb\n/);
    expect(out).toMatch(/api +https:\/\/api\.1up\.health\n +auth +https:\/\/auth\.1up\.health\n/);
    expect(out).toMatch(/failed +1 user in created: refused \(http_400\)\n/);
    expect(out).toMatch(/users +5\n/);
    expect(out).toMatch(/created +2\n.*failed +1\n.*tokenActive +2\n/s);
    expect(out).toMatch(/3 of 3 slots in use\n/);
    expect(out).toMatch(/waiting +interactive 0 · recovery 0 · bulk 2\n/);
    expect(out).toMatch(/gates +all open\n/);
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("status --json gives the same as data", async () => {
    expect(await data("status", ...limit)).toMatchObject({
      store: "lmdb",
      endpoints: { api: "https://api.1up.health", auth: "https://auth.1up.health" },
      failures: { looked: 1, causes: [{ in: "created", reason: "refused", users: 1 }] },
      users: { created: 2, failed: 1, tokenActive: 2 },
      of: 3,
      waiting: { interactive: 0, recovery: 0, bulk: 2 },
      shut: [],
      ready: true,
      problem: null,
    });
  });

  it("users lists all users, or those in one state, a line each", async () => {
    const all = await look("users");
    const failed = await look("users", "--state", "failed");
    expect(await look("users", "--state", "locating")).toBe("No users\n");
    expect(all).toMatch(/^ {2}user +state +for +token +waits for\n/);
    expect(all).toMatch(/^ {2}ada@example\.org +tokenActive +\d+ (?:s|min) +1 h 5\d min$/m);
    expect(all).toMatch(/^ {2}bob +created +\d+ (?:s|min) +– +(?:rateLimit|its turn)/m);
    expect(all.trimEnd().split("\n")).toHaveLength(6);
    expect(failed.trimEnd().split("\n").slice(1)).toEqual([expect.stringMatching(/^ {2}eve +failed /)]);
  });

  it("users --json gives an object a line, as many as --first allows", async () => {
    const lines = (await look("users", "--json", "--first", "3")).trimEnd().split("\n");
    const users = lines.map((line) => JSON.parse(line) as Record<string, unknown>); // likewise
    expect(users).toHaveLength(3);
    for (const user of users)
      expect(user).toMatchObject({ appUserId: expect.any(String), calls: expect.any(Object) });
  });

  it("inspect shows one user with its last steps and what they cost", async () => {
    const out = await look("inspect", "ada@example.org");
    const eve = await look("inspect", "eve");
    expect(out).toMatch(/^\n {2}ada@example\.org\n\n {2}state +tokenActive\n/);
    expect(out).toMatch(/token +valid until 20\d\d-.* UTC, in 1 h 5\d min\n/);
    expect(out).toMatch(/UTC +state +why +calls\n.* created +the application asked for it\n/);
    expect(out).toMatch(
      /codeIssued +1upHealth created it and issued a code +1 mgmt\n.*issued tokens +1 token\n/,
    );
    expect(eve).toMatch(/failed +in created: refused\n/);
    expect(eve).toContain("because");
  });

  it("inspect --json gives status and history as data", async () => {
    const user = await data("inspect", "ada@example.org");
    expect(user).toMatchObject({ state: "tokenActive", usable: true, calls: { management: 1, token: 1 } });
    expect(user["history"]).toMatchObject([
      { from: null, to: "created", event: "ONBOARD", spent: { management: 0, token: 0 } },
      { from: "created", to: "codeIssued", spent: { management: 1, token: 0 } },
      { from: "codeIssued", to: "tokenActive", spent: { management: 0, token: 1 } },
    ]);
  });

  it("inspect --alias finds the user of a line in the log, with the # or without", async () => {
    const lifecycle = await operator.open();
    const alias = lifecycle.alias("ada@example.org");
    await lifecycle.close();
    before = stored();
    for (const given of [alias, alias.slice(1)])
      expect(await look("inspect", "--alias", given)).toMatch(
        /^\n {2}ada@example\.org\n\n {2}state +tokenActive\n/,
      );
    expect(await operator.run(["inspect", "--alias", "01234567890123456789"])).toMatchObject({
      code: 1,
      out: "",
      err: "Cannot find user #01234567890123456789: no app_user_id of this store has that alias [USER_UNKNOWN]\n",
    });
  });

  it("explain prints sentences, in one line on a pipe", async () => {
    const eve = await look("explain", "eve");
    const bob = await look("explain", "bob", ...limit);
    const asData = await data("explain", "eve");
    expect(eve).toMatch(
      /^The user is failed .* Nothing happens by itself: oneup-lifecycle retry ID takes it back .*\n$/,
    );
    expect(bob).toMatch(/^The user is created .* waits in the lane bulk for a slot .* continues it\.\n$/);
    expect(asData).toMatchObject({
      appUserId: "eve",
      explanation: expect.stringContaining("It failed in created"),
    });
  });

  it("forecast prints when so many more calls will have been granted", async () => {
    const out = await look("forecast", "40", ...limit);
    const soon = await data("forecast", "1", "--lane", "interactive");
    expect(out).toMatch(
      /^40 more calls in the lane bulk: granted by 20\d\d-.* UTC, in \d+ h.*\n2 users are waiting ahead; /,
    );
    // The limit is the one that the account's record holds, which the users were brought in with.
    expect(soon).toMatchObject({ calls: 1, lane: "interactive", of: 3, ahead: 0 });
    expect(soon).toHaveProperty("inMs", expect.any(Number));
  });

  it("diagram draws the machine, with its users if a store is named", async () => {
    const counted = await look("diagram", "--store", join(path, "store"));
    const asData = await data("diagram", "--counts");
    expect(await look("diagram")).toBe(`${mermaid()}\n`);
    expect(counted).toContain("  created: created<br><i>createUser</i><br><b>2</b>\n");
    expect(counted).toContain("    tokenActive: tokenActive<br><b>2</b>\n");
    expect(asData).toMatchObject({
      mermaid: counted.trimEnd(),
      counts: { created: 2, failed: 1, tokenActive: 2 },
    });
  });

  it("a command takes the store of a module that exports an adapter", async () => {
    const module = join(path, "store.mjs");
    const open = "open() { throw new Error(`opened by module`); }";
    writeFileSync(module, `export default { name: "mine", durable: true, ${open} };\n`);
    const failing = await operator.run(["status", "--store", module]);
    expect(failing).toMatchObject({ code: 1, err: expect.stringContaining("opened by module") });
    writeFileSync(join(path, "empty.mjs"), "export default 1;\n");
    const refused = await operator.run(["status", "--store", join(path, "empty.mjs")]);
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(refused.err).toContain("its default export must be a store adapter");
  });

  it.each([
    [
      ["status", "--store", "nowhere/at-all"],
      1,
      /must hold an LMDB store, and it holds none: .* \[STORE_UNUSABLE\]/,
    ],
    [["status", "--store", "mysql://db"], 2, /--store must be the path .* and it is a mysql: URL/],
    [["status", "--store", "nothing.mjs"], 2, /Cannot use the store of nothing\.mjs: /],
    [["status", "--key-file", "nowhere/key"], 2, /the key file is missing/],
    [["inspect"], 2, /inspect needs ID: oneup-lifecycle inspect ada@example.org, or --alias ALIAS/],
    [["inspect", "ada", "--alias", "0123456789"], 2, /ID: .* or --alias ALIAS, not both/],
    [["inspect", "--alias", "ada"], 2, /--alias must be the 20 digits, 0 to f, of an alias/],
    [
      ["inspect", "zoe"],
      1,
      /Cannot find user "zoe": this store has no such app_user_id; check the id and the store, or onboard the user/,
    ],
    [["explain", "a", "b"], 2, /One argument too many: explain takes ID/],
    [
      ["users", "--state", "happy"],
      2,
      /--state must be one of created, codeIssued, .*, offboarded, got "happy"/,
    ],
    [["users", "--first", "0"], 2, /--first must be a whole number from 1/],
    [["inspect", "-dash"], 2, /Unknown option "-d": .*oneup-lifecycle inspect -- ID/],
    [["inspect", "--", "-dash"], 1, /this store has no such app_user_id/],
    [["forecast", "many"], 2, /forecast needs a number of calls/],
    [["forecast", "1", "--lane", "fast"], 2, /--lane must be one of/],
  ])("%j ends with %i and says why", async (words, code, why) => {
    const ended = await operator.run(words);
    expect({ code: ended.code, out: ended.out }).toEqual({ code, out: "" });
    expect(ended.err).toMatch(why);
    expect(stored()).toBe(before);
  });

  it.each(["status", "users", "diagram --counts", "forecast 1", "explain a", "resume", "retry a", "work"])(
    "%s says that its store must be a folder, where a file is or stands in the way",
    async (words) => {
      for (const store of [join(path, "key"), join(path, "key", "inner")]) {
        const { code, out, err } = await operator.run(words.split(" "), { ONEUP_STORE: store });
        expect({ code, out }).toEqual({ code: 1, out: "" });
        expect(err).toMatch(
          /^Cannot open the store: its path must be a folder \(\w+\): .* \[STORE_UNUSABLE\]\n$/,
        );
      }
    },
  );

  it("makes nothing where nothing is: neither for another client id, nor a folder, nor a key", async () => {
    const other = await operator.run(["status"], { ONEUP_CLIENT_ID: "another-client" });
    expect(other).toMatchObject({ code: 1, out: "" });
    expect(other.err).toMatch(
      /must hold users of this client id, and it holds none: \S+; if users were in it, stop the workers and restore its backup; check ONEUP_STORE and ONEUP_CLIENT_ID; the first worker begins a new store: oneup-lifecycle work \[/,
    );
    expect(await operator.run(["users", "--store", join(path, "new")])).toMatchObject({ code: 1, out: "" });
    const unnamed = await operator.run(["users"], { ONEUP_STORE: "" });
    expect(unnamed).toMatchObject({ code: 2, out: "" });
    expect(unnamed.err).toContain("set ONEUP_STORE or use --store PLACE");
    expect(existsSync(join(path, "new"))).toBe(false);
    expect(stored()).toBe(before);
  });
});
