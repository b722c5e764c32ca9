/**
 * Bare undici: one token, bodies read and parsed, page after page. No error expected.
 *
 * @module
 */
import { Pool } from "undici";

/** @type {import("./side.ts").FhirPeer["open"]} */
export async function open({ url, connections }) {
  const pool = new Pool(url, { connections });
  const content = "application/json";
  const headers = { accept: content, "content-type": content, authorization: "Bearer token-0" };
  const send = async (method, path, resource) => {
    const body = resource === undefined ? undefined : JSON.stringify(resource);
    const answer = await pool.request({ method, path, headers, body });
    return answer.body.json();
  };
  return {
    read: (type, id) => send("GET", `/r4/${type}/${id}`),
    create: (resource) => send("POST", `/r4/${resource.resourceType}`, resource),
    update: (resource) => send("PUT", `/r4/${resource.resourceType}/${resource.id}`, resource),
    async walk(type) {
      let found = 0;
      for (let next = `/r4/${type}?_count=100`; next !== undefined;) {
        const { entry, link } = await send("GET", next);
        for (const { resource } of entry) if (resource.id !== undefined) found++;
        const url = link.find(({ relation }) => relation === "next")?.url;
        next = url?.slice(url.indexOf("/r4/"));
      }
      return found;
    },
    close: () => pool.close(),
  };
}
