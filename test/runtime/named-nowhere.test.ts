import { inspect } from "node:util";
import type { KeyvStoreAdapter } from "keyv";
import { isLifecycleError, type Lifecycle } from "oneup-lifecycle";
import { keyv } from "oneup-lifecycle/adapters/keyv";
import { describe, expect, it, vi } from "vitest";
import { accountOf } from "../../src/store/account-of.ts";
import { anyKey } from "../support/places.ts";
import { scene } from "../support/scene.ts";
import { loggerTo } from "../support/loggers.ts";

/** Found at once, in whatever spelling. */
const mark = "planted";
const id = (name: string): string => `${name}.${mark}@example.org`;

/** A storage for Keyv that quotes keys when it fails, as databases do. */
function quoting(): { readonly storage: KeyvStoreAdapter; down: boolean } {
  const kept = new Map<string, unknown>();
  const state = {
    down: false,
    storage: {
      opts: { dialect: "sqlite" }, // one of those that Keyv iterates over
      on: () => state.storage,
      get: async (key: string) => kept.get(key),
      async set(key: string, value: unknown) {
        const message = `duplicate key ${JSON.stringify([...kept.keys(), key])}`;
        if (state.down) throw Object.assign(new Error(message), { detail: message, code: "23505" });
        kept.set(key, value);
        return true;
      },
      delete: async (key: string) => kept.delete(key),
      clear: async () => kept.clear(),
      async *iterator() {
        yield* kept.entries();
      },
    } as unknown as KeyvStoreAdapter, // the few methods that are used
  };
  return state;
}

describe.each([{ hideIds: false }, { hideIds: true }])(
  "the id of a user ($hideIds: hideIds)",
  ({ hideIds }) => {
    it("stands in no log line, error, health or budget, whatever fails", async () => {
      const said: string[] = [];
      const note = (thing: unknown): void => {
        said.push(inspect(thing, { depth: 20, showHidden: true }), JSON.stringify(thing) ?? "");
        if (thing instanceof Error) said.push(thing.stack ?? "");
      };
      const failing = async (call: Promise<unknown>, code: string): Promise<void> => {
        const error: unknown = await call.then(
          (value) => expect.fail(`it resolved with ${inspect(value)} instead of ${code}`),
          (reason: unknown) => reason,
        );
        expect(error).toMatchObject({ code });
        note(error);
      };
      const { sandbox, server, open } = await scene();
      const beneath = quoting();
      const store = keyv(beneath.storage);
      const logger = loggerTo(note);
      const at = { store, hideIds, logger, encryption: { keys: [anyKey] } };
      const quick = { timeoutMs: 1_000, graceMs: 20, leaseMs: 1_100 };
      const lifecycle: Lifecycle = await open({ ...at, ...quick });
      for (const name of ["ada", "bob", "eve"]) await lifecycle.onboard(id(name));
      const remark = { error: "bad", message: `no way, ${id("kim")}`, app_user_id: id("kim") };
      // Words that refuse an id for good.
      const quotes = { success: false, ...remark, error: `app_user_id "${id("kim")}" is not allowed` };

      // 1upHealth refuses, breaks off, says nonsense, and quotes.
      const always = { call: "createUser", status: 422, times: Infinity } as const;
      sandbox.fail({ ...always, body: quotes });
      await failing(lifecycle.onboard(id("kim")), "USER_FAILED");
      sandbox.clearFaults();
      sandbox.fail({ ...always, body: remark });
      await vi.waitFor(async () => {
        const waiting = await lifecycle.onboard(id("lin"), { waitMs: 1_000 });
        expect(waiting.pause).toMatchObject({ reason: "unexplained" });
        note({ ...waiting, appUserId: null }); // a status is the one place that has the id
      });
      sandbox.clearFaults();
      sandbox.fail({ call: "fhir.read", times: 3, status: 400, body: quotes });
      await failing(lifecycle.fhir(id("ada"), "r4").read("Patient", "x"), "FHIR_REFUSED");
      for (const fault of [
        { status: 500, body: quotes },
        { drop: "after" },
        { status: 404, body: quotes },
      ] as const) {
        sandbox.fail({ call: "listUsers", ...fault });
        await lifecycle.remote.find({ appUserId: id("ada") }).then(undefined, note);
      }
      sandbox.createUser(id("taken"));
      await failing(lifecycle.rename(id("ada"), id("taken")), "USER_CONFLICT");
      await failing(lifecycle.rename(id("ada"), id("bob")), "USER_CONFLICT");
      sandbox.fail({ call: "updateUser", drop: "after" });
      // Each is settled at once on a machine that stands still for longer than a call may be late.
      await lifecycle.rename(id("bob"), id("robert"), { waitMs: 0 }).then(undefined, note);
      await lifecycle.reauthorize(id("bob"), { waitMs: 0 }).catch((error: unknown) => {
        if (!isLifecycleError(error, "RENAMED")) note(error); // a caller under an old id may see the new one
      });
      await failing(lifecycle.inspect(id("nobody")), "USER_UNKNOWN");
      await failing(lifecycle.onboard(`${id("x")}\n`), "INVALID_ID");

      // The answer to a caller under an old id is the one place that has an id, and only in its facts.
      await lifecycle.rename(id("eve"), id("eva"));
      const renamed: unknown = await lifecycle.inspect(id("eve")).catch((error: unknown) => error);
      expect(renamed).toMatchObject({ code: "RENAMED", facts: { renamedTo: id("eva") } });
      if (renamed instanceof Error) said.push(String(renamed), renamed.stack ?? "");

      // A record is damaged, and the store goes down.
      const raw = await store.open({ account: accountOf("sandbox-client"), clock: sandbox.clock });
      const lease = { id: "lease", owner: "test", ms: 1 };
      const damage = { id: id("dan"), value: null, expectedRevision: 0, writeId: "w", lease } as const;
      await raw.commit({ ...damage, mode: "none", state: "created", dueInMs: 0, lane: null });
      if (!hideIds) await failing(lifecycle.accessToken(id("dan")), "RECORD_DAMAGED");
      await lifecycle.resume();
      for await (const user of lifecycle.users()) expect(user.appUserId).toContain(mark);
      beneath.down = true;
      await failing(lifecycle.onboard(id("new"), { waitMs: 100 }), "STORE_UNAVAILABLE");
      await failing(lifecycle.reauthorize(id("ada"), { waitMs: 100 }), "STORE_UNAVAILABLE");
      await lifecycle.work({ signal: AbortSignal.timeout(30) });
      note(await lifecycle.health());
      note(lifecycle.budget.get());
      beneath.down = false;
      await raw.close();
      await server.close();
      await lifecycle.remote.find({ appUserId: id("ada") }).then(undefined, note);
      note(lifecycle);
      await lifecycle.close();
      await failing(lifecycle.inspect(id("ada")), "CLOSED");

      expect(said.join("\n")).toContain(lifecycle.alias(id("ada")));
      expect(said.filter((line) => line.includes(mark))).toEqual([]);
    });
  },
);
