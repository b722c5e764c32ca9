/** Writes of a stalled process that arrive after the id has passed to another person. */
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox, type Sandbox } from "oneup-lifecycle/sandbox";
import { createLifecycle, type Lifecycle, type StoreAdapter } from "oneup-lifecycle";
import { expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";

interface Fleet {
  readonly sandbox: Sandbox;
  /** Its next write is held up. */
  readonly stalled: Lifecycle;
  readonly other: Lifecycle;
  /** Resolves once that write is on its way. */
  readonly isUnderWay: Promise<void>;
  /** Lets it arrive. */
  readonly arrive: () => void;
  readonly open: () => Promise<Lifecycle>;
}

async function fleet(hideIds: boolean): Promise<Fleet> {
  const sandbox = createSandbox();
  const { endpoints, close } = await sandbox.listen();
  afterwards(close);
  const shared = memory();
  let [send, arrive] = [(): void => {}, (): void => {}];
  const isUnderWay = new Promise<void>((resolve) => (send = resolve));
  const arrival = new Promise<void>((resolve) => (arrive = resolve));
  let isNext = true;
  const slow: StoreAdapter = {
    ...shared,
    async open(options) {
      const store = await shared.open(options);
      return {
        ...store,
        async commit(commit) {
          if (isNext) {
            isNext = false;
            send();
            await arrival;
          }
          return store.commit(commit);
        },
      };
    },
  };
  const open = async (store: StoreAdapter): Promise<Lifecycle> => {
    const { credentials } = sandbox;
    const encryption = { keys: ["0f".repeat(32)] };
    const lifecycle = await createLifecycle({ credentials, endpoints, store, encryption, hideIds });
    afterwards(() => lifecycle.close());
    return lifecycle;
  };
  const other = await open(shared);
  return {
    sandbox,
    stalled: await open(slow),
    other,
    isUnderWay,
    arrive: () => arrive(),
    open: () => open(shared),
  };
}

const [address, next] = ["smith@example.org", "ann@example.net"];

/** With so many writes of the first person, one of them expects the revision that the second person's record has. */
const writes = [0, 1, 2, 3, 4];

it.each([false, true])("does not overwrite the next owner of the id (hidden ids: %s)", async (hideIds) => {
  for (const times of writes) {
    const { stalled, other, isUnderWay, arrive, open } = await fleet(hideIds);
    const ann = await other.onboard(address);
    for (let write = 0; write < times; write++) await other.hold(address, `a complaint, ${write}`);
    const late = stalled.hold(address, "a complaint");
    await isUnderWay;
    if (times > 0) await other.unhold(address);
    await other.rename(address, next);
    const bob = await other.onboard("bob");
    await other.rename("bob", address);
    arrive();
    await late.catch(() => {});
    const now = await open();
    expect((await now.inspect(address)).oneupUserId).toBe(bob.oneupUserId);
    expect((await now.inspect(next)).oneupUserId).toBe(ann.oneupUserId);
  }
});

it.each([false, true])("does not bring a forgotten person back (hidden ids: %s)", async (hideIds) => {
  const { stalled, other, isUnderWay, arrive, open } = await fleet(hideIds);
  const ann = await other.onboard(address);
  await other.hold(address, "a complaint");
  const late = stalled.unhold(address);
  await isUnderWay;
  await other.unhold(address);
  await other.rename(address, next);
  await other.offboard(next);
  await other.forget(next);
  const { oneupUserId } = await other.onboard(address);
  expect(oneupUserId).not.toBe(ann.oneupUserId);
  arrive();
  await late.catch(() => {});
  expect((await (await open()).inspect(address)).oneupUserId).toBe(oneupUserId);
});
