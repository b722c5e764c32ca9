/** An inspector of a test lifecycle, on a clock that the test moves, and the requests of its page. */
import { randomUUID } from "node:crypto";
import {
  createTestLifecycle,
  manualClock,
  type ManualClock,
  type TestLifecycle,
  type TestLifecycleOptions,
} from "oneup-lifecycle/testing";
import type { Inspector, InspectorOptions } from "oneup-lifecycle/inspector";
import { expect } from "vitest";
import { inspectorOn } from "../../src/inspector/inspector.ts";
import { afterwards } from "../support/scene.ts";

export const origin = "http://localhost:3000";

/** An answer: its status, its headers, and its body, as JSON where it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: any;
  readonly text: string;
}

/** A browser in which the inspector was opened. */
export interface Browser {
  /** A page of the inspector, without following redirects. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** What the page asks for. */
  ask(name: string, fields?: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** What the page sends when a person does something, each time as a new act. */
  act(fields: object, headers?: Readonly<Record<string, string>>, name?: string): Promise<Answer>;
  /** The live view. */
  live(): Promise<Stream>;
}

export interface Opened extends Browser {
  readonly world: TestLifecycle;
  readonly inspector: Inspector;
  /** Paces the live view. */
  readonly clock: ManualClock;
  /** Another browser, which opens a link of its own. */
  browser(): Promise<Browser>;
}

/** An inspector of a new test lifecycle, opened with a link where it has no `authorize`. */
export async function opened(
  options: InspectorOptions & { readonly world?: TestLifecycleOptions } = {},
): Promise<Opened> {
  const { world: about, ...more } = options;
  const world = await createTestLifecycle(about);
  afterwards(() => world.close());
  return { world, ...(await openedOn(world, more)) };
}

/** An inspector of this lifecycle. */
export async function openedOn(
  { lifecycle }: Pick<TestLifecycle, "lifecycle">,
  options: InspectorOptions = {},
): Promise<Omit<Opened, "world">> {
  const clock = manualClock();
  const inspector = inspectorOn(clock, lifecycle, options);
  afterwards(() => inspector.close());
  const browser = (): Promise<Browser> => enter(inspector, options);
  return { inspector, clock, browser, ...(await browser()) };
}

/** Opens a link, as a browser does. */
async function enter(
  inspector: Inspector,
  { authorize, basePath = "/" }: InspectorOptions,
): Promise<Browser> {
  const base = basePath.endsWith("/") ? basePath : `${basePath}/`;
  const cookie = authorize === undefined ? await sessionOf(inspector) : "";
  const send = async (path: string, init: RequestInit): Promise<Response> => {
    const headers = { ...(cookie !== "" && { cookie }), ...(init.headers as Record<string, string>) };
    return inspector.fetch(new Request(`${origin}${path}`, { ...init, headers }));
  };
  const ask: Browser["ask"] = async (name, fields = {}, headers = {}) => {
    const all = { "content-type": "application/json", ...headers };
    const init = { method: "POST", headers: all, body: JSON.stringify(fields) };
    return answerOf(await send(`${base}api/${name}`, init));
  };
  return {
    get: async (path, headers = {}) => answerOf(await send(`${base}${path}`, { headers })),
    ask,
    async act(fields, headers = {}, name = "act") {
      const { token } = (await ask("me", {}, headers)).body;
      const its = { origin, "x-inspector-token": token, ...headers };
      return ask(name, { once: randomUUID(), ...fields }, its);
    },
    live: async () => new Stream(await send(`${base}api/live`, {})),
  };
}

/** The cookie that a link brings. */
export async function sessionOf(inspector: Inspector): Promise<string> {
  const { status, headers } = await inspector.fetch(new Request(inspector.link(origin)));
  expect(status).toBe(303);
  return headers.getSetCookie()[0]?.split(";")[0] ?? "";
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const { status, headers } = response;
  const isJson = headers.get("content-type")?.startsWith("application/json") === true;
  return { status, headers, text, body: isJson ? JSON.parse(text) : text };
}

/** What a live view has received so far. */
export class Stream {
  readonly response: Response;
  readonly ended: Promise<void>;
  text = "";
  isOver = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(response: Response) {
    this.response = response;
    if (response.body === null) throw new Error("no body");
    this.#reader = response.body.getReader();
    this.ended = this.#read()
      .catch(() => {}) // the connection was cut
      .finally(() => (this.isOver = true));
    afterwards(() => this.leave());
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for (let part = await this.#reader.read(); !part.done; part = await this.#reader.read())
      this.text += decoder.decode(part.value, { stream: true });
  }

  /** The data of all events of this name. */
  all(name: string): readonly any[] {
    const found = this.text.matchAll(new RegExp(`^event: ${name}\ndata: (.*)$`, "gm"));
    return [...found].map(([, data = ""]) => JSON.parse(data));
  }

  /** The page is closed. */
  async leave(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}
