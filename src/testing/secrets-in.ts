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
interface Known {
  /** What it is, and whose. */
  readonly name: string;
  readonly text: string;
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
 * `value`, as it is or in base64: in a text, in bytes, or wherever printing or serialising an object shows it.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if no secret is known: nothing would be found whatever is there
 */
export function secretsIn(value: unknown, sandbox?: Sandbox): readonly FoundSecret[] {
  const known = distinct((sandbox === undefined ? openOnes() : [sandbox]).flatMap(secretsOf));
  if (known.length === 0) {
    const rule = "a test lifecycle must be open, or a sandbox be given, whose secrets they are";
    throw new LifecycleError("INVALID_OPTION", `Cannot look for secrets: ${rule}`);
  }
  const texts = textsOf(value);
  const found = new Map<string, FoundSecret>();
  for (const { name, text } of known) {
    for (const form of formsOf(text)) {
      const within = texts.find((each) => each.includes(form));
      if (within !== undefined && !found.has(name))
        found.set(name, { name, around: around(within, form, known) });
    }
  }
  return [...found.values()];
}

/** A secret as it is, and as it looks inside base64: there it depends on how many bytes stand before it. */
function formsOf(text: string): readonly string[] {
  const shifted = [0, 1, 2].map((before) => {
    const bits = 8 * Buffer.byteLength(text);
    const encoded = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]).toString("base64");
    // Only signs that hold nothing else: the first and the last may share theirs with what stands beside it.
    return encoded.slice(Math.ceil((8 * before) / 6), Math.floor((8 * before + bits) / 6));
  });
  return [text, ...shifted.filter(({ length }) => length >= shortestForm)];
}

/** What is shorter may stand there by chance. */
const shortestForm = 8;

/** Each secret once: sandboxes of one seed have the same ones. */
function distinct(secrets: readonly Known[]): readonly Known[] {
  const firsts = new Map<string, Known>();
  for (const secret of secrets) if (!firsts.has(secret.text)) firsts.set(secret.text, secret);
  return [...firsts.values()];
}

/** Codes and tokens, spent or not, and the client secret. */
function secretsOf(sandbox: Sandbox): readonly Known[] {
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
  if (value instanceof Uint8Array) return [Buffer.from(value).toString("latin1")];
  const whole = {
    depth: Infinity,
    maxArrayLength: Infinity,
    maxStringLength: Infinity,
    breakLength: Infinity,
  };
  const printed = inspect(value, { ...whole, showHidden: true });
  return [printed, serialised(value)];
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
      .flatMap((each) => formsOf(each.text))
      .reduce((rest, form) => rest.replaceAll(form, "█████"), part)
      .replaceAll(/\s+/g, " ");
  // Masked before it is cut, or half a secret would stand at the edge.
  const [before, after] = [masked(text.slice(0, at)), masked(text.slice(at + secret.length))];
  return `…${before.slice(-30)}█████${after.slice(0, 30)}…`;
}
