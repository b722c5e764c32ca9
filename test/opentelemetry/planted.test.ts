/**
 * Nothing planted is found in a span, a metric or a header, with a real SDK and the instrumentations of undici, Redis
 * and PostgreSQL running and set to report all they can; and all of it would be found without the suppression.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { redis } from "oneup-lifecycle/adapters/redis";
import { openTelemetry, type Telemetry } from "oneup-lifecycle/opentelemetry";
import { describe, expect, it } from "vitest";
import { withPostgres } from "../support/postgres.ts";
import { afterwards, scene } from "../support/scene.ts";
import { withServer } from "../support/servers.ts";
import { inRequest, textOf, useSdk } from "./sdk.ts";

const sdk = useSdk({ instrumented: true });

const clientSecret = "plantedsecret";
const id = "planted-ada@secret.example";
const family = "Plantedname";
const born = "1911-11-11";
const baggage = "plantedbaggage";
const key = Buffer.alloc(32, "planted-key");

/** What must be seen nowhere. */
interface Seen {
  /** By the words that were planted: where they were seen. */
  readonly leaks: ReadonlyMap<string, string>;
  readonly headers: readonly string[];
  readonly spans: readonly string[];
  readonly page: string;
}

/** The headers of all requests from now on, as undici writes them on the wire. */
function sentHeaders(): readonly string[] {
  const sent: string[] = [];
  const keep = (message: unknown): void => void sent.push((message as { readonly headers: string }).headers);
  subscribe("undici:client:sendHeaders", keep);
  afterwards(() => void unsubscribe("undici:client:sendHeaders", keep));
  return sent;
}

/** The whole life of a user, as requests of an application, with all that happens to it reported. */
async function live(store: StoreAdapter, telemetry: Telemetry): Promise<Seen> {
  sdk.reset();
  const headers = sentHeaders();
  const { sandbox, open } = await scene({ clientSecret });
  const lifecycle = await open({ encryption: { keys: [key] }, store, telemetry });
  const tokens: string[] = [];
  try {
    await inRequest({ planted: baggage }, async () => {
      await lifecycle.onboard(id);
      tokens.push(await lifecycle.accessToken(id));
      const fhir = lifecycle.fhir(id, "r4");
      const patient = await fhir.create({ resourceType: "Patient", name: [{ family }], birthDate: born });
      await fhir.read("Patient", patient.id ?? "");
      await fhir.search("Patient", { birthdate: born, family });
      await lifecycle.fhir(id, "r4", { as: "client" }).read("Patient", patient.id ?? "");
      sandbox.clock.advance(2 * 3_600_000);
      tokens.push(await lifecycle.accessToken(id)); // a refreshed one
      await lifecycle.remote.find({ appUserId: id });
      sandbox.fail({ status: 400, body: { error: `${family} is not welcome` } });
      await fhir.read("Patient", "plantedresource").catch(() => {});
      await lifecycle.rename(id, `new-${id}`);
      await lifecycle.offboard(`new-${id}`, { purge: ["r4"] });
      await lifecycle.forget(`new-${id}`);
    });
    await lifecycle.health();
  } finally {
    await lifecycle.close();
  }
  const spans = sdk.spans().map(textOf);
  const page = await sdk.page();
  const reported = [...spans, page].join("\n");
  const words = [clientSecret, id, encodeURIComponent(id), family, born, "plantedresource", ...tokens];
  const leaks = new Map(
    [...words, baggage].flatMap((word) => (reported.includes(word) ? [[word, "report"]] : [])),
  );
  if (headers.some((one) => one.includes(baggage))) leaks.set(baggage, "header");
  return { leaks, headers, spans, page };
}

/** Telemetry that does not hide requests, to show that they would be seen. */
function withoutSuppression(telemetry: Telemetry): Telemetry {
  return { attach: (about) => ({ ...telemetry.attach(about), unseen: (task) => task() }) };
}

function nothingIsSeen(open: () => Promise<StoreAdapter>, name: string): void {
  it("no span, metric or header holds what was planted, and the same test fails without the suppression", async () => {
    const hidden = await live(await open(), openTelemetry());
    expect([...hidden.leaks]).toEqual([]);
    expect(hidden.headers.filter((one) => /^(?:traceparent|tracestate|baggage):/im.test(one))).toEqual([]);
    expect(hidden.spans.filter((span) => span.includes("@opentelemetry/instrumentation"))).toEqual([]);
    expect(hidden.spans.filter((span) => span.includes('"url.template":"/r4/Patient/{id}"'))).not.toEqual([]);

    const bare = await live(await open(), withoutSuppression(openTelemetry()));
    const leaked = [...bare.leaks.keys()];
    expect(leaked).toEqual(expect.arrayContaining([clientSecret, family, born, "plantedresource", baggage]));
    expect(bare.headers.filter((one) => /^traceparent:/m.test(one))).not.toEqual([]);
    const library = bare.spans.filter((span) => span.includes(`@opentelemetry/instrumentation-${name}`));
    expect(library.some((span) => span.includes("planted"))).toBe(true);
  });
}

describe("what is planted", () => {
  describe("in memory", () => nothingIsSeen(() => Promise.resolve(memory()), "undici"));
});

withServer("redis", "what is planted, in Redis", (server) => {
  nothingIsSeen(async () => redis((await server()).url), "redis");
});

withPostgres("what is planted, in PostgreSQL", (server) => {
  nothingIsSeen(async () => {
    const store = postgres((await server()).url);
    await store.migrate();
    return store;
  }, "pg");
});
