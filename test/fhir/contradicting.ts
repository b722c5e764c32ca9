/** What the tests of contradicting answers need: a client of a server that answers anything, and what it answers. */
import { createFhirClient, fetchTransport, type FhirClient } from "oneup-lifecycle";

export const failure = {
  resourceType: "OperationOutcome",
  issue: [
    ...Array.from({ length: 25 }, () => ({ severity: "warning", code: "incomplete" })),
    { severity: "error", code: "timeout" },
  ],
};

export const person = (
  value: string,
): { resourceType: "Patient"; identifier: { system: string; value: string }[] } => ({
  resourceType: "Patient",
  identifier: [{ system: "s", value }],
});

/** A client of a server that answers each call so, and gets another token when one is refused. */
export function client(answer: (method: string, url: string) => Response | object): {
  readonly fhir: FhirClient<"r4">;
  readonly sent: string[];
} {
  const sent: string[] = [];
  const fhir = createFhirClient({
    version: "r4",
    token: { get: () => "one", rejected: async () => "two" },
    retries: 0,
    transport: fetchTransport(async (input, init) => {
      const { method, url } = new Request(input, init);
      sent.push(`${method} ${new URL(url).pathname}`);
      const answered = answer(method, url);
      return answered instanceof Response ? answered : Response.json(answered);
    }),
  });
  return { fhir, sent };
}

export const found = (...resources: readonly object[]): object => ({
  resourceType: "Bundle",
  type: "searchset",
  entry: resources.map((resource) => ({ resource })),
});
