import { createServer, type Server } from "node:net";
import {
  createLifecycle,
  fetchTransport,
  isLifecycleError,
  undiciTransport,
  type Lifecycle,
  type LifecycleOptions,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { accountOf } from "../../src/store/account-of.ts";
import { afterwards } from "../support/scene.ts";

/** A server that understands nothing: it keeps the bytes of every request and says what it is told. */
async function raw(
  says: (request: string) => object,
): Promise<{ readonly url: string; readonly requests: string[] }> {
  const requests: string[] = [];
  const server: Server = createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (part) => {
      bytes = Buffer.concat([bytes, Buffer.from(part)]);
      for (;;) {
        const text = bytes.toString("latin1");
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) return;
        const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
        if (bytes.length < end + 4 + length) return;
        const request = text.slice(0, end + 4 + length);
        requests.push(request);
        bytes = bytes.subarray(end + 4 + length);
        const body = JSON.stringify(says(request));
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  afterwards(() => void server.close());
  return { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`, requests };
}

const user = {
  success: true,
  oneup_user_id: 251,
  active: true,
  code: "c\r\nx-evil: 1&grant_type=evil",
};
/** A grant of its own for each user. */
const grant = (number: number): object => ({
  access_token: `at${number}`,
  refresh_token: `rt${number}\r\nx-evil: 1`,
  expires_in: 7200,
});

/** The user, under the id that was asked for. */
function echoing(body: object, request: string): object {
  const [head = "", form = ""] = request.split("\r\n\r\n");
  const asked = new URLSearchParams(form).get("app_user_id") ?? /[?&]app_user_id=([^& ]*)/.exec(head)?.[1];
  const isForm = form.includes("app_user_id=");
  const id = isForm ? asked : new URLSearchParams(`id=${asked ?? ""}`).get("id");
  return { ...body, app_user_id: id };
}

/** A 1upHealth that says yes to everything, and a lifecycle on it. */
async function yes(
  options: Partial<LifecycleOptions> = {},
  says: { readonly user: object; readonly grant: (number: number) => object } = { user, grant },
): Promise<{ lifecycle: Lifecycle; requests: string[] }> {
  let grants = 0;
  const { url, requests } = await raw((request) => {
    if (request.includes("/oauth2/token")) return says.grant(++grants);
    return request.startsWith("GET /r4/")
      ? { resourceType: "Patient", id: "a" }
      : echoing(says.user, request);
  });
  const lifecycle = await createLifecycle({
    credentials: { clientId: "client&id=2", clientSecret: "planted+secret&a=%0d%0a" },
    endpoints: { api: `${url}/`, auth: `${url}/fhir//` },
    store: memory(),
    limits: { management: { calls: 10_000, windowMs: 3_600_000 } },
    ...options,
  });
  afterwards(() => lifecycle.close());
  return { lifecycle, requests };
}

const ids = [
  "a/../../admin",
  "a?admin=1#x",
  "a&app_user_id=b",
  "a%0d%0ax-evil: 1",
  "..",
  "a+b@example.org",
  "__proto__",
  "constructor",
  "Zoë 😀\u2028\u202e",
  "\\..\\",
  "a;b=c, d\"e'f`g<h>",
  "x".repeat(512),
];

/** The parts of a request, as the first parser on the way would see them. */
function parts(request: string): { line: string; headers: Map<string, string>; fields: [string, string][] } {
  const [head = "", body = ""] = request.split("\r\n\r\n");
  const [line = "", ...lines] = head.split("\r\n");
  const headers = new Map(
    lines.map((one) => [one.slice(0, one.indexOf(":")).toLowerCase(), one.slice(one.indexOf(":") + 2)]),
  );
  expect(headers.size).toBe(lines.length);
  return { line, headers, fields: [...new URLSearchParams(body)] };
}

const usual = new Set(
  (
    "host connection content-length content-type accept client_id client_secret authorization " +
    "accept-encoding cache-control pragma user-agent accept-language sec-fetch-mode"
  ).split(" "), // the last four are fetch's
);

describe.each([
  ["undiciTransport()", () => undiciTransport()],
  ["fetchTransport()", () => fetchTransport()],
])("over %s", (_, transport) => {
  it("whatever an id, a code, a token or a client secret holds stays within its field", async () => {
    const { lifecycle, requests } = await yes({ transport: transport() });
    for (const id of ids) {
      const before = requests.length;
      await lifecycle.onboard(id);
      expect(await lifecycle.accessToken(id)).toMatch(/^at\d+$/);
      await lifecycle.remote.find({ appUserId: id });
      const sent = requests.slice(before).map(parts);
      expect(sent.map(({ line }) => line.replace(/\?.*(?= HTTP)/, "?"))).toEqual([
        "POST /user-management/v1/user HTTP/1.1",
        "POST /fhir/oauth2/token HTTP/1.1",
        "GET /user-management/v1/user? HTTP/1.1",
      ]);
      for (const { headers } of sent)
        expect([...headers.keys()].filter((name) => !usual.has(name))).toEqual([]);
      expect(sent[0]?.fields).toEqual([["app_user_id", id]]);
      expect(sent[0]?.headers.get("client_secret")).toBe("planted+secret&a=%0d%0a");
      expect(sent[1]?.fields).toEqual([
        ["code", user.code],
        ["client_id", "client&id=2"],
        ["client_secret", "planted+secret&a=%0d%0a"],
        ["grant_type", "authorization_code"],
      ]);
      const query = new URL(sent[2]?.line.split(" ")[1] ?? "", "http://x").searchParams;
      expect([...query]).toEqual([["app_user_id", id]]);
      expect(sent[2]?.line).toMatch(/^[\x21-\x7e]+ [\x21-\x7e]+ HTTP\/1\.1$/);
    }
  });
});

describe("a server that wants to fill the store", () => {
  it("makes no user's record longer than 40 KB, however often it is asked", async () => {
    const endless = "y".repeat(7_900);
    const most = {
      user: { ...user, code: "z".repeat(1_900), error: endless, more: endless },
      grant: () => ({
        ...grant(1),
        access_token: endless,
        refresh_token: endless,
        scope: endless,
        more: endless,
      }),
    };
    const adapter = memory();
    const { lifecycle } = await yes({ store: adapter }, most);
    expect(await lifecycle.onboard("ada")).toMatchObject({ state: "tokenActive" });
    for (let n = 0; n < 20; n++) await lifecycle.reauthorize("ada");
    const store = await adapter.open({ account: accountOf("client&id=2"), clock: systemClock });
    const { length } = JSON.stringify(await store.load("ada"));
    expect(length).toBeGreaterThan(20_000);
    expect(length).toBeLessThan(40_000);
    const endlessCode = { ...most, user: { ...most.user, code: endless } };
    const stuck = await yes({ store: memory() }, endlessCode);
    expect(await stuck.lifecycle.onboard("ada", { waitMs: 50 })).toMatchObject({ usable: false });
  });
});

describe("nothing leaves", () => {
  it.each(["", "a\r\nx: y", "a\nb", "a\0", "a\u0085", "\ud800", "a\udfff", "x".repeat(513), "ä".repeat(257)])(
    "for the app_user_id %j",
    async (id) => {
      const { lifecycle, requests } = await yes();
      const patient = (): unknown => lifecycle.fhir(id, "r4");
      for (const call of [
        () => lifecycle.onboard(id),
        () => lifecycle.accessToken(id),
        () => lifecycle.remote.find({ appUserId: id }),
        () => lifecycle.rename("ada", id),
        async () => patient(),
      ]) {
        const error = await call().catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: "INVALID_ID" });
        if (id.length > 2) expect(String(error)).not.toContain(id);
      }
      expect(requests).toEqual([]);
    },
  );

  it("for ids, types and versions of FHIR that are no names", async () => {
    const { lifecycle, requests } = await yes();
    await lifecycle.onboard("ada");
    const before = requests.length;
    const fhir = lifecycle.fhir("ada", "r4");
    for (const id of ["..", ".", "a/b", "a?b", "a#b", "a\r\nb", "ä", "%2e%2e", "", "x".repeat(65), "a\n"]) {
      await expect(fhir.read("Patient", id)).rejects.toMatchObject({ code: "INVALID_RESOURCE" });
    }
    for (const resourceType of [
      "../Patient",
      "Patient/x",
      "Patient?",
      "patient",
      "Patient\r\n",
      "",
      "__proto__",
      "X".repeat(65),
    ]) {
      const type = resourceType as "Patient"; // what JavaScript callers pass
      await expect(fhir.read(type, "a")).rejects.toMatchObject({ code: "INVALID_RESOURCE" });
      await expect(fhir.create({ resourceType: type })).rejects.toMatchObject({ code: "INVALID_RESOURCE" });
    }
    const silent = { resourceType: "Patient", toJSON: () => undefined } as const;
    await expect(fhir.create(silent)).rejects.toMatchObject({ code: "INVALID_RESOURCE" });
    for (const version of ["r5", "r4/..", "__proto__", "constructor"]) {
      expect(() => lifecycle.fhir("ada", version as "r4")).toThrow(
        expect.objectContaining({ code: "INVALID_RESOURCE" }),
      );
    }
    for (const oneupUserId of [2 ** 60, -1, 1.5, NaN, "1&x=2"] as number[]) {
      await expect(lifecycle.remote.find({ oneupUserId })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    }
    expect(requests).toHaveLength(before);
  });

  it.each(["planted\r\nx-evil: 1", "planted\n", "planted secret", "plantedä", "planted\0"])(
    "with the client id or secret %j, and the refusal does not show it",
    async (bad) => {
      for (const credentials of [
        { clientId: bad, clientSecret: "s" },
        { clientId: "c", clientSecret: bad },
      ]) {
        const error = await yes({ credentials }).catch((reason: unknown) => reason);
        expect(isLifecycleError(error, "INVALID_OPTION")).toBe(true);
        expect(String(error)).not.toContain("planted");
      }
    },
  );
});
