/**
 * The state of the account and of this process as gauges, read at most once every few seconds.
 *
 * @module
 */
import type { Attributes, BatchObservableResult, Meter, Observable } from "@opentelemetry/api";
import { systemClock } from "../clock.ts";
import type { Observation } from "../telemetry.ts";

/** Gauges that are being collected. */
export interface Gauges {
  /** No more collections read anything. */
  stop(): void;
}

/** A reading is used for this long, ms, however often and by however many readers metrics are collected. */
const freshMs = 3_000;

/** Imports with a series of their own; what is left of the others is added up. */
const mostImports = 20;

const account = "Of the whole account, the same from every process: aggregate with max, not with sum.";
const process = "Of this process.";

/** Starts reporting gauges. `own`: attributes that the application adds to each of them. */
export function startGauges(meter: Meter, own: Attributes, read: () => Promise<Observation>): Gauges {
  const gauge = (name: string, unit: string, what: string, whose: string) =>
    meter.createObservableGauge(name, { description: `${what} ${whose}`, unit });
  const all = {
    ready: gauge("oneup.ready", "1", "1 if this process is ready, 0 if it is not.", process),
    running: gauge("oneup.users.running", "{user}", "Users that are being worked on.", process),
    endpoint: gauge("oneup.endpoint.up", "1", "1 if 1upHealth's endpoint answers, 0 if not.", process),
    used: gauge("oneup.slots.used", "{call}", "Calls of the management limit in use, by lane.", account),
    free: gauge("oneup.slots.free", "{call}", "Calls that the management limit still allows.", account),
    limit: gauge("oneup.slots.limit", "{call}", "The management limit.", account),
    waiting: gauge("oneup.users.waiting", "{user}", "Users that wait for a slot, by lane.", account),
    oldest: gauge("oneup.users.waiting.age", "s", "How long the first user of a lane has waited.", account),
    users: gauge("oneup.users", "{user}", "Users by state.", account),
    gates: gauge("oneup.gate.shut", "1", "1 if the gate is shut, by gate and reason; 0 if open.", account),
    paused: gauge("oneup.lane.paused", "1", "1 if an operator has paused the lane.", account),
    imports: gauge("oneup.import.left", "{user}", "Users that are left of an import.", account),
  };
  const latest = lately(read);

  async function collect(result: BatchObservableResult): Promise<void> {
    const seen = await latest();
    if (seen === null) return;
    const put = (of: Observable, value: number, attributes: Attributes = {}): void =>
      result.observe(of, value, { ...own, ...attributes });
    const problem = seen.problem === null ? {} : { "error.type": seen.problem };
    put(all.ready, seen.problem === null ? 1 : 0, problem);
    put(all.running, seen.running);
    for (const { endpoint, works } of seen.endpoints)
      put(all.endpoint, works ? 1 : 0, { "oneup.endpoint": endpoint });
    if (seen.account === null) return;
    const { used, limit, waiting, oldestMs, users, gates, paused, imports } = seen.account;
    put(all.limit, limit);
    put(all.free, Math.max(0, limit - sum(Object.values(used))));
    for (const [lane, calls] of Object.entries(used)) put(all.used, calls, { "oneup.lane": lane });
    for (const [lane, count] of Object.entries(waiting)) {
      put(all.waiting, count, { "oneup.lane": lane });
      put(all.oldest, (oldestMs[lane] ?? 0) / 1_000, { "oneup.lane": lane });
      put(all.paused, paused.includes(lane) ? 1 : 0, { "oneup.lane": lane });
    }
    for (const [state, count] of Object.entries(users)) put(all.users, count, { "oneup.user.state": state });
    for (const { gate, reason } of gates)
      put(all.gates, reason === null ? 0 : 1, { "oneup.gate": gate, "oneup.reason": reason ?? "none" });
    for (const [name, left] of Object.entries(largest(imports)))
      put(all.imports, left, { "oneup.import": name });
  }

  const observed = Object.values(all);
  meter.addBatchObservableCallback(collect, observed);
  return { stop: () => meter.removeBatchObservableCallback(collect, observed) };
}

/** The reading of the last {@link freshMs}, shared by all who ask; `null` if it failed. */
function lately(read: () => Promise<Observation>): () => Promise<Observation | null> {
  let reading: { readonly at: number; readonly seen: Promise<Observation | null> } | null = null;
  return () => {
    const at = systemClock.monotonic(); // collections come by real time, also where a test moves the lifecycle's clock
    if (reading === null || at - reading.at >= freshMs) reading = { at, seen: read().catch(() => null) };
    return reading.seen;
  };
}

/** The imports with the most users left, by name, and the sum of the others as `_OTHER`. */
function largest(imports: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const bySize = Object.entries(imports).toSorted(([, one], [, two]) => two - one);
  const others = sum(bySize.slice(mostImports).map(([, left]) => left));
  const named = Object.fromEntries(bySize.slice(0, mostImports));
  return others === 0 ? named : { ...named, _OTHER: others };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, one) => all + one, 0);
}
