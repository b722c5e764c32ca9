/**
 * The slot logs, the lanes' shares, and which lane gets the next slot, in Lua: the rules of `src/store/sliding-window.ts`
 * and `lane-scheduler.ts`, which explain them.
 *
 * @module
 */

export const slots: string = String.raw`
-- Cached logs with pending changes applied: slots held per moment and lane, and the sums once they were read.
local logs = {}

local steps = nil -- by how much the server's clock was set, as the calling process has noticed

-- What the calling process knows of the server's time, see KnownTime. False: it must look at that first, since this
-- request was slow or the clock was set: forward would free slots early, and so would back, once it is set right.
local function knows(text)
  if not text or text == '' then return true end
  local known = cjson.decode(text)
  if now - known.latest > known.slackMs or known.earliest - now > stepMs then return false end
  steps = known.steps
  return true
end

local unsure = { 'unsure', json(now) }

local function logOf(name)
  logs[name] = logs[name] or {
    moments = prefix .. 'moments:' .. name, key = prefix .. 'slots:' .. name,
    held = {}, head = nil, sums = nil, used = {}, changes = {}, fresh = {},
  }
  return logs[name]
end

local function seenText(seen)
  local texts = {}
  for process, each in pairs(seen) do
    local numbers = {}
    for n = 1, 5 do numbers[n] = json(each[n]) end
    texts[#texts + 1] = json(process) .. ':[' .. table.concat(numbers, ',') .. ']'
  end
  return '{' .. table.concat(texts, ',') .. '}'
end

local function movesText(moves)
  local texts = {}
  for n, each in ipairs(moves) do texts[n] = '[' .. json(each[1]) .. ',' .. json(each[2]) .. ']' end
  return '[' .. table.concat(texts, ',') .. ']'
end

local function writeLog(log)
  for field, calls in pairs(log.changes) do
    if calls ~= 0 then redis.call('HINCRBY', log.key, field, calls) end
  end
  for moment in pairs(log.fresh) do redis.call('ZADD', log.moments, moment, moment) end
  local head = log.head
  if head and head.changed then
    redis.call('HSET', log.key, 'window', json(head.window), 'asked', json(head.asked), 'taken', json(head.taken))
    if head.isSeen then redis.call('HSET', log.key, 'seen', seenText(head.seen)) end
    if #head.moves > 0 then redis.call('HSET', log.key, 'moved', json(head.moved), 'moves', movesText(head.moves)) end
    head.changed = false
  end
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

-- Moves each moment to the one that 'to' returns. Discards the cached counts of the log.
local function moveMoments(log, to)
  writeLog(log)
  for _, moment in ipairs(redis.call('ZRANGE', log.moments, 0, -1)) do
    local target = json(to(tonumber(moment)))
    if target ~= moment then
      local over = numbers(redis.call('HMGET', log.key, fields(moment)))
      redis.call('HDEL', log.key, fields(moment))
      redis.call('ZREM', log.moments, moment)
      for _, lane in ipairs(lanes) do
        if over[lane] > 0 then
          local field = target .. ':' .. lane
          log.changes[field] = (log.changes[field] or 0) + over[lane]
        end
      end
      log.fresh[target] = true
    end
  end
  log.held, log.used = {}, {}
  writeLog(log)
end

-- Moves the moments of a log forward, but none beyond what a call that left now may reach.
local function moveForward(log, ms)
  local head = log.head
  local latest, by = noted(head.window, now + longestHoldMs), noted(head.window, ms)
  moveMoments(log, function(at) return math.min(at + by, math.max(latest, at)) end)
  head.asked = math.min(head.asked + ms, now)
  if head.taken > 0 then head.taken = now end
end

-- What a process that has not used the log yet would have seen when it began, see firstSeen().
local function firstSeen(head, noticed)
  local sums, certain, since, least = { 0 }, 1, noticed.since, noticed.leastMs or 0
  for n = #head.moves, 1, -1 do
    local at, each = head.moves[n][1], head.moves[n][2]
    if at <= since and at - each <= since then break end
    sums[#sums + 1] = sums[#sums] + each
    if at > since and certain == #sums - 1 then certain = certain + 1 end
  end
  local lowest, told, isLeast = math.huge, nil, false
  for n = certain, #sums do
    lowest = math.min(lowest, sums[n])
    isLeast = isLeast or least < -stepMs and math.abs(sums[n] - least) <= stepMs
    if math.abs(sums[n] - noticed.ms) <= stepMs then told = noticed.ms end
  end
  if isLeast then told = least end
  local moved = told and head.moved or head.moved - lowest
  return { told or 0, moved, moved, 0, -math.huge }
end

-- Forgets what processes have seen that asked too long ago, and of too many the one that asked first.
local function forgetSeen(head, process)
  local count, first = 0, nil
  for other, each in pairs(head.seen) do
    if not each[5] or now - each[5] >= seenForMs then head.seen[other] = nil
    elseif other ~= process then
      count = count + 1
      if not first or each[5] < head.seen[first][5] then first = other end
    end
  end
  if count >= mostSeen then head.seen[first] = nil end
end

-- Corrects the moments for what the clock was set since the log was used, see redated(). 'noticed': the steps that the
-- calling process has noticed. Returns whether it has moved any.
local function redate(log, noticed)
  local head, isMoved = log.head, false
  if head.taken > now + aheadMs then
    local by, latest = noted(head.window, now - head.taken), noted(head.window, now + longestHoldMs)
    moveMoments(log, function(at) return at > latest and math.min(at + by, latest) or at end)
    head.asked, head.taken, head.changed = math.min(head.asked, now), now, true
    isMoved = true
  end
  if not noticed then return isMoved end
  local seen = head.seen[noticed.process]
  if not seen or not seen[5] then seen = firstSeen(head, noticed) end
  local new, byOthers = noticed.ms - seen[1], head.moved - seen[3]
  if new == 0 and byOthers == 0 and now - seen[5] < seenAgainMs then return isMoved end
  local wasTakenBack = false
  for _, each in pairs(head.seen) do
    wasTakenBack = wasTakenBack or each[5] and each[4] > 0 and math.abs(byOthers - each[4]) <= stepMs
  end
  local disagrees = math.abs(seen[2] + new - head.moved) > stepMs
  local accepts = wasTakenBack and disagrees and not isMoved -- not where it has just been brought back to this time
  local own = new + (accepts and head.moved or seen[2])
  local due, back = own - head.moved, seen[4]
  if math.abs(due) > stepMs then
    local forward = byOthers > stepMs and math.max(new, due) or due -- it may have been for other steps than these
    if forward > stepMs then
      moveForward(log, forward)
      isMoved = true
    end
    if due < 0 and byOthers > stepMs and not accepts then back = -due end
    head.moved = head.moved + due
    head.moves[#head.moves + 1] = { now, due }
    if #head.moves > keptMoves then table.remove(head.moves, 1) end
  end
  forgetSeen(head, noticed.process)
  head.seen[noticed.process] = { noticed.ms, own, head.moved, back, now }
  head.changed, head.isSeen = true, true
  return isMoved
end

-- Reads the head of a log, its sums by lane, and one field, which it returns.
local function readHead(log, field)
  local texts = redis.call(
    'HMGET', log.key, 'interactive', 'recovery', 'bulk', 'window', 'asked', 'taken', 'moved', 'seen', 'moves', field or 'taken'
  )
  log.sums = numbers(texts)
  log.head = {
    window = tonumber(texts[4]) or 0, asked = tonumber(texts[5]) or 0, taken = tonumber(texts[6]) or 0, changed = false,
    moved = tonumber(texts[7]) or 0, seen = texts[8] and cjson.decode(texts[8]) or {},
    moves = texts[9] and cjson.decode(texts[9]) or {},
  }
  return texts[10]
end

local function held(log, field)
  if log.held[field] then return log.held[field] end
  local text
  if log.head then text = redis.call('HGET', log.key, field) else text = readHead(log, field) end
  log.held[field] = (tonumber(text) or 0) + (log.changes[field] or 0)
  return log.held[field]
end

local function note(log, field, calls)
  log.changes[field] = (log.changes[field] or 0) + calls
  if log.held[field] then log.held[field] = log.held[field] + calls end
end

-- A moment whose last slot was refunded stays in the log with a count of zero until it expires.
local function add(slot, calls)
  local log, moment = logOf(slot.limit), json(slot.at)
  note(log, moment .. ':' .. slot.lane, calls)
  log.changes[slot.lane] = (log.changes[slot.lane] or 0) + calls
  if log.sums then log.sums[slot.lane] = log.sums[slot.lane] + calls end
  for _, sums in pairs(log.used) do sums[slot.lane] = sums[slot.lane] + calls end
  if calls <= 0 then return end
  log.fresh[moment] = true
  if log.head and now - log.head.taken > takenNoteMs then log.head.taken, log.head.changed = now, true end
end

local function giveBack(slot)
  if held(logOf(slot.limit), json(slot.at) .. ':' .. slot.lane) > 0 then add(slot, -1) end
end

local function settle(slot)
  local at = noted(slot.windowMs, now)
  if at >= slot.at then return end
  local log, moment, field = logOf(slot.limit), json(at), json(slot.at) .. ':' .. slot.lane
  if held(log, field) <= 0 then return end
  if log.head.taken > now + stepMs then return end -- the clock was set back, perhaps by mistake
  note(log, field, -1)
  note(log, moment .. ':' .. slot.lane, 1)
  log.fresh[moment] = true
end

-- The number of slots in all moments up to 'latest', by lane.
local function sumUpTo(log, latest, each)
  local sum = { interactive = 0, recovery = 0, bulk = 0 }
  for _, moment in ipairs(redis.call('ZRANGEBYSCORE', log.moments, '-inf', latest)) do
    local over = numbers(redis.call('HMGET', log.key, fields(moment)))
    for _, lane in ipairs(lanes) do sum[lane] = sum[lane] + over[lane] end
    if each then each(moment) end
  end
  return sum
end

-- Removes the moments that the widest window no longer counts.
local function prune(log)
  local over = sumUpTo(log, now - log.head.window, function(moment)
    redis.call('HDEL', log.key, fields(moment))
    redis.call('ZREM', log.moments, moment)
    log.held = {}
  end)
  for _, lane in ipairs(lanes) do
    if over[lane] > 0 then
      redis.call('HINCRBY', log.key, lane, -over[lane])
      log.sums[lane] = log.sums[lane] - over[lane]
    end
  end
end

-- The number of slots that count now, by lane. Also prunes the log, by the widest window that was recently used for it.
local function used(limit)
  local log = logOf(limit.name)
  if not log.head then readHead(log) end
  redate(log, steps)
  local head, window = log.head, limit.windowMs
  local widens = window > head.window or now - head.asked > head.window
  if widens or window == head.window and now - head.asked > head.window / 8 then
    head.window, head.asked, head.changed = widens and window or head.window, now, true
  end
  if log.used[window] then return log.used[window] end
  writeLog(log)
  prune(log)
  local over = window < head.window and sumUpTo(log, now - window) or numbers({})
  for _, lane in ipairs(lanes) do over[lane] = log.sums[lane] - over[lane] end
  log.used[window] = over
  return over
end

local function turn(limit, taken, asks)
  local sum = taken.interactive + taken.recovery + taken.bulk
  local free = limit.calls - sum
  if free <= 0 then return nil end
  local owed, owedToAll, rest = {}, 0, limit.calls - (limit.reserved or 0)
  for _, lane in ipairs(lanes) do
    local least = lane ~= 'interactive' and limit.least and limit.least[lane] or 0
    owed[lane] = math.max(0, math.min(rest - taken.recovery - taken.bulk, least - taken[lane]))
    if asks[lane] then owedToAll = owedToAll + owed[lane] end
  end
  local owing = nil
  for _, lane in ipairs(lanes) do
    if asks[lane] and (lane == 'interactive' or sum < rest or owed[lane] > 0) then
      local room = lane == 'interactive' and free or rest - sum
      if room > owedToAll - owed[lane] then return lane end
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
  local over = limit.windowMs < log.head.window and redis.call('ZCOUNT', log.moments, '-inf', now - limit.windowMs) or 0
  for place = over, redis.call('ZCARD', log.moments) - 1 do -- one by one: usually the first one frees a slot
    local moment = redis.call('ZRANGE', log.moments, place, place)[1]
    local freed = numbers(redis.call('HMGET', log.key, fields(moment)))
    for _, lane in ipairs(lanes) do left[lane] = left[lane] - freed[lane] end
    if turn(limit, left, asks) then return moment + limit.windowMs - now end
  end
  return nil
end

-- The lanes with waiting users.
local function waiting()
  if waits then return waits end
  for _, lane in ipairs(lanes) do writePlaces(queue[lane]) end
  waits = { interactive = false, recovery = false, bulk = false }
  if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) == 0 then return waits end -- the usual case
  for _, lane in ipairs(lanes) do waits[lane] = redis.call('EXISTS', queue[lane]) == 1 end
  return waits
end

-- The lanes of them that the limit does not pause.
local function served(limit, asks)
  if not limit.paused then return asks end
  local left = { interactive = asks.interactive, recovery = asks.recovery, bulk = asks.bulk }
  for _, lane in ipairs(limit.paused) do left[lane] = false end
  return left
end

local function slotAt(limit, holdMs, lane)
  return { limit = limit.name, windowMs = limit.windowMs, lane = lane, at = noted(limit.windowMs, now + holdMs) }
end

-- The slot that this request would take; or nil and in how many milliseconds to ask again.
local function freeSlot(ask)
  local limit, taken = ask.limit, used(ask.limit)
  local counted = ask.lane == null and 'interactive' or ask.lane
  local asks, queued = { [counted] = true }, false
  if ask.lane ~= null then
    local others = served(limit, waiting())
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
