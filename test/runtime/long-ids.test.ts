import { expect, it } from "vitest";
import { createTestLifecycle, type TestLifecycle } from "../../src/testing/index.ts";

/** The list contains one user, whose id is a JSON number. */
function listsNumber({ sandbox }: TestLifecycle, oneupUserId: number, id: string): void {
  sandbox.fail({
    call: "listUsers",
    times: Infinity,
    status: 200,
    headers: { "content-type": "application/json" },
    body: `{"success":true,"entry":[{"oneup_user_id":${oneupUserId},"app_user_id":${id},"active":true}]}`,
  });
}

async function passHours(world: TestLifecycle, hours: number): Promise<void> {
  for (let hour = 0; hour < hours; hour++) {
    await world.clock.advance("1h");
    await world.lifecycle.resume();
  }
}

const [long, other, near] = ["1234567890123456789", "2234567890123456789", "1234567890123456790"];

it("rename() in doubt ends where the list writes a long id as a number", async () => {
  const world = await createTestLifecycle();
  const { lifecycle, sandbox } = world;
  const { oneupUserId } = await lifecycle.onboard(long);
  sandbox.fail({ call: "updateUser", drop: "after" });
  listsNumber(world, Number(oneupUserId), other);
  await lifecycle.rename(long, other, { waitMs: 1_000 }).catch(() => {});
  await passHours(world, 5);
  expect(await lifecycle.inspect(other)).toMatchObject({ oneupUserId, appUserId: other, pause: null });
  await world.close();
});

it.each([
  ["its own", long, { state: "offboarded", purge: { left: [] } }, 3],
  ["that of another user", near, { state: "failed" }, 0],
])(
  "the purge of an adopted user where the list has %s long id under its number",
  async (_, listed, expected, purges) => {
    const world = await createTestLifecycle();
    const { lifecycle, sandbox, clock } = world;
    const oneupUserId = sandbox.createUser(long);
    listsNumber(world, oneupUserId, listed);
    const tokens = { refreshToken: "old", accessToken: "acc", expiresAt: new Date(clock.now() + 7_000_000) };
    await lifecycle.adopt(long, { oneupUserId, ...tokens }, { waitMs: 0 });
    await lifecycle.offboard(long, { purge: true, waitMs: 1_000 }).catch(() => {});
    await passHours(world, 5);
    expect(await lifecycle.inspect(long)).toMatchObject(expected);
    expect(sandbox.journal.count("fhir.purge")).toBe(purges);
    await world.close();
  },
);
