/**
 * Work as metrics: how often, how long, with which outcome. No attribute names a user.
 *
 * @module
 */
import { ValueType, type Attributes, type Meter } from "@opentelemetry/api";
import type { Ended, GrantKind, Work } from "../telemetry.ts";
import { fewWords } from "./few-words.ts";

/** Boundaries of the histograms, s. */
const ofRequests = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const ofCommits = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const ofWaits = [0.1, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 10_800, 43_200, 86_400, 604_800];

/** Codes of errors that one process reports by name. */
const mostErrors = 60;

/**
 * Creates the counters and histograms of one lifecycle. Each counts what this process did, so sum them over processes.
 * `own`: attributes that the application adds to each of them. `calls`: those during which a user may be taken over.
 */
export function workMetrics(meter: Meter, own: Attributes, calls: readonly string[]) {
  const seconds = (name: string, description: string, boundaries: number[]) =>
    meter.createHistogram(name, {
      description,
      unit: "s",
      valueType: ValueType.DOUBLE,
      advice: { explicitBucketBoundaries: boundaries },
    });
  const durations = seconds(
    "oneup.call.duration",
    "Duration of calls to 1upHealth, by call and outcome; a FHIR operation counts as one call.",
    ofRequests,
  );
  const onboards = seconds("oneup.onboard.duration", "How long callers of onboard() waited.", ofWaits);
  const commits = seconds("oneup.commit.duration", "Duration of writes of a user to the store.", ofCommits);
  const firstTokens = seconds(
    "oneup.token.wait.duration",
    "Time to token: from when a user was added, or lost its grant, until it has a token.",
    ofWaits,
  );
  const refreshes = seconds(
    "oneup.token.refresh.duration",
    "From when a token was due for its refresh until the user has another one.",
    ofRequests,
  );
  const takeovers = meter.createCounter("oneup.lease.takeovers", {
    description: "Users taken over from a process that ended, or lost them, during a call.",
    unit: "{takeover}",
  });
  const tookOver = (call: string, users: number): void =>
    takeovers.add(users, { ...own, "oneup.call": call });
  // A rate is taken between two values, so a counter that begins with the first takeovers would hide these.
  for (const call of calls) tookOver(call, 0);
  const errors = fewWords(mostErrors);

  /** The outcome, and the code of the error. */
  function how({ outcome, error }: Ended): Attributes {
    return {
      ...own,
      "oneup.outcome": outcome,
      ...(error !== undefined && { "error.type": errors(error) }),
    };
  }

  return {
    ended(work: Work, ended: Ended, ms: number): void {
      const seconds = ms / 1_000;
      if (work.type === "onboard") return onboards.record(seconds, how(ended));
      if (work.type === "commit") return commits.record(seconds, how(ended));
      const of = { "oneup.call": work.call, "oneup.endpoint": work.endpoint };
      durations.record(seconds, { ...of, ...how(ended) });
    },
    takenOver: (call: string): void => tookOver(call, 1),
    granted(kind: GrantKind, ms: number): void {
      if (kind === "refresh") refreshes.record(ms / 1_000, own);
      else firstTokens.record(ms / 1_000, { ...own, "oneup.token.kind": kind });
    },
  };
}
