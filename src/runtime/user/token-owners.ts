/**
 * The users for whom this process has lately received tokens. A response of the token endpoint names no user. A server,
 * cache or proxy that answers twice on one connection therefore hands the tokens of one user to another, and the next
 * responses may be those of the calls before them.
 *
 * @module
 */
import type { Call } from "../../http/call.ts";
import { anotherUser, isAboutAnother } from "../../http/user-management.ts";
import type { CallOutcome } from "./call-outcome.ts";
import { hashOf } from "./hash-of.ts";
import type { User } from "./user.ts";

/** At least that many tokens are remembered: a repeated response follows soon. */
const fewest = 4_096;

/** The tokens may be those of another user, because a response was while its call was under way. */
const mixedUp: CallOutcome = { type: "inDoubt", why: "mixed_up" };

/** See the module. It holds hashes, no tokens. */
export class TokenOwners {
  /** Hashes of users by those of their tokens: the latest … */
  #owners = new Map<number, number>();
  /** … and those before them. To delete the oldest one by one would leave gaps that each look at the first one passes. */
  #earlier: ReadonlyMap<number, number> = new Map();
  readonly #isOneHost: boolean;
  readonly #onMixUp: () => void;
  #mixUps = 0;

  /**
   * `onMixUp`: a response was about another user than its call.
   *
   * @param isOneHost user management has the host of the token endpoint, and so its connections
   */
  constructor(isOneHost: boolean, onMixUp: () => void) {
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

  #checked({ id, secrets }: User, outcome: CallOutcome, before: number): CallOutcome {
    if (outcome.type !== "tokens" && outcome.type !== "authorized") return outcome;
    const { accessToken, refreshToken } = outcome.tokens;
    const owner = hashOf(id);
    const mayBeKept = [secrets.accessToken, secrets.refreshToken].map((own) => own?.reveal()); // from before a rename
    const tokens = [accessToken, refreshToken]
      .map((token) => token?.reveal() ?? "")
      .filter((token) => token !== "")
      .map((token) => ({ hash: hashOf(token), isKept: mayBeKept.includes(token) }));
    const isAnothers = tokens.some(({ hash, isKept }) => !isKept && (this.#ownerOf(hash) ?? owner) !== owner);
    // seam: a-token-belongs-to-one-user
    if (isAnothers) return anotherUser;
    // seam: what-comes-beside-a-mix-up-is-in-doubt
    if (this.#mixUps !== before) return mixedUp;
    for (const { hash } of tokens) this.#remember(hash, owner);
    return outcome;
  }

  #ownerOf(token: number): number | undefined {
    return this.#owners.get(token) ?? this.#earlier.get(token);
  }

  #remember(token: number, owner: number): void {
    if (this.#owners.size >= fewest) {
      this.#earlier = this.#owners;
      this.#owners = new Map();
    }
    this.#owners.set(token, owner);
  }
}
