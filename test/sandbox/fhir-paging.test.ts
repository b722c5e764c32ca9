import process from "node:process";
import { describe, expect, it } from "vitest";
import type { Behaviour } from "../../src/sandbox/index.ts";
import { openWithUser, type WithUser } from "./support.ts";

interface Page {
  readonly n: number[];
  readonly links: Readonly<Record<string, string | undefined>>;
  readonly body: Record<string, any>;
}

async function page({ fhir, url }: WithUser, path: string): Promise<Page> {
  const { body } = await fhir("GET", path.replace(url, ""));
  const links: { relation: string; url: string }[] = body["link"] ?? [];
  return {
    n: body["entry"].map((one: { resource: { n: number } }) => one.resource.n),
    links: Object.fromEntries(links.map((link) => [link.relation, link.url])),
    body,
  };
}

async function walk(local: WithUser, path: string, relation: string = "next"): Promise<number[]> {
  const seen: number[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const { n, links }: Page = await page(local, next);
    seen.push(...n);
    next = links[relation];
  }
  return seen;
}

function numbered(count: number, from: number = 0): object[] {
  return range(count, from).map((n) => ({ resourceType: "Patient", n, gender: n % 2 ? "male" : "female" }));
}

function range(count: number, from: number = 0): number[] {
  return Array.from({ length: count }, (_, place) => from + place);
}

async function openWith(count: number, behaviour?: Partial<Behaviour>): Promise<WithUser> {
  const local = await openWithUser(behaviour);
  local.sandbox.addResources("ada", "r4", numbered(count));
  return local;
}

describe("sandbox/fhir paging", () => {
  it("GET of a type pages by its links, forth and back, ten at a time or as _count asks", async () => {
    const local = await openWith(25);
    expect(await walk(local, "/r4/Patient")).toEqual(range(25));
    expect(await walk(local, "/r4/Patient?_count=7")).toEqual(range(25));
    expect((await page(local, "/r4/Patient")).n).toHaveLength(10);
    expect((await page(local, "/r4/Patient?_count=1000")).n).toHaveLength(25);
    const second = (await page(local, "/r4/Patient")).links["next"] ?? "";
    const last = (await page(local, second)).links["next"] ?? "";
    expect(await walk(local, last, "prior")).toEqual([...range(5, 20), ...range(10, 10), ...range(10)]);
  });

  it("pages stay where they are while others write between them", async () => {
    const local = await openWith(25);
    const { sandbox, fhir } = local;
    const first = await page(local, "/r4/Patient");
    const [gone, changed] = first.body["entry"].map((one: { resource: { id: string } }) => one.resource.id);
    await fhir("DELETE", `/r4/Patient/${gone}`);
    await fhir("PUT", `/r4/Patient/${changed}`, { resourceType: "Patient", n: -1 });
    sandbox.addResources("ada", "r4", numbered(3, 25));
    expect([...first.n, ...(await walk(local, first.links["next"] ?? ""))]).toEqual(range(28));
  });

  it("filters, _count and the address go into the links; _skip gives way to a cursor", async () => {
    const local = await openWith(60);
    const { links, n } = await page(local, "/fhir/r4/Patient?gender=male&_skip=5&_count=10");
    expect(n[0]).toBe(11);
    const next = new URL(links["next"] ?? "");
    expect(next.pathname).toBe("/fhir/r4/Patient");
    expect([...next.searchParams.keys()].toSorted()).toEqual(["_after", "_count", "gender"]);
    expect(await walk(local, next.href)).toEqual(range(60, 31).filter((n) => n % 2 === 1 && n < 60));
  });

  it("_skip counts up to 9990, and is refused above", async () => {
    const local = await openWith(3);
    expect((await page(local, "/r4/Patient?_skip=2")).n).toEqual([2]);
    expect((await page(local, "/r4/Patient?_skip=9990")).n).toEqual([]);
    expect((await local.fhir("GET", "/r4/Patient?_skip=9991")).body["issue"][0].code).toBe("too-costly");
  });

  it("linkOrder, loneLink and totals shape a Bundle", async () => {
    const local = await openWith(15, { linkOrder: "selfLast", loneLink: false, totals: false });
    const { body } = await page(local, "/r4/Patient");
    expect(body["link"].map((link: { relation: string }) => link.relation)).toEqual(["next", "self"]);
    expect(Object.keys((await page(local, "/r4/Patient?_count=50")).body)).toEqual([
      "resourceType",
      "type",
      "entry",
    ]);
  });

  it("nextLink: relative leads on by a path, forth and back", async () => {
    const local = await openWith(25, { nextLink: "relative" });
    const { links } = await page(local, "/r4/Patient");
    expect(links["next"]).toMatch(/^\/r4\/Patient\?_after=\d+$/);
    expect(await walk(local, "/r4/Patient")).toEqual(range(25));
  });

  it("nextLink: stuck, circle and endless never end", async () => {
    const local = await openWith(15, { nextLink: "stuck" });
    const first = await page(local, "/r4/Patient?_count=10");
    expect(first.links["next"]).toBe(first.links["self"]);
    local.sandbox.behave({ nextLink: "circle" });
    const last = await page(local, (await page(local, "/r4/Patient?_count=10")).links["next"] ?? "");
    expect([last.n, last.links["next"]]).toEqual([range(5, 10), first.links["self"]]);
    local.sandbox.behave({ nextLink: "endless" });
    let next = last.links["self"] ?? "";
    const seen = new Set<string>();
    for (let i = 0; i < 5; i++) {
      seen.add(next);
      next = (await page(local, next)).links["next"] ?? "";
    }
    expect([seen.size, (await page(local, next)).n]).toEqual([5, []]);
  });

  it("nextLink: another origin, another base and a port twice are recognised, and only the base is this server", async () => {
    const local = await openWith(15);
    const usual = new URL((await page(local, "/r4/Patient")).links["next"] ?? "");
    const next = async (nextLink: Behaviour["nextLink"]) => {
      local.sandbox.behave({ nextLink });
      return (await page(local, "/r4/Patient")).links["next"];
    };
    const path = usual.pathname + usual.search;
    expect(await next({ origin: "http://127.0.0.1:9" })).toBe(`http://127.0.0.1:9${path}`);
    expect(await next("otherBase")).toBe(`${usual.origin}/elsewhere${path}`);
    expect(await next("portTwice")).toBe(`${usual.origin}:${usual.port}${path}`);
    const { sandbox, ada } = local;
    const headers = { authorization: `Bearer ${ada.access}` };
    const answer = await sandbox.fetch("https://api.1up.health/r4/Patient", { headers });
    expect(await answer.text()).toContain(`"https://api.1up.health:443:443${path}"`);
  });

  it.each([{ origin: "http://a/b" }, { origin: 5 }, "elsewhere", null])(
    "behave() refuses nextLink %j",
    async (nextLink) => {
      const { sandbox } = await openWithUser();
      // Wrong on purpose.
      const change = { nextLink } as unknown as Partial<Behaviour>;
      expect(() => sandbox.behave(change)).toThrow(
        /^Cannot change the sandbox: nextLink must be one of usual/,
      );
    },
  );

  it("a walk of 20,000 resources takes a second of a core or so, filtered too", async () => {
    const local = await openWith(20_000);
    const start = process.cpuUsage();
    expect(await walk(local, "/r4/Patient?_count=100")).toEqual(range(20_000));
    expect(await walk(local, "/r4/Patient?_count=100&gender=male")).toHaveLength(10_000);
    // Searching anew for every page would take minutes.
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1_000_000).toBeLessThan(15);
  });
});
