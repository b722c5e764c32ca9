import { systemClock } from "oneup-lifecycle";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { expect, it, vi } from "vitest";
import { each, startChild } from "../support/child.ts";
import { oneIn } from "../support/effort.ts";
import { anyKey } from "../support/places.ts";
import { sql, withSharedPostgres } from "../support/postgres.ts";
import { scene, working } from "../support/scene.ts";
import type { SignUp } from "./joiner.child.ts";

/** A call that a busy machine delays for longer is repeated: so it is much time. */
const times = { timeoutMs: 8_000, graceMs: 500, leaseMs: 8_500 };

const script = new URL("./joiner.child.ts", import.meta.url);

withSharedPostgres("a process that signs up a user in a transaction, and is killed", (place) => {
  it("before or after any of its statements leaves the user where its own row is, and nowhere else, and any worker goes on with it", async () => {
    const { url, schema } = place();
    await postgres(url, { schema }).migrate();
    await sql(url, `CREATE TABLE "${schema}".people (id text PRIMARY KEY)`);
    const { sandbox, server, open } = await scene({ limit: { calls: 10_000 } });
    const told = { url, schema, key: anyKey, sandbox: server.url, credentials: sandbox.credentials, times };
    const child = (id: string, instant: SignUp["instant"]) =>
      startChild(script, { ...told, id, instant } satisfies SignUp).ended;
    const { out, err } = await child("undisturbed", null);
    expect(err).toBe("");
    const [count = 0, committed = 0] = (/^done (\d+) (\d+)\n$/.exec(out) ?? []).slice(1).map(Number);
    expect(committed).toBeGreaterThan(4);
    expect(count).toBeGreaterThan(committed + 4); // what takes the user in, and its three commits
    const instants = Array.from({ length: count }, (_, n) => n + 1).flatMap((n) =>
      (["before", "after"] as const).map((when) => ({ n, when })),
    );
    const around = instants.filter(({ n }) => n === committed);
    const drawn = oneIn(
      8,
      instants.filter(({ n }) => n !== committed),
    );
    await each([...around, ...drawn], 2, async (instant) => {
      const id = `${instant.when} ${instant.n}`;
      const ended = await child(id, instant);
      // How often a statement was repeated, or a worker asked, differs from run to run.
      expect([ended.signal, ended.out.startsWith("done ")]).toContainEqual(
        ended.signal === null ? true : "SIGKILL",
      );
      expect(ended.err).toBe("");
    });
    const lifecycle = await open({
      store: postgres(url, { schema, timeoutMs: 30_000 }),
      encryption: { keys: [anyKey] },
      clock: systemClock,
      ...times,
    });
    const rows = await sql(url, `SELECT id FROM "${schema}".people ORDER BY id`);
    const signedUp = rows.map((row) => (row as { readonly id: string }).id); // as selected
    const users: string[] = [];
    for await (const { appUserId } of lifecycle.users()) users.push(appUserId);
    expect(users.toSorted()).toEqual(signedUp.toSorted());
    expect(signedUp).toContain("undisturbed");
    expect(signedUp).toContain(`after ${committed}`);
    expect(signedUp).not.toContain(`before ${committed}`);
    working(lifecycle);
    await vi.waitFor(
      async () => {
        const states = Object.keys(await lifecycle.counts());
        expect(states.filter((state) => state !== "tokenActive" && state !== "reauthorized")).toEqual([]);
      },
      { timeout: 120_000, interval: 200 },
    );
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });
});
