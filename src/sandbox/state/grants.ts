/** Codes, access tokens and refresh tokens, with their owners and lifetimes. Times are milliseconds since 1970. */

import type { Chance } from "../base/chance.ts";
import type { Settings } from "../options/sandbox-options.ts";

/** A one-time authorization code. */
export interface Code {
  readonly code: string;
  readonly oneupUserId: number;
  readyAt: number;
  readonly expiresAt: number;
  spent: boolean;
  /** Family of the tokens it was exchanged for, once it is used. */
  family?: string;
}

/** An access token. */
export interface AccessToken {
  readonly token: string;
  readonly oneupUserId: number;
  readonly expiresAt: number;
  revoked: boolean;
}

/** A refresh token, with the access tokens that are revoked with it. */
export interface RefreshToken extends Omit<AccessToken, "revoked"> {
  /** Shared by all tokens that derive from one code. */
  readonly family: string;
  accessTokens: string[];
  state: "live" | "spent" | "revoked";
}

/** The token endpoint's result. */
export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** All grants. Part of a snapshot; contains secrets in clear. */
export interface GrantsState {
  readonly codes: readonly Code[];
  readonly accessTokens: readonly AccessToken[];
  readonly refreshTokens: readonly RefreshToken[];
}

/** Issues, exchanges, rotates and revokes grants. */
export class Grants {
  readonly #settings: Settings;
  readonly #chance: Chance;
  readonly #codes = new Map<string, Code>();
  readonly #access = new Map<string, AccessToken>();
  readonly #refresh = new Map<string, RefreshToken>();
  /** Valid refresh tokens by user, so that a revocation needs no scan. */
  readonly #live = new Map<number, Set<RefreshToken>>();

  constructor(settings: Settings, chance: Chance) {
    this.#settings = settings;
    this.#chance = chance;
  }

  /** Issues a code; earlier codes and tokens stay valid. */
  issueCode(oneupUserId: number, now: number): string {
    const { codeReadyMs, codeLifeMs } = this.#settings;
    const code = this.#chance.hex(40);
    const expiresAt = now + codeLifeMs;
    this.#codes.set(code, { code, oneupUserId, readyAt: now + codeReadyMs, expiresAt, spent: false });
    return code;
  }

  /** Delays a code's registration until `readyAt`. */
  holdBack(code: string, readyAt: number): void {
    const found = this.#codes.get(code);
    if (found !== undefined) found.readyAt = Math.max(found.readyAt, readyAt);
  }

  /** Exchanges a code, once. A code that has not registered yet is refused and stays unused. */
  exchange(code: string, now: number): TokenPair | undefined {
    const found = this.#codes.get(code);
    if (found?.family !== undefined && this.#settings.codeReuse === "revokeFamily") {
      this.revoke(found.oneupUserId, found.family);
    }
    if (found === undefined || found.spent || now < found.readyAt || now >= found.expiresAt) return undefined;
    found.spent = true;
    found.family = this.#chance.hex(12);
    return this.#issue(found.oneupUserId, found.family, now);
  }

  /** Refreshes; `undefined` if the token is unknown, expired, used or revoked. */
  refresh(token: string, now: number): TokenPair | undefined {
    const found = this.#refresh.get(token);
    if (found === undefined) return undefined;
    if (found.state === "spent" && this.#settings.reuse === "revokeFamily") {
      this.revoke(found.oneupUserId, found.family);
    }
    if (found.state !== "live" || now >= found.expiresAt) return undefined;
    if (!this.#settings.rotate) {
      found.accessTokens = found.accessTokens.filter((old) => this.userOfAccessToken(old, now) !== undefined);
      const accessToken = this.#issueAccess(found.oneupUserId, now);
      found.accessTokens.push(accessToken);
      return { accessToken, refreshToken: token };
    }
    this.#end(found, "spent", this.#settings.oldAccessToken === "revoked");
    return this.#issue(found.oneupUserId, found.family, now);
  }

  /** Revokes all tokens of a user, or those of one family. Codes stay valid. */
  revoke(oneupUserId: number, family?: string): void {
    for (const token of this.#live.get(oneupUserId) ?? []) {
      if (family === undefined || token.family === family) this.#end(token, "revoked");
    }
  }

  /** The user of a valid access token. */
  userOfAccessToken(token: string, now: number): number | undefined {
    const found = this.#access.get(token);
    return found === undefined || found.revoked || now >= found.expiresAt ? undefined : found.oneupUserId;
  }

  /** The user of a code, access token or refresh token, valid or not. */
  ownerOf(kind: "code" | "accessToken" | "refreshToken", secret: string): number | undefined {
    const from = { code: this.#codes, accessToken: this.#access, refreshToken: this.#refresh }[kind];
    return from.get(secret)?.oneupUserId;
  }

  get state(): GrantsState {
    return structuredClone({
      codes: [...this.#codes.values()],
      accessTokens: [...this.#access.values()],
      refreshTokens: [...this.#refresh.values()],
    });
  }

  set state(state: GrantsState) {
    const { codes, accessTokens, refreshTokens } = structuredClone(state);
    for (const map of [this.#codes, this.#access, this.#refresh, this.#live]) map.clear();
    for (const code of codes) this.#codes.set(code.code, code);
    for (const token of accessTokens) this.#access.set(token.token, token);
    for (const token of refreshTokens) this.#keep(token);
  }

  #issue(oneupUserId: number, family: string, now: number): TokenPair {
    const accessToken = this.#issueAccess(oneupUserId, now);
    const token = this.#chance.hex(40);
    const expiresAt = now + this.#settings.refreshTokenLifeMs;
    this.#keep({ token, oneupUserId, family, expiresAt, accessTokens: [accessToken], state: "live" });
    return { accessToken, refreshToken: token };
  }

  #issueAccess(oneupUserId: number, now: number): string {
    const token = this.#chance.hex(40);
    const expiresAt = now + this.#settings.accessTokenLifeMs;
    this.#access.set(token, { token, oneupUserId, expiresAt, revoked: false });
    return token;
  }

  #keep(token: RefreshToken): void {
    this.#refresh.set(token.token, token);
    if (token.state !== "live") return;
    const live = this.#live.get(token.oneupUserId) ?? new Set();
    this.#live.set(token.oneupUserId, live.add(token));
  }

  #end(token: RefreshToken, state: "spent" | "revoked", withAccess = true): void {
    token.state = state;
    this.#live.get(token.oneupUserId)?.delete(token);
    if (!withAccess) return;
    for (const name of token.accessTokens) {
      const access = this.#access.get(name);
      if (access !== undefined) access.revoked = true;
    }
  }
}
