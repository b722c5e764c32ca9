/**
 * The logs of slots, the lanes' shares, and who may have the next place, in Lua.
 *
 * @module
 */

/** See the module. */
export const slots: string = String.raw`
-- A log as it is after what was noted: slots held at a moment in a lane, and the sums, once they were asked for.
local logs = {}

local function logOf(name)
  logs[name] = logs[name] or {
    moments = prefix .. 'moments:' .. name, key = prefix .. 'slots:' .. name,
    held = {}, used = nil, changes = {}, fresh = {},
  }
  return logs[name]
end

local function writeLog(log)
  for field, calls in pairs(log.changes) do
    if calls ~= 0 then redis.call('HINCRBY', log.key, field, calls) end
  end
  for moment in pairs(log.fresh) do redis.call('ZADD', log.moments, moment, moment) end
  log.changes, log.fresh = {}, {}
end

local function writeLogs()
  for _, log in pairs(logs) do writeLog(log) end
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

local function held(log, field)
  log.held[field] = log.held[field]
    or (tonumber(redis.call('HGET', log.key, field)) or 0) + (log.changes[field] or 0)
  return log.held[field]
end

local function note(log, field, calls)
  log.changes[field] = (log.changes[field] or 0) + calls
  if log.held[field] then log.held[field] = log.held[field] + calls end
end

-- A moment whose last slot is given back stays in the log, with nothing to count, until its time is over.
local function add(slot, calls)
  local log, moment = logOf(slot.limit), json(slot.at)
  note(log, moment .. ':' .. slot.lane, calls)
  log.changes[slot.lane] = (log.changes[slot.lane] or 0) + calls
  if log.used then log.used[slot.lane] = log.used[slot.lane] + calls end
  if calls > 0 then log.fresh[moment] = true end
end

local function giveBack(slot)
  if held(logOf(slot.limit), json(slot.at) .. ':' .. slot.lane) > 0 then add(slot, -1) end
end

local function settle(slot)
  local at = noted(slot.windowMs, now)
  if at >= slot.at then return end
  local log, moment, field = logOf(slot.limit), json(at), json(slot.at) .. ':' .. slot.lane
  if held(log, field) <= 0 then return end
  note(log, field, -1)
  note(log, moment .. ':' .. slot.lane, 1)
  log.fresh[moment] = true
end

-- How many slots count now, by lane. What no longer counts is taken out of the log on the way.
local function used(limit)
  local log = logOf(limit.name)
  if log.used then return log.used end
  writeLog(log)
  for _, moment in ipairs(redis.call('ZRANGEBYSCORE', log.moments, '-inf', now - limit.windowMs)) do
    local over = numbers(redis.call('HMGET', log.key, fields(moment)))
    for _, lane in ipairs(lanes) do
      if over[lane] > 0 then redis.call('HINCRBY', log.key, lane, -over[lane]) end
    end
    redis.call('HDEL', log.key, fields(moment))
    redis.call('ZREM', log.moments, moment)
    log.held = {}
  end
  log.used = numbers(redis.call('HMGET', log.key, unpack(lanes)))
  return log.used
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
  local log = logOf(limit.name)
  writeLog(log)
  for place = 0, redis.call('ZCARD', log.moments) - 1 do -- one by one: mostly the first gives somebody a place
    local moment = redis.call('ZRANGE', log.moments, place, place)[1]
    local over = numbers(redis.call('HMGET', log.key, fields(moment)))
    for _, lane in ipairs(lanes) do left[lane] = left[lane] - over[lane] end
    if turn(limit, left, asks) then return moment + limit.windowMs - now end
  end
  return nil
end

-- Lanes in which somebody waits.
local function waiting()
  if waits then return waits end
  for _, lane in ipairs(lanes) do writePlaces(queue[lane]) end
  waits = { interactive = false, recovery = false, bulk = false }
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
  local asks, queued = { [counted] = true }, false
  if ask.lane ~= null then
    local others = waiting()
    for _, lane in ipairs(lanes) do
      queued = queued or others[lane]
      if lane == counted then break end
    end
    for _, lane in ipairs(lanes) do asks[lane] = asks[lane] or others[lane] end
  end
  if not queued and turn(limit, taken, asks) == counted then return slotAt(limit, ask.holdMs, counted) end
  return nil, freeInMs(limit, taken, asks) or limit.windowMs
end
`;
