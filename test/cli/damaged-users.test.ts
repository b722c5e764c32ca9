/** Users whose records do not open, as the command shows them. */
import { expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { accountOf } from "../../src/store/account-of.ts";
import { at } from "../support/places.ts";
import { operatorStage, type OperatorStage } from "./operator.ts";

type Fields = Record<string, any>;

/** The same record with the secrets of another store. */
const damaged = ({ sealed, ...value }: Fields): Fields => ({
  ...value,
  sealed: { ...sealed, text: `${sealed.text.slice(0, -8)}AAAAAAAA` },
});

async function change(
  { sandbox, path }: OperatorStage,
  ids: readonly string[],
  turn: (value: Fields) => Fields,
): Promise<void> {
  const account = accountOf(sandbox.credentials.clientId);
  const store = await at({ type: "lmdb", path }).store.open({ account, clock: systemClock });
  for (const id of ids) {
    const found = await store.load(id);
    if (found.type !== "record") throw new Error(`${id} is not here`);
    const { revision, value } = found.record;
    const done = await store.commit({
      id,
      writeId: "the-test's",
      expectedRevision: revision,
      mode: "none",
      lease: { id: "the test's", owner: "the test", ms: 1 },
      value: turn(value as Fields), // a record is an object
      state: "tokenActive",
      dueInMs: null,
      lane: null,
    });
    expect(done.type).toBe("committed");
  }
  await store.close();
}

async function aliasOf({ operator }: OperatorStage, id: string): Promise<string> {
  const lifecycle = await operator.open();
  const alias = lifecycle.alias(id);
  await lifecycle.close();
  return alias;
}

it("users shows a damaged user in its place, and what to do about it", async () => {
  const stage = await operatorStage();
  await change(stage, ["bob"], damaged);
  const { code, out, err } = await stage.act("users");
  expect(code).toBe(1);
  expect(out).toMatch(/^ {2}ada +tokenActive .*\n {2}bob +damaged +– +– +reauthorize\n$/m);
  expect(err).toBe(
    '1 user cannot be read: Cannot open the secrets of user "bob": they were sealed for another user or store, or were changed; oneup-lifecycle reauthorize bob gets a new grant [RECORD_DAMAGED]\n',
  );
  expect(await stage.act("users", "--state", "tokenActive", "--first", "1")).toMatchObject({
    code: 0,
    err: "",
  });
  const { code: reauthorized } = await stage.act("reauthorize", "bob", "--yes");
  expect(reauthorized).toBe(0);
  expect(await stage.act("users")).toMatchObject({ code: 0, err: "" });
});

it("users --json has a line for each, with its id and alias", async () => {
  const stage = await operatorStage();
  await change(stage, ["ada"], damaged);
  await change(stage, ["bob"], (value) => ({ ...value, format: 99 }));
  const { code, out, err } = await stage.act("users", "--json");
  expect(code).toBe(1);
  const lines = out.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      appUserId: "ada",
      alias: await aliasOf(stage, "ada"),
      state: "damaged",
      code: "RECORD_DAMAGED",
      why: expect.stringContaining('the secrets of user "ada"'),
      nextStep: "run oneup-lifecycle reauthorize ada, which gets a new grant",
    },
    expect.objectContaining({ appUserId: "bob", state: "tooNew", code: "RECORD_TOO_NEW" }),
  ]);
  expect(err).toMatch(
    /^1 user cannot be read: .*\[RECORD_DAMAGED\]\n1 user cannot be read: .*\[RECORD_TOO_NEW\]\n$/,
  );
});

it("many damaged users are counted in one sentence, and no user is said not to be there", async () => {
  const stage = await operatorStage();
  await change(stage, ["ada", "bob"], damaged);
  const { out, err } = await stage.act("users");
  expect(out).not.toContain("No users");
  expect(err).toMatch(/^2 users cannot be read; the first: Cannot open the secrets of user "ada": .*\n$/);
});

it("inspect --alias names the id of a damaged user", async () => {
  const stage = await operatorStage();
  await change(stage, ["bob"], damaged);
  const { code, err } = await stage.act("inspect", "--alias", (await aliasOf(stage, "bob")).slice(1));
  expect(code).toBe(1);
  expect(err).toMatch(
    /Cannot open the secrets of user "bob": .*; oneup-lifecycle reauthorize bob gets a new grant/,
  );
});
