/**
 * Opens a lifecycle: puts the rooms of the house together.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import process from "node:process";
import { setImmediate } from "node:timers";
import { randomBytes } from "node:crypto";
import { randomName } from "../clock.ts";
import { createGuard } from "../guard/guard.ts";
import { defaultTransport } from "../http/default-transport.ts";
import { createSender } from "../http/send.ts";
import { hidingIds } from "../store/hidden-ids.ts";
import { HiddenNames } from "../store/hidden-names.ts";
import { accountOf } from "../store/account.ts";
import { newestFormat } from "../store/envelope.ts";
import { readOnce } from "../store/keys.ts";
import { keyRing } from "../store/key-ring.ts";
import type { KeyRing } from "../store/key-ring.ts";
import { Account } from "./account.ts";
import { Changes } from "./changes.ts";
import { gathering } from "./engine.ts";
import type { Engine } from "./engine.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { checkOptions } from "./options.ts";
import type { LifecycleOptions, Settings } from "./options.ts";
import { StoreKeys } from "./store-keys.ts";
import { lifecycleOver } from "./verbs.ts";
import { laneService } from "./worker.ts";

/** What tests decide in place of the release and the platform. */
export interface Seams {
  /** The newest format it knows. It reads this one and all older ones, and begins a new store with the one before. */
  readonly newestFormat?: number;
  /** Runs a task at the end of this turn of the event loop. */
  readonly nextTurn?: (task: () => void) => void;
  /** How long whoever watches a user waits at most between two looks, ms, unless it says so itself. */
  readonly lookMs?: number;
}

/** A lifecycle, and what it works with. */
export interface Opened {
  readonly lifecycle: Lifecycle;
  /** For whoever writes users down without driving them there: the testing door. */
  readonly engine: Engine;
}

/**
 * Opens a lifecycle.
 * @throws {LifecycleError} `INVALID_OPTION`, `KEY_REFUSED`, `STORE_UNUSABLE`, `RECORD_TOO_NEW`
 */
export async function openLifecycle(options: LifecycleOptions, seams: Seams = {}): Promise<Lifecycle> {
  return (await openParts(options, seams)).lifecycle;
}

/** Opens a lifecycle and shows its inside. @throws {LifecycleError} as {@link openLifecycle} */
export async function openParts(options: LifecycleOptions, seams: Seams = {}): Promise<Opened> {
  const settings = checkOptions(options);
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  const engine = await openEngine(settings, closing.signal, seams);
  return { lifecycle: lifecycleOver(engine, closing), engine };
}

async function openEngine(
  settings: Settings,
  closing: AbortSignal,
  { newestFormat: newest = newestFormat, nextTurn = setImmediate, lookMs = 1_000 }: Seams,
): Promise<Engine> {
  const { clock, limits, timeoutMs, graceMs } = settings;
  const credentials = await settings.credentials.ask();
  const account = accountOf(credentials.clientId);
  const opened = await settings.store.open({ account, clock });
  try {
    const { hideIds, logger } = settings;
    const encryption = readOnce(settings.encryption ?? { keys: [memoryKey] });
    const warn = (message: string): void => logger.warn(message);
    const ring = (storeIsNew: boolean): KeyRing => keyRing(encryption, storeIsNew, clock, warn);
    const parts = { record: opened.account, account, ring, hideIds, clock, newest, logger };
    const keys = await StoreKeys.open(parts);
    const hidden = hideIds ? new HiddenNames(keys.view.names, account) : null;
    const store = hidden === null ? opened : hidingIds(opened, hidden, warn);
    const changes = new Changes(clock);
    const engine: Engine = {
      settings,
      clock,
      store,
      keys,
      sealer: keys.sealer,
      hidden,
      guard: createGuard({ slots: store.slots, clock, limits, timeoutMs, graceMs }),
      account: new Account({
        record: opened.account,
        clock,
        source: settings.credentials,
        credentials,
        fingerprint: (secret) => keys.sealer.fingerprint(secret),
        windowMs: limits.management.windowMs,
        lostMs: timeoutMs + graceMs,
        logger,
        changed: () => changes.wakeWorkers(),
        seen: (record, at) => void keys.see(record, at),
      }),
      sender: createSender({
        transport: settings.transport ?? defaultTransport(),
        clock,
        timeoutMs,
        maxBytes: longestAnswer,
      }),
      owner: `${process.pid}-${randomName(clock)}`,
      changes,
      driving: new Map(),
      lanes: laneService(() => engine),
      closing,
      gather: gathering(nextTurn),
      lookMs,
    };
    return engine;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** Bytes of an answer that are read at most: FHIR resources can carry documents. */
const longestAnswer = 16 * 1024 * 1024;

/** Stores that die with the process need no key of yours; this one dies with them. */
const memoryKey = randomBytes(32);
