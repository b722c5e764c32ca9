/**
 * The identifiers of a resource, by which the answer to a write shows whether it is about the resource that was sent.
 *
 * @module
 */
import { field } from "../http/json.ts";
import { own, type Sendable } from "./checks.ts";

/** An identifier that has a value. */
export interface Identifier {
  readonly system: unknown;
  readonly value: string;
}

/** Each identifier that has a value. */
export function identifiersIn(resource: Sendable): readonly Identifier[] {
  const given = own(resource, "identifier");
  if (given === undefined) return none;
  const found: Identifier[] = [];
  for (const one of Array.isArray(given) ? given : [given]) {
    const value = field(one, "value");
    if (typeof value === "string") found.push({ system: field(one, "system") ?? "", value });
  }
  return found;
}

const none: readonly Identifier[] = [];

/** An identifier as a text. */
export function textOf({ system, value }: Identifier): string {
  return JSON.stringify([system, value]);
}

/** Whether a resource has another value in the place of an identifier that was sent: one of the same system. */
export function replacesIdentifier(resource: Sendable, sent: readonly Identifier[]): boolean {
  if (sent.length === 0) return false; // such as each read
  const received = identifiersIn(resource);
  if (areSame(received, sent)) return false;
  const lacking = (some: readonly Identifier[], others: readonly Identifier[]): readonly unknown[] => {
    const known = new Set(others.map(textOf));
    return some.flatMap((one) => (known.has(textOf(one)) ? [] : [one.system]));
  };
  const added = new Set(lacking(received, sent));
  return lacking(sent, received).some((system) => added.has(system));
}

/** Whether both have the same identifiers in one order, as an answer and what was sent nearly always do. */
function areSame(some: readonly Identifier[], others: readonly Identifier[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ system, value }, at) => value === others[at]?.value && system === others[at]?.system)
  );
}
