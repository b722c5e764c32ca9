import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { createLifecycle, keyFile } from "../../src/index.ts";
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

/** A command about one user. */
function onUser(words: readonly string[]): Promise<Performed> {
  return performed(words, { ...environment(), ONEUP_API: server.url });
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
    expect(out).toMatch(/line 5 .*\[INVALID_ID\]/);
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

  it.each([
    [
      "a list of JSON",
      "users.json",
      '[\n {"email":"ada@example.org"}\n]\n',
      /must be CSV, .* and it is JSON; .*jq/,
    ],
    ["JSON of another name", "users", '\n{"email":"ada@example.org"}\n', /must be CSV, .* and it is JSON/],
    ["lines of JSON", "users.ndjson", "ada\n", /must be CSV, .* and it is JSON/],
    ["CSV of another name", "users.txt", "email,born\nada@example.org,1950-01-01\n", /line 1 holds a comma/],
    [
      "CSV after a title",
      "users.csv.bak",
      "Patients\n\nada@example.org,1950\n",
      /line 3 holds a comma, .*--column NAME/,
    ],
    ["semicolons", "users.txt", "email;born\n", /line 1 holds a semicolon/],
    ["tabs", "users.txt", "email\tborn\n", /line 1 holds a tab, .*\.tsv/],
    ["quotation marks", "users.txt", 'email\n"ada@example.org"\n', /line 2 holds quotation marks/],
    ["the header of one column", "users.txt", "app_user_id\nada\n", /line 1 holds the name of a column/],
    ["UTF-16", "users.txt", "a\0d\0a\0\n\0", /must be text in UTF-8/],
  ])("refuses %s before it stores a user, and quotes nothing of it", async (_, name, text, why) => {
    const { code, err } = await onboardHere([file(name, text)]);
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringMatching(why) });
    expect(err).not.toMatch(/ada|1950/);
    expect(existsSync(join(folder, "store"))).toBe(false);
    const piped = ["-", "--name", "piped"];
    if (!name.endsWith("json")) expect((await onboard(piped, text).ended).code).toBe(2);
    expect(sandbox.users()).toEqual([]);
  });

  it("takes ids with commas and quotation marks from CSV", async () => {
    const path = file("people.csv", 'app_user_id\n"Lovelace, Ada"\n"""eve"""\n');
    expect(await onboardHere([path])).toMatchObject({ code: 0, err: "" });
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["Lovelace, Ada", '"eve"']);
  });

  it("--dry-run prints what a list holds, and neither stores nor sends it", async () => {
    const path = file("people.csv", "name,id\nAda,ada@example.org\nNo id,\nBob,bob@example.org\n");
    expect(await onboardHere([path, "--column", "id", "--dry-run"])).toEqual({
      code: 1,
      err: "",
      out: "3 rows, of which 1 cannot be used; nothing was stored or sent\n  ids in the column id, of name, id\n  ada@example.org\n  bob@example.org\n",
    });
    const { out } = await onboardHere([file("list", "ada\n"), "--dry-run", "--json"]);
    expect(JSON.parse(out)).toEqual({ rows: 1, unusable: 0, columns: null, first: ["ada"] });
    expect(existsSync(join(folder, "store"))).toBe(false);
  });

  it("--rejects writes every row that cannot be used, with its line, for its owner alone", async () => {
    const rows = Array.from({ length: 120 }, (_, index) => (index === 60 ? "\nada" : `"${index}, ""\u0007"`));
    const path = file("people.csv", `app_user_id\n${rows.join("\n")}\n`);
    const rejects = join(folder, "rejects.csv");
    for (const run of [path, path]) {
      const { out } = await onboard([run, "--rejects", rejects]).ended;
      expect(out).toContain(`and 109 more rows; all rows that cannot be used are in ${rejects}\n`);
    }
    const [header, first, ...others] = readFileSync(rejects, "utf8").trimEnd().split("\n");
    expect(header).toBe("line,app_user_id,code,why");
    expect(first).toContain('2,"0, ""\u0007","INVALID_ID","Cannot use this app_user_id: ');
    expect(others.at(-1)).toMatch(/^122,"119, /);
    expect(others).toHaveLength(118);
    expect(statSync(rejects).mode & 0o777).toBe(0o600);
    expect((await onboardHere([rejects, "--dry-run"])).out).toContain("119 rows");
    for (const taken of [path, file("other.csv", "name\n")])
      expect(await onboardHere([path, "--rejects", taken])).toMatchObject({ code: 2, out: "" });
    const [corrected, link] = [readFileSync(rejects, "utf8"), join(folder, "corrected.csv")];
    symlinkSync(rejects, link);
    expect((await onboardHere([link, "--rejects", rejects])).err).toContain(
      "must be another file than the list",
    );
    expect(readFileSync(rejects, "utf8")).toBe(corrected);
  });

  it.each(["", "line,app_u"])(
    "--rejects replaces the file %j, which a full disk left of it",
    async (left) => {
      const path = file("people.csv", `app_user_id\n"0, ""\u0007"\nada\n`);
      const rejects = file("left.csv", left);
      const { code, err } = await onboard([path, "--rejects", rejects]).ended;
      expect({ code, err }).toMatchObject({ code: 1, err: "" });
      expect(readFileSync(rejects, "utf8")).toMatch(/^line,app_user_id,code,why\n2,/);
    },
  );

  it("counts users that were offboarded or forgotten apart, and starts one over with --user", async () => {
    const path = file("people", "ada\nbob\n");
    await onboardHere([path]);
    for (const id of ["ada", "bob"]) await onUser(["offboard", id, "--yes"]);
    await onUser(["forget", "bob", "--yes"]);
    const { code, out } = await onboard([path, "--name", "again"]).ended;
    expect(code).toBe(0);
    expect(out).toContain(
      "Onboarded: 0 users\n  0 new · 0 already stored\n  2 left out: offboarded or forgotten\n",
    );
    expect(out).toContain("To start one of them over: oneup-lifecycle onboard --user ID\n");
    const explained = (await onUser(["explain", "ada"])).out;
    expect(explained.match(/oneup-lifecycle onboard --user ID starts over/g)).toHaveLength(2);
    const retried = await onUser(["retry", "ada"]);
    expect(retried).toMatchObject({ code: 1, out: "" });
    expect(retried.err).toMatch(/oneup-lifecycle onboard --user ada starts over \[USER_OFFBOARDED\]/);
    expect((await onUser(["reauthorize", "ada", "--yes"])).err).toContain("onboard --user ada starts over");
    for (const id of ["ada", "bob"])
      expect(await onboardHere(["--user", id, "--json"])).toMatchObject({
        code: 0,
        out: expect.stringContaining(`"usable":true`),
      });
    expect((await onboardHere(["--user", "ada", path])).err).toContain("--user cannot be combined with FILE");
  });

  it.each(["", "\n\n", "\uFEFF"])("refuses a CSV file without a header: %j", async (text) => {
    for (const words of [[file("x.csv", text)], [file("x", text), "--column", "id", "--dry-run"]]) {
      const { code, out, err } = await onboardHere(words);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toMatch(/^Cannot read .*: it is empty, and its first line must name the columns/);
    }
    expect(await onboardHere([file("ids", ""), "--dry-run"])).toMatchObject({ code: 0 });
  });

  it.each([["--rejects"], ["--key-file"]])(
    "%s refuses a pipe, for which it would wait for ever",
    async (option) => {
      const pipe = join(folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      const running = onboard([file("people", "ada\n"), option, pipe]);
      const late = setTimeout(() => running.kill("SIGKILL"), 60_000);
      const { code, err } = await running.ended;
      clearTimeout(late);
      expect(code).toBe(2);
      expect(err).toContain("must be a regular file, no pipe, device or folder");
      expect(sandbox.users()).toEqual([]);
    },
  );

  it("--user refuses an id with white space around it, and other commands go on with a user that has one", async () => {
    for (const id of ["ada ", " ada", "ada\n", "\u00a0ada"]) {
      const { code, out, err } = await onboardHere(["--user", id]);
      expect({ id, code, out }).toEqual({ id, code: 2, out: "" });
      expect(err).toMatch(
        /^--user must be an id without white space around it, got ".*ada.*"; nothing was stored/,
      );
      expect(err).toContain("can be onboarded from code: onboard(id)");
    }
    expect(existsSync(join(folder, "store"))).toBe(false);
    const lifecycle = await createLifecycle({
      credentials: sandbox.credentials,
      endpoints: server.endpoints,
      store: lmdb(join(folder, "store")),
      encryption: keyFile(join(folder, "key")),
    });
    await lifecycle.onboard("ada ");
    await lifecycle.close();
    expect(await onUser(["explain", "ada "])).toMatchObject({ code: 0 });
    expect(await onUser(["reauthorize", "ada ", "--yes"])).toMatchObject({ code: 0, out: "reauthorized\n" });
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["ada "]);
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
    ["with two files", ["one", "two"], /One argument too many: onboard takes \[FILE\],/],
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
    const twice = await onboardHere([file("twice.csv", "app_user_id,app_user_id\nada,bob\n")]);
    expect(twice.err).toContain(
      '2 of its columns are called "app_user_id"; rename the ones that hold no ids',
    );
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
  ])(
    "quotes no cell of a line that is no CSV; of a file nothing is stored, and of a pipe the rows before it: %#",
    async (text, why) => {
      const many = Array.from({ length: 200 }, (_, n) => `user-${n},fine\n`).join("");
      const path = file("broken.csv", text.replace("\n", `\n${many}`));
      const pipe = join(folder, "pipe.csv");
      execFileSync("mkfifo", [pipe]);
      for (const from of [path, pipe]) {
        expect(existsSync(join(folder, "store"))).toBe(false);
        if (from === pipe) spawn("sh", ["-c", 'cat "$0" > "$1"', path, pipe]);
        const { code, err } = await onboardHere([from, "--name", "broken"]);
        expect(code).toBe(2);
        expect(err).toContain(`line 202 is no CSV: ${why}`);
        expect(err).not.toContain("diagnosis");
      }
      const { out } = await performed(["users", "--json"], environment());
      expect(out.trimEnd().split("\n")).toHaveLength(200);
    },
  );

  const rows = (from: number, to: number, end = "\n"): string =>
    Array.from({ length: to - from + 1 }, (_, n) => `${from + n},diagnosis ${from + n}${end}`).join("");

  it.each([
    ["at the end of the file", rows(50, 60), /: line 49 is no CSV: a cell .* no closing quotation mark\n/],
    [
      "of lines that end in CR LF",
      rows(50, 60).replaceAll("\n", "\r\n"),
      /: line 49 is no CSV: a cell .* no closing quotation mark\n/,
    ],
    [
      "that the next quotation mark seems to close",
      `${rows(50, 60)}61,"diagnosis"\n`,
      /: line 61 is no CSV: nothing may follow .*; a cell that ends there .*: it begins in line 49\n/,
    ],
    [
      "that takes the cells of a row",
      `${rows(50, 60)}61,",\n${rows(62, 70)}`,
      /: line 61 is no CSV: it must have as many cells as the first line; .*: it begins in line 49\n/,
    ],
    [
      "of a file of more than a million characters",
      rows(50, 60_000),
      /: line 49 is no CSV: a cell .* no closing quotation mark within a million characters\n/,
    ],
  ])("names the line in which an unclosed quotation mark opens: %s", async (_, behind, why) => {
    const before = `app_user_id,note\n${rows(2, 45)}46,"two\r\nlines, ""and"""\n48,\n`;
    const { code, err } = await onboardHere([file("broken.csv", `${before}49,"diagnosis\n${behind}`)]);
    expect(code).toBe(2);
    expect(err).toMatch(why);
    expect(err).not.toContain("diagnosis");
  });

  it.each([
    ["the end of a later row", 'app_user_id,note\nada,"one\nbob,two\ncid,three"\ndan,four\n', 2, 4],
    ["the end of the next row", 'app_user_id,name,note\nada,"Lovelace, Ada,x\nbob,Bob",\n', 2, 3],
    ["a cell behind one of two lines", 'note,1,app_user_id\n"a\nb","c,ada\n,d,bob\n,e",cid\n', 3, 5],
    ["a row below the header", 'app_user_id,"note\nada,one\nbob,two"\ncid,three\n', 1, 3],
    ["an id", 'app_user_id\n"ada\nbob"\ncid\n', 2, 3],
  ])(
    "refuses a list of which an unclosed quotation mark swallows rows, up to %s",
    async (_, text, begins, ends) => {
      const { code, err } = await onboardHere([file("people.csv", text)]);
      expect(code).toBe(2);
      expect(err).toContain(`the cell in quotation marks from line ${begins} to line ${ends} `);
      expect(err).not.toMatch(/ada|bob|Love/);
      expect(existsSync(join(folder, "store"))).toBe(false);
      expect(sandbox.users()).toEqual([]);
    },
  );

  it.each([
    ["addresses", 'app_user_id,address\nada,"12 Main Street\nSpringfield, IL"\n'],
    ["prose", 'note,app_user_id\n"Hello, Ada,\nregards",ada\n'],
    ["lists", 'app_user_id,note,name\nada,"one,two\nthree,four,five",Ada\n'],
    ["a header of two lines", 'app_user_id,"date\nof birth"\nada,1815\n'],
    ["tabs", "app_user_id\tnote\nada\tone\n", "people.tsv"],
  ])("takes cells of several lines: %s", async (_, text, name = "people.csv") => {
    expect(await onboardHere([file(name, text)])).toMatchObject({ code: 0, err: "" });
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["ada"]);
  });

  it("counts the line ends within a cell once, also CR LF", async () => {
    const path = file("people.csv", 'app_user_id,note\r\nada,"two\r\n\r\nlines"\r\n"\u0007",\r\n');
    expect((await onboard([path]).ended).out).toMatch(/line 5 .*\[INVALID_ID\]/);
  });

  it("refuses a line without an end", async () => {
    const { code, err } = await onboardHere([file("endless.txt", `ada\n${"a".repeat(2_000_000)}`)]);
    expect(code).toBe(2);
    expect(err).toContain("a line of it has more than a million characters");
  });
});
