/**
 * Codes, tokens and client secrets while they are in memory.
 *
 * @module
 */

/** Makes every object of a class print as `text(object)` under Node and Deno, whatever its fields hold. */
export function printAs<T extends object>(prototype: T, text: (object: T) => string): void {
  for (const inspect of ["nodejs.util.inspect.custom", "Deno.customInspect"]) {
    Object.defineProperty(prototype, Symbol.for(inspect), {
      value(this: T) {
        return text(this);
      },
    });
  }
}

/**
 * A string that does not leak by accident: it prints, inspects and serialises as `[redacted]` and throws when it is
 * interpolated or concatenated. {@link Secret.reveal} is the only way to read it.
 *
 * @example
 * ```ts
 * import { Secret } from "oneup-lifecycle";
 *
 * const secret = new Secret("clientsecretclientsecret");
 * console.log(JSON.stringify({ secret })); // {"secret":"[redacted]"}
 * console.log(secret.reveal().length); // 24
 * ```
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** Returns the string itself. Call it only where the secret is used. */
  reveal(): string {
    // seam: a-secret-is-revealed
    return this.#value;
  }

  toString(): string {
    return "[redacted]";
  }

  toJSON(): string {
    // seam: a-secret-is-redacted
    return "[redacted]";
  }

  [Symbol.toPrimitive](): never {
    throw new TypeError("Cannot turn a secret into text by accident: call reveal() where it is used");
  }
}

printAs(Secret.prototype, () => "[redacted]");
