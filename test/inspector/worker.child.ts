/** A worker with events on, which onboards some users and works until it is killed. */
import { createLifecycle } from "oneup-lifecycle";
import { argument } from "../support/child.ts";
import { onDisk } from "../support/on-disk.ts";

/** What the parent says. */
export interface Work {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly path: string;
  readonly ids: readonly string[];
  readonly leaseMs: number;
  readonly timeoutMs: number;
  readonly graceMs: number;
}

const { url, path, ids, ...options } = argument<Work>();
const lifecycle = await createLifecycle({
  ...options,
  ...onDisk(path),
  endpoints: { api: url, auth: url },
  events: { keep: "1d" },
});
for (const id of ids) void lifecycle.onboard(id).catch(() => {}); // this process is killed meanwhile
await lifecycle.work();
