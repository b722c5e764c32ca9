/**
 * A process with one FHIR client, which does one task after the other. Arguments: the client's module, what it is told
 * (JSON). Started without a loader, with `--expose-gc`.
 *
 * @module
 */
import { ownMemory } from "../../own-memory.mjs";

const [module, words] = process.argv.slice(2);
/** @type {import("./side.ts").FhirPeer} */
const { open } = await import(module);
const side = await open(JSON.parse(words));

const patient = {
  resourceType: "Patient",
  identifier: [{ system: "http://example.org/mrn", value: "4711" }],
  name: [{ use: "official", text: "Bilbo Baggins", family: "Baggins", given: ["Bilbo"] }],
  gender: "male",
  birthDate: "1993-06-20",
};

const works = {
  read: () => side.read("Patient", "0a0cee5487a8"),
  create: () => side.create(patient),
  walk: () => side.walk("Observation"),
};

/** Does it `count` times, `loops` at a time. */
async function timed({ what, count, loops }) {
  let left = count;
  const loop = async () => {
    while (left-- > 0) await works[what]();
  };
  const begun = performance.now();
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: loops }, loop));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: count / ((performance.now() - begun) / 1_000), cpuMicros: (user + system) / count };
}

/** A walk, and the most that the memory of this process rises in it. */
async function memory() {
  await works.read();
  globalThis.gc();
  const before = ownMemory();
  let peak = before;
  const look = () => (peak = Math.max(peak, ownMemory()));
  const looking = setInterval(look, 2);
  const found = await works.walk();
  look();
  clearInterval(looking);
  return { before, rise: peak - before, found };
}

/** Reads a resource with a number, and writes it back. */
async function rewrite() {
  const resource = await side.read("Observation", "1");
  await side.update(resource);
  return { value: resource.valueQuantity.value };
}

const once = {
  memory,
  rewrite,
  walkOnce: async () => ({ found: await works.walk() }),
  readOnce: async () => {
    await side.read("Observation", "1");
    return {};
  },
};

process.on("message", (task) => {
  const done = once[task.what]?.() ?? timed(task);
  done.then(
    (outcome) => process.send(outcome),
    (cause) => process.send({ error: String(cause?.message ?? cause) }),
  );
});
process.on("disconnect", () => void side.close().finally(() => process.exit(0)));
process.send("ready");
