/**
 * The demo on the sandbox, step by step. Every number it prints comes from the store or from the sandbox's journal.
 * A page shows it in a browser while it runs. How calls that were in flight when their process died were resolved is
 * read from the users' histories.
 *
 * @module
 */
import { nextLine } from "../confirm.ts";
import { createAndRead, patientSays, headline, lineOfLife, listed } from "./prose.ts";
import { users, hourMs, limit, Watch } from "./watch.ts";
import { setStage, type Stage } from "./stage.ts";
import { plural } from "../format.ts";
import type { Screen } from "../screen.ts";
import { times } from "./worker.ts";
import type { Lifecycle, UserStatus } from "../../index.ts";
import { createInspector } from "../../inspector/index.ts";
import { serveInspector, type ServedInspector } from "../inspector/serve-inspector.ts";

/** Options of {@link tellStory}. */
export interface StoryOptions {
  readonly screen: Screen;
  /** The path of the command's main module. */
  readonly self: string;
  readonly keep: boolean;
  /** Whether to open the link in a browser. */
  readonly open: boolean;
  readonly signal: AbortSignal;
}

/** The user whose Patient is created, and whose grant is revoked. */
const hero = "bilbo";

/** Pause between two steps, in ms, so that people can read. */
const breathMs = 900;

/** Runs the demo and returns the exit code. */
export async function tellStory({ screen, self, keep, open, signal }: StoryOptions): Promise<number> {
  const stage = await setStage(self);
  let code = 130;
  let page: ServedInspector | undefined;
  try {
    page = await showPage(stage.lifecycle, open);
    screen.say(
      "",
      `  ${screen.paint.strong("oneup-lifecycle")}  local 1upHealth sandbox at ${stage.url}`,
      screen.paint.quiet("  Nothing leaves this machine."),
      "",
      "  Watch it in a browser:",
      `  ${page.link}`,
    );
    await allActs(stage, screen, signal);
    if (keep) screen.say("", `  Kept: ${stage.folder}`);
    code = await verdict(stage, screen);
    if (process.stdin.isTTY && process.stdout.isTTY) {
      screen.say("", screen.paint.quiet("The page stays until you press Enter."));
      await nextLine(signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    screen.say("", "  Stopped");
  } finally {
    await page?.close();
    await stage.strike({ keep });
  }
  return code;
}

async function allActs(stage: Stage, screen: Screen, signal: AbortSignal): Promise<void> {
  const { sandbox, lifecycle } = stage;
  const { journal } = sandbox;
  const { paint } = screen;
  const watch = new Watch(stage, screen, signal);
  const management = (): number => journal.spent().management;
  const act = async (number: number, title: string): Promise<void> => {
    if (number > 1) await screen.pause(breathMs, signal);
    screen.say("", headline(number, title, paint));
  };
  const tell = (...lines: readonly string[]): void => screen.say(...lines.map((line) => `     ${line}`));

  const first = stage.startWorker(users);
  await act(1, `${users.length} users sign up; worker process ${first.pid} onboards them`);
  await watch.until(first, (seen) => {
    const calls = seen.flatMap((user) => user?.underWay ?? []);
    const arrived = seen.filter((user) => user?.usable).length;
    return arrived * 2 >= users.length && calls.includes("createUser") && calls.includes("exchangeCode");
  });
  await first.kill();
  const cut = await watch.settleDead();
  const inDoubt = cut.flatMap((user) => (user?.underWay ? [user] : []));
  const unheard = cut.filter((user) => user === null).length;

  await act(2, `kill -9 ${first.pid} while calls are in flight`);
  const arrived = cut.filter((user) => user?.usable).length;
  tell(
    "The store shows how far each user got:",
    `${paint.good(`${arrived} have a token`)}, ${paint.bad(`${inDoubt.length} have a call in doubt`)}, ${unheard} have not started.`,
    `In doubt: ${listed(inDoubt.map(({ underWay }) => underWay ?? ""))}. Their responses were lost.`,
  );

  const second = stage.startWorker(users);
  await act(3, `Worker process ${second.pid} continues where ${first.pid} was killed`);
  tell(
    paint.quiet(
      `It takes over the dead worker's users when their leases of ${times.leaseMs / 1_000} s expire.`,
    ),
  );
  const resumed = await watch.until(second, (seen) => seen.every((user) => user?.usable));
  await watch.settle();
  if (!resumed.every((user) => user?.usable)) return; // verdict() prints the missing users
  screen.say("");
  for (const { call, how, users: names } of settle(inDoubt, resumed)) {
    tell(`${paint.saved("◆")} ${names.length} × ${call.padEnd(13)} ${how}`);
  }
  const onboarded = management();
  tell(
    `${plural(users.length, "user")} for ${plural(onboarded, "management call")}: one each, ${onboarded - users.length} more for the calls in doubt.`,
  );

  await act(4, `Create the Patient from 1upHealth's guide for ${hero} (FHIR DSTU2)`);
  const patient = await createAndRead(lifecycle, hero, signal);
  tell(
    `${paint.good("●")} Patient/${patient.id}`,
    `  ${patientSays}: created and read back in ${(patient.tookMs / 1_000).toFixed(1)} s.`,
  );

  await act(5, "Two hours later, every access token has expired");
  const before = journal.spent();
  sandbox.clock.advance(2 * hourMs);
  const late = await watch.glance();
  await screen.pause(breathMs / 3, signal);
  await watch.until(second, (seen) => seen.every((user) => user?.state === "refreshed"));
  const renewed = await watch.settle();
  if (!renewed.every((user) => user?.usable)) return;
  const after = journal.spent();
  screen.say("");
  tell(
    `${late.filter((user) => user?.state === "expiring").length} expired; ${after.token - before.token} refreshes renewed them, at a cost of ${plural(after.management - before.management, "management call")}.`,
  );

  await act(6, `1upHealth revokes ${hero}'s grant; the next FHIR call recovers it`);
  sandbox.clock.advance(hourMs / 4);
  const revokedFrom = management();
  sandbox.revokeGrant(hero);
  await lifecycle.fhir(hero, "dstu2").read("Patient", patient.id, { signal });
  const saved = await lifecycle.inspect(hero);
  tell(
    `${paint.saved("◆")} ${saved.state} with ${plural(management() - revokedFrom, "management call")}; the Patient was read.`,
    ...lineOfLife(hero, saved.history),
  );
}

/** Prints the totals and the last line. Returns the exit code. */
async function verdict({ sandbox, look }: Stage, screen: Screen): Promise<number> {
  const { journal } = sandbox;
  const { paint } = screen;
  const seen = await look(users);
  const twice = journal.createdTwice();
  const spent = journal.spent();
  const row = (name: string, value: string): string => `     ${name.padEnd(34)}${value}`;
  screen.say(
    "",
    headline(7, "What the sandbox recorded", paint),
    row("users", String(sandbox.users().length)),
    row("created twice", twice.length === 0 ? "0" : paint.bad(twice.join(", "))),
    row(
      "management calls",
      `${spent.management}, at most ${journal.mostInWindow(hourMs)} of ${limit} in any hour`,
    ),
    row("token calls", String(spent.token)),
    row("FHIR calls", String(spent.fhir)),
    "",
  );
  const lost = users.filter((_, index) => seen[index]?.usable !== true);
  for (const user of lost) {
    const status = seen[users.indexOf(user)];
    const why = status?.failure?.why ?? status?.pause?.reason ?? status?.underWay ?? "not started";
    screen.say(paint.bad(`${user} was not onboarded: ${status?.state ?? "unknown"}, ${why}`));
  }
  const good = lost.length === 0 && twice.length === 0 && sandbox.users().length === users.length;
  const line = `${users.length - lost.length} users onboarded, ${lost.length} lost, ${twice.length} created twice, ${spent.management} management calls`;
  screen.say(good ? paint.good(line) : paint.bad(line));
  return good ? 0 : 1;
}

/** Serves the inspector on a free port of this machine; `isOpen`: and opens it. */
function showPage(lifecycle: Lifecycle, isOpen: boolean): Promise<ServedInspector> {
  return serveInspector(createInspector(lifecycle, { maskIds: false }), { port: 0, isOpen });
}

/** Users whose calls in doubt were resolved in the same way. */
export interface Settled {
  readonly call: string;
  readonly how: string;
  readonly users: readonly string[];
}

/** What the event after `IN_DOUBT` means, by the call that was in doubt. */
const meanings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  createUser: {
    CODE_ISSUED: "the user existed: requested a new code only",
    USER_MISSING: "the user did not exist: created now",
  },
  exchangeCode: {
    TOKEN_GRANTED: "the code was still valid: exchanged now",
    CODE_REFUSED: "the code had been used: requested a new one",
  },
  issueAuthCode: { CODE_ISSUED: "the code was lost: requested another one" },
};

/** Groups the resolved users. `before` are their statuses when the process died, `after` their statuses now. */
export function settle(before: readonly UserStatus[], after: readonly (UserStatus | null)[]): Settled[] {
  const groups = new Map<string, { call: string; how: string; users: string[] }>();
  for (const { appUserId, underWay } of before) {
    if (underWay === null) continue;
    const events = (after.find((one) => one?.appUserId === appUserId)?.history ?? []).map(
      ({ event }) => event,
    );
    const next = events[events.lastIndexOf("IN_DOUBT") + 1];
    const how =
      (next !== undefined && meanings[underWay]?.[next]) || `continued with ${next ?? "nothing yet"}`;
    const key = `${underWay} ${how}`;
    const group = groups.get(key) ?? { call: underWay, how, users: [] };
    groups.set(key, group);
    group.users.push(appUserId);
  }
  return [...groups.values()];
}
