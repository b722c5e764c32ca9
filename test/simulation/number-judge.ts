/** Judges numbers: nothing is done to a user because of a number that is not confirmed. */
import type { JournalEntry } from "oneup-lifecycle/sandbox";
import type { World } from "../../src/sandbox/state/world.ts";
import type { Envelope } from "../../src/store/envelope.ts";
import { isConfirmed, type Dossier } from "./dossier.ts";
import type { Judge } from "./judge.ts";
import { beginning, hour, type Time } from "./time.ts";

/** Steps that a wrong number costs calls for. */
const dear: ReadonlySet<string> = new Set([
  "REFUSED_WITHOUT_REASON",
  "NUMBER_REFUTED",
  "NUMBER_CORRECTED",
  "USER_MISSING",
]);

/** Answers that end no user before they have lasted for a day. No story has a refusal that is known to be final. */
const untilADay: ReadonlySet<string> = new Set([
  "REFUSED",
  "REFUSED_WITHOUT_REASON",
  "CODE_REFUSED",
  "USER_MISSING",
]);

export class NumberJudge {
  readonly #judge: Pick<Judge, "blame" | "of">;
  readonly #time: Time;
  readonly #byRemote: ReadonlyMap<number, Dossier>;
  /** By number of another user: the user that the application last took for it. */
  readonly #claimants = new Map<number, Dossier>();

  readonly #world: World;
  /** Codes that are worth nothing, and the users that got them. */
  readonly #dead = new Map<string, Dossier>();

  constructor(
    judge: Pick<Judge, "blame" | "of">,
    time: Time,
    byRemote: ReadonlyMap<number, Dossier>,
    world: World,
  ) {
    this.#judge = judge;
    this.#world = world;
    this.#time = time;
    this.#byRemote = byRemote;
  }

  /** The application takes this number, which is another user's, for the number of `id`. */
  isClaimed(id: string, oneupUserId: number): void {
    const dossier = this.#judge.of(id);
    dossier.claim = oneupUserId;
    this.#claimants.set(oneupUserId, dossier);
  }

  /** Is a number wrong in this story? */
  get areWrong(): boolean {
    return this.#claimants.size > 0 || this.#dead.size > 0;
  }

  /** Has nothing confirmed the user's number yet? */
  isOpen(dossier: Dossier | undefined): boolean {
    const envelope = dossier?.envelope ?? null;
    if (envelope === null || dossier?.claim !== null) return false;
    return !isConfirmed(envelope) || typeof envelope.context["oneupUserId"] !== "number";
  }

  /** A code that is worth nothing, for an answer with a number that is not this user's. */
  deadCode(id: string): string {
    const dossier = this.#judge.of(id);
    const code = `dead-${this.#dead.size}`;
    dossier.wasMisnumbered = true;
    this.#dead.set(code, dossier);
    return code;
  }

  /** The user that got this code, which is worth nothing. */
  ownerOfDead(code: string | null): Dossier | undefined {
    return this.#dead.get(code ?? "");
  }

  /** The user that presents a code that is worth nothing, if a call does. It is refused, and that costs. */
  presentsDead(body: string): string | undefined {
    const dossier = this.ownerOfDead(new URLSearchParams(body).get("code"));
    if (dossier === undefined) return undefined;
    dossier.refusals.code++;
    dossier.causes.push("its code was dead");
    return dossier.id;
  }

  /** The user for which the application uses this number, which is another user's. */
  claimantOf(oneupUserId: number | undefined): Dossier | undefined {
    return oneupUserId === undefined ? undefined : this.#claimants.get(oneupUserId);
  }

  /** A call arrived. Returns the user for which it was made if its number is another user's: only a look-up may be made. */
  arrived({ call, oneupUserId }: JournalEntry): Dossier | undefined {
    const claimant = this.claimantOf(oneupUserId);
    if (claimant !== undefined && call !== "listUsers")
      this.#judge.blame(`P5: ${call} for ${claimant.id} was about another user, whose number it claims`);
    return claimant;
  }

  /** A record was written: the number in it is the user's, or the one that the application brought. */
  written(dossier: Dossier, envelope: Envelope): void {
    const number = envelope.context["oneupUserId"] ?? null;
    if (typeof number !== "number" || number === dossier.claim) return;
    if (isConfirmed(envelope)) dossier.confirmed = number;
    // An answer may name a wrong one: it may not be believed before a code or a list confirms it.
    if (dossier.wasMisnumbered && !isConfirmed(envelope)) return;
    const owner = this.#byRemote.get(number);
    if (owner !== undefined && owner !== dossier)
      this.#judge.blame(`P5: ${dossier.id} was given the number of another user`);
  }

  /** A user took a step. */
  step(dossier: Dossier, state: string, event: string): void {
    const { id, claim, causes, refusals, wasMisnumbered, envelope } = dossier;
    if (event === "USER_MISSING" && state === "created" && claim === null) this.#isGone(dossier);
    if (
      wasMisnumbered &&
      event === "REFUSED_WITHOUT_REASON" &&
      state === "reauthorizing" &&
      envelope !== null
    )
      this.#isHeldUp(id, envelope);
    if (claim !== null && dear.has(event)) causes.push("its number is wrong");
    if (event === "NUMBER_CORRECTED" && claim === null && !wasMisnumbered)
      this.#judge.blame(`P5: the number of ${id} was replaced although it was right`);
    if (state !== "failed") return;
    if (untilADay.has(event) && this.#time.now - beginning < 24 * hour)
      this.#judge.blame(`P2: ${id} failed (${event}) although nothing has lasted for a day`);
    if (refusals.other === 0 && claim === null)
      this.#judge.blame(`P2: ${id} failed (${event}) although 1upHealth refused it nothing but spent codes`);
  }
  /** A user is about to be created again: 1upHealth has it no more. */
  #isGone({ id, confirmed }: Dossier): void {
    if (confirmed !== null && this.#world.users.byId(confirmed) !== undefined)
      this.#judge.blame(`P2: ${id} is to be created although 1upHealth has it`);
  }

  /** No number that came with a dead code holds its user up: a look-up shows which is right. */
  #isHeldUp(id: string, { context, pause }: Envelope): void {
    if (pause?.reason === "otherUsers" && context["unconfirmed"] === "answered")
      this.#judge.blame(`P2: ${id} is held up by a number that came with a dead code`);
  }
}
