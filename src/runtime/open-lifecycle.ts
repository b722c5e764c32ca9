/**
 * Opens a lifecycle: wires the store, the account, the guard, the sender and the engine together.
 *
 * @module
 */
import { resolve } from "node:path";
import process from "node:process";
import { setImmediate } from "node:timers";
import { linkSignals } from "../abort.ts";
import { randomName, systemClock } from "../clock.ts";
import { type LifecycleError, storeUnusable } from "../errors.ts";
import { createGuard } from "../guard/guard.ts";
import { defaultTransport } from "../http/undici-transport.ts";
import { endpointsSeen } from "../http/endpoints.ts";
import { createSender } from "../http/send.ts";
import { pseudonymisedStore } from "../store/sealing/pseudonymised-store.ts";
import { HiddenNames } from "../store/sealing/hidden-names.ts";
import { accountOf } from "../store/account-of.ts";
import { newestFormat } from "../store/envelope.ts";
import { readOnce } from "../store/sealing/keys.ts";
import { steadyClock, type Moment } from "../store/steady-time.ts";
import { keyRing, type KeyRing } from "../store/sealing/key-ring.ts";
import type { AccountRecord, Lane } from "../store/contract.ts";
import type { SealMemory } from "../store/sealing/sealer.ts";
import { Account } from "./gates/account.ts";
import { Outbox } from "./account/outbox.ts";
import { troubleAt } from "./gates/gate-rules.ts";
import { Pauses } from "./account/pauses.ts";
import { openChecked } from "./account/checked-store.ts";
import { askForCredentials } from "./options/credentials.ts";
import { Changes } from "./engine/changes.ts";
import { gathering, type Engine, type EndSignals } from "./engine/engine.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { LimitsInForce } from "./account/limits-in-force.ts";
import { checkOrigins, warnOfOtherOrigins, originsOf, originsField } from "./account/origins.ts";
import { neutralCall } from "./engine/neutral-call.ts";
import { checkOptions, type LifecycleOptions, type Settings } from "./options/lifecycle-options.ts";
import { guardedRecorder } from "./telemetry/guarded-recorder.ts";
import { userCalls } from "./user/step.ts";
import { TokenOwners } from "./user/token-owners.ts";
import { unseenTransport } from "./telemetry/unseen-transport.ts";
import { SearchForms } from "./user/search-forms.ts";
import { StoreKeys } from "./account/store-keys.ts";
import { lifecycleOver } from "./lifecycle-over.ts";
import { laneService } from "./engine/work.ts";

/** Values that tests set in place of the release and the platform, and the command for itself. */
export interface Seams {
  /**
   * The newest record format it knows. It reads this format and all older ones, and starts a new store with the one
   * before.
   */
  readonly newestFormat?: number;
  /** Runs a task at the end of this turn of the event loop. */
  readonly nextTurn?: (task: () => void) => void;
  /** The longest time between two reads of the store while watching a user, ms, unless the call sets its own. */
  readonly pollMs?: number;
  /** Shared by all lifecycles of one account in this process. */
  readonly memory?: SealMemory;
  /** Draws the 32 bytes of a key of a new store. @default random bytes */
  readonly newKey?: (use: "store" | "names") => Uint8Array;
  /** The store may belong to other origins: for commands that make no calls. `noted`: a warning names both. */
  readonly anyOrigin?: boolean | "noted";
}

/** A lifecycle and its engine. */
export interface Opened {
  readonly lifecycle: Lifecycle;
  /** For code that stores users without running them: the testing entry point. */
  readonly engine: Engine;
}

/**
 * Opens a lifecycle.
 * @throws {LifecycleError} `INVALID_OPTION`, `KEY_REFUSED`, `STORE_UNUSABLE`, `RECORD_TOO_NEW`
 */
export async function openLifecycle(options: LifecycleOptions, seams: Seams = {}): Promise<Lifecycle> {
  return (await openParts(options, seams)).lifecycle;
}

/** Opens a lifecycle and returns its engine too. @throws {LifecycleError} as {@link openLifecycle} */
export async function openParts(options: LifecycleOptions, seams: Seams = {}): Promise<Opened> {
  const settings = checkOptions(options);
  const ending = { closing: linkSignals(), closeDeadline: linkSignals() };
  const ends = { closing: ending.closing.signal, closeDeadline: ending.closeDeadline.signal };
  const engine = await openEngine(settings, ends, seams);
  return { lifecycle: lifecycleOver(engine, ending), engine };
}

async function openEngine(
  settings: Settings,
  ends: EndSignals,
  {
    newestFormat: newest = newestFormat,
    nextTurn = setImmediate,
    pollMs = 1_000,
    memory,
    newKey,
    anyOrigin = false,
  }: Seams,
): Promise<Engine> {
  const { timeoutMs, graceMs } = settings;
  const clock = steadyClock(settings.clock); // one wrong reading must not become a gate or a pause of a day
  const credentials = await askForCredentials(settings.credentials, systemClock);
  const account = accountOf(credentials.clientId);
  const recorder = guardedRecorder(
    settings.telemetry,
    { store: settings.store.name, calls: userCalls() },
    settings.logger,
  );
  const checked = await openChecked(settings.store, account, clock, { recorder, logger: settings.logger });
  const { store: opened } = checked;
  try {
    const { hideIds, logger } = settings;
    const encryption = readOnce(settings.encryption);
    const warn = (message: string): void => logger.warn({}, message);
    const ring = (storeIsNew: boolean): KeyRing => {
      if (storeIsNew && settings.storeMustExist) throw missingStore(settings);
      return keyRing(encryption, storeIsNew, clock, warn);
    };
    const origins = originsOf(settings);
    const fields = anyOrigin ? {} : originsField(origins);
    const { account: record, events } = opened;
    const shared = { record, clock, logger };
    const { keepEventsMs, store: adapter } = settings;
    const outbox = new Outbox({ ...shared, events, configured: keepEventsMs, adapter });
    const seen = (found: AccountRecord, began: Moment): void => outbox.applyRecord(found, began);
    const begun = (): void => noteNewStore(settings);
    const parts = { ...shared, account, ring, hideIds, fields, newest, memory, newKey, seen, begun };
    const keys = await StoreKeys.open({ ...parts, users: opened });
    const { changeOrigin: change } = settings;
    if (!anyOrigin) await checkOrigins({ ...shared, origins, change });
    else if (anyOrigin === "noted") await warnOfOtherOrigins({ ...shared, origins });
    const hidden = hideIds ? new HiddenNames(keys.view.names, account) : null;
    const store = hidden === null ? opened : pseudonymisedStore(opened, hidden, warn);
    const { limits: configured, lanes } = settings;
    const changes = new Changes(clock, logger);
    const changed = (): void => changes.accountChanged();
    const pauses = new Pauses({ ...shared, changed });
    const paused = (): readonly Lane[] => pauses.lanes();
    const limits = await LimitsInForce.open({ ...shared, configured, lanes, paused, seen });
    await outbox.configure();
    const endpoints = endpointsSeen(clock, logger, (text) => keys.sealer.textPrint(text));
    const sender = createSender({
      transport: unseenTransport(settings.transport ?? defaultTransport(), recorder),
      clock,
      timeoutMs,
      maxBytes: settings.maxAnswerBytes,
      seen: (call, answered) => endpoints.note(call, answered),
    });
    const engine: Engine = {
      settings,
      clock,
      ...checked,
      store,
      keys,
      sealer: keys.sealer,
      hidden,
      limits,
      pauses,
      outbox,
      guard: createGuard({ slots: store.slots, clock, limits, timeoutMs, graceMs }),
      account: new Account({
        ...shared,
        refuseLost: checked.refuseLost,
        source: settings.credentials,
        credentials,
        fingerprint: (secret) => keys.sealer.fingerprint(secret),
        get windowMs() {
          return limits.management.windowMs;
        },
        lostMs: timeoutMs + graceMs,
        neutral: (endpoint, permit) => neutralCall(engine, endpoint, permit),
        trouble: (name, gate) => troubleAt(name, gate, endpoints),
        changed,
        seen(record, began) {
          limits.applyRecord(record);
          pauses.applyRecord(record, began);
          void keys.applyRecord(record, began);
        },
      }),
      sender,
      recorder,
      endpoints,
      tokenOwners: new TokenOwners(
        { sealer: keys.sealer, hidden },
        new URL(settings.api).host === new URL(settings.auth).host,
        () => sender.renew(),
      ),
      forms: new SearchForms(clock, sender.sendsGetBody),
      owner: `${process.pid}-${randomName(clock)}`,
      changes,
      running: new Map(),
      calls: new Set(),
      lanes: laneService(() => engine),
      ...ends,
      gather: gathering(nextTurn),
      pollMs,
    };
    return engine;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** Another working directory, or a mistyped place, begins a second store without an error. */
function noteNewStore({ logger, store }: Settings): void {
  if (store.durable)
    logger.info({}, `Began a new store (${placeOf(store)}): no user of this client id is in it yet`);
}

function missingStore({ store }: Settings): LifecycleError {
  return storeUnusable(
    `Cannot start: the store (${placeOf(store)}) holds nothing of this client id, and storeMustExist is set; if users were in it, restore its backup, and if it is new, start once without storeMustExist`,
  );
}

function placeOf({ folder, name }: Settings["store"]): string {
  return folder === undefined ? name : `${name} in ${resolve(folder)}`;
}
