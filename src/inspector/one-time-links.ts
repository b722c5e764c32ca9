/**
 * One-time links: each opens one session in one browser.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";

/** Unused links, and open sessions, that are remembered; the oldest are forgotten first. */
const mostKept = 64;

/** The tokens of links and of sessions. Only their hashes are kept. */
export class OneTimeLinks {
  /** Another one in each process: cookies of one host are shared by all its ports. */
  readonly cookie: string = `oneup-inspector-${randomBytes(4).toString("hex")}`;
  readonly #unused = new Set<string>();
  readonly #sessions = new Set<string>();

  /** A token for a new link. */
  create(): string {
    return kept(this.#unused);
  }

  /** The session that a link opens; `null` if its token was used before, or is none. */
  use(token: string): string | null {
    return this.#unused.delete(hashOf(token)) ? kept(this.#sessions) : null;
  }

  /** Whether one of the cookies is that of a session. */
  isOpen(cookies: string | null): boolean {
    const named = (cookies ?? "").split(/;\s*/).filter((one) => one.startsWith(`${this.cookie}=`));
    return named.some((one) => this.#sessions.has(hashOf(one.slice(this.cookie.length + 1))));
  }

  /** Ends all sessions, and voids all links. */
  close(): void {
    this.#unused.clear();
    this.#sessions.clear();
  }
}

function kept(hashes: Set<string>): string {
  const token = randomBytes(32).toString("base64url");
  hashes.add(hashOf(token));
  const [oldest] = hashes;
  if (hashes.size > mostKept && oldest !== undefined) hashes.delete(oldest);
  return token;
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
