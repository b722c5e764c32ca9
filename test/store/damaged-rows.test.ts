import { open } from "lmdb";
import { systemClock } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
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
