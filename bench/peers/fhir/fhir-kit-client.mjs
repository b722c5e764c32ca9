/**
 * `fhir-kit-client`: a search, then `nextPage()`. It has no means to renew a token.
 *
 * @module
 */
import { Client } from "fhir-kit-client";

/** @type {import("./side.ts").FhirPeer["open"]} */
export async function open({ url }) {
  const client = new Client({ baseUrl: `${url}/r4`, bearerToken: "token-0" });
  return {
    read: (resourceType, id) => client.read({ resourceType, id }),
    create: (body) => client.create({ resourceType: body.resourceType, body }),
    update: (body) => client.update({ resourceType: body.resourceType, id: body.id, body }),
    async walk(resourceType) {
      let found = 0;
      let bundle = await client.search({ resourceType, searchParams: { _count: "100" } });
      while (bundle !== undefined) {
        for (const { resource } of bundle.entry ?? []) if (resource.id !== undefined) found++;
        bundle = await client.nextPage({ bundle });
      }
      return found;
    },
    close: async () => {},
  };
}
