/**
 * The verbs in Lua, one script each: Redis runs a script alone, so a verb is one atomic unit and one round trip.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { fieldsOfCommit } from "./fields.ts";
import { changing } from "./lua/changes.ts";
import { writing } from "./lua/notes.ts";
import { names, reading } from "./lua/rows.ts";
import { slots } from "./lua/slots.ts";

/** A script with all that a caller must know of it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
  /** For messages. */
  readonly doing: "read" | "write to";
  /** Once or twice makes no difference: where the answer was lost, it may be sent again. */
  readonly repeatable: boolean;
}

function script(doing: Script["doing"], repeatable: boolean, ...parts: readonly string[]): Script {
  const text = [names, ...parts].join("");
  return { text, sha: createHash("sha1").update(text).digest("hex"), doing, repeatable };
}

/** KEYS[7] and on: rows. Answers the time, and the text of each. */
const load = script(
  "read",
  true,
  reading,
  String.raw`
local keys = { unpack(KEYS, 7) }
local texts, all = textsOf(keys)
for n, key in ipairs(all and {} or keys) do
  if not texts[n] and read(key) == false then texts[n] = '' end -- of a type that is not ours
end
return { json(now), unpack(texts, 1, #keys) }
`,
);

/**
 * KEYS[7] and on: rows, then logs. ARGV: the fields of each row's commit. Answers for each: `committed`, its
 * revision and the slot that it took; `refused` and in how many ms to ask again; `conflict`; `damaged`.
 */
const commit = script(
  "write to",
  true, // its writeId tells
  reading,
  writing,
  slots,
  changing,
  String.raw`
local fields, answers = ${fieldsOfCommit}, {}
local asked = math.floor(#ARGV / fields)
fetch({ unpack(KEYS, 7, 6 + asked) })
for n = 1, asked do
  local commit = commitAt((n - 1) * fields + 1, KEYS[6 + n])
  local row = read(KEYS[6 + n])
  answers[n] = row == false and { 'damaged' } or change(commit, row, commit.id)
end
writeRows()
writeLogs()
return answers
`,
);

/** KEYS[7], [8]: the old row, the new one. ARGV: the fields of the commit, then the old id, what stays under it. Answers as commit. */
const move = script(
  "write to",
  true,
  reading,
  writing,
  slots,
  changing,
  String.raw`
local commit, from, left = commitAt(1, KEYS[8]), ARGV[${fieldsOfCommit + 1}], ARGV[${fieldsOfCommit + 2}]
local source, target = read(KEYS[7]), read(KEYS[8])
if source == false or target == false then return { 'damaged' } end
if target and not target.renamedTo then
  return target.writeId == commit.writeId and committed(target) or { 'conflict' }
end
if not source or source.writeId == commit.writeId then return { 'conflict' } end
local answer = change(commit, source, from)
if answer[1] == 'committed' then texts[KEYS[7]] = left end
writeRows()
writeLogs()
return answer
`,
);

/** ARGV: what is asked. Answers the time, when to ask again, and id, row and slot of each. */
const claim = script(
  "write to",
  false,
  reading,
  writing,
  String.raw`
local ask = cjson.decode(ARGV[1])
local claimed = {}
local entries = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, ask.limit)
for n = 1, #entries, 2 do
  local id = entries[n]
  local row = wholeRow(id)
  if row and claimableAt(row) == tonumber(entries[n + 1]) then
    claimed[#claimed + 1] = { id, leasedTo(id, row, ask.lease), false }
  else
    astray(id, row) -- whoever asks for an id whose row is damaged is told why
  end
end
writeRows()
local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
return { json(now), #first > 0 and json(math.max(0, first[2] - now)), claimed }
`,
);

/** As claim: slot by slot, the lane whose turn it is; its first user. */
const grant = script(
  "write to",
  false,
  reading,
  writing,
  slots,
  String.raw`
local ask = cjson.decode(ARGV[1])
local limit = ask.limit
local taken = used(limit)
local entries, asks, claimed = {}, {}, {}
for _, lane in ipairs(lanes) do
  entries[lane] = ask.max > 0 and redis.call('ZRANGE', queue[lane], 0, ask.max - 1, 'WITHSCORES') or {}
end
local place = { interactive = 1, recovery = 1, bulk = 1 }
while #claimed < ask.max do
  for _, lane in ipairs(lanes) do asks[lane] = place[lane] < #entries[lane] end
  local lane = turn(limit, taken, asks)
  if not lane then break end
  local id, since = entries[lane][place[lane]], tonumber(entries[lane][place[lane] + 1])
  place[lane] = place[lane] + 2
  local row = wholeRow(id)
  if row and waitsIn(row, lane) == since then
    local slot = slotAt(limit, ask.holdMs, lane)
    claimed[#claimed + 1] = { id, leasedTo(id, row, ask.lease), slotText(slot) }
    add(slot, 1)
  else
    astray(id, row) -- costs no slot
  end
end
writeRows()
writeLogs()
local more = waiting()
local waits = more.interactive or more.recovery or more.bulk
local next = waits and freeInMs(limit, taken, more)
return { json(now), next and json(next) or false, claimed } -- nil would end the reply
`,
);

/** ARGV: what is asked. */
const take = script(
  "write to",
  false,
  reading,
  writing,
  slots,
  String.raw`
local slot, ms = freeSlot(cjson.decode(ARGV[1]))
if not slot then return { 'refused', json(ms) } end
add(slot, 1)
writeLogs()
return { 'taken', slotText(slot) }
`,
);

/** ARGV: a slot. */
const settle = script("write to", false, slots, "settle(cjson.decode(ARGV[1]))\nwriteLogs()\n");

/** ARGV: a slot. */
const giveBack = script("write to", false, slots, "giveBack(cjson.decode(ARGV[1]))\nwriteLogs()\n");

/** ARGV: name of a limit. Answers the time, how many wait in each lane, and the log. */
const forecast = script(
  "read",
  true,
  slots,
  String.raw`
local waits = {}
for n, lane in ipairs(lanes) do waits[n] = redis.call('ZCARD', queue[lane]) end
return { json(now), waits, redis.call('HGETALL', logOf(ARGV[1]).key) }
`,
);

/** ARGV: bounds, how many. */
const page = script(
  "read",
  true,
  "return redis.call('ZRANGEBYLEX', states, ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])\n",
);

const count = script("read", true, "return redis.call('HGETALL', counts)\n");

/** KEYS[7]: the account's row. ARGV: expected revision, writeId, the new row. */
const commitAccount = script(
  "write to",
  true,
  reading,
  String.raw`
local row = read(KEYS[7])
if row == false then return { 'damaged' } end
if row and row.writeId == ARGV[2] then return { 'committed' } end
if (row and row.revision or 0) ~= tonumber(ARGV[1]) then return { 'conflict' } end
redis.call('SET', KEYS[7], ARGV[3])
return { 'committed' }
`,
);

/** A script for every verb. */
export const scripts: Readonly<
  Record<
    | "load"
    | "commit"
    | "move"
    | "claim"
    | "grant"
    | "take"
    | "settle"
    | "giveBack"
    | "forecast"
    | "page"
    | "counts"
    | "commitAccount",
    Script
  >
> = {
  load,
  commit,
  move,
  claim,
  grant,
  take,
  settle,
  giveBack,
  forecast,
  page,
  counts: count,
  commitAccount,
};
