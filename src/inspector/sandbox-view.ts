/**
 * What the inspector shows of a sandbox, and what can be done to it: the one that a lifecycle talks to, reached by its
 * control routes on this machine. A lifecycle whose calls go
 * anywhere else has none, and a server that is no sandbox is sent nothing but the question whether it is one.
 *
 * @module
 */
import { aText, among, check, checkValue, isObject, whole, type Rules } from "../checks.ts";
import type { Lifecycle } from "../index.ts";
import { internalsOf } from "../runtime/internals.ts";
import { LifecycleError, invalidOption } from "../errors.ts";
import { maskId, type Fields } from "./views.ts";
import type { SandboxCall, SandboxFault, SandboxView } from "./shapes.ts";
import { inTime, systemClock, type Clock } from "../clock.ts";
import { isLoopbackHost } from "../cross-site.ts";

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

export interface SandboxControl {
  /** Where it listens. */
  readonly url: string;
  /** Whether it responds, as of the last seconds. Never rejects. */
  isThere(): Promise<boolean>;
  /** Reads one of its control routes. @throws {LifecycleError} `UNAVAILABLE` if it does not respond */
  read(path: string): Promise<unknown>;
  /** Makes a control call that changes it. @throws {LifecycleError} `INVALID_OPTION` with its words, `UNAVAILABLE` */
  change(method: "POST" | "DELETE", path: string, body?: object): Promise<void>;
}

const base = "/_sandbox/";
/** A control call takes at most so long, ms. */
const longestMs = 2_000;
/** It is asked again whether it is there after this time, ms. */
const askAgainMs = 5_000;

/** The sandbox that this lifecycle's calls go to; `null`: they leave this machine. */
export function sandboxOf(lifecycle: Lifecycle, clock: Clock): SandboxControl | null {
  const api = internalsOf(lifecycle)?.endpoints().api;
  if (api === undefined || !isLoopbackHost(new URL(api).host)) return null;
  const { origin } = new URL(api);
  let asked: { readonly at: number; readonly isThere: Promise<boolean> } | null = null;

  /** Real time, whatever clock the lifecycle has. */
  function send(method: string, path: string, body?: object): Promise<unknown> {
    return inTime(systemClock, longestMs, () => request(method, path, body), unreachable);
  }

  async function request(method: string, path: string, body?: object): Promise<unknown> {
    const headers: Readonly<Record<string, string>> = { "content-type": "application/json" };
    const json = body === undefined ? {} : { headers, body: JSON.stringify(body) };
    try {
      const response = await fetch(`${origin}${base}${path}`, { method, redirect: "error", ...json });
      const answer: unknown = await response.json();
      if (response.ok) return answer;
      if (response.status === 400 && isObject(answer) && typeof answer["message"] === "string")
        throw invalidOption(answer["message"]);
    } catch (error) {
      if (error instanceof LifecycleError) throw error;
    }
    throw unreachable();
  }

  /** A sandbox lists its control routes, this list first. */
  async function ask(): Promise<boolean> {
    const routes: unknown = await send("GET", "").catch(() => null);
    return Array.isArray(routes) && isObject(routes[0]) && routes[0]["path"] === base;
  }

  const control: SandboxControl = {
    url: origin,
    isThere() {
      const at = clock.monotonic();
      if (asked === null || at - asked.at >= askAgainMs) asked = { at, isThere: ask() };
      return asked.isThere;
    },
    read: (path) => send("GET", path),
    async change(method, path, body) {
      if (!(await ask())) throw new LifecycleError("UNAVAILABLE", "Cannot control it: it is no sandbox");
      await send(method, path, body);
    },
  };
  return control;
}

function unreachable(): LifecycleError {
  return new LifecycleError("UNAVAILABLE", "Cannot reach the sandbox: it does not respond", {
    retryable: true,
  });
}
