/**
 * Recognises user management's messages about one user: "this user already exists", "this user does not exist", and
 * refusals of its id. These errors have no code, so their text must be parsed. What is found there decides whether a
 * user is created a second time, whether it fails for good and whether a purge counts as done. So a message counts only
 * in an answer that may decide, and only if the user is the subject of its sentence: `relation "user" does not exist`, "user service not found" and "database connection already in use" do
 * not count.
 *
 * @module
 */
import { wordsIn } from "../capabilities/declared.ts";
import { mayDecide, passing, remarksOf } from "./answer.ts";
import type { Answer } from "./call.ts";
import { field, isObject } from "./json.ts";

/** See {@link phraseIn}. `unfit`: the id itself is refused ("app_user_id must be a string"). */
export type Phrase = "exists" | "missing" | "unfit";

/** Placeholder for the id in a message; no message contains this character. */
const id = "\u0001";

/** What servers put before the sentence: "Error:", "404 - ", "UserNotFoundException:". */
const prefix = String.raw`(?:(?:error|bad request|not found|conflict|validation error|\d{3}|[a-z]{0,20}user[a-z]{0,20}(?:error|exception)) ?[:.\u2013-] ?){0,3}`;
const adjective = String.raw`(?:(?:the|this|that|a|an|such|requested|specified|given|provided) ){0,3}`;
/** A quoted value, a number, or the requested id. */
const value = String.raw`(?:"[^"]{0,600}"|'[^']{0,600}'|\u0060[^\u0060]{0,600}\u0060|\(?=?\(?(?:${id}|\d{1,16})\)?)`;
const name = String.raw`(?:app|oneup)?[ _]?(?:user)(?:[ _]?(?:id|name))?`;
const user = String.raw`${adjective}${name}(?: (?:with|for|having|of|by|whose))?(?: (?:the|this|that))?(?: (?:${name}|id))?(?: (?:is|=))? ?[:=]? ?${value}?`;
/** After the sentence, nothing that would change its subject. */
const end = String.raw`(?= ?(?:$|[.!,;:(\[]|${value}|(?:in|for|with|by|under|within) (?:(?:this|your|the|that) )?(?:app|client|account|tenant|${name}|id\b)))`;

const isMissing = String.raw`(?:does not exist|does ?n[o'\u2019]?t exist|(?:was |is |could |can)? ?(?:not|n[o'\u2019]t) (?:be )?(?:found|registered|known)|is unknown|has not been (?:found|created))`;
const isThere = String.raw`(?:(?:is|has|was) )?already (?:been )?(?:exists?|existing|registered|in use|taken|used|created)`;

const missing = [
  new RegExp(`^${prefix}${user} ?${isMissing}${end}`),
  new RegExp(`^${prefix}(?:no such|unknown) ${name} ?[:=]? ?${value}?${end}`),
  new RegExp(`^${prefix}no ${user} ?(?:was |could be )?(?:found|exists?)${end}`),
  new RegExp(`^${prefix}(?:could not|cannot|can ?not|can't|unable to) find ${user}${end}`),
];
const exists = [
  new RegExp(`^${prefix}(?:${user} ?)?${isThere}${end}`),
  new RegExp(`^${prefix}${user} ?exists${end}`),
];

/** The parameter in which the id is sent, never the user. A missing parameter was lost on the way: each call has it. */
const parameter = String.raw`${adjective}(?:parameter:? |field:? |value (?:for|of) )?["'\u0060]?(?:app|oneup)?[ _]?user[ _]?id["'\u0060]?(?: ?[:=]? ?${value})?`;
const isUnfit = String.raw`(?:(?:is|was) (?:invalid|malformed|reserved|too (?:long|short|large)|not (?:a )?(?:valid|allowed|permitted|supported|acceptable))${end}|(?:length )?(?:must|may only) (?:not )?(?:be(?! unique)|have|contain|match|start|begin|end|consist|exceed)\b|(?:can ?not|may not|should not) (?:contain|exceed|be (?:longer|empty|null))\b|contains (?:an? )?(?:invalid|illegal|forbidden|unsupported|disallowed)\b)`;

const unfit = [
  new RegExp(`^${prefix}${parameter} ?${isUnfit}`),
  new RegExp(`^${prefix}(?:invalid|malformed|illegal|disallowed) ${parameter}${end}`),
];

/**
 * What the messages of an answer say about the user of the call, if they may decide and are unambiguous. Ignores a
 * success with `success: true`, and a success whose body is not a JSON object.
 *
 * @param asked the `app_user_id` of the call, which is removed from the messages before they are parsed
 */
export function phraseIn(answer: Answer, body: unknown, asked: string): Phrase | undefined {
  const { status } = answer;
  if (!mayDecide(status)) return undefined;
  const isSuccess = status < 300;
  if (isSuccess && (!isObject(body) || field(body, "success") === true)) return undefined;
  const remarks = remarksOf(answer, body).map((remark) => {
    const [message, sought] = [plain(remark), plain(asked.toLowerCase())];
    return documented.test(message) ? message : without(message, sought);
  });
  const matches = (sentences: readonly RegExp[]): boolean =>
    remarks.some((remark) => sentences.some((sentence) => sentence.test(remark)));
  const isUnfitId = matches(unfit) && !remarks.some((remark) => passing.test(remark));
  const found: readonly (Phrase | false)[] = [
    matches(missing) && "missing",
    matches(exists) && "exists",
    isUnfitId && "unfit",
  ];
  const [only, ...others] = found.filter((phrase) => phrase !== false);
  return others.length > 0 ? undefined : only;
}

/** The documented sentences always count, whatever the id is. */
const documented = /^this user (already exists|does not exist)\.?$/;

function plain(words: string): string {
  return words.replace(/\s+/g, " ").trim();
}

/** The message without the requested id, where it stands as a word of its own and is not a word of the phrases. */
function without(remark: string, asked: string): string {
  if (asked === "" || ours.has(asked)) return remark;
  let rest = remark;
  for (let at = rest.indexOf(asked); at >= 0; at = rest.indexOf(asked, at + 1)) {
    const [before, after] = [rest[at - 1] ?? " ", rest[at + asked.length] ?? " "];
    if (inWord.test(before) || inWord.test(after)) continue;
    rest = rest.slice(0, at) + id + rest.slice(at + asked.length);
  }
  return rest;
}

const inWord = /[\p{L}\p{N}_]/u;

/** Ids that are words of the phrases themselves. */
const ours: ReadonlySet<string> = new Set(
  wordsIn(
    "a already app app_user_id does exist exists find for found id in is no not such taken the this unknown use user " +
      "user_id was with",
  ),
);
