/**
 * `/_sandbox/…`: what another process can read and change, in any language. Control calls do not count toward the limit,
 * are not in the journal, and are hit by no fault. admission.ts decides which ones get here. Bodies are JSON, which writes
 * Infinity as null; an invalid option is answered with 400 `{ code, message }`. All calls: {@link controlRoutes}.
 */

import { aSwitch, checkValue, whole } from "../../checks.ts";
import { invalidOption, isLifecycleError } from "../../errors.ts";
import { aName, infinite } from "../options/behaviour.ts";
import { controlBase, controlRoutes } from "./control-routes.ts";
import { endless } from "../faults/fault.ts";
import { type Incoming, json, type Outgoing, parseObject } from "../base/message.ts";
import type { ClockReading } from "../clock/remote-clock.ts";
import { restoreFrom } from "./restore-from.ts";
import type { Sandbox } from "../sandbox.ts";
import type { VirtualClock } from "../clock/virtual-clock.ts";

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
    clock.advance(bodyOf(incoming)["advanceMs"] as number);
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
  "PUT state": (sandbox, incoming) => restoreFrom(sandbox, bodyOf(incoming)),
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
