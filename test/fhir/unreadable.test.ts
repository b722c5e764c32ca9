import {
  createFhirClient,
  fetchTransport,
  systemClock,
  undiciTransport,
  type FhirClient,
} from "oneup-lifecycle";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { serve } from "../http/local-server.ts";
import { all, errorOf } from "./ada.ts";

const page = (index: number): string =>
  JSON.stringify({
    resourceType: "Bundle",
    link: index < 4 ? [{ relation: "next", url: `?_after=${index + 1}` }] : [],
    entry: [{ resource: { resourceType: "Patient", id: `p${index}` } }],
  });

/** Two hundreds without what was asked for, as gateways and cut connections leave them. */
const unreadable: Readonly<Record<string, (whole: string) => Response>> = {
  cut: (whole) => new Response(whole.slice(0, whole.length / 2)),
  empty: () => new Response(""),
  "a space": () => new Response(" "),
  HTML: () =>
    new Response("<!doctype html><title>Please log in</title>", { headers: { "content-type": "text/html" } }),
  "plain text": () => new Response("upstream connect error"),
  null: () => new Response("null"),
  "a redirect": () =>
    new Response("", { status: 302, headers: { location: "https://api.1up.health/login" } }),
};

describe("an answer in another charset", () => {
  const ada = { resourceType: "Patient", id: "p1", name: [{ family: "Müller" }] };

  function patient(type: string, encoding: "latin1" | "utf8"): FhirClient<"r4"> {
    const body = Buffer.from(JSON.stringify(ada), encoding);
    return createFhirClient({
      version: "r4",
      token: { get: async () => "hush" },
      transport: fetchTransport(async () => new Response(body, { headers: { "content-type": type } })),
    });
  }

  it.each([
    ["application/fhir+json; charset=iso-8859-1", "latin1"],
    ["application/fhir+json; charset=UTF-8", "utf8"],
    ["application/fhir+json", "utf8"],
  ] as const)("is read as it declares: %s", async (type, encoding) => {
    expect(await patient(type, encoding).read("Patient", "p1")).toEqual(ada);
  });

  it.each(["klingon", "\u0001x", "a".repeat(50)])(
    "is refused where that is not known: %j",
    async (charset) => {
      const fhir = patient(`application/fhir+json; charset="${encodeURIComponent(charset)}"`, "utf8");
      const error = await errorOf(fhir.read("Patient", "p1"));
      expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: false });
      expect(error.message).toMatch(/its charset must be one that can be decoded$/);
      const created = await errorOf(fhir.create({ resourceType: "Patient", gender: "female" }));
      expect(created).toMatchObject({ code: "IN_DOUBT" });
    },
  );
});

describe("an answer with bytes that are no characters", () => {
  const cutInHalf = Buffer.from([0xc3]);
  const named = (name: string | Buffer): Buffer =>
    Buffer.concat([
      Buffer.from('{"resourceType":"Patient","id":"p1","name":[{"text":"'),
      Buffer.from(name),
      Buffer.from('"}]}'),
    ]);

  describe.each(["undici", "fetch"] as const)("by %s", (kind) => {
    async function serving(body: Buffer, status = 200, type = "application/fhir+json"): Promise<Served> {
      let asked = 0;
      const { url } = await serve((response) => {
        asked++;
        response.writeHead(status, { "content-type": type });
        response.write(body.subarray(0, 53));
        setImmediate(() => response.end(body.subarray(53)));
      });
      const transport = kind === "fetch" ? fetchTransport() : undiciTransport();
      const options = { version: "r4", api: new URL(url).origin, transport } as const;
      return { fhir: createFhirClient({ ...options, token: { get: () => "hush" } }), asked: () => asked };
    }

    it.each([
      ["a cut character", Buffer.concat([Buffer.from("M"), cutInHalf, Buffer.from("ller")])],
      ["Latin 1", Buffer.from("Müller", "latin1")],
      ["a lone surrogate", Buffer.from([0xed, 0xa0, 0x80])],
    ])("is refused, once: %s", async (_, name) => {
      const { fhir, asked } = await serving(named(name));
      const error = await errorOf(fhir.read("Patient", "p1"));
      expect(error).toMatchObject({
        code: "BAD_ANSWER",
        retryable: false,
        failedCall: { code: "ANSWER_CHARSET" },
      });
      expect(error.message).toContain("all of its body must be characters in its charset");
      expect(asked()).toBe(1);
      expect(await errorOf(fhir.create({ resourceType: "Patient" }))).toMatchObject({ code: "IN_DOUBT" });
    });

    it("is an ordinary refusal otherwise", async () => {
      const { fhir } = await serving(named(Buffer.from("Müller", "latin1")), 404);
      expect(await errorOf(fhir.read("Patient", "p1"))).toMatchObject({ code: "FHIR_REFUSED", status: 404 });
    });

    it.each(["\uFFFD", "Müller", "€\uFFFD😀", ""])("is none with real characters: %j", async (name) => {
      const { fhir } = await serving(named(name));
      expect((await fhir.read("Patient", "p1")).name).toEqual([{ text: name }]);
    });

    it("is one that ends in the middle of a character too", async () => {
      const { fhir } = await serving(Buffer.concat([named("x"), Buffer.from("\n"), cutInHalf]));
      expect((await errorOf(fhir.read("Patient", "p1"))).failedCall?.code).toBe("ANSWER_CHARSET");
    });
  });
});

interface Served {
  readonly fhir: FhirClient<"r4">;
  readonly asked: () => number;
}

/** A server whose every second answer is not readable. */
function client(
  answer: (whole: string) => Response,
  always = false,
): { fhir: FhirClient<"r4">; asked: () => number; refused: () => number } {
  let [asked, refused] = [0, 0];
  const fhir = createFhirClient({
    version: "r4",
    token: { get: async () => "hush", rejected: async () => `hush-${++refused}` },
    clock: { ...systemClock, timer: (ms, task) => systemClock.timer(ms < 10_000 ? 0 : ms, task) }, // waits take no time
    transport: fetchTransport(async (input) => {
      const whole = page(Number(new URL(new Request(input).url).searchParams.get("_after") ?? 0));
      return asked++ % 2 === 0 || always ? answer(whole) : new Response(whole);
    }),
  });
  return { fhir, asked: () => asked, refused: () => refused };
}

describe.each(Object.entries(unreadable))("a success that cannot be read: %s", (_, answer) => {
  it("is asked for again by a walk, which skips and repeats nothing", async () => {
    const { fhir, asked, refused } = client(answer);
    const found = await all(fhir.searchAll("Patient"));
    expect(found.map(({ id }) => id)).toEqual(["p0", "p1", "p2", "p3", "p4"]);
    expect([asked(), refused()]).toEqual([10, 0]);
  });

  it("is asked for four times by a read and a search, and proves nothing about the token", async () => {
    const { fhir, asked, refused } = client(answer, true);
    expect(await errorOf(fhir.read("Patient", "p0"))).toMatchObject({ retryable: true });
    expect(await errorOf(fhir.search("Patient"))).toMatchObject({ retryable: true });
    expect([asked(), refused()]).toEqual([8, 0]);
  });

  it("leaves a create in doubt", async () => {
    const error = await errorOf(client(answer, true).fhir.create({ resourceType: "Patient" }));
    expect(error).toMatchObject({ code: "IN_DOUBT", retryable: false });
  });
});

describe.each(["empty", "outcome", "error"] as const)(
  "a token that is refused with a 401: %s",
  (refusedToken) => {
    it("is replaced once, and the call is carried out, whatever the status of a create", async () => {
      for (const created of [200, 201] as const) {
        const { lifecycle, sandbox } = await createTestLifecycle({ sandbox: { refusedToken, created } });
        await lifecycle.onboard("ada");
        const fhir = createFhirClient({
          version: "r4",
          token: { get: async () => "hush", rejected: () => lifecycle.accessToken("ada") },
          transport: fetchTransport(sandbox.fetch),
        });
        expect((await fhir.create({ resourceType: "Patient" })).id).toMatch(/./);
        const creates = sandbox.journal.entries().filter(({ call }) => call === "fhir.create");
        expect(creates.map(({ status }) => status)).toEqual([401, created]);
      }
    });
  },
);
