// The first user: registered, authorized, and with a Patient.
//
//   npm run example 01-first-user       or       deno run -A examples/01-first-user.ts
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createLifecycle, keyFile } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";

// A local 1upHealth, so that this example runs anywhere. In production remove it and `endpoints` below, and take
// `credentials` from the developer console: createLifecycle.fromEnv() reads them from the environment.
const sandbox = createSandbox({ readLagMs: 300 });
const server = await sandbox.listen();

// In production use a permanent folder, such as ./data. Keep the key outside the store's folder and back it up separately.
const folder = await mkdtemp(join(tmpdir(), "first-user-"));

const lifecycle = await createLifecycle({
  credentials: sandbox.credentials,
  endpoints: server.endpoints,
  store: lmdb(join(folder, "store")),
  encryption: keyFile(join(folder, "lifecycle.key")),
});

try {
  // Every step is on disk before the next one starts.
  lifecycle.subscribe(({ appUserId, state }) => console.log(`${appUserId} is ${state}`));

  // Registers the user, exchanges its code and stores its tokens. Call it as often as you like: it costs one management
  // call in total, and if the process dies in between, the next call continues from there.
  const ada = await lifecycle.onboard("ada@example.org");
  console.log(`usable: ${ada.usable}, until ${ada.expiresAt?.toISOString()}`);

  // FHIR on behalf of the user. The access token is obtained, refreshed and replaced automatically.
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

  // How much of the account's 300 management calls an hour is used.
  const { used, of } = await lifecycle.forecast();
  console.log(`management calls: ${used} of ${of}`);
} finally {
  await lifecycle.close();
  await server.close();
  await rm(folder, { recursive: true });
}
