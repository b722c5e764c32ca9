import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { operatorStage, type Performed } from "./operator.ts";
import { afterwards, heldBack } from "../support/scene.ts";

describe("cli reopen", () => {
  it("opens the gates that a refusal has shut, and names them", async () => {
    const { act, sandbox } = await operatorStage();
    sandbox.fail({ call: "issueAuthCode", status: 429, headers: { "retry-after": "3600" } });
    await act("reauthorize", "bob", "--yes", "--wait", "1s");
    expect((await act("status")).out).toContain("throttled");
    const { code, out, err } = await act("reopen");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^Opened; until now: management is throttled; next try in /);
    expect((await act("status")).out).toMatch(/gates +all open/);
    const again = await act("reopen", "--json");
    expect(again.code).toBe(0);
    expect(JSON.parse(again.out)).toMatchObject({ reopened: [], pauses: [] });
    expect((await act("reopen")).out).toMatch(/^All gates were open already\n/);
  });

  it("tells who still waits and until when, in a lane and for a reason of its own", async () => {
    const { act, operator, sandbox } = await operatorStage();
    sandbox.fail({ call: "createUser", status: 503 });
    const limits = { management: { calls: 4, windowMs: 3_600_000 } };
    const lifecycle = await operator.open({ limits });
    await lifecycle.onboard("cyd", { waitMs: 0 }).catch(() => {});
    for (const id of ["dan", "eve", "fay"]) await lifecycle.onboard(id, { waitMs: 0, lane: "bulk" });
    await lifecycle.close();
    const { code, out, err } = await act("reopen");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const [opened, ...left] = out.trimEnd().split("\n");
    expect(opened).toBe("All gates were open already");
    expect(left).toEqual([
      expect.stringMatching(
        /^Still waiting: 2 in the lane bulk for a slot: the last is granted one by 20.* UTC, in /,
      ),
      expect.stringMatching(
        /^Still waiting: 1 user for a reason of its own, unavailable: the last goes on by 20/,
      ),
    ]);
  });
});

describe("cli reconcile", () => {
  it("prints each difference, and repairs what it is told to", async () => {
    const { act, sandbox } = await operatorStage();
    const number = sandbox.createUser("cyd");
    const looked = await act("reconcile");
    expect(looked).toMatchObject({ code: 0, err: "" });
    expect(looked.out).toBe(
      `only at 1upHealth: cyd (oneup_user_id ${number})\n1 difference between 3 users at 1upHealth and 2 here, for 2 calls\n`,
    );
    const repaired = await act("reconcile", "--repair", "adopt", "--page-size", "1000");
    expect(repaired.out).toMatch(/Repaired: 1 adopted, 0 moved, 0 left\n$/);
    const { out } = await act("reconcile", "--json");
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ phase: "done", complete: true, there: 3, here: 3, repaired: null }]);
    expect(await act("reconcile", "--repair", "all,of,it")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--repair must be"),
    });
  });
});

describe("cli reconcile without a free slot", () => {
  it("prints when it begins, and Ctrl-C ends it with 130", async () => {
    const { operator, server } = await operatorStage();
    const looking = operator.begin(["reconcile", "--limit", "1", "--api", server.url]);
    await looking.said(/All slots of the limit are in use: it begins in (?:1 h|60 min|59 min)/);
    looking.kill("SIGINT");
    expect(await looking.ended).toMatchObject({ code: 130, out: "" });
  });
});

describe("cli reconcile behind a shut gate", () => {
  const throttled = { status: 429, body: "", headers: { "retry-after": "3600" } };

  it("names the gate that stops lists, and does not call the limit used up", async () => {
    const { operator, sandbox, server } = await operatorStage();
    const lifecycle = await operator.open();
    sandbox.fail({ call: "listUsers", ...throttled });
    await expect(lifecycle.remote.find({ appUserId: "ada" })).rejects.toThrow("429");
    const looking = operator.begin(["reconcile", "--api", server.url]);
    await looking.said(
      /1upHealth accepts no such calls now \(throttled\): it begins in (?:1 h|60 min|59 min)/,
    );
    looking.kill("SIGINT");
    expect(await looking.ended).toMatchObject({ code: 130, out: "" });
    await lifecycle.close();
  });

  it("begins at once if that stops only exchanges", async () => {
    const { act, operator, sandbox } = await operatorStage();
    const lifecycle = await operator.open();
    sandbox.fail({ call: "exchangeCode", ...throttled });
    await heldBack(lifecycle, "cyd");
    await lifecycle.close();
    expect(await act("reconcile")).toMatchObject({ code: 0, err: "" });
  });
});

describe("cli keys fingerprint", () => {
  it("prints the id by which a store names the key that it needs, and never a key", async () => {
    const { act, operator, path } = await operatorStage();
    const [key, other] = [join(path, "key"), join(path, "other")];
    const pasted = "cd".repeat(32);
    writeFileSync(other, `${pasted}\n${"ef".repeat(32)}\n`, { mode: 0o600 });
    const refused = await act("status", "--key-file", other);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("keys fingerprint FILE") });
    const [, needed = ""] = /it was written with key (\w+),/.exec(refused.err) ?? [];
    expect(await act("keys", "fingerprint", key)).toEqual({
      code: 0,
      err: "",
      out: `${needed}  the newest\n`,
    });
    expect((await act("keys", "fingerprint")).out, "of ONEUP_KEY_FILE").toBe(`${needed}  the newest\n`);
    const two = await operator.run(["keys", "fingerprint", other], { ONEUP_STORE: "", ONEUP_CLIENT_ID: "" });
    expect(two).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^(?!.*cdcd)\w{12} {2}the newest\n\w{12}\n$/),
    });
    const json = await act("keys", "fingerprint", key, "--json");
    expect(JSON.parse(json.out)).toEqual({ keys: [{ id: needed }] });
    const wrong = await act("keys", "fingerprint", pasted);
    expect(wrong).toMatchObject({ code: 1, out: "" });
    expect(wrong.err).toMatch(/^Cannot read the key file: it must exist, and it does not \[KEY_REFUSED\]\n/);
    expect(wrong.err).not.toContain(pasted);
    for (const key of [{ ONEUP_KEY_FILE: "" }, { ONEUP_KEY_FILE: "", ONEUP_KEY: "short" }])
      expect((await operator.run(["status"], key)).code, "without a key that can be one").toBe(2);
    const another = { ONEUP_KEY_FILE: "", ONEUP_KEY: "cd".repeat(32) };
    expect((await operator.run(["status"], another)).code, "with the key of another store").toBe(1);
    const none = await operator.run(["keys", "fingerprint"], { ONEUP_KEY_FILE: "" });
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining("needs a FILE, or ONEUP_KEY_FILE") });
  });
});

describe("cli keys", () => {
  it("lists, rotates and retires keys, while the key itself is printed nowhere", async () => {
    const { act, path } = await operatorStage();
    const [old, fresh] = ["ab".repeat(32), "cd".repeat(32)];
    const keyed = (...words: readonly string[]): Promise<Performed> =>
      act(...words, "--key-file", join(path, "ring"));
    const listed = JSON.parse((await act("keys", "list", "--json")).out) as { keys: { id: string }[] };
    const [{ id } = { id: "" }] = listed.keys;
    expect((await act("keys", "list")).out).toMatch(new RegExp(`^${id}  wraps 1 store key: \\w+\\n$`));
    writeFileSync(join(path, "ring"), `${fresh}\n${readFileSync(join(path, "key"), "utf8")}`, {
      mode: 0o600,
    });
    expect(await keyed("keys", "retire", id, "--yes")).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /it wraps 1 of the store's keys; run oneup-lifecycle keys rotate with a newer key first \[KEY_REFUSED\]/,
      ),
    });
    expect(await keyed("keys", "rotate")).toEqual({
      code: 0,
      err: "",
      out: expect.stringMatching(/^1 store key wrapped with the newest key, \w{12}\n$/),
    });
    expect((await keyed("keys", "rotate")).out).toMatch(
      /^No other key to rotate: \w{12}, the newest key, wraps the store's keys already\n$/,
    );
    expect(await keyed("keys", "retire", id, "--yes")).toEqual({
      code: 0,
      err: "",
      out: `Key ${id} is retired\n`,
    });
    const stranger = await keyed("keys", "retire", old, "--yes");
    expect(stranger).toMatchObject({
      code: 2,
      err: expect.stringContaining("this looks like the key itself"),
    });
    expect(await keyed("keys", "retire", "0".repeat(12), "--yes")).toMatchObject({
      code: 2,
      err: expect.stringContaining("see oneup-lifecycle keys list"),
    });
    expect(stranger.err).not.toContain(old);
    expect((await keyed("keys", "list")).out).not.toContain(id);
  });

  it.each([
    "keys rotate KEY",
    "keys list KEY",
    "keys retire 0123 KEY",
    "keys retire KEY",
    "keys KEY",
    "move KEY",
    "KEY keys",
  ])("%s repeats no key that was pasted", async (words) => {
    const { operator } = await operatorStage();
    for (const key of ["cd".repeat(32), `${"Ab1+".repeat(10)}/z9=`]) {
      const { code, out, err } = await operator.run(words.replace("KEY", key).split(" "));
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).not.toContain(key);
      expect(err).toMatch(/^(?:One argument too many: |keys retire needs the id |Unknown command: )/);
    }
  });

  it("keys rotate --records seals every user again", async () => {
    const { act } = await operatorStage();
    const { code, out } = await act("keys", "rotate", "--records", "--json");
    expect({ code, ...JSON.parse(out) }).toEqual({
      code: 0,
      key: expect.stringMatching(/^\w{12}$/),
      wrapped: 0,
      storeKeys: 1,
      resealed: 2,
      unreadable: 0,
      dropped: 1,
    });
  });
});

describe("cli backup", () => {
  it("copies a store that is in use, and names what must be kept with it", async () => {
    const { act, operator, path } = await operatorStage();
    const open = await operator.open();
    afterwards(() => open.close());
    const copy = join(path, "copies", "one");
    const { code, out, err } = await act("backup", copy);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe(
      `Copied to ${copy}\nIt contains no key. Keep the key file, or the value of ONEUP_KEY, apart from it.\n`,
    );
    expect((await act("users", "--store", copy)).out).toMatch(/ada.*\n.*bob/);
    expect(await act("backup", copy)).toMatchObject({
      code: 1,
      err: expect.stringContaining("already exists"),
    });
    const elsewhere = await operator.run(["backup", join(path, "two"), "--store", join(path, "nothing")]);
    expect(elsewhere).toMatchObject({ code: 1, err: expect.stringContaining("[STORE_UNUSABLE]") });
    expect(existsSync(join(path, "nothing"))).toBe(false);
  });

  it.each([
    ["redis://127.0.0.1:1", "redis-cli --rdb FILE"],
    ["postgres://127.0.0.1:1/db", "pg_dump --format=custom --schema=oneup_lifecycle"],
  ])("of %s it names the tool, and ends with 1", async (store, tool) => {
    const { act } = await operatorStage();
    const { code, out, err } = await act("backup", "copy", "--store", store);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(tool);
    const help = (await act("backup", "--help")).out.replaceAll(/\s+/g, " ");
    expect(help).toContain("run reconcile --repair move, and start them only then");
    expect(help).toContain("docs/deployment.md tells how to restore");
  });
});

describe("cli, at another 1upHealth", () => {
  const elsewhere = { ONEUP_API: "https://api.example.org" };

  it("a command that makes calls refuses a store that was used elsewhere, unless told", async () => {
    const { operator } = await operatorStage();
    for (const text of ["retry ada", "work", "resume", "reconcile", "reauthorize ada --yes", "onboard -"]) {
      const words = [...text.split(" "), ...(text.startsWith("onboard") ? ["--name", "list"] : [])];
      const { code, out, err } = await operator.run(words, elsewhere);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(
        "its users belong to local (a loopback address), and calls would go to https://api.example.org; correct endpoints (ONEUP_API, ONEUP_AUTH), or --change-origin moves the store there; nothing was changed [INVALID_OPTION]",
      );
    }
    const moved = await operator.run(["resume", "--change-origin"], elsewhere);
    expect(moved).toMatchObject({ code: 0 });
    expect(await operator.run(["resume"], elsewhere)).toMatchObject({ code: 0 });
  });

  it("a command that makes none is not refused, and warns", async () => {
    const { operator } = await operatorStage();
    const err = expect.stringMatching(
      /^The store's users belong to local \(a loopback address\), and calls from here would go to https:\/\/api\.example\.org, so none is made; what to do: .*\n$/,
    ) as string;
    for (const text of ["status", "users", "inspect ada", "explain ada", "forecast 1", "diagram --counts"])
      expect(await operator.run(text.split(" "), elsewhere)).toMatchObject({ code: 0, err });
    for (const text of ["limits --calls 40", "reopen", "keys list", "keys rotate"])
      expect(await operator.run(text.split(" "), elsewhere)).toMatchObject({ code: 0, err });
  });
});
