/** Onboards a user as a worker in a closed network does: what it knows of that comes from its environment. */
import process from "node:process";
import { createLifecycle, isLifecycleError } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";

try {
  const lifecycle = await createLifecycle.fromEnv({ store: memory(), timeoutMs: 1_000, graceMs: 1_000 });
  const { state, usable } = await lifecycle.onboard("ada", { waitMs: Number(process.argv[2]) });
  if (!usable) await lifecycle.accessToken("ada", { waitMs: 0 });
  const patient = await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
  console.log(JSON.stringify({ state, usable, created: patient.resourceType }));
  await lifecycle.close();
} catch (error) {
  if (!isLifecycleError(error)) throw error;
  const { code, message, failedCall } = error;
  console.log(JSON.stringify({ code, message, failed: failedCall?.code }));
}
process.exit(0);
