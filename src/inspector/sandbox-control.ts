/**
 * The sandbox that a lifecycle talks to, reached by its control routes on this machine. A lifecycle whose calls go
 * anywhere else has none, and a server that is no sandbox is sent nothing but the question whether it is one.
 *
 * @module
 */
import { isObject } from "../checks.ts";
import { inTime, systemClock, type Clock } from "../clock.ts";
import { isLoopbackHost } from "../cross-site.ts";
import { invalidOption, LifecycleError } from "../errors.ts";
import type { Lifecycle } from "../index.ts";
import { internalsOf } from "../runtime/internals.ts";

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
