/** Judges imports: what they may expect of users, what their pages may cost, that they end, and only when they may. */
import type { Commit, ImportSummary, UserState } from "oneup-lifecycle";
import type { JournalEntry } from "oneup-lifecycle/sandbox";
import type { World } from "../../src/sandbox/state/world.ts";
import { isStoppedCall } from "./pause-judge.ts";
import type { Envelope } from "../../src/store/envelope.ts";
import { callOf } from "../../src/runtime/user/step.ts";
import { isLeft, type Dossier } from "./dossier.ts";
import type { Judge } from "./judge.ts";
import type { Life } from "./life.ts";
import type { ListPlan } from "./scenario.ts";
import { minute, type Time } from "./time.ts";

/** With a page of HTML, too. */
const stopping: ReadonlySet<number> = new Set([200, 302, 401, 403, 406, 511]);
/** A call may arrive so long after its process gave it up, ms. */
const longestOnItsWay = 45_000;
/** The states of a user that has a grant. */
const granted: ReadonlySet<string> = new Set(["tokenActive", "expiring", "refreshed", "reauthorized"]);

/** Whether the user had a grant since it was let go last, as far as its history goes back. */
function hadGrant({ history }: Envelope): boolean {
  const start = history.findLastIndex(([, , event]) => event === "ONBOARD" || event === "OFFBOARDED");
  return history.slice(start + 1).some(([, state]) => granted.has(state));
}

export class ListJudge {
  /** Which lists each process brings in. */
  readonly #lists = new Map<Life, Set<ListPlan>>();
  /** Pages of 1upHealth's list that were read, and what went wrong meanwhile. */
  readonly #reading = { pages: 0, causes: 0 };
  /** For each call that imports, its users without a record at its start, and those of them found at 1upHealth since. */
  readonly #missing: { readonly ids: readonly string[]; readonly found: Set<string> }[] = [];
  /** Processes that compare all users with 1upHealth's list, at any cost. */
  readonly #reconciling = new Set<Life>();
  /** When each of them asked about one user last. */
  readonly #asked = new Map<Life, Map<Dossier, number>>();
  /** Processes that had a call stopped, and when each last made one that names no user. */
  readonly #stopped = new Set<Life>();
  readonly #neutralAt = new Map<Life, readonly number[]>();
  /** Processes whose secret was refused. */
  readonly #refused = new Set<Life>();
  /** A user of any process was answered 429: the process that takes it up asks whether it is so for others, too. */
  #wasThrottled = false;
  /** The page to be judged next is that of such a call. */
  #isNeutral = false;
  readonly #judge: Pick<Judge, "all" | "blame" | "of">;
  readonly #time: Time;
  readonly #world: World;

  constructor(judge: Pick<Judge, "all" | "blame" | "of">, time: Time, world: World) {
    this.#judge = judge;
    this.#time = time;
    this.#world = world;
  }

  /** A process begins to bring a list in, or goes on with it. */
  bringsIn(life: Life, plan: ListPlan, ids: readonly string[]): void {
    const lists = this.#lists.get(life) ?? new Set();
    this.#lists.set(life, lists.add(plan));
    const missing = ids.filter((id) => this.#judge.of(id).envelope === null);
    if (plan.expect === undefined && missing.length > 1)
      this.#missing.push({ ids: missing, found: new Set() });
  }

  /**
   * How many pages may have been read by now: each call leaves the list alone once its pages have cost one more than
   * they save (imports have less than fifty users here). A user that another process creates meanwhile counts as saved.
   */
  #allowed(): number {
    let allowed = 0;
    for (const { ids, found } of this.#missing) {
      for (const id of ids) if (this.#world.users.find(id) !== undefined) found.add(id);
      allowed += 1 + found.size;
    }
    return allowed;
  }

  /** A process reads 1upHealth's list because it was asked to. */
  reconciles(life: Life): void {
    this.#reconciling.add(life);
  }

  /** A process that reconciles asks about one user; if its answer is older than ten minutes, it may do so again. */
  asksAbout(life: Life, dossier: Dossier): void {
    if (!this.#reconciling.has(life)) return;
    const asked = this.#asked.get(life) ?? new Map<Dossier, number>();
    if (this.#time.now - (asked.get(dossier) ?? this.#time.now) > 10 * minute) dossier.base++;
    this.#asked.set(life, asked.set(dossier, this.#time.now));
  }

  /** The import reports that all users have arrived; `alone`: no other process has imported that list. */
  broughtIn(life: Life, name: string, summary: ImportSummary, alone: boolean): void {
    const { read, added, present, departed, rejected, left } = summary;
    const came = this.#judge.all().filter(({ envelope }) => envelope?.origin?.name === name).length;
    if (alone && added !== came)
      this.#judge.blame(`P2: ${life.name} reports that it added ${added} of ${came}`);
    if (read !== added + present + departed || rejected > 0 || left > 0)
      this.#judge.blame(
        `P2: ${life.name} miscounts: ${JSON.stringify({ read, added, present, departed, rejected, left })}`,
      );
    for (const dossier of this.#judge.all()) {
      // A failed user needs a person, and one that was offboarded before it arrived is not waited for.
      const isOver = ["failed", "identifying", "offboarding", "offboarded"].includes(
        dossier.envelope?.state ?? "",
      );
      if (isLeft(dossier, name) && !isOver && this.#time.now - dossier.writtenAt > minute)
        this.#judge.blame(`P2: the import of ${name} is done, and ${dossier.id} has not arrived`);
    }
  }

  /** A call of this process was answered with `status`: something on the way may have stopped it, or its secret is refused. */
  heard(life: Life, status: number, isPage: boolean): void {
    if (status === 429) this.#wasThrottled = true;
    if (stopping.has(status) || (isPage && status === 400)) this.#stopped.add(life);
    if (status === 400 || status === 401 || status === 302) this.#refused.add(life);
  }

  /**
   * A page of one user, without an id: it shows whether calls of this process are stopped. One in five minutes, except
   * in an outage; and one about a refused secret, and about another one that has replaced it.
   */
  neutral(life: Life, isOutage: boolean): void {
    const since = this.#time.now - 5 * minute + longestOnItsWay;
    const before = (this.#neutralAt.get(life) ?? []).filter((at) => at > since);
    if (!this.#stopped.has(life) && !this.#wasThrottled && !isOutage)
      this.#judge.blame(`P6: ${life.name} makes a neutral call for nothing`);
    if (before.length >= (this.#refused.has(life) ? 3 : 1) && !isOutage)
      this.#judge.blame(`P6: ${life.name} makes one more neutral call within five minutes`);
    this.#neutralAt.set(life, [...before, this.#time.now]);
    this.#isNeutral = true;
  }

  /**
   * A page of 1upHealth's list may be worth its call as long as the pages before have saved calls, or nearly. True: it is
   * that of a neutral call, which belongs to no user.
   */
  page(life: Life, entry: JournalEntry, isForLookUp: boolean): boolean {
    const isNeutral = this.#isNeutral;
    this.#isNeutral = false;
    if (!isNeutral) this.#read(life, entry, isForLookUp);
    return isNeutral;
  }

  #read(life: Life, { fault, outcome }: JournalEntry, isForLookUp: boolean): void {
    if (isForLookUp || this.#reconciling.has(life)) return;
    const { pages, causes } = this.#reading;
    const allowed = this.#allowed();
    if (allowed === 0 || !this.#lists.has(life))
      return this.#judge.blame(`P6: ${life.name} reads 1upHealth's list for nothing`);
    if (pages >= allowed + causes)
      this.#judge.blame(`P6: page ${pages + 1} of 1upHealth's list, of which ${allowed} could save calls`);
    this.#reading.pages++;
    if (fault !== undefined || outcome !== "listed") this.#reading.causes++;
  }

  /** Does the process read 1upHealth's list, for an import or because it was asked to? */
  isReading(life: Life): boolean {
    return this.#lists.has(life) || this.#reconciling.has(life);
  }

  /** A page of the list was lost on its way. */
  noteLostPage(): void {
    this.#reading.causes++;
  }

  /** A process died or stood still: others may read its page once more. */
  noteInterruption(process: string): void {
    if ([...this.#lists.keys()].some(({ name }) => name === process)) this.#reading.causes++;
  }

  /** Steps that an import or the application takes for a user must leave alone who is under way. */
  step(id: string, before: Envelope, event: string): void {
    if (event === "EXPECT_EXISTING")
      this.#judge.blame(`P6: ${id} is expected at 1upHealth after its first record`);
    if (event !== "ADOPTED") return;
    if (before.intent !== null)
      this.#judge.blame(`P7: ${id} was taken over while its ${before.intent.call} was in doubt`);
    const replaced = ["created", "reauthorizing", "locating"].includes(before.state) && hadGrant(before);
    if (granted.has(before.state) || replaced)
      this.#judge.blame(`P2: the grant of ${id} was replaced by an older one`);
  }

  /** An import stored a user. */
  added(life: Life, id: string, { origin, history }: Envelope): void {
    const plan = [...(this.#lists.get(life) ?? [])].find(({ name }) => name === origin?.name);
    const isListed = history.some(([, , event]) => event === "EXPECT_EXISTING");
    if (plan === undefined || plan.expect !== undefined || !isListed) return;
    if (this.#world.users.find(id) === undefined)
      this.#judge.blame(`P6: ${life.name} expects ${id} at 1upHealth, whose list does not have it`);
  }

  /** An idle user with a call to make must be taken up again, and soon, unless its record has a reason. */
  rests({ id, value, lane, dueInMs }: Commit, isLeased: boolean): void {
    const { state, intent, pause, hold } = value as unknown as Envelope; // written by the library itself
    if (isLeased || lane !== null || callOf(state as UserState) === undefined) return;
    // An operator holds it, and lets it go.
    if (hold !== undefined && intent === null && dueInMs === null && isStoppedCall(state)) return;
    if (dueInMs === null) this.#judge.blame(`P2: no process will ever take ${id} up`);
    const reason = intent !== null || pause !== null || state === "codeIssued" || state === "expiring";
    if (!reason && (dueInMs ?? 0) > 5 * minute) this.#judge.blame(`P2: ${id} is held back for no reason`);
  }
}
