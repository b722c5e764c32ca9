import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { onDeno } from "../support/built.ts";
import { afterwards, folder } from "../support/scene.ts";
import { operatorAt, operatorStage, type Operator } from "./operator.ts";

/** A store that keeps events, with the steps of Ada in it. */
async function stage(): Promise<Operator> {
  const sandbox = createSandbox();
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const operator = operatorAt({ type: "lmdb", path: folder("cli-events") }, sandbox, server);
  const lifecycle = await operator.open({ events: { keep: "7d" } });
  await lifecycle.onboard("ada");
  await lifecycle.close();
  return operator;
}

describe("cli events", () => {
  it("lists what is kept, for people and for machines, and continues behind a cursor", async () => {
    const { run, secrets } = await stage();
    const { code, out, err } = await run(["events"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.replaceAll(/^\S+ \S+ UTC/gm, "TIME")).toBe(
      "TIME  ada  ONBOARD  created\nTIME  ada  USER_CREATED  created → codeIssued\n" +
        "TIME  ada  TOKEN_GRANTED  codeIssued → tokenActive\n",
    );
    const lines = (await run(["events", "--json"])).out.trimEnd().split("\n");
    const [first] = lines.map((line) => JSON.parse(line) as { cursor: string });
    expect(first).toMatchObject({ type: "ONBOARD", appUserId: "ada", from: null, to: "created" });
    const later = await run(["events", "--json", "--after", first?.cursor ?? ""]);
    expect(later.out).toBe(`${lines.slice(1).join("\n")}\n`);
    expect((await run(["events", "--types", "TOKEN_GRANTED,GRANT_LOST"])).out).toMatch(
      /^[^\n]*tokenActive\n$/,
    );
    for (const secret of secrets()) expect(out + lines.join()).not.toContain(secret);
  });

  it("follows them until it is stopped", async () => {
    const operator = await stage();
    const follower = operator.begin(["events", "--follow", "--json"]);
    await follower.said(/TOKEN_GRANTED/);
    const lifecycle = await operator.open();
    await lifecycle.offboard("ada");
    await lifecycle.close();
    await follower.said(/OFFBOARDED/);
    follower.kill("SIGTERM");
    expect(await follower.ended).toMatchObject({ code: 130, err: "" });
  });

  // Deno's console reports no broken pipe.
  it.skipIf(onDeno)("ends with 0 once its reader has left", async () => {
    const operator = await stage();
    const { ended, leave, said } = operator.begin(["events", "--follow", "--json"]);
    await said(/TOKEN_GRANTED/);
    leave();
    const lifecycle = await operator.open();
    await lifecycle.offboard("ada");
    await lifecycle.close();
    expect(await ended).toMatchObject({ code: 0, err: "" });
  });

  it("are turned on by ONEUP_EVENTS_KEEP", async () => {
    const { operator, server } = await operatorStage();
    const env = { ONEUP_API: server.url, ONEUP_EVENTS_KEEP: "36h" };
    expect(await operator.run(["events"], env)).toEqual({ code: 0, out: "", err: "" });
    await operator.run(["offboard", "ada", "--yes"], { ONEUP_API: server.url });
    expect((await operator.run(["events"])).out).toContain("OFFBOARDED");
    expect(await operator.run(["status"], { ONEUP_EVENTS_KEEP: "off" })).toMatchObject({ code: 0, err: "" });
    expect((await operator.run(["events"])).out).toContain("OFFBOARDED"); // a command that looks changes nothing
    await operator.run(["events"], { ONEUP_EVENTS_KEEP: "off" });
    expect((await operator.run(["events"])).err).toContain("they are off");
    const wrong = await operator.run(["events"], { ONEUP_EVENTS_KEEP: "30m" });
    expect(wrong).toMatchObject({ code: 2, out: "" });
    expect(wrong.err).toMatch(/variable ONEUP_EVENTS_KEEP must be off, or a time from 1 hour .*, got "30m"/);
  });

  it("refuses what is none, in the words of a shell", async () => {
    const { run } = await stage();
    const after = await run(["events", "--after", "x"]);
    expect(after).toMatchObject({
      code: 2,
      err: expect.stringContaining("--after must be the cursor of an event"),
    });
    expect(await run(["events", "--types", "GRANTED"])).toMatchObject({ code: 2, out: "" });
    const { operator } = await operatorStage();
    const off = await operator.run(["events"]);
    expect(off.err).toContain(
      "Cannot read events: they are off, and ONEUP_EVENTS_KEEP=7d turns them on, or the",
    );
  });
});
