/**
 * Resolves a store's name, opens a lifecycle on it for one command, and prints its warnings. These and its errors are
 * put into the words of a shell by `shell-words.ts`.
 *
 * @module
 */
import { endpointsFromEnv, optionsFromEnv, storeAt } from "../env.ts";
import {
  isLifecycleError,
  keyFile,
  LifecycleError,
  type Lifecycle,
  type LifecycleOptions,
  type Logger,
  type StoreAdapter,
} from "../index.ts";
import { openLifecycle } from "../runtime/open-lifecycle.ts";
import { readOnly } from "../store/read-only.ts";
import { duration, whole, UsageError } from "./arguments.ts";
import type { Given, Way } from "./command.ts";
import { escapeControl } from "./format.ts";
import { printError } from "./screen.ts";
import { atShell } from "./shell-words.ts";
import { visibleId } from "../visible-id.ts";

/**
 * The store that this flag or variable names, not yet open.
 * @throws {UsageError} if none was named; {LifecycleError} `INVALID_OPTION`
 */
export async function adapterOf(
  given: Pick<Given, "texts">,
  flag = "store",
  variable = "ONEUP_STORE",
): Promise<StoreAdapter> {
  const place = placeOf(given, flag, variable);
  if (place === "") throw new UsageError(`No store given: set ${variable} or use --${flag} PLACE`);
  return storeAt(place, given.texts.has(flag) ? `--${flag}` : variable);
}

/** Where the store is, as it was named; empty if it was not. */
export function placeOf({ texts }: Pick<Given, "texts">, flag = "store", variable = "ONEUP_STORE"): string {
  return texts.get(flag) ?? process.env[variable] ?? "";
}

/** How {@link withStore} opens the store. */
export interface Opening {
  /** @default that of the command */
  readonly way?: Way;
  /** @default the named one */
  readonly adapter?: StoreAdapter;
  readonly options?: Partial<LifecycleOptions>;
  /** Called before a warning is printed. */
  readonly beforeWarning?: () => void;
  /** Whether to print, too, that something that was wrong is over. @default false */
  readonly printsEnds?: boolean;
}

/**
 * Opens a lifecycle on the named store, uses it, and closes it. Warnings and errors name users by the ids that were
 * typed, or that `use` names, and options by their flags.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE` if the store does not exist, unless the command may create it
 */
export async function withStore<T>(
  given: Given,
  use: (lifecycle: Lifecycle, name: (id: string) => void) => Promise<T>,
  {
    way = given.command.opens as Way,
    adapter,
    options = {},
    beforeWarning = nothing,
    printsEnds = false,
  }: Opening = {}, // only commands that open one call this
): Promise<T> {
  const aliases = new Map<string, string>();
  const inWords = (text: string): string => atShell(text, given, aliases);
  const warn: Logger["warn"] = (_fields, message) => {
    beforeWarning();
    printError(escapeControl(inWords(message)));
  };
  try {
    const store = storeFor(way, adapter ?? (await adapterOf(given)));
    const logger = { debug: nothing, info: printsEnds ? warn : nothing, warn, error: warn };
    const named = await optionsFromEnv({ ...optionsOf(given), store, logger, ...options });
    const opening = way === "look" ? { ...named, events: undefined } : named; // what is set is recorded in the store
    const isNamed = Object.keys(opening.endpoints ?? {}).length > 0;
    const anyOrigin = (way === "look" || way === "tend") && (isNamed ? "noted" : true);
    const lifecycle = await openLifecycle(opening, { anyOrigin });
    try {
      const name = (id: string): void => void aliases.set(lifecycle.alias(id), id);
      typedIds(given).forEach(name);
      return await use(lifecycle, name);
    } finally {
      await lifecycle.close();
    }
  } catch (error) {
    if (!isLifecycleError(error)) throw error;
    const { failedCall, facts } = error;
    const { renamedTo } = facts;
    const now = typeof renamedTo === "string" ? `: ${JSON.stringify(visibleId(renamedTo))}` : "";
    const message = inWords(error.message).replace(", see facts.renamedTo", now);
    throw new LifecycleError(error.code, message, { cause: error, facts, failedCall });
  }
}

const nothing = (): void => {};

function storeFor(way: Way, adapter: StoreAdapter): StoreAdapter {
  if (way === "work") return adapter;
  const looked = readOnly(adapter);
  if (way === "look") return looked;
  return {
    ...looked,
    async open(options) {
      await (await looked.open(options)).close(); // it must exist already
      return adapter.open(options);
    },
  };
}

function typedIds({ command: { takes = [] }, argument, second, texts }: Given): readonly string[] {
  const user = texts.get("user") ?? "";
  const typed = [argument, second].filter((_, index) => /ID/.test(takes[index] ?? ""));
  return [...typed, user].filter((id) => id !== "");
}

function optionsOf({ texts, switches }: Given): Partial<LifecycleOptions> {
  const key = texts.get("key-file");
  const isLimited = texts.has("limit") || texts.has("window");
  return {
    ...(key !== undefined && { encryption: keyFile(key) }),
    endpoints: endpointsIn(texts),
    changeOrigin: switches.has("change-origin"),
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

/** The base URLs of the flags, else of the environment. With `--api` nothing is taken from the environment. */
export function endpointsIn(texts: Given["texts"]): NonNullable<LifecycleOptions["endpoints"]> {
  const [api, auth] = [texts.get("api"), texts.get("auth")];
  return { ...(api === undefined ? endpointsFromEnv() : { api }), ...(auth !== undefined && { auth }) };
}
