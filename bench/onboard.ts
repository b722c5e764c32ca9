/**
 * Compares `onboard()` with the same two calls by hand.
 *
 * @module
 */
import { compare, ratio } from "./compare.ts";
import type { Measurement } from "./report.ts";
import { median, type Pair } from "./rounds.ts";
import type { Effort } from "./settings.ts";

/** With a provider 25 ms away: throughput as an application sees it. */
export async function onboardAt25Ms(effort: Effort): Promise<Measurement[]> {
  const measured = await compare({ work: "onboard", latencyMs: 25, effort });
  return [{ name: "onboard.ratio.25ms", value: ratio(measured), unit: "of bare", bar: 0.93 }];
}

/** With a provider that responds at once: the cost of the library itself. */
export async function onboardAt0Ms(effort: Effort): Promise<Measurement[]> {
  const measured = await compare({ work: "onboard", latencyMs: 0, effort });
  const cpu = median(measured.map(({ bare, durable }) => bare.cpuMicros / durable.cpuMicros));
  const perSecond = (side: keyof Pair): number => median(measured.map((pair) => pair[side].perSecond));
  const micros = (side: keyof Pair): number => median(measured.map((pair) => pair[side].cpuMicros));
  return [
    { name: "onboard.ratio.0ms", value: ratio(measured), unit: "of bare", bar: 0.3 },
    { name: "onboard.cpu.0ms", value: cpu, unit: "of bare", bar: null },
    { name: "onboard.users_per_s.0ms", value: perSecond("durable"), unit: "users/s", bar: null },
    { name: "onboard.bare_per_s.0ms", value: perSecond("bare"), unit: "users/s", bar: null },
    { name: "onboard.cpu_per_user.0ms", value: micros("durable"), unit: "µs", bar: null },
    { name: "onboard.bare_cpu_per_user.0ms", value: micros("bare"), unit: "µs", bar: null },
  ];
}
