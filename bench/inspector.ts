/**
 * What the inspector costs on a growing store: its first answer, pages of users, and what open pages ask of the store.
 *
 * @module
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Lifecycle, LifecycleOptions, Store, StoreAdapter } from "oneup-lifecycle";
import type { Inspector } from "oneup-lifecycle/inspector";
import { fill } from "./fill.ts";
import { encryption, inPlace, storeIn } from "./places.ts";
import { createInspector, createLifecycle } from "./product.ts";
import type { Measurement } from "./report.ts";
import { median } from "./rounds.ts";
import { credentials, type Effort } from "./settings.ts";

const origin = "http://localhost:3000";
/** Nothing is called: no worker runs. */
const endpoints = { api: "http://127.0.0.1:9", auth: "http://127.0.0.1:9" };
/** Answers of each kind; the first few warm up. */
const [answers, warmUp] = [40, 10];
/** Open pages, and how long they are at rest, ms. */
const [openPages, restMs] = [20, 10_000];

/** Users in LMDB. */
export async function inspectorOnLmdb({ usersAtRest }: Effort): Promise<Measurement[]> {
  const [least = 0] = usersAtRest;
  const most = usersAtRest.at(-1) ?? least;
  return inPlace("lmdb", "inspector", async (place) => {
    const options = { credentials, encryption, endpoints, store: storeIn(place) };
    await fill(options, 0, least);
    const small = await timed(options);
    await fill(options, least, most);
    const large = await timed(options);
    const { one, many } = await asked(options);
    const name = short(most);
    return [
      ...(["first", "users", "next"] as const).flatMap((what) => [
        {
          name: `inspector.${what}.growth`,
          value: large[what] / small[what],
          unit: "times",
          bar: 5,
          atMost: true,
        },
        { name: `inspector.${what}.${name}`, value: large[what], unit: "ms", bar: null },
      ]),
      { name: `inspector.pages.${openPages}`, value: many / one, unit: "times", bar: 1.25, atMost: true },
    ];
  });
}

interface Times {
  /** The page and the first overview, in a fresh process's stead: with a fresh inspector. */
  readonly first: number;
  /** The first page of users, and one from the middle of the store. */
  readonly users: number;
  readonly next: number;
}

/** The median times, ms. */
async function timed(options: LifecycleOptions): Promise<Times> {
  const lifecycle = await createLifecycle(options);
  const taken: Record<keyof Times, number[]> = { first: [], users: [], next: [] };
  try {
    for (let n = 0; n < answers; n++) {
      const visit = await opened(lifecycle);
      taken.first.push(await msOf(async () => (await visit.get(""), visit.post("overview", {}))));
      let next: unknown;
      taken.users.push(await msOf(async () => (next = (await visit.post("users", { limit: 50 }))["next"])));
      taken.next.push(await msOf(() => visit.post("users", { limit: 50, after: next })));
      await visit.inspector.close();
    }
  } finally {
    await lifecycle.close();
  }
  const of = (all: readonly number[]): number => median(all.slice(warmUp));
  return { first: of(taken.first), users: of(taken.users), next: of(taken.next) };
}

/** How often the store is asked anything while one page is open at rest, and while many are. */
async function asked(options: LifecycleOptions): Promise<{ readonly one: number; readonly many: number }> {
  let count = 0;
  const lifecycle = await createLifecycle({ ...options, store: counting(options.store, () => count++) });
  const during = async (pages: number): Promise<number> => {
    const { inspector, open } = await opened(lifecycle);
    const readers = await Promise.all(Array.from({ length: pages }, open));
    const streams = readers.map(async (body) => {
      for await (const _ of body) void _; // what a browser would show
    });
    await wait(1_000);
    const before = count;
    await wait(restMs);
    const found = count - before;
    await inspector.close();
    await Promise.all(streams);
    return found;
  };
  try {
    return { one: await during(1), many: await during(openPages) };
  } finally {
    await lifecycle.close();
  }
}

interface Visit {
  readonly inspector: Inspector;
  get(path: string): Promise<void>;
  post(name: string, body: object): Promise<Readonly<Record<string, unknown>>>;
  open(): Promise<AsyncIterable<Uint8Array>>;
}

/** A browser that has opened a link of a new inspector. */
async function opened(lifecycle: Lifecycle): Promise<Visit> {
  const inspector = createInspector(lifecycle);
  const { headers } = await inspector.fetch(new Request(inspector.link(origin)));
  const cookie = headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const send = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const more = { cookie, "content-type": "application/json" };
    const response = await inspector.fetch(new Request(`${origin}/${path}`, { ...init, headers: more }));
    if (!response.ok) throw new Error(`the inspector answered ${response.status} for ${path}`);
    return response;
  };
  return {
    inspector,
    get: async (path) => void (await (await send(path)).text()),
    post: async (name, body) =>
      (await (await send(`api/${name}`, { method: "POST", body: JSON.stringify(body) })).json()) as Record<
        string,
        unknown
      >, // as its tests hold
    async open() {
      const { body } = await send("api/live");
      if (body === null) throw new Error("a live view without a body");
      return body;
    },
  };
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** The same store, which counts what it is asked. */
function counting(adapter: StoreAdapter, count: () => void): StoreAdapter {
  const counted = <T extends object>(verbs: T): T =>
    new Proxy(verbs, {
      get(target, name) {
        const verb: unknown = Reflect.get(target, name, target);
        if (typeof verb === "object" && verb !== null) return counted(verb);
        if (typeof verb !== "function") return verb;
        return (...given: unknown[]): unknown => {
          count();
          return Reflect.apply(verb, target, given);
        };
      },
    });
  return { ...adapter, open: async (how): Promise<Store> => counted(await adapter.open(how)) };
}

/** 1000 → `1k`, a million → `1M`. */
function short(users: number): string {
  return users >= 1e6 ? `${users / 1e6}M` : `${users / 1e3}k`;
}
