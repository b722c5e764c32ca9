import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, vi } from "vitest";
import { openBrowser } from "../../src/cli/inspector/open-browser.ts";
import { answerOf, Stream, type Answer } from "../inspector/support.ts";
import { afterwards, folder } from "../support/scene.ts";
import { operatorStage } from "./operator.ts";

describe("oneup-lifecycle inspector", () => {
  it("prints a link that works once, shows what other processes do, and ends on Ctrl-C", async () => {
    const { operator } = await operatorStage();
    const running = operator.begin(["inspector"]);
    const link = await running.said(/(http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]+)/);
    const { origin } = new URL(link);

    const opening = await fetch(link, { redirect: "manual" });
    expect(opening.status).toBe(303);
    const cookie = opening.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    expect((await fetch(link, { redirect: "manual" })).status).toBe(403);

    const ask = async (name: string, fields: object = {}): Promise<Answer["body"]> => {
      const headers = { cookie, "content-type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify(fields) };
      return (await answerOf(await fetch(`${origin}/api/${name}`, init))).body;
    };
    expect(await ask("overview")).toMatchObject({ store: "lmdb", masked: false, counts: { tokenActive: 2 } });
    const { users } = await ask("users");
    expect(users).toMatchObject([{ appUserId: "ada" }, { appUserId: "bob" }]);
    expect(await ask("user", { key: users[0].key })).toMatchObject({
      appUserId: "ada",
      status: { usable: true },
    });
    expect(await ask("account")).toMatchObject({ origins: { api: "local", auth: "local" }, format: 1 });

    const stream = new Stream(await fetch(`${origin}/api/live`, { headers: { cookie } }));
    await expect.poll(() => stream.all("overview")).toHaveLength(1);
    const lifecycle = await operator.open();
    await lifecycle.onboard("cyd");
    await expect.poll(() => stream.all("overview").at(-1)?.counts).toEqual({ tokenActive: 3 });
    await expect.poll(() => stream.all("users").length).toBeGreaterThan(0);
    await lifecycle.close();

    running.kill("SIGINT");
    const { code, err, out } = await running.ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const secret of operator.secrets()) expect(out + stream.text).not.toContain(secret);
    await stream.ended;
  });

  it("does not begin where the port is taken, or the store is not there", async () => {
    const { operator } = await operatorStage();
    const first = operator.begin(["inspector"]);
    const port = await first.said(/127\.0\.0\.1:(\d+)/);
    const { code, err } = await operator.run(["inspector", "--port", port]);
    expect({ code, err }).toMatchObject({
      code: 2,
      err: expect.stringContaining(`Cannot listen on port ${port}`),
    });
    first.kill("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 0, signal: null, err: "" });
    const nowhere = await operator.run(["inspector"], { ONEUP_STORE: "/nowhere/at/all" });
    expect(nowhere.code).toBe(1);
  });

  it("tells when there is no browser to open", async () => {
    vi.stubEnv("PATH", "/nowhere");
    const failed = new Promise<void>((resolve) => afterwards(openBrowser("http://127.0.0.1:1/", resolve)));
    await failed;
    vi.unstubAllEnvs();
  });

  it.skipIf(process.platform !== "linux")(
    "--open opens the link through a file of this user alone, and deletes it once the link was used, or at the end",
    async () => {
      const home = folder("home");
      const told = join(home, "told");
      writeFileSync(join(home, "xdg-open"), `#!/bin/sh\necho "$@" > ${told}.new; mv ${told}.new ${told}\n`, {
        mode: 0o755,
      });
      const { operator } = await operatorStage();
      for (const isUsed of [true, false]) {
        const stop = new AbortController();
        const env = { HOME: home, PATH: `${home}:${process.env["PATH"]}` };
        const running = operator.run(["inspector", "--open"], env, stop.signal);
        await expect.poll(() => existsSync(told)).toBe(true);
        const file = fileURLToPath(readFileSync(told, "utf8").trim()); // all that a command line shows
        expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).toEqual([0o600, 0o700]);
        const [, link = ""] = /url=(http:[^"]+)/.exec(readFileSync(file, "utf8")) ?? [];
        if (isUsed) {
          expect((await fetch(link, { redirect: "manual" })).status).toBe(303);
          expect(existsSync(dirname(file))).toBe(false);
        }
        stop.abort();
        expect((await running).out).toContain(link);
        expect(existsSync(dirname(file))).toBe(false);
        rmSync(told);
      }
    },
  );
});

describe("oneup-lifecycle inspector --actions", () => {
  it("acts under the name of --by, or of this machine's user, and without the flag not at all", async () => {
    const { operator, server } = await operatorStage();
    const api = ["--api", server.endpoints.api];
    const held = async (flags: readonly string[]): Promise<unknown> => {
      const running = operator.begin(["inspector", ...flags]);
      const link = await running.said(/(http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]+)/);
      const { origin } = new URL(link);
      const opening = await fetch(link, { redirect: "manual" });
      const cookie = opening.headers.getSetCookie()[0]?.split(";")[0] ?? "";
      const ask = async (name: string, fields: object, token = ""): Promise<Answer> => {
        const headers = { cookie, origin, "content-type": "application/json", "x-inspector-token": token };
        const init = { method: "POST", headers, body: JSON.stringify(fields) };
        return answerOf(await fetch(`${origin}/api/${name}`, init));
      };
      const { key } = (await ask("users", { id: "ada" })).body.users[0];
      const { record } = (await ask("user", { key })).body;
      const { token, who } = (await ask("me", {})).body;
      const fields = { action: "hold", reason: flags.join(" "), key, record, once: crypto.randomUUID() };
      const { status, body } = await ask("act", fields, token);
      running.kill("SIGINT");
      expect((await running.ended).err).toBe("");
      return status === 200 ? body.user.hold.by : { status, isNamed: who === userInfo().username };
    };
    expect(await held([...api, "--actions", "--by", "eve"])).toBe("eve");
    expect(await held([...api, "--actions"])).toBe(userInfo().username);
    expect(await held([])).toEqual({ status: 403, isNamed: true });
    expect((await operator.run(["inspect", "ada"])).out).toContain(`by ${userInfo().username}`);
  });

  it.each([
    [["--by", "eve"], "--by needs --actions"],
    [["--actions", "--by", "two\nlines"], "--by must be a text of 1 to 100 characters on one line"],
  ])("%j is refused", async (flags, why) => {
    const { operator } = await operatorStage();
    const { code, err } = await operator.run(["inspector", ...flags]);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(why) });
  });
});
