/**
 * A lifecycle from environment variables.
 *
 * @module
 */
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { checkValue, isObject, type Some } from "./checks.ts";
import { invalidOption, type LifecycleError } from "./errors.ts";
import { type Encryption, type KeyProvider, keyFile, looksLikeKeys } from "./store/sealing/keys.ts";
import type { StoreAdapter } from "./store/contract.ts";
import { nearest } from "./nearest.ts";
import { openLifecycle } from "./runtime/open-lifecycle.ts";
import type { Lifecycle } from "./runtime/lifecycle.ts";
import type { Transport } from "./http/transport.ts";
import { isProxyUrl } from "./http/proxy-tunnel.ts";
import { undiciRuns, undiciTransport } from "./http/undici-transport.ts";
import { aTime, type EventsOption } from "./runtime/options/check-events.ts";
import type { Credentials } from "./runtime/options/credentials.ts";
import { checkOverrides, endpoint, type LifecycleOptions } from "./runtime/options/lifecycle-options.ts";
import { loadLmdb } from "./load-lmdb.ts";
import { isError } from "./realms.ts";

/** Opens lifecycles. */
export interface CreateLifecycle {
  /**
   * Opens a lifecycle.
   *
   * @throws {LifecycleError} `INVALID_OPTION`, `KEY_REFUSED`, `STORE_UNUSABLE`; nothing was changed
   * @example
   * ```ts
   * import { createLifecycle, fetchTransport } from "oneup-lifecycle";
   * import { memory } from "oneup-lifecycle/adapters/memory";
   * import { createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const sandbox = createSandbox(); // with credentials of your own you need neither it nor `transport`
   * const lifecycle = await createLifecycle({
   *   credentials: sandbox.credentials,
   *   transport: fetchTransport(sandbox.fetch),
   *   store: memory(),
   * });
   * await lifecycle.close();
   * ```
   */
  (options: LifecycleOptions): Promise<Lifecycle>;
  /**
   * Opens a lifecycle from the environment; `overrides` take precedence.
   *
   * | variable | meaning |
   * |---|---|
   * | `ONEUP_CLIENT_ID`, `ONEUP_CLIENT_SECRET` | from the developer console |
   * | `ONEUP_STORE` | the folder of an LMDB store, or the `redis:`, `rediss:` or `postgres:` URL of a server, or the `redis:` URL of a node of a cluster, or a module (`.js`, `.mjs`; `.ts` where the runtime imports it) whose default export is an adapter |
   * | `ONEUP_KEY` | 32 bytes as base64 or hexadecimal; several are separated by commas, newest first |
   * | `ONEUP_KEY_FILE` | instead of `ONEUP_KEY`: the file that holds the key |
   * | `ONEUP_HIDE_IDS` | `1` hides the ids of users in the store, see `hideIds`; `0`, the default, does not |
   * | `ONEUP_STORE_MUST_EXIST` | `1` refuses a store that holds nothing of this client id, see `storeMustExist`; `0`, the default, begins a new account |
   * | `ONEUP_EVENTS_KEEP` | how long events are kept, such as `7d`, or `off`, see `events`; without it, as recorded in the store |
   * | `ONEUP_API`, `ONEUP_AUTH` | the base URLs, see `endpoints`, e.g. of a sandbox; `ONEUP_AUTH` alone may be missing |
   * | `HTTPS_PROXY`, `NO_PROXY` | an HTTP proxy that all calls go through, and hosts that they reach without it, unless there is a `transport` |
   *
   * @throws {LifecycleError} `INVALID_OPTION` naming the missing or wrong variable; as {@link CreateLifecycle}
   * @example
   * ```ts
   * import process from "node:process";
   * import { createLifecycle } from "oneup-lifecycle";
   *
   * process.env.ONEUP_CLIENT_ID = "clientidclientid";
   * process.env.ONEUP_CLIENT_SECRET = "clientsecretclientsecret";
   * process.env.ONEUP_STORE = "./data/lifecycle";
   * process.env.ONEUP_KEY_FILE = "./data/lifecycle.key";
   * const lifecycle = await createLifecycle.fromEnv();
   * await lifecycle.close();
   * ```
   */
  fromEnv(overrides?: Some<LifecycleOptions>): Promise<Lifecycle>;
}

/**
 * Opens a lifecycle: {@link CreateLifecycle}.
 *
 * @example
 * ```ts
 * import { createLifecycle } from "oneup-lifecycle";
 * import { memory } from "oneup-lifecycle/adapters/memory";
 *
 * const lifecycle = await createLifecycle({
 *   credentials: { clientId: "clientidclientid", clientSecret: "clientsecretclientsecret" },
 *   store: memory(),
 * });
 * await lifecycle.close();
 * ```
 */
export const createLifecycle: CreateLifecycle = Object.assign(
  (options: LifecycleOptions) => openLifecycle(options),
  {
    fromEnv: async (overrides?: Some<LifecycleOptions>) => openLifecycle(await optionsFromEnv(overrides)),
  },
);

/** The options that the environment describes; `given` takes precedence. @throws {LifecycleError} `INVALID_OPTION` */
export async function optionsFromEnv(given?: Some<LifecycleOptions>): Promise<LifecycleOptions> {
  refuseMistyped();
  const overrides = checkOverrides(given);
  const encryption = overrides.encryption ?? keysFromEnv();
  const transport = overrides.transport ?? transportFromEnv();
  const named = Object.fromEntries(
    Object.entries(overrides.endpoints ?? {}).filter(([, base]) => base !== undefined),
  );
  return {
    ...overrides,
    credentials: overrides.credentials ?? credentialsFromEnv(),
    store: overrides.store ?? (await storeAt(required("ONEUP_STORE"), "ONEUP_STORE")),
    ...(encryption && { encryption }),
    ...(transport && { transport }),
    hideIds: overrides.hideIds ?? isOn("ONEUP_HIDE_IDS"),
    storeMustExist: overrides.storeMustExist ?? isOn("ONEUP_STORE_MUST_EXIST"),
    events: overrides.events ?? eventsFromEnv(),
    // An `api` that is named here is not mixed with an `auth` from there.
    endpoints: { ...(overrides.endpoints?.api === undefined && endpointsFromEnv()), ...named },
  };
}

/** The client id and secret in the environment. @throws {LifecycleError} `INVALID_OPTION` naming a missing variable */
export function credentialsFromEnv(): Credentials {
  return { clientId: clientIdFromEnv(), clientSecret: required("ONEUP_CLIENT_SECRET").trim() };
}

/**
 * The client id alone. Like the secret it holds no white space, and the file that a variable is made from often ends with
 * a line break.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if the variable is missing
 */
export function clientIdFromEnv(): string {
  return required("ONEUP_CLIENT_ID").trim();
}

/** Variables that may be missing. */
const optional = ["ONEUP_HIDE_IDS", "ONEUP_STORE_MUST_EXIST", "ONEUP_EVENTS_KEEP", "ONEUP_API", "ONEUP_AUTH"];

/** Variables that may be set for another purpose than an optional one that they resemble. */
const others = [
  "ONEUP_CLIENT_ID ONEUP_CLIENT_SECRET ONEUP_STORE ONEUP_NEW_STORE ONEUP_KEY ONEUP_KEY_FILE ONEUP_NEW_KEY",
  "ONEUP_NEW_KEY_FILE ONEUP_REFRESH_TOKEN",
].flatMap((names) => names.split(" "));

/** How many letters of a variable may be wrong for another one to be meant. */
const mostWrong = 2;

/**
 * Whether ids are hidden, and which host is called, must not depend on an underscore or a letter.
 * @throws {LifecycleError} `INVALID_OPTION` for a variable that differs little from a missing one
 */
function refuseMistyped(): void {
  const letters = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z]/g, "");
  for (const given of allNames()) {
    if (optional.includes(given) || others.includes(given)) continue;
    const meant =
      optional.find((name) => letters(name) === letters(given)) ??
      (given.startsWith("ONEUP_") ? nearest(given, optional, given.length < 12 ? 1 : mostWrong) : undefined);
    if (meant === undefined || process.env[meant] !== undefined) continue;
    throw unfit(`the environment variable must be called ${meant}, and it is ${given}`);
  }
}

/** The names of all variables; none where Deno allows to read some only. */
function allNames(): readonly string[] {
  try {
    return Object.keys(process.env);
  } catch {
    return [];
  }
}

/** The base URLs in the environment. @throws {LifecycleError} `INVALID_OPTION` naming the variable */
export function endpointsFromEnv(): NonNullable<LifecycleOptions["endpoints"]> {
  const given = (name: string): string | undefined => {
    const value = process.env[name] ?? "";
    return value === "" ? undefined : endpoint(`the environment variable ${name}`, value);
  };
  const [api, auth] = [given("ONEUP_API"), given("ONEUP_AUTH")];
  return { ...(api !== undefined && { api }), ...(auth !== undefined && { auth }) };
}

/**
 * A transport through the proxy in the environment, if there is one; other runtimes find it themselves.
 * @throws {LifecycleError} `INVALID_OPTION`, which does not quote the URL: it may hold a password
 */
function transportFromEnv(): Transport | undefined {
  const name = ["https_proxy", "HTTPS_PROXY"].find((each) => readable(each) !== "");
  if (name === undefined || !undiciRuns()) return undefined;
  const given = readable(name).trim();
  const proxy = given.includes("://") ? given : `http://${given}`;
  if (isProxyUrl(proxy))
    return undiciTransport({ proxy, noProxy: readable("no_proxy") || readable("NO_PROXY") });
  throw unfit(
    `the environment variable ${name} must be the http: or https: URL of a proxy, without a path, and it is not; give createLifecycle() a transport to do without it`,
  );
}

/** The value of a variable that others set; empty if there is none, or Deno does not allow to read it. */
function readable(name: string): string {
  try {
    return process.env[name] ?? "";
  } catch {
    return "";
  }
}

/** The value of a variable. @throws {LifecycleError} `INVALID_OPTION` if there is none */
function required(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== "") return value;
  const mistyped = allNames().find(
    (one) =>
      one.startsWith("ONEUP_") && ![...optional, ...others].includes(one) && nearest(one, [name], mostWrong),
  );
  const hint = mistyped === undefined ? "" : `, but ${mistyped} is`;
  throw unfit(`the environment variable ${name} must be set, and it is not${hint}`);
}

function isOn(name: string): boolean {
  const value = process.env[name] ?? "";
  if (value === "1") return true;
  if (value === "" || value === "0") return false;
  throw unfit(`the environment variable ${name} must be 1 or 0, got ${JSON.stringify(value)}`);
}

function eventsFromEnv(): EventsOption | undefined {
  const keep = process.env["ONEUP_EVENTS_KEEP"] ?? "";
  if (keep === "" || keep === "off") return keep === "" ? undefined : false;
  const name = "the environment variable ONEUP_EVENTS_KEEP";
  return { keep: checkValue("start", name, keep, { ...aTime, must: `off, or ${aTime.must}` }) };
}

/**
 * The keys in the variable, or in the file that the one with `_FILE` names; `undefined`: there are none.
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function keysFromEnv(
  name: "ONEUP_KEY" | "ONEUP_NEW_KEY" = "ONEUP_KEY",
): Exclude<Encryption, KeyProvider> | undefined {
  const [keys = "", file = ""] = [process.env[name], process.env[`${name}_FILE`]];
  if (keys !== "" && file !== "") {
    throw unfit(`one of the environment variables ${name} and ${name}_FILE must be set, and both are`);
  }
  if (keys !== "") return { keys: keys.split(",") };
  if (file === "") return undefined;
  const flaw = looksLikeKeys(file)
    ? `looks like a key, which belongs in ${name}`
    : flawIn(file.replaceAll(/\/+/g, "/"));
  if (flaw === undefined) return keyFile(file);
  throw unfit(`the environment variable ${name}_FILE must be the path of a file, and it ${flaw}`);
}

/**
 * The store at a folder path or server URL, or of a module. `from`: the setting that named it, for the error.
 * @throws {LifecycleError} `INVALID_OPTION`, which names `from`
 */
export async function storeAt(place: string, from: string): Promise<StoreAdapter> {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(place)?.[1]?.toLowerCase();
  const flaw = flawIn(place);
  if (flaw === undefined && /^[^:]*\.[cm]?[jt]s$/.test(place)) return adapterIn(place);
  // Imported lazily: an adapter loads its driver only when it is used.
  if (scheme === undefined && flaw === undefined) return (await loadLmdb())(place);
  if (scheme === "redis" || scheme === "rediss")
    return (await import("../adapters/redis.ts")).redis(place.replace(/^[^:]+/, scheme));
  if (scheme === "postgres" || scheme === "postgresql")
    return (await import("../adapters/postgres.ts")).postgres(place.replace(/^[^:]+/, scheme));
  throw unfit(
    `${from} must be the path of a folder, a redis: or a postgres: URL, and it ${flaw ?? `is a ${scheme}: URL`}`,
  );
}

/** The default export of a module. */
async function adapterIn(path: string): Promise<StoreAdapter> {
  const refused = (why: string): LifecycleError => invalidOption(`Cannot use the store of ${path}: ${why}`);
  const { href } = pathToFileURL(resolve(path));
  // Bundlers leave it as it is: the file is known only when the program runs.
  const module = (await import(/* webpackIgnore: true */ /* @vite-ignore */ href).catch((error: unknown) => {
    if (isObject(error) && error["code"] === "ERR_UNKNOWN_FILE_EXTENSION")
      throw refused(
        "this version of Node cannot import TypeScript; name a .js or .mjs file, or use Node 22.18 or later",
      );
    throw refused(isError(error) ? (error.message.split("\n", 1)[0] ?? "") : "it cannot be loaded");
  })) as { readonly default?: unknown }; // every module is an object
  const { default: adapter } = module;
  if (isAdapter(adapter)) return adapter;
  throw refused("its default export must be a store adapter, with a name and open()");
}

function isAdapter(thing: unknown): thing is StoreAdapter {
  return isObject(thing) && typeof thing["open"] === "function" && typeof thing["name"] === "string";
}

/** Why a place without a scheme is no path: opening it would create an empty store, or another key, under that name. */
function flawIn(place: string): string | undefined {
  if (place.trim() !== place || place === "") return "begins or ends with a space";
  if (/["'`]/.test(place)) return "contains quotation marks";
  if (place.includes("$")) return "contains a variable ($) that was not replaced";
  if (/^[\w.-]+:\d{2,5}(?:\/|$)/.test(place))
    return "looks like a host and a port, which need redis:// or postgres:// in front";
  if (
    /(?:^|[\s;])(?:data source|dbname|database|host|passw(?:or)?d|pwd|server|uid|user(?: ?id|name)?)\s*=/i.test(
      place,
    )
  )
    return "looks like the settings of a connection, which must be written as a URL (postgres://user:password@host:5432/database)";
  if (place.startsWith("~")) return "begins with ~, which only a shell replaces";
  if (/^(?![a-z][a-z\d+.-]*:).+:\/\//i.test(place)) return "has a URL behind other text";
  return /^[^:]*\/\//.test(place) ? "contains // but is no URL" : undefined;
}

function unfit(rule: string): LifecycleError {
  return invalidOption(`Cannot start: ${rule}`);
}
