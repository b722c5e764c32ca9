/** Onboards its share of users in a process of its own. */
import { createLifecycle } from "oneup-lifecycle";
import { argument } from "../support/child.ts";
import { onDisk } from "../support/on-disk.ts";

/** What the parent says. */
export interface Share {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly path: string;
  readonly ids: readonly string[];
  readonly limit: { readonly calls: number; readonly windowMs: number };
}

const { url, credentials, path, ids, limit } = argument<Share>();
const lifecycle = await createLifecycle({
  credentials,
  endpoints: { api: url, auth: url },
  limits: { management: limit },
  ...onDisk(path),
});
const statuses = await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: 120_000 })));
console.log(JSON.stringify({ usable: statuses.filter((status) => status.usable).length }));
await lifecycle.close();
