/**
 * One write of a row, in Lua, as used by commit and move: the rules of `src/store/row-rules.ts`.
 *
 * @module
 */

export const changing: string = String.raw`
-- The commit whose fields start at ARGV[n], for the row with this key.
local function commitAt(n, key)
  local commit = cjson.decode(ARGV[n])
  commit.id, commit.head, commit.lease, commit.value = key:sub(#users + 1), ARGV[n + 1], ARGV[n + 2], ARGV[n + 3]
  commit.events = ARGV[n + 4]
  return commit
end

local function verdict(row, commit)
  local ofHolder = commit.mode == 'keep' or commit.mode == 'end'
  if not row then return commit.expectedRevision == 0 and not ofHolder and 'write' or 'conflict' end
  if row.renamedTo then return 'conflict' end
  if row.writeId == commit.writeId then return 'again' end
  if row.revision ~= commit.expectedRevision then return 'conflict' end
  local ours = row.lease ~= null and row.lease.id == commit.leaseId
  if ofHolder then return ours and 'write' or 'conflict' end
  local live = row.lease ~= null and row.lease['until'] > now and row.lease['until'] <= now + longestLeaseMs
  return live and not (ours and commit.mode == 'take') and 'conflict' or 'write'
end

-- Records the row after the commit.
local function written(row, commit, took)
  local leased = commit.mode == 'take' or commit.mode == 'keep'
  local ends, since = now + commit.leaseMs, null
  if commit.lane ~= null then
    since = row and row.lane == commit.lane and row.waitsSince ~= null and row.waitsSince or now
  end
  local after = {
    revision = commit.revision, writeId = commit.writeId, state = commit.state,
    dueAt = commit.dueInMs ~= null and now + commit.dueInMs or null, lane = commit.lane, waitsSince = since,
    lease = leased and { id = commit.leaseId, ['until'] = ends } or null, took = took, text = nil, at = nil,
    staleAt = commit.staleInMs and now + commit.staleInMs,
  }
  local head = commit.head .. json(after.dueAt) .. (commit.lane == null and ',"lane":null' or ',"lane":"' .. commit.lane .. '"')
    .. ',"waitsSince":' .. json(since) .. ',"lease":' .. (leased and commit.lease .. json(ends) .. '}' or 'null')
    .. (after.staleAt and ',"staleAt":' .. json(after.staleAt) or '') .. (took and ',"took":' .. took or '')
  after.text, after.at = head .. commit.value, #head + 1
  put(users .. commit.id, after, after.text)
  return after
end

local function committed(row)
  return { 'committed', json(row.revision), row.took }
end

-- One write of a row that was stored under the id 'was'. Everything that can fail comes before the first change.
local function change(commit, row, was)
  local ruling = verdict(row, commit)
  if ruling == 'conflict' then return { 'conflict' } end
  if not row and commit.unless then
    local there = read(users .. commit.unless)
    if there and not there.renamedTo then return { 'conflict' } end
  end
  if ruling == 'again' then return committed(row) end
  local slot, ms = nil, nil
  if commit.take then
    slot, ms = freeSlot(commit.take)
    if not slot then return { 'refused', json(ms) } end
  end
  local after = written(row, commit, slot and slotText(slot))
  reindex(commit.id, after, was == commit.id and row or nil)
  if was ~= commit.id then index(was, nil) end
  local isElsewhere = not row or row.state ~= after.state or was ~= commit.id
  if isElsewhere then
    if row then stand(row.state, was, false) end
    stand(after.state, commit.id, true)
  end
  if isElsewhere or row.staleAt ~= after.staleAt then
    if row and row.staleAt then place(staleOf(row.state), was, nil) end
    if after.staleAt then place(staleOf(after.state), commit.id, after.staleAt) end
  end
  if slot then add(slot, 1) end
  if commit.giveBack then giveBack(commit.giveBack) end
  if commit.settle then settle(commit.settle) end
  append(commit.events)
  return committed(after)
end
`;
