/**
 * Does one kind of work a number of times and ends: `instructions.ts` counts what that takes. One argument, JSON: what it
 * is told.
 *
 * @module
 */
import process from "node:process";
import type { Counted } from "./instructions.ts";
import { inLoops } from "./rounds.ts";
import { bareSide, durableSide } from "./sides.ts";

const { side, work, url, times } = JSON.parse(process.argv[2] ?? "") as Counted; // by instructions.ts
const path = ["Patient", "0a0cee5487a8"] as const;
const one = side === "bare" ? await bareWork() : await durableWork();
await inLoops(Array(times).keys(), Number(process.env.LOOPS ?? 64), one);
process.exit(0); // nothing that closes is counted

async function bareWork(): Promise<(index: number) => Promise<unknown>> {
  const bare = bareSide(url);
  const fhir = bare.fhir(await bare.onboard("first"));
  if (work === "read") return () => fhir.get(`/r4/${path.join("/")}`);
  return (index) => bare.onboard(`user-${index}@example.org`);
}

async function durableWork(): Promise<(index: number) => Promise<unknown>> {
  const durable = await durableSide(url);
  await durable.onboard("first");
  const fhir = durable.lifecycle.fhir("first", "r4");
  if (work === "read") return () => fhir.read(...path);
  return (index) => durable.onboard(`user-${index}@example.org`);
}
