/**
 * `@medplum/core`: a `MedplumClient` on any FHIR server, with a refresh token.
 *
 * @module
 */
import { WebSocket } from "undici";

globalThis.WebSocket ??= WebSocket; // Node 20 has none, and the package refers to it when it is loaded
const { MedplumClient } = await import("@medplum/core");

/** @type {import("./side.ts").FhirPeer["open"]} */
export async function open({ url }) {
  const medplum = new MedplumClient({
    baseUrl: url,
    fhirUrlPath: "r4",
    clientId: "0123456789abcdef",
    accessToken: "token-0",
  });
  medplum.setAccessToken("token-0", "refresh-0");
  return {
    read: (type, id) => medplum.readResource(type, id),
    create: (resource) => medplum.createResource(resource),
    update: (resource) => medplum.updateResource(resource),
    async walk(type) {
      let found = 0;
      for await (const page of medplum.searchResourcePages(type, { _count: "100" })) {
        for (const { id } of page) if (id !== undefined) found++;
      }
      return found;
    },
    close: async () => {},
  };
}
