/**
 * Builds the sandbox that the command's options describe: its users, its clock and its faults.
 *
 * @module
 */
import { isObject } from "../../checks.ts";
import { readFile } from "node:fs/promises";
import { systemClock } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import { endless } from "../../sandbox/faults/fault.ts";
import {
  createSandbox,
  createVirtualClock,
  type Fault,
  type Sandbox,
  type SandboxCredentials,
  type SandboxOptions,
  type VirtualClock,
} from "../../sandbox/index.ts";
import { duration, whole } from "../parse-units.ts";
import { UsageError } from "../arguments.ts";
import type { Given } from "../command.ts";
import { idsIn } from "../list-file.ts";
import { reasonOf } from "../system-error.ts";
import { stateFile, type KeptState, type StateFile } from "./state-file.ts";

/** The sandbox, and its state file if there is one. */
export interface Begun {
  readonly sandbox: Sandbox;
  readonly state: StateFile | null;
}

/** Builds the sandbox. @throws {UsageError} with the option, the rule and the value; the signal's reason */
export async function begin(given: Given, signal: AbortSignal): Promise<Begun> {
  const { texts } = given;
  const path = texts.get("state");
  const limit = `${texts.get("limit") ?? "300"} in ${texts.get("window") ?? "1h"}`;
  const state = path === undefined ? null : stateFile(path, limit);
  const kept = (await state?.read()) ?? null;
  const clock = clockOf(given, kept?.clock);
  const sandbox = createSandbox({ ...optionsOf(texts), clock });
  if (kept !== null) state?.restore(sandbox, kept);
  sandbox.setCredentials(credentialsOf(texts)); // the stored state has its own
  for await (const id of seeds(texts.get("seed-users"), signal)) sandbox.createUser(id);
  for (const fault of await faultsIn(texts.get("faults"))) script(sandbox, fault);
  return { sandbox, state };
}

function optionsOf(texts: Given["texts"]): SandboxOptions {
  return {
    ...credentialsOf(texts),
    limit: {
      calls: whole("limit", texts.get("limit") ?? "300", 1),
      windowMs: duration("window", texts.get("window") ?? "1h"),
    },
    latencyMs: latency(texts.get("latency") ?? "0"),
  };
}

function credentialsOf(texts: Given["texts"]): Partial<SandboxCredentials> {
  const clientId = texts.get("client-id");
  const clientSecret = texts.get("client-secret");
  return {
    ...(clientId !== undefined && { clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
  };
}

function latency(text: string): readonly [number, number] {
  const [, least, most = least] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(text) ?? [];
  if (least !== undefined && Number(least) <= Number(most)) return [Number(least), Number(most)];
  throw new UsageError(
    `--latency must be milliseconds such as 80, or a range such as 40-120, got ${JSON.stringify(text)}`,
  );
}

/** The clock from `--clock`, else from the stored state, else the machine's time. */
function clockOf({ texts, switches }: Given, kept: KeptState["clock"] = { aheadMs: 0 }): VirtualClock {
  const asked = texts.get("clock");
  const keptTime = "stoodAt" in kept ? kept.stoodAt : systemClock.now() + kept.aheadMs;
  const now = asked === undefined ? keptTime : timeOf(asked);
  return createVirtualClock({ now, running: !switches.has("stopped") });
}

function timeOf(text: string): number {
  const [, ahead] = /^\+(.+)$/.exec(text) ?? [];
  if (ahead !== undefined) return systemClock.now() + duration("clock", ahead);
  const at = /^\d{4}-/.test(text) ? Date.parse(text) : NaN;
  if (Number.isFinite(at)) return at;
  throw new UsageError(
    `--clock must be a time such as 2026-01-01T00:00:00Z, or +2h from now, got ${JSON.stringify(text)}`,
  );
}

/** `user-1`, `user-2`, …; or the ids of a file. */
async function* seeds(text: string | undefined, signal: AbortSignal): AsyncGenerator<string, void> {
  if (text === undefined) return;
  if (!/^\d+$/.test(text)) return yield* idsIn({ path: text, column: undefined }, signal);
  const count = whole("seed-users", text, 1, 1_000_000);
  for (let n = 1; n <= count; n++) yield `user-${n}`;
}

async function faultsIn(path: string | undefined): Promise<readonly Fault[]> {
  if (path === undefined) return [];
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new UsageError(`Cannot read ${path}: ${reasonOf(error)}`);
  });
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list) && list.every(isObject)) return list; // fail() checks each
  } catch {} // it is no JSON
  throw new UsageError(`Cannot read ${path}: it must be a JSON list of faults`);
}

function script(sandbox: Sandbox, fault: Fault): void {
  try {
    sandbox.fail(endless(fault));
  } catch (error) {
    if (isLifecycleError(error)) throw new UsageError(`Cannot use a fault of --faults: ${error.message}`);
    throw error;
  }
}
