/**
 * Holds the library to its promises, with an eye that sees everything: every call that arrives at 1upHealth, every
 * record that is written, every token that is handed out. It knows nothing of how the library works, only what it
 * promised (P1 … P8 of the README) and what must have happened before a user may take a step.
 */
import type { Committed, Commit, Json, Lease, Limit, Slot, Store, UserStatus } from "oneup-lifecycle";
import type { JournalEntry } from "oneup-lifecycle/sandbox";
import type { Envelope } from "../../src/store/envelope.ts";
import type { Claimed } from "../../src/store/contract.ts";
import type { StoreKeys } from "../../src/runtime/store-keys.ts";
import type { World } from "../../src/sandbox/world.ts";
import { Dossier, freshSteps, isHeldWithCode } from "./dossier.ts";
import { LeavingJudge } from "./leaving-judge.ts";
import type { Life } from "./life.ts";
import { ListJudge } from "./list-judge.ts";
import { OutageJudge } from "./outage-judge.ts";
import { clientSecrets } from "./scenario.ts";
import type { Scenario } from "./scenario.ts";
import { minute } from "./time.ts";
import type { Time } from "./time.ts";
import type { Trace } from "./trace.ts";

/** See the module. */
export class Judge {
  readonly #scenario: Scenario;
  readonly #time: Time;
  readonly #trace: Trace;
  readonly #world: World;
  readonly #dossiers = new Map<string, Dossier>();
  /** The same users by the id that never changes. */
  readonly #byRemote = new Map<number, Dossier>();
  readonly #created = new Set<string>();
  /** Access tokens that stood in the store, and when they end. */
  readonly #saved = new Map<string, number>();
  readonly #arrivals: number[] = [];
  readonly #foreign: { readonly from: number; readonly until: number }[] = [];
  readonly #keys: StoreKeys;
  /** What lists that are brought in may do and cost. */
  readonly lists: ListJudge;
  readonly #outage: OutageJudge;
  /** What may become of users who are let go. */
  readonly leaving: LeavingJudge;
  readonly blamed: string[] = [];

  constructor(scenario: Scenario, time: Time, trace: Trace, world: World, keys: StoreKeys) {
    this.#scenario = scenario;
    this.#time = time;
    this.#trace = trace;
    this.#world = world;
    this.#keys = keys;
    this.lists = new ListJudge(this, time, world);
    this.leaving = new LeavingJudge(this);
    this.#outage = new OutageJudge(this, scenario, time);
  }

  /** The format in which the store is written. */
  get format(): number {
    return this.#keys.view.format;
  }

  /** A promise was broken. */
  blame(what: string): void {
    this.#trace.note("JUDGE", what);
    this.blamed.push(what);
  }

  /** Somebody else spends the account's calls. */
  othersSpend(from: number, until: number): void {
    this.#foreign.push({ from, until });
  }

  of(id: string): Dossier {
    let dossier = this.#dossiers.get(id);
    if (dossier === undefined) this.#dossiers.set(id, (dossier = new Dossier(id)));
    return dossier;
  }

  /** All users, each once. */
  all(): readonly Dossier[] {
    return [...new Set(this.#dossiers.values())];
  }

  /** The application asks for something that costs so many management calls when nothing goes wrong. */
  expects(id: string, calls: number): void {
    this.of(id).base += calls;
  }

  /** A process reconciles: about each who was renamed there it may ask once more, before it moves the record. */
  reconciles(life: Life): void {
    this.lists.reconciles(life);
    for (const dossier of this.all()) if (dossier.wasRenamedThere) dossier.base++;
  }

  /** Something went wrong for a user: it may cost two calls more. */
  suffers(id: string, what: string): void {
    this.of(id).causes.push(what);
  }

  /** A user of whom the application knows its number at 1upHealth. */
  isAtRemote(id: string, oneupUserId: number): void {
    this.#byRemote.set(oneupUserId, this.of(id));
  }

  /** Somebody renames a user at 1upHealth, and tells nobody. */
  renamedThere(from: string, to: string): void {
    if (this.#created.delete(from)) this.#created.add(to);
    const dossier = Object.assign(this.of(from), { wasRenamedThere: true });
    dossier.base++; // a reconcile() under way may ask about it, too
    this.#alsoKnownAs(dossier, to);
  }

  /** Something befell a process: whoever it worked on is in doubt, taken over by others, or not saved. */
  befell(process: string, what: "died" | "stood still" | "could not look at the account"): void {
    for (const { lease, causes } of this.all()) if (lease?.by === process) causes.push(`${process} ${what}`);
    if (what !== "could not look at the account") this.lists.suffer(process);
  }

  /** A call arrived and was carried out or refused. Returns its user, if it has one. */
  arrived(life: Life, entry: JournalEntry): string | undefined {
    const { appUserId, oneupUserId, call, outcome, status, fault } = entry;
    const found = oneupUserId === undefined ? undefined : this.#world.users.byId(oneupUserId)?.appUserId;
    const id = call === "updateUser" || call === "listUsers" ? (found ?? appUserId) : (appUserId ?? found);
    const committed = entry.committed ? "" : " (not carried out)";
    this.#trace.note(life.name, `→ ${call} ${id ?? "?"}: ${status} ${outcome}${committed} ${fault ?? ""}`);
    const management =
      call === "createUser" || call === "issueAuthCode" || call === "listUsers" || call === "updateUser";
    if (management) this.#window(outcome);
    if (management && (outcome === "code" || outcome === "created")) this.#outage.code();
    if (call === "listUsers" && id === undefined) this.lists.page(life, entry);
    if (id === undefined) return undefined;
    const dossier = (oneupUserId === undefined ? undefined : this.#byRemote.get(oneupUserId)) ?? this.of(id);
    if (oneupUserId !== undefined) this.#byRemote.set(oneupUserId, dossier);
    if (call === "updateUser" && entry.committed) this.#alsoKnownAs(dossier, id);
    if (management) dossier.spent++;
    if (fault !== undefined) dossier.causes.push(`${call}: ${fault}`);
    else if (outcome === "rate_limited" || outcome === "unauthorized" || outcome === "invalid_client") {
      dossier.causes.push(`${call}: ${outcome}`);
    }
    this.#refusal(dossier, entry);
    if (call === "fhir.purge") this.leaving.purge(dossier, entry);
    if (call === "createUser") {
      if (this.#created.has(id)) this.blame(`P2: ${id} was created twice`);
      if (entry.committed) this.#created.add(id);
    }
    if (call === "updateUser" && entry.committed && this.#created.delete(dossier.id)) this.#created.add(id);
    if (management && dossier.spent > dossier.base + 2 * dossier.causes.length) {
      this.blame(
        `P6: ${id} cost ${dossier.spent} management calls; ${dossier.base} were due, and went wrong: ${dossier.causes.join("; ") || "nothing"}`,
      );
    }
    return id;
  }

  #refusal({ refusals }: Dossier, { call, outcome, status, fault }: JournalEntry): void {
    if (call === "exchangeCode" && outcome === "invalid_grant") refusals.code++;
    else if (call === "refreshToken" && outcome === "invalid_grant") refusals.grant++;
    else if (fault !== undefined || (typeof status === "number" && status >= 400)) refusals.other++;
  }

  /** Counts a management call in the window that ends now. */
  #window(outcome: string): void {
    const { calls, windowMs } = this.#scenario.limit;
    const { now } = this.#time;
    this.#arrivals.push(now);
    while ((this.#arrivals[0] ?? now) <= now - windowMs) this.#arrivals.shift();
    if (this.#arrivals.length > calls)
      this.blame(`P4: ${this.#arrivals.length} calls within a window of ${calls}`);
    if (outcome === "rate_limited" && !this.#foreign.some(({ from, until }) => now >= from && now <= until)) {
      this.blame("P4: a call was refused although nobody else spends the account's calls");
    }
  }

  /** The store answered a commit. */
  committed(life: Life, commit: Commit, answer: Committed): void {
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
    const live = lease !== null && lease.until > this.#time.now;
    if (keeps ? lease?.id !== commit.lease.id : live && lease.id !== commit.lease.id) {
      this.blame(`P3: ${life.name} wrote ${commit.id} on which ${lease?.by ?? "nobody"} works`);
    }
    if (answer.revision !== dossier.revision + 1) this.blame(`P1: a write of ${commit.id} was lost`);
    if (!life.alive) this.suffers(commit.id, `${life.name} was dead when its write arrived`);
    if (life.stalledUntil > this.#time.now) this.suffers(commit.id, `${life.name} stands still`);
    const holds = commit.mode === "take" || commit.mode === "keep";
    dossier.lastWriteId = commit.writeId;
    dossier.revision = answer.revision;
    dossier.lease = holds ? this.#leaseOf(life, commit.lease) : null;
    dossier.isKnown = true;
    if (dossier.envelope === null) dossier.enteredAt = this.#time.now;
    this.lists.rests(dossier, commit, holds);
    this.#written(life, dossier, commit);
  }

  /** Users were leased to a process. */
  leased(life: Life, claimed: readonly Claimed[], lease: Lease): void {
    for (const { record } of claimed) {
      const dossier = this.of(record.id);
      if (dossier.lease !== null && dossier.lease.until > this.#time.now) {
        this.blame(`P3: ${record.id} was given to ${life.name} while ${dossier.lease.by} works on it`);
      }
      if (record.revision !== dossier.revision) this.blame(`P1: ${record.id} came back at an older revision`);
      dossier.lease = this.#leaseOf(life, lease);
      this.#trace.note(life.name, `takes ${record.id} up`);
    }
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
    return { id, by: life.name, until: this.#time.now + ms };
  }

  /** Looks into what was written: was there a reason for every step, and which tokens are safe now? */
  #written(life: Life, dossier: Dossier, commit: Commit): void {
    const before = dossier.envelope;
    const after = commit.value as unknown as Envelope; // written by the library itself
    dossier.envelope = after;
    const wait = after.pause === null ? "" : `, waits (${after.pause.reason})`;
    this.#trace.note(
      life.name,
      `${commit.id} is ${after.state}${after.intent ? `, ${after.intent.call}` : ""}${wait}`,
    );
    // A code that waits may pass: before a gate or for a place, or because nobody came by for it.
    const held =
      isHeldWithCode(after) && (after.pause === null || (before !== null && isHeldWithCode(before)));
    const late = before !== null && isHeldWithCode(before) && this.#time.now - dossier.writtenAt > minute;
    if (held || late) dossier.causes.push("its code had to wait");
    dossier.writtenAt = this.#time.now;
    for (const [, state, event] of freshSteps(before, after)) {
      this.#step(dossier, state, event);
      if (before !== null) this.lists.step(life, dossier.id, before, event);
    }
    this.leaving.written(dossier, after);
    if (after.sealed === null || after.sealed.text === before?.sealed?.text) return;
    const oneupUserId = (after.context["oneupUserId"] ?? null) as number | null; // written by the library
    const owner = { user: commit.id, oneupUserId };
    const { accessToken, refreshToken } = this.#keys.sealer.open(owner, after.sealed, after.format);
    if (accessToken !== undefined) {
      const expiresAt = Number(after.context["expiresAt"] ?? Infinity);
      this.#saved.set(accessToken.reveal(), expiresAt);
      dossier.ends.add(expiresAt);
    }
    if (accessToken === undefined || refreshToken !== undefined) return;
    dossier.withoutRefreshToken++;
    if (before?.sealed?.fields.includes("refreshToken") ?? false)
      this.blame(`P2: the refresh token of ${commit.id} is gone`);
  }

  /** A slot was taken: people at the screen still find the places that are theirs. */
  async slotTaken(
    { limit, lane }: Pick<Slot, "lane"> & { readonly limit: Limit },
    slots: Store["slots"],
  ): Promise<void> {
    const { kept = 0, calls } = limit;
    if (lane === "interactive") return;
    const { used } = await slots.forecast({ limit, calls: 1, lane });
    if (used.recovery + used.bulk > calls - kept)
      this.blame(`P4: ${lane} took a place that is kept for people`);
  }

  /**
   * The account's record was written: a gate shut for a secret is shut for that one alone, and a list is read on only
   * once everybody of the page before is marked.
   */
  async account(life: Life, value: Json): Promise<void> {
    this.lists.compared(life, value);
    await this.#keys.renew();
    const gates = (value as { gates?: Record<string, { reason: string }> }).gates ?? {}; // written by the library
    const own = clientSecrets.map((secret) => `secret:${this.#keys.sealer.fingerprint(secret)}`);
    for (const [key, { reason }] of Object.entries(gates)) {
      if (reason === "credentials" && !own.includes(key))
        this.blame(`P2: a refused secret shuts "${key}" for everybody`);
    }
  }

  #step(dossier: Dossier, state: string, event: string): void {
    const { refusals, steps, id } = dossier;
    if (event === "GRANT_LOST" && ++steps.grant > refusals.grant + dossier.withoutRefreshToken) {
      this.blame(`P2: the grant of ${id} was given up although 1upHealth did not refuse it`);
    }
    if (event === "CODE_REFUSED" && ++steps.code > refusals.code) {
      this.blame(`P2: a code of ${id} was given up although 1upHealth did not refuse it`);
    }
    this.leaving.step(dossier, event);
    if (state === "failed" && refusals.other === 0) {
      this.blame(`P2: ${id} failed (${event}) although 1upHealth refused it nothing but spent codes`);
    }
  }

  /** A token left the library. */
  handedOut(life: Life, id: string, token: string): void {
    const owner = this.#world.grants.ownerOf("accessToken", token);
    if (owner === undefined || this.#byRemote.get(owner) !== this.of(id))
      this.blame(`P5: ${life.name} handed out a token that is not ${id}'s`);
    const expiresAt = this.#saved.get(token);
    if (expiresAt === undefined)
      this.blame(`P1: ${life.name} handed out a token of ${id} before it was saved`);
    else if (this.#time.now > expiresAt + 4 * minute) {
      this.blame(`P7: ${life.name} handed out a token of ${id} that has expired`);
    }
  }

  /** The library told how a user stands. */
  told(life: Life, status: UserStatus): void {
    this.read(`a status from ${life.name}`, JSON.stringify(status));
    const { envelope, ends } = this.of(status.appUserId);
    if (envelope === null) this.blame(`P1: ${life.name} tells of ${status.appUserId}, who is not stored`);
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
