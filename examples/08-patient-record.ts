// A patient record: Bilbo Baggins is created, read, found and changed, and no change is lost.
//
//   npm run example 08-patient-record       or       deno run -A examples/08-patient-record.ts
import { createLifecycle, digitsOf, isLifecycleError } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";

// A local 1upHealth, so that this example runs anywhere; in production: createLifecycle.fromEnv(). It shows a new resource
// after 300 ms, as 1upHealth does after "a short delay (<1 second)".
const sandbox = createSandbox({ readLagMs: 300 });
const server = await sandbox.listen();
const lifecycle = await createLifecycle({
  credentials: sandbox.credentials,
  endpoints: server.endpoints,
  store: memory(), // in production a durable store, such as lmdb("./data/lifecycle")
});

try {
  await lifecycle.onboard("bilbo@example.org");
  const fhir = lifecycle.fhir("bilbo@example.org", "r4");

  // If the response is lost, the patient is searched for by its identifier instead of being created twice.
  const created = await fhir.create<"Patient">(
    {
      resourceType: "Patient",
      identifier: [{ system: "https://shire.example/mrn", value: "135375" }],
      name: [{ use: "official", text: "Bilbo Baggins", family: "Baggins", given: ["Bilbo"] }],
      gender: "male",
      birthDate: "1993-06-20",
    },
    { findBy: { identifier: "https://shire.example/mrn|135375" }, untilReadable: true },
  );
  const id = created.id ?? ""; // assigned by 1upHealth, whatever was sent
  const patient = await fhir.read("Patient", id);
  console.log(`read: ${patient.name?.[0]?.text}, version ${patient.meta?.versionId}`);

  const { resources } = await fhir.search("Patient", { identifier: "https://shire.example/mrn|135375" });
  console.log(`found: ${resources.length}, the same one: ${resources[0]?.id === id}`);

  // An update replaces the version that was read, and no other.
  await fhir.update({ ...patient, birthDate: "1993-09-22" });
  try {
    await fhir.update({ ...patient, gender: "other" }); // another client, with the old version
  } catch (error) {
    if (!isLifecycleError(error, "FHIR_CONFLICT")) throw error;
    console.log(`conflict: ${error.message}`);
  }

  // 72.50 kg is more precise than 72.5 kg: the digits are kept, although the value is a number.
  const [weight = ""] = sandbox.addResources("bilbo@example.org", "r4", [
    `{"resourceType":"Observation","status":"preliminary","code":{"text":"weight"},"subject":{"reference":"Patient/${id}"},"valueQuantity":{"value":72.50,"unit":"kg"}}`,
  ]);
  const observation = await fhir.read("Observation", weight);
  const final = await fhir.update({ ...observation, status: "final" });
  const quantity = final.valueQuantity ?? {};
  console.log(`weight: ${quantity.value} ${quantity.unit}, as written: ${digitsOf(quantity, "value")}`);

  await new Promise((resolve) => setTimeout(resolve, 400)); // changes become visible after a short delay, too
  for await (const one of fhir.everything(id)) console.log(`everything: ${one.resourceType}`);
  const history = await fhir.history("Patient", id);
  console.log(`birth dates, newest first: ${history.resources.map(({ birthDate }) => birthDate).join(", ")}`);
} finally {
  await lifecycle.close();
  await server.close();
}
