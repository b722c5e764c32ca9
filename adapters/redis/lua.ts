/**
 * What the scripts of the verbs share, in Lua. `src/store/rules.ts`, `shares.ts` and `window.ts` say the same in
 * TypeScript, with the reasons; the conformance suite holds both to it.
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
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Not cjson for numbers: it keeps 14 digits. Not cjson alone for texts: it escapes what JavaScript does not.
local function json(value)
  if value == null or value == nil then return 'null' end
  if type(value) == 'number' then return ('%.17g'):format(value) end
  return (cjson.encode(value):gsub('\\/', '/'))
end
`;

/** Reading rows. No script looks into a value: it is cut off before anything is decoded. */
export const reading: string = String.raw`
local function isHead(row)
  local lease = row.lease
  return type(row.revision) == 'number' and type(row.writeId) == 'string' and type(row.state) == 'string'
    and (row.dueAt == null or type(row.dueAt) == 'number')
    and (row.waitsSince == null or type(row.waitsSince) == 'number')
    and (row.lane == null or queue[row.lane] ~= nil)
    and (lease == null
      or type(lease) == 'table' and type(lease.id) == 'string' and type(lease['until']) == 'number')
end

-- A row's bookkeeping with the text of its value as 'rest', or a tombstone; nil: absent; false: damaged.
local function read(key)
  local text = redis.pcall('GET', key)
  if not text then return nil end
  if type(text) == 'table' then
    if text.err:find('WRONGTYPE', 1, true) then return false end
    text = redis.call('GET', key) -- raises the error
  end
  local at = text:find(',"value":', 1, true)
  local decodes, row = pcall(cjson.decode, at and text:sub(1, at - 1) .. '}' or text)
  if not decodes or type(row) ~= 'table' then return false end
  if type(row.renamedTo) == 'string' then return row end
  if not isHead(row) then return false end
  row.rest = at and text:sub(at) or ''
  return row
end
`;

/** Writing rows and their entries in the indexes. */
export const writing: string = String.raw`
local users = prefix .. 'users:'

local function slotText(slot)
  return '{"limit":' .. json(slot.limit) .. ',"windowMs":' .. json(slot.windowMs) .. ',"lane":' .. json(slot.lane)
    .. ',"at":' .. json(slot.at) .. '}'
end

local function leaseText(lease)
  if lease == null then return 'null' end
  return '{"id":' .. json(lease.id) .. ',"owner":' .. json(lease.owner) .. ',"until":' .. json(lease['until']) .. '}'
end

local function rowText(row)
  return '{"revision":' .. json(row.revision) .. ',"writeId":' .. json(row.writeId) .. ',"state":' .. json(row.state)
    .. ',"dueAt":' .. json(row.dueAt) .. ',"lane":' .. json(row.lane) .. ',"waitsSince":' .. json(row.waitsSince)
    .. ',"lease":' .. leaseText(row.lease)
    .. (type(row.took) == 'table' and ',"took":' .. slotText(row.took) or '') .. row.rest
end

local function claimableAt(row)
  if row.lease ~= null then return row.lease['until'] end
  if row.lane == null and row.dueAt ~= null then return row.dueAt end
  return nil
end

local function waitsIn(row, lane)
  if row.lane ~= lane or row.lease ~= null then return nil end
  return row.waitsSince == null and 0 or row.waitsSince
end

-- Afterwards the id stands where its row says, and nowhere else; without a row nowhere.
local function index(id, row)
  local at = row and claimableAt(row)
  if at then redis.call('ZADD', due, at, id) else redis.call('ZREM', due, id) end
  for _, lane in ipairs(lanes) do
    local since = row and waitsIn(row, lane)
    if since then redis.call('ZADD', queue[lane], since, id) else redis.call('ZREM', queue[lane], id) end
  end
end

-- The same where the row that stood under the id is known, if there was one: what has not changed is not touched.
local function reindex(id, row, before)
  local at, was = claimableAt(row), before and claimableAt(before)
  if at and at ~= was then redis.call('ZADD', due, at, id) elseif was and not at then redis.call('ZREM', due, id) end
  for _, lane in ipairs(lanes) do
    local since, wasSince = waitsIn(row, lane), before and waitsIn(before, lane)
    if since and since ~= wasSince then redis.call('ZADD', queue[lane], since, id)
    elseif wasSince and not since then redis.call('ZREM', queue[lane], id) end
  end
end

local function put(id, row)
  local text = rowText(row)
  redis.call('SET', users .. id, text)
  return text
end

local function lease(ask)
  return { id = ask.id, owner = ask.owner, ['until'] = now + ask.ms }
end

-- The row an index points at; false if it is not whole. One bad row must not stop the others. nil: it is not here.
local function wholeRow(id)
  local known, row = pcall(read, users .. id)
  if not known then -- in Redis 7 and later the error is a table
    if not tostring(type(row) == 'table' and row.err or row):find('non local key', 1, true) then error(row) end
    return nil
  end
  if row and (row.renamedTo or row.rest:sub(-1) ~= '}') then return false end
  return row
end

-- What is done about an entry that points astray. No row is ever deleted, so one that is not here is on its way to
-- another server of the cluster, and its entry must not be lost: it is looked for again in an hour.
local function astray(id, row)
  index(id, row)
  if row == nil then redis.call('ZADD', due, now + 3600000, id) end
end
`;

/** The log of slots, the lanes' shares, and who may have the next place. */
export const slots: string = String.raw`
local function logOf(name)
  return prefix .. 'moments:' .. name, prefix .. 'slots:' .. name
end

local function noted(windowMs, at)
  local grain = math.max(1, math.ceil(windowMs / 512))
  return math.ceil(at / grain) * grain
end

local function fields(moment)
  return moment .. ':interactive', moment .. ':recovery', moment .. ':bulk'
end

local function numbers(texts)
  return { interactive = tonumber(texts[1]) or 0, recovery = tonumber(texts[2]) or 0, bulk = tonumber(texts[3]) or 0 }
end

-- A moment whose last slot is given back stays in the log, with nothing to count, until its time is over.
local function add(slot, calls)
  local moments, log = logOf(slot.limit)
  local moment = json(slot.at)
  redis.call('HINCRBY', log, moment .. ':' .. slot.lane, calls)
  redis.call('HINCRBY', log, slot.lane, calls)
  if calls > 0 then redis.call('ZADD', moments, moment, moment) end
end

local function isHeld(slot)
  local _, log = logOf(slot.limit)
  return (tonumber(redis.call('HGET', log, json(slot.at) .. ':' .. slot.lane)) or 0) > 0
end

local function giveBack(slot)
  if isHeld(slot) then add(slot, -1) end
end

local function settle(slot)
  local at = noted(slot.windowMs, now)
  if at >= slot.at or not isHeld(slot) then return end
  local moments, log = logOf(slot.limit)
  local moment = json(at)
  redis.call('HINCRBY', log, json(slot.at) .. ':' .. slot.lane, -1)
  redis.call('HINCRBY', log, moment .. ':' .. slot.lane, 1)
  redis.call('ZADD', moments, moment, moment)
end

-- How many slots count now, by lane. What no longer counts is taken out of the log on the way.
local function used(limit)
  local moments, log = logOf(limit.name)
  for _, moment in ipairs(redis.call('ZRANGEBYSCORE', moments, '-inf', now - limit.windowMs)) do
    local over = numbers(redis.call('HMGET', log, fields(moment)))
    for _, lane in ipairs(lanes) do
      if over[lane] > 0 then redis.call('HINCRBY', log, lane, -over[lane]) end
    end
    redis.call('HDEL', log, fields(moment))
    redis.call('ZREM', moments, moment)
  end
  return numbers(redis.call('HMGET', log, unpack(lanes)))
end

local function turn(limit, taken, asks)
  local sum = taken.interactive + taken.recovery + taken.bulk
  local free = limit.calls - sum
  if free <= 0 then return nil end
  local owed, owedToAll, rest = {}, 0, limit.calls - (limit.kept or 0)
  for _, lane in ipairs(lanes) do
    local least = lane ~= 'interactive' and limit.least and limit.least[lane] or 0
    owed[lane] = math.max(0, math.min(rest - taken.recovery - taken.bulk, least - taken[lane]))
    if asks[lane] then owedToAll = owedToAll + owed[lane] end
  end
  local owing = nil
  for _, lane in ipairs(lanes) do
    if asks[lane] and (lane == 'interactive' or sum < rest or owed[lane] > 0) then
      if free > owedToAll - owed[lane] then return lane end
      if owed[lane] > 0 and not owing then owing = lane end
    end
  end
  return owing
end

local function freeInMs(limit, taken, asks)
  local left = { interactive = taken.interactive, recovery = taken.recovery, bulk = taken.bulk }
  if turn(limit, left, asks) then return 0 end
  local moments, log = logOf(limit.name)
  for place = 0, redis.call('ZCARD', moments) - 1 do -- one by one: mostly the first gives somebody a place
    local moment = redis.call('ZRANGE', moments, place, place)[1]
    local over = numbers(redis.call('HMGET', log, fields(moment)))
    for _, lane in ipairs(lanes) do left[lane] = left[lane] - over[lane] end
    if turn(limit, left, asks) then return moment + limit.windowMs - now end
  end
  return nil
end

local function waiting()
  local waits = { interactive = false, recovery = false, bulk = false }
  if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) == 0 then return waits end -- mostly nobody does
  for _, lane in ipairs(lanes) do waits[lane] = redis.call('EXISTS', queue[lane]) == 1 end
  return waits
end

local function slotAt(limit, holdMs, lane)
  return { limit = limit.name, windowMs = limit.windowMs, lane = lane, at = noted(limit.windowMs, now + holdMs) }
end

-- The slot that add() would take; or nil and in how many milliseconds to ask again.
local function freeSlot(ask)
  local limit, taken = ask.limit, used(ask.limit)
  local counted = ask.lane == null and 'interactive' or ask.lane
  local asks = ask.lane == null and {} or waiting()
  local queued = false
  for _, lane in ipairs(lanes) do
    queued = queued or asks[lane]
    if lane == counted then break end
  end
  asks[counted] = true
  if not queued and turn(limit, taken, asks) == counted then return slotAt(limit, ask.holdMs, counted) end
  return nil, freeInMs(limit, taken, asks) or limit.windowMs
end
`;

/** What commit and move share. */
export const changing: string = String.raw`
local function verdict(row, commit)
  local ofHolder = commit.mode == 'keep' or commit.mode == 'end'
  if not row then return commit.expectedRevision == 0 and not ofHolder and 'write' or 'conflict' end
  if row.renamedTo then return 'conflict' end
  if row.writeId == commit.writeId then return 'again' end
  if row.revision ~= commit.expectedRevision then return 'conflict' end
  local ours = row.lease ~= null and row.lease.id == commit.lease.id
  if ofHolder then return ours and 'write' or 'conflict' end
  local live = row.lease ~= null and row.lease['until'] > now
  return live and not (ours and commit.mode == 'take') and 'conflict' or 'write'
end

local function written(row, commit, rest, took)
  local since = null
  if commit.lane ~= null then
    since = row and row.lane == commit.lane and row.waitsSince ~= null and row.waitsSince or now
  end
  return {
    revision = commit.expectedRevision + 1,
    writeId = commit.writeId,
    state = commit.state,
    dueAt = commit.dueInMs == null and null or now + commit.dueInMs,
    lane = commit.lane,
    waitsSince = since,
    lease = (commit.mode == 'take' or commit.mode == 'keep') and lease(commit.lease) or null,
    took = took,
    rest = rest,
  }
end

local function count(state, change)
  if change ~= 0 and redis.call('HINCRBY', counts, state, change) <= 0 then redis.call('HDEL', counts, state) end
end

local function committed(row)
  return { 'committed', json(row.revision), type(row.took) == 'table' and slotText(row.took) }
end

-- One write of a row that stood under the id 'was'. What can fail comes before what is changed.
local function change(commit, rest, row, was)
  local ruling = verdict(row, commit)
  if ruling == 'conflict' then return { 'conflict' } end
  if ruling == 'again' then return committed(row) end
  local slot, ms = nil, nil
  if commit.take then
    slot, ms = freeSlot(commit.take)
    if not slot then return { 'refused', json(ms) } end
  end
  local after = written(row, commit, rest, slot)
  put(commit.id, after)
  reindex(commit.id, after, was == commit.id and row or nil)
  if was ~= commit.id then index(was, nil) end
  if not row or row.state ~= after.state or was ~= commit.id then
    if row then count(row.state, -redis.call('ZREM', states, row.state .. '\0' .. was)) end
    count(after.state, redis.call('ZADD', states, 0, after.state .. '\0' .. commit.id))
  end
  if slot then add(slot, 1) end
  if commit.giveBack then giveBack(commit.giveBack) end
  if commit.settle then settle(commit.settle) end
  return committed(after)
end
`;
