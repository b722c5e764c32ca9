/**
 * Dispatchers of undici that cannot carry the calls, as far as they can be told. undici exports no sign of either kind,
 * and names of classes change in a bundle; what remains are the descriptions of its symbols, which undici 6 to 8 share.
 *
 * @module
 */

/** What a dispatcher must be that is not, and what it is; `undefined`: no objection is known. */
export function unfitDispatcher(
  dispatcher: object,
): { readonly must: string; readonly got: string } | undefined {
  const names = new Set<string | undefined>();
  for (let at: object | null = dispatcher; at !== null; at = Object.getPrototypeOf(at) as object | null)
    for (const symbol of Object.getOwnPropertySymbols(at)) {
      const isUnset = symbol.description === "url" && Reflect.get(dispatcher, symbol) === undefined; // a RetryAgent's
      if (!isUnset) names.add(symbol.description);
    }
  if (oneOrigin.some((name) => names.has(name)))
    return {
      must: "one that sends each call to the origin of the call, such as an Agent",
      got: "a Client or Pool, which sends all of them, with their secrets, to its own",
    };
  if (formerInterface.some((name) => names.has(name)))
    return {
      must: "one of undici 7 or later",
      got: "one of undici 6 (getGlobalDispatcher() can be that of Node's own fetch)",
    };
  return undefined;
}

/** A client, a pool, a balanced pool. They ignore the `origin` of a call. */
const oneOrigin = ["url", "kGreatestCommonDivisor"];

/** undici 6 takes no handler with the methods of undici 7. */
const formerInterface = ["dispatch interceptors", "Intercepted Dispatch"];
