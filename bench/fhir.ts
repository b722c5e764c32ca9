/**
 * Compares FHIR calls with the same calls by hand: a create and a read, reads alone, and walks over pages.
 *
 * @module
 */
import { compare, cpuRatio, ratio } from "./compare.ts";
import type { Measurement } from "./report.ts";
import type { Effort } from "./settings.ts";

/** With a provider 25 ms away: throughput as an application sees it. */
export async function fhirAt25Ms(effort: Effort): Promise<Measurement[]> {
  const measured = await compare({ work: "createAndRead", latencyMs: 25, effort });
  return [{ name: "fhir.ratio.25ms", value: ratio(measured), unit: "of bare", bar: 0.98 }];
}

/** Reads from a provider that responds at once: the cost of the client itself. */
export async function fhirReads(effort: Effort): Promise<Measurement[]> {
  const measured = await compare({ work: "read", latencyMs: 0, effort });
  const burst = await compare({ work: "read", latencyMs: 0, burst: true, effort });
  const inTime = await compare({ work: "readInTime", latencyMs: 0, effort });
  return [
    { name: "fhir.read.0ms", value: ratio(measured), unit: "of bare", bar: 0.9 },
    { name: "fhir.read.cpu", value: cpuRatio(measured), unit: "of bare", bar: 1.15, atMost: true },
    { name: "fhir.read.burst.cpu", value: cpuRatio(burst), unit: "of bare", bar: null },
    { name: "fhir.read.in_time.cpu", value: cpuRatio(inTime), unit: "of bare", bar: 1, atMost: true },
  ];
}

/** A walk with a provider 25 ms away, whose caller takes 10 ms for each page: as an application sees it. */
export async function fhirWalkAt25Ms(effort: Effort): Promise<Measurement[]> {
  const measured = await compare({ work: "pageAtWork", latencyMs: 25, loops: 1, effort });
  return [{ name: "fhir.walk.25ms", value: ratio(measured), unit: "of bare", bar: 1.2 }];
}

/** Walks over pages of 100 small Observations, one walk at a time. */
export async function fhirWalks(effort: Effort): Promise<Measurement[]> {
  const scene = { latencyMs: 0, loops: 1, effort };
  const byPage = await compare({ ...scene, work: "walkPages" });
  const whole = await compare({ ...scene, work: "walk" });
  const digits = await compare({ ...scene, work: "walkDigits" });
  return [
    { name: "fhir.walk.pages.0ms", value: ratio(byPage), unit: "of bare", bar: 0.8 },
    { name: "fhir.walk.pages.cpu", value: cpuRatio(byPage), unit: "of bare", bar: null },
    { name: "fhir.walk.0ms", value: ratio(whole), unit: "of bare", bar: 0.8 },
    { name: "fhir.walk.cpu", value: cpuRatio(whole), unit: "of bare", bar: null },
    { name: "fhir.walk.digits.0ms", value: ratio(digits), unit: "of bare", bar: null },
  ];
}
