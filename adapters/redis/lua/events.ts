/**
 * The outbox, in Lua. Keys of an account beside those of `rows.ts`:
 *
 * | key | type | holds |
 * |---|---|---|
 * | `eventLog` | hash | an event as `encodeEvent()` writes it, by its number |
 * | `outbox` | hash | `last`: the highest number given; `trimmed`: the highest removed by age; the highest of each key, by the key as JSON |
 *
 * An event begins with the number of the one before it under its key, so that all of a key are found without an index of
 * them, which each commit would have to keep. Numbers are given one after the other, so that none is needed for their
 * order either.
 *
 * @module
 */

/** Their names, and what reads them. */
export const outboxNames: string = String.raw`
local events, outbox = prefix .. 'eventLog', prefix .. 'outbox'

-- The number before it under its key (0: none) and the key as JSON; in a string, the quotation marks would be escaped.
local function parts(event)
  local before, key, at = event:match('^(%d+):{"key":(.-),"at":(%-?%d+),"value":')
  return before, key, tonumber(at)
end

-- The highest numbers given and trimmed.
local function numbers()
  local found = redis.call('HMGET', outbox, 'last', 'trimmed')
  return tonumber(found[1] or 0), tonumber(found[2] or 0)
end

-- Up to limit events above a number, as pairs of number and text.
local function eventsAfter(number, limit, last)
  local found = {}
  while #found < limit and number < last do
    local asked = {}
    for next = number + 1, math.min(last, number + math.min(1000, limit)) do asked[#asked + 1] = json(next) end
    for n, event in ipairs(redis.call('HMGET', events, unpack(asked))) do
      if event and #found < limit then found[#found + 1] = { asked[n], event } end
    end
    number = number + #asked
  end
  return found
end
`;

/** Appending events at the end of a script. */
export const appending: string = String.raw`${outboxNames}
local appended = {}

-- Notes events, passed as pairs of key and value, each as JSON and with NUL at its end. A plain search for that is much
-- faster than a pattern.
local function append(pairs)
  local start = 1
  while start <= #pairs do
    local middle = pairs:find('\0', start, true)
    local stop = pairs:find('\0', middle + 1, true)
    appended[#appended + 1] = { key = pairs:sub(start, middle - 1), value = pairs:sub(middle + 1, stop - 1) }
    start = stop + 1
  end
end

local function writeEvents()
  if #appended == 0 then return end
  local fields, highest = { 'last' }, {}
  for _, event in ipairs(appended) do
    if not highest[event.key] then fields[#fields + 1] = event.key end
    highest[event.key] = '0'
  end
  for n, number in ipairs(redis.call('HMGET', outbox, unpack(fields))) do highest[fields[n]] = number or '0' end
  local number = tonumber(highest.last)
  local at, entries, heads = ',"at":' .. json(now) .. ',"value":', {}, {}
  for n, event in ipairs(appended) do
    local text = json(number + n)
    entries[2 * n - 1] = text
    entries[2 * n] = highest[event.key] .. ':{"key":' .. event.key .. at .. event.value .. '}'
    highest[event.key], highest.last = text, text
  end
  for field, text in pairs(highest) do
    heads[#heads + 1] = field
    heads[#heads + 1] = text
  end
  many('HSET', events, entries)
  many('HSET', outbox, heads)
end
`;
