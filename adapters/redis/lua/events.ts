/**
 * The outbox, in Lua. Keys of an account beside those of `rows.ts`:
 *
 * | key | type | holds |
 * |---|---|---|
 * | `events` | sorted set | `number:` and the event as `encodeEvent()` writes it, by number |
 * | `eventKeys` | sorted set | the event's key as JSON and its number, all with score 0, so in lexical order |
 * | `outbox` | hash | `last`: the highest number given; `trimmed`: the highest removed by age |
 *
 * @module
 */

/** Their names. */
export const outboxNames: string = String.raw`
local events, eventKeys, outbox = prefix .. 'events', prefix .. 'eventKeys', prefix .. 'outbox'
`;

/** Appending events at the end of a script. */
export const appending: string = String.raw`${outboxNames}
local appended = {}

-- Notes events, passed as pairs of key and value, each as JSON and with NUL at its end.
local function append(pairs)
  for key, value in pairs:gmatch('(%Z+)%z(%Z+)%z') do appended[#appended + 1] = { key = key, value = value } end
end

local function writeEvents()
  if #appended == 0 then return end
  local number = redis.call('HINCRBY', outbox, 'last', #appended) - #appended
  local at, entries, members = json(now), {}, {}
  for _, event in ipairs(appended) do
    number = number + 1
    local text = json(number)
    entries[#entries + 1] = text
    entries[#entries + 1] = text .. ':{"key":' .. event.key .. ',"at":' .. at .. ',"value":' .. event.value .. '}'
    members[#members + 1] = '0'
    members[#members + 1] = event.key .. text
  end
  many('ZADD', events, entries)
  many('ZADD', eventKeys, members)
end
`;

/** Removing the oldest events. */
export const removing: string = String.raw`
-- The number and the key as JSON of an event; in a string, the quotation marks would be escaped.
local function parts(event)
  return event:match('^(%d+):{"key":(.-),"at":(%-?%d+),"value":')
end

-- Removes the first of these events.
local function remove(list, count)
  local members = {}
  for n = 1, count do
    local number, key = parts(list[n])
    members[n] = key .. number
  end
  redis.call('ZREMRANGEBYRANK', events, 0, count - 1)
  many('ZREM', eventKeys, members)
end
`;
