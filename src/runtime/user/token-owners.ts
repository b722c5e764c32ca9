/**
 * The users whose tokens this process has lately received, or was given by the application. A response of the token
 * endpoint names no user. A server, cache or proxy that answers twice on one connection therefore hands the tokens of one
 * user to another, and the next responses may be those of the calls before them. A list of grants may also list one
 * user's token for another.
 *
 * @module
 */
import type { Call } from "../../http/call.ts";
import type { Secret } from "../../secret.ts";
import { anotherUser, isAboutAnother } from "../../http/user-management.ts";
import type { CallOutcome } from "./call-outcome.ts";
import { hashOf } from "./hash-of.ts";
import { Latest } from "./latest.ts";
import { nameOf, type Naming } from "./tombstone.ts";
import type { User } from "./user.ts";

/** At least that many tokens are remembered: a repeated response follows soon. */
const fewest = 4_096;

/** The tokens may be those of another user, because a response was while its call was under way. */
const mixedUp: CallOutcome = { type: "inDoubt", why: "mixed_up" };

/** The tokens of one user, from the check of whose they are until they are stored. */
export interface Claim {
  /** The other user that had one of them last; `null`: there is none. */
  readonly formerOwner: string | null;
  /** They are stored: they are this user's. */
  keep(): void;
  end(): void;
}

/** A user, when its token was received or presented. */
interface Owner {
  readonly id: string;
  /** What tells it from the user that has this id once it was renamed; `null`: its record does not tell. */
  readonly begun: number | null;
  readonly oneupUserId: number | null;
}

/** See the module. It holds hashes of tokens, no tokens. */
export class TokenOwners {
  /** Users by the hashes of their tokens. */
  readonly #received = new Latest<Owner>(fewest);
  /** Apart from those, which a list of grants would otherwise displace. */
  readonly #presented = new Latest<Owner>(fewest);
  readonly #claimed = new Map<number, { readonly id: string; times: number }>();
  readonly #naming: Naming;
  readonly #isOneHost: boolean;
  readonly #onMixUp: () => void;
  #mixUps = 0;

  /**
   * `onMixUp`: a response was about another user than its call.
   *
   * @param isOneHost user management has the host of the token endpoint, and so its connections
   */
  constructor(naming: Naming, isOneHost: boolean, onMixUp: () => void) {
    this.#naming = naming;
    this.#isOneHost = isOneHost;
    this.#onMixUp = onMixUp;
  }

  /** How many responses of the token endpoint's host were about another user than their call. */
  get mixUps(): number {
    return this.#mixUps;
  }

  /**
   * The outcome of a call for this user, or a doubt in place of tokens that may be those of another one. `before`:
   * {@link mixUps} when the call was sent.
   */
  checked(user: User, { endpoint }: Call, outcome: CallOutcome, before: number): CallOutcome {
    const found = this.#checked(user, outcome, before);
    if (isAboutAnother(found)) {
      if (endpoint === "token" || this.#isOneHost) this.#mixUps++;
      // seam: connections-that-mix-up-answers-are-left
      this.#onMixUp();
    }
    return found;
  }

  /**
   * Claims tokens that the application presents for this user; `null`: one of them is being stored for another user.
   * End the claim.
   */
  claim(user: User, tokens: readonly Secret[]): Claim | null {
    const { id } = user;
    const hashes = tokens.map((token) => hashOf(token.reveal()));
    if (hashes.some((hash) => (this.#claimed.get(hash)?.id ?? id) !== id)) return null;
    const claims = hashes.map((hash) => [hash, this.#claimed.get(hash) ?? { id, times: 0 }] as const);
    for (const [hash, claim] of claims) {
      claim.times++;
      this.#claimed.set(hash, claim);
    }
    return {
      formerOwner: hashes.map((hash) => this.#ownerOf(hash)?.id ?? id).find((owner) => owner !== id) ?? null,
      keep: () => {
        for (const hash of hashes) this.#presented.set(hash, ownerAs(user));
      },
      end: () => {
        for (const [hash, claim] of claims) if (--claim.times === 0) this.#claimed.delete(hash);
      },
    };
  }

  #checked(user: User, outcome: CallOutcome, before: number): CallOutcome {
    const { secrets } = user;
    if (outcome.type !== "tokens" && outcome.type !== "authorized") return outcome;
    const { accessToken, refreshToken } = outcome.tokens;
    const mayBeKept = [secrets.accessToken, secrets.refreshToken].map((own) => own?.reveal()); // from before a rename
    const tokens = [accessToken, refreshToken]
      .map((token) => token?.reveal() ?? "")
      .filter((token) => token !== "")
      .map((token) => ({ hash: hashOf(token), isKept: mayBeKept.includes(token) }));
    const isAnothers = tokens.some(({ hash, isKept }) => !isKept && this.#isAnothers(user, hash));
    // seam: a-token-belongs-to-one-user
    if (isAnothers) return anotherUser;
    // seam: what-comes-beside-a-mix-up-is-in-doubt
    if (this.#mixUps !== before) return mixedUp;
    for (const { hash } of tokens) this.#received.set(hash, ownerAs(user));
    return outcome;
  }

  /**
   * Whether another user had the token last. It may be this one, under the id that it had before a rename, and another
   * user may have had this one's id.
   */
  #isAnothers(user: User, token: number): boolean {
    const owner = this.#ownerOf(token);
    if (owner === undefined) return false;
    const { id, begun, oneupUserId } = ownerAs(user);
    if (owner.id === id) {
      // Its record may have been made anew, but it keeps its number.
      const isOther = (one: number | null, other: number | null): boolean =>
        one !== null && other !== null && one !== other;
      return isOther(owner.begun, begun) && isOther(owner.oneupUserId, oneupUserId);
    }
    if (begun === null || owner.begun !== begun || owner.oneupUserId !== oneupUserId) return true;
    const name = nameOf(this.#naming, owner.id);
    return !user.former.some((one) => nameOf(this.#naming, one) === name);
  }

  /** The latest user that is known to have had the token. */
  #ownerOf(token: number): Owner | undefined {
    return this.#received.get(token) ?? this.#presented.get(token);
  }
}

/** The user as the owner of a token. */
function ownerAs({ id, begun, position }: User): Owner {
  return { id, begun, oneupUserId: position.context.oneupUserId };
}
