/**
 * What the inspector shows of a sandbox, and what can be done to it.
 *
 * @module
 */
import { aText, among, check, checkValue, isObject, whole, type Rules } from "../checks.ts";
import type { Lifecycle } from "../index.ts";
import { internalsOf } from "../runtime/internals.ts";
import { LifecycleError } from "../errors.ts";
import { maskId } from "./mask-id.ts";
import type { SandboxControl } from "./sandbox-control.ts";
import type { Fields } from "./views.ts";
import type { SandboxCall, SandboxFault, SandboxView } from "./shapes.ts";

/** Calls that are shown. */
const mostCalls = 50;

/** `POST api/sandbox`. @throws {LifecycleError} `UNAVAILABLE` if there is no sandbox, or it does not respond */
export async function showSandbox(
  lifecycle: Lifecycle,
  sandbox: SandboxControl | null,
  masked: boolean,
): Promise<SandboxView> {
  const there = checked(sandbox);
  if (!(await there.isThere())) throw noSandbox();
  const [clock, faults, calls] = await Promise.all([
    there.read("clock"),
    there.read("faults"),
    there.read(`journal?last=${mostCalls}`),
  ]);
  const { now, running } = fieldsOf(clock);
  const at = numberOf(now);
  return {
    url: there.url,
    now: new Date(at),
    running: running === true,
    aheadMs: Math.round(at - (internalsOf(lifecycle)?.now() ?? at)),
    faults: listOf(faults).map(faultOf),
    calls: listOf(calls)
      .map((entry) => callOf(entry, masked))
      .toReversed(),
  };
}

function callOf(entry: Fields, masked: boolean): SandboxCall {
  const { n, at, call, appUserId, status, outcome, fault } = entry;
  return {
    n: numberOf(n),
    at: new Date(numberOf(at)),
    call: String(call),
    user: typeof appUserId !== "string" ? null : masked ? maskId(appUserId) : appUserId,
    status: typeof status === "number" ? status : null,
    outcome: String(outcome),
    fault: typeof fault === "string" ? fault : null,
  };
}

function faultOf(fault: Fields): SandboxFault {
  const { call, times, response, status, drop, delayMs } = fault;
  const words = [
    typeof response === "string" ? response : null,
    typeof status === "number" ? `HTTP ${status}` : null,
    typeof drop === "string" ? `dropped ${drop}` : null,
    typeof delayMs === "number" ? `${delayMs} ms late` : null,
  ].filter((one) => one !== null);
  const hasTimes = Object.hasOwn(fault, "times");
  return {
    what: words.join(", ") || "another fault",
    call: typeof call === "string" && call !== "*" ? call : null,
    left: typeof times === "number" ? times : hasTimes ? null : 1, // JSON writes Infinity as null
  };
}

/** Faults that can be scripted, by name. */
const faults: Readonly<Record<string, object>> = {
  rateLimited: { response: "rateLimited", retryAfterMs: 30_000 },
  unavailable: { status: 503, body: { message: "Service Unavailable" } },
  lost: { drop: "after" },
  unreachable: { drop: "before" },
  slow: { delayMs: 5_000 },
  invalidGrant: { response: "invalidGrant" },
  spentCode: { response: "spentCode" },
  noCode: { response: "noCode" },
  loginPage: { response: "loginPage" },
};

/** What a change of the sandbox may be told. */
interface Change {
  readonly change?: string;
  readonly ms?: number;
  readonly fault?: string;
  readonly call?: string;
  readonly times?: number;
  readonly calls?: number;
  readonly appUserId?: string;
}

/** What can be done to it, by name. The sandbox checks the rest. */
const changes: Readonly<Record<string, (there: SandboxControl, told: Change) => Promise<void>>> = {
  advance: (there, { ms }) => there.change("POST", "clock", { advanceMs: ms }),
  fail: (there, { fault = "", call, times = 1 }) =>
    there.change("POST", "faults", { ...faults[fault], ...(call !== undefined && { call }), times }),
  clearFaults: (there) => there.change("DELETE", "faults"),
  spend: (there, { calls }) => there.change("POST", "spend", { calls }),
  revoke: (there, { appUserId }) => there.change("POST", "revoke", { appUserId }),
};

const verb = "control the sandbox";
const longestJump = 400 * 86_400_000;
const rules: Rules<Change> = {
  change: among(...Object.keys(changes)),
  ms: whole(1, longestJump),
  fault: among(...Object.keys(faults)),
  call: aText,
  times: whole(1, 1_000_000),
  calls: whole(1, 1_000),
  appUserId: aText,
};

/** Changes the sandbox. @throws {LifecycleError} `INVALID_OPTION`; `UNAVAILABLE` */
export async function changeSandbox(sandbox: SandboxControl | null, told: Fields): Promise<void> {
  const there = checked(sandbox);
  const change = check<Change>(verb, told, rules);
  await changes[checkValue(verb, "change", change.change ?? "", rules.change)]?.(there, change);
}

function checked(sandbox: SandboxControl | null): SandboxControl {
  if (sandbox === null) throw noSandbox();
  return sandbox;
}

function noSandbox(): LifecycleError {
  return new LifecycleError("UNAVAILABLE", "Cannot show the sandbox: this lifecycle does not talk to one");
}

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
