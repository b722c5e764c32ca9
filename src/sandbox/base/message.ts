/** What comes in and what goes out, free of sockets: both doors (server and fetch) speak it. */

/** Longest request body, in bytes; a longer one is answered with 413. */
export const longestBody: number = 1_048_576;

/** A request that has been read. */
export interface Incoming {
  readonly method: string;
  /** Path without query, as sent. */
  readonly path: string;
  /** Query without the question mark, as sent. */
  readonly query: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Where the caller believes to be, for absolute links. */
  readonly origin: string;
}

/** An answer to send. */
export interface Outgoing {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One value of a header. */
export function header(incoming: Incoming, name: string): string | undefined {
  const value = incoming.headers[name];
  return typeof value === "object" ? value[0] : value;
}

/** A JSON answer. */
export function json(status: number, value: unknown, headers?: Readonly<Record<string, string>>): Outgoing {
  const type = { "content-type": "application/json; charset=utf-8" };
  return {
    status,
    headers: headers === undefined ? type : { ...type, ...headers },
    body: JSON.stringify(value),
  };
}

/** The answer to a body above {@link longestBody}. */
export function tooLarge(): Outgoing {
  return json(413, { message: "Request Too Long" });
}

/** Parameters of a call: names to single values. */
export type Parameters = ReadonlyMap<string, string>;

/**
 * Reads the parameters from the query and from a form or JSON body (which wins); a GET may have a body too.
 * `undefined` when the body is declared as JSON and is none.
 */
export function readParameters(incoming: Incoming): Parameters | undefined {
  const found = new Map<string, string>();
  if (incoming.query !== "") readForm(incoming.query, found);
  if (incoming.body === "") return found;
  const type = header(incoming, "content-type") ?? "";
  if (!type.includes("json")) return readForm(incoming.body, found);
  const value = parseObject(incoming.body);
  if (value === undefined) return undefined;
  for (const [name, one] of Object.entries(value)) {
    if (typeof one === "string" || typeof one === "number") found.set(name, String(one));
  }
  return found;
}

/** Reads a form into `found`; of a repeated name the first counts. */
export function readForm(text: string, found: Map<string, string> = new Map()): Map<string, string> {
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) if (!form.has(name)) form.set(name, value);
  for (const [name, value] of form) found.set(name, value);
  return found;
}

/** Parses a JSON object; `undefined` when it is none. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    // A JSON object that is no array is exactly this.
    return value as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
