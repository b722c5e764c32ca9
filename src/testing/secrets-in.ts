/**
 * Looks for secrets in whatever a test holds against the light: logs, errors, answers, pages, copies of a store.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { LifecycleError } from "../errors.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";

/** A secret that is known to the sandbox. */
interface Named {
  /** What it is, and whose. */
  readonly name: string;
  readonly text: string;
}

/** One that is looked for. */
interface Known extends Named {
  /** As what it may stand there: as it is, or within base64 of something longer. */
  readonly forms: readonly string[];
}

/** Where a secret was found: its name, and the text around it without it. */
export interface FoundSecret {
  readonly name: string;
  readonly around: string;
}

/** Held so that a test which forgets to close its own costs no memory. */
const open = new Set<WeakRef<Sandbox>>();

/** From now on the secrets of this sandbox are looked for. The returned function ends that. */
export function lookInto(sandbox: Sandbox): () => void {
  const ref = new WeakRef(sandbox);
  open.add(ref);
  return () => void open.delete(ref);
}

/** The newest first. */
function openOnes(): readonly Sandbox[] {
  const found: Sandbox[] = [];
  for (const ref of open) {
    const sandbox = ref.deref();
    if (sandbox === undefined) open.delete(ref);
    else found.unshift(sandbox);
  }
  return found;
}

/**
 * Every code, token and client secret of `sandbox` (of all test lifecycles that are open, without one) that stands in
 * `value`, as it is or in base64, alone or with something around it: in a text, in bytes wherever they lie, or wherever
 * printing or serialising an object shows it.
 *
 * @throws {LifecycleError} `INVALID_OPTION` for a promise, or if no secret is known: nothing would be found whatever is
 *   there
 */
export function secretsIn(value: unknown, sandbox?: Sandbox): readonly FoundSecret[] {
  if (value instanceof Promise) {
    throw new LifecycleError("INVALID_OPTION", "Cannot look for secrets in a promise: await it first");
  }
  const known = distinct((sandbox === undefined ? openOnes() : [sandbox]).flatMap(secretsOf));
  if (known.length === 0) {
    const rule = "a test lifecycle must be open, or a sandbox be given, whose secrets they are";
    throw new LifecycleError("INVALID_OPTION", `Cannot look for secrets: ${rule}`);
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

/** Each secret once: sandboxes of one seed have the same ones. */
function distinct(secrets: readonly Named[]): readonly Known[] {
  const firsts = new Map<string, Known>();
  for (const { name, text } of secrets)
    if (!firsts.has(text)) firsts.set(text, { name, text, forms: formsOf(text) });
  return [...firsts.values()];
}

/** Shorter pieces of base64 stand in many a text by chance, characters. */
const shortestPiece = 6;

function formsOf(text: string): readonly string[] {
  const whole = Buffer.from(text).toString("base64").replace(/=+$/, "");
  const pieces = [0, 1, 2].map((offset) => pieceAt(offset, text));
  const encoded = [whole, ...pieces.filter((piece) => piece.length >= shortestPiece)];
  const forUrls = encoded.map((form) => form.replaceAll("+", "-").replaceAll("/", "_"));
  return [...new Set([text, ...encoded, ...forUrls])];
}

/** What stands in base64 for a text behind so many bytes, but for the characters that depend on what is around it. */
function pieceAt(offset: number, text: string): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
  const [first, end] = [Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6)];
  return bytes.toString("base64").slice(first, end);
}

/** Codes and tokens, spent or not, and the client secret. */
function secretsOf(sandbox: Sandbox): readonly Named[] {
  const { credentials, grants, users } = sandbox.snapshot();
  const names = new Map(users.map(({ oneupUserId, appUserId }) => [oneupUserId, appUserId]));
  const whose = (what: string, oneupUserId: number): string => `${what} of "${names.get(oneupUserId)}"`;
  return [
    { name: "the client secret", text: credentials.clientSecret },
    ...grants.codes.map(({ code, oneupUserId }) => ({ name: whose("a code", oneupUserId), text: code })),
    ...grants.accessTokens.map(({ token, oneupUserId }) => ({
      name: whose("an access token", oneupUserId),
      text: token,
    })),
    ...grants.refreshTokens.map(({ token, oneupUserId }) => ({
      name: whose("a refresh token", oneupUserId),
      text: token,
    })),
  ];
}

/** All that can be read of a value. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  const whole = {
    depth: Infinity,
    maxArrayLength: Infinity,
    maxStringLength: Infinity,
    breakLength: Infinity,
  };
  const printed = inspect(value, { ...whole, showHidden: true });
  return [printed, serialised(value), ...bytesIn(value)];
}

/** The bytes that lie anywhere in it, as texts: printed they are numbers. */
function bytesIn(value: unknown): readonly string[] {
  const seen = new Set<unknown>();
  const texts: string[] = [];
  const open = [value];
  while (open.length > 0) {
    const each = open.pop();
    if (typeof each !== "object" || each === null || seen.has(each)) continue;
    seen.add(each);
    const bytes = bytesOf(each);
    if (bytes === null) for (const one of within(each)) open.push(one);
    else texts.push(bytes.toString("latin1"));
  }
  return texts;
}

/** Its own bytes alone: a small Buffer lies in a pool with those of others. */
function bytesOf(value: object): Buffer | null {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return value instanceof ArrayBuffer ? Buffer.from(value) : null;
}

/** What an object holds, without a call of its getters. */
function within(value: object): readonly unknown[] {
  const fields = Reflect.ownKeys(value).map(
    (key): unknown => Object.getOwnPropertyDescriptor(value, key)?.value,
  );
  if (value instanceof Map) return [...fields, ...value.keys(), ...value.values()];
  return value instanceof Set ? [...fields, ...value] : fields;
}

function serialised(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return ""; // a circle, or a BigInt: it is printed all the same
  }
}

/** Before and after it, with every secret masked. */
function around(text: string, secret: string, known: readonly Known[]): string {
  const at = text.indexOf(secret);
  const masked = (part: string): string =>
    known
      .flatMap(({ forms }) => forms)
      .reduce((rest, form) => rest.replaceAll(form, "█████"), part)
      .replaceAll(/\s+/g, " ");
  // Masked before it is cut, or half a secret would stand at the edge.
  const [before, after] = [masked(text.slice(0, at)), masked(text.slice(at + secret.length))];
  return `…${before.slice(-30)}█████${after.slice(0, 30)}…`;
}
