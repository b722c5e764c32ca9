/**
 * Holds the library to its promises, with an eye that sees everything: every call that arrives at 1upHealth, every
 * record that is written, every token that is handed out. It knows nothing of how the library works, only what it
 * promised (P1 … P8 of the README) and what must have happened before a user may take a step.
 */
import type { Committed, Commit, Json, Lease, UserStatus } from "oneup-lifecycle";
import type { JournalEntry } from "oneup-lifecycle/sandbox";
import type { Envelope } from "../../src/store/envelope.ts";
import type { Claimed } from "../../src/store/contract.ts";
import type { StoreKeys } from "../../src/runtime/account/store-keys.ts";
import type { World } from "../../src/sandbox/state/world.ts";
import { BlockJudge } from "./block-judge.ts";
import { CauseJudge } from "./cause-judge.ts";
import { countRefusal, Dossier, freshSteps, isHeldWithCode } from "./dossier.ts";
import { EventJudge } from "./event-judge.ts";
import { failing, isManagement } from "./faults.ts";
import { ForgetJudge } from "./forget-judge.ts";
import { GrantJudge } from "./grant-judge.ts";
import { LeavingJudge } from "./leaving-judge.ts";
import type { Life } from "./life.ts";
import { LimitJudge } from "./limit-judge.ts";
import { ListJudge } from "./list-judge.ts";
import { LookUpJudge } from "./look-up-judge.ts";
import { NumberJudge } from "./number-judge.ts";
import { PauseJudge } from "./pause-judge.ts";
import { OutageJudge } from "./outage-judge.ts";
import { RenameJudge } from "./rename-judge.ts";
import type { Scenario } from "./scenario.ts";
import { minute, type Time } from "./time.ts";
import type { Trace } from "./trace.ts";

export class Judge {
  readonly #time: Time;
  readonly #trace: Trace;
  readonly #world: World;
  readonly #dossiers = new Map<string, Dossier>();
  /** The same users by the id that never changes. */
  readonly #byRemote = new Map<number, Dossier>();
  readonly #created = new Set<string>();
  readonly #keys: StoreKeys;
  /** What imports may do and cost. */
  readonly lists: ListJudge;
  readonly #outage: OutageJudge;
  readonly #causes: CauseJudge;
  readonly #renames: RenameJudge;
  /** What may come of calls that are blocked before they reach 1upHealth. */
  readonly blocks: BlockJudge;
  /** What look-ups of one user may cost. */
  readonly lookUps: LookUpJudge;
  /** To which user a grant belongs, and how it is used. */
  readonly grants: GrantJudge;
  readonly limits: LimitJudge;
  readonly forgets = new ForgetJudge(this);
  readonly leaving: LeavingJudge;
  readonly events: EventJudge;
  readonly numbers: NumberJudge;
  readonly pauses: PauseJudge = new PauseJudge(this, () => this.#time.now);
  readonly blamed: string[] = [];

  constructor(scenario: Scenario, time: Time, trace: Trace, world: World, keys: StoreKeys) {
    this.#time = time;
    this.#trace = trace;
    this.#world = world;
    this.#keys = keys;
    this.lists = new ListJudge(this, time, world);
    this.blocks = new BlockJudge(this, scenario, time);
    this.limits = new LimitJudge(this, scenario, time);
    this.leaving = new LeavingJudge(this, world);
    this.events = new EventJudge(this, keys.sealer);
    this.numbers = new NumberJudge(this, time, this.#byRemote, world);
    this.#causes = new CauseJudge(this, scenario);
    this.#outage = new OutageJudge(this, scenario, time);
    this.#renames = new RenameJudge(this, world);
    this.lookUps = new LookUpJudge(this, time, world);
    this.grants = new GrantJudge(this, time, world, this.#byRemote);
  }

  /** The format in which the store is written. */
  get format(): number {
    return this.#keys.view.format;
  }

  /** Raises it, as the release after the next one will when it opens a store. */
  async raiseFormat(format: number): Promise<void> {
    await this.#keys.change((record) => (record.format >= format ? null : { ...record, format }));
  }

  /** A promise was broken. */
  blame(what: string): void {
    this.#trace.note("JUDGE", what);
    this.blamed.push(what);
  }

  of(id: string): Dossier {
    let dossier = this.#dossiers.get(id) ?? this.lookUps.soughtAs(id);
    if (dossier === undefined) this.#dossiers.set(id, (dossier = new Dossier(id)));
    return dossier;
  }

  /** All users, each once. */
  all(): readonly Dossier[] {
    return [...new Set(this.#dossiers.values())].filter((dossier) => !this.forgets.isGone(dossier));
  }

  /** The application asks for something that costs so many management calls when nothing goes wrong. */
  expects(id: string, calls: number): void {
    this.of(id).base += calls;
  }

  /** A process reconciles: about each who was renamed there it may ask once more, before it moves the record. */
  reconciles(life: Life): void {
    this.lists.reconciles(life);
    this.limits.silences.reconciles();
    for (const dossier of this.all()) if (dossier.wasRenamedThere) dossier.base++;
  }

  /** Something went wrong for a user: it may cost two calls more. */
  noteCause(id: string, what: string): void {
    this.of(id).causes.push(what);
  }

  /** The application knows the user's number at 1upHealth. */
  isAtRemote(id: string, oneupUserId: number): void {
    this.#byRemote.set(oneupUserId, this.of(id));
  }

  /** A user is renamed at 1upHealth, and the application does not know. */
  renamedThere(from: string, to: string): void {
    if (this.#created.delete(from)) this.#created.add(to);
    const dossier = Object.assign(this.of(from), { wasRenamedThere: true });
    dossier.base++; // a reconcile() under way may ask about it, too
    this.#alsoKnownAs(dossier, to);
  }

  /** A process was interrupted: each user that it ran is in doubt, taken over by others, or not saved. */
  noteInterruption(process: string, what: "died" | "stood still" | "could not look at the account"): void {
    const its = this.all().filter(({ lease }) => lease?.by === process);
    for (const { causes } of its) causes.push(`${process} ${what}`);
    this.#outage.interrupted(its);
    if (what !== "could not look at the account") this.lists.noteInterruption(process);
  }

  /** A call arrived and was carried out or refused. Returns its user, if it has one. */
  arrived(life: Life, entry: JournalEntry): string | undefined {
    const { appUserId, oneupUserId, call, outcome, status, fault } = entry;
    const claimant = this.numbers.arrived(entry);
    const found =
      oneupUserId === undefined
        ? undefined
        : (claimant?.id ?? this.#world.users.byId(oneupUserId)?.appUserId);
    const id = call === "updateUser" || call === "listUsers" ? (found ?? appUserId) : (appUserId ?? found);
    const committed = entry.committed ? "" : " (not carried out)";
    this.#trace.note(life.name, `→ ${call} ${id ?? "?"}: ${status} ${outcome}${committed} ${fault ?? ""}`);
    const management = isManagement(call);
    if (management) this.limits.arrived(outcome, status);
    if (id === undefined) return call === "listUsers" ? this.#page(life, entry) : undefined;
    const remote = oneupUserId === undefined ? undefined : this.#byRemote.get(oneupUserId);
    const dossier = claimant ?? remote ?? this.of(id);
    if (oneupUserId !== undefined && claimant === undefined) this.#byRemote.set(oneupUserId, dossier);
    if (call === "updateUser" && entry.committed) this.#alsoKnownAs(dossier, id);
    if (management) this.blocks.renewals.arrived(dossier.id);
    if (management) dossier.spent++;
    if (call === "listUsers") this.lists.asksAbout(life, dossier);
    if (fault !== undefined) dossier.causes.push(`${call}: ${fault}`);
    else if (failing.has(outcome)) dossier.causes.push(`${call}: ${outcome}`);
    countRefusal(dossier, entry);
    this.grants.arrived(dossier, entry);
    if (call === "fhir.purge") this.leaving.purge(dossier, entry);
    if (call === "createUser") {
      if (this.#created.has(id)) this.blame(`P2: ${id} was created twice`);
      if (entry.committed) this.#created.add(id);
    }
    if (call === "updateUser" && entry.committed && this.#created.delete(dossier.id)) this.#created.add(id);
    if (management) this.#cost(dossier);
    return id;
  }

  #cost({ id, spent, base, causes }: Dossier): void {
    if (spent > base + 2 * causes.length)
      this.blame(
        `P6: ${id} cost ${spent} management calls; ${base} were due, and went wrong: ${causes.join("; ") || "nothing"}`,
      );
  }

  /** A page of the list. Only where it can be of one look-up alone is it held against that user. */
  #page(life: Life, entry: JournalEntry): string | undefined {
    const lookUps = this.lookUps.of(life);
    const isNeutral = this.lists.page(life, entry, lookUps.length > 0 || this.lookUps.mayBeUnderWay(life));
    const failed = entry.fault ?? (failing.has(entry.outcome) ? entry.outcome : undefined);
    if (failed !== undefined) for (const { causes } of lookUps) causes.push(`listUsers: ${failed}`);
    const [only, ...others] = lookUps;
    if (only === undefined || others.length > 0 || isNeutral || this.lists.isReading(life)) return only?.id;
    only.spent++;
    this.#cost(only);
    return only.id;
  }

  /** The store answered a commit. */
  committed(life: Life, commit: Commit, answer: Committed, from?: string): void {
    const dossier = this.of(commit.id);
    if (answer.type !== "committed") {
      if (answer.type === "conflict" && dossier.lastWriteId === commit.writeId) {
        this.blame(`P1: the write of ${commit.id} that was repeated is called a conflict`);
      }
      return;
    }
    if (dossier.lastWriteId === commit.writeId) return; // repeated, and acknowledged again
    const { lease } = dossier;
    const keeps = commit.mode === "keep" || commit.mode === "end";
    const live = lease !== null && lease.until > this.#time.serverNow;
    if (keeps ? lease?.id !== commit.lease.id : live && lease.id !== commit.lease.id) {
      this.blame(`P3: ${life.name} wrote ${commit.id}, which is leased to ${lease?.by ?? "no process"}`);
    }
    const isReborn = dossier.revision === 0 && this.forgets.isReborn(dossier); // its mark had a revision
    const next = dossier.revision === 0 ? (commit.firstRevision ?? 1) : dossier.revision + 1;
    if (answer.revision !== next && !isReborn) this.blame(`P1: a write of ${commit.id} was lost`);
    if (!life.alive) this.noteCause(commit.id, `${life.name} was dead when its write arrived`);
    if (life.stalledUntil > this.#time.now) this.noteCause(commit.id, `${life.name} stands still`);
    const holds = commit.mode === "take" || commit.mode === "keep";
    dossier.lastWriteId = commit.writeId;
    dossier.revision = answer.revision;
    dossier.lease = holds ? this.#leaseOf(life, commit.lease) : null;
    dossier.isKnown = true;
    this.lists.rests(commit, holds);
    this.#written(life, dossier, commit, from);
  }

  /** Users were leased to a process. */
  leased(life: Life, claimed: readonly Claimed[], lease: Lease): void {
    for (const { record } of claimed) {
      const dossier = this.of(record.id);
      if (dossier.lease !== null && dossier.lease.until > this.#time.serverNow) {
        this.blame(`P3: ${record.id} was given to ${life.name} while ${dossier.lease.by} works on it`);
      }
      if (record.revision !== dossier.revision) this.blame(`P1: ${record.id} came back at an older revision`);
      dossier.lease = this.#leaseOf(life, lease);
      this.#trace.note(life.name, `takes ${record.id} up`);
    }
  }

  /** A user was forgotten: from now on it is another one. Returns all its ids. */
  forget(id: string): readonly string[] {
    const dossier = this.of(id);
    const ids = [...this.#dossiers].flatMap(([each, its]) => (its === dossier ? [each] : []));
    for (const each of ids) {
      this.#dossiers.delete(each);
      this.#created.delete(each);
    }
    for (const [number, its] of this.#byRemote) if (its === dossier) this.#byRemote.delete(number);
    this.lookUps.forget(dossier);
    return ids;
  }

  /** A record has another id now. */
  moved(from: string, to: string): void {
    const dossier = this.of(from);
    const there = this.#dossiers.get(to);
    if (there !== dossier && there?.envelope) this.blame(`P2: ${to} was overwritten by ${from}`);
    this.#alsoKnownAs(dossier, to);
    dossier.id = to;
  }

  #alsoKnownAs(dossier: Dossier, name: string): void {
    const there = this.#dossiers.get(name);
    if (there === dossier) return;
    if (there !== undefined) {
      dossier.causes.push(...there.causes); // noted when a write under that name went wrong
      dossier.spent += there.spent;
    }
    this.#dossiers.set(name, dossier);
  }

  #leaseOf(life: Life, { id, ms }: Lease): NonNullable<Dossier["lease"]> {
    return { id, by: life.name, until: this.#time.serverNow + ms };
  }

  /** Looks into what was written: was there a reason for every step, and which tokens are safe now? */
  #written(life: Life, dossier: Dossier, commit: Commit, from?: string): void {
    const before = dossier.envelope;
    const after = commit.value as unknown as Envelope; // written by the library itself
    dossier.envelope = after;
    const wait = after.pause === null ? "" : `, waits (${after.pause.reason})`;
    this.#trace.note(
      life.name,
      `${commit.id} is ${after.state}${after.intent ? `, ${after.intent.call}` : ""}${wait}`,
    );
    // A code that waits may pass: before a gate or for a place, or because no process took it up.
    const held =
      isHeldWithCode(after) && (after.pause === null || (before !== null && isHeldWithCode(before)));
    const late = before !== null && isHeldWithCode(before) && this.#time.now - dossier.writtenAt > minute;
    if (held || late) dossier.causes.push("its code had to wait");
    dossier.writtenAt = this.#time.now;
    const steps = freshSteps(before, after);
    this.events.written(commit, commit.expectedRevision + 1, steps, from); // an event has no other revision
    for (const [at, state, event] of steps) {
      this.#step(dossier, state, event, at, before?.state ?? null);
      this.#renames.step(dossier, state, event, before);
      if (before !== null) this.lists.step(dossier.id, before, event);
    }
    if (before === null) this.lists.added(life, dossier.id, after);
    this.#outage.written(before, after);
    this.#causes.written(dossier, before, after);
    this.leaving.written(dossier, before, after);
    this.numbers.written(dossier, after);
    this.pauses.written(dossier, before, after);
    this.lookUps.written(life, dossier, before, after);
    if (after.sealed === null || after.sealed.text === before?.sealed?.text) return;
    const oneupUserId = (after.context["oneupUserId"] ?? null) as number | null; // written by the library
    const owner = { user: commit.id, oneupUserId };
    const secrets = this.#keys.sealer.open(owner, after.sealed, after.format);
    this.grants.saved(dossier, secrets, before, after);
  }

  /** The account's record was written: a gate shut for a secret is shut for that one alone. */
  async account(value: Json): Promise<void> {
    await this.#keys.renew();
    this.limits.account(value);
    this.pauses.account(value);
    this.blocks.account(value, (secret) => this.#keys.sealer.fingerprint(secret));
  }

  #step(dossier: Dossier, state: string, event: string, at: number, before: string | null): void {
    const { refusals, steps, id } = dossier;
    if (event === "GRANT_LOST" && ++steps.grant > refusals.grant + dossier.withoutRefreshToken) {
      this.blame(`P2: the grant of ${id} was given up although 1upHealth did not refuse it`);
    }
    if (event === "CODE_REFUSED" && ++steps.code > refusals.code) {
      this.blame(`P2: a code of ${id} was given up although 1upHealth did not refuse it`);
    }
    this.leaving.step(dossier, state, event, before);
    this.grants.step(dossier, state, event, at);
    this.numbers.step(dossier, state, event);
  }

  /** The library returned a user's status. */
  told(life: Life, status: UserStatus): void {
    this.read(`a status from ${life.name}`, JSON.stringify(status));
    const { envelope, ends } = this.of(status.appUserId);
    if (envelope === null) this.blame(`P1: ${life.name} returns ${status.appUserId}, which is not stored`);
    if (status.usable && !ends.has(status.expiresAt?.getTime() ?? NaN)) {
      this.blame(`P1: ${life.name} calls ${status.appUserId} usable, and no such token of it was stored`);
    }
  }

  /** Nothing that people may read holds a secret. */
  read(what: string, text: string): void {
    if (text.includes(this.#world.credentials.clientSecret))
      this.blame(`P5: ${what} holds the client secret`);
    for (const [word] of text.matchAll(/[0-9a-f]{40}/g)) {
      for (const kind of ["code", "accessToken", "refreshToken"] as const) {
        if (this.#world.grants.ownerOf(kind, word) !== undefined)
          this.blame(`P5: ${what} holds a secret (${kind})`);
      }
    }
  }
}
