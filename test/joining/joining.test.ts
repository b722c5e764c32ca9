/** Users that are written in a transaction of the application. */
import { Pool } from "pg";
import { expect, it, vi } from "vitest";
import { sql, withSharedPostgres } from "../support/postgres.ts";
import { afterwards, folder, working } from "../support/scene.ts";
import { begun, knows, world } from "./world.ts";

withSharedPostgres("onboard() within a transaction", (place) => {
  it("leaves no user when it is rolled back, and exactly one when it is committed, who is then taken on by any worker", async () => {
    const where = place();
    const { lifecycle, open, client, sandbox } = await world(where);
    const ours = await client();
    await ours.query(`CREATE TABLE "${where.schema}".people (email text PRIMARY KEY)`);
    const signUp = async (id: string, end: string): Promise<void> => {
      await ours.query("BEGIN");
      await ours.query(`INSERT INTO "${where.schema}".people VALUES ($1)`, [id]);
      await lifecycle.onboard(id, { within: ours, waitMs: 0 });
      await ours.query(end);
    };
    await signUp("eve", "ROLLBACK");
    expect(await knows(lifecycle, "eve")).toBe(false);
    await signUp("ada", "COMMIT");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "created", usable: false });
    expect(await lifecycle.counts()).toEqual({ created: 1 });
    expect(await lifecycle.userPage()).toMatchObject({ users: [{ appUserId: "ada" }] });
    await signUp("bob", "COMMIT"); // no look at it here: the worker of another process finds it
    working(await open());
    await vi.waitFor(async () => expect(await lifecycle.counts()).toEqual({ tokenActive: 2 }), 20_000);
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["ada", "bob"]);
    expect(await sql(where.url, `SELECT * FROM "${where.schema}".joins`)).toEqual([]);
  });

  it("returns the status that the user will have, and when its first call is expected to leave", async () => {
    const limits = { management: { calls: 2, windowMs: 3_600_000 } };
    const { lifecycle, client } = await world(place(), { limits });
    const [ours, other] = [await client(), await client()];
    const before = Date.now();
    const first = await begun(lifecycle, ours, "ada");
    expect(first).toMatchObject({
      appUserId: "ada",
      state: "created",
      usable: false,
      oneupUserId: null,
      pause: null,
      calls: { management: 0, token: 0 },
      history: [{ to: "created", event: "ONBOARD" }],
      forecast: expect.any(Date),
    });
    await lifecycle.onboard("bob");
    await lifecycle.onboard("cid");
    const late = await begun(lifecycle, other, "dora");
    const forecast = new Date((late as { forecast?: Date }).forecast ?? 0).getTime();
    expect(forecast).toBeGreaterThan(before + 3_500_000);
    expect(forecast).toBeLessThanOrEqual(Date.now() + 3_700_000);
    expect(await knows(lifecycle, "ada")).toBe(false);
  });

  it("leaves no user of a savepoint that is rolled back, and keeps those beside it", async () => {
    const { lifecycle, client } = await world(place());
    const ours = await client();
    await begun(lifecycle, ours, "ada");
    await begun(lifecycle, ours, "bob", "SAVEPOINT one");
    await ours.query("ROLLBACK TO one");
    await begun(lifecycle, ours, "cid", "SAVEPOINT two");
    await ours.query("RELEASE two");
    await ours.query("COMMIT");
    const known = await Promise.all(["ada", "bob", "cid"].map((id) => knows(lifecycle, id)));
    expect(known).toEqual([true, false, true]);
  });

  it("holds a lock of its own, those that its row needs, and none that another verb waits for", async () => {
    const { lifecycle, client } = await world(place());
    const ours = await client();
    await begun(lifecycle, ours, "ada");
    await Promise.all(["bob", "cid"].map((id) => lifecycle.onboard(id, { within: ours }))); // no more locks for more users
    const { rows } = await ours.query(
      `SELECT locktype, relation::regclass::text AS name, mode FROM pg_locks WHERE pid = pg_backend_pid()
        AND locktype NOT IN ('virtualxid', 'transactionid') AND relation IS DISTINCT FROM 'pg_locks'::regclass
        AND coalesce(relation::regclass::text, '') NOT LIKE 'pg_%'`,
    );
    const held = rows.map(
      ({ locktype, name, mode }) => `${mode} on ${name === null ? locktype : name.replace(/^.*\./, "")}`,
    );
    expect(held.toSorted()).toEqual([
      "ExclusiveLock on advisory",
      "RowExclusiveLock on joins",
      "RowExclusiveLock on joins_n_seq",
      "ShareLock on advisory",
    ]);
    await ours.query("COMMIT");
    expect(await lifecycle.counts()).toEqual({ created: 3 });
  });

  it("holds up nothing while it stays open: no other user, no count, no list, no import, and not the same user", async () => {
    const { lifecycle, client, sandbox } = await world(place(), { events: { keep: "7d" } });
    const [ours, other] = [await client(), await client()];
    await begun(lifecycle, ours, "ada");
    await begun(lifecycle, other, "ada"); // two open transactions with one user
    working(lifecycle);
    // Every call of the store gives up after a time, and would reject here.
    await Promise.all(Array.from({ length: 20 }, (_, n) => lifecycle.onboard(`user ${n}`)));
    await lifecycle.onboard("ada");
    await lifecycle.offboard("user 1");
    await lifecycle.forget("user 1");
    await lifecycle.rename("user 2", "user two");
    await lifecycle.onboardMany(["one", "two"], { name: "import" });
    await lifecycle.rotateKeys();
    expect(await lifecycle.forecast()).toMatchObject({ ahead: 0 });
    const counts = await lifecycle.counts();
    expect(Object.values(counts).reduce((sum, one) => sum + one)).toBe(22);
    const types: string[] = [];
    for await (const { type } of lifecycle.events({ follow: false })) types.push(type);
    expect(types.filter((type) => type === "ONBOARD")).toHaveLength(22);
    await other.query("COMMIT");
    await ours.query("COMMIT");
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(Object.values(await lifecycle.counts()).reduce((sum, one) => sum + one)).toBe(22);
  });

  it("takes in many users of one transaction, in their order, and each once where several ask for the same", async () => {
    const where = place();
    const { lifecycle, open, client, sandbox } = await world(where, {}, { limit: { calls: 1_000 } });
    const [ours, other] = [await client(), await client()];
    await ours.query("BEGIN");
    await other.query("BEGIN");
    const ids = Array.from({ length: 90 }, (_, n) => `user ${n}`);
    for (const id of ids) {
      await lifecycle.onboard(id, { within: ours, waitMs: 0 });
      if (id.endsWith("5")) await lifecycle.onboard(id, { within: other, waitMs: 0 });
    }
    await Promise.all([ours.query("COMMIT"), other.query("COMMIT")]);
    const others = await Promise.all([1, 2].map(() => open()));
    await Promise.all(others.map((each, n) => each.inspect(`user ${n + 80}`)));
    expect(await lifecycle.counts()).toEqual({ created: 90 });
    const waits = await sql(where.url, `SELECT id FROM "${where.schema}".users ORDER BY waits_since, id`);
    expect(waits).toHaveLength(90);
    for (const each of [lifecycle, ...others]) working(each);
    await Promise.all(ids.map((id) => lifecycle.onboard(id)));
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 90 });
  });

  it("works in every isolation level, whatever the snapshot has seen", async () => {
    const { lifecycle, client } = await world(place());
    const levels = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];
    for (const [n, level] of levels.entries()) {
      const ours = await client();
      await ours.query(`BEGIN ISOLATION LEVEL ${level}`);
      await ours.query("SELECT count(*) FROM pg_class"); // from here on its snapshot is fixed
      await lifecycle.onboard(`before ${n}`, { waitMs: 0 });
      await lifecycle.onboard(`user ${n}`, { within: ours, waitMs: 0 });
      await lifecycle.onboard(`after ${n}`, { waitMs: 0 });
      await ours.query("COMMIT");
      expect(await knows(lifecycle, `user ${n}`)).toBe(true);
    }
  });

  it("is of the one who was faster, where the user comes by another way before the commit", async () => {
    const { lifecycle, client, sandbox } = await world(place());
    const ours = await client();
    await begun(lifecycle, ours, "ada");
    const { oneupUserId } = await lifecycle.onboard("ada");
    await ours.query("COMMIT");
    expect(await lifecycle.inspect("ada")).toMatchObject({ oneupUserId, usable: true });
    expect(await lifecycle.onboard("ada", { within: ours })).toMatchObject({ usable: true, forecast: null });
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });

  it("returns a user once more who is in another state, but starts none over", async () => {
    const { lifecycle, client } = await world(place());
    const ours = await client("BEGIN");
    const within = { within: ours, waitMs: 0 } as const;
    await lifecycle.onboard("ada");
    await lifecycle.rename("ada", "ada2");
    await lifecycle.offboard("ada2");
    await expect(lifecycle.onboard("ada", within)).rejects.toMatchObject({ code: "RENAMED" });
    await expect(lifecycle.onboard("ada2", within)).rejects.toMatchObject({
      code: "USER_OFFBOARDED",
      retryable: false,
      message: expect.stringMatching(/within a transaction: it was offboarded; commit, and call onboard\(\)/),
    });
    await ours.query("SELECT 1"); // the transaction can go on
  });

  it("brings back a user who was forgotten, before or while it was open", async () => {
    const { lifecycle, client } = await world(place());
    const ours = await client();
    const gone = async (id: string): Promise<void> => {
      await lifecycle.onboard(id);
      await lifecycle.offboard(id);
      await lifecycle.forget(id);
    };
    await gone("ada");
    await begun(lifecycle, ours, "ada");
    await lifecycle.onboard("bob", { within: ours, waitMs: 0 });
    await gone("bob");
    expect(await knows(lifecycle, "ada")).toBe(false);
    await ours.query("COMMIT");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "created" });
    expect(await lifecycle.inspect("bob")).toMatchObject({ state: "created" });
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
    expect(await lifecycle.counts()).toEqual({ reauthorized: 2 });
  });

  it("tells of a user who was forgotten that it started over: an export reads what it has now", async () => {
    const { lifecycle, client, sandbox } = await world(place());
    const write = folder("export");
    const exporting = { name: "spring", write, types: ["Patient"], versions: ["r4"] } as const;
    await lifecycle.onboard("ada");
    sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    expect(await lifecycle.exportMany("all", exporting)).toMatchObject({ exported: 1, resources: 1 });
    await lifecycle.offboard("ada", { purge: ["r4"] });
    await lifecycle.forget("ada");
    const ours = await client();
    await begun(lifecycle, ours, "ada");
    await ours.query("COMMIT");
    await lifecycle.onboard("ada");
    sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    expect(await lifecycle.exportMany("all", exporting)).toMatchObject({ exported: 1, resources: 1 });
  });

  it("goes on while an operator has paused the account, and tells so", async () => {
    const { lifecycle, client } = await world(place());
    await lifecycle.account.pause({ reason: "a quiet hour" });
    const ours = await client();
    expect(await begun(lifecycle, ours, "ada")).toMatchObject({
      pause: { reason: "paused" },
      forecast: null,
    });
    await ours.query("COMMIT");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "created" });
  });

  it("keeps hidden ids hidden", async () => {
    const where = place();
    const { lifecycle, client } = await world(where, { hideIds: true, events: { keep: "7d" } });
    const ours = await client();
    await begun(lifecycle, ours, "ada@example.org");
    const { rows } = await ours.query(`SELECT joins::text AS row FROM "${where.schema}".joins`);
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain("example.org");
    await ours.query("COMMIT");
    const [{ appUserId } = {}] = (await lifecycle.userPage()).users;
    expect(appUserId).toBe("ada@example.org");
    for await (const event of lifecycle.events({ follow: false }))
      expect(event).toMatchObject({ type: "ONBOARD", appUserId: "ada@example.org" });
  });

  it("tells its event after those of commits that came first, and never below what a reader has passed", async () => {
    const { lifecycle, client } = await world(place(), { events: { keep: "7d" } });
    const ours = await client();
    const read = async (after?: string): Promise<readonly { appUserId: string | null; cursor: string }[]> => {
      const seen = [];
      for await (const event of lifecycle.events({ follow: false, after })) seen.push(event);
      return seen;
    };
    await begun(lifecycle, ours, "slow");
    await lifecycle.onboard("fast");
    const first = await read();
    expect(new Set(first.map(({ appUserId }) => appUserId))).toEqual(new Set(["fast"]));
    await ours.query("COMMIT"); // no other look at it: the reader itself finds it
    const later = await read(first.at(-1)?.cursor);
    expect(later.map(({ appUserId }) => appUserId)).toEqual(["slow"]);
  });

  it("leaves no deadlock and no user twice among many transactions, calls and workers at once", async () => {
    const where = place();
    const { lifecycle, open, sandbox } = await world(where, {}, { limit: { calls: 10_000 } });
    const others = [lifecycle, await open(), await open()];
    others.forEach(working);
    const pool = new Pool({ connectionString: where.url, max: 8 });
    afterwards(() => pool.end());
    const [before] = await sql(
      where.url,
      "SELECT deadlocks::integer AS n FROM pg_stat_database WHERE datname = current_database()",
    );
    const rolledBack = new Set<string>();
    await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        const each = others[n % 3] ?? lifecycle;
        const id = `user ${n % 20}`;
        if (n % 4 === 3) return void (await each.onboard(id));
        const client = await pool.connect();
        await begun(each, client, id);
        await begun(each, client, `own ${n}`, "SAVEPOINT one");
        if (n % 5 === 0) rolledBack.add(`own ${n}`);
        await client.query(n % 5 === 0 ? "ROLLBACK" : "COMMIT");
        client.release();
      }),
    );
    for (let n = 0; n < 20; n++) await lifecycle.onboard(`user ${n}`);
    for (const id of rolledBack) expect(await knows(lifecycle, id)).toBe(false);
    await vi.waitFor(
      async () => expect(Object.keys(await lifecycle.counts())).toEqual(["tokenActive"]),
      20_000,
    );
    expect(sandbox.journal.createdTwice()).toEqual([]);
    const [after] = await sql(
      where.url,
      "SELECT deadlocks::integer AS n FROM pg_stat_database WHERE datname = current_database()",
    );
    expect(after).toEqual(before);
  });
});
