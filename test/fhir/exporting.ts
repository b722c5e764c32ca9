/** What the tests of bulk exports need: a user with resources, and a client that notes what it sends. */
import {
  createFhirClient,
  fetchTransport,
  type BulkExportOptions,
  type Clock,
  type FhirClient,
  type FhirClientOptions,
  type Transport,
} from "oneup-lifecycle";
import type { Behaviour } from "oneup-lifecycle/sandbox";
import {
  createTestLifecycle,
  manualClock,
  type ManualClock,
  type TestLifecycle,
} from "oneup-lifecycle/testing";

/** Of a call, ms: no pause is that long. */
const timeoutMs = 29_999;
/** Of a kick-off, ms. */
const kickOffMs = 300_000;
/** After which a file that is not read is closed, ms. */
const restMs = 60_000;

/** The clock of the test. Every pause is over at once, after its time; a call takes none. */
function hurried({ clock }: { readonly clock: Pick<ManualClock, keyof Clock | "advance"> }): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    random: () => clock.random(),
    timer(ms, task) {
      if ([timeoutMs, kickOffMs, restMs].includes(ms)) return () => {};
      let isDue = true;
      const run = (): void => {
        if (isDue) task();
      };
      setImmediate(() => void clock.advance(ms).then(run));
      return () => (isDue = false);
    },
  };
}

/** A request as it left. */
export interface Sent {
  readonly url: URL;
  readonly headers: Headers;
}

export interface Exporting {
  readonly world: TestLifecycle;
  readonly fhir: FhirClient<"r4">;
  readonly sent: readonly Sent[];
  /** The ids of all resources of the user, in the order of an export. */
  readonly ids: readonly string[];
  /** Another client, as of another process. */
  readonly another: (options?: Partial<FhirClientOptions<"r4">>) => FhirClient<"r4">;
}

export const analytics = "https://analytics.1up.health/bulk-data";

/** Five patients in files of two, and three observations. */
export async function exporting(behaviour: Partial<Behaviour> = {}): Promise<Exporting> {
  const world = await createTestLifecycle({ sandbox: { exportFileSize: 2, ...behaviour } });
  const { lifecycle, sandbox, clock } = world;
  await lifecycle.onboard("ada");
  sandbox.addResources("ada", "r4", [
    ...[0, 1, 2, 3, 4].map((index) =>
      `{"resourceType":"Patient","name":[{"text":"Ünal ${index} \\u{1F600}"}]}`.replace("\\u{1F600}", "😀"),
    ),
    ...[0, 1, 2].map(
      (index) =>
        `{"resourceType":"Observation","status":"final","code":{"text":"w"},"valueQuantity":{"value":${index}.50}}`,
    ),
  ]);
  const sent: Sent[] = [];
  const another = (options: Partial<FhirClientOptions<"r4">> = {}): FhirClient<"r4"> =>
    createFhirClient({
      version: "r4",
      token: {
        get: () => lifecycle.accessToken("ada"),
        async rejected() {
          await clock.advance("2m"); // a refused token is replaced once a minute
          await lifecycle.reauthorize("ada");
          return lifecycle.accessToken("ada");
        },
      },
      transport: fetchTransport(async (input, init) => {
        const request = new Request(input, init);
        sent.push({ url: new URL(request.url), headers: request.headers });
        return sandbox.fetch(request);
      }),
      clock: hurried(world),
      timeoutMs,
      analytics,
      ...options,
    });
  const fhir = another();
  const ids = await idsOf(fhir);
  sent.length = 0;
  sandbox.journal.clear();
  return { world, fhir, sent, ids, another };
}

async function idsOf(fhir: FhirClient<"r4">): Promise<string[]> {
  const ids: string[] = [];
  for (const type of ["Observation", "Patient"] as const)
    for await (const { id = "" } of fhir.searchAll(type)) ids.push(id);
  return ids;
}

/** Reads an export from a cursor, up to `most` resources; returns their ids, and where it stands. */
export async function part(
  fhir: FhirClient<"r4">,
  options: BulkExportOptions<"Patient" | "Observation">,
  most: number,
): Promise<{ readonly ids: string[]; readonly cursor: string | undefined }> {
  const exported = fhir.bulkExport(options);
  const ids: string[] = [];
  for await (const { id = "" } of exported) {
    if (ids.length === most) return { ids, cursor: exported.cursor };
    ids.push(id);
  }
  return { ids, cursor: exported.cursor };
}

/** A client of any server, whose pauses are over at once. */
export function hurriedClient(transport: Transport): FhirClient<"r4"> {
  return createFhirClient({
    version: "r4",
    api: "https://api.example",
    analytics: "https://api.example",
    token: { get: () => "token", rejected: async () => "another" },
    transport,
    clock: hurried({ clock: manualClock() }),
    timeoutMs,
    retries: 10,
  });
}
