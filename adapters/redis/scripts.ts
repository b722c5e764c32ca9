/**
 * The verbs in Lua, one script each. Redis runs a script alone, so a verb is one atomic unit and one round trip.
 *
 * @module
 */
import { correctedAtOnce, soonMs } from "../../src/store/server-time.ts";
import { fieldsOfCommit } from "./fields.ts";
import { changing } from "./lua/changes.ts";
import { appending } from "./lua/events.ts";
import { writing } from "./lua/notes.ts";
import { expectingRevision, lost, reading } from "./lua/rows.ts";
import { slots } from "./lua/slots.ts";
import { script, type Script } from "./script.ts";

/** KEYS[7..]: rows. Returns the server's time and the text of each row. */
export const load: Script = script(
  "read",
  true,
  reading,
  String.raw`
local keys = { unpack(KEYS, 7) }
local texts, all = textsOf(keys)
for n, key in ipairs(all and {} or keys) do
  if not texts[n] and read(key) == false then texts[n] = '' end -- of another type
end
return { json(now), unpack(texts, 1, #keys) }
`,
);

/**
 * KEYS[7..]: rows, then logs. ARGV: the fields of each row's commit, then what the caller knows about the server's
 * time if one takes a slot. Returns `unsure` and the server's time, or for each: `committed`, its revision and the slot that it took; `refused` and in how many ms to ask
 * again; `conflict`; `damaged`.
 */
export const commit: Script = script(
  "write to",
  true, // idempotent by its writeId
  lost,
  reading,
  writing,
  slots,
  appending,
  changing,
  String.raw`
local fields, answers = ${fieldsOfCommit}, {}
local asked = math.floor(#ARGV / fields)
if not knows(ARGV[asked * fields + 1]) then return unsure end
fetch({ unpack(KEYS, 7, 6 + asked) })
for n = 1, asked do
  local commit = commitAt((n - 1) * fields + 1, KEYS[6 + n])
  local row = read(KEYS[6 + n])
  answers[n] = row == false and { 'damaged' } or change(commit, row, commit.id)
end
writeRows()
writeLogs()
writeEvents()
return answers
`,
);

/**
 * KEYS[7], KEYS[8]: the old row, the new row. ARGV: the fields of the commit, then the old id, the tombstone that stays
 * under it, and what the caller knows about the server's time. Returns the same as commit.
 */
export const move: Script = script(
  "write to",
  true,
  lost,
  reading,
  writing,
  slots,
  appending,
  changing,
  String.raw`
local commit, from, left = commitAt(1, KEYS[8]), ARGV[${fieldsOfCommit + 1}], ARGV[${fieldsOfCommit + 2}]
if not knows(ARGV[${fieldsOfCommit + 3}]) then return unsure end
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
writeEvents()
return answer
`,
);

/**
 * KEYS[7..]: rows. ARGV: their ids, then further ids; a row is deleted if it is a tombstone that points to one of all
 * these ids.
 */
export const erase: Script = script(
  "write to",
  true,
  lost,
  reading,
  String.raw`
local targets = {}
for n = 1, #ARGV - 1 do targets[ARGV[n]] = true end
for n = 7, #KEYS do
  local row = read(KEYS[n])
  if row and row.renamedTo and targets[row.renamedTo] then redis.call('DEL', KEYS[n]) end
end
`,
);

/** ARGV: the request. Returns the server's time, when to ask again, and id, row and slot of each claimed row. */
export const claim: Script = script(
  "write to",
  false,
  lost,
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
    astray(id, row) -- a direct request for a damaged row reports the damage
  end
end
writeRows()
local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
return { json(now), #first > 0 and json(math.max(0, first[2] - now)), claimed }
`,
);

/**
 * Corrects rows after the server's clock was set back, see `server-time.ts`. ARGV: the range of times, and by how much to
 * shift them. Returns the server's time and, if there may be more rows, how far it got. A lease that may have been written
 * by the current clock is left to expire.
 */
export const correctRows: Script = script(
  "write to",
  false,
  reading,
  writing,
  String.raw`
local ask = cjson.decode(ARGV[1])
local start = math.max(ask.start, now + ${soonMs})
local entries = redis.call('ZRANGEBYSCORE', due, json(start), json(ask.stop), 'WITHSCORES', 'LIMIT', 0, ${correctedAtOnce})
for n = 1, #entries, 2 do
  local id, at = entries[n], tonumber(entries[n + 1])
  local row = wholeRow(id)
  local leased = row and row.lease ~= null and at <= now + longestLeaseMs
  if row and claimableAt(row) == at and not leased then moveBy(id, row, ask.byMs) end
end
writeRows()
return { json(now), #entries == ${2 * correctedAtOnce} and entries[#entries] or false }
`,
);

/** Like claim, but slot by slot: the lane whose turn it is, and its first user. */
export const grant: Script = script(
  "write to",
  false,
  lost,
  reading,
  writing,
  slots,
  String.raw`
local ask = cjson.decode(ARGV[1])
if not knows(ARGV[2]) then return unsure end
local limit = ask.limit
local first = served(limit, waiting())
if not (first.interactive or first.recovery or first.bulk) then return { json(now), false, {} } end
local taken = used(limit)
local entries, asks, claimed = {}, {}, {}
for _, lane in ipairs(lanes) do
  entries[lane] = first[lane] and ask.max > 0 and redis.call('ZRANGE', queue[lane], 0, ask.max - 1, 'WITHSCORES') or {}
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
    astray(id, row) -- uses no slot
  end
end
writeRows()
writeLogs()
local more = served(limit, waiting())
local waits = more.interactive or more.recovery or more.bulk
local next = waits and freeInMs(limit, taken, more)
return { json(now), next and json(next) or false, claimed } -- nil would end the reply
`,
);

/** ARGV: the request, and what the caller knows about the server's time. */
export const take: Script = script(
  "write to",
  false,
  lost,
  reading,
  writing,
  slots,
  String.raw`
if not knows(ARGV[2]) then return unsure end
local slot, ms = freeSlot(cjson.decode(ARGV[1]))
if not slot then return { 'refused', json(ms) } end
add(slot, 1)
writeLogs()
return { 'taken', slotText(slot) }
`,
);

/** ARGV: a slot. */
export const settle: Script = script(
  "write to",
  false,
  slots,
  "settle(cjson.decode(ARGV[1]))\nwriteLogs()\n",
);

/** ARGV: a slot. */
export const giveBack: Script = script(
  "write to",
  false,
  slots,
  "giveBack(cjson.decode(ARGV[1]))\nwriteLogs()\n",
);

/** ARGV: the name of a limit. Returns the server's time, the number of waiting users per lane, the log, and the time of the first user per lane. */
export const forecast: Script = script(
  "read",
  true,
  slots,
  String.raw`
local waits, since = {}, {}
for n, lane in ipairs(lanes) do
  waits[n] = redis.call('ZCARD', queue[lane])
  since[n] = redis.call('ZRANGE', queue[lane], 0, 0, 'WITHSCORES')[2] or ''
end
return { json(now), waits, redis.call('HGETALL', logOf(ARGV[1]).key), since }
`,
);

/** ARGV: the id after which a page begins, limit, and the state, if only one is asked for. Returns a page of each state. */
export const page: Script = script(
  "read",
  true,
  String.raw`
local ids = {}
for _, state in ipairs(ARGV[3] and { ARGV[3] } or redis.call('HKEYS', counts)) do
  local first, last = '(' .. state .. '\0' .. ARGV[1], '(' .. state .. '\1'
  for _, member in ipairs(redis.call('ZRANGEBYLEX', states, first, last, 'LIMIT', 0, ARGV[2])) do
    ids[#ids + 1] = member:sub(#state + 2)
  end
end
return ids
`,
);

export const counts: Script = script("read", true, "return redis.call('HGETALL', counts)\n");

/** Returns for each state its name, the number of records, and of those that are stale now. */
export const tally: Script = script(
  "read",
  true,
  String.raw`
local all, tallies = redis.call('HGETALL', counts), {}
for n = 1, #all, 2 do
  tallies[#tallies + 1] = { all[n], all[n + 1], redis.call('ZCOUNT', staleOf(all[n]), '-inf', now) }
end
return tallies
`,
);

/**
 * KEYS[7]: the account's row. ARGV: expected revision, writeId, the new row. The record keeps the identity that it got
 * when it was created.
 */
export const commitAccount: Script = script(
  "write to",
  true,
  lost,
  reading,
  expectingRevision,
  String.raw`
local identity = row and row.identity or ARGV[2]
redis.call('SET', KEYS[7], '{"identity":' .. json(identity) .. ',' .. ARGV[3]:sub(2))
return { 'committed' }
`,
);

/** KEYS[7]: a key that never exists. Writes nothing, and fails whenever a write would fail. */
export const probe: Script = script("write to", true, "redis.call('SET', KEYS[7], '', 'XX')\n");
