/**
 * `/_sandbox/…`: what another process can read and change, in any language. Control calls do not count toward the limit,
 * are not in the journal, and are hit by no fault. admission.ts decides which ones get here. Bodies are JSON, which writes
 * Infinity as null; an invalid option is answered with 400 `{ code, message }`. All calls: {@link controlRoutes}.
 */

import { aSwitch, checkValue } from "../../checks.ts";
import { isLifecycleError, LifecycleError } from "../../errors.ts";
import { infinite } from "../options/behaviour.ts";
import { controlBase, controlRoutes } from "./control-routes.ts";
import { endless } from "../faults/fault.ts";
import { type Incoming, json, type Outgoing, parseObject } from "../base/message.ts";
import type { ClockReading } from "../clock/remote-clock.ts";
import { restoreFrom } from "./restore-from.ts";
import type { Sandbox } from "../sandbox.ts";
import type { VirtualClock } from "../clock/virtual-clock.ts";

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
  switch (`${incoming.method} ${incoming.path.slice(controlBase.length)}`) {
    case "GET ":
      return json(
        200,
        controlRoutes.map(({ path, isUsual: _, ...route }) => ({ ...route, path: controlBase + path })),
      );
    case "GET clock":
      return json(200, readClock(sandbox.clock));
    case "POST clock":
      sandbox.clock.advance(numberOf(incoming, "advanceMs"));
      return json(200, readClock(sandbox.clock));
    case "PUT clock":
      sandbox.clock.set(timeOf(bodyOf(incoming)["now"]));
      return json(200, readClock(sandbox.clock));
    case "GET journal":
      return json(200, sandbox.journal.entries());
    case "DELETE journal":
      sandbox.journal.clear();
      return json(200, { ok: true });
    case "GET users":
      return json(200, sandbox.users());
    case "POST users":
      return json(200, { oneupUserId: sandbox.createUser(newIdOf(incoming)) });
    case "GET faults":
      return json(200, sandbox.faults());
    case "POST faults":
      // fail() checks every field.
      sandbox.fail(endless(bodyOf(incoming)));
      return json(200, { ok: true });
    case "DELETE faults":
      sandbox.clearFaults();
      return json(200, { ok: true });
    case "POST behave":
      // behave() checks every field.
      sandbox.behave(infinite(bodyOf(incoming)));
      return json(200, { ok: true });
    case "POST spend":
      sandbox.spend(numberOf(incoming, "calls"));
      return json(200, { ok: true });
    case "POST resources":
      return json(200, { ids: resourcesOf(sandbox, bodyOf(incoming)) });
    case "POST active":
      sandbox.setActive(stringOf(incoming, "appUserId"), flagOf(incoming, "active"));
      return json(200, { ok: true });
    case "POST revoke":
      sandbox.revokeGrant(stringOf(incoming, "appUserId"));
      return json(200, { ok: true });
    case "GET state":
      return json(200, sandbox.snapshot());
    case "PUT state":
      restoreFrom(sandbox, bodyOf(incoming));
      return json(200, { ok: true });
    case "POST reset":
      sandbox.reset();
      return json(200, { ok: true });
    default:
      return json(404, { message: "Not Found" });
  }
}

function bodyOf(incoming: Incoming): Record<string, unknown> {
  const body = parseObject(incoming.body);
  if (body !== undefined) return body;
  throw new LifecycleError(
    "INVALID_OPTION",
    "Cannot carry out the control call: its body must be a JSON object",
  );
}

function resourcesOf(sandbox: Sandbox, { appUserId, version, resources }: Record<string, unknown>): string[] {
  const list: unknown[] = Array.isArray(resources) ? resources : [resources];
  // addResources() checks the version and every resource.
  return sandbox.addResources(String(appUserId), version as "r4", list as object[]);
}

function flagOf(incoming: Incoming, name: string): boolean {
  return checkValue("carry out the control call", name, bodyOf(incoming)[name] as boolean, aSwitch); // or it throws
}

function numberOf(incoming: Incoming, name: string): number {
  const value = bodyOf(incoming)[name];
  return typeof value === "number" ? value : NaN;
}

/** A time as text or in milliseconds; the clock rejects anything else. */
function timeOf(now: unknown): number {
  return typeof now === "string" ? Date.parse(now) : typeof now === "number" ? now : NaN;
}

function newIdOf(incoming: Incoming): string {
  const id = stringOf(incoming, "appUserId");
  if (id !== "") return id;
  const message = "Cannot carry out the control call: appUserId must be a non-empty string";
  throw new LifecycleError("INVALID_OPTION", message);
}

function stringOf(incoming: Incoming, name: string): string {
  const value = bodyOf(incoming)[name];
  return typeof value === "string" ? value : "";
}
