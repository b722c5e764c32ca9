/** The next page is requested before this one is parsed, and the parsed page alone decides what comes next. */
import { createFhirClient, createLifecycle, type FhirClient, type Transport } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { placeIn } from "../../src/fhir/pages/ahead.ts";
import { afterwards } from "../support/scene.ts";
import { all } from "./ada.ts";

const base = "https://api.1up.health/r4";
const place = { api: "https://api.1up.health", version: "r4" } as const;
const here = { path: "/Basic", query: "_count=2" };
const next = `{"relation":"next","url":"${base}/Basic?_after=2"}`;
const self = `{"relation":"self","url":"${base}/Basic?_after=1"}`;
const entry = `"entry":[{"resource":{"resourceType":"Basic","id":"1"}}]`;

describe("the next page", () => {
  it.each<[string, string]>([
    ["at the head", `{"resourceType":"Bundle","link":[${next}],${entry}}`],
    ["after another one", `{"resourceType":"Bundle","total":2,"link":[${self},${next}],${entry}}`],
    ["at the end", `{"resourceType":"Bundle",${entry},"link":[${next}]}`],
    [
      "almost at the end",
      `{"resourceType":"Bundle",${entry},"link":[${next}],"total":2,"type":"searchset"}\n`,
    ],
    ["with white space", JSON.stringify(JSON.parse(`{"link":[${self},${next}],${entry}}`), null, 2)],
    ["at the end, with white space", JSON.stringify(JSON.parse(`{${entry},"link":[${next}]}`), null, 2)],
    ["of which only the query is given", `{"link":[{"url":"?_after=2","relation":"next"}],${entry}}`],
  ])("is seen in a link %s", (_, bundle) => {
    expect(placeIn(bundle, place, here)).toEqual({ path: "/Basic", query: "_after=2" });
  });

  it.each<[string, string]>([
    ["there is none", `{"resourceType":"Bundle","link":[${self}],${entry}}`],
    ["the link is that of an entry", `{${entry.replace('"id"', `"link":[${next}],"id"`)},"total":1}`],
    ["it leads to another path", `{"link":[${next.replace("/Basic", "/Patient/$everything")}],${entry}}`],
    ["it leads to another origin", `{"link":[${next.replace("api.1up", "api.2up")}],${entry}}`],
    ["it is no list", `{"link":${next},${entry}}`],
    ["it is cut", `{"resourceType":"Bundle","link":[{"relation":"next","url":"${base}/Ba`],
    ["its URL is none", `{"link":[{"relation":"next","url":7}],${entry}}`],
    ["nothing is a Bundle", "[[[[[["],
  ])("is not looked for where %s", (_, bundle) => {
    expect(placeIn(bundle, place, here)).toBeNull();
  });
});

interface Server {
  readonly fhir: Pick<FhirClient<"r4">, "searchAll">;
  /** What it was asked for. */
  readonly asked: string[];
}

type Answering = (query: string, time: number) => string;

/** A server that answers searches with these texts. */
function serving(answer: Answering): { readonly transport: Transport; readonly asked: string[] } {
  const asked: string[] = [];
  const transport: Transport = {
    async send({ url, onSending }) {
      onSending();
      const search = url.startsWith(base) ? url.slice(base.length) : null;
      if (search !== null) asked.push(search);
      const text = search === null ? granted(url) : answer(search, asked.length);
      return { status: 200, headers: {}, text };
    },
  };
  return { transport, asked };
}

/** What a user is onboarded with. */
function granted(url: string): string {
  const code = "c".repeat(40);
  if (url.includes("/user-management/"))
    return JSON.stringify({ success: true, code, oneup_user_id: 7, active: true });
  const [access_token, refresh_token] = ["a".repeat(40), "b".repeat(40)];
  return JSON.stringify({ access_token, refresh_token, token_type: "bearer", expires_in: 7_200 });
}

/** A client of its own, and that of a lifecycle's user. */
const clients: Readonly<Record<string, (answer: Answering) => Promise<Server>>> = {
  async "createFhirClient()"(answer) {
    const { transport, asked } = serving(answer);
    return { fhir: createFhirClient({ version: "r4", token: { get: () => "hush" }, transport }), asked };
  },
  async "fhir()"(answer) {
    const { transport, asked } = serving(answer);
    const credentials = { clientId: "client", clientSecret: "secret" };
    const lifecycle = await createLifecycle({ credentials, store: memory(), transport });
    afterwards(() => lifecycle.close());
    await lifecycle.onboard("ada");
    return { fhir: lifecycle.fhir("ada", "r4"), asked };
  },
};

const page = (id: string, links: string): string =>
  `{"resourceType":"Bundle",${links}"entry":[{"resource":{"resourceType":"Basic","id":"${id}"}}]}`;
const link = (query: string): string => `"link":[{"relation":"next","url":"${base}/Basic?${query}"}],`;

async function walked({ fhir }: Server): Promise<(string | undefined)[]> {
  return (await all(fhir.searchAll("Basic"))).map(({ id }) => id);
}

describe.each(Object.entries(clients))("a walk of %s", (_, client) => {
  it("goes where the parsed page leads, whatever its text seemed to say", async () => {
    const server = await client((query) => {
      if (query === "/Basic?_count=100") return page("1", link("_after=wrong") + link("_after=1"));
      return query === "/Basic?_after=1" ? page("2", "") : page("wrong", link("_after=wrong-too"));
    });
    expect(await walked(server)).toEqual(["1", "2"]);
    expect(server.asked).toEqual(["/Basic?_count=100", "/Basic?_after=wrong", "/Basic?_after=1"]);
  });

  it("reads each resource once where a page is cut behind its link", async () => {
    const whole = page("1", link("_after=1"));
    const server = await client((query, time) => {
      if (time === 1) return whole.slice(0, -9);
      return query === "/Basic?_after=1" ? page("2", "") : whole;
    });
    expect(await walked(server)).toEqual(["1", "2"]);
    expect(server.asked).toEqual(["/Basic?_count=100", "/Basic?_after=1", "/Basic?_count=100"]);
  });

  it("requests no page twice where each one arrives cut the first time", async () => {
    const seen = new Set<string>();
    const server = await client((query) => {
      const after = Number(/_after=(\d+)/.exec(query)?.[1] ?? 0);
      const whole = page(String(after), after < 6 ? link(`_after=${after + 1}`) : "");
      if (seen.has(query)) return whole;
      seen.add(query);
      return whole.slice(0, -9);
    });
    expect(await walked(server)).toEqual(["0", "1", "2", "3", "4", "5", "6"]);
    expect(server.asked.length, "two for each page").toBe(14);
  });

  it("looks no further ahead once it was misled", async () => {
    const server = await client((query) => {
      const after = Number(/_after=(\d+)/.exec(query)?.[1] ?? 0);
      return page(
        String(after),
        link("_after=900") + (after < 5 ? link(`_after=${after + 1}`) : '"link":[],'),
      );
    });
    expect(await walked(server)).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(server.asked).toHaveLength(7);
  });

  it("makes one request for each page", async () => {
    const server = await client((query) => {
      const after = Number(/_after=(\d+)/.exec(query)?.[1] ?? 0);
      return page(String(after), after < 30 ? link(`_after=${after + 1}`) : "");
    });
    expect(await walked(server)).toHaveLength(31);
    expect(server.asked).toHaveLength(31);
  });

  it("asks for no page that a resource links to", async () => {
    const hostile = `{"resourceType":"Basic","id":"1","link":[{"relation":"next","url":"${base}/Basic?_after=evil"}]}`;
    const server = await client(() => `{"resourceType":"Bundle","entry":[{"resource":${hostile}}]}`);
    expect(await walked(server)).toEqual(["1"]);
    expect(server.asked).toEqual(["/Basic?_count=100"]);
  });
});
