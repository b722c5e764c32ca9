/**
 * Lines of a text that arrives in pieces. `node:readline` is not for data: in newer releases of Node it also ends a line at
 * U+2028, which may stand in JSON and in an id.
 *
 * @module
 */

/**
 * The lines, each of which ends with a line feed. Returns what follows the last one. `check` may refuse the part of a line
 * that is there, before it grows any longer.
 */
export async function* linesIn(
  pieces: AsyncIterable<unknown>,
  check: (part: string) => void = () => {},
): AsyncGenerator<string, string, undefined> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let rest = "";
  for await (const piece of pieces) {
    const text = piece instanceof Uint8Array ? decoder.decode(piece, { stream: true }) : String(piece);
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
    check(rest);
  }
  return rest + decoder.decode();
}
