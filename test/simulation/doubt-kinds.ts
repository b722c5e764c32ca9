/** Kinds of fault with what is known of a user: an empty list, a blank answer to a purge, a wrong number with a dead code. */
import type { Fault } from "oneup-lifecycle/sandbox";
import type { Incoming } from "../../src/sandbox/base/message.ts";
import type { Dossier } from "./dossier.ts";
import { askedBy } from "./faults.ts";
import type { Judge } from "./judge.ts";
import type { Kind } from "./kinds.ts";
import type { Stage } from "./stage.ts";
import { beginning, Dice, hour, minute } from "./time.ts";

const listsNobody: readonly Fault[] = [
  { status: 200, body: "[]", headers: { "content-type": "application/json" } },
  { status: 200, body: { success: true, entry: [] } },
  { status: 404, body: { success: false, error: "this user does not exist" } },
];

/** None is 1upHealth's own answer to a purge that is done. */
const blank: readonly Fault[] = [
  { status: 204 },
  { status: 200, body: "" },
  { status: 200, body: {} },
  { status: 200, body: { resourceType: "Bundle", type: "searchset", entry: [] } },
  { status: 200, body: { success: true, entry: [] } },
];

export const doubtKinds: Readonly<Record<string, Kind>> = {
  /** A look-up of a user that is known here returns an empty list: now and then, and for hours every time. */
  emptyLists: {
    share: 0.12,
    answer: (incoming, dice, stage) => {
      if (askedBy(incoming) !== "listUsers" || !isKnown(incoming, stage)) return undefined;
      const spell = new Dice(stage.scenario.seed, "hours of empty lists");
      const [from, forMs] = [spell.between(0, 3 * hour), spell.pick([0, 20 * minute, 2 * hour])];
      const ms = stage.time.now - beginning;
      const isOn = ms >= from && ms < from + forMs;
      return isOn || dice.hits(0.4) ? dice.pick(listsNobody) : undefined;
    },
  },
  /** Something on the way answers a purge, whether or not it was carried out. */
  blankPurges: {
    share: 0.12,
    answer: (incoming, dice) => {
      const isPurge = incoming.method === "DELETE" && incoming.path.endsWith("/purge");
      return isPurge && dice.hits(0.5) ? { ...dice.pick(blank), commit: dice.hits(0.3) } : undefined;
    },
  },
  /** An answer with the user's id, a number that is not its own, and a code that is worth nothing. */
  deadCodes: {
    share: 0.12,
    answer: (incoming, dice, { judge }) => {
      const call = askedBy(incoming);
      if ((call !== "createUser" && call !== "issueAuthCode") || !dice.hits(0.08)) return undefined;
      const id = new URLSearchParams(incoming.body).get("app_user_id") ?? "";
      // Where the application itself has a wrong number, or the user's is confirmed, other rules hold.
      if (!judge.numbers.isOpen(knownAs(judge, id))) return undefined;
      const code = judge.numbers.deadCode(id);
      const oneup_user_id = 900_000 + dice.between(0, 1_000); // of no user
      const body = { success: true, code, oneup_user_id, app_user_id: id, active: true };
      return { status: 200, commit: call === "createUser" && dice.hits(0.5), body };
    },
  },
};

/** Is this a look-up of one user whose record here has a number or a token? */
function isKnown({ query, body }: Incoming, { judge, handler: { world } }: Stage): boolean {
  const fields = new URLSearchParams(body === "" ? query : body);
  const number = fields.get("oneup_user_id");
  const id = number === null ? fields.get("app_user_id") : world.users.byId(Number(number))?.appUserId;
  if (id === undefined || id === null) return false;
  const { context } = knownAs(judge, id)?.envelope ?? {};
  return typeof context?.["oneupUserId"] === "number" || context?.["wasGranted"] === true;
}

/** What the judge has of a user, if anything. */
function knownAs(judge: Judge, sought: string): Dossier | undefined {
  return judge.all().find(({ id }) => id === sought);
}
