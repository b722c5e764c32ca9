import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
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
    expect(off.err).toContain("Cannot read events: they are off");
  });
});
