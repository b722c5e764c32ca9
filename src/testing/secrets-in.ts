/**
 * Searches any value for secrets: logs, errors, responses, pages, copies of a store.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { isAnyArrayBuffer } from "node:util/types";
import { invalidOption } from "../errors.ts";
import { spellingsOf } from "../runtime/user/spellings-of.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { isPromise } from "../realms.ts";

/** A secret of the sandbox. */
interface Named {
  /** Kind and owner. */
  readonly name: string;
  readonly text: string;
}

/** A secret to search for. */
interface Known extends Named {
  /** The forms it may take: as is, escaped, or inside the base64 of a longer text. */
  readonly forms: readonly string[];
}

/** A secret that was found: its name, and the masked text around it. */
export interface FoundSecret {
  readonly name: string;
  readonly around: string;
}

/** Weak references, so that a test lifecycle that is never closed costs no memory. */
const open = new Set<WeakRef<Sandbox>>();
/** Secrets that `reset()` and `restore()` took from their sandbox, by their texts. */
const taken = new WeakMap<Sandbox, Map<string, Named>>();
/** Secrets of closed test lifecycles, by their texts, the newest last. */
const closed = new Map<string, Named>();
/** How many of those are kept. Lifecycles with the same seed have the same ones. */
const mostClosed = 2_000;

/** Adds the secrets of this sandbox to the default search. The returned function is called when its lifecycle closes. */
export function lookInto(sandbox: Sandbox): () => void {
  const { reset, restore } = sandbox;
  const keep = (): void => {
    const kept = taken.get(sandbox) ?? new Map<string, Named>();
    taken.set(sandbox, kept);
    for (const secret of secretsOf(sandbox)) kept.set(secret.text, secret);
  };
  sandbox.reset = () => (keep(), reset());
  sandbox.restore = (snapshot) => (keep(), restore(snapshot));
  const ref = new WeakRef(sandbox);
  open.add(ref);
  return () => {
    if (!open.delete(ref)) return;
    for (const secret of secretsOf(sandbox)) {
      closed.delete(secret.text);
      closed.set(secret.text, secret);
    }
    for (const oldest of closed.keys()) if (closed.size > mostClosed) closed.delete(oldest);
  };
}

/** The secrets of all test lifecycles: of the open ones, newest first, and of those that were closed. */
function allSecrets(): readonly Named[] {
  const found: Named[][] = [];
  for (const ref of open) {
    const sandbox = ref.deref();
    if (sandbox === undefined) open.delete(ref);
    else found.unshift([...secretsOf(sandbox)]);
  }
  return [...found.flat(), ...closed.values()];
}

/**
 * All codes, tokens and client secrets that `sandbox` (default: all test lifecycles, open or closed) has ever had and that
 * `value` contains, as is, as JSON, printing or a URL escapes them, or in base64, alone or with other text around them: in
 * text, in bytes at any depth, or wherever printing or serialising an object shows them.
 *
 * @throws {LifecycleError} `INVALID_OPTION` for what cannot be looked into, such as a promise or a response with a body,
 *   or if no secret is known, because the search could find nothing
 */
export function secretsIn(value: unknown, sandbox?: Sandbox): readonly FoundSecret[] {
  if (isPromise(value)) {
    throw invalidOption("Cannot look for secrets in a promise: await it first");
  }
  const known = distinct(sandbox === undefined ? allSecrets() : secretsOf(sandbox));
  if (known.length === 0) {
    const rule = "a test lifecycle must have been created, or a sandbox must be given";
    throw invalidOption(`Cannot look for secrets: ${rule}`);
  }
  const texts = textsOf(value);
  const found = new Map<string, FoundSecret>();
  for (const { name, forms } of known) {
    for (const form of forms) {
      const within = texts.find((each) => each.includes(form));
      if (within !== undefined && !found.has(name))
        found.set(name, { name, around: around(within, form, known) });
    }
  }
  return [...found.values()];
}

/** Removes duplicates: sandboxes with the same seed have the same secrets. */
function distinct(secrets: readonly Named[]): readonly Known[] {
  const firsts = new Map<string, Known>();
  for (const { name, text } of secrets)
    if (!firsts.has(text)) firsts.set(text, { name, text, forms: formsOf(text) });
  return [...firsts.values()];
}

/** Minimum length in characters: shorter pieces of base64 occur in many texts by chance. */
const shortestPiece = 6;

function formsOf(text: string): readonly string[] {
  return [...new Set(spellingsOf(text).flatMap((spelling) => [spelling, ...encodingsOf(spelling)]))];
}

function encodingsOf(text: string): readonly string[] {
  const whole = Buffer.from(text).toString("base64").replace(/=+$/, "");
  const pieces = [0, 1, 2].map((offset) => pieceAt(offset, text));
  const encoded = [whole, ...pieces.filter((piece) => piece.length >= shortestPiece)];
  const forUrls = encoded.map((form) => form.replaceAll("+", "-").replaceAll("/", "_"));
  return [...encoded, ...forUrls];
}

/** The base64 of a text at that byte offset, without the characters that depend on its neighbours. */
function pieceAt(offset: number, text: string): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
  const [first, end] = [Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6)];
  return bytes.toString("base64").slice(first, end);
}

/** Codes and tokens, used or not, and the client secrets, also those that were replaced, reset or restored. */
function secretsOf(sandbox: Sandbox): readonly Named[] {
  const { credentials, formerSecrets = [], grants, users } = sandbox.snapshot();
  const names = new Map(users.map(({ oneupUserId, appUserId }) => [oneupUserId, appUserId]));
  const named = (what: string, oneupUserId: number, text: string): Named => ({
    name: `${what} of "${names.get(oneupUserId)}"`,
    text,
  });
  return [
    { name: "the client secret", text: credentials.clientSecret },
    ...formerSecrets.map((text) => ({ name: "a former client secret", text })),
    ...grants.codes.map(({ code, oneupUserId }) => named("a code", oneupUserId, code)),
    ...grants.accessTokens.map(({ token, oneupUserId }) => named("an access token", oneupUserId, token)),
    ...grants.refreshTokens.map(({ token, oneupUserId }) => named("a refresh token", oneupUserId, token)),
    ...(taken.get(sandbox)?.values() ?? []),
  ];
}

/** Everything readable in a value. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  const whole = {
    depth: Infinity,
    maxArrayLength: Infinity,
    maxStringLength: Infinity,
    breakLength: Infinity,
  };
  return [inspect(value, { ...whole, showHidden: true }), jsonOf(value), ...bytesIn(value)];
}

/** As JSON that shows every object once, so that a big integer or a circle hides nothing beside it. */
function jsonOf(value: unknown): string {
  const seen = new Set<unknown>();
  const shown = (_: string, each: unknown): unknown => {
    if (typeof each === "bigint") return String(each);
    if (typeof each !== "object" || each === null) return each;
    return seen.has(each) ? undefined : (seen.add(each), each);
  };
  try {
    return JSON.stringify(value, shown) ?? "";
  } catch {
    return ""; // a getter or a toJSON() of its throws: nothing serialises it
  }
}

/** Byte arrays at any depth, as text: printing would show them as numbers. */
function bytesIn(value: unknown): readonly string[] {
  const seen = new Set<unknown>();
  const texts: string[] = [];
  const open = [value];
  while (open.length > 0) {
    const each = open.pop();
    const isSearched = typeof each === "function" || (typeof each === "object" && each !== null);
    if (!isSearched || seen.has(each)) continue;
    seen.add(each);
    checkReadable(each);
    const bytes = bytesOf(each);
    if (bytes?.subarray(0, gzipStart.length).equals(gzipStart))
      throw invalidOption("Cannot look for secrets in gzipped bytes: decompress them first");
    if (bytes === null) for (const one of within(each)) open.push(one);
    else texts.push(bytes.toString("latin1"));
  }
  return texts;
}

/** The first bytes of whatever gzip compressed. */
const gzipStart = Buffer.from([0x1f, 0x8b, 0x08]);

/** What shows its content only later, by the name that each realm gives it. */
const unreadable = /^\[object (Response|Request|Blob|File|ReadableStream)\]$/;

/** @throws {LifecycleError} `INVALID_OPTION` for a response, a stream and the like, unless it has no body */
function checkReadable(value: object): void {
  const [, name] = unreadable.exec(Object.prototype.toString.call(value)) ?? [];
  if (name === undefined || ("body" in value && value.body === null)) return;
  const first = name === "ReadableStream" ? "read it" : "await its text()";
  throw invalidOption(`Cannot look for secrets in a ${name}: ${first} first`);
}

/** Only its own bytes: small Buffers share a pool with others. */
function bytesOf(value: object): Buffer | null {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isAnyArrayBuffer(value) ? Buffer.from(value) : null;
}

/** The values of an object, without calling its getters. */
function within(value: object): readonly unknown[] {
  const fields = Reflect.ownKeys(value).map(
    (key): unknown => Object.getOwnPropertyDescriptor(value, key)?.value,
  );
  if (value instanceof Map) return [...fields, ...value.keys(), ...value.values()];
  return value instanceof Set || value instanceof FormData ? [...fields, ...value] : fields;
}

/** The text before and after the secret, with every secret masked. */
function around(text: string, secret: string, known: readonly Known[]): string {
  const at = text.indexOf(secret);
  const masked = (part: string): string =>
    known
      .flatMap(({ forms }) => forms)
      .reduce((rest, form) => rest.replaceAll(form, "█████"), part)
      .replaceAll(/\s+/g, " ");
  // Masked before cutting, so that no part of a secret remains at the edge.
  const [before, after] = [masked(text.slice(0, at)), masked(text.slice(at + secret.length))];
  return `…${before.slice(-30)}█████${after.slice(0, 30)}…`;
}
