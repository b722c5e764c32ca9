/** Judges grants: to which user they belong, and how often a secret that works once is presented. */
import type { JournalEntry } from "oneup-lifecycle/sandbox";
import type { World } from "../../src/sandbox/state/world.ts";
import type { Secrets } from "../../src/store/sealing/sealer.ts";
import type { Envelope } from "../../src/store/envelope.ts";
import type { Dossier } from "./dossier.ts";
import type { Judge } from "./judge.ts";
import type { Life } from "./life.ts";
import { hour, minute, type Time } from "./time.ts";

/** What a call to the token endpoint presents. */
const presenting = /(?:^|&)(?:code|refresh_token)=([^&]+)/;

export class GrantJudge {
  readonly #judge: Pick<Judge, "blame" | "of">;
  readonly #time: Time;
  readonly #world: World;
  /** The same users by the id that never changes. */
  readonly #byRemote: ReadonlyMap<number, Dossier>;
  /** Access tokens that stood in the store, and when they end. */
  readonly #saved = new Map<string, number>();
  /** Secrets on their way to the token endpoint, by the process that sent them. */
  readonly #underWay = new Map<Life, string[]>();

  constructor(judge: Pick<Judge, "blame" | "of">, time: Time, world: World, byRemote: GrantJudge["users"]) {
    this.#judge = judge;
    this.#time = time;
    this.#world = world;
    this.#byRemote = byRemote;
  }

  /** Users by the id that never changes. */
  get users(): ReadonlyMap<number, Dossier> {
    return this.#byRemote;
  }

  /** A call leaves. A server may end all that came of a secret that it sees twice: none may cross its own repetition. */
  leaves(life: Life, path: string, body: string): void {
    const secret = path.endsWith("/oauth2/token") ? presenting.exec(body)?.[1] : undefined;
    if (secret === undefined) return;
    const underWay = this.#underWay.get(life) ?? [];
    // A process that stood still before its call left may have lost its user in between, and taken it up again.
    if (underWay.includes(secret) && !life.hasStalled)
      this.#judge.blame(`P2: ${life.name} presents a secret again while its first call may still arrive`);
    this.#underWay.set(life, [...underWay, secret]);
  }

  /** A call has arrived, or is lost for good. */
  isOver(life: Life, path: string, body: string): void {
    const secret = path.endsWith("/oauth2/token") ? presenting.exec(body)?.[1] : undefined;
    const underWay = this.#underWay.get(life) ?? [];
    const at = secret === undefined ? -1 : underWay.indexOf(secret);
    if (at >= 0) this.#underWay.set(life, underWay.toSpliced(at, 1));
  }

  /** A user's secrets were written. Those of another user would open that one's data. */
  saved(dossier: Dossier, secrets: Secrets, before: Envelope | null, after: Envelope): void {
    const expiresAt = Number(after.context["expiresAt"] ?? Infinity);
    const { accessToken, refreshToken } = secrets;
    if (accessToken !== undefined && refreshToken === undefined) {
      dossier.withoutRefreshToken++;
      if (before?.sealed?.fields.includes("refreshToken") ?? false)
        this.#judge.blame(`P2: the refresh token of ${dossier.id} is gone`);
    }
    for (const kind of ["code", "accessToken", "refreshToken"] as const) {
      const secret = secrets[kind];
      const owner = secret && this.#world.grants.ownerOf(kind, secret.reveal());
      if (owner !== undefined && this.#byRemote.get(owner) !== dossier)
        this.#judge.blame(`P5: ${dossier.id} was given a ${kind} of another user`);
    }
    if (accessToken === undefined) return;
    this.#saved.set(accessToken.reveal(), expiresAt);
    dossier.ends.add(expiresAt);
  }

  /**
   * A user took a step: a token that 1upHealth refuses is given up at once three times in a minute at most. A process
   * whose clock is ahead takes the tokens of another for older than they are.
   */
  step({ id, rejections, refusedSince }: Dossier, state: string, event: string, at: number): void {
    if (event !== "TOKEN_REJECTED") return;
    // A process whose clock is days wrong shortens a day by six hours.
    if (state === "reauthorizing" && this.#time.now - (refusedSince ?? Infinity) < 17 * hour)
      this.#judge.blame(
        `P2: the grant of ${id} was given up although FHIR has not refused its tokens for a day`,
      );
    rejections.push({ when: this.#time.now, at });
    while ((rejections[0]?.when ?? Infinity) <= this.#time.now - minute) rejections.shift();
    const times = rejections.filter((one) => one.at > at - minute).length;
    if (times > 3) this.#judge.blame(`P6: ${times} tokens of ${id} were given up within a minute`);
  }

  /** A call arrived: FHIR accepts the user's token, or refuses it. */
  arrived(dossier: Dossier, { call, status }: JournalEntry): void {
    if (!call.startsWith("fhir.") || typeof status !== "number") return;
    if (status === 401) dossier.refusedSince ??= this.#time.now;
    else if (status < 300) dossier.refusedSince = null;
  }

  /** A token left the library. */
  handedOut(life: Life, id: string, token: string): void {
    const owner = this.#world.grants.ownerOf("accessToken", token);
    if (owner === undefined || this.#byRemote.get(owner) !== this.#judge.of(id))
      this.#judge.blame(`P5: ${life.name} handed out a token that is not ${id}'s`);
    const expiresAt = this.#saved.get(token);
    if (expiresAt === undefined)
      this.#judge.blame(`P1: ${life.name} handed out a token of ${id} before it was saved`);
    // Where the clock is a day behind, the token is good until tomorrow.
    else if (this.#time.now > expiresAt + 4 * minute && !life.isDaysOff()) {
      this.#judge.blame(`P7: ${life.name} handed out a token of ${id} that has expired`);
    }
  }
}
