/**
 * Resolves a store's name, and opens a lifecycle on it to read or to work.
 *
 * @module
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { endpointsFromEnv, storeAt } from "../env.ts";
import { createLifecycle, keyFile } from "../index.ts";
import type { Lifecycle, LifecycleOptions, Logger, StoreAdapter } from "../index.ts";
import { readOnly } from "../store/read-only.ts";
import { duration, whole } from "./parse-units.ts";
import { UsageError } from "./arguments.ts";
import type { Given, OptionHelp } from "./arguments.ts";
import { escapeControl } from "./escape-control.ts";

/** The option that names a store. */
export const storeOption: Readonly<Record<string, OptionHelp>> = {
  store: {
    type: "string",
    value: "PLACE",
    description: "folder, redis://…, postgres://… (default: ONEUP_STORE)",
  },
};

/** The options of commands that open a store. */
export const placeOptions: Readonly<Record<string, OptionHelp>> = {
  ...storeOption,
  "key-file": {
    type: "string",
    value: "FILE",
    description: "file with the encryption key (default: ONEUP_KEY_FILE)",
  },
};

/** The options of commands that depend on the account's limit. */
export const limitOptions: Readonly<Record<string, OptionHelp>> = {
  limit: {
    type: "string",
    value: "N",
    description: "management calls per window (default: the recorded limit, or 300 with --window)",
  },
  window: {
    type: "string",
    value: "TIME",
    description: "length of the window, e.g. 30m (default: the recorded one, or 1h with --limit)",
  },
};

/** The options of commands that make calls. */
export const endpointOptions: Readonly<Record<string, OptionHelp>> = {
  api: {
    type: "string",
    value: "URL",
    description: "e.g. of a sandbox (default: ONEUP_API, else https://api.1up.health)",
  },
  auth: {
    type: "string",
    value: "URL",
    description: "(default: that of --api, else ONEUP_AUTH or ONEUP_API, else https://auth.1up.health)",
  },
};

/** The end of the help of commands that open a store. */
export const environmentSays: readonly string[] = [
  "Credentials, store and key come from the environment: ONEUP_CLIENT_ID, ONEUP_CLIENT_SECRET,",
  "ONEUP_STORE, ONEUP_KEY_FILE or ONEUP_KEY. PLACE is a folder, redis://…, postgres://…, or a module",
  "(.js, .mjs, .ts) whose default export is a store adapter. Put a URL with a password into the",
  "environment: other users of this machine can see command lines.",
];

/** The same, for read-only commands. */
export const lookingSays: readonly string[] = [
  "Read-only: it makes no calls, starts no worker and changes nothing, so it is safe beside workers.",
  ...environmentSays,
];

/** The named store, not yet open. @throws {UsageError} if none was named; {LifecycleError} `INVALID_OPTION` */
export async function adapterOf({ texts }: Pick<Given, "texts">): Promise<StoreAdapter> {
  const given = texts.get("store");
  const place = given ?? process.env["ONEUP_STORE"] ?? "";
  if (place === "") throw new UsageError("No store given: set ONEUP_STORE or use --store PLACE");
  return /^[^:]*\.[cm]?[jt]s$/.test(place)
    ? adapterIn(place)
    : storeAt(place, given === undefined ? "ONEUP_STORE" : "--store");
}

async function adapterIn(path: string): Promise<StoreAdapter> {
  const refused = (why: string): UsageError => new UsageError(`Cannot use the store of ${path}: ${why}`);
  const module = (await import(pathToFileURL(resolve(path)).href).catch((error: unknown) => {
    throw refused(error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : "it cannot be loaded");
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

/** Writes warnings to the standard error; calls `before` first each time. */
export function warnsAfter(before: () => void): { readonly logger: Logger } {
  const warn: Logger["warn"] = (_fields, message) => {
    before();
    console.error(escapeControl(message));
  };
  return { logger: { debug: nothing, info: nothing, warn, error: warn } };
}

/** Writes warnings to the standard error. */
export const warns: { readonly logger: Logger } = warnsAfter(nothing);

/** Opens a read-only lifecycle. @throws {LifecycleError} `STORE_UNUSABLE` if the store does not exist */
export async function openToLook(given: Pick<Given, "texts">, adapter?: StoreAdapter): Promise<Lifecycle> {
  const store = readOnly(adapter ?? (await adapterOf(given)));
  return createLifecycle.fromEnv({ ...optionsOf(given), store, ...warns });
}

/**
 * Opens a lifecycle for a command that acts on existing users.
 * @throws {LifecycleError} `STORE_UNUSABLE` if the store does not exist; creates neither a store nor a key
 */
export async function openToGoOn(
  given: Pick<Given, "texts">,
  more: Partial<LifecycleOptions>,
): Promise<Lifecycle> {
  return createLifecycle.fromEnv({ ...optionsOf(given), store: thatExists(await adapterOf(given)), ...more });
}

/** The same store, which must exist already. */
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

/** Opens a lifecycle for a command that may create the store. */
export async function openToWork(
  given: Pick<Given, "texts">,
  more: Partial<LifecycleOptions>,
): Promise<Lifecycle> {
  return createLifecycle.fromEnv({ ...optionsOf(given), store: await adapterOf(given), ...more });
}

function optionsOf({ texts }: Pick<Given, "texts">): Partial<LifecycleOptions> {
  const key = texts.get("key-file");
  const isLimited = texts.has("limit") || texts.has("window");
  return {
    ...(key !== undefined && { encryption: keyFile(key) }),
    endpoints: endpointsIn(texts),
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

/** The base URLs of the flags, else of the environment. One `--api` names both, as a sandbox has one. */
export function endpointsIn(texts: Given["texts"]): NonNullable<LifecycleOptions["endpoints"]> {
  const api = texts.get("api");
  const auth = texts.get("auth") ?? api;
  return {
    ...endpointsFromEnv(),
    ...(api !== undefined && { api }),
    ...(auth !== undefined && { auth }),
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
