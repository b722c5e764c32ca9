/**
 * A cache of what is costly to compute.
 *
 * @module
 */

/** What is known under this name, or is made for it now. Once `most` are known, all are forgotten. */
export function cached<Value>(
  known: Map<string, Value>,
  most: number,
  name: string,
  make: () => Value,
): Value {
  let value = known.get(name);
  if (value === undefined) {
    value = make();
    if (known.size >= most) known.clear();
    known.set(name, value);
  }
  return value;
}
