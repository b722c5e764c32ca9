/**
 * The verbs of the outbox in Lua, one script each.
 *
 * @module
 */
import { appending, outboxNames, removing } from "./lua/events.ts";
import { lost } from "./lua/rows.ts";
import { script, type Script } from "./script.ts";

/** ARGV: the number after which to begin, limit. Returns the highest numbers given and trimmed, and events. */
const readEvents = script(
  "read",
  true,
  outboxNames,
  String.raw`
local head = redis.call('HMGET', outbox, 'last', 'trimmed')
local found = redis.call('ZRANGEBYSCORE', events, '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])
return { head[1] or '0', head[2] or '0', found }
`,
);

/** ARGV: the age in ms, limit. Returns how many were removed. */
const trimEvents = script(
  "write to",
  false, // a second time, it would remove others and return their number only
  lost,
  outboxNames,
  removing,
  String.raw`
local limit, old = tonumber(ARGV[2]), 0
if limit <= 0 then return 0 end
local first = redis.call('ZRANGE', events, 0, limit - 1)
for n, event in ipairs(first) do
  local _, _, at = parts(event)
  if tonumber(at) < now - tonumber(ARGV[1]) then old = n end
end
if old == 0 then return 0 end
redis.call('HSET', outbox, 'trimmed', (parts(first[old])))
remove(first, old)
return old
`,
);

/** Events that one call of the script removes. */
const forgottenAtOnce = 1_000;

/** ARGV: the key as JSON, events to append. Returns 1 once no event of that key is left; before that it appends nothing. */
const forgetEvents = script(
  "write to",
  true,
  lost,
  appending,
  String.raw`
local key = ARGV[1]
local members = redis.call('ZRANGEBYLEX', eventKeys, '[' .. key, '(' .. key .. ':', 'LIMIT', 0, ${forgottenAtOnce})
for _, member in ipairs(members) do
  local number = member:sub(#key + 1)
  redis.call('ZREMRANGEBYSCORE', events, number, number)
end
many('ZREM', eventKeys, members)
if #members == ${forgottenAtOnce} then return 0 end
append(ARGV[2])
writeEvents()
return 1
`,
);

/** ARGV: the number, the new value as JSON. */
const replaceEvent = script(
  "write to",
  true,
  lost,
  outboxNames,
  String.raw`
local event = redis.call('ZRANGEBYSCORE', events, ARGV[1], ARGV[1])[1]
if not event then return end
local head = event:match('^%d+:{"key":.-,"at":%-?%d+,"value":')
redis.call('ZREM', events, event)
redis.call('ZADD', events, ARGV[1], head .. ARGV[2] .. '}')
`,
);

/** One script per verb. */
export const outboxScripts: Readonly<
  Record<"readEvents" | "trimEvents" | "forgetEvents" | "replaceEvent", Script>
> = { readEvents, trimEvents, forgetEvents, replaceEvent };
