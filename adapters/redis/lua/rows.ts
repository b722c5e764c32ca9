/**
 * Key names, time, and reading of rows, in Lua. `src/store/row-rules.ts`, `lane-scheduler.ts` and `sliding-window.ts` explain the
 * rules; those of a write are in `changes.ts`, those of slots in `slots.ts`.
 *
 * Keys of an account, all with one prefix, which contains the hash tag:
 *
 * | key | type | holds |
 * |---|---|---|
 * | `users:<id>` | string | the row, as `encodeRow` writes it |
 * | `account` | string | the account's record, which is also a row |
 * | `due` | sorted set | ids by the time at which `claim` may take them |
 * | `interactive`, `recovery`, `bulk` | sorted set | ids by the time since which they have been waiting |
 * | `states` | sorted set | `state NUL id`, all with score 0, so in lexical order |
 * | `counts` | hash | number of records per state |
 * | `stale:<state>` | sorted set | ids of that state's records by the time at which they become stale |
 * | `moments:<limit>` | sorted set | moments at which slots count, ascending |
 * | `slots:<limit>` | hash | number of slots per `moment:lane`, and their sum per `lane`; `window`, `asked`, `taken`: the head, see `slot-log.ts` |
 *
 * For a script the overhead of a Redis call exceeds the cost of its work. So scripts read many rows at once, collect
 * their changes, and write them at the end, all of one kind together.
 *
 * @module
 */

/** The first word with which a script refuses to write because the account's record is not the caller's. */
export const lostWord = "ACCOUNTLOST";
/** The first word with which a script refuses to write because the server lacks a command. */
export const lackingWord = "NOCOMMAND";

/**
 * Names and time. KEYS: due, the lanes, states, counts, then the keys of the verb. The keys of rows found through an
 * index, and of logs whose limit is in the arguments, are built here: they have the same prefix, and so are on the same
 * server.
 */
export const names: string = String.raw`
local null = cjson.null
local lanes = { 'interactive', 'recovery', 'bulk' }
local due, states, counts = KEYS[1], KEYS[5], KEYS[6]
local queue = { interactive = KEYS[2], recovery = KEYS[3], bulk = KEYS[4] }
local prefix = due:sub(1, -4)
local users = prefix .. 'users:'
local function staleOf(state) return prefix .. 'stale:' .. state end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- cjson keeps only 14 digits of a number, and escapes characters in strings that JavaScript does not.
local function json(value)
  if value == null or value == nil then return 'null' end
  if type(value) == 'number' then return ('%.17g'):format(value) end
  return (cjson.encode(value):gsub('\\/', '/'))
end

-- In chunks, because Lua's stack is limited.
local function many(command, key, list)
  local sum = 0
  for first = 1, #list, 4000 do
    sum = sum + redis.call(command, key, unpack(list, first, math.min(first + 3999, #list)))
  end
  return sum
end
`;

/**
 * Whether all commands can be run. Redis keeps what a script has written before it is refused a command, so each is
 * checked before the first write: an operator may take a right away at any time, and a server may lack a command.
 */
export const permitted: string = String.raw`
for _, command in ipairs(redis.acl_check_cmd and {
  { 'SET', users, '' }, { 'MSET', users, '' }, { 'DEL', users }, { 'ZADD', due, '0', '' }, { 'ZREM', due, '' },
  { 'HSET', counts, '', '' }, { 'HINCRBY', counts, '', '1' }, { 'HDEL', counts, '' },
} or {}) do
  local exists, may = pcall(redis.acl_check_cmd, unpack(command))
  local name = "'" .. command[1]:lower() .. "' command"
  if not exists then return redis.error_reply('${lackingWord} the server has no ' .. name) end
  if not may then return redis.error_reply('NOPERM the user may not run the ' .. name) end
end
`;

/**
 * Whether the account's record is the one that the caller opened, in one short read. The text of that record begins with
 * its identity, see {@link accountStart}.
 */
export const lost: string = String.raw`
if ARGV[#ARGV] ~= '' and redis.call('GETRANGE', prefix .. 'account', 0, #ARGV[#ARGV] - 1) ~= ARGV[#ARGV] then
  return redis.error_reply('${lostWord} the account is gone')
end
`;

/** The beginning of the account's record with this identity; `""`: it is not checked. */
export function accountStart(identity: string | undefined): string {
  return identity === undefined ? "" : `{"identity":${JSON.stringify(identity)},`;
}

/** Reading rows. No script decodes a value: it is cut off before decoding. */
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
    and (row.staleAt == nil or type(row.staleAt) == 'number')
    and (row.lane == null or queue[row.lane] ~= nil)
    and (lease == null
      or type(lease) == 'table' and type(lease.id) == 'string' and type(lease['until']) == 'number')
end

-- A row's bookkeeping, its full text and the offset of the value in it, or a tombstone; false: damaged.
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

-- Cached rows by key, with pending changes applied. A key that is false in known is absent.
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

-- Reads the texts of rows in one call; false: absent. MGET reports a key of another type as absent.
local function textsOf(keys)
  local texts, absent = redis.call('MGET', unpack(keys)), {}
  for n, key in ipairs(keys) do
    if not texts[n] then absent[#absent + 1] = key end
  end
  return texts, #absent == 0 or redis.call('EXISTS', unpack(absent)) == 0
end

-- Loads rows into the cache.
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

/**
 * The beginning of a compare-and-set of the account's row. KEYS[7]: the row. ARGV: expected revision, writeId. Needs
 * {@link reading}; leaves `row`.
 */
export const expectingRevision: string = String.raw`
local row = read(KEYS[7])
if row == false then return { 'damaged' } end
if row and row.writeId == ARGV[2] then return { 'committed' } end
if (row and row.revision or 0) ~= tonumber(ARGV[1]) then return { 'conflict' } end
`;
