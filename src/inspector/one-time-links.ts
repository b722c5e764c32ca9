/**
 * One-time links: each opens one session in one browser.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";

/** Unused links, and open sessions, that are remembered; the oldest are forgotten first. */
const mostKept = 64;

/** The tokens of links and of sessions, each with the name of a person. Only their hashes are kept. */
export class OneTimeLinks {
  /** Another one in each process: cookies of one host are shared by all its ports. */
  readonly cookie: string = `oneup-inspector-${randomBytes(4).toString("hex")}`;
  readonly #unused = new Map<string, string>();
  readonly #sessions = new Map<string, string>();

  /** A token for a new link for this person. */
  create(who: string): string {
    return kept(this.#unused, who);
  }

  /** The session that a link opens; `null` if its token was used before, or is none. */
  use(token: string): string | null {
    const hash = hashOf(token);
    const who = this.#unused.get(hash);
    this.#unused.delete(hash);
    return who === undefined ? null : kept(this.#sessions, who);
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

function kept(hashes: Map<string, string>, who: string): string {
  const token = randomBytes(32).toString("base64url");
  hashes.set(hashOf(token), who);
  const [oldest] = hashes.keys();
  if (hashes.size > mostKept && oldest !== undefined) hashes.delete(oldest);
  return token;
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
