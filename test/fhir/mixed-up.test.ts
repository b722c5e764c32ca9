/** Answers about another resource than was asked for: the connection that brought one is late by one answer, perhaps. */
import type { ServerResponse } from "node:http";
import {
  createFhirClient,
  systemClock,
  undiciTransport,
  type FhirClient,
  type Transport,
} from "oneup-lifecycle";
import { describe, expect, it, onTestFinished } from "vitest";
import { serve } from "../http/local-server.ts";
import { all, errorOf, withAda } from "./ada.ts";

const patient = { resourceType: "Patient", id: "a", meta: { versionId: "1" } } as const;
const person = { resourceType: "Person", id: "a" };
const page = (...resources: readonly object[]): object => ({
  resourceType: "Bundle",
  type: "searchset",
  entry: resources.map((resource) => ({ resource, search: { mode: "match" } })),
});

/** A client whose every call is answered so, and how often its connections were left. */
function client(body: unknown, clock = systemClock): { readonly fhir: FhirClient<"r4">; left: number } {
  const here = {
    left: 0,
    fhir: createFhirClient({
      version: "r4",
      token: { get: () => "one" },
      retries: 0,
      clock,
      transport: {
        async send({ onSending }) {
          onSending();
          return {
            status: 200,
            headers: { "content-type": "application/fhir+json" },
            text: JSON.stringify(body),
          };
        },
        renew: () => void here.left++,
      },
    }),
  };
  return here;
}

/** A client of that token over the transport. */
const of = (token: string, transport: Transport, api: string): FhirClient<"r4"> =>
  createFhirClient({ version: "r4", api, transport, token: { get: () => token } });

/** A server of which one connection gives each answer one request later, from its second one on. */
async function lateByOne(): Promise<{ readonly url: string; readonly paths: () => readonly string[] }> {
  const { url, seen } = await serve((response, { path, headers }) => {
    const [, id] = /Patient\/(\w+)/.exec(path) ?? [];
    const own = JSON.stringify(
      id === undefined
        ? page({ resourceType: "Observation", id: `of-${headers.authorization?.slice(7)}` })
        : { resourceType: "Patient", id },
    );
    late ??= { socket: response.socket, held: "" };
    const isLate = late.socket === response.socket && late.held !== "";
    response.end(isLate ? late.held : own);
    if (late.socket === response.socket) late.held = own;
  });
  let late: { readonly socket: ServerResponse["socket"]; held: string } | undefined;
  return { url, paths: () => seen.map(({ path }) => path) };
}

describe("a connection that is late by one answer", () => {
  it("is left once a read shows it, which is repeated, and brings no other user's search", async () => {
    const { url, paths } = await lateByOne();
    const transport = undiciTransport({ connections: 1 });
    onTestFinished(() => transport.close?.());
    const [ada, bob] = [of("ada", transport, url), of("bob", transport, url)];
    await ada.read("Patient", "a");
    expect(await ada.read("Patient", "b")).toEqual({ resourceType: "Patient", id: "b" });
    expect((await bob.search("Observation")).resources).toMatchObject([{ id: "of-bob" }]);
    expect(paths()).toHaveLength(4);
  });

  it("is left once a walk shows it, which goes on", async () => {
    const { url } = await lateByOne();
    const transport = undiciTransport({ connections: 1 });
    onTestFinished(() => transport.close?.());
    const [ada, bob] = [of("ada", transport, url), of("bob", transport, url)];
    await ada.read("Patient", "a");
    expect(await all(ada.searchAll("Observation"))).toMatchObject([{ id: "of-ada" }]);
    expect((await bob.search("Observation")).resources).toMatchObject([{ id: "of-bob" }]);
  });
});

it("calls that wait for a connection while another one's answer is mixed up leave over a new one", async () => {
  const { url } = await lateByOne();
  const transport = undiciTransport({ connections: 1 });
  onTestFinished(() => transport.close?.());
  const ada = of("ada", transport, url);
  await ada.read("Patient", "a");
  const first = ada.read("Patient", "b");
  const users = ["bob", "eve", "dan", "kim", "lea"];
  const found = users.map(async (user) => (await of(user, transport, url).search("Observation")).resources);
  expect((await Promise.all(found)).flat().map(({ id }) => id)).toEqual(users.map((user) => `of-${user}`));
  expect(await first).toEqual({ resourceType: "Patient", id: "b" });
});

type Calling = (fhir: FhirClient<"r4">) => Promise<unknown>;
const read: Calling = (fhir) => fhir.read("Patient", "a");

describe("connections", () => {
  it.each<[string, Calling, object]>([
    ["a read by another id", read, { ...patient, id: "b" }],
    ["a read by another type", read, person],
    ["a read by a page", read, page()],
    ["a version by another one", (fhir) => fhir.vread("Patient", "a", "2"), patient],
    ["a search by a resource", (fhir) => fhir.search("Patient"), patient],
    ["a search by matches of another type", (fhir) => fhir.search("Patient"), page(person)],
    ["a history by a resource", (fhir) => fhir.history("Patient", "a"), patient],
    ["a walk by a resource", (fhir) => all(fhir.everything("a")), patient],
    ["a delete by another resource", (fhir) => fhir.delete("Patient", "a"), { ...patient, id: "b" }],
    ["a validation by a resource", (fhir) => fhir.validate(patient), patient],
  ])(
    "are left before the error reaches the caller that has %s, and it may be repeated",
    async (_, call, body) => {
      const here = client(body);
      expect(await errorOf(call(here.fhir))).toMatchObject({
        code: "BAD_ANSWER",
        status: 200,
        retryable: true,
      });
      expect(here.left).toBe(1);
    },
  );

  const sent = { ...patient, identifier: [{ system: "s", value: "1" }] };
  it.each<[string, Calling, object]>([
    ["a create by another type", (fhir) => fhir.create(patient), person],
    [
      "a create by another identifier",
      (fhir) => fhir.create(sent),
      { ...sent, identifier: [{ system: "s", value: "2" }] },
    ],
    ["an update by another id", (fhir) => fhir.update(patient), { ...patient, id: "b" }],
  ])("are left where the caller has %s, which is in doubt", async (_, call, body) => {
    const here = client(body);
    expect(await errorOf(call(here.fhir))).toMatchObject({ code: "IN_DOUBT", retryable: false });
    expect(here.left).toBe(1);
  });

  it("are left where a batch is answered by a resource, and its creates are in doubt", async () => {
    const here = client(patient);
    const [result] = await here.fhir.batch([{ type: "create", resource: patient }]);
    expect(result.error).toMatchObject({ code: "IN_DOUBT" });
    expect(here.left).toBe(1);
  });

  it("are left where another Binary comes", async () => {
    const here = client({ resourceType: "Binary", id: "b", data: "aGVsbG8=" });
    expect(await errorOf(here.fhir.attachment("a").then((file) => file.bytes()))).toMatchObject({
      message: expect.stringContaining("has another id"),
    });
    expect(here.left).toBeGreaterThan(0);
  });

  it.each<[string, Calling, object]>([
    ["is about it", read, patient],
    ["reports issues", read, { resourceType: "OperationOutcome", issue: [] }],
    ["has no id", read, { resourceType: "Patient" }],
    ["is of no type", read, { message: "warming up" }],
    ["is a page with others on it", (fhir) => fhir.everything("a").pages().next(), page(patient, person)],
    ["is the resource that was deleted", (fhir) => fhir.delete("Patient", "a"), patient],
  ])("are kept where an answer %s", async (_, call, body) => {
    const here = client(body);
    await call(here.fhir).catch(() => {});
    expect(here.left).toBe(0);
  });

  it("are left eight times at once, then every five seconds, by a server that answers each read so", async () => {
    let at = 0;
    const here = client({ ...patient, id: "b" }, { ...systemClock, monotonic: () => at });
    const reads = async (times: number): Promise<number> => {
      for (let time = 0; time < times; time++) await errorOf(read(here.fhir));
      return here.left;
    };
    expect(await reads(100)).toBe(8);
    at += 5_000;
    expect(await reads(1)).toBe(9); // for a read before, by the call that comes next
    at += 5_000;
    await here.fhir.search("Observation").catch(() => {});
    expect(here.left).toBe(10);
    at += 3_600_000;
    expect(await reads(100)).toBe(18);
  });

  it("of a lifecycle are left, too", async () => {
    let left = 0;
    const own = undiciTransport();
    const { sandbox, open } = await withAda("r4");
    const lifecycle = await open({ transport: { ...own, renew: () => void left++ } });
    sandbox.fail({ call: "fhir.read", status: 200, body: patient });
    const error = await errorOf(lifecycle.fhir("ada@example.org", "r4", { retries: 0 }).read("Patient", "z"));
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    expect(left).toBe(1);
  });
});
