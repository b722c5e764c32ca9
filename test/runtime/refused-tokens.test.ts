/** FHIR refuses tokens that the token endpoint grants: those of one user, or of all. */
import { createLifecycle, fetchTransport, isLifecycleError, type Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox, createVirtualClock } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";
import { loggerTo, type LogLine } from "../support/loggers.ts";
import { afterwards } from "../support/scene.ts";

const search = (lifecycle: Lifecycle, id: string): Promise<string> =>
  lifecycle
    .fhir(id, "r4")
    .search("Condition", {}, { waitMs: 1_000, retries: 0 })
    .then(
      () => "works",
      (error: unknown) => {
        if (!isLifecycleError(error)) throw error;
        return `${error.code}: ${error.message}`;
      },
    );

/** A world in which FHIR refuses each token of a refresh until `isCured`. */
async function withDeadRefreshes(others: readonly string[] = []) {
  const clock = createVirtualClock();
  const sandbox = createSandbox({ clock });
  const dead = new Set<string>();
  const world = { isCured: false };
  const transport = fetchTransport(async (input, init) => {
    const request = new Request(input, init);
    const { pathname } = new URL(request.url);
    const token = request.headers.get("authorization")?.slice("Bearer ".length) ?? "";
    if (pathname.startsWith("/r4/") && dead.has(token) && !world.isCured) {
      clock.advance(1); // a refusal comes later than the grant
      return new Response(null, { status: 401 });
    }
    const body = pathname === "/oauth2/token" ? await request.clone().text() : "";
    const response = await sandbox.fetch(request);
    if (!body.includes("grant_type=refresh_token")) return response;
    const granted = (await response.clone().json()) as { readonly access_token?: string };
    if (granted.access_token !== undefined) dead.add(granted.access_token);
    return response;
  });
  const { credentials } = sandbox;
  const lifecycle = await createLifecycle({ credentials, store: memory(), transport, clock });
  afterwards(() => lifecycle.close());
  for (const id of ["ada", ...others]) await lifecycle.onboard(id);
  return { clock, sandbox, lifecycle, world, spent: () => sandbox.journal.spent() };
}

const hour = 3_600_000;

describe("a user whose refreshed tokens FHIR refuses", () => {
  it("gets a fresh code after a day, for one management call", async () => {
    const { clock, lifecycle, spent } = await withDeadRefreshes();
    const before = spent().management;
    const worked: number[] = [];
    for (let hours = 1; hours <= 40; hours++) {
      clock.advance(hour);
      if ((await search(lifecycle, "ada")) === "works") worked.push(hours);
    }
    expect(worked.slice(0, 1), "the token of the sign-up").toEqual([1]);
    const first = worked.find((hours) => hours > 2) ?? Infinity;
    expect(first).toBeGreaterThanOrEqual(25);
    expect(first).toBeLessThanOrEqual(28);
    expect(spent().management - before).toBe(1);
  });

  it("is seen by inspect(), explain() and the error, which name reauthorize()", async () => {
    const { clock, lifecycle } = await withDeadRefreshes();
    clock.advance(hour);
    expect(await search(lifecycle, "ada")).toBe("works");
    clock.advance(2 * hour);
    expect(await search(lifecycle, "ada"), "refreshed just now").toMatch(/^USER_NOT_READY.*reauthorize\(\)/);
    clock.advance(hour);
    expect(await search(lifecycle, "ada")).toMatch(
      /^FHIR_REFUSED.*reauthorize\(\) gets this one a fresh grant$/,
    );
    clock.advance(hour);
    await search(lifecycle, "ada");
    const { refusedTokens } = await lifecycle.inspect("ada");
    expect(refusedTokens?.times).toBe(2);
    expect(await lifecycle.explain("ada")).toMatch(
      /FHIR has refused 2 tokens of it in a row since .* and accepted none\..*reauthorize\(\)/,
    );
    await lifecycle.reauthorize("ada");
    expect(await search(lifecycle, "ada")).toBe("works");
    expect(await lifecycle.inspect("ada")).toMatchObject({ refusedTokens: null });
  });

  it("costs a refresh an hour in the end, and starts anew once FHIR accepts a token", async () => {
    const { clock, lifecycle, spent, world } = await withDeadRefreshes();
    clock.advance(3 * hour);
    for (let minutes = 0; minutes < 240; minutes++) {
      await search(lifecycle, "ada");
      clock.advance(60_000);
    }
    const before = spent().token;
    for (let minutes = 0; minutes < 240; minutes++) {
      await search(lifecycle, "ada");
      clock.advance(60_000);
    }
    expect(spent().token - before).toBeLessThanOrEqual(5);
    world.isCured = true;
    expect(await search(lifecycle, "ada")).toBe("works");
    await vi.waitFor(async () => expect((await lifecycle.inspect("ada")).refusedTokens).toBeNull());
  });
});

describe("FHIR that refuses the tokens of all users", () => {
  async function world(): Promise<TestLifecycle & { readonly lines: readonly LogLine[] }> {
    const lines: LogLine[] = [];
    const made = await createTestLifecycle({ lifecycle: { logger: loggerTo((line) => lines.push(line)) } });
    afterwards(() => made.close());
    for (const id of ["ada", "bob", "eve", "dan"]) await made.lifecycle.onboard(id);
    await made.clock.advance("5m");
    return { ...made, lines };
  }
  const fhirOf = async ({ lifecycle }: TestLifecycle) =>
    (await lifecycle.health()).endpoints.find(({ endpoint }) => endpoint === "fhir");

  it("is seen by health() and the log, and ends when it accepts one", async () => {
    const made = await world();
    const { lifecycle, sandbox, lines } = made;
    sandbox.fail({ call: "fhir.search", status: 401, times: Infinity });
    await search(lifecycle, "ada");
    expect(await fhirOf(made)).toMatchObject({
      works: true,
      lastSuccess: null,
      lastFailure: { status: 401 },
    });
    await search(lifecycle, "bob");
    await search(lifecycle, "eve");
    expect(await fhirOf(made)).toMatchObject({
      works: false,
      nextStep: expect.stringMatching(/reauthorize\(\).*endpoints/) as string,
    });
    const warned = lines.filter(({ level }) => level === "warn");
    expect(warned.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^1upHealth's fhir endpoint refuses the tokens of all users.*what to do: /),
    ]);
    expect(await search(lifecycle, "ada")).toMatch(/fresh ones of other users too/);
    sandbox.clearFaults();
    expect(await search(lifecycle, "dan")).toBe("works");
    expect(await fhirOf(made)).toMatchObject({ works: true, nextStep: null });
    expect(lines.at(-1)).toMatchObject({
      level: "info",
      message: expect.stringMatching(/works again$/) as string,
    });
  });

  it("costs ever fewer refreshes, and no more than a code an hour once it has lasted a day", async () => {
    const { lifecycle, sandbox, clock } = await world();
    sandbox.fail({ call: "fhir.search", status: 401, times: Infinity });
    const before = sandbox.journal.spent();
    const ids = ["ada", "bob", "eve", "dan"];
    for (let minutes = 0; minutes < 180; minutes++) {
      for (const id of ids) await search(lifecycle, id);
      await clock.advance("1m");
    }
    expect(sandbox.journal.spent().token - before.token).toBeLessThanOrEqual(ids.length * 9);
    expect(sandbox.journal.spent().management).toBe(before.management);
    for (let hours = 0; hours < 40; hours++) {
      for (const id of ids) await search(lifecycle, id);
      await clock.advance("1h");
    }
    const codes = sandbox.journal.spent().management - before.management;
    expect(codes, "after a day one tries whether a fresh code helps").toBeGreaterThan(0);
    expect(codes).toBeLessThanOrEqual(ids.length);
  });

  it("ends for all of them once a fresh code has brought one a token that works", async () => {
    const { clock, lifecycle } = await withDeadRefreshes(["bob", "eve", "dan"]);
    const ids = ["ada", "bob", "eve", "dan"];
    clock.advance(3 * hour);
    const working = new Set<string>();
    for (let hours = 0; hours < 32; hours++) {
      for (const id of ids) if ((await search(lifecycle, id)) === "works") working.add(id);
      clock.advance(hour);
    }
    expect([...working].sort()).toEqual([...ids].sort());
  });
});

describe("a token that FHIR refuses a moment after it was granted", () => {
  it("is shown by inspect() and explain(), with the time from which it is replaced", async () => {
    const made = await createTestLifecycle();
    afterwards(() => made.close());
    const { lifecycle, sandbox, clock } = made;
    await lifecycle.onboard("ada");
    sandbox.revokeGrant("ada");
    await clock.advance("10s");
    const refusedAt = clock.now();
    expect(await search(lifecycle, "ada")).toMatch(/^USER_NOT_READY/);
    const { refusedTokens, history } = await lifecycle.inspect("ada");
    expect(refusedTokens).toMatchObject({ times: 1, since: new Date(refusedAt) });
    expect(refusedTokens?.replacedFrom?.getTime()).toBeGreaterThan(refusedAt);
    expect(await lifecycle.explain("ada")).toMatch(
      /FHIR has refused one token of it since .* it is replaced from /,
    );
    await search(lifecycle, "ada");
    expect((await lifecycle.inspect("ada")).history, "a token is noted once").toHaveLength(history.length);
    await clock.advance("1m");
    expect(await search(lifecycle, "ada")).toBe("works");
    await vi.waitFor(async () => expect((await lifecycle.inspect("ada")).refusedTokens).toBeNull());
  });
});
