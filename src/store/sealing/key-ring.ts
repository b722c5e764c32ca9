/**
 * Wraps and unwraps store keys, with the keys of a ring or through a key service.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { inTime, type Clock } from "../../clock.ts";
import {
  inWords,
  isLifecycleError,
  legible,
  type LifecycleError,
  keyRefused,
  recordDamaged,
} from "../../errors.ts";
import { decrypt, encrypt, nonceBytes } from "./aes-gcm.ts";
import { type Encryption, type KeyProvider, type RingKey, type WrappedKey, ringOf } from "./keys.ts";
import { isBytes } from "../../realms.ts";

/** A stored wrapped key. */
export interface Wrapped {
  /** The id of the key that wrapped it. */
  readonly by: string;
  /** Base64. */
  readonly wrapped: string;
}

/** Wraps and unwraps store keys. */
export interface KeyRing {
  /** Ids of the ring keys held here; empty for a key service. */
  readonly ids: readonly string[];
  /** Wraps with the newest key. */
  wrap(key: Uint8Array, context: string): Promise<Wrapped>;
  /**
   * @throws {LifecycleError} `KEY_REFUSED` if the ring does not have the key, or (retryable) if the service does not
   *   answer; `RECORD_DAMAGED` if the key does not open it
   */
  unwrap(wrapped: Wrapped, context: string): Promise<Uint8Array>;
}

/** Timeout of a call to a key service, ms. */
const answerMs = 10_000;

/** The ring for the option `encryption`. `storeIsNew`: nothing has been sealed yet, so a key may be created. */
export function keyRing(
  encryption: Encryption,
  storeIsNew: boolean,
  clock: Clock,
  warn?: (message: string) => void,
): KeyRing {
  return "wrap" in encryption ? askedRing(encryption, clock) : heldRing(ringOf(encryption, storeIsNew, warn));
}

function heldRing(ring: readonly RingKey[]): KeyRing {
  return {
    ids: ring.map(({ id }) => id),
    wrap: async (key, context) => wrapWith(ring[0] as RingKey, key, context), // ringOf() refuses an empty ring
    async unwrap(wrapped, context) {
      const key = ring.find(({ id }) => id === wrapped.by);
      if (key !== undefined) return unwrapWith(key, wrapped, context);
      const given = ring.map(({ id }) => id).join(", ");
      throw keyRefused(
        `Cannot open the store: it was written with key ${wrapped.by}, and the configured keys are ${given}: add key ${wrapped.by} to them; nothing was changed`,
        { facts: { storeKey: wrapped.by } },
      );
    },
  };
}

function askedRing(provider: KeyProvider, clock: Clock): KeyRing {
  async function unwrap({ by, wrapped }: Wrapped, context: string): Promise<Uint8Array> {
    const bytes = Buffer.from(wrapped, "base64");
    const key = await asked(clock, "unwrap", async () =>
      copied(await provider.unwrap({ by, wrapped: bytes }, context)),
    );
    if (key?.length === 32) return key;
    throw unusable("unwrap", "the key provider must return the 32 bytes that were wrapped");
  }
  return {
    ids: [],
    async wrap(key, context) {
      const answer: unknown = await asked(clock, "wrap", () => provider.wrap(Uint8Array.from(key), context));
      if (!isWrappedKey(answer)) {
        throw unusable("wrap", "the key provider must return { by, wrapped }, a key's name and bytes");
      }
      const kept = { by: answer.by, wrapped: Buffer.from(answer.wrapped).toString("base64") };
      // A wrapped key must not be the only copy until it was unwrapped successfully.
      if (Buffer.compare(await unwrap(kept, context), key) === 0) return kept;
      throw unusable("wrap", "the key provider must unwrap what it wrapped, and it returned another key");
    },
    unwrap,
  };
}

/** A provider may wipe its own bytes, those that it returned and those that it was given. `null`: there are none. */
function copied(key: unknown): Uint8Array | null {
  return isBytes(key) ? Uint8Array.from(key) : null;
}

function isWrappedKey(answer: unknown): answer is WrappedKey {
  if (typeof answer !== "object" || answer === null || !("by" in answer) || !("wrapped" in answer))
    return false;
  return typeof answer.by === "string" && answer.by !== "" && isBytes(answer.wrapped);
}

/** The answer of the key provider, with a time limit. All its failures are retryable. */
async function asked<T>(clock: Clock, verb: "wrap" | "unwrap", ask: () => Promise<T>): Promise<T> {
  try {
    return await inTime(clock, answerMs, ask, () => refused(verb, `did not answer within ${answerMs} ms`));
  } catch (error) {
    // No cause: a client's error may contain the request, and so the store key in clear.
    throw isLifecycleError(error) ? error : refused(verb, `failed (${inWords(legible(error))})`);
  }
}

function refused(verb: string, what: string): LifecycleError {
  return keyRefused(`Cannot ${verb} the store key: the key provider ${what}; nothing was changed`, {
    retryable: true,
  });
}

function unusable(verb: string, rule: string): LifecycleError {
  return keyRefused(`Cannot ${verb} the store key: ${rule}; nothing was changed`);
}

/** Wraps a key, bound to `context`. */
export function wrapWith(by: RingKey, key: Uint8Array, context: string): Wrapped {
  const parts = encrypt(by.bytes, randomBytes(nonceBytes), key, context);
  return { by: by.id, wrapped: Buffer.concat(parts).toString("base64") };
}

/** @throws {LifecycleError} `RECORD_DAMAGED` */
export function unwrapWith(key: RingKey, { by, wrapped }: Wrapped, context: string): Uint8Array {
  try {
    return decrypt(key.bytes, Buffer.from(wrapped, "base64"), context);
  } catch {
    throw recordDamaged(`Cannot open the store: its store key does not open with key ${by}`);
  }
}
