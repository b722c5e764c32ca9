/** A FHIR client whose token source, or whose source of the client's credentials, does not answer. */
import { createFhirClient, fetchTransport } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";

describe("a source of credentials that never answers", () => {
  const never = (): Promise<never> => new Promise(() => {});
  const refusing = fetchTransport(async () => new Response("", { status: 401 }));
  const sources = {
    "token.get": { token: { get: never } },
    "token.rejected": { token: { get: () => "one", rejected: never } },
    "client.get": { client: { get: never } },
  };

  it.each(Object.entries(sources))(
    "keeps no call from ending with its signal, or its client's (%s)",
    async (_, source) => {
      const [caller, owner] = [new AbortController(), new AbortController()];
      const fhir = createFhirClient({ version: "r4", ...source, transport: refusing, signal: owner.signal });
      const read = fhir.read("Patient", "1", { signal: caller.signal }).catch((error: unknown) => error);
      const create = fhir.create({ resourceType: "Patient" }).catch((error: unknown) => error);
      await new Promise(setImmediate);
      caller.abort("enough");
      expect(await read).toBe("enough");
      owner.abort("closed");
      expect(await create).toBe("closed");
    },
  );

  it("ends a read a second after its waitMs", async () => {
    const fhir = createFhirClient({ version: "r4", token: { get: never }, transport: refusing });
    const read = fhir.read("Patient", "1", { waitMs: 10, retries: 0 });
    await expect(read).rejects.toMatchObject({ code: "UNAVAILABLE", retryable: true });
  });
});
