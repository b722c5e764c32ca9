/**
 * How scripts collect changes of rows and indexes and write them at the end, in Lua.
 *
 * @module
 */

/** Writing rows and their index entries. */
export const writing: string = String.raw`
-- Pending writes: texts of rows by key; score (or false) by index and id; membership by state and id.
local texts, places, members = {}, {}, {}
local waits = nil -- lanes with waiting users, computed on demand

local function place(index, id, score)
  if index == KEYS[2] or index == KEYS[3] or index == KEYS[4] then waits = nil end
  places[index] = places[index] or {}
  places[index][id] = score or false
end

local function stand(state, id, stands)
  members[state] = members[state] or {}
  members[state][id] = stands
end

local function writeTexts()
  local list = {}
  for key, text in pairs(texts) do
    list[#list + 1] = key
    list[#list + 1] = text
  end
  for first = 1, #list, 4000 do redis.call('MSET', unpack(list, first, math.min(first + 3999, #list))) end
  texts = {}
end

local function writePlaces(index)
  local adds, removes = {}, {}
  for id, score in pairs(places[index] or {}) do
    if score then
      adds[#adds + 1] = json(score)
      adds[#adds + 1] = id
    else
      removes[#removes + 1] = id
    end
  end
  many('ZADD', index, adds)
  many('ZREM', index, removes)
  places[index] = nil
end

-- The counts follow the actual changes of the state index.
local function writeStates()
  for state, ids in pairs(members) do
    local adds, removes = {}, {}
    for id, stands in pairs(ids) do
      if stands then
        adds[#adds + 1] = '0'
        adds[#adds + 1] = state .. '\0' .. id
      else
        removes[#removes + 1] = state .. '\0' .. id
      end
    end
    local change = many('ZADD', states, adds) - many('ZREM', states, removes)
    if change ~= 0 and redis.call('HINCRBY', counts, state, change) <= 0 then redis.call('HDEL', counts, state) end
  end
end

-- Rows come first: if Redis is out of memory, it refuses them before anything was written.
local function writeRows()
  writeTexts()
  for index in pairs(places) do writePlaces(index) end
  writeStates()
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

-- Puts the id into exactly the indexes that its row belongs in; without a row, into none.
local function index(id, row)
  place(due, id, row and claimableAt(row))
  for _, lane in ipairs(lanes) do place(queue[lane], id, row and waitsIn(row, lane)) end
end

-- The same when the previous row under the id, if any, is known: unchanged entries are not touched.
local function reindex(id, row, before)
  local at, was = claimableAt(row), before and claimableAt(before)
  if at ~= was then place(due, id, at) end
  if row.lane == null and (not before or before.lane == null) then return end
  for _, lane in ipairs(lanes) do
    local since, wasSince = waitsIn(row, lane), before and waitsIn(before, lane)
    if since ~= wasSince then place(queue[lane], id, since) end
  end
end

local function put(key, row, text)
  texts[key], known[key], found[key] = text, true, row
end

-- Records the row with its current bookkeeping and returns its text.
local function anew(id, row)
  local lease = row.lease
  local text = '{"revision":' .. json(row.revision) .. ',"writeId":' .. json(row.writeId) .. ',"state":'
    .. json(row.state) .. ',"dueAt":' .. json(row.dueAt) .. ',"lane":' .. json(row.lane) .. ',"waitsSince":'
    .. json(row.waitsSince) .. ',"lease":' .. (lease == null and 'null' or '{"id":' .. json(lease.id) .. ',"owner":'
    .. json(lease.owner) .. ',"until":' .. json(lease['until']) .. '}')
    .. (row.staleAt and ',"staleAt":' .. json(row.staleAt) or '') .. (row.took and ',"took":' .. row.took or '')
    .. row.text:sub(row.at)
  put(users .. id, row, text)
  index(id, row)
  return text
end

-- Leases the row to another owner and returns its text.
local function leasedTo(id, row, ask)
  row.lease = { id = ask.id, owner = ask.owner, ['until'] = now + ask.ms }
  return anew(id, row)
end

-- Shifts the times that claim uses, like shiftedBy() in row-rules.ts.
local function moveBy(id, row, ms)
  if row.dueAt ~= null then row.dueAt = row.dueAt + ms end
  if row.lease ~= null then row.lease['until'] = row.lease['until'] + ms end
  anew(id, row)
end

-- The row an index entry points at; false: not a complete row; nil: missing. One bad row must not stop the others.
local function wholeRow(id)
  local reads, row = pcall(read, users .. id)
  if not reads then -- in Redis 7 and later the error is a table
    if not tostring(type(row) == 'table' and row.err or row):find('non local key', 1, true) then error(row) end
    return nil
  end
  if row and (row.renamedTo or row.text:sub(row.at):sub(-1) ~= '}') then return false end
  return row
end

-- Repairs an index entry that does not match its row. Rows in an index are never deleted, so a missing row is being
-- migrated to another server of the cluster. Its entry must not be lost, so it is checked again in an hour.
local function astray(id, row)
  index(id, row)
  if row == nil then place(due, id, now + 3600000) end
end
`;
