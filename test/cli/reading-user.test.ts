/** An operator whose database user may only read. */
import { createClient } from "@keyv/redis";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { expect, it, vi } from "vitest";
import { anyKey, type Place } from "../support/places.ts";
import { sql, withPostgres } from "../support/postgres.ts";
import { afterwards } from "../support/scene.ts";
import { withServer } from "../support/servers.ts";
import { answerOf } from "../inspector/support.ts";
import { operatorAt, type Operator } from "./operator.ts";

/** A store with the user "ada" and its events, and a command for an operator that comes by another URL. */
async function stage(
  place: Exclude<Place, { type: "lmdb" | "cluster" }>,
): Promise<(url: string) => Operator> {
  const sandbox = createSandbox();
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const lifecycle = await operatorAt(place, sandbox, server).open({ events: { keep: "7d" } });
  await lifecycle.onboard("ada");
  await lifecycle.close();
  return (url) => operatorAt({ ...place, url }, sandbox, server);
}

/** What looks works; what changes something names what the user lacks. */
async function looksOnly(operator: Operator, lacking: RegExp): Promise<void> {
  const status = await operator.run(["status", "--json"]);
  expect({ code: status.code, err: status.err }).toEqual({ code: 0, err: "" });
  expect(JSON.parse(status.out)).toMatchObject({ ready: true, users: { tokenActive: 1 } });
  for (const words of [
    ["inspect", "ada"],
    ["explain", "ada"],
    ["users"],
    ["forecast", "3"],
    ["diagram", "--counts"],
  ])
    expect(await operator.run(words)).toMatchObject({ code: 0, err: "" });
  for (const words of [["hold", "ada", "--reason", "x"], ["pause", "--reason", "x"], ["reopen"]]) {
    const { code, err } = await operator.run(words);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(lacking) });
  }
  const running = operator.begin(["inspector"]);
  const link = await running.said(/(http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]+)/);
  const opening = await fetch(link, { redirect: "manual" });
  const cookie = opening.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const ask = async (name: string, fields: object) => {
    const headers = { cookie, origin: new URL(link).origin, "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(fields) };
    return answerOf(await fetch(`${new URL(link).origin}/api/${name}`, init));
  };
  const overview = async (): Promise<unknown> => (await ask("overview", {})).body;
  await vi.waitFor(async () => expect(await overview()).toMatchObject({ ready: true, total: 1 }));
  const [{ key }] = (await ask("users", {})).body.users;
  expect((await ask("user", { key })).body).toMatchObject({ appUserId: "ada", state: "tokenActive" });
  expect((await ask("account", {})).status).toBe(200);
  running.kill("SIGTERM");
  expect(await running.ended).toMatchObject({ code: 0, err: "" });
}

withPostgres("cli with a PostgreSQL role that has only SELECT", (server) => {
  it("looks, and names the right that a change or a reader of events lacks", async () => {
    const { url } = await server();
    await postgres(url).migrate();
    const operatorBy = await stage({ type: "postgres", url, key: anyKey });
    await sql(
      url,
      `CREATE ROLE looking LOGIN; GRANT USAGE ON SCHEMA oneup_lifecycle TO looking;
       GRANT SELECT ON ALL TABLES IN SCHEMA oneup_lifecycle TO looking`,
    );
    const operator = operatorBy(url.replace(/\/\/\w+@/, "//looking@"));
    await looksOnly(
      operator,
      /lacks a right that the store needs: permission denied for table \w+; it needs SELECT, INSERT, UPDATE and DELETE on each table/,
    );
    const { code, err } = await operator.run(["events"]);
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringContaining(
        "permission denied for table arrivals; it needs SELECT, INSERT, UPDATE and DELETE",
      ),
    });
    await sql(url, "REVOKE USAGE ON SCHEMA oneup_lifecycle FROM looking");
    expect((await operator.run(["status"])).err).toContain(
      "permission denied for schema oneup_lifecycle; it needs USAGE on it",
    );
  });
});

withPostgres("cli with a PostgreSQL that is read-only", (server) => {
  it("looks, and what writes is retryable: a worker waits for it", async () => {
    const { url } = await server();
    await postgres(url).migrate();
    const operatorBy = await stage({ type: "postgres", url, key: anyKey });
    await sql(
      url,
      `CREATE ROLE late LOGIN SUPERUSER; ALTER ROLE late SET default_transaction_read_only = on`,
    );
    const operator = operatorBy(url.replace(/\/\/\w+@/, "//late@"));
    const status = await operator.run(["status", "--json"]);
    expect(status.code).toBe(1);
    expect(JSON.parse(status.out)).toMatchObject({
      ready: false,
      problem: "STORE_UNAVAILABLE",
      why: expect.stringContaining("this PostgreSQL is read-only"),
      users: { tokenActive: 1 },
    });
    for (const words of [["inspect", "ada"], ["explain", "ada"], ["users"], ["forecast", "3"]])
      expect(await operator.run(words)).toMatchObject({ code: 0 });
    const refused = await operator.run(["hold", "ada", "--reason", "x"]);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("[STORE_UNAVAILABLE]") });
    const worker = operator.begin(["work"]);
    await worker.said(/(default_transaction_read_only is on; next try in 1 s)/);
    worker.kill("SIGTERM");
    await worker.ended;
  });
});

withServer("redis", "cli with a Redis user that may only read", (server) => {
  it("looks, and names the permission that a change lacks", async () => {
    const { url, port } = await server();
    const operatorBy = await stage({ type: "redis", url, key: anyKey });
    const admin = await createClient({ url }).connect();
    afterwards(() => admin.destroy());
    const may = (...rules: readonly string[]) =>
      admin.sendCommand(["ACL", "SETUSER", "looking", "on", ">secret", ...rules]);
    await may(
      "resetkeys",
      "~oneup:*",
      "nocommands",
      "+@read",
      "+@connection",
      "+time",
      "+script|load",
      "+evalsha",
      "+eval",
    );
    const operator = operatorBy(`redis://looking:secret@127.0.0.1:${port}`);
    await looksOnly(operator, /lacks a permission that the store needs: to run M?SET/);
    expect((await operator.run(["events"])).out).toContain("TOKEN_GRANTED");
    await may("-evalsha");
    expect((await operator.run(["status"])).err).toContain(
      "this Redis user lacks a permission that the store needs: to run EVALSHA",
    );
    await may("+evalsha", "resetkeys", "~other:*");
    expect((await operator.run(["status"])).err).toContain(
      "lacks a permission that the store needs: to use its keys",
    );
  });
});
