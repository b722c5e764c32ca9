/**
 * One long import on virtual time: a list of users, the account's limit, processes of which one dies every day, and
 * people who sign up meanwhile. Nothing else goes wrong here, for what is judged is that no slot is left unused and that
 * no person at the screen waits for the list.
 */
import { memory } from "oneup-lifecycle/adapters/memory";
import { Handler } from "../../src/sandbox/handler.ts";
import { readOptions } from "../../src/sandbox/options/sandbox-options.ts";
import { World } from "../../src/sandbox/state/world.ts";
import { accountOf } from "../../src/store/account-of.ts";
import { ImportJudge, type ImportFigures } from "./import-judge.ts";
import { idOf, limit, type ImportPlan, type ImportStage } from "./import-plan.ts";
import { Importer } from "./import-process.ts";
import { beginning, Dice, hour, minute, second, Time } from "./time.ts";

/** How it went. */
export interface ImportOutcome {
  readonly blamed: readonly string[];
  readonly figures: ImportFigures;
}

/** Plays an import to its end. */
export async function playImport(plan: ImportPlan): Promise<ImportOutcome> {
  const time = new Time();
  const clock = time.clock();
  const settings = readOptions({
    clock,
    seed: plan.seed,
    limit: { calls: limit.calls, windowMs: limit.windowMs },
  });
  const handler = new Handler(new World(settings));
  const store = await memory().open({ account: accountOf(settings.clientId), clock });
  const judge = new ImportJudge(plan, time, store);
  const stage: ImportStage = { plan, time, handler, store, judge };
  const dice = new Dice(plan.seed, "import");
  for (let number = 0; number < plan.users; number++)
    if (dice.hits(plan.existing)) handler.world.users.add(idOf(number), true);

  const importers = Array.from({ length: plan.processes }, (_, index) => new Importer(stage, index));
  for (const importer of importers) importer.start();
  importers[0]?.bringIn();
  let guests = 0;
  const guest = (): void => {
    if (judge.isDone) return;
    dice.pick(importers).signUp(`guest-${++guests}`);
    time.after(-Math.log(1 - dice.next()) * plan.guestEveryMs, guest);
  };
  time.after(hour / 2, guest);
  const kill = (): void => {
    if (judge.isDone) return;
    dice.pick(importers).dieSoon();
    time.after(plan.killEveryMs, kill);
  };
  // The first is the one that reads the list, in the middle of it.
  importers[0]?.dieSoon(plan.users);
  time.after(plan.killEveryMs * dice.next(), kill);
  const forget = (): void => {
    // Tokens that are never asked for again would fill the memory.
    handler.world.grants.state = { codes: [], accessTokens: [], refreshTokens: [] };
    if (!judge.isDone) time.after(24 * hour, forget);
  };
  time.after(24 * hour + 7 * minute, forget);
  const longest = 3 * hour + (plan.users / limit.calls) * 1.1 * hour;
  await time.run(beginning + longest, () => judge.isOver);
  await time.run(time.now + minute, () => false);
  if (!judge.isDone) judge.blame("P2: the import was never done");
  await judge.lastLook(handler.world.users.all.length, guests);
  return { blamed: judge.blamed, figures: judge.figures() };
}

/** A million users, their 139 days, a death a day, a person at the screen every twenty minutes. */
export const million: ImportPlan = {
  users: 1_000_000,
  existing: 0.01,
  processes: 3,
  killEveryMs: 24 * hour,
  guestEveryMs: 20 * minute,
  seed: 1,
};

/** The same for fewer users: as many deaths and people for each of them. */
export function scaled(users: number): ImportPlan {
  const killEveryMs = Math.max(2 * hour, (24 * hour * users) / million.users);
  return { ...million, users, killEveryMs: Math.min(24 * hour, killEveryMs) };
}

/** The figures in words. */
export function inWords({ figures: f }: ImportOutcome): string {
  const n = (value: number): string => value.toLocaleString("en");
  const s = (ms: number): string => `${(ms / second).toFixed(1)} s`;
  const spread = ({ min, mean, max }: { min: number; mean: number; max: number }): string =>
    `min ${min.toFixed(1)}, mean ${mean.toFixed(1)}, max ${max.toFixed(1)}`;
  return [
    `users ${n(f.users)} in ${(f.ms / (24 * hour)).toFixed(1)} days; ${n(f.guests)} people signed up meanwhile`,
    `deaths ${n(f.deaths)}, with ${n(f.inHand)} users in hand; the import was resumed ${n(f.resumed)} times`,
    `management calls ${n(f.calls)}: ${n(f.users + f.guests)} for users and people, ${n(f.pages)} pages of 1upHealth's list that found ${n(f.existing)} users, ${n(f.extra)} because of deaths`,
    `calls in any rolling hour: at most ${n(f.mostInWindow)} of ${limit.calls}`,
    `slots used an hour, over every ${limit.calls} in a row: ${spread(f.hour)}; ${((100 * f.hour.mean) / f.ceiling).toFixed(2)} % of the ceiling, ${f.ceiling.toFixed(2)} for a mean hold of ${s(f.meanHoldMs)}`,
    `slots lost to deaths ${n(f.lost)}: taken, and the call had not left`,
    ...(f.day.max > 0 ? [`calls a day: ${spread(f.day)}`] : []),
    `a person at the screen waited for ${n(f.longestWaitSlots)} slots at most, ${n(f.behindBulk)} of them the list's, and for ${s(f.longestWaitMs)} at most, ${s(f.meanWaitMs)} on average`,
  ].join("\n");
}
