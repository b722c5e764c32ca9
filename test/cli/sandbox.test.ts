import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { performed } from "./operator.ts";
import { folder } from "../support/scene.ts";
import { needing } from "../support/needs.ts";
import { start } from "../support/started.ts";

const main = "src/cli/main.ts";

async function post(url: string, headers: Record<string, string>, body: string): Promise<Response> {
  const form = { "content-type": "application/x-www-form-urlencoded" };
  return fetch(`${url}/user-management/v1/user`, { method: "POST", headers: { ...form, ...headers }, body });
}

describe("cli sandbox", () => {
  it("answers at the printed address, prints each call without secrets, and ends cleanly", async () => {
    const sandbox = start(main, [
      "sandbox",
      "--client-id",
      "me",
      "--client-secret",
      "it's mine",
      "--limit",
      "1",
    ]);
    const url = await sandbox.said(/api and auth +(http:\/\/127\.0\.0\.1:\d+)/);
    const credentials = { client_id: "me", client_secret: "it's mine" };
    const created = await post(url, credentials, "app_user_id=%1b%5b31mada");
    expect(created.status).toBe(200);
    const { code } = (await created.json()) as { code: string };
    expect((await post(url, credentials, "app_user_id=bob")).status).toBe(429);

    await sandbox.said(/ 1 {2}[\d:]{8} {2}createUser +200 +created +\\u001b\[31mada\n/);
    await sandbox.said(/ 2 {2}[\d:]{8} {2}createUser +429 +rate_limited +bob\n/);
    sandbox.kill("SIGINT");
    const ended = await sandbox.ended;
    expect({ code: ended.code, err: ended.err }).toEqual({ code: 0, err: "" });
    expect(ended.out).not.toContain(code);
    expect(ended.out).not.toContain("\u001b");
  });

  it("prints curl lines that work", needing(["curl"]), async () => {
    const sandbox = start(main, ["sandbox", "--client-secret", "it's mine"]);
    const line = await sandbox.said(/^ {2}(curl .*\\\n.*)\n/m);
    const { stdout } = await promisify(execFile)("sh", ["-c", line]);
    expect(JSON.parse(stdout)).toMatchObject({ success: true, app_user_id: "bilbo" });
    const steering = await sandbox.said(/^ {2}(curl .*_sandbox.*\\\n.*)\n/m);
    const { stdout: reading } = await promisify(execFile)("sh", ["-c", steering]);
    const { offset } = JSON.parse(reading) as { offset: number };
    expect(offset / 1_000).toBeCloseTo(7_200, 1); // two clocks of the machine are added up
    sandbox.kill("SIGTERM");
    expect((await sandbox.ended).code).toBe(0);
  });

  it.each([
    [["--port", "x"], '--port must be a whole number from 0 to 65535, got "x"'],
    [["--limit", "0"], '--limit must be a whole number from 1 to 9007199254740991, got "0"'],
    [["--window", "1"], '--window must be a time such as 90s, 30m or 1h, got "1"'],
    [["--latency", "9-3"], '--latency must be milliseconds such as 80, or a range such as 40-120, got "9-3"'],
    [["--client-id"], "Option --client-id needs a value: --client-id ID"],
    [["--seed-users", "0"], "--seed-users must be a whole number from 1 to 1000000"],
    [["--seed-users", "nowhere"], "Cannot read nowhere: ENOENT"],
    [["--clock", "tomorrow"], "--clock must be a time such as 2026-01-01T00:00:00Z, or +2h from now"],
    [["--faults", "nowhere"], "Cannot read nowhere: ENOENT"],
    [["--faults", "package.json"], "it must be a JSON list of faults"],
    [["--state", "package.json"], "Cannot use package.json: it must be a file written by --state"],
    [["--state", "nowhere/at-all"], "Cannot write nowhere/at-all: ENOENT"],
    [["--latncy", "3"], 'Unknown option "--latncy": did you mean --latency?'],
  ])("refuses %j with exit code 2", async (words, message) => {
    const { code, out, err } = await performed(["sandbox", ...words]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
  });

  it("refuses a list of faults that holds something else, with exit code 2", async () => {
    const faults = join(folder("no-faults"), "faults.json");
    writeFileSync(faults, '[{ "call": "createUser", "status": 500 }, null]');
    const { code, err } = await performed(["sandbox", "--faults", faults]);
    expect({ code, err }).toEqual({
      code: 2,
      err: expect.stringContaining("it must be a JSON list of faults"),
    });
  });

  it("begins with the given users, time and faults, and continues with --state", async () => {
    const path = folder("cli-sandbox");
    const [faults, state] = [join(path, "faults.json"), join(path, "state.json")];
    writeFileSync(faults, JSON.stringify([{ call: "createUser", status: 503, times: null }]));
    const time = ["--clock", "2026-01-01T00:00:00Z", "--stopped"];
    const first = start(main, [
      "sandbox",
      "--seed-users",
      "2",
      ...time,
      "--faults",
      faults,
      "--state",
      state,
    ]);
    const url = await first.said(/api and auth +(http:\/\/127\.0\.0\.1:\d+)/);
    await first.said(/clock +2026-01-01T00:00:00\.000Z, stopped\n +users +2\n +faults +1 waiting\n/);
    const credentials = { client_id: "sandbox-client", client_secret: "sandbox-secret" };
    for (let time = 0; time < 2; time++)
      expect((await post(url, credentials, "app_user_id=ada")).status).toBe(503);
    await fetch(`${url}/_sandbox/faults`, { method: "DELETE" });
    expect((await post(url, credentials, "app_user_id=ada")).status).toBe(200);
    const headers = { "content-type": "application/json" };
    await fetch(`${url}/_sandbox/clock`, { method: "POST", headers, body: '{"advanceMs":7200000}' });
    first.kill("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 0, err: "" });
    expect(statSync(state).mode & 0o777).toBe(0o600);
    const second = start(main, ["sandbox", "--stopped", "--state", state]);
    await second.said(/clock +2026-01-01T02:00:00\.000Z, stopped\n +users +3\n/);
    second.kill("SIGINT");
    expect(await second.ended).toMatchObject({ code: 0, err: "" });
  });

  it("goes on while its state cannot be saved, and tells what is lost at the end", async () => {
    const path = join(folder("cli-sandbox-unsaved"), "states");
    const state = join(path, "state.json");
    const credentials = { client_id: "sandbox-client", client_secret: "sandbox-secret" };
    mkdirSync(path);
    const running = start(main, ["sandbox", "--state", state]);
    const url = await running.said(/api and auth +(http:\/\/127\.0\.0\.1:\d+)/);
    rmSync(path, { recursive: true }); // a disk that takes no file, as a full one
    expect((await post(url, credentials, "app_user_id=ada")).status).toBe(200);
    await running.said(/Cannot write .*state\.json: ENOENT; the sandbox goes on/);
    mkdirSync(path);
    await running.said(/The state is saved again/);
    expect(readFileSync(state, "utf8")).toContain('"ada"');
    rmSync(path, { recursive: true });
    expect((await post(url, credentials, "app_user_id=bob")).status).toBe(200);
    running.kill("SIGTERM");
    const { code, err } = await running.ended;
    expect(code).toBe(1);
    expect(err).toMatch(/state\.json: ENOENT; what happened since the last save is lost\n$/);
  });

  it("refuses a port that is taken with exit code 2", async () => {
    const first = start(main, ["sandbox"]);
    const port = await first.said(/127\.0\.0\.1:(\d+)/);
    const { code, err } = await start(main, ["sandbox", "--port", port]).ended;
    first.kill("SIGTERM");
    await first.ended;
    expect(code).toBe(2);
    expect(err).toContain(`Cannot listen on port ${port}: EADDRINUSE`);
  });
});
