/**
 * `/_sandbox/…`: what another process can read and change, in any language. Control calls do not count toward the limit,
 * are not in the journal, and are hit by no fault. Bodies are JSON, which writes Infinity as null; an invalid option is
 * answered with 400 `{ code, message }`. All calls: {@link controlRoutes}.
 *
 * Carried out are those of programs, and of pages served by the sandbox itself, because the sandbox's state includes the
 * client secret: see {@link refuseControl}. Both entry points apply these rules, because a `Request` passed to `fetch()` may
 * come from a browser too: `Deno.serve(sandbox.fetch)`. No response carries a CORS header, so a preflight always fails.
 *
 * The simulated 1upHealth has no such rules. It requires credentials or a token like the real one, holds test data only,
 * and may be called by other names: from a container (`host.docker.internal`), through a proxy, or as
 * `api.1up.health` in a hosts file.
 */
import { aSwitch, between, checkValue, whole } from "../../checks.ts";
import { invalidOption, isLifecycleError } from "../../errors.ts";
import { aName, infinite } from "../options/behaviour.ts";
import { controlBase, controlRoutes } from "./control-routes.ts";
import { endless } from "../faults/fault.ts";
import { type Incoming, json, type Outgoing, parseObject, header } from "../base/message.ts";
import type { ClockReading } from "../clock/remote-clock.ts";
import type { Sandbox } from "../sandbox.ts";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import type { SandboxSnapshot } from "../state/snapshot.ts";
import { isForeign, isJson, isLoopbackHost } from "../../cross-site.ts";

const verb = "carry out the control call";

/** Whether this asks for the stream of clock readings, which only the server offers. */
export function isClockStream({ method, path, query }: Incoming): boolean {
  return path === "/_sandbox/clock" && method === "GET" && new URLSearchParams(query).has("follow");
}

/** The current reading, for another process. */
export function readClock(clock: VirtualClock): ClockReading {
  return { now: clock.now(), offset: clock.offset, running: clock.running };
}

/** Handles a control call. */
export function control(sandbox: Sandbox, incoming: Incoming): Outgoing {
  try {
    return carryOut(sandbox, incoming);
  } catch (error) {
    if (isLifecycleError(error)) return json(400, { code: error.code, message: error.message });
    throw error;
  }
}

function carryOut(sandbox: Sandbox, incoming: Incoming): Outgoing {
  const call = calls[`${incoming.method} ${incoming.path.slice(controlBase.length)}`];
  if (call === undefined) return json(404, { message: "Not Found" });
  return json(200, call(sandbox, incoming) ?? { ok: true });
}

/**
 * What each call does, by method and path. The sandbox and its clock check what they are given. A call without a result is
 * answered with `{ ok: true }`.
 */
const calls: Readonly<Record<string, (sandbox: Sandbox, incoming: Incoming) => unknown>> = {
  "GET ": () =>
    controlRoutes.map(({ path, isUsual: _, ...route }) => ({ ...route, path: controlBase + path })),
  "GET clock": ({ clock }) => readClock(clock),
  "POST clock"({ clock }, incoming) {
    const { advanceMs } = bodyOf(incoming);
    clock.advance(checkValue(verb, "advanceMs", advanceMs as number, between(0)));
    return readClock(clock);
  },
  "PUT clock"({ clock }, incoming) {
    clock.set(timeOf(bodyOf(incoming)["now"]));
    return readClock(clock);
  },
  "GET journal": ({ journal }, { query }) =>
    lastOf(journal.entries(), new URLSearchParams(query).get("last")),
  "DELETE journal": ({ journal }) => journal.clear(),
  "GET users": (sandbox) => sandbox.users(),
  "POST users": (sandbox, incoming) => ({ oneupUserId: sandbox.createUser(idOf(incoming)) }),
  "GET faults": (sandbox) => sandbox.faults(),
  "POST faults": (sandbox, incoming) => sandbox.fail(endless(bodyOf(incoming))),
  "DELETE faults": (sandbox) => sandbox.clearFaults(),
  "POST behave": (sandbox, incoming) => sandbox.behave(infinite(bodyOf(incoming))),
  "POST spend": (sandbox, incoming) => sandbox.spend(bodyOf(incoming)["calls"] as number),
  "POST resources": (sandbox, incoming) => ({ ids: resourcesOf(sandbox, bodyOf(incoming)) }),
  "POST active": (sandbox, incoming) => sandbox.setActive(idOf(incoming), flagOf(incoming, "active")),
  "POST revoke": (sandbox, incoming) => sandbox.revokeGrant(idOf(incoming)),
  "GET state": (sandbox) => sandbox.snapshot(),
  // restore() checks it.
  "PUT state": (sandbox, incoming) => sandbox.restore(bodyOf(incoming) as unknown as SandboxSnapshot),
  "POST reset": (sandbox) => sandbox.reset(),
};

/** The last entries, as many as `last` asks for; all of them without it. */
function lastOf<T>(entries: readonly T[], last: string | null): readonly T[] {
  if (last === null) return entries;
  const count = checkValue("read the journal", "last", Number(last), whole(1));
  return entries.slice(-count);
}

function bodyOf(incoming: Incoming): Record<string, unknown> {
  const body = parseObject(incoming.body);
  if (body !== undefined) return body;
  throw invalidOption(`Cannot ${verb}: its body must be a JSON object`);
}

function resourcesOf(sandbox: Sandbox, { appUserId, version, resources }: Record<string, unknown>): string[] {
  const list: unknown[] = Array.isArray(resources) ? resources : [resources];
  // addResources() checks the version and every resource.
  return sandbox.addResources(String(appUserId), version as "r4", list as object[]);
}

function flagOf(incoming: Incoming, name: string): boolean {
  return checkValue(verb, name, bodyOf(incoming)[name] as boolean, aSwitch);
}

function idOf(incoming: Incoming): string {
  return checkValue(verb, "appUserId", bodyOf(incoming)["appUserId"] as string, aName);
}

/** A time as text or in milliseconds. */
function timeOf(now: unknown): number {
  return typeof now === "string" ? Date.parse(now) : (now as number);
}

/**
 * The response to a control call that must not be carried out; `undefined` if it may be. `host` is the host that the caller
 * addressed, from `Host` or the URL.
 */
export function refuseControl(incoming: Incoming, host: string | undefined): Outgoing | undefined {
  const named = header(incoming, "host") ?? host;
  if (!isLoopbackHost(host) || !isLoopbackHost(named)) {
    return refused(403, "its Host must be localhost, 127.0.0.1 or [::1], with or without a port");
  }
  const initiator = { origin: header(incoming, "origin"), site: header(incoming, "sec-fetch-site") };
  if (isForeign(initiator, incoming.origin)) return refused(403, "it comes from a page of another site");
  const hasBody = incoming.method === "POST" || incoming.method === "PUT";
  if (hasBody && !isJson(header(incoming, "content-type"))) {
    return refused(415, "it must be JSON, sent with content-type: application/json");
  }
  return undefined;
}

// Neither the host nor the origin is repeated: the response contains no input of the caller.
function refused(status: 403 | 415, rule: string): Outgoing {
  return json(status, { message: `Cannot carry out the control call: ${rule}` });
}
