/**
 * What is looked at once all faults have ended: every user's FHIR works, 1upHealth has the same users as the store, and
 * no user is lost, stuck, duplicated or leaked.
 */
import type { Reconciliation } from "oneup-lifecycle";
import { pseudonymisedStore } from "../../src/store/sealing/pseudonymised-store.ts";
import { hasArrived } from "./dossier.ts";
import type { Person } from "./people.ts";
import { lookAtShelves } from "./shelves.ts";
import type { Stage } from "./stage.ts";
import { hour } from "./time.ts";

/** Kinds that end for a user after a day in which its calls are refused. */
const refusedForADay: ReadonlySet<string> = new Set(["refusedRefreshes", "refusedRenewals"]);

/** Every user's FHIR works. */
export async function checkUp(
  { judge, scenario, time }: Stage,
  people: readonly Person[],
  broken: () => boolean,
): Promise<void> {
  let left = people.length;
  for (const person of people) person.checkUp(() => left--);
  const hours = scenario.kinds.some((kind) => refusedForADay.has(kind)) ? 34 : 24;
  await time.run(time.now + hours * hour, () => broken() || left === 0);
  if (!broken() && left > 0) judge.blame(`P2: ${left} users have no working token in the end`);
}

/** All users are here under the id that 1upHealth has for them, or are moved there. */
export async function reconcileAll(stage: Stage, broken: () => boolean): Promise<void> {
  const { judge, scenario, time, handler } = stage;
  for (const { id, wasRenamedThere } of judge.all()) {
    // A user that the application has renamed need not be reconciled.
    if (!wasRenamedThere && handler.world.users.find(id) === undefined)
      judge.blame(`P2: ${id} has another id at 1upHealth`);
  }
  for (const round of ["first", "second"]) {
    const reports: Reconciliation[] = [];
    const wrong = (error: unknown): void => judge.blame(`P7: reconcile() rejected with ${String(error)}`);
    const places = stage.fit.slice(0, round === "first" ? 2 : 1); // the first time two of them at once
    if (places.length === 0) return judge.blame("P2: no process is left to reconcile");
    for (const { life, lifecycle } of places) {
      judge.reconciles(life);
      lifecycle.reconcile({ repair: ["move"], pageSize: 50 }).then((one) => reports.push(one), wrong);
    }
    await time.run(time.now + 48 * hour, () => broken() || reports.length === places.length);
    if (broken()) return;
    if (reports.length < places.length) judge.blame(`P2: the ${round} reconcile() does not end`);
    for (const { complete, counts, repaired } of reports) {
      const { thereOnly, hereOnly, renamed, anotherNumber } = counts;
      const all = complete && thereOnly === scenario.strangers.count;
      const moved = round === "first" ? repaired?.moved === renamed : renamed === 0;
      if (!all || !moved || hereOnly + anotherNumber > 0)
        judge.blame(`P1: the ${round} reconcile() finds ${JSON.stringify({ complete, counts, repaired })}`);
    }
  }
}

/** No user is lost, stuck, duplicated or leaked. */
export async function lastLook(stage: Stage, people: number): Promise<void> {
  const { judge, handler, names, store } = stage;
  const seen = names === null ? store : pseudonymisedStore(store, names, () => {});
  for (const dossier of judge.all()) {
    if (!hasArrived(dossier))
      judge.blame(`P2: ${dossier.id} is stuck in ${dossier.envelope?.state ?? "nowhere"}`);
    const loaded = await seen.load(dossier.id);
    const remote = handler.world.users.find(dossier.id);
    if (loaded.type !== "record") judge.blame(`P1: ${dossier.id} is lost`);
    else if (dossier.envelope?.context["oneupUserId"] !== remote?.oneupUserId) {
      judge.blame(`P2: ${dossier.id} is another user at 1upHealth`);
    }
    judge.read(`the record of ${dossier.id}`, JSON.stringify(loaded));
  }
  judge.read("the account's record", JSON.stringify(await store.account.load()));
  await lookAtShelves(stage);
  judge.forgets.lastLook(stage, people);
}
