/**
 * Where a command finds its users: how a store is named, and a lifecycle on it, to look or to work.
 *
 * @module
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { storeAt } from "../env.ts";
import { createLifecycle, keyFile } from "../index.ts";
import type { Lifecycle, LifecycleOptions, Logger, StoreAdapter } from "../index.ts";
import { readOnly } from "../store/read-only.ts";
import { duration, whole } from "./amounts.ts";
import { UsageError } from "./arguments.ts";
import type { Given, OptionHelp } from "./arguments.ts";
import { visible } from "./visible.ts";

/** The option that names a store. */
export const storeOption: Readonly<Record<string, OptionHelp>> = {
  store: { type: "string", value: "PLACE", says: "a folder, redis://…, postgres://… (ONEUP_STORE)" },
};

/** The options of commands that open one. */
export const placeOptions: Readonly<Record<string, OptionHelp>> = {
  ...storeOption,
  "key-file": { type: "string", value: "FILE", says: "the key's file (ONEUP_KEY_FILE)" },
};

/** The options of commands that ask how the account's limit stands. */
export const limitOptions: Readonly<Record<string, OptionHelp>> = {
  limit: { type: "string", value: "N", says: "management calls in a window, as your processes say it (300)" },
  window: { type: "string", value: "TIME", says: "length of that window: 30m, 1h (1h)" },
};

/** The options of commands that make calls. */
export const endpointOptions: Readonly<Record<string, OptionHelp>> = {
  api: { type: "string", value: "URL", says: "a gateway for https://api.1up.health, or a sandbox" },
  auth: { type: "string", value: "URL", says: "a gateway for https://auth.1up.health, or a sandbox" },
};

/** What the help of each of them says at its end. */
export const environmentSays: readonly string[] = [
  "Credentials, store and key come from the environment: ONEUP_CLIENT_ID, ONEUP_CLIENT_SECRET,",
  "ONEUP_STORE, ONEUP_KEY_FILE or ONEUP_KEY. PLACE is a folder, redis://…, postgres://…, or a module",
  "(.js, .mjs, .ts) whose default export is a store adapter. A URL with a password belongs into the",
  "environment: other users of this machine see the words of a command.",
];

/** The same, for commands that only look. */
export const lookingSays: readonly string[] = [
  "Only looks: it makes no call, starts no worker, and changes nothing; others may work meanwhile.",
  ...environmentSays,
];

/** The store that was named, not open yet. @throws {UsageError} if none was; {LifecycleError} `INVALID_OPTION` */
export async function adapterOf({ texts }: Pick<Given, "texts">): Promise<StoreAdapter> {
  const given = texts.get("store");
  const place = given ?? process.env["ONEUP_STORE"] ?? "";
  if (place === "") throw new UsageError("Which store? ONEUP_STORE must be set, or --store PLACE given");
  return /^[^:]*\.[cm]?[jt]s$/.test(place)
    ? adapterIn(place)
    : storeAt(place, given === undefined ? "ONEUP_STORE" : "--store");
}

async function adapterIn(path: string): Promise<StoreAdapter> {
  const refused = (why: string): UsageError => new UsageError(`Cannot use the store of ${path}: ${why}`);
  const module = (await import(pathToFileURL(resolve(path)).href).catch((error: unknown) => {
    throw refused(error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : "it does not load");
  })) as { readonly default?: unknown }; // every module is an object
  const { default: adapter } = module;
  if (isAdapter(adapter)) return adapter;
  throw refused("its default export must be a store adapter, with a name and open()");
}

function isAdapter(thing: unknown): thing is StoreAdapter {
  return (
    typeof thing === "object" &&
    thing !== null &&
    "open" in thing &&
    typeof thing.open === "function" &&
    "name" in thing &&
    typeof thing.name === "string"
  );
}

const nothing = (): void => {};

/** Warnings go to the standard error; `before` is called before each. */
export function warnsAfter(before: () => void): { readonly logger: Logger } {
  const warn = (message: string): void => {
    before();
    console.error(visible(message));
  };
  return { logger: { debug: nothing, info: nothing, warn } };
}

/** Warnings go to the standard error. */
export const warns: { readonly logger: Logger } = warnsAfter(nothing);

/** A lifecycle that writes nothing. @throws {LifecycleError} `STORE_UNUSABLE` if there is nothing to look at */
export async function openToLook(given: Pick<Given, "texts">, adapter?: StoreAdapter): Promise<Lifecycle> {
  const store = readOnly(adapter ?? (await adapterOf(given)));
  return createLifecycle.fromEnv({ ...optionsOf(given), store, ...warns });
}

/**
 * A lifecycle for a command that acts on users who are there already.
 * @throws {LifecycleError} `STORE_UNUSABLE` if there are none; neither a store nor a key is made
 */
export async function openToGoOn(
  given: Pick<Given, "texts">,
  more: Partial<LifecycleOptions>,
): Promise<Lifecycle> {
  return createLifecycle.fromEnv({ ...optionsOf(given), store: thatExists(await adapterOf(given)), ...more });
}

/** The same store, which must be there already. */
function thatExists(adapter: StoreAdapter): StoreAdapter {
  const looked = readOnly(adapter);
  return {
    ...looked,
    async open(options) {
      await (await looked.open(options)).close();
      return adapter.open(options);
    },
  };
}

/** A lifecycle for a command that acts, and may be the first to. */
export async function openToWork(
  given: Pick<Given, "texts">,
  more: Partial<LifecycleOptions>,
): Promise<Lifecycle> {
  return createLifecycle.fromEnv({ ...optionsOf(given), store: await adapterOf(given), ...more });
}

function optionsOf({ texts }: Pick<Given, "texts">): Partial<LifecycleOptions> {
  const key = texts.get("key-file");
  const api = texts.get("api");
  const auth = texts.get("auth") ?? api;
  const isLimited = texts.has("limit") || texts.has("window");
  return {
    ...(key !== undefined && { encryption: keyFile(key) }),
    endpoints: { ...(api !== undefined && { api }), ...(auth !== undefined && { auth }) },
    ...(isLimited && {
      limits: {
        management: {
          calls: whole("limit", texts.get("limit") ?? "300", 1),
          windowMs: duration("window", texts.get("window") ?? "1h"),
        },
      },
    }),
  };
}

/** Opens a lifecycle, uses it, and closes it. */
export async function using<T>(
  opened: Promise<Lifecycle>,
  use: (lifecycle: Lifecycle) => Promise<T>,
): Promise<T> {
  const lifecycle = await opened;
  try {
    return await use(lifecycle);
  } finally {
    await lifecycle.close();
  }
}
