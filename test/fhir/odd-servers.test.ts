import { createFhirClient, fetchTransport, type FhirClient } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { errorOf } from "./ada.ts";

const base = "https://api.1up.health/r4";

/** A request as a server sees it. */
interface Asked {
  readonly method: string;
  readonly path: string;
  readonly token: string;
  readonly body: unknown;
}

/** A client of a server that answers so, whose token is replaced when it is refused. */
function client(answer: (asked: Asked) => unknown): {
  readonly fhir: FhirClient<"r4">;
  readonly asked: Asked[];
} {
  const asked: Asked[] = [];
  const transport = fetchTransport(async (input, init) => {
    const request = new Request(input, init);
    const text = await request.text();
    const one = {
      method: request.method,
      path: request.url.slice(base.length),
      token: request.headers.get("authorization") ?? "",
      body: text === "" ? null : (JSON.parse(text) as unknown),
    };
    asked.push(one);
    const answered = answer(one);
    return answered instanceof Response ? answered : Response.json(answered);
  });
  const token = { get: () => "one", rejected: async () => "two" };
  return { fhir: createFhirClient({ version: "r4", token, transport }), asked };
}

function bundle(entry: readonly object[], next?: string): object {
  const link = next === undefined ? [] : [{ relation: "next", url: `${base}${next}` }];
  return { resourceType: "Bundle", type: "searchset", link, entry };
}

function patient(id: string): { readonly resourceType: "Patient"; readonly id: string } {
  return { resourceType: "Patient", id };
}

describe("a server that does not tag parts of resources", () => {
  const copies: readonly (readonly [string, (part: object) => object])[] = [
    ["the part", (part) => part],
    ["a spread copy", (part) => ({ ...part })],
    ["a clone", (part) => structuredClone(part)],
    ["a copy through JSON", (part) => JSON.parse(JSON.stringify(part)) as object],
  ];
  it.each(copies)("cannot have the rest erased by an update with %s", async (_, copied) => {
    for (const meta of [{}, { meta: { versionId: "3", tag: [{ code: "mine" }] } }]) {
      const part = { ...patient("a"), gender: "male", ...meta };
      const { fhir, asked } = client(() => bundle([{ resource: part }]));
      const [found] = (await fhir.search("Patient", { _elements: ["gender"] })).resources;
      const whole = { ...copied(found ?? {}), gender: "female" };
      const error = await errorOf(fhir.update(whole as { resourceType: "Patient"; gender: "female" }));
      expect(error).toMatchObject({ code: "INVALID_RESOURCE" });
      expect(asked).toHaveLength(1);
      expect(found).toMatchObject({ ...patient("a"), meta: { ...meta.meta, tag: expect.anything() } });
    }
  });

  it("leaves whole resources as they are", async () => {
    const { fhir } = client(() => bundle([{ resource: patient("a") }]));
    for (const params of [{}, { _summary: "false" }] as const)
      expect((await fhir.search("Patient", params)).resources).toEqual([patient("a")]);
  });
});

describe("a walk", () => {
  it("goes through any number of pages that hold deletions only", async () => {
    const deletion = (n: number): object => ({
      request: { method: "DELETE", url: `Patient/${n % 3}` },
      response: { status: "204", etag: `W/"${n}"` },
    });
    const { fhir } = client(({ path }) => {
      const page = Number(/page=(\d+)/.exec(path)?.[1] ?? 0);
      if (page === 30) return bundle([{ resource: patient("last") }]);
      return bundle([deletion(2 * page), deletion(2 * page + 1)], `/Patient/_history?page=${page + 1}`);
    });
    const ids: unknown[] = [];
    for await (const { id } of fhir.historyAll("Patient")) ids.push(id);
    expect(ids).toEqual(["last"]);
  });

  it("goes through a history whose versions have no numbers, and ends where a page of it comes again", async () => {
    const walked = async (last: number) => {
      const { fhir } = client(({ path }) => {
        const page = Number(/page=(\d+)/.exec(path)?.[1] ?? 0);
        const entry = [1, 2].map((place) => ({
          resource: { ...patient("a"), birthDate: `19${10 + 2 * Math.min(page, last) + place}` },
        }));
        const next = page === 5 ? undefined : `/Patient/a/_history?page=${page + 1}`;
        return { ...bundle(entry, next), type: "history" };
      });
      const dates: (string | undefined)[] = [];
      for await (const { birthDate } of fhir.historyAll("Patient", "a")) dates.push(birthDate);
      return dates;
    };
    expect(new Set(await walked(5)).size).toBe(12);
    expect((await errorOf(walked(3))).message).toContain("a page must not come again");
  });

  it("goes on over empty pages of a server that filters after paging", async () => {
    const { fhir } = client(({ path }) => {
      const page = Number(/ct=(\d+)/.exec(path)?.[1] ?? 0);
      const entry = page % 60 === 59 ? [{ resource: patient(String(page)) }] : [];
      return bundle(entry, page === 119 ? undefined : `/Patient?ct=${page + 1}`);
    });
    const ids: unknown[] = [];
    for await (const { id } of fhir.searchAll("Patient")) ids.push(id);
    expect(ids).toEqual(["59", "119"]);
  });

  it("takes null for a list that is empty", async () => {
    const { fhir } = client(({ path }) => {
      const isLast = path.endsWith("page=2");
      return { ...bundle([], "/Patient?page=2"), entry: null, ...(isLast && { link: null }) };
    });
    for await (const _ of fhir.searchAll("Patient")) expect.unreachable();
    expect((await fhir.search("Patient")).resources).toEqual([]);
  });

  it("goes on where a new resource has moved the last one on to the next page", async () => {
    const all = ["c", "b", "a"];
    const { fhir } = client(({ path }) => {
      const skip = Number(/_skip=(\d+)/.exec(path)?.[1] ?? 0);
      if (skip === 1) all.unshift("d");
      const more = skip + 1 < all.length ? `/Patient?_count=1&_skip=${skip + 1}` : undefined;
      return bundle([{ resource: patient(all[skip] ?? "") }], more);
    });
    const ids: unknown[] = [];
    for await (const { id } of fhir.searchAll("Patient", { _count: 1 })) ids.push(id);
    expect(ids).toEqual(["c", "c", "b", "a"]);
  });

  it("ends where the same resource comes again without end", async () => {
    const { fhir, asked } = client(() =>
      bundle([{ resource: patient("a") }], `/Patient?_skip=${asked.length}`),
    );
    const walked = (async () => {
      for await (const _ of fhir.searchAll("Patient", { _count: 1 }));
    })();
    expect((await errorOf(walked)).message).toContain("got 10 that were empty or came before");
    expect(asked.length).toBeLessThan(15);
  });
});

it("batch() sends each entry by itself that was refused because the token ended meanwhile", async () => {
  const stored = { ...patient("c"), gender: "female" } as const;
  const { fhir, asked } = client(({ method, path, token, body }) => {
    if (path === "" || path === "/") {
      const refused = { response: { status: "401 Unauthorized" } };
      const read = { resource: patient("a"), response: { status: "200 OK" } };
      const [, ...others] = (body as { entry: object[] }).entry;
      return { resourceType: "Bundle", type: "batch-response", entry: [read, ...others.map(() => refused)] };
    }
    if (token === "Bearer one") return Response.json({ message: "Unauthorized" }, { status: 401 });
    if (method === "DELETE") return new Response(null, { status: 204 });
    if (method === "POST") return Response.json({ ...(body as object), id: "new" }, { status: 201 });
    return method === "PUT" ? body : patient("b");
  });
  const changed = { ...stored, meta: { versionId: "1" } };
  const results = fhir.batch([
    { type: "read", resourceType: "Patient", id: "a" },
    { type: "read", resourceType: "Patient", id: "b" },
    { type: "create", resource: { resourceType: "Patient", gender: "male" } },
    { type: "update", resource: changed },
    { type: "delete", resourceType: "Patient", id: "d" },
  ]);
  Object.assign(changed, { gender: "other" }); // it was given before
  expect(await results).toMatchObject([
    { error: null, resource: { id: "a" } },
    { error: null, resource: { id: "b" } },
    { error: null, id: "new", resource: { gender: "male" } },
    { error: null, id: "c", resource: { gender: "female" } },
    { error: null, id: "d", resource: null },
  ]);
  expect(asked.filter(({ token }) => token === "Bearer two")).toHaveLength(4);
});

it.each([
  ["2", true],
  [undefined, true],
  ["9", false],
] as const)("vread() of version 2 that is answered with version %s", async (versionId, isIt) => {
  const { fhir } = client(() => ({ ...patient("a"), ...(versionId && { meta: { versionId } }) }));
  const read = fhir.vread("Patient", "a", "2", { retries: 0 });
  if (isIt) expect(await read).toMatchObject({ id: "a" });
  else expect(await errorOf(read)).toMatchObject({ code: "BAD_ANSWER" });
});

it("an answer that was compressed on its way is named so", async () => {
  const { fhir } = client(
    () => new Response("\u001f\u008b\b", { headers: { "content-encoding": "x-gzip" } }),
  );
  const { code, message } = await errorOf(fhir.read("Patient", "a", { retries: 0 }));
  expect(code).toBe("BAD_ANSWER");
  expect(message).toContain("must be uncompressed, as was asked for, got content-encoding x-gzip");
});

it("a delete that others stand in the way of is not told to read it again", async () => {
  const { fhir } = client(() => Response.json({ resourceType: "OperationOutcome" }, { status: 409 }));
  const { code, message } = await errorOf(fhir.delete("Patient", "a"));
  expect(code).toBe("FHIR_CONFLICT");
  expect(message).toContain("others refer to it, or it has changed meanwhile (409)");
});

it.each([
  [3, 'W/"3"'],
  ["1_2", 'W/"1_2"'],
  ["a+b/c==", 'W/"a+b/c=="'],
  ['W/"3"', "another text"],
  ["", "another text"],
  ["1\r\nx: y", "another text"],
  ["x".repeat(65), "another text"],
  [0.5, "a number"],
  [null, "null"],
])(
  "updates the version %j that the server has named, by itself and in a batch, or tells how (%s)",
  async (versionId, told) => {
    const sent: (string | null)[] = [];
    const resource = { ...patient("a"), meta: { versionId: versionId as string } };
    const transport = fetchTransport(async (input, init) => {
      const request = new Request(input, init);
      if (request.method === "PUT") sent.push(request.headers.get("if-match"));
      if (request.method !== "POST") return Response.json(resource);
      const { entry } = (await request.json()) as { entry: { request: { ifMatch?: string } }[] };
      sent.push(...entry.map((one) => one.request.ifMatch ?? null));
      const answered = { resource, response: { status: "200" } };
      return Response.json({ resourceType: "Bundle", type: "batch-response", entry: [answered] });
    });
    const fhir = createFhirClient({ version: "r4", token: { get: () => "one" }, transport });
    const read = await fhir.read("Patient", "a");
    const calls = [() => fhir.update(read), () => fhir.batch([{ type: "update", resource: read }])];
    if (told.startsWith("W/")) {
      for (const call of calls) await call();
      expect(sent).toEqual([told, told]);
      return;
    }
    for (const call of calls) {
      const { code, message } = await errorOf(call());
      expect(code).toBe("INVALID_OPTION");
      expect(message).toContain(`must be one that If-Match can name, unless ifMatch is false, got ${told}`);
    }
    await fhir.update(read, { ifMatch: false });
    expect(sent).toEqual([null]);
  },
);
