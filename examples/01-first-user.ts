// The first user: registered, authorized, and with a Patient of its own.
//
//   npm run example 01-first-user       or       deno run -A examples/01-first-user.ts
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createLifecycle, keyFile } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";

// A local 1upHealth, so that this runs anywhere. In production leave it out, with `endpoints` below, and take
// `credentials` from the developer console: createLifecycle.fromEnv() reads them from the environment.
const sandbox = createSandbox({ readLagMs: 300 });
const server = await sandbox.listen();

// In production a folder that stays, such as ./data. The key stands outside the store's folder: back it up apart.
const folder = await mkdtemp(join(tmpdir(), "first-user-"));

const lifecycle = await createLifecycle({
  credentials: sandbox.credentials,
  endpoints: server.endpoints,
  store: lmdb(join(folder, "store")),
  encryption: keyFile(join(folder, "lifecycle.key")),
});

try {
  // Every step is on disk before the next one begins.
  lifecycle.subscribe(({ appUserId, state }) => console.log(`${appUserId} is ${state}`));

  // Registers the user, exchanges its code, keeps its tokens. Call it as often as you like: it costs one management
  // call in all, and if the process dies on the way, the next call goes on from there.
  const ada = await lifecycle.onboard("ada@example.org");
  console.log(`usable: ${ada.usable}, until ${ada.expiresAt?.toISOString()}`);

  // FHIR in the user's name. The access token is fetched, renewed and replaced underneath.
  const fhir = lifecycle.fhir("ada@example.org", "r4");
  const { id = "" } = await fhir.create<"Patient">({
    resourceType: "Patient",
    name: [{ use: "official", family: "Lovelace", given: ["Ada"] }],
    birthDate: "1815-12-10",
  });

  // 1upHealth shows a new resource after a short delay, less than a second.
  await sleep(1_000);
  const patient = await fhir.read("Patient", id);
  console.log(`Patient/${patient.id}: ${patient.name?.[0]?.given?.[0]} ${patient.name?.[0]?.family}`);

  // What is left of the 300 management calls an hour that your account has.
  const { used, of } = await lifecycle.forecast();
  console.log(`management calls: ${used} of ${of}`);
} finally {
  await lifecycle.close();
  await server.close();
  await rm(folder, { recursive: true });
}
