import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { operatorStage } from "./operator.ts";

describe("cli export, leave and receipts", () => {
  it("export all users, purge them after a dry run, and verify their receipts", async () => {
    const { operator, path, server } = await operatorStage();
    const env = { ONEUP_API: server.url };
    const run = (words: readonly string[]): ReturnType<typeof operator.run> => operator.run(words, env);
    const [to, receipts] = [join(path, "export"), join(path, "receipts.ndjson")];
    const exporting = ["export", "--to", to, "--versions", "r4", "--types", "Patient,Observation"];
    const exported = await run(exporting);
    expect(exported).toMatchObject({
      code: 0,
      err: "",
      out: expect.stringMatching(/^2 users exported, 0 before: /),
    });
    expect(readdirSync(to)).toContain("export.json");
    const again = await run([...exporting, "--json"]);
    expect(JSON.parse(again.out.trim().split("\n").at(-1) ?? "")).toMatchObject({
      phase: "done",
      present: 2,
    });

    const partial = ["leave", "--receipts", receipts, "--only-after-export", "export"];
    expect(await run([...partial, "--dry-run"])).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /Cannot offboard a list: --only-after-export must be an export of all types .* pass --allow-partial-export/,
      ),
    });
    const leaving = [...partial, "--allow-partial-export"];
    const dry = await run([...leaving, "--dry-run"]);
    expect(dry).toMatchObject({ code: 0, err: "" });
    expect(dry.out).toMatch(/^2 users would leave, 0 of them have left already\n2 management calls, until /);
    expect(dry.out).toMatch(
      /^Cannot be searched in r4, so at most those .* are purged: Binary, .*Provenance/m,
    );
    expect(dry.out).toContain("--count 2");
    const json = await run([...leaving, "--dry-run", "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({ count: 2, calls: 2, unexported: 0 });
    expect(await run([...leaving, "--yes"])).toMatchObject({ code: 2 });
    expect(await run([...leaving, "--yes", "--count", "3"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("[INVALID_OPTION]"),
    });
    const left = await run([...leaving, "--yes", "--count", "2", "--by", "eve"]);
    expect(left).toMatchObject({ code: 0, err: "" });
    expect((await run(["inspect", "ada"])).out).toContain(", by eve");
    const [, key = ""] = /^2 receipts of 2 users in .*, closed\nKeep .*: (\S+)\n$/.exec(left.out) ?? [];
    expect(key).toHaveLength(43);

    expect(await run(["receipts", receipts])).toEqual({
      code: 0,
      err: "",
      out: "2 receipts verified, closed with their count\n",
    });
    const renamed = join(path, "receipts.csv");
    copyFileSync(receipts, renamed);
    expect(await run(["receipts", renamed]), "whatever the name of the file").toMatchObject({ code: 0 });
    writeFileSync(receipts, readFileSync(receipts, "utf8").split("\n").slice(0, -2).join("\n"));
    const cut = await run(["receipts", receipts, "--public-key", key]);
    expect(cut).toMatchObject({ code: 1, out: expect.stringContaining("the receipts are not closed") });
    expect(cut.out).toContain("\nWhat to do: run the leave again by the same name, if it was not over;");
    const lost = readFileSync(receipts, "utf8").split("\n").slice(0, -1).join("\n");
    writeFileSync(receipts, `${lost}\n`);
    const again2 = await run([...leaving, "--yes", "--count", "2"]);
    expect(again2).toMatchObject({
      code: 1,
      out: expect.stringContaining("1 user no longer part of it, without a receipt in "),
    });
    expect(again2.out).toContain("\nWhat to do: run leave with another --name");
    const anew = ["--name", "anew", "--receipts", join(path, "anew.ndjson"), "--yes", "--count", "2"];
    expect(await run(["leave", ...anew])).toMatchObject({ code: 0 });
  });

  it("name a place that cannot be written, without a stack", async () => {
    const { operator, path, server } = await operatorStage();
    const env = { ONEUP_API: server.url };
    const file = join(path, "notes.txt");
    writeFileSync(file, "1");
    const link = join(path, "link");
    symlinkSync(join(path, "nowhere"), link);
    // Node's recursive mkdir never ends in /proc.
    const nowhere = existsSync("/proc/self") ? ["/proc/x", "/proc/x/y"] : [];
    for (const to of [file, join(file, "export"), link, ...nowhere]) {
      const { code, err } = await operator.run(["export", "--to", to, "--types", "Patient"], env);
      expect({ to, code, isStack: err.includes(" at ") }).toEqual({ to, code: 1, isStack: false });
      expect(err).toContain("Cannot ");
    }
    expect(readFileSync(file, "utf8")).toBe("1");
  });

  it("take a list of users, and name those that are not finished", async () => {
    const { operator, path, server } = await operatorStage();
    const env = { ONEUP_API: server.url };
    const run = (words: readonly string[]): ReturnType<typeof operator.run> => operator.run(words, env);
    const list = join(path, "users.csv");
    writeFileSync(list, "app_user_id\nada\n");
    const receipts = join(path, "receipts.ndjson");
    const leaving = ["leave", "--receipts", receipts, "--users", list, "--only-after-export", "spring"];
    for (const more of [["--dry-run"], ["--yes", "--count", "1"]]) {
      const { code, out, err } = await run([...leaving, ...more]);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain("--only-after-export must be the name of an export that was begun on this store");
      expect(err).toContain('none is called "spring"');
    }
    const others = join(path, "others.csv");
    writeFileSync(others, "app_user_id\nbob\n");
    const exporting = ["export", "--to", join(path, "export"), "--name", "spring", "--versions", "r4"];
    expect(await run([...exporting, "--types", "Patient", "--users", others])).toMatchObject({ code: 0 });
    leaving.push("--allow-partial-export");
    expect((await run([...leaving, "--dry-run"])).out).toContain("1 user would wait: not exported yet");
    const { code, out } = await run([...leaving, "--yes", "--count", "1"]);
    expect({ code, out }).toMatchObject({ code: 1 });
    expect(out).toContain("1 user without a receipt:\n  ada: USER_NOT_READY");
  });

  it("refuse a list that is none before anything is exported or purged", async () => {
    const { operator, path, server } = await operatorStage();
    const list = join(path, "users");
    writeFileSync(list, "ada\nbob,Bob Smith\n");
    const receipts = ["leave", "--receipts", join(path, "r"), "--yes", "--count", "1"];
    for (const words of [receipts, ["export", "--to", join(path, "export")]]) {
      const { code, err } = await operator.run([...words, "--users", list], { ONEUP_API: server.url });
      expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("line 2 holds a comma") });
    }
    expect(readdirSync(path).toSorted()).toEqual(["key", "store", "users"]);
  });

  it("refuse a list in a pipe, which can be read only once", async () => {
    const { operator, path, server } = await operatorStage();
    const pipe = join(path, "pipe");
    execFileSync("mkfifo", [pipe]);
    const env = { ONEUP_API: server.url };
    for (const words of [
      ["leave", "--receipts", join(path, "r"), "--dry-run"],
      ["export", "--to", join(path, "export")],
    ]) {
      const ended = await operator.run([...words, "--users", pipe], env, AbortSignal.timeout(20_000));
      const err = expect.stringContaining("--users takes a file: the list is read more than once");
      expect(ended).toMatchObject({ code: 2, out: "", err });
    }
    expect(readdirSync(path).toSorted()).toEqual(["key", "pipe", "store"]);
  });

  it.each([
    [["export"], "use --to FOLDER"],
    [["leave"], "use --receipts FILE"],
    [["export", "--to", "x", "--types", "Patient,observation"], '"observation": did you mean Observation?'],
    [
      ["export", "--to", "x", "--types", "Patient, Bogus"],
      'got " Bogus": e.g. Patient,Observation, without spaces',
    ],
    [["export", "--to", "x", "--column", "id"], "--column goes with --users"],
    [["export", "--to", "x", "--users", "-"], "--users takes a file"],
    [["leave", "--receipts", "x", "--count", "many"], "count"],
    [["leave", "--receipts", "x", "--purge", "r4,bogus"], "--purge must be all"],
  ])("%j ends with 2", async (words, message) => {
    const { operator } = await operatorStage();
    const { code, err } = await operator.run(words);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  it("receipts without a key and without a store ends with 2, and names both ways", async () => {
    const { operator } = await operatorStage();
    const { code, err } = await operator.run(["receipts", "x"], { ONEUP_STORE: "" });
    expect(code).toBe(2);
    expect(err).toContain("use --public-key KEY, as leave prints it, or --store PLACE");
  });
});
