/**
 * Makes two rounds of calls of every kind with one signal that outlives them all, and prints what the heap held after each,
 * in bytes. What a call leaves behind shows as growth from the first round to the second.
 */
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { argument } from "../support/child.ts";

/** Calls of one round, by kind. */
export type Calls = Readonly<Record<"accessToken" | "inspect" | "read" | "walk" | "watch", number>>;

/** What the process prints. */
export interface Held {
  readonly made: number;
  readonly held: readonly number[];
}

const calls = argument<Calls>();
setFlagsFromString("--expose-gc");
const sweep: unknown = runInNewContext("globalThis.gc");

const { lifecycle, sandbox } = await createTestLifecycle({ lifecycle: { cachedTokens: 1 } });
const { signal } = new AbortController(); // one for the whole process
for (const user of ["ada", "bob"]) await lifecycle.onboard(user, { signal });
const fhir = lifecycle.fhir("ada", "r4");
const { id = "" } = await fhir.create({ resourceType: "Patient" }, { untilReadable: true });

/** The token of the other user each time, so that it comes from the store and not from memory. */
let turn = 0;
/** With the signal and without. */
const some = (): { readonly signal?: AbortSignal } => (turn++ % 2 === 0 ? { signal } : {});
const kinds: Readonly<Record<keyof Calls, () => Promise<unknown>>> = {
  accessToken: () => lifecycle.accessToken(turn++ % 2 === 0 ? "ada" : "bob", { signal }),
  inspect: () => lifecycle.inspect("ada"),
  read: () => fhir.read("Patient", id, some()),
  async walk() {
    for await (const _ of fhir.searchAll("Patient", {}, some()));
  },
  async watch() {
    for await (const _ of lifecycle.watch("ada", some())) break;
  },
};

let made = 0;

async function round(share: number): Promise<number> {
  for (const [kind, call] of Object.entries(kinds)) {
    const count = Math.ceil(calls[kind as keyof Calls] * share); // a name of its own
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await call();
    };
    await Promise.all(Array.from({ length: 8 }, lane));
    made += count;
    sandbox.journal.clear();
  }
  if (typeof sweep === "function") for (let time = 0; time < 3; time++) sweep();
  return process.memoryUsage().heapUsed;
}

await round(0.02); // so that what is needed once is there
made = 0;
const held = [await round(1), await round(1)];
await lifecycle.close();
process.stdout.write(`${JSON.stringify({ made, held } satisfies Held)}\n`);
