import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";
import { operatorAt, operatorStage, type Performed } from "./operator.ts";

/** A store with a user, and commands on it. */
async function stage(): Promise<(...words: readonly string[]) => Promise<Performed>> {
  const sandbox = createSandbox();
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const operator = operatorAt({ type: "lmdb", path: folder("cli-pause") }, sandbox, server);
  const lifecycle = await operator.open();
  await lifecycle.onboard("ada");
  await lifecycle.close();
  return (...words) => operator.run(words, { ONEUP_API: server.url });
}

describe("cli pause", () => {
  it("pauses the account or a lane, shows it in status, and unpause ends it", async () => {
    const { act, operator } = await operatorStage();
    expect(await act("pause", "--reason", "a bill", "--by", "eve")).toEqual({
      code: 0,
      err: "",
      out: "Paused: all management calls, by eve: a bill\n",
    });
    const { out } = await act(
      "pause",
      "--lane",
      "bulk",
      "--for",
      "2h",
      "--reason",
      "a list",
      "--by",
      "bob",
      "--json",
    );
    expect(JSON.parse(out)).toMatchObject({
      paused: [
        { lane: null, reason: "a bill", until: null },
        { lane: "bulk", reason: "a list", by: "bob" },
      ],
    });
    expect((await act("status")).out).toMatch(
      /paused +all management calls, by eve: a bill\n +lane bulk, ends in (?:2 h|1 h 59 min), by bob: a list\n/,
    );
    expect(JSON.parse((await act("status", "--json")).out)).toMatchObject({ paused: [{ lane: null }, {}] });
    const refused = await act("reauthorize", "ada", "--yes");
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toBe(
      'Cannot reauthorize user "ada": management calls of the account are paused (a bill); oneup-lifecycle unpause lets it go on [PAUSED]\n',
    );
    const application = await operator.open();
    await application.onboard("eve", { waitMs: 0 }).catch(() => {});
    await application.close();
    expect(await act("resume")).toMatchObject({ code: 0, err: expect.stringContaining("Paused: all") });
    expect(await act("inspect", "eve")).toMatchObject({
      out: expect.stringMatching(/waits +paused\n +because +a bill\n/),
    });
    expect((await act("unpause", "--lane", "bulk")).out).toBe(
      "Paused: all management calls, by eve: a bill\n",
    );
    expect((await act("unpause")).out).toBe("Unpaused: nothing is paused any more\n");
    expect((await act("unpause")).out).toBe("Nothing was paused\n");
  });

  it.each([
    [["pause"], "pause needs a reason: --reason TEXT"],
    [["pause", "--reason", "x", "--lane", "slow"], "--lane must be one of interactive, recovery, bulk"],
    [["pause", "--reason", "x\ny"], "--reason must be a text of 1 to 200 characters on one line"],
    [["pause", "--reason", "x", "--for", "0s"], "--for must be a time"],
    [
      ["pause", "--reason", "x", "--by", "two\nlines"],
      "--by must be a text of 1 to 100 characters on one line",
    ],
    [["hold", "ada"], "hold needs a reason: --reason TEXT"],
    [["hold", "--reason", "x"], "ID"],
  ])("refuses %j", async (words, message) => {
    const act = await stage();
    expect(await act(...words)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
    expect(JSON.parse((await act("status", "--json")).out)).toMatchObject({ paused: [] });
  });
});

describe("cli hold", () => {
  it("holds a user, shows it in inspect and explain, and unhold lets it go", async () => {
    const act = await stage();
    expect(await act("hold", "ada", "--reason", "a complaint", "--by", "bob")).toMatchObject({
      code: 0,
      err: "",
      out: "tokenActive, held, by bob: a complaint\n",
    });
    expect((await act("inspect", "ada")).out).toMatch(/held +since .*, by bob: a complaint\n/);
    expect((await act("explain", "ada")).out.replaceAll("\n", " ")).toMatch(
      /The operator "bob" holds it since .* \("a complaint"\): .* before oneup-lifecycle unhold ID/,
    );
    expect(await act("rename", "ada", "new")).toMatchObject({
      code: 1,
      err: expect.stringContaining("an operator holds the user (a complaint)"),
    });
    expect(JSON.parse((await act("unhold", "ada", "--json")).out)).toMatchObject({ hold: null });
    expect((await act("unhold", "ada")).out).toBe("tokenActive, not held any more\n");
    expect(await act("hold", "bob", "--reason", "x")).toMatchObject({
      code: 1,
      err: expect.stringContaining("[USER_UNKNOWN]"),
    });
  });
});
