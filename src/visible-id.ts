/**
 * Draws an id so that it differs from others to the eye as well: a character that is not seen, or turns what stands
 * beside it, appears as its number. Shared by terminals and pages.
 *
 * @module
 */

/** A part of an id. */
export interface IdPart {
  readonly text: string;
  /** What is drawn for a character that is not seen; `null`: the text is drawn. */
  readonly number: string | null;
}

/**
 * Characters without a shape of their own, and every white space but a single space between two others. A backslash too,
 * where it begins what such a character would be drawn as.
 */
const unseen =
  /((?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]|^ +| +$| {2,}|\\(?=u(?:[\da-fA-F]{4}|\{)))/u;

/** The parts of an id; together, their texts are the id. */
export function idParts(id: string): readonly IdPart[] {
  return id.split(unseen).flatMap((text, index): readonly IdPart[] => {
    if (index % 2 === 1) return Array.from(text, (one) => ({ text: one, number: numberOf(one) }));
    return text === "" ? [] : [{ text, number: null }];
  });
}

/** The id as it is drawn where there is text alone. */
export function visibleId(id: string): string {
  return idParts(id)
    .map(({ text, number }) => number ?? text)
    .join("");
}

/** `\u200b`, `\u{e0100}`. */
export function numberOf(character: string): string {
  const number = (character.codePointAt(0) ?? 0).toString(16);
  return number.length > 4 ? `\\u{${number}}` : `\\u${number.padStart(4, "0")}`;
}
