import fc from "fast-check";
import {
  createFhirClient,
  createLifecycle,
  fetchTransport,
  type FhirClient,
  type Transport,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { all, errorOf } from "./ada.ts";

const base = "https://api.example.org/r4";

/** How a server words the link to the page that begins at `next`. */
type Links = (next: number, count: number) => string;

const links: Readonly<Record<string, Links>> = {
  "an id and the size": (next, count) => `${base}/Patient?_after=${next}&_count=${count}`,
  "an id alone": (next) => `${base}/Patient?_after=${next}`,
  "a number to skip": (next, count) => `${base}/Patient?_skip=${next}&_count=${count}`,
  "a text of its own": (next) => `?cursor=${Buffer.from(String(next)).toString("hex")}`,
};

/** A server that has one patient for each of these lengths, of about so many bytes. */
function serving(lengths: readonly number[], linkTo: Links) {
  const asked: string[] = [];
  const fetched: typeof fetch = async (input) => {
    const { searchParams, pathname } = new URL(new Request(input).url);
    asked.push(searchParams.get("_count") ?? "none");
    const patient = (index: number): object => ({
      resourceType: "Patient",
      id: `p${index}`,
      name: [{ text: "x".repeat(lengths[index] ?? 0) }],
    });
    const one = /\/Patient\/p(\d+)$/.exec(pathname)?.[1];
    if (one !== undefined) return Response.json(patient(Number(one)));
    const cursor = searchParams.get("cursor");
    const after = cursor === null ? null : Buffer.from(cursor, "hex").toString();
    const from = Number(searchParams.get("_after") ?? searchParams.get("_skip") ?? after ?? 0);
    const count = Number(searchParams.get("_count") ?? 10);
    const to = Math.min(lengths.length, from + count);
    const entry = Array.from({ length: to - from }, (_, index) => ({ resource: patient(from + index) }));
    const link = to < lengths.length ? [{ relation: "next", url: linkTo(to, count) }] : [];
    return Response.json({ resourceType: "Bundle", link, entry });
  };
  const client = (maxAnswerBytes?: number): FhirClient<"r4"> =>
    createFhirClient({
      version: "r4",
      api: "https://api.example.org",
      token: { get: async () => "hush" },
      transport: fetchTransport(fetched),
      maxAnswerBytes,
    });
  return { asked, client };
}

const sizeOf = (length: number): number => length + 200; // of a page with one patient of that length, and more
const idsOf = (resources: readonly { readonly id?: string | undefined }[]) => resources.map(({ id }) => id);
const ids = (lengths: readonly number[]): readonly string[] => lengths.map((_, index) => `p${index}`);

describe("a page that is too big", () => {
  it.each(Object.entries(links))(
    "is asked for again with half as many resources: a walk by %s gives each once and in order",
    async (_, linkTo) => {
      const lengths = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 40 });
      const counts = fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined });
      await fc.assert(
        fc.asyncProperty(lengths, counts, fc.integer({ min: 1, max: 4 }), async (lengths, count, times) => {
          const maxAnswerBytes = Math.max(1_024, times * sizeOf(Math.max(...lengths)));
          const { client } = serving(lengths, linkTo);
          const params = count === undefined ? {} : { _count: count };
          expect(idsOf(await all(client(maxAnswerBytes).searchAll("Patient", params)))).toEqual(ids(lengths));
          const seen: unknown[] = [];
          let page = await client(maxAnswerBytes)
            .search("Patient", params)
            .catch(() => null);
          for (; page !== null; page = await page.next()) seen.push(...idsOf(page.resources));
          expect(seen).toEqual(ids(lengths));
        }),
        { numRuns: 40 },
      );
    },
  );

  it("is halved down to one, from the size that was asked for", async () => {
    const { asked, client } = serving(
      [...Array<number>(11).fill(1_500)],
      links["an id and the size"] as Links,
    );
    const walk = client(2_000).searchAll("Patient", { _count: 10 });
    expect(await all(walk)).toHaveLength(11);
    expect(asked.slice(0, 5)).toEqual(["10", "5", "2", "1", "1"]);
    expect(walk.cursor).toBeUndefined();
  });

  it("names what to do where one resource is too big, and the walk goes on from there when it was done", async () => {
    const lengths = [10, 10, 10, 9_000, 10];
    const { client } = serving(lengths, links["an id and the size"] as Links);
    const walk = client(4_000).searchAll("Patient");
    const seen: unknown[] = [];
    const error = await errorOf(
      (async () => {
        for await (const { id } of walk) seen.push(id);
      })(),
    );
    expect(error).toMatchObject({
      code: "ANSWER_TOO_BIG",
      retryable: false,
      failedCall: { call: "fhirPage" },
    });
    expect(error.message).toBe(
      "Cannot search for Patient resources: the response is too big: its body must not exceed 4000 bytes; raise maxAnswerBytes; the page cannot be made smaller",
    );
    const rest = client(10_000).searchAll("Patient", {}, { cursor: walk.cursor });
    const both = [...seen, ...idsOf(await all(rest))];
    expect([...new Set(both)]).toEqual(ids(lengths));
  });

  it("is not halved where pages are numbered: half of the third page is another page", async () => {
    const numbered: Links = (next, count) => `${base}/Patient?page=${next / count + 1}&_count=${count}`;
    const { asked, client } = serving([10, 10, 5_000, 5_000], numbered);
    const page = await client(4_000).search("Patient", { _count: 2 });
    const error = await errorOf(page.next());
    expect(error.code).toBe("BAD_ANSWER"); // this server knows no pages, and gives the first again
    const refused = serving([5_000, 5_000], numbered);
    expect((await errorOf(refused.client(4_000).search("Patient", { _count: 2, page: 3 }))).code).toBe(
      "ANSWER_TOO_BIG",
    );
    expect(refused.asked).toEqual(["2"]);
    expect(asked).toEqual(["2", "2"]);
  });
});

describe("an answer that is too big", () => {
  it("is not lost: a read reports it, and is not retryable", async () => {
    const { client } = serving([5_000], links["an id alone"] as Links);
    expect(await errorOf(client(4_000).read("Patient", "p0"))).toMatchObject({
      code: "ANSWER_TOO_BIG",
      retryable: false,
      message:
        "Cannot read the Patient: the response is too big: its body must not exceed 4000 bytes; raise maxAnswerBytes",
    });
    expect(await client(6_000).read("Patient", "p0")).toMatchObject({ id: "p0" });
  });

  it("leaves a create in doubt, and the error names the size", async () => {
    const big: Transport = fetchTransport(async () => Response.json({ text: "x".repeat(5_000) }));
    const fhir = createFhirClient({
      version: "r4",
      token: { get: async () => "hush" },
      transport: big,
      maxAnswerBytes: 4_000,
    });
    const error = await errorOf(fhir.create({ resourceType: "Patient" }));
    expect(error).toMatchObject({ code: "IN_DOUBT", retryable: false });
    expect(error.message).toContain("the response is too big: its body must not exceed 4000 bytes");
  });

  it("of a lifecycle's calls is bounded by maxAnswerBytes, too, also of its list of users", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle({ lifecycle: { maxAnswerBytes: 4_000 } });
    await lifecycle.onboard("ada");
    for (let index = 0; index < 89; index++) sandbox.createUser(`user ${index}`);
    const error = await errorOf(all(lifecycle.remote.list()));
    expect(error).toMatchObject({
      code: "ANSWER_TOO_BIG",
      retryable: false,
      failedCall: { call: "listUsers" },
    });
    expect(error.message).toMatch(
      /must not exceed 4000 bytes; raise maxAnswerBytes, or use a smaller pageSize/,
    );
    expect(await all(lifecycle.remote.list({ pageSize: 20 }))).toHaveLength(90);
    sandbox.addResources("ada", "r4", [{ resourceType: "Patient", name: [{ text: "x".repeat(5_000) }] }]);
    const walk = lifecycle.fhir("ada", "r4").searchAll("Patient");
    expect((await errorOf(all(walk))).code).toBe("ANSWER_TOO_BIG");
  });

  it.each([0, 1_023, 1_024.5, 268_435_457, Number.NaN, "16 MB"])("is no size: %j", async (maxAnswerBytes) => {
    const wrong = { maxAnswerBytes: maxAnswerBytes as number }; // what a program without types may pass
    const token = { get: async () => "hush" };
    expect(() => createFhirClient({ version: "r4", token, ...wrong })).toThrow(/maxAnswerBytes must be/);
    const credentials = { clientId: "id", clientSecret: "secret" };
    await expect(createLifecycle({ credentials, store: memory(), ...wrong })).rejects.toThrow(
      /maxAnswerBytes must be/,
    );
  });
});
