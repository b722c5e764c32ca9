/** Holds a fleet to what the README promises. 1upHealth's journal knows. */
import { setTimeout as pause } from "node:timers/promises";
import { isLifecycleError, type Lifecycle, type UserStatus } from "oneup-lifecycle";
import type { Sandbox } from "oneup-lifecycle/sandbox";
import { each } from "../support/child.ts";
import { mostWithin, type Arrival } from "./arrivals.ts";
import type { Deployment } from "./deployment.ts";
import { baseOf, standsStill, times, wordsOf, type Person } from "./people.ts";

/** What the judge looks at. */
export interface Case {
  readonly sandbox: Sandbox;
  readonly lifecycle: Lifecycle;
  readonly crowd: readonly Person[];
  /** The management calls that reached 1upHealth. */
  readonly arrivals: readonly Arrival[];
  readonly limit: { readonly calls: number; readonly windowMs: number };
  /** When disasters struck, on the sandbox's clock. */
  readonly struck: readonly number[];
  readonly workers: readonly { readonly process: Deployment }[];
  /** Everything that was ever a secret. */
  readonly secrets: Set<string>;
}

/** Codes, tokens and the client secret that the sandbox holds now. */
export function secretsOf(sandbox: Sandbox): readonly string[] {
  const { credentials, grants } = sandbox.snapshot();
  return [
    credentials.clientSecret,
    ...grants.codes.map(({ code }) => code),
    ...grants.accessTokens.map(({ token }) => token),
    ...grants.refreshTokens.map(({ token }) => token),
  ];
}

/** What a user's call meets; `null`: it succeeds. What a slow machine delays beyond a time limit is asked for again. */
async function troubleOf(lifecycle: Lifecycle, id: string): Promise<string | null> {
  const end = performance.now() + 60_000;
  for (;;) {
    try {
      await lifecycle.fhir(id, "r4").create({ resourceType: "Basic", code: { text: "here" } });
      return null;
    } catch (error) {
      if (!isLifecycleError(error) || !error.retryable || performance.now() > end) return String(error);
      await pause(500);
    }
  }
}

/** Ends the workers in peace; resolves with what is to be blamed. */
export async function judge(its: Case): Promise<readonly string[]> {
  const { sandbox, lifecycle, crowd, workers, secrets } = its;
  const blamed: string[] = [];
  await each(crowd, 12, async ({ id, newId }) => {
    const current = newId ?? id;
    const trouble = await troubleOf(lifecycle, current);
    if (trouble !== null) blamed.push(`${current} has no token that works: ${trouble}`);
  });
  await Promise.all(workers.map(({ process }) => process.end()));
  for (const secret of secretsOf(sandbox)) secrets.add(secret);

  const seen = new Map<string, UserStatus>();
  for await (const status of lifecycle.users()) {
    if (seen.has(status.appUserId)) blamed.push(`${status.appUserId} stands in the store twice`);
    seen.set(status.appUserId, status);
    if (status.state === "failed")
      blamed.push(`${status.appUserId} failed: ${JSON.stringify(status.failure)}`);
  }
  const expected = crowd.map(({ id, newId }) => newId ?? id).sort();
  const names = (ids: Iterable<string>): string => [...ids].sort().join();
  if (names(seen.keys()) !== expected.join()) blamed.push("the store holds others than were brought in");
  const remote = sandbox.users().map(({ appUserId }) => appUserId);
  if (names(remote) !== expected.join()) blamed.push("1upHealth knows others than were brought in");

  blamed.push(...createdTwice(its), ...beyondLimit(its));

  const said = workers.map(({ process }) => process.said).join("");
  blamed.push(...costs(its, said));
  for (const secret of secrets) if (said.includes(secret)) blamed.push(`a process said a secret: ${secret}`);
  blamed.push(...workers.flatMap(({ process }) => process.troubles));
  return blamed;
}

/** Who was created twice, by creates that all arrived in time: one that does not is sent again before it is carried out. */
function createdTwice({ sandbox, arrivals }: Case): readonly string[] {
  const late = arrivals.filter(({ tookMs }) => tookMs > times.graceMs);
  return sandbox.journal.createdTwice().flatMap((id) => {
    const creates = sandbox.journal
      .entries()
      .filter(({ call, appUserId }) => call === "createUser" && appUserId === id);
    if (creates.some((entry) => late.some(({ at }) => at <= entry.at && entry.at < at + 1_000))) return [];
    return [`created twice: ${id}, ${creates.map(({ at, outcome }) => `${outcome} at ${at}`).join(", ")}`];
  });
}

/**
 * What was sent beyond the limit. It is kept for the calls that arrive in time: one that was under way for longer than the
 * grace counts in no window, and what 1upHealth refused because of it is not blamed.
 */
export function beyondLimit({
  sandbox,
  limit: { calls, windowMs },
  arrivals,
}: Pick<Case, "sandbox" | "limit" | "arrivals">): readonly string[] {
  const { journal } = sandbox;
  const late = arrivals.filter(({ tookMs }) => tookMs > times.graceMs);
  const inTime = arrivals.filter(({ tookMs }) => tookMs <= times.graceMs).map(({ at }) => at);
  const most = late.length === 0 ? journal.mostInWindow(windowMs) : mostWithin(inTime, windowMs);
  const refused = journal
    .entries()
    .filter(({ status }) => status === 429)
    .filter((entry) => !late.some(({ at }) => at > entry.at - windowMs && at <= entry.at));
  return [
    ...(most > calls ? [`${most} calls within a window of ${calls}`] : []),
    ...(refused.length > 0 ? [`${refused.length} calls were refused with 429`] : []),
  ];
}

const management = new Set<string>(["createUser", "issueAuthCode", "listUsers", "updateUser"]);

/** Each user costs what it should, and two calls more at most for each answer that failed and each disaster before. */
function costs({ sandbox, crowd, struck }: Case, said: string): readonly string[] {
  const entries = sandbox.journal.entries();
  return crowd.flatMap((person) => {
    const { id, newId } = person;
    const remote = sandbox.users().find(({ appUserId }) => appUserId === (newId ?? id));
    const own = entries.filter(
      ({ appUserId, oneupUserId }) =>
        appUserId === id ||
        appUserId === newId ||
        (oneupUserId !== undefined && oneupUserId === remote?.oneupUserId),
    );
    const calls = own.filter(({ call }) => management.has(call));
    const asked = (what: "rename" | "reauthorize"): number =>
      said.split(`${wordsOf(what, person)}\n`).length - 1;
    const due = baseOf(person) + asked("rename") + asked("reauthorize");
    const failed = own.filter(({ fault, status }) => fault !== undefined || status === 429).length;
    const last = own.at(-1)?.at ?? 0;
    // A silenced line, or a shut gate, tells much later; a process that stood still says so when it goes on.
    const hit = struck.filter((at) => at < last).length + said.split(standsStill).length - 1;
    if (calls.length <= due + 2 * (failed + hit)) return [];
    const story = calls.map(({ call, outcome }) => `${call} ${outcome}`).join(", ");
    return [
      `${id} cost ${calls.length} calls; ${due} were due, ${failed} failed, ${hit} disasters: ${story}`,
    ];
  });
}
