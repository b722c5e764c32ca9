/** Users with tokens in one store, and how they are sealed. */
import { randomBytes } from "node:crypto";
import type { Encryption, Lifecycle, LifecycleOptions, Store, StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import type { Sandbox, SandboxOptions } from "oneup-lifecycle/sandbox";
import { accountOf } from "../../src/store/account-of.ts";
import { scene } from "./scene.ts";

/** Keys of a ring. */
export const [older, newer] = [randomBytes(32).toString("hex"), randomBytes(32).toString("hex")];
export const users = ["ada", "bob", "eve"];
/** Nothing is silent for long, so a replaced store key is kept for 15 s only. */
export const times = { timeoutMs: 5_000, graceMs: 0, leaseMs: 5_000 };

export function storeOf(adapter: StoreAdapter, { clock }: Sandbox): Promise<Store> {
  return adapter.open({ account: accountOf("sandbox-client"), clock });
}

export async function accountIn(store: Store): Promise<string> {
  return JSON.stringify((await store.account.load())?.value);
}

export async function sealsIn(store: Store): Promise<readonly string[]> {
  const seals = await Promise.all(
    users.map(async (id) => {
      const found = await store.load(id);
      const { format, sealed } = (found.type === "record" ? found.record.value : {}) as Record<string, any>;
      return `${format} ${sealed?.key ?? "none"}`;
    }),
  );
  return [...new Set(seals)];
}

export async function tokensOf(lifecycle: Lifecycle): Promise<readonly string[]> {
  return Promise.all(users.map((id) => lifecycle.accessToken(id)));
}

/** Three users with tokens in one store, and ways to open it. */
export async function withUsers(
  encryption: Encryption = { keys: [older] },
  options: SandboxOptions = {},
  others: Partial<LifecycleOptions> = {},
) {
  const { sandbox, open: openAny } = await scene(options);
  const adapter = memory();
  const open = (more: Partial<LifecycleOptions> = {}): Promise<Lifecycle> =>
    openAny({ store: adapter, encryption, cachedTokens: 0, ...times, ...others, ...more });
  const first = await open();
  for (const id of users) await first.onboard(id);
  const tokens = await tokensOf(first);
  return { sandbox, adapter, store: await storeOf(adapter, sandbox), open, first, tokens };
}

/** Lets the time pass for which an old store key is kept. A server that must answer in time needs smaller steps, ms. */
export async function soon<T>({ clock }: Sandbox, work: Promise<T>, stepMs = 5_000): Promise<T> {
  const timer = setInterval(() => clock.advance(stepMs), 1);
  return work.finally(() => clearInterval(timer));
}
