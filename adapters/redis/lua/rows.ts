/**
 * Names, time, and how scripts read rows, in Lua. `src/store/rules.ts`, `shares.ts` and `window.ts` say the same as these
 * files in TypeScript, with the reasons; the conformance suite holds both to it.
 *
 * Keys of an account, all with one prefix, which holds the hash tag:
 *
 * | key | type | holds |
 * |---|---|---|
 * | `users:<id>` | string | the row, as `encodeRow` writes it |
 * | `account` | string | the account's record, a row as well |
 * | `due` | sorted set | id by the moment at which `claim` may take it |
 * | `interactive`, `recovery`, `bulk` | sorted set | id by the moment since which it waits |
 * | `states` | sorted set | `state NUL id`, all with score 0, so ordered by text |
 * | `counts` | hash | state to number of records |
 * | `moments:<limit>` | sorted set | moments at which slots count, ascending |
 * | `slots:<limit>` | hash | `moment:lane` to number of slots, `lane` to their sum |
 *
 * What a script asks of Redis costs more for the asking than for what Redis does. So scripts read many rows at once, note
 * what changes, and write it down at the end, everything of one kind at once.
 *
 * @module
 */

/**
 * Names and time. KEYS: due, the lanes, states, counts, then what the verb itself names. Rows that are found through an
 * index and logs whose limit stands in the arguments have names made here: the same prefix, so the same server.
 */
export const names: string = String.raw`
local null = cjson.null
local lanes = { 'interactive', 'recovery', 'bulk' }
local due, states, counts = KEYS[1], KEYS[5], KEYS[6]
local queue = { interactive = KEYS[2], recovery = KEYS[3], bulk = KEYS[4] }
local prefix = due:sub(1, -4)
local users = prefix .. 'users:'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Not cjson for numbers: it keeps 14 digits. Not cjson alone for texts: it escapes what JavaScript does not.
local function json(value)
  if value == null or value == nil then return 'null' end
  if type(value) == 'number' then return ('%.17g'):format(value) end
  return (cjson.encode(value):gsub('\\/', '/'))
end

-- As many at a time as Lua's stack holds.
local function many(command, key, list)
  local sum = 0
  for first = 1, #list, 4000 do
    sum = sum + redis.call(command, key, unpack(list, first, math.min(first + 3999, #list)))
  end
  return sum
end
`;

/** Reading rows. No script looks into a value: it is cut off before anything is decoded. */
export const reading: string = String.raw`
local function slotText(slot)
  return '{"limit":' .. json(slot.limit) .. ',"windowMs":' .. json(slot.windowMs) .. ',"lane":' .. json(slot.lane)
    .. ',"at":' .. json(slot.at) .. '}'
end

local function isHead(row)
  local lease = row.lease
  return type(row.revision) == 'number' and type(row.writeId) == 'string' and type(row.state) == 'string'
    and (row.dueAt == null or type(row.dueAt) == 'number')
    and (row.waitsSince == null or type(row.waitsSince) == 'number')
    and (row.lane == null or queue[row.lane] ~= nil)
    and (lease == null
      or type(lease) == 'table' and type(lease.id) == 'string' and type(lease['until']) == 'number')
end

-- A row's bookkeeping with its whole text and where in it the value begins, or a tombstone; false: damaged.
local function decoded(text)
  local at = text:find(',"value":', 1, true)
  local decodes, row = pcall(cjson.decode, at and text:sub(1, at - 1) .. '}' or text)
  if not decodes or type(row) ~= 'table' then return false end
  if type(row.renamedTo) == 'string' then return row end
  if not isHead(row) then return false end
  row.text, row.at = text, at or #text + 1
  row.took = type(row.took) == 'table' and slotText(row.took) or nil
  return row
end

-- The rows at hand, by their keys, as they are after what was noted; nil: absent, which is false in known.
local found, known = {}, {}

-- nil: absent; false: damaged.
local function read(key)
  if known[key] ~= nil then return found[key] end
  local text = redis.pcall('GET', key)
  if type(text) == 'table' then
    if text.err:find('WRONGTYPE', 1, true) then return false end
    text = redis.call('GET', key) -- raises the error
  end
  known[key] = text ~= false
  if text then found[key] = decoded(text) end
  return found[key]
end

-- Reads the texts of rows all at once; false: absent. One of a type that is not ours is absent to MGET.
local function textsOf(keys)
  local texts, absent = redis.call('MGET', unpack(keys)), {}
  for n, key in ipairs(keys) do
    if not texts[n] then absent[#absent + 1] = key end
  end
  return texts, #absent == 0 or redis.call('EXISTS', unpack(absent)) == 0
end

-- Has the rows at hand.
local function fetch(keys)
  local texts, all = textsOf(keys)
  for n, key in ipairs(keys) do
    if texts[n] then
      known[key], found[key] = true, decoded(texts[n])
    elseif all then
      known[key] = false
    end
  end
end
`;
