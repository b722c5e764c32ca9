import { open } from "lmdb";
import { createLifecycle, fetchTransport, systemClock } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

const lease = { id: "a lease", owner: "the test", ms: 10_000 };

describe("a row that no store of ours wrote", () => {
  it.each(['{"cut', "null", "7", '{"value":1}', '{"revision":1,"value":{}}', '{"renamedTo":"elsewhere"}'])(
    "(%s) stops no other user: claim() skips it and reports the reason",
    async (garbage) => {
      const path = folder("damaged");
      const store = await lmdb(path).open({ account: "account", clock: systemClock });
      afterwards(() => store.close());
      const write = (id: string) =>
        ({
          id,
          value: { id },
          expectedRevision: 0,
          writeId: id,
          mode: "none",
          lease,
          state: "created",
          dueInMs: 0,
          lane: null,
        }) as const;
      for (const id of ["a", "b", "c"]) await store.commit(write(id));
      const raw = open({ path, maxDbs: 48, overlappingSync: false, eventTurnBatching: false });
      await raw.openDB<string, string>({ name: "account/users", encoding: "string" }).put("b", garbage);

      const { claimed } = await store.claim({ limit: 10, lease });
      expect(claimed.map(({ record }) => record.id)).toEqual(["a", "c"]);
      expect((await store.claim({ limit: 10, lease })).claimed).toEqual([]);
      if (garbage.includes("renamedTo")) return;
      const stale = { ...write("b"), expectedRevision: 1, writeId: "again" };
      await expect(store.load("b")).rejects.toMatchObject({ code: "RECORD_DAMAGED", retryable: false });
      await expect(store.commit(stale)).rejects.toMatchObject({ code: "RECORD_DAMAGED" });
    },
  );
});

describe("a row that was cut within its value", () => {
  it.each(["reauthorize", "offboard"] as const)("is replaced by %s()", async (verb) => {
    const path = folder("cut");
    const sandbox = createSandbox();
    const { credentials } = sandbox;
    const encryption = { keys: [new Uint8Array(32).fill(1)] };
    const transport = fetchTransport(sandbox.fetch);
    const begin = () => createLifecycle({ credentials, encryption, transport, store: lmdb(path) });
    const first = await begin();
    await first.onboard("ada");
    await first.close();
    const raw = open({ path, maxDbs: 48, overlappingSync: false, eventTurnBatching: false });
    const [account] = [...raw.getKeys()].map(String).filter((name) => name.endsWith("/users"));
    const users = raw.openDB<string, string>({ name: account ?? "", encoding: "string" });
    const text = users.get("ada") ?? "";
    await users.put("ada", text.slice(0, text.indexOf('"value":') + 100));
    await raw.close();

    const lifecycle = await begin();
    afterwards(() => lifecycle.close());
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject({
      code: "RECORD_DAMAGED",
      message: expect.stringMatching(/reauthorize\(\) gets a new grant$/),
    });
    if (verb === "offboard") {
      expect(await lifecycle.offboard("ada", { purge: false })).toMatchObject({ state: "offboarded" });
      await lifecycle.forget("ada");
      expect(await lifecycle.counts()).toEqual({});
    } else {
      expect(await lifecycle.reauthorize("ada")).toMatchObject({ usable: true, oneupUserId: 1001 });
      expect(sandbox.journal.createdTwice()).toEqual([]);
    }
  });
});
