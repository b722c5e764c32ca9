import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSandbox, type Sandbox, type SandboxServer } from "../../src/sandbox/index.ts";
import { start, type Started } from "../support/started.ts";
import { performed, type Performed } from "./operator.ts";

let sandbox: Sandbox;
let server: SandboxServer;
let folder: string;

beforeEach(async () => {
  sandbox = createSandbox({ latencyMs: [5, 30], clientSecret: "a-secret-of-its-own" });
  server = await sandbox.listen();
  folder = mkdtempSync(join(tmpdir(), "cli-onboard-"));
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function environment(): Readonly<Record<string, string>> {
  return {
    ONEUP_CLIENT_ID: "sandbox-client",
    ONEUP_CLIENT_SECRET: "a-secret-of-its-own",
    ONEUP_STORE: join(folder, "store"),
    ONEUP_KEY_FILE: join(folder, "key"),
  };
}

function onboard(words: readonly string[], input?: string): Started {
  const all = ["onboard", ...words, "--api", server.url];
  return start("src/cli/main.ts", all, environment(), undefined, input);
}

/** The same in this process, one at a time. */
function onboardHere(words: readonly string[]): Promise<Performed> {
  return performed(["onboard", ...words, "--api", server.url], environment());
}

function file(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("cli onboard FILE", () => {
  it.each([
    [["nofile.csv", "--limit", "5", "--window", "3h"], /^Cannot read nofile.csv: ENOENT/],
    [[import.meta.filename, "--lane", "bogus"], /^--lane must be one of interactive, recovery, bulk/],
  ])("with a mistake ends with 2, and creates no store (%j)", async (words, message) => {
    const { code, err } = await onboardHere(words);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(existsSync(join(folder, "store"))).toBe(false);
  });

  it("onboards a column of a CSV file, prints what it did, and which rows could not be used", async () => {
    const rows = ['"Ada, first",ada@example.org', "Bob,bob@example.org", "", "No id,"];
    const path = file("people.csv", `\uFEFFname,app_user_id\r\n${rows.join("\r\n")}\r\n`);
    sandbox.createUser("bob@example.org");
    const { code, out, err } = await onboard([path]).ended;
    expect({ code, err }).toEqual({ code: 1, err: "" });
    expect(out).toContain("2 onboarded, 0 failed, 1 row could not be used");
    expect(out).toContain(
      "2 new · 0 already stored · 1 cannot be used\n  1 user already known to 1upHealth\n",
    );
    expect(out).toMatch(/row 3 .*\[INVALID_ID\]/);
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["bob@example.org", "ada@example.org"]);
    expect(sandbox.journal.spent().management).toBe(3);
  });

  it.each([
    ["people.csv", 'name,app_user_id\nAda," ada@example.org "\nAda,ada@example.org\n'],
    ["people.csv", "app_user_id\n\u00A0ada@example.org\n"],
    ["people.txt", "\uFEFF ada@example.org\r\n\tada@example.org\u00A0"],
  ])("removes the white space around an id, also in quotation marks: %s, %j", async (name, text) => {
    expect(await onboard([file(name, text)]).ended).toMatchObject({ code: 0, err: "" });
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["ada@example.org"]);
  });

  it.each([
    ["ids that are not UTF-8", "list.txt", "caf\xE9\ncaf\xE8\n"],
    ["CSV that is not UTF-8", "list.csv", "app_user_id\ncaf\xE9\ncaf\xE8\n"],
    ["UTF-8 that is cut", "list.txt", "ada\ncaf\xC3"],
  ])("refuses %s: of two people a decoder makes one", async (_, name, text) => {
    const path = file(name, Buffer.from(text, "latin1"));
    const { code, err } = await onboardHere([path]);
    expect({ code, err }).toEqual({
      code: 2,
      err: `Cannot read ${path}: it must be text in UTF-8\nTry: oneup-lifecycle onboard --help\n`,
    });
    expect(sandbox.users()).toEqual([]);
  });

  it("stops at Ctrl-C with 130 and keeps all users; the same command continues", async () => {
    const path = file("people", Array.from({ length: 60 }, (_, index) => `user ${index}\n`).join(""));
    const first = onboard([path, "--expect", "new"]);
    while (sandbox.journal.count("exchangeCode") < 10)
      await new Promise((resolve) => setTimeout(resolve, 10));
    first.kill("SIGINT");
    const stopped = await first.ended;
    expect(stopped).toMatchObject({ code: 130, err: "" });
    expect(stopped.out).toContain("Stopped; all progress is saved. Run the same command to continue.");
    const { code, out, err } = await onboard([path, "--expect", "new", "--json"]).ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const last = out.trim().split("\n").at(-1) ?? "";
    expect(JSON.parse(last)).toMatchObject({ name: "people", phase: "done", read: 60, left: 0, failed: 0 });
    expect(sandbox.users()).toHaveLength(60);
    expect(sandbox.journal.spent().management).toBe(60);
    expect(out).not.toContain("a-secret-of-its-own");
  });

  it.each([
    ["ids", [], "ada\n"],
    ["CSV", ["--column", "id"], "id\nada\n"],
  ])("stops at SIGTERM while a standard input of %s says nothing more", async (_, words, input) => {
    const running = onboard(["-", "--name", "piped", "--json", ...words], input);
    await running.said(/"phase":"reading"/);
    running.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ code: 130, err: "" });
  });

  it.each([
    ["is never written to", ""],
    ["ends after one line", "exec 3<>$0; echo ada >&3; exec sleep 20"],
  ])("stops at SIGTERM while it reads a named pipe that %s", async (_, writer) => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    const other = spawn("sh", ["-c", writer, path]);
    const running = onboard([path, "--json"]);
    await running.said(/"phase":"reading"/);
    running.kill("SIGTERM");
    expect((await running.ended).code).toBe(130);
    other.kill();
  });

  it("reads a named pipe to its end, however late it is written to", async () => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    const { ended, said } = onboard([path, "--json"]);
    await said(/"phase":"reading"/);
    execFileSync("sh", ["-c", 'exec 3> "$0"; echo ada >&3; sleep 0.3; echo bob >&3', path]);
    expect(await ended).toMatchObject({ code: 0, err: "" });
    expect(new Set(sandbox.users().map(({ appUserId }) => appUserId))).toEqual(new Set(["ada", "bob"]));
  });

  it("prints on the standard error what goes wrong meanwhile", async () => {
    const path = file("people", "ada\n");
    sandbox.fail({ response: "rateLimited", call: "createUser", retryAfterMs: 1_000 });
    const { code, err } = await onboard([path, "--expect", "new", "--refresh", "lazy"]).ended;
    expect(code).toBe(0);
    expect(err).toMatch(/^The account's management gate is \w+ \(throttled\)/);
  });

  it.each([
    ["without a name for what a pipe brings", ["-"], /onboard - needs a --name/],
    [
      "with a refresh policy that there is not",
      ["/dev/null", "--refresh", "often"],
      /--refresh must be one of/,
    ],
    ["without a file", [], /needs FILE/],
    ["with a file that is not there", ["nowhere.csv"], /Cannot read nowhere\.csv: ENOENT/],
    ["with a folder", [tmpdir()], /must be a file/],
    ["with two files", ["one", "two"], /Unknown argument "two": onboard takes FILE,/],
    ["with a lane that there is not", ["/dev/null", "--lane", "slow"], /lane must be one of/],
  ])("ends with 2 and says why %s", async (_, words, why) => {
    const { code, out, err } = await onboardHere(words);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(why);
  });

  it("quotes no line of a file whose columns it does not know, and names a line that is no CSV", async () => {
    const missing = await onboardHere([file("columns.csv", "id,name\n1,Ada\n")]);
    const semicolons = await onboardHere([file("semicolons.csv", 'name;"app_user_id"\nAda;1\n')]);
    const broken = await onboardHere([file("broken.csv", 'app_user_id\n"ada\n'), "--name", "broken"]);
    expect(missing.err).toContain('none of its 2 columns is called "app_user_id"; --column takes');
    expect(missing.err).not.toContain("name,");
    expect(semicolons.err).toContain(
      "its columns must be separated by commas, not by semicolons; save it as",
    );
    expect(semicolons.code).toBe(2);
    expect(broken.err).toMatch(/Cannot read .*broken\.csv: line 2 is no CSV: .* no closing quotation mark/);
    expect([missing.code, broken.code]).toEqual([2, 2]);
  });

  it.each([
    [
      "app_user_id,note\nada,5' 6\" and a diagnosis\n",
      "a cell with a quotation mark in it must be in quotation marks",
    ],
    ['app_user_id,note\nada,"a"diagnosis\n', "nothing may follow the closing quotation mark"],
    ["app_user_id,note\nada,a,diagnosis\n", "it must have as many cells as the first line"],
    [`app_user_id,note\nada,${"diagnosis".repeat(200_000)}\n`, "it has more than a million characters"],
  ])("quotes no cell of a line that is no CSV, and keeps the rows before it: %#", async (text, why) => {
    const many = Array.from({ length: 200 }, (_, n) => `user-${n},fine\n`).join("");
    const path = file("broken.csv", text.replace("\n", `\n${many}`));
    const { code, err } = await onboardHere([path, "--name", "broken"]);
    expect(code).toBe(2);
    expect(err).toContain(`line 202 is no CSV: ${why}`);
    expect(err).not.toContain("diagnosis");
    const { out } = await performed(["users", "--json"], environment());
    expect(out.trimEnd().split("\n")).toHaveLength(200);
  });

  it("refuses a line without an end", async () => {
    const { code, err } = await onboardHere([file("endless.txt", `ada\n${"a".repeat(2_000_000)}`)]);
    expect(code).toBe(2);
    expect(err).toContain("a line of it has more than a million characters");
  });
});
