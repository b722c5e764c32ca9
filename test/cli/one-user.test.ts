import { userInfo } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { UserStatus } from "oneup-lifecycle";
import { describe, expect, it, vi } from "vitest";
import { operatorStage, type Performed } from "./operator.ts";

describe("cli, acting on one user", () => {
  it("records who acts: the name of --by, or that of this machine's user", async () => {
    const { act, operator, sandbox } = await operatorStage();
    const acts: readonly (readonly [words: readonly string[], event: string])[] = [
      [["hold", "ada", "--reason", "a complaint"], "HOLD"],
      [["unhold", "ada"], "UNHOLD"],
      [["reauthorize", "ada", "--yes"], "REAUTHORIZE"],
      [["rename", "ada", "adam"], "RENAME"],
      [["offboard", "adam", "--yes"], "OFFBOARDED"],
    ];
    const expected: unknown[] = [];
    for (const [index, [words, event]] of acts.entries()) {
      const by = index % 2 === 0 ? "eve" : userInfo().username;
      expect(await act(...words, ...(by === "eve" ? ["--by", by] : []))).toMatchObject({ code: 0 });
      expected.push([event, by]);
    }
    const doers = async (id: string): Promise<readonly unknown[]> => {
      const { history } = JSON.parse((await act("inspect", id, "--json")).out) as Pick<UserStatus, "history">;
      return history.filter(({ by }) => by !== null).map(({ event, by }) => [event, by]);
    };
    expect(await doers("adam")).toEqual(expected);
    const application = await operator.open();
    const body = { success: false, error: "app_user_id may not contain such a thing" };
    for (const id of ["cyd", "dan"]) {
      sandbox.fail({ call: "createUser", status: 400, body });
      await application.onboard(id).catch(() => {});
    }
    await act("retry", "cyd", "--by", "eve");
    await act("retry", "--all", "--by", "bob");
    expect([await doers("cyd"), await doers("dan")]).toEqual([[["RETRY", "eve"]], [["RETRY", "bob"]]]);
    await act("reopen", "--by", "eve");
    await act("pause", "--reason", "a bill");
    await act("unpause", "--by", "bob");
    const all = await application.account.history();
    await application.close();
    expect(all.map(({ what, by }) => [what, by])).toEqual([
      ["reopen", "eve"],
      ["pause", userInfo().username],
      ["unpause", "bob"],
    ]);
  });

  it("reauthorize discards the grant and gets a new one", async () => {
    const { act, sandbox } = await operatorStage();
    expect(await act("reauthorize", "ada", "--yes")).toEqual({ code: 0, out: "reauthorized\n", err: "" });
    expect(sandbox.journal.count("issueAuthCode")).toBe(1);
  });

  it("rename gives another id, and the old one names the command to go on with", async () => {
    const { act, inspect } = await operatorStage();
    const { code, out, err } = await act("rename", "ada", "ada@example.org", "--json");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toMatchObject({ appUserId: "ada@example.org", usable: true });
    expect(await inspect("ada@example.org")).toMatchObject({ usable: true });
    const taken = await act("rename", "bob", "ada@example.org");
    expect(taken).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(/^Cannot rename user "bob": .*\[USER_CONFLICT\]\n$/),
    });
    expect((await act("rename", "ada", "eve")).err).toMatch(
      /user "ada".* now: "ada@example\.org" \[RENAMED\]/,
    );
    expect(await act("rename", "ada")).toMatchObject({
      code: 2,
      err: expect.stringContaining("rename needs NEW-ID"),
    });
  });

  it("offboard erases tokens, and data on request; forget deletes the record", async () => {
    const { act, operator, sandbox } = await operatorStage();
    expect((await act("forget", "ada", "--yes")).err).toMatch(
      /^Cannot forget.*"ada": it is tokenActive: run oneup-lifecycle offboard ada first \[USER_NOT_READY\]/,
    );
    expect(await act("offboard", "ada", "--yes", "--purge", "r4,stu3")).toEqual({
      code: 0,
      out: "offboarded\n",
      err: "",
    });
    expect(sandbox.journal.count("fhir.purge")).toBe(2);
    expect(await act("offboard", "bob", "--yes")).toMatchObject({ code: 0, out: "offboarded\n" });
    expect(sandbox.journal.count("fhir.purge")).toBe(2);
    expect(await act("offboard", "bob", "--yes", "--purge", "r5")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--purge must be .*dstu2,stu3,r4/),
    });
    const { code, out } = await act("forget", "ada", "--yes", "--json");
    expect({ code, ...JSON.parse(out) }).toEqual({
      code: 0,
      appUserId: "ada",
      known: true,
      forgotten: true,
    });
    expect((await act("forget", "adda", "--yes")).out).toMatch(/no such user/);
    expect((await operator.run(["inspect", "ada"])).err).toMatch(/"ada".*\[USER_UNKNOWN\]/);
  });

  it("adopt takes the refresh token from the environment or the standard input, and prints it nowhere", async () => {
    const { act, operator, sandbox } = await operatorStage();
    const number = String(sandbox.createUser("cyd"));
    const words = ["adopt", "cyd", "--number", number];
    expect(await act("adopt", "cyd")).toMatchObject({ code: 2, err: expect.stringContaining("--number N") });
    expect(await act(...words, "--number", "x")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--number must be"),
    });
    vi.stubEnv("ONEUP_REFRESH_TOKEN", "planted token");
    const refused = await act(...words);
    expect(refused).toMatchObject({ code: 2, err: expect.stringMatching(/refreshToken must be a token/) });
    vi.stubEnv("ONEUP_REFRESH_TOKEN", "planted-token");
    const { code, out, err } = await act(...words);
    vi.unstubAllEnvs();
    expect({ code, out, err }).toEqual({ code: 0, out: "reauthorized\n", err: "" });
    expect(refused.err + out + err).not.toContain("planted");
    const dan = String(sandbox.createUser("dan"));
    const read = await typing("the-token\nmore\n", false, () => act("adopt", "dan", "--number", dan));
    expect(read).toMatchObject({ code: 0, out: "reauthorized\n" });
    const spoilt = await act("adopt", "dan", "a-token-in-the-wrong-place", "--number", dan);
    expect(spoilt).toMatchObject({ code: 2, err: expect.not.stringContaining("wrong-place") });
    const empty = await typing("", false, () => act("adopt", "dan", "--number", dan));
    expect(empty).toMatchObject({ code: 2, err: expect.stringContaining("ONEUP_REFRESH_TOKEN") });
    expect((await operator.run(["users", "--state", "reauthorized"])).out).toMatch(/cyd.*\n.*dan/);
  });

  it("adopt on a new store names the command that creates it, after which it works", async () => {
    const { operator, sandbox, server, path } = await operatorStage();
    const place = ["--store", join(path, "new"), "--key-file", join(path, "new-key"), "--api", server.url];
    const words = ["adopt", "cyd", "--number", String(sandbox.createUser("cyd")), ...place];
    const adopt = (): Promise<Performed> => operator.run(words, { ONEUP_REFRESH_TOKEN: "planted-token" });
    const early = await adopt();
    expect(early).toMatchObject({ code: 1, out: "" });
    expect(early.err).toMatch(
      /it holds none: .*restore its backup.*the first worker begins a new store: oneup-lifecycle work \[STORE_UNUSABLE\]/,
    );
    const worker = operator.begin(["work", ...place]);
    await worker.said(/Working/);
    worker.kill("SIGINT");
    expect(await worker.ended).toMatchObject({ code: 0 });
    expect(await adopt()).toEqual({ code: 0, out: "reauthorized\n", err: "" });
  });

  it("adopt reads one line of a standard input that stays open, as a process, and ends", async () => {
    const { operator, sandbox, server } = await operatorStage();
    const number = String(sandbox.createUser("cyd"));
    const origin = ["--api", server.endpoints.api, "--auth", server.endpoints.auth];
    const { ended } = operator.begin(["adopt", "cyd", "--number", number, ...origin], "the-token\n");
    expect(await ended).toEqual({ code: 0, signal: null, out: "reauthorized\n", err: "" });
  });
});

/** Runs with this standard input, on a terminal or not. */
async function typing(input: string, isTerminal: boolean, run: () => Promise<Performed>): Promise<Performed> {
  const stdin = Object.assign(new PassThrough(), { isTTY: isTerminal });
  stdin.end(input);
  const given = vi.spyOn(process, "stdin", "get").mockReturnValue(stdin as unknown as typeof process.stdin); // what is used of it
  let asked = "";
  const was = process.stderr.isTTY;
  process.stderr.isTTY = isTerminal;
  const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    asked += String(text);
    return true;
  });
  try {
    const { code, out, err } = await run();
    return { code, out, err: asked + err };
  } finally {
    given.mockRestore();
    write.mockRestore();
    process.stderr.isTTY = was;
  }
}

describe("cli, before it destroys something", () => {
  it.each([
    ["reauthorize ada", /The grant of ada is discarded, and a new one costs one management call\./],
    ["offboard ada", /The tokens of ada are erased\. Onboarding it again costs one/],
    ["offboard ada --purge all", /ada are erased and all FHIR\s+data at 1upHealth, which cannot be\s+undone/],
    ["forget ada", /The record of ada is deleted/],
    [
      "leave --receipts r",
      /2 users would leave, 0 of them have left already\n2 management calls, until [^\n]*\nThe tokens of 2 users are erased and all FHIR data at 1upHealth,\s+also for those\s+it is\s+shared with\.\s+It cannot be\s+undone\.$/m,
    ],
    [
      "leave --receipts r --purge stu3 --forget",
      /The tokens of 2 users are erased and the FHIR\s+data \(stu3\) at[^]*; each record is\s+deleted once its receipt is\s+kept\. It/,
    ],
    ["leave --receipts r --purge none", /The tokens of 2 users are erased\. It cannot be\s+undone/],
    ["keys retire 1f2e", /Key 1f2e is retired for good/],
  ])("%s asks on a terminal, and does nothing unless the answer is yes", async (text, question) => {
    const { act, inspect, sandbox } = await operatorStage();
    const calls = sandbox.journal.count();
    for (const answer of ["no\n", "\n", ""]) {
      const ended = await typing(answer, true, () => act(...text.split(" ")));
      expect(ended).toMatchObject({ code: 1, out: "" });
      expect(ended.err).toMatch(question);
      expect(ended.err).toMatch(/^Continue\? \[y\/N\] .*\nNothing was done\n$/s);
    }
    const piped = await typing("yes\n", false, () => act(...text.split(" ")));
    expect(piped).toMatchObject({ code: 2, out: "", err: expect.stringMatching(/asks first.*add --yes/) });
    expect(await inspect("ada")).toMatchObject({ state: "tokenActive" });
    expect(sandbox.journal.count()).toBe(calls);
  });

  it("names the user so that it looks like no other one", async () => {
    const { act, operator } = await operatorStage();
    const application = await operator.open();
    for (const id of ["ada ", "a\u200Bda"]) await application.onboard(id);
    await application.close();
    const { out } = await act("users");
    expect(out).toMatch(/^ {2}ada {2,}tokenActive .*\n {2}ada\\u0020 .*\n {2}a\\u200bda /m);
    expect((await act("inspect", "ada ")).out).toContain("ada\\u0020\n");
    const { code, err } = await typing("no\n", true, () => act("offboard", "a\u200Bda"));
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringContaining("The tokens of a\\u200bda are erased"),
    });
  });

  it("does it after a yes", async () => {
    const { act } = await operatorStage();
    expect(await typing("yes\n", true, () => act("offboard", "ada"))).toMatchObject({
      code: 0,
      out: "offboarded\n",
    });
    expect(await typing("Y\n", true, () => act("forget", "ada"))).toMatchObject({
      code: 0,
      out: "forgotten\n",
    });
  });
});
