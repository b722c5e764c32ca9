import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { accountOf } from "../../src/store/account-of.ts";
import type { Store } from "../../src/store/contract.ts";
import { pseudonymisedStore } from "../../src/store/sealing/pseudonymised-store.ts";
import { HiddenNames } from "../../src/store/sealing/hidden-names.ts";
import { openKeys } from "../../src/store/sealing/key-record.ts";
import { keyRing } from "../../src/store/sealing/key-ring.ts";
import { anyKey } from "../support/places.ts";
import { scene } from "../support/scene.ts";
import { loggerTo } from "../support/loggers.ts";

const lease = { id: "lease of the test", owner: "the test", ms: 1 };

const envelope = {
  format: 1,
  context: {},
  intent: null,
  pause: null,
  lane: "bulk",
  history: [],
  calls: { management: 0, token: 0 },
  sealed: null,
};

const encryption = { keys: [anyKey] };
const account = accountOf("sandbox-client");

/** The store as the lifecycle sees it that has it open. */
async function hidden(store: Store): Promise<Store> {
  const ring = () => keyRing(encryption, false, systemClock);
  const { names } = await openKeys({ record: store.account, account, ring, hideIds: true, writeId: "w" });
  return pseudonymisedStore(store, new HiddenNames(names, account), () => {});
}

describe.each([false, true])("a record that this release cannot read (hideIds: %s)", (hideIds) => {
  it.each([
    { value: { format: 99, wisdom: "of a later release" }, code: "RECORD_TOO_NEW" },
    { value: { format: 1, state: "created" }, code: "RECORD_DAMAGED" },
    { value: "nonsense", code: "RECORD_DAMAGED" },
    { value: { ...envelope, state: "dancing" }, code: "RECORD_DAMAGED" },
  ])(
    "($code: $value) keeps its value and is reported, and all other users continue",
    async ({ value, code }) => {
      const { sandbox, open } = await scene();
      const adapter = memory();
      const warnings: string[] = [];
      const lifecycle = await open({
        store: adapter,
        encryption,
        hideIds,
        logger: loggerTo(({ message }) => warnings.push(message)),
      });
      const opened = await adapter.open({ account, clock: sandbox.clock });
      const store = hideIds ? await hidden(opened) : opened;
      const write = { id: "strange", expectedRevision: 0, writeId: "w", mode: "none", lease } as const;
      await store.commit({ ...write, value, state: "created", dueInMs: 0, lane: null });

      await lifecycle.onboard("ada");
      sandbox.clock.advance(7 * 24 * 3_600_000);
      expect(await lifecycle.resume()).toMatchObject({ rested: { refreshed: 1 } });
      for (const call of [
        lifecycle.inspect("strange"),
        lifecycle.onboard("strange"),
        lifecycle.accessToken("strange"),
      ]) {
        await expect(call).rejects.toMatchObject({ code, retryable: false });
      }
      const listed: string[] = [];
      for await (const user of lifecycle.users()) listed.push(user.appUserId);
      expect(listed).toEqual(["ada"]);
      expect(warnings.some((line) => line.includes(lifecycle.alias("strange")))).toBe(true);
      const quarantined = { revision: 2, lease: null, state: "created" };
      expect(await store.load("strange")).toMatchObject({
        record: { value, ...(code === "RECORD_TOO_NEW" ? { revision: 1 } : quarantined) },
      });
      expect(sandbox.users().map((user) => user.appUserId)).toEqual(["ada"]);
    },
  );
});
