/** `close()` while calls are under way that belong to no user's record: FHIR, and lists of users. */
import type { Lifecycle } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";

const patient = { resourceType: "Patient" as const };
const analytics = "https://analytics.1up.health/bulk-data";
type Begin = (lifecycle: Lifecycle) => Promise<unknown>;

const calls: Readonly<Record<string, Begin>> = {
  "remote.find()": (lifecycle) => lifecycle.remote.find({ appUserId: "ada" }),
  "remote.list()": (lifecycle) => lifecycle.remote.list().next(),
  "create()": (lifecycle) => lifecycle.fhir("ada", "r4").create(patient),
  "search()": (lifecycle) => lifecycle.fhir("ada", "r4").search("Patient"),
  "batch()": (lifecycle) => lifecycle.fhir("ada", "r4").batch([{ type: "create", resource: patient }]),
  "bulkExport().start()": (lifecycle) => lifecycle.fhir("ada", "r4", { analytics }).bulkExport().start(),
  "search() as the client": (lifecycle) => lifecycle.fhir("ada", "r4", { as: "client" }).search("Patient"),
};

/** A world whose time stands still, where every answer takes 300 ms; and the lines of its log. */
async function slowWorld(): Promise<TestLifecycle & { readonly warnings: readonly string[] }> {
  const warnings: string[] = [];
  const warn = (_: unknown, message: string): void => void warnings.push(message);
  const logger = { debug() {}, info() {}, warn, error: warn };
  const world = await createTestLifecycle({ lifecycle: { logger } });
  await world.lifecycle.onboard("ada");
  world.clock.autoAdvance = false;
  world.sandbox.fail({ delayMs: 300, delay: "after", times: Infinity });
  return Object.assign(world, { warnings });
}

/** Begins a call, and resolves once 1upHealth has it. */
async function begun({ sandbox, lifecycle }: TestLifecycle, begin: Begin): Promise<Promise<unknown>[]> {
  const before = sandbox.journal.entries().length;
  const call = begin(lifecycle).catch((error: unknown) => error);
  await vi.waitFor(() => expect(sandbox.journal.entries().length).toBeGreaterThan(before), { interval: 1 });
  return [call];
}

describe("close() while a call is under way", () => {
  it.each(Object.entries(calls))("waits for the answer to %s", async (_, begin) => {
    const world = await slowWorld();
    const [call] = await begun(world, begin);
    const start = world.clock.now();
    let closedAt: number | null = null;
    const closing = world.lifecycle.close().then(() => (closedAt = world.clock.now()));
    await world.clock.advance("299ms");
    expect(closedAt).toBeNull();
    await world.clock.advance("1ms");
    await closing;
    expect(closedAt).toBe(start + 300);
    const answer = await call;
    expect(answer).not.toBeInstanceOf(Error);
    if (Array.isArray(answer)) expect(answer).toMatchObject([{ error: null, status: 201 }]);
    expect(world.warnings).toEqual([]);
    await world.close();
  });

  it.each(Object.entries(calls))("gives up %s at its time-out", async (_, begin) => {
    const world = await slowWorld();
    world.sandbox.clearFaults();
    world.sandbox.fail({ delayMs: 600_000, delay: "after", times: Infinity });
    const [call] = await begun(world, begin);
    const closing = world.lifecycle.close();
    await world.clock.advance("30s");
    await closing;
    const outcome = await call;
    const error = Array.isArray(outcome) ? (outcome[0] as { error: unknown }).error : outcome;
    const isWrite = /create|batch/.test(begin.toString());
    expect(error).toMatchObject({ code: isWrite ? "IN_DOUBT" : "CLOSED" });
    await world.close();
  });

  it("does not wait for a walk, whose next page its caller does not ask for", async () => {
    const world = await slowWorld();
    const walk = world.lifecycle.fhir("ada", "r4").searchAll("Patient");
    const [first] = await begun(world, () => walk[Symbol.asyncIterator]().next());
    await world.lifecycle.close();
    expect(await first).toMatchObject({ code: "CLOSED" });
    expect(world.warnings).toEqual([]);
    await world.close();
  });

  it("sends no next page of a list, and no repetition", async () => {
    const world = await slowWorld();
    for (const id of ["eve", "bob"]) world.sandbox.createUser(id);
    const list = world.lifecycle.remote.list({ pageSize: 1 });
    const [first] = await begun(world, () => list.next());
    world.sandbox.clearFaults();
    world.sandbox.fail({ call: "fhir.search", status: 503, delayMs: 300, delay: "after", times: Infinity });
    const [search] = await begun(world, (lifecycle) => lifecycle.fhir("ada", "r4").search("Patient"));
    const closing = world.lifecycle.close();
    const before = world.sandbox.journal.entries().length;
    await world.clock.advance("300ms");
    await closing;
    expect(await first).toMatchObject({ done: false });
    await expect(list.next()).rejects.toMatchObject({ code: "CLOSED" });
    expect(await search).toMatchObject({ code: "CLOSED" });
    expect(world.sandbox.journal.entries()).toHaveLength(before);
    await world.close();
  });

  it("refuses a call at once that waits for its slot", async () => {
    const limits = { management: { calls: 10, windowMs: 60_000 }, fhir: { calls: 1, windowMs: 3_600_000 } };
    const world = await createTestLifecycle({ lifecycle: { limits } });
    await world.lifecycle.onboard("ada");
    const fhir = world.lifecycle.fhir("ada", "r4");
    await fhir.search("Patient");
    world.clock.autoAdvance = false;
    const waiting = fhir.create(patient).catch((error: unknown) => error);
    await world.clock.advance("1s");
    await world.lifecycle.close();
    expect(await waiting).toMatchObject({ code: "CLOSED" });
    expect(world.sandbox.journal.count("fhir.create")).toBe(0);
    await world.close();
  });
});
