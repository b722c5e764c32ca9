/**
 * The tokens of a list of grants. A token that is listed for two users, for example after a wrong join in an export,
 * would let one of them read and write the record of the other, so neither gets it.
 *
 * @module
 */
import { invalidOption } from "../../errors.ts";
import type { Secret } from "../../secret.ts";
import { hashOf } from "../user/hash-of.ts";

/** The most tokens that are remembered, with about 60 bytes each: those of further rows are compared with these. */
const most = 4_194_304;

/** A row in progress. */
interface EnteredRow {
  /** @throws {LifecycleError} `INVALID_OPTION` if another row has one of its tokens */
  readonly check: () => void;
  readonly end: () => void;
}

/** See the module. It holds hashes, no tokens. */
export class ListedTokens {
  /** The first row of each token, negative once another user's row had it too. */
  readonly #rows = new Map<number, number>();
  /** The hash of the user of each row. */
  readonly #users: number[] = [];
  /** Rows in progress, and the other row that has one of their tokens; 0 = there is none. */
  readonly #inProgress = new Map<number, number>();

  /** Enters a row. End it once it is stored or rejected. */
  enter(number: number, id: string, tokens: readonly Secret[]): EnteredRow {
    const user = hashOf(id);
    this.#inProgress.set(number, 0);
    for (const token of tokens) {
      const hash = hashOf(token.reveal());
      const first = this.#rows.get(hash);
      if (first === undefined) {
        if (this.#rows.size >= most) continue;
        this.#rows.set(hash, number);
        this.#users[number] = user;
      } else if (first < 0 || (first !== number && this.#users[first] !== user)) {
        const other = Math.abs(first);
        this.#rows.set(hash, -other);
        this.#inProgress.set(number, other);
        if (this.#inProgress.has(other)) this.#inProgress.set(other, number);
      }
    }
    return {
      check: () => {
        const other = this.#inProgress.get(number) ?? 0;
        if (other > 0)
          throw invalidOption(
            `Cannot adopt a user: its tokens must be its own, and row ${other}, of another user, has the same token`,
          );
      },
      end: () => {
        this.#inProgress.delete(number);
      },
    };
  }
}
