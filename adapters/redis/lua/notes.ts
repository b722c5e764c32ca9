/**
 * How scripts note what changes in rows and indexes, and write it down at their end, in Lua.
 *
 * @module
 */

/** Writing rows and their entries in the indexes. */
export const writing: string = String.raw`
-- What is to be written: texts of rows by key; by index and id a score or false; by state and id whether it stands there.
local texts, places, members = {}, {}, {}
local waits = nil -- lanes in which somebody waits, once somebody asked

local function place(index, id, score)
  if index ~= due then waits = nil end
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

-- Counts follow what the index of states really gained and lost.
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

-- Rows come first: where Redis has no memory left it refuses them, and nothing was written.
local function writeRows()
  writeTexts()
  for _, index in ipairs({ due, KEYS[2], KEYS[3], KEYS[4] }) do writePlaces(index) end
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

-- Afterwards the id stands where its row says, and nowhere else; without a row nowhere.
local function index(id, row)
  place(due, id, row and claimableAt(row))
  for _, lane in ipairs(lanes) do place(queue[lane], id, row and waitsIn(row, lane)) end
end

-- The same where the row that stood under the id is known, if there was one: what has not changed is not touched.
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

-- The row, leased to somebody else: its text.
local function leasedTo(id, row, ask)
  row.lease = { id = ask.id, ['until'] = now + ask.ms }
  local text = '{"revision":' .. json(row.revision) .. ',"writeId":' .. json(row.writeId) .. ',"state":'
    .. json(row.state) .. ',"dueAt":' .. json(row.dueAt) .. ',"lane":' .. json(row.lane) .. ',"waitsSince":'
    .. json(row.waitsSince) .. ',"lease":{"id":' .. json(ask.id) .. ',"owner":' .. json(ask.owner) .. ',"until":'
    .. json(now + ask.ms) .. '}' .. (row.took and ',"took":' .. row.took or '') .. row.text:sub(row.at)
  put(users .. id, row, text)
  index(id, row)
  return text
end

-- The row an index points at; false if it is not whole. One bad row must not stop the others. nil: it is not here.
local function wholeRow(id)
  local reads, row = pcall(read, users .. id)
  if not reads then -- in Redis 7 and later the error is a table
    if not tostring(type(row) == 'table' and row.err or row):find('non local key', 1, true) then error(row) end
    return nil
  end
  if row and (row.renamedTo or row.text:sub(row.at):sub(-1) ~= '}') then return false end
  return row
end

-- What is done about an entry that points astray. No row is ever deleted, so one that is not here is on its way to
-- another server of the cluster, and its entry must not be lost: it is looked for again in an hour.
local function astray(id, row)
  index(id, row)
  if row == nil then place(due, id, now + 3600000) end
end
`;
