/**
 * The verbs of the outbox in Lua, one script each.
 *
 * @module
 */
import { appending, outboxNames } from "./lua/events.ts";
import { lost } from "./lua/rows.ts";
import { script, type Script } from "./script.ts";

/** ARGV: the number after which to begin, limit. Returns the highest numbers given and trimmed, and pairs of number and event. */
export const readEvents: Script = script(
  "read",
  true,
  outboxNames,
  String.raw`
local last, trimmed = numbers()
local found = eventsAfter(math.max(tonumber(ARGV[1]), trimmed), tonumber(ARGV[2]), last)
return { json(last), json(trimmed), found }
`,
);

/** ARGV: the age in ms, limit. Returns how many were removed. */
export const trimEvents: Script = script(
  "write to",
  false, // a second time, it would remove others and return their number only
  lost,
  outboxNames,
  String.raw`
local last, trimmed = numbers()
local first, old, keys, gone = eventsAfter(trimmed, tonumber(ARGV[2]), last), 0, {}, {}
for n, found in ipairs(first) do
  local _, key, at = parts(found[2])
  if at < now - tonumber(ARGV[1]) then old = n end
  keys[n] = key
end
if old == 0 then return 0 end
redis.call('HSET', outbox, 'trimmed', first[old][1])
for n = 1, old do
  gone[n] = first[n][1]
  if redis.call('HGET', outbox, keys[n]) == gone[n] then redis.call('HDEL', outbox, keys[n]) end
end
many('HDEL', events, gone)
return old
`,
);

/** ARGV: the key as JSON, the number below which to begin or an empty text, limit. Returns pairs of number and event. */
export const eventsUnder: Script = script(
  "read",
  true,
  outboxNames,
  String.raw`
local key, below, found = ARGV[1], tonumber(ARGV[2]), {}
local number = redis.call('HGET', outbox, key)
local last = below and redis.call('HGET', events, ARGV[2])
if last then
  local before, its = parts(last)
  if its == key then number = before end -- it goes on from there
end
while number and number ~= '0' and #found < tonumber(ARGV[3]) do
  local event = redis.call('HGET', events, number)
  if not event then break end -- it and those before were removed by age
  if not below or tonumber(number) < below then found[#found + 1] = { number, event } end
  number = parts(event)
end
return found
`,
);

/** Events that one call of the script removes. */
const forgottenAtOnce = 1_000;

/**
 * ARGV: the key as JSON, events to append, a number. Returns 1 once no event of that key is left above the number; before
 * that it appends nothing.
 */
export const forgetEvents: Script = script(
  "write to",
  true,
  lost,
  appending,
  String.raw`
local key, above = ARGV[1], tonumber(ARGV[3])
local number, count = redis.call('HGET', outbox, key), 0
while number and tonumber(number) > above and count < ${forgottenAtOnce} do
  local event = redis.call('HGET', events, number)
  redis.call('HDEL', events, number)
  number, count = event and parts(event), count + 1 -- those before a missing one were removed by age
end
if number and number ~= '0' then
  redis.call('HSET', outbox, key, number)
  if tonumber(number) > above then return 0 end
else
  redis.call('HDEL', outbox, key)
end
append(ARGV[2])
writeEvents()
return 1
`,
);

/** ARGV: the number, the new value as JSON, the value that it must have or an empty text. */
export const replaceEvent: Script = script(
  "write to",
  true,
  lost,
  outboxNames,
  String.raw`
local event = redis.call('HGET', events, ARGV[1])
if not event then return end
local head = event:match('^%d+:{"key":.-,"at":%-?%d+,"value":')
if ARGV[3] ~= '' and event ~= head .. ARGV[3] .. '}' then return end
redis.call('HSET', events, ARGV[1], head .. ARGV[2] .. '}')
`,
);
