import { describe, expect, it } from "vitest";
import { createFhirClient } from "../../src/fhir/create-fhir-client.ts";
import { pageCall } from "../../src/fhir/calls.ts";
import { nextLink } from "../../src/fhir/pages/next-link.ts";
import { createVisited } from "../../src/fhir/pages/fhir-page.ts";
import { serve } from "../http/local-server.ts";
import { all, errorOf, withAda } from "./ada.ts";

const place = { api: "https://api.example.org/fhir", version: "r4" } as const;
const here = { path: "/Patient", query: "_count=5" };
const base = "https://api.example.org/fhir/r4";

describe("a link to the next page", () => {
  it.each<[string, string, string]>([
    [`${base}/Patient?_count=5&_after=9`, "/Patient", "_count=5&_after=9"],
    ["https://api.example.org:443/fhir/r4/Patient?_after=9", "/Patient", "_after=9"],
    ["https://api.example.org:443:443/fhir/r4/Patient?_after=9", "/Patient", "_after=9"],
    ["https://API.example.org/fhir/r4/Patient/?_after=9#top", "/Patient", "_after=9"],
    ["/fhir/r4/Patient?_after=9", "/Patient", "_after=9"],
    ["?_after=9", "/Patient", "_after=9"],
    ["Patient?_after=9", "/Patient", "_after=9"],
    ["Patient/a.1/$everything?_after=9", "/Patient/a.1/$everything", "_after=9"],
    [`${base}?_getpages=a-b&_getpagesoffset=10`, "", "_getpages=a-b&_getpagesoffset=10"],
    [`${base}/Patient?identifier=a|b&_skip=9990`, "/Patient", "identifier=a%7Cb&_skip=9990"],
    [`${base}/Patient?name=B%C3%BCrger+M&_after=x%2By`, "/Patient", "name=B%C3%BCrger+M&_after=x%2By"],
    [`${base}/Patient?access_token=t&_after=9&client%5Fsecret=s`, "/Patient", "_after=9"], // no credentials in URLs
    [`${base}/Patient?access%5Ftoken=t&after=9`, "/Patient", "after=9"],
  ])("%s is followed", (link, path, query) => {
    expect(nextLink(place, here, link)).toEqual({ path, query });
  });

  it.each([
    ["/Patient", "/r4/Patient"],
    ["/Patient/a.1/$everything", "/r4/Patient/{id}/$everything"],
    ["/Observation/o1/_history", "/r4/Observation/{id}/_history"],
    ["/GregorSamsa/1903/_Prague", "/r4/{id}/{id}/{id}"],
  ])("%s has the template %s, which holds no word of a server's own", (path, template) => {
    expect(pageCall(place, path, "_count=5").template).toBe(template);
  });

  const [root, alias] = ["https://api.example.org/r4", `${base}/Patient?_after=9`];
  const next = { path: "/Patient", query: "_after=9" };
  it("may name the base of the version by its other name, and by no other", () => {
    expect(nextLink(place, here, `${root}/Patient?_after=9`)).toEqual(next);
    expect(nextLink(place, here, "/r4/Patient?_after=9")).toEqual(next);
    const atRoot = { ...place, api: "https://api.example.org/" };
    expect(nextLink(atRoot, here, alias)).toEqual(next);
    const behindGateway = { ...place, api: "https://api.example.org/gateway" };
    for (const [at, link] of [
      [place, "https://api.example.org/dstu2/Patient"],
      [place, "https://api.example.org/r4x/Patient"],
      [place, "https://api.example.org/fhir/fhir/r4/Patient"],
      [place, "https://api.example.org/FHIR/r4/Patient"],
      [place, "https://evil.example/r4/Patient"],
      [atRoot, "https://api.example.org/fhir/stu3/Patient"],
      [behindGateway, `${root}/Patient`],
      [behindGateway, alias],
      [behindGateway, "https://api.example.org/gateway/fhir/r4/Patient"],
    ] as const)
      expect(() => nextLink(at, here, link)).toThrow("nothing was sent there");
  });

  it.each<[string, string]>([
    ["https://evil.example/fhir/r4/Patient?_after=9", "another origin"],
    ["https://api.example.org.evil.example/fhir/r4/Patient", "another origin"],
    ["http://api.example.org/fhir/r4/Patient", "another origin"],
    ["https://api.example.org:8443/fhir/r4/Patient", "another origin"],
    ["//evil.example/fhir/r4/Patient", "another origin"],
    ["\\\\evil.example\\fhir\\r4\\Patient", "another origin"],
    ["https://api.example.org@evil.example/fhir/r4/Patient", "another origin"],
    ["javascript:alert(1)", "another origin"],
    ["https://user:pass@api.example.org/fhir/r4/Patient", "credentials"],
    ["https://api.example.org/elsewhere/r4/Patient", "another path"],
    ["https://api.example.org/fhir/r4x/Patient", "another path"],
    ["https://api.example.org/fhir/r4/../dstu2/Patient", "another path"],
    ["https://api.example.org/fhir/r4/%2e%2e/dstu2/Patient", "another path"],
    ["https://api.example.org/fhir/r4/Patient/%2e%2e%2f%2e%2e", "another path"],
    ["https://api.example.org/fhir/r4//evil.example", "another path"],
    ["https://api.example.org:1:2/fhir/r4/Patient", "no URL"],
    [`${base}/Patient?_after=${"9".repeat(16_000)}`, "more than 16000 characters"],
    ["https://[", "no URL"],
    [`${base}/Patient?_skip=9991`, "_skip 9990"],
  ])("%s is refused: %s", (link, why) => {
    expect(() => nextLink(place, here, link)).toThrow(
      /^Cannot go to the next page: its link must stay under https:\/\/api\.example\.org\/fhir\/r4, got a link .*; nothing was sent there$/,
    );
    expect(() => nextLink(place, here, link)).toThrow(why);
  });
});

describe("a walk over hostile links", () => {
  it.each([{ url: 5 }, { url: { value: "Patient?page=2" } }, {}, { url: "" }])(
    "does not take %j for the end",
    async (link) => {
      const { fhir, sandbox } = await withAda("r4");
      const body = { resourceType: "Bundle", link: [{ relation: "next", ...link }], entry: [] };
      sandbox.fail({ call: "fhir.search", times: Infinity, status: 200, body });
      const error = await errorOf(all(fhir.searchAll("Patient", {}, { retries: 0 })));
      expect(error).toMatchObject({ code: "BAD_ANSWER" });
      expect(error.message).toContain("one URL in the link to the next page");
    },
  );

  it("does not choose between two next pages, and finds one under any spelling", async () => {
    const { fhir, sandbox } = await withAda("r4");
    const [one, other] = ["Basic?_skip=1", "Basic?_skip=2"];
    const linked = (...link: object[]) => ({ resourceType: "Bundle", link, entry: [] });
    const answer = (body: object): void => sandbox.fail({ call: "fhir.search", times: 1, status: 200, body });
    answer(linked({ relation: "next", url: one }, { relation: "next", url: other }));
    expect(await errorOf(all(fhir.searchAll("Basic", {}, { retries: 0 })))).toMatchObject({
      code: "BAD_ANSWER",
    });
    await fhir.create<"Basic">({ resourceType: "Basic", code: {} });
    await fhir.create<"Basic">({ resourceType: "Basic", code: {} });
    answer(linked({ relation: "Next", url: one }, { relation: "next", url: one }));
    expect(await all(fhir.searchAll("Basic", {}, { retries: 0 }))).toHaveLength(1);
  });

  const some = 5;
  const walking = { _count: 2 };

  async function withSome(nextLink: NonNullable<Parameters<typeof withAda>[1]>["nextLink"]) {
    const here = await withAda("r4");
    for (let index = 0; index < some; index++)
      await here.fhir.create<"Basic">({ resourceType: "Basic", code: {} });
    here.sandbox.behave({ nextLink: nextLink ?? "usual" });
    return here;
  }

  it("never goes to another origin: a second server sees nothing, token or not", async () => {
    const other = await serve((response) => response.end("{}"));
    const { fhir } = await withSome({ origin: other.url });
    const seen: unknown[] = [];
    const error = await errorOf(
      (async () => {
        for await (const one of fhir.searchAll("Basic", walking)) seen.push(one);
      })(),
    );
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: false });
    expect(error.message).toMatch(/got a link to another origin; nothing was sent there$/);
    expect(error.message).not.toContain(other.url);
    expect(seen).toHaveLength(2); // the page itself is worth something
    const page = await fhir.search("Basic", walking);
    expect(page.nextCursor).toBeUndefined();
    expect(await errorOf(page.next())).toMatchObject({ code: "BAD_ANSWER" });
    expect(other.seen).toEqual([]);
  });

  it("stays under the base path", async () => {
    const { fhir } = await withSome("otherBase");
    expect((await errorOf(all(fhir.searchAll("Basic", walking)))).message).toContain("to another path");
  });

  it.each(["relative", "portTwice"] as const)("finds the way on where links are %s", async (nextLink) => {
    const { fhir } = await withSome(nextLink);
    expect(await all(fhir.searchAll("Basic", walking))).toHaveLength(some);
  });

  it.each(["stuck", "circle"] as const)(
    "ends where links go in circles (%s), giving nothing twice",
    async (nextLink) => {
      const { fhir } = await withSome(nextLink);
      const seen: (string | undefined)[] = [];
      const error = await errorOf(
        (async () => {
          for await (const { id } of fhir.searchAll("Basic", walking)) seen.push(id);
        })(),
      );
      expect(error).toMatchObject({ code: "BAD_ANSWER" });
      expect(error.message).toBe(
        "Cannot search for Basic resources any further: a page must not come again, got one a second time",
      );
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toHaveLength(nextLink === "stuck" ? 2 : some);
    },
  );

  it("ends after 500 empty pages that lead on, and may go on from there", async () => {
    const { fhir, sandbox } = await withSome("endless");
    const walk = fhir.searchAll("Basic", walking);
    const error = await errorOf(all(walk));
    expect(error.message).toBe(
      "Cannot search for Basic resources any further: pages must lead to something, got 500 that were empty or came before; go on from the cursor",
    );
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    expect(sandbox.journal.count("fhir.search")).toBe(503);
    sandbox.behave({ nextLink: "usual" });
    expect(await all(fhir.searchAll("Basic", walking, { cursor: walk.cursor }))).toEqual([]);
  });

  it("asks for a page a second time without taking it for a circle", async () => {
    const { fhir } = await withSome("usual");
    const first = await fhir.search("Basic", walking);
    const [one, again] = [await first.next(), await first.next()];
    expect(one?.resources).toEqual(again?.resources);
    expect((await again?.next())?.resources).toHaveLength(1);
  });
});

it("a posted search with a long list goes on over links that repeat it, and from its cursor, and posts them too", async () => {
  const ids = Array.from({ length: 450 }, (_, index) => `${index}`.padStart(36, "0"));
  const { url, seen } = await serve((response, { body }) => {
    const params = new URLSearchParams(body);
    const skip = Number(params.get("_skip") ?? 0);
    params.set("_skip", String(skip + 100));
    const entry = ids.slice(skip, skip + 100).map((id) => ({ resource: { resourceType: "Basic", id } }));
    const link = [{ relation: "next", url: `${url}/r4/Basic?${params}` }];
    response.end(JSON.stringify({ resourceType: "Bundle", entry, ...(skip < 400 && { link }) }));
  });
  const fhir = createFhirClient({ version: "r4", api: url, token: { get: () => "one" } });
  const params = { _id: ids.join(",") };
  const found = await all(fhir.searchAll("Basic", params, { method: "POST" }));
  expect(found.map(({ id }) => id)).toEqual(ids);
  expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual(
    Array.from({ length: 5 }, () => "POST /r4/Basic/_search"),
  );
  const { nextCursor: cursor = "" } = await fhir.search(
    "Basic",
    { _count: 100, ...params },
    { method: "POST" },
  );
  expect(cursor.length).toBeLessThan(200); // what is the search's own is not in it
  expect(await all(fhir.searchAll("Basic", params, { method: "POST", cursor }))).toHaveLength(350);
});

describe("createVisited()", () => {
  it.each([1, 2, 7, 4_000, 5_000, 20_000])(
    "notices a circle of %i places, however late it begins",
    (length) => {
      for (const lead of [0, 3, 6_000]) {
        const hasPassed = createVisited();
        let step = 0;
        let noticed = false;
        while (!noticed && step < 4 * (lead + length) + 10) {
          step++;
          noticed = hasPassed(String(step <= lead ? -step : (step - lead) % length), step);
        }
        expect({ lead, noticed }).toEqual({ lead, noticed: true });
      }
    },
  );

  it("takes no straight way for a circle", () => {
    const hasPassed = createVisited();
    for (let step = 1; step < 50_000; step++) expect(hasPassed(`place ${step}`, step)).toBe(false);
  });
});
