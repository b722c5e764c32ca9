/**
 * The state of the account and of this process as gauges, read at most once every few seconds.
 *
 * @module
 */
import type { Attributes, BatchObservableResult, Meter, Observable } from "@opentelemetry/api";
import { systemClock } from "../clock.ts";
import type { Observation } from "../telemetry.ts";
import { fewWords } from "./few-words.ts";

/** A reading is used for this long, ms, however often and by however many readers metrics are collected. */
const freshMs = 3_000;

/** Imports that one process reports by name. */
const mostImports = 50;

/** Whose state a gauge shows, for its description. */
const whose = {
  account: "Of the whole account, the same from every process: aggregate with max, not with sum.",
  process: "Of this process.",
} as const;

/** Unit, description and owner of each gauge. */
const gauges = {
  "oneup.ready": ["{process}", "1 if health() finds no problem, 0 if it does.", "process"],
  "oneup.problem": ["{problem}", "1 while health() finds this problem.", "process"],
  "oneup.users.running": ["{user}", "Users that are being worked on.", "process"],
  // Two gauges, for the SDK would repeat the last value of one for an endpoint that is no longer called.
  "oneup.endpoint.up": [
    "{endpoint}",
    "1 if 1upHealth's endpoint works, by the calls of the last ten minutes, otherwise 0.",
    "process",
  ],
  "oneup.endpoint.down": [
    "{endpoint}",
    "1 if 1upHealth's endpoint does not work, by the calls of the last ten minutes, otherwise 0.",
    "process",
  ],
  "oneup.slots.used": ["{call}", "Calls of the management limit in use, by lane.", "account"],
  "oneup.slots.free": ["{call}", "Calls that the management limit still allows now.", "account"],
  "oneup.slots.limit": ["{call}", "The management limit.", "account"],
  "oneup.users.waiting": ["{user}", "Users that wait for a slot, by lane.", "account"],
  "oneup.users.waiting.age": [
    "s",
    "How long the first user of a lane has been waiting, since its last attempt.",
    "account",
  ],
  "oneup.users": ["{user}", "Users by state.", "account"],
  "oneup.gate.shut": ["{gate}", "1 while a gate is shut, by gate and reason.", "account"],
  "oneup.lane.paused": ["{lane}", "1 while an operator has paused the lane.", "account"],
  "oneup.import.left": ["{user}", "Users that are left of an import.", "account"],
} as const;

type GaugeName = keyof typeof gauges;

/** One value of a gauge. */
interface Point {
  readonly gauge: GaugeName;
  readonly value: number;
  readonly attributes: Attributes;
}

/**
 * Starts reporting gauges, and returns what ends that: the next collection reports that all is over; later ones read
 * nothing. `own`: attributes that the application adds to each of them.
 */
export function startGauges(meter: Meter, own: Attributes, read: () => Promise<Observation>): () => void {
  const made = new Map<GaugeName, Observable>();
  for (const [name, [unit, what, owner]] of Object.entries(gauges))
    made.set(
      name as GaugeName,
      meter.createObservableGauge(name, { unit, description: `${what} ${whose[owner]}` }),
    ); // its keys
  const latest = lately(read);
  const imports = fewWords(mostImports);
  /** All series so far. The SDK repeats the last value of each for ever, so one that is over must become 0. */
  const known = new Map<string, Point>();

  function observe(result: BatchObservableResult, { gauge, value, attributes }: Point): void {
    const observable = made.get(gauge);
    if (observable !== undefined) result.observe(observable, value, { ...own, ...attributes });
  }

  let isOver = false;

  /** The last values would be repeated for ever: a process that is gone is not ready, and works on no user. */
  async function end(result: BatchObservableResult): Promise<void> {
    for (const point of known.values()) observe(result, { ...point, value: 0 });
    await Promise.resolve(); // the SDK is going through its list, and would pass over the next one
    meter.removeBatchObservableCallback(collect, all);
  }

  async function collect(result: BatchObservableResult): Promise<void> {
    if (isOver) return end(result);
    const seen = await latest();
    if (seen === null) return;
    const points = [...ofProcess(seen), ...(seen.account === null ? [] : ofAccount(seen.account, imports))];
    const now = new Map(points.map((point) => [`${point.gauge} ${JSON.stringify(point.attributes)}`, point]));
    for (const [key, point] of known) {
      // While the store does not answer, what it last returned is better than nothing.
      const isUnknown = seen.account === null && gauges[point.gauge][2] === "account";
      if (!now.has(key) && !isUnknown) now.set(key, { ...point, value: 0 });
    }
    for (const [key, point] of now) {
      known.set(key, point);
      observe(result, point);
    }
  }

  const all = [...made.values()];
  meter.addBatchObservableCallback(collect, all);
  return () => void (isOver = true);
}

function point(gauge: GaugeName, value: number, attributes: Attributes = {}): Point {
  return { gauge, value, attributes };
}

function ofProcess({ problem, running, endpoints }: Observation): readonly Point[] {
  return [
    point("oneup.ready", problem === null ? 1 : 0),
    ...(problem === null ? [] : [point("oneup.problem", 1, { "error.type": problem })]),
    point("oneup.users.running", running),
    ...endpoints.flatMap(({ endpoint, works }) => [
      point("oneup.endpoint.up", works === true ? 1 : 0, { "oneup.endpoint": endpoint }),
      point("oneup.endpoint.down", works === false ? 1 : 0, { "oneup.endpoint": endpoint }),
    ]),
  ];
}

function ofAccount(
  account: NonNullable<Observation["account"]>,
  known: (name: string) => string,
): readonly Point[] {
  const { used, limit, waiting, oldestMs, users, gates, paused, imports } = account;
  const left = new Map<string, number>();
  for (const [name, count] of Object.entries(imports))
    left.set(known(name), (left.get(known(name)) ?? 0) + count);
  const taken = Object.values(used).reduce((sum, calls) => sum + calls, 0);
  const byLane = Object.keys(waiting).flatMap((lane) => {
    const of = { "oneup.lane": lane };
    return [
      point("oneup.slots.used", used[lane] ?? 0, of),
      point("oneup.users.waiting", waiting[lane] ?? 0, of),
      point("oneup.users.waiting.age", (oldestMs[lane] ?? 0) / 1_000, of),
      point("oneup.lane.paused", paused.includes(lane) ? 1 : 0, of),
    ];
  });
  return [
    point("oneup.slots.limit", limit),
    point("oneup.slots.free", Math.max(0, limit - taken)),
    ...byLane,
    ...Object.entries(users).map(([state, count]) =>
      point("oneup.users", count, { "oneup.user.state": state }),
    ),
    ...gates.map(({ gate, reason }) =>
      point("oneup.gate.shut", reason === null ? 0 : 1, {
        "oneup.gate": gate,
        "oneup.reason": reason ?? "none",
      }),
    ),
    ...Array.from(left, ([name, count]) => point("oneup.import.left", count, { "oneup.import": name })),
  ];
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
