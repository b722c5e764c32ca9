/** Onboards a user as a worker in a closed network does: what it knows of that comes from its environment. It ends by itself. */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { createLifecycle, isLifecycleError, type Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";

let lifecycle: Lifecycle | undefined;
try {
  lifecycle = await createLifecycle.fromEnv({ store: memory(), timeoutMs: 1_000, graceMs: 1_000 });
  const { state, usable } = await lifecycle.onboard("ada", { waitMs: Number(process.argv[2]) });
  if (!usable) await lifecycle.accessToken("ada", { waitMs: 0 });
  const patient = await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
  console.log(JSON.stringify({ state, usable, created: patient.resourceType }));
} catch (error) {
  if (!isLifecycleError(error)) throw error;
  const { code, message, failedCall } = error;
  let failed = failedCall?.code;
  // While a call is under way, its history tells why the one before failed; on a busy machine the first one takes a while.
  while (failed === undefined && lifecycle !== undefined) {
    const history = await lifecycle.history("ada");
    failed = history.findLast(({ cause }) => cause !== null)?.cause?.code;
    await setTimeout(20);
  }
  console.log(JSON.stringify({ code, message, failed }));
}
await lifecycle?.close();
