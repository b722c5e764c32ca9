import { inspect } from "node:util";
import type { Lifecycle, UserSnapshot, UserStatus } from "oneup-lifecycle";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  createActor,
  setup,
  toPromise,
  waitFor,
  type ActorRefFrom,
  type InspectionEvent,
  type OutputFrom,
  type SnapshotFrom,
} from "xstate";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { afterwards, folder, scene, spentOn } from "../support/scene.ts";
import { onDisk } from "../support/on-disk.ts";
import { signUp } from "../support/sign-up.ts";

const appUserId = "ada@example.org";

const json = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T; // as a database keeps it

describe("lifecycle.actor", () => {
  it("is invoked by a machine of an application's: its snapshots are the status, its output the user", async () => {
    const { sandbox, open } = await scene();
    const parent = createActor(signUp(await open()), { input: { email: appUserId } }).start();
    const { value, context } = await waitFor(parent, ({ status }) => status === "done");
    expect(value).toBe("connected");
    expect(context.user).toMatchObject({ appUserId, state: "tokenActive", usable: true });
    expect(context.user?.since).toBeInstanceOf(Date);
    expect(context.seen).toEqual(["nothing", "created", "codeIssued", "tokenActive"]);
    expect(spentOn(sandbox, appUserId)).toEqual(["createUser"]);
  });

  it("gives setup() its input and output without a cast", async () => {
    const { open } = await scene();
    const { actor, watcher } = await open();
    expectTypeOf<OutputFrom<typeof actor>>().toEqualTypeOf<UserStatus>();
    expectTypeOf<SnapshotFrom<typeof actor>["context"]>().toEqualTypeOf<UserStatus | null>();
    setup({ actors: { oneup: actor, watcher } }).createMachine({
      // @ts-expect-error an id is a text
      invoke: { src: "oneup", input: { appUserId: 1 } },
    });
    setup({ actors: { oneup: actor, watcher } }).createMachine({
      // @ts-expect-error there is no such lane
      invoke: { src: "oneup", input: { appUserId, lane: "fast" } },
    });
  });

  it("works with createActor(), waitFor(), toPromise() and selectors, and takes expect and lane", async () => {
    const { sandbox, open } = await scene();
    sandbox.createUser(appUserId);
    const { actor } = await open();
    const oneup = createActor(actor, { input: { appUserId, expect: "existing", lane: "bulk" } });
    const output = toPromise(oneup);
    const stateOf = ({ context }: UserSnapshot): string | undefined => context?.state;
    const states = new Set([stateOf(oneup.getSnapshot())]);
    oneup.subscribe((snapshot) => states.add(stateOf(snapshot)));
    oneup.start();
    await waitFor(oneup, (snapshot) => stateOf(snapshot) === "codeIssued");
    expect(await output).toMatchObject({ state: "reauthorized", usable: true });
    expect([...states]).toEqual([undefined, "reauthorizing", "codeIssued", "reauthorized"]);
    expect(spentOn(sandbox, appUserId)).toEqual(["issueAuthCode"]);
  });

  it("is spawned, and done at once for a user who has a token", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const before = await lifecycle.onboard(appUserId);
    const parent = createActor(
      setup({
        types: { context: {} as { ref: ActorRefFrom<Lifecycle["actor"]> } },
        actors: { oneup: lifecycle.actor },
      }).createMachine({
        context: ({ spawn }) => ({ ref: spawn("oneup", { id: "ada", input: { appUserId } }) }),
      }),
    ).start();
    expect(await toPromise(parent.getSnapshot().context.ref)).toEqual(before);
    expect(sandbox.journal.entries()).toHaveLength(2);
  });

  it("stopped in the middle stops watching, not the lifecycle", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    sandbox.fail({ call: "exchangeCode", delayMs: 3_000 });
    const parent = createActor(signUp(lifecycle), { input: { email: appUserId } }).start();
    const child = parent.getSnapshot().children.oneup;
    await waitFor(parent, ({ context }) => context.seen.includes("codeIssued"));
    parent.send({ type: "CANCEL" });
    expect(parent.getSnapshot().value).toBe("cancelled");
    await expect.poll(() => sandbox.faults()).toEqual([]);
    sandbox.clock.advance(3_000);
    await expect.poll(async () => (await lifecycle.inspect(appUserId)).state).toBe("tokenActive");
    expect(child?.getSnapshot()).toMatchObject({ status: "stopped", context: { state: "codeIssued" } });
    expect(spentOn(sandbox, appUserId)).toEqual(["createUser"]);
  });

  it("restored with its parent's snapshot in another process continues, and no user is created twice", async () => {
    const path = folder("actor");
    const { sandbox, open } = await scene();
    sandbox.fail({ call: "exchangeCode", drop: "before" });
    const first = await open(onDisk(path));
    const before = createActor(signUp(first), { input: { email: appUserId } }).start();
    await waitFor(before, ({ context }) => context.seen.includes("codeIssued"));
    const kept = json(before.getPersistedSnapshot());
    before.stop();
    await first.close();

    const second = await open(onDisk(path));
    const after = createActor(signUp(second), { snapshot: kept, input: { email: "nobody" } }).start();
    sandbox.clock.advance(60_000);
    const { value, context } = await waitFor(after, ({ status }) => status === "done");
    expect({ value, usable: context.user?.usable }).toEqual({ value: "connected", usable: true });
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(spentOn(sandbox, appUserId)).toContain("createUser");
  });

  it("keeps no more than its input in its parent's snapshot, and no secret comes to inspection", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const seen: string[] = [];
    const kept: string[] = [];
    const parent = createActor(signUp(lifecycle), {
      input: { email: appUserId },
      inspect: (event: InspectionEvent) => {
        seen.push(inspect(event, { depth: 6, showHidden: true }));
      },
    });
    parent.subscribe(() => kept.push(JSON.stringify(parent.getPersistedSnapshot())));
    parent.start();
    await waitFor(parent, ({ status }) => status === "done");
    const secrets = [await lifecycle.accessToken(appUserId), sandbox.credentials.clientSecret];
    expect(seen.join().includes("oneup.status")).toBe(true);
    for (const secret of secrets)
      expect([...seen, ...kept].filter((text) => text.includes(secret))).toEqual([]);
    expect(kept.find((text) => text.includes('"children":{"oneup"'))).toContain(
      `"snapshot":{"status":"active","input":{"appUserId":"${appUserId}"}}`,
    );
  });
});

it("lifecycle.actor waits for a user that alone is refused, which is tried again by itself", async () => {
  const { lifecycle, sandbox, close } = await createTestLifecycle();
  afterwards(close);
  await lifecycle.onboard("zoe");
  sandbox.fail({ call: "createUser", appUserId: "ada", response: "html", times: 3 });
  const actor = createActor(lifecycle.actor, { input: { appUserId: "ada" } });
  const output = toPromise(actor);
  actor.start();
  expect(await output).toMatchObject({ usable: true });
  expect(sandbox.journal.count("createUser")).toBe(5);
});
