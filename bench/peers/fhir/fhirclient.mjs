/**
 * `fhirclient`: `client.request()` with `onPage`, in a session with a refresh token.
 *
 * @module
 */
import smart from "fhirclient";

/** @type {import("./side.ts").FhirPeer["open"]} */
export async function open({ url, expiresIn }) {
  const kept = new Map();
  const session = {
    get: async (key) => kept.get(key),
    set: async (key, value) => kept.set(key, value),
    unset: async (key) => kept.delete(key),
  };
  const client = smart({ headers: {} }, {}, session).client({
    serverUrl: `${url}/r4`,
    tokenUri: `${url}/oauth2/token`,
    clientId: "0123456789abcdef",
    clientSecret: "fedcba9876543210",
    key: "session",
    scope: "offline_access",
    expiresAt: Math.floor(Date.now() / 1_000) + expiresIn,
    tokenResponse: { access_token: "token-0", refresh_token: "refresh-0", scope: "offline_access" },
  });
  return {
    read: (type, id) => client.request(`${type}/${id}`),
    create: (resource) => client.create(resource),
    update: (resource) => client.update(resource),
    async walk(type) {
      let found = 0;
      const onPage = ({ entry }) => {
        for (const { resource } of entry ?? []) if (resource.id !== undefined) found++;
      };
      await client.request(`${type}?_count=100`, { pageLimit: 0, onPage });
      return found;
    },
    close: async () => {},
  };
}
