/**
 * One-time links: each opens one session in one browser.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";

/** Unused links, and open sessions, that are remembered; the oldest are forgotten first. */
const mostKept = 64;

/** How long a link can be used, in minutes: it stays where it was printed. */
export const linkMinutes = 15;

/** The tokens of links and of sessions, each with the name of a person. Only their hashes are kept. */
export class OneTimeLinks {
  /** Another one in each process: cookies of one host are shared by all its ports. */
  readonly cookie: string = `oneup-inspector-${randomBytes(4).toString("hex")}`;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #unused = new Map<string, { readonly who: string; readonly until: number }>();
  readonly #sessions = new Map<string, string>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** A token for a new link for this person. */
  create(who: string): string {
    return kept(this.#unused, { who, until: this.#clock.monotonic() + linkMinutes * 60_000 });
  }

  /** The session that a link opens; `null` if its token was used before, is too old, or is none. */
  use(token: string): string | null {
    const hash = hashOf(token);
    const link = this.#unused.get(hash);
    this.#unused.delete(hash);
    const isValid = link !== undefined && this.#clock.monotonic() < link.until;
    return isValid ? kept(this.#sessions, link.who) : null;
  }

  /**
   * The session that one of the cookies names, by an id that is not its token, and the person for whom its link was made;
   * `null`: none does.
   */
  sessionOf(cookies: string | null): { readonly id: string; readonly who: string } | null {
    for (const one of (cookies ?? "").split(/;\s*/)) {
      if (!one.startsWith(`${this.cookie}=`)) continue;
      const id = hashOf(one.slice(this.cookie.length + 1));
      const who = this.#sessions.get(id);
      if (who !== undefined) return { id, who };
    }
    return null;
  }

  /** Ends all sessions, and voids all links. */
  close(): void {
    this.#unused.clear();
    this.#sessions.clear();
  }
}

function kept<T>(hashes: Map<string, T>, value: T): string {
  const token = randomBytes(32).toString("base64url");
  hashes.set(hashOf(token), value);
  const [oldest] = hashes.keys();
  if (hashes.size > mostKept && oldest !== undefined) hashes.delete(oldest);
  return token;
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
