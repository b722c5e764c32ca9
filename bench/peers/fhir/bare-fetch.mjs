/**
 * Node's own `fetch` with nothing on top: what a client that is built on it can reach at most. No error expected.
 *
 * @module
 */

/** @type {import("./side.ts").FhirPeer["open"]} */
export async function open({ url }) {
  const content = "application/json";
  const headers = { accept: content, "content-type": content, authorization: "Bearer token-0" };
  const send = async (method, target, resource) => {
    const body = resource === undefined ? undefined : JSON.stringify(resource);
    const answer = await fetch(target, { method, headers, body });
    return answer.json();
  };
  return {
    read: (type, id) => send("GET", `${url}/r4/${type}/${id}`),
    create: (resource) => send("POST", `${url}/r4/${resource.resourceType}`, resource),
    update: (resource) => send("PUT", `${url}/r4/${resource.resourceType}/${resource.id}`, resource),
    async walk(type) {
      let found = 0;
      for (let next = `${url}/r4/${type}?_count=100`; next !== undefined;) {
        const { entry, link } = await send("GET", next);
        for (const { resource } of entry) if (resource.id !== undefined) found++;
        next = link.find(({ relation }) => relation === "next")?.url;
      }
      return found;
    },
    close: async () => {},
  };
}
