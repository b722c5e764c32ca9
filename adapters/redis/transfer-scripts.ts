/**
 * The verbs of a move in Lua, one script each.
 *
 * @module
 */
import { outboxNames } from "./lua/events.ts";
import { writing } from "./lua/notes.ts";
import { expectingRevision, lost, reading } from "./lua/rows.ts";
import { script, type Script } from "./script.ts";

/** Returns the server's time. */
export const time: Script = script("read", true, "return json(now)\n");

/** KEYS[7]: the account's row. ARGV: expected revision, writeId, the new row with its identity, the start of the row as expected. */
export const seat: Script = script(
  "write to",
  true,
  reading,
  expectingRevision,
  String.raw`
if ARGV[4] ~= redis.call('GETRANGE', KEYS[7], 0, #ARGV[4] - 1) then return { 'conflict' } end
redis.call('SET', KEYS[7], ARGV[3])
return { 'committed' }
`,
);

/** KEYS[7..]: rows. ARGV: the id and the new text of each. */
export const writeRows: Script = script(
  "write to",
  true,
  lost,
  reading,
  writing,
  String.raw`
local keys = { unpack(KEYS, 7) }
fetch(keys)
for n, key in ipairs(keys) do
  local id, before, row = ARGV[2 * n - 1], read(key), decoded(ARGV[2 * n])
  if before and not before.renamedTo and before.state ~= row.state then stand(before.state, id, false) end
  put(key, row, ARGV[2 * n])
  if before and before.staleAt then place(staleOf(before.state), id, nil) end
  if row.staleAt then place(staleOf(row.state), id, row.staleAt) end
  index(id, not row.renamedTo and row or nil)
  if not row.renamedTo then stand(row.state, id, true) end
end
writeRows()
`,
);

/** From KEYS[7] on: moments and slots of each log. Returns the fields of each. */
export const readLogs: Script = script(
  "read",
  true,
  String.raw`
local logs = {}
for n = 8, #KEYS, 2 do logs[#logs + 1] = redis.call('HGETALL', KEYS[n]) end
return logs
`,
);

/** KEYS[7], KEYS[8]: moments, slots. ARGV: the log as JSON. */
export const writeLog: Script = script(
  "write to",
  true,
  lost,
  String.raw`
local log, sums = cjson.decode(ARGV[1]), { 0, 0, 0 }
redis.call('DEL', KEYS[7], KEYS[8])
for _, moment in ipairs(log.moments) do
  local at = json(moment[1])
  redis.call('ZADD', KEYS[7], at, at)
  for n, lane in ipairs(lanes) do
    if moment[n + 1] > 0 then redis.call('HSET', KEYS[8], at .. ':' .. lane, json(moment[n + 1])) end
    sums[n] = sums[n] + moment[n + 1]
  end
end
for n, lane in ipairs(lanes) do redis.call('HSET', KEYS[8], lane, json(sums[n])) end
redis.call(
  'HSET', KEYS[8], 'window', json(log.windowMs), 'asked', json(log.askedAt), 'taken', json(log.takenAt)
)
`,
);

/** ARGV: the highest numbers given and trimmed, then the number, the key as JSON and the text of each event, ascending. */
export const writeEvents: Script = script(
  "write to",
  true,
  lost,
  outboxNames,
  String.raw`
for n = 3, #ARGV - 1, 3 do
  local number, key = ARGV[n], ARGV[n + 1]
  local there = redis.call('HGET', events, number)
  local before = there and parts(there) or redis.call('HGET', outbox, key) or '0'
  redis.call('HSET', events, number, before .. ':' .. ARGV[n + 2])
  if not there then redis.call('HSET', outbox, key, number) end
end
redis.call('HSET', outbox, 'last', ARGV[1], 'trimmed', ARGV[2])
`,
);

/** KEYS[7..]: further keys. Removes all of them. */
export const remove: Script = script(
  "write to",
  false, // the account's record may be among them
  lost,
  outboxNames,
  String.raw`
for _, state in ipairs(redis.call('HKEYS', counts)) do redis.call('UNLINK', staleOf(state)) end
for _, key in ipairs(KEYS) do redis.call('UNLINK', key) end
redis.call('UNLINK', events, outbox)
`,
);
