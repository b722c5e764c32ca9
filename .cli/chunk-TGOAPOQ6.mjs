import {
  LifecycleError,
  ahead,
  claimableAt,
  decodeHead,
  decodeRow,
  differs,
  encodeRow,
  freeInMs,
  grantedInMs,
  inTime,
  isLifecycleError,
  isTombstoneText,
  keyvView,
  lanes,
  leasedTo,
  lostStore,
  mayTake,
  newLog,
  opened,
  outlasting,
  readLog,
  shiftedBy,
  shown,
  sleep,
  slotAt,
  systemClock,
  turn,
  used,
  verdict,
  waitsIn,
  withSettled,
  withSlot,
  withoutSlot,
  written
} from "./chunk-XRE227HE.mjs";

// adapters/lmdb.ts
import { resolve as resolve2 } from "node:path";

// src/store/steady-time.ts
var toleranceMs = 5e3;
var believeMs = 6e4;
var rememberedJumps = 1440;
function steadyTime(clock) {
  const began = clock.monotonic();
  let start = middle([clock.now(), clock.now(), clock.now()]);
  let past = { since: start, jump: null };
  let doubt = null;
  let notBefore = Number.NEGATIVE_INFINITY;
  function now() {
    const monotonic = clock.monotonic();
    const exact = start + Math.max(0, monotonic - began);
    const expected = Math.max(Math.floor(exact), notBefore);
    const wall = clock.now();
    if (!Number.isFinite(wall)) return expected;
    const by = wall - expected;
    if (Math.abs(by) <= toleranceMs) {
      doubt = null;
      return expected;
    }
    if (doubt === null || Math.abs(by - doubt.by) > toleranceMs) {
      notBefore = Math.ceil(exact);
      doubt = { at: monotonic, since: notBefore, by };
    }
    if (monotonic - doubt.at < believeMs) return Math.max(expected, notBefore);
    doubt = null;
    notBefore = Number.NEGATIVE_INFINITY;
    const { jump, earlier = [], since } = past;
    past = {
      since: wall,
      jump: { from: expected, by, since },
      ...jump !== null && { earlier: [...earlier, jump].slice(-rememberedJumps) }
    };
    start += by;
    return wall;
  }
  return {
    now,
    past: () => past,
    latest(since) {
      const steady = now();
      return doubt !== null && doubt.by > 0 && since < doubt.since ? steady + doubt.by : steady;
    }
  };
}
function middle(readings) {
  const sorted = readings.filter(Number.isFinite).toSorted((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
function steadyClock(clock) {
  const { now, latest } = steadyTime(clock);
  return {
    now,
    latest,
    monotonic: () => clock.monotonic(),
    timer: (ms, task) => clock.timer(ms, task),
    random: () => clock.random()
  };
}

// src/store/table-slots.ts
function openedLog(tables, limit, { now, past }) {
  const kept = tables.logs.get(limit.name) ?? newLog;
  const log = opened(kept, limit, now, past);
  if (differs(log, kept)) tables.logs.set(limit.name, log);
  return log;
}
function freeSlot(tables, time, { limit, holdMs, lane }) {
  const { now } = time;
  const log = openedLog(tables, limit, time).moments;
  const counted = lane ?? "interactive";
  if (lane === null || hasNoQueue(tables)) {
    if (mayTake(limit, used(log, limit.windowMs, now), counted)) return slotAt(limit, now, holdMs, counted);
  }
  const waits = (other) => lane !== null && tables.waiting[other].first(1).length > 0;
  const asks = (other) => other === counted || waits(other);
  const queued = lanes.slice(0, lanes.indexOf(counted) + 1).some(waits);
  if (!queued && turn(limit, used(log, limit.windowMs, now), asks) === counted) {
    return slotAt(limit, now, holdMs, counted);
  }
  return freeInMs(log, limit, now, asks) ?? limit.windowMs;
}
function note(tables, slot, now) {
  changeLog(tables, slot, (log) => withSlot(log, slot, now));
}
function hasNoQueue({ waiting }) {
  for (const lane of lanes) if (waiting[lane].first(1).length > 0) return false;
  return true;
}
function changeLog(tables, slot, change2) {
  const log = tables.logs.get(slot.limit) ?? newLog;
  const after = change2(log);
  if (after !== log) tables.logs.set(slot.limit, after);
}
function settle(tables, slot, now) {
  changeLog(tables, slot, (log) => withSettled(log, slot, now));
}
function giveBack(tables, slot, now) {
  changeLog(tables, slot, (log) => withoutSlot(log, slot, now));
}

// src/store/table-store.ts
function tableStore(engine) {
  return {
    load: async (id) => engine.read((tables, now, past) => load(tables, { now, past }, id)),
    commit: (commit) => engine.write((tables, now, past) => write(sameAccount(tables, commit), { now, past }, commit)),
    claim: (ask) => engine.write(
      (tables, now, past) => claim(sameAccount(tables, ask), { now, past }, ask.limit, ask.lease)
    ),
    grant: (ask) => engine.write((tables, now, past) => grant(sameAccount(tables, ask), { now, past }, ask)),
    slots: {
      take: (request) => engine.write((tables, now, past) => {
        const slot = freeSlot(sameAccount(tables, request), { now, past }, request);
        if (typeof slot === "number") return { type: "refused", retryInMs: slot };
        note(tables, slot, now);
        return { type: "taken", slot };
      }),
      settle: (slot) => engine.write((tables, now) => settle(tables, slot, now)),
      giveBack: (slot) => engine.write((tables, now) => giveBack(tables, slot, now)),
      forecast: async (ask) => engine.read((tables, now, past) => forecast(tables, { now, past }, ask))
    },
    move: (move) => engine.write((tables, now, past) => rename(sameAccount(tables, move.commit), { now, past }, move)),
    erase: (ask) => engine.write((tables) => erase(sameAccount(tables, ask), [...ask.ids, ask.to], ask.ids)),
    page: async ({ state, after, limit }) => engine.read((tables) => tables.states.page(state, after, limit)),
    counts: async () => engine.read((tables) => tables.states.counts()),
    account: {
      load: async () => engine.read((tables) => {
        const row = tables.account.get();
        if (row === void 0) return null;
        const { value, revision, identity } = row;
        return { value, revision, identity };
      }),
      commit: ({ value, expectedRevision, writeId, identity }) => engine.write((tables) => {
        const row = sameAccount(tables, { identity }).account.get();
        if (row?.writeId === writeId) return true;
        if ((row?.revision ?? 0) !== expectedRevision) return false;
        const isFrom = row?.identity ?? writeId;
        tables.account.set({ value, revision: expectedRevision + 1, writeId, identity: isFrom });
        return true;
      })
    },
    probe: () => engine.probe?.() ?? engine.write(() => void 0),
    close: () => engine.close()
  };
}
function sameAccount(tables, { identity }) {
  if (identity !== void 0 && tables.account.get()?.identity !== identity) throw lostStore();
  return tables;
}
function rowOf(tables, id) {
  if (tables.rows.read !== void 0) return tables.rows.read(id);
  const text = tables.rows.get(id);
  return text === void 0 ? void 0 : decodeRow(text);
}
function storeRow(tables, id, row) {
  if (tables.rows.keep === void 0) tables.rows.set(id, encodeRow(row));
  else tables.rows.keep(id, row);
}
function headOf(tables, id) {
  if (tables.rows.read !== void 0) return tables.rows.read(id);
  const text = tables.rows.get(id);
  return text === void 0 ? void 0 : decodeHead(text);
}
function load(tables, { now, past }, id) {
  const row = rowOf(tables, id);
  if (row === void 0) return { type: "absent" };
  if ("renamedTo" in row) return { type: "renamed", to: row.renamedTo };
  return { type: "record", record: shown(id, outlasting(row, past), now) };
}
function write(tables, time, commit) {
  const row = headOf(tables, commit.id);
  if (row === void 0 && commit.unless !== void 0 && isRecord(headOf(tables, commit.unless)))
    return { type: "conflict" };
  return change(tables, time, commit, row, commit.id);
}
function rename(tables, time, { from, commit }) {
  const source = headOf(tables, from);
  const target = headOf(tables, commit.id);
  if (target !== void 0 && !("renamedTo" in target)) {
    return target.writeId === commit.writeId ? { type: "committed", revision: target.revision, slot: target.took ?? null } : { type: "conflict" };
  }
  if (source === void 0 || "writeId" in source && source.writeId === commit.writeId) {
    return { type: "conflict" };
  }
  const done = change(tables, time, commit, source, from);
  if (done.type === "committed") storeRow(tables, from, { renamedTo: commit.id });
  return done;
}
function isRecord(row) {
  return row !== void 0 && !("renamedTo" in row);
}
function erase(tables, targets, ids) {
  for (const id of ids) {
    const leads = targets.some((to) => tables.rows.get(id) === encodeRow({ renamedTo: to }));
    if (leads) tables.rows.delete(id);
  }
}
function change(tables, time, commit, row, oldId) {
  const { now, past } = time;
  const ruling = verdict(isRecord(row) ? outlasting(row, past) : row, commit, now);
  const revision = commit.expectedRevision + 1;
  if (ruling === "conflict") return { type: "conflict" };
  const before = row;
  if (ruling === "again") return { type: "committed", revision, slot: before?.took ?? null };
  const slot = commit.take === void 0 ? null : freeSlot(tables, time, commit.take);
  if (typeof slot === "number") return { type: "refused", retryInMs: slot };
  put(tables, oldId, before, commit.id, written(before, commit, now, slot));
  if (slot !== null) note(tables, slot, now);
  if (commit.giveBack !== void 0) giveBack(tables, commit.giveBack, now);
  if (commit.settle !== void 0) settle(tables, commit.settle, now);
  return { type: "committed", revision, slot };
}
function put(tables, oldId, before, id, after) {
  storeRow(tables, id, after);
  const moved = oldId !== id;
  const dueBefore = before === void 0 ? null : claimableAt(before);
  const dueAfter = claimableAt(after);
  if (moved || dueBefore !== dueAfter) {
    if (dueBefore !== null) tables.due.delete(dueBefore, oldId);
    if (dueAfter !== null) tables.due.add(dueAfter, id);
  }
  const waitBefore = before === void 0 ? null : waitsIn(before);
  const waitAfter = waitsIn(after);
  if (moved || waitBefore?.lane !== waitAfter?.lane || waitBefore?.since !== waitAfter?.since) {
    if (waitBefore !== null) tables.waiting[waitBefore.lane].delete(waitBefore.since, oldId);
    if (waitAfter !== null) tables.waiting[waitAfter.lane].add(waitAfter.since, id);
  }
  if (moved || before?.state !== after.state) {
    if (before !== void 0) tables.states.delete(before.state, oldId);
    tables.states.add(after.state, id);
  }
}
function claim(tables, { now, past }, limit, lease) {
  if (past.jump !== null && past.jump.by < 0) correctRows(tables, past.jump);
  const claimed = [];
  for (const { at, id } of tables.due.first(limit)) {
    if (at > now) break;
    const row = readableRow(tables, id);
    if (row !== void 0 && claimableAt(row) === at) {
      const lasting = outlasting(row, past);
      if (lasting === row) claimed.push({ record: leaseOut(tables, now, id, row, lease), slot: null });
      else put(tables, id, row, id, lasting);
    } else tables.due.delete(at, id);
  }
  const next = tables.due.first(1)[0];
  return { claimed, nextInMs: next === void 0 ? null : Math.max(0, next.at - now) };
}
var rowsPerUnit = 100;
var longestWaitMs = 6 * 36e5;
var correctedTo = /* @__PURE__ */ new WeakMap();
function correctRows(tables, jump) {
  const end = jump.from + longestWaitMs;
  const from = correctedTo.get(jump) ?? jump.since;
  if (from > end) return;
  const found = tables.due.first(rowsPerUnit, from);
  for (const { at, id } of found) {
    if (at > end) break;
    const row = readableRow(tables, id);
    if (row !== void 0 && claimableAt(row) === at) put(tables, id, row, id, shiftedBy(row, jump.by));
  }
  const last = found.length < rowsPerUnit ? void 0 : found.at(-1)?.at;
  correctedTo.set(jump, last ?? Number.POSITIVE_INFINITY);
}
function grant(tables, { now, past }, ask) {
  const { limit, max, lease } = ask;
  if (hasNoQueue(tables)) return { claimed: [], nextInMs: null };
  let log = openedLog(tables, limit, { now, past });
  let counts = used(log.moments, limit.windowMs, now);
  const claimed = [];
  const queues = lanes.map((lane) => ({ lane, entries: [...tables.waiting[lane].first(max)] }));
  const entriesOf = (lane) => queues[lanes.indexOf(lane)]?.entries ?? [];
  while (claimed.length < max) {
    const lane = turn(limit, counts, (other) => entriesOf(other).length > 0);
    const first = lane === null ? void 0 : entriesOf(lane).shift();
    if (lane === null || first === void 0) break;
    const row = readableRow(tables, first.id);
    const waits = row === void 0 ? null : waitsIn(row);
    if (row === void 0 || waits?.lane !== lane || waits.since !== first.at) {
      tables.waiting[lane].delete(first.at, first.id);
      continue;
    }
    const slot = slotAt(limit, now, ask.holdMs, lane);
    claimed.push({ record: leaseOut(tables, now, first.id, row, lease), slot });
    log = withSlot(log, slot, now);
    counts = { ...counts, [lane]: counts[lane] + 1 };
  }
  if (claimed.length > 0) tables.logs.set(limit.name, log);
  const more = lanes.filter((lane) => tables.waiting[lane].first(1).length > 0);
  return {
    claimed,
    nextInMs: more.length > 0 ? freeInMs(log.moments, limit, now, (lane) => more.includes(lane)) : null
  };
}
function forecast(tables, { now, past }, { limit, calls, lane }) {
  const log = opened(tables.logs.get(limit.name) ?? newLog, limit, now, past).moments;
  const waiting = Object.fromEntries(lanes.map((each) => [each, tables.waiting[each].size()]));
  return {
    used: used(log, limit.windowMs, now),
    waiting,
    inMs: grantedInMs(log, limit, now, ahead(waiting, lane) + calls, lane)
  };
}
function readableRow(tables, id) {
  try {
    const row = rowOf(tables, id);
    return row === void 0 || "renamedTo" in row ? void 0 : row;
  } catch (error) {
    if (isLifecycleError(error, "RECORD_DAMAGED")) return void 0;
    throw error;
  }
}
function leaseOut(tables, now, id, row, lease) {
  const after = leasedTo(row, lease, now);
  put(tables, id, row, id, after);
  return shown(id, after, now);
}

// adapters/lmdb/backup.ts
import { chmod, lstat, mkdir, mkdtemp, open as open2, realpath, rename as rename2, rm, stat } from "node:fs/promises";
import { dirname, join as join4, resolve, sep } from "node:path";
import process2 from "node:process";

// adapters/lmdb/folder.ts
import {
  accessSync,
  closeSync as closeSync2,
  constants,
  mkdirSync,
  openSync as openSync2,
  readSync as readSync2,
  statfsSync,
  statSync as statSync3
} from "node:fs";
import { devNull } from "node:os";
import { join as join3 } from "node:path";
import { open } from "lmdb";

// adapters/lmdb/environments.ts
import { realpathSync as realpathSync2, statSync as statSync2 } from "node:fs";
import { join as join2 } from "node:path";

// adapters/lmdb/failures.ts
async function reasonOf(failure) {
  if (typeof failure !== "object" || failure === null || !("commitError" in failure)) return failure;
  const cause = Promise.resolve(failure.commitError).then(
    () => failure,
    (reason) => reason
  );
  return Promise.race([cause, sleep(systemClock, 100).then(() => failure)]);
}
function unavailable(doing, cause) {
  if (isFull(cause)) return full(cause);
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the LMDB store`, {
    retryable: true,
    cause
  });
}
function inVain(doing, timeoutMs) {
  const why = `timed out after ${timeoutMs} ms: another process may be suspended during a write, or the disk may hang`;
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the LMDB store: ${why}`, {
    retryable: true
  });
}
function full(cause) {
  return new LifecycleError("STORE_UNAVAILABLE", "Cannot write to the LMDB store: its disk is full", {
    retryable: true,
    cause
  });
}
function isFull(cause) {
  if (!(cause instanceof Error)) return false;
  const code = "code" in cause ? cause.code : void 0;
  return ["ENOSPC", "EDQUOT", 28, 122].some((known) => known === code) || /no space left|disk quota exceeded/i.test(cause.message) || cause.cause !== void 0 && isFull(cause.cause);
}
function astray(doing) {
  const why = "its folder was removed, moved or replaced, and new writes would be lost";
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the LMDB store: ${why}`, {
    retryable: true
  });
}
function unlocked() {
  return lostStore("its lock.mdb was deleted or replaced while this process had the LMDB store open");
}
function closedStore() {
  return new LifecycleError("CLOSED", "Cannot use the LMDB store: it was closed");
}
function reading(root, read) {
  try {
    root.get("/");
    return read();
  } catch (cause) {
    throw isLifecycleError(cause) ? cause : unavailable("read", cause);
  }
}
async function onDisk(begin) {
  try {
    return await begin();
  } catch (cause) {
    throw isLifecycleError(cause) ? cause : unavailable("write to", await reasonOf(cause));
  }
}
function write2(done) {
  void done;
}

// adapters/lmdb/writer-lock.ts
import { closeSync, openSync, readFileSync, readSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
var headBytes = 256;
var stamp = 3203383518;
var commitAt = 2;
function lookAt(folder, isOpen) {
  if (process.platform !== "linux") return void 0;
  const path = join(folder, "lock.mdb");
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === void 0 || stats.size < headBytes) return void 0;
    const address = addressOf(realpathSync(path), stats.ino);
    if (address !== void 0) return inMemory(address);
    return isOpen || !isInUse(stats.ino) ? void 0 : inFile(path);
  } catch {
    return void 0;
  }
}
function isInUse(ino) {
  return readFileSync("/proc/locks", "utf8").includes(`:${ino} `);
}
function inFile(path) {
  const head = new Uint32Array(headBytes / 4);
  const file = openSync(path, "r");
  try {
    readSync(file, head, 0, headBytes, 0);
  } finally {
    closeSync(file);
  }
  const lock = lockIn(head);
  return lock === void 0 ? void 0 : () => sightIn(head, lock);
}
var memory;
function inMemory(address) {
  memory ??= openSync("/proc/self/mem", "r");
  const from = memory;
  const head = new Uint32Array(headBytes / 4);
  const read = (bytes) => readSync(from, head, 0, bytes, address);
  read(headBytes);
  const lock = lockIn(head);
  if (lock === void 0) return void 0;
  return () => {
    read(4 * (lock + 1));
    return sightIn(head, lock);
  };
}
function addressOf(path, ino) {
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    if (!line.endsWith("/lock.mdb")) continue;
    const [range = "", , offset, , number] = line.split(/ +/);
    const fits = number === String(ino) || line.slice(line.indexOf("/")) === path;
    if (fits && offset === "00000000") return Number.parseInt(range, 16);
  }
  return void 0;
}
function lockIn(head) {
  if (head[0] !== stamp) return void 0;
  for (const mutex of [16, 32]) {
    if (head[mutex + 4] === 144) return mutex;
    if (head[mutex] === 132) return mutex + 1;
  }
  return void 0;
}
function sightIn(head, lock) {
  return { holder: (head[lock] ?? 0) & 1073741823, commit: head[commitAt] ?? 0 };
}

// adapters/lmdb/environments.ts
var environments = /* @__PURE__ */ new Map();
async function shareOf(folder, opening) {
  const { timeoutMs } = opening;
  const until = systemClock.monotonic() + timeoutMs;
  const queue = new Queue(() => lookAt(folder, false)?.());
  for (; ; ) {
    const known = environments.get(fileIn(folder) ?? "");
    if (known === void 0 ? queue.isOurTurn() : known.closing === void 0) {
      return share(folder, known ?? opened2(folder, opening), timeoutMs);
    }
    if (systemClock.monotonic() > until) throw inVain("open", timeoutMs);
    if (known?.closing === void 0) await queue.wait();
    else await Promise.race([known.closing.catch(() => void 0), sleep(systemClock, 20)]);
  }
}
var Queue = class {
  #look;
  #looks = 0;
  #last;
  constructor(look) {
    this.#look = look;
  }
  /** Whether the lock is free or is being passed between processes, in which case a request will soon be served. */
  isOurTurn() {
    const sight = this.#look();
    if (sight === void 0 || sight.holder === 0) return true;
    const last = this.#last;
    this.#last = sight;
    const goesAround = last?.holder !== sight.holder || last.commit !== sight.commit;
    return ++this.#looks > patientLooks && goesAround;
  }
  wait() {
    return sleep(systemClock, this.#looks < 100 ? 1 : 10);
  }
};
var patientLooks = 4;
function opened2(folder, { maxAccounts, open: open3 }) {
  const root = open3();
  const file = fileIn(folder) ?? `removed at once: ${folder}`;
  const lock = fileIn(folder, "lock.mdb");
  const look = lookAt(folder, true);
  const environment = { root, maxAccounts, file, lock, look, shares: 0, underWay: 0 };
  environments.set(file, environment);
  return environment;
}
function share(folder, environment, timeoutMs) {
  const { root, maxAccounts, file, lock, look } = environment;
  environment.shares++;
  const end = async () => {
    if (environment.underWay > 0) await new Promise((resolve3) => environment.idle = resolve3);
    try {
      await root.close();
    } finally {
      environments.delete(file);
    }
  };
  const giveBack2 = async () => {
    if (--environment.shares > 0) return;
    environment.closing = end();
    const over = new AbortController();
    const late = sleep(systemClock, timeoutMs, over.signal).catch(() => void 0);
    try {
      await Promise.race([environment.closing, late]);
    } finally {
      over.abort();
    }
  };
  let given;
  return {
    root,
    maxAccounts,
    isThere: () => fileIn(folder) === file,
    isLocked: () => fileIn(folder, "lock.mdb") === lock,
    async enter(wanted, begin) {
      if (look !== void 0 && environment.underWay === 0) {
        const queue = new Queue(look);
        while (!queue.isOurTurn()) {
          await queue.wait();
          if (!wanted()) throw inVain("write to", timeoutMs);
          if (environment.underWay > 0) break;
        }
      }
      environment.underWay++;
      try {
        return await begin();
      } finally {
        if (--environment.underWay === 0) environment.idle?.();
      }
    },
    close: () => given ??= giveBack2()
    // a repeated call must not release another reference
  };
}
function fileIn(folder, name = "data.mdb") {
  const path = join2(folder, name);
  const stats = statSync2(path, { bigint: true, throwIfNoEntry: false });
  if (stats === void 0) return void 0;
  return stats.ino === 0n ? realpathSync2(path) : `${stats.dev}:${stats.ino}`;
}

// adapters/lmdb/tables.ts
var databasesPerAccount = 8;
function holdsAccount(root, account) {
  const name = `${account}/account`;
  return [...root.getKeys({ start: name, limit: 1 })].includes(name);
}
function lmdbTables(root, account) {
  const rows = root.openDB({ name: `${account}/users`, encoding: "string" });
  const due = root.openDB({ name: `${account}/due`, encoding: "ordered-binary" });
  const laneOf = (lane) => root.openDB({ name: `${account}/${lane}`, encoding: "ordered-binary" });
  const states = root.openDB({
    name: `${account}/states`,
    encoding: "ordered-binary",
    dupSort: true
  });
  const logs = root.openDB({ name: `${account}/slots`, encoding: "json" });
  const accountRows = root.openDB({ name: `${account}/account`, encoding: "json" });
  const changedLogs = /* @__PURE__ */ new Map();
  let seen = null;
  let isWriting = false;
  const emptyLanes = /* @__PURE__ */ new Set();
  const tables = {
    rows: {
      get: (id) => rows.get(id),
      set: (id, text) => write2(rows.put(id, text)),
      delete: (id) => write2(rows.remove(id))
    },
    due: {
      add: (at, id) => write2(due.put([at, id], true)),
      delete: (at, id) => write2(due.remove([at, id])),
      first: (limit, from = 0) => Array.from(due.getKeys({ start: [from, ""], limit }), ([at, id]) => ({ at, id }))
    },
    waiting: Object.fromEntries(
      lanes.map((lane) => [lane, laneQueue(laneOf(lane), lane, emptyLanes)])
    ),
    // covers all lanes
    states: {
      add: (state, id) => write2(states.put(state, id)),
      delete: (state, id) => write2(states.remove(state, id)),
      page(state, after, limit) {
        const start = after === void 0 ? {} : { start: after, exclusiveStart: true };
        if (state !== void 0) return Array.from(states.getValues(state, { ...start, limit }));
        const records = rows.getRange(start).filter(({ value }) => !isTombstoneText(value));
        return Array.from(records.slice(0, limit), ({ key }) => key);
      },
      counts: () => Object.fromEntries(Array.from(states.getKeys({}), (state) => [state, states.getValuesCount(state)]))
    },
    logs: {
      get: (limit) => changedLogs.get(limit) ?? readLog(logs.get(limit)),
      set: (limit, log) => void changedLogs.set(limit, log)
    },
    account: {
      get() {
        if (!isWriting) return accountRows.get("account");
        seen ??= { row: accountRows.get("account") };
        return seen.row;
      },
      set(row) {
        seen = null;
        write2(accountRows.put("account", row));
      }
    }
  };
  const within = (units) => {
    isWriting = true;
    try {
      units();
      for (const [limit, log] of changedLogs) write2(logs.put(limit, log));
    } finally {
      isWriting = false;
      seen = null;
      changedLogs.clear();
      emptyLanes.clear();
    }
  };
  return { tables, within };
}
function laneQueue(waiting, lane, emptyLanes) {
  return {
    add(at, id) {
      emptyLanes.delete(lane);
      write2(waiting.put([at, id], true));
    },
    delete: (at, id) => write2(waiting.remove([at, id])),
    first(limit) {
      if (limit <= 0 || emptyLanes.has(lane)) return [];
      const found = Array.from(waiting.getKeys({ limit }), ([at, id]) => ({ at, id }));
      if (found.length === 0) emptyLanes.add(lane);
      return found;
    },
    size: () => waiting.getStats().entryCount
    // typed as {} by lmdb
  };
}

// adapters/lmdb/writing.ts
import { ABORT } from "lmdb";
var patienceMs = 3e3;
function beginsAtLatest(root) {
  const { env } = root;
  return root.getWriteTxnId() === env.info().lastTxnId + 1;
}
async function writing({ root, enter }, wanted, unit) {
  const since = systemClock.monotonic();
  for (; ; ) {
    const done = await onDisk(
      () => enter(wanted, () => root.transaction(() => beginsAtLatest(root) ? { value: unit() } : void 0))
    );
    if (done !== void 0) return done.value;
    if (systemClock.monotonic() - since > patienceMs) throw unavailable("write to", leftBehind());
    await sleep(systemClock, 2);
  }
}
async function limited(doing, timeoutMs, task) {
  let over = false;
  const tooLate = () => {
    over = true;
    return inVain(doing, timeoutMs);
  };
  return inTime(systemClock, timeoutMs, () => task(() => !over), tooLate);
}
async function onceAtLatest({ root, enter }, wanted, unit) {
  let thrown;
  const run = () => {
    if (!wanted() || !beginsAtLatest(root)) return void 0;
    try {
      return { value: unit() };
    } catch (error) {
      thrown = { error };
      return ABORT;
    }
  };
  const begin = async () => {
    try {
      return await enter(wanted, () => root.childTransaction(run));
    } catch (cause) {
      throw await reasonOf(cause);
    }
  };
  const done = await begin().catch(begin);
  if (thrown !== void 0) throw thrown.error;
  return done;
}
function leftBehind() {
  return new Error(
    "a process died while it opened the store and left it read-only; the next process that opens the store repairs it, unless it already has it open"
  );
}

// adapters/lmdb/folder.ts
async function openFolder(folder, { maxAccounts, timeoutMs }, use) {
  let share2;
  try {
    mkdirSync(folder, { recursive: true, mode: 448 });
    await checkFolder(folder);
    const options = {
      path: folder,
      noSubdir: false,
      // otherwise lmdb treats a folder with a dot in its name as a file
      permissionsMode: 384,
      // of new files, which others could otherwise read and, under a permissive umask, write; missing from lmdb's types
      maxDbs: databasesPerAccount * maxAccounts + 1,
      overlappingSync: false,
      // a promise must resolve when the commit is on disk, not merely visible
      eventTurnBatching: false
      // its internal batch promise would reject unhandled on a full disk
    };
    const since = systemClock.monotonic();
    for (; ; ) {
      const mine = await shareOf(folder, { maxAccounts, timeoutMs, open: () => open(options) });
      share2 = mine;
      const { root } = mine;
      const keptOf = () => root.openDB({ name: "keyv", encoding: "json" });
      const done = await limited(
        "open",
        timeoutMs,
        (wanted) => onceAtLatest(mine, wanted, () => use(root, keptOf()))
      );
      if (!share2.isThere()) throw astray("open");
      if (done !== void 0) return { ...share2, used: done.value };
      await share2.close();
      if (systemClock.monotonic() - since > patienceMs) throw unavailable("open", leftBehind());
      await sleep(systemClock, 2);
    }
  } catch (cause) {
    await share2?.close();
    const most = share2?.maxAccounts ?? maxAccounts;
    throw isLifecycleError(cause) ? cause : unusable(folder, ruleBroken(cause, most), cause);
  }
}
function holdsStore(folder) {
  const path = join3(folder, "data.mdb");
  try {
    accessSync(path);
    return (statOf(path)?.size ?? 0) > 0;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return false;
    throw unusable(folder, ruleBroken(cause), cause);
  }
}
function unusable(folder, rule, cause) {
  return new LifecycleError("STORE_UNUSABLE", `Cannot open the store: ${rule}: ${folder}`, { cause });
}
async function checkFolder(folder) {
  const { R_OK, W_OK, X_OK } = constants;
  accessSync(folder, R_OK | W_OK | X_OK);
  checkDescriptors();
  for (const name of ["data.mdb", "lock.mdb"]) {
    const path = join3(folder, name);
    const stats = statOf(path);
    if ((stats === void 0 || stats.size === 0) && !hasRoom(folder)) {
      throw new NoStore("its disk is too full to create one");
    }
    if (stats === void 0) continue;
    if (!stats.isFile()) throw new NoStore(`its ${name} is not a file`);
    accessSync(path, R_OK | W_OK);
    if (name === "lock.mdb" || stats.size === 0 || isLmdb(path)) continue;
    await sleep(systemClock, 50);
    if (!isLmdb(path)) throw new NoStore(`its ${name} is not an LMDB file`);
  }
}
function checkDescriptors() {
  const files = [];
  try {
    while (files.length < 4) files.push(openSync2(devNull, "r"));
  } finally {
    for (const file of files) closeSync2(file);
  }
}
function hasRoom(folder) {
  const { bavail, blocks, bsize } = statfsSync(folder);
  return blocks === 0 || bavail * bsize >= 65536;
}
function isLmdb(path) {
  const start = new DataView(new ArrayBuffer(8192));
  const file = openSync2(path, "r");
  try {
    if (readSync2(file, start) < start.byteLength) return false;
  } finally {
    closeSync2(file);
  }
  const stamp2 = 3203383518;
  return [12, 16, 20, 24].some((at) => start.getUint32(at, true) === stamp2 || start.getUint32(at) === stamp2);
}
var NoStore = class extends Error {
};
function statOf(path) {
  return statSync3(path, { throwIfNoEntry: false });
}
function ruleBroken(cause, maxAccounts = 0) {
  if (cause instanceof NoStore) return `the folder must hold an LMDB store or none, and ${cause.message}`;
  if (!(cause instanceof Error)) return "LMDB did not open it";
  if (cause.message.includes("MDB_DBS_FULL")) {
    return `it already holds ${maxAccounts} accounts, the maximum set by the option maxAccounts`;
  }
  if (cause.message.includes("Invalid argument")) {
    return `another process seems to have closed it just now; restart this process (${cause.message})`;
  }
  if (cause.message.includes("MDB_READERS_FULL")) return "all of LMDB's reader slots are taken";
  const code = "code" in cause ? cause.code : void 0;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return `it must be writable (${code})`;
  if (code === "EMFILE" || code === "ENFILE") return `too many files are open (${code})`;
  if (code === "ENOTDIR" || code === "EEXIST") return `its path must be a folder (${code})`;
  return `LMDB or the system refused (${cause.message})`;
}

// adapters/lmdb/backup.ts
async function backUp(folder, timeoutMs, open3, to) {
  if (typeof to !== "string" || to === "") {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot back up the store: the target must be a folder, not ${String(to)}`
    );
  }
  const target = resolve(to);
  if (!holdsStore(folder)) throw refusal(`there is no store in the folder ${folder}`);
  if (await isThere(target)) throw refusal(taken(target));
  const [from, parent] = [await realpath(folder), await realParent(target)];
  if (parent === from || parent.startsWith(from + sep)) {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot back up the store: the target must not lie in the store's own folder: ${target}`
    );
  }
  const share2 = await open3();
  try {
    await copy(share2, timeoutMs, target);
  } finally {
    await share2.close();
  }
}
async function copy({ root, enter }, timeoutMs, target) {
  const until = systemClock.monotonic() + timeoutMs;
  const parent = dirname(target);
  const draft = await step(`no folder can be created in ${parent}`, async () => {
    await mkdir(parent, { recursive: true, mode: 448 });
    return mkdtemp(`${target}.unfinished-`);
  });
  try {
    await step(`the copy cannot be written in ${parent}`, async () => {
      const data = join4(draft, "data.mdb");
      await enter(
        () => systemClock.monotonic() < until,
        () => root.backup(draft, false)
      );
      await chmod(data, 384);
      await toDisk(data);
      await toDisk(draft);
    });
    try {
      await rename2(draft, target);
    } catch (cause) {
      throw await isThere(target) ? refusal(taken(target), cause) : refusal(`the copy cannot be renamed to ${target}`, cause);
    }
    await step(
      `the copy may not survive a power cut, its folder was not synced: ${target}`,
      () => toDisk(parent)
    );
  } finally {
    await rm(draft, { recursive: true, force: true }).catch(() => void 0);
  }
}
async function toDisk(path) {
  const folder = (await stat(path)).isDirectory();
  if (folder && process2.platform === "win32") return;
  const handle = await open2(path, folder ? "r" : "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
async function isThere(path) {
  const stats = await lstat(path).catch(() => void 0);
  return stats !== void 0;
}
async function realParent(path) {
  const parent = dirname(path);
  return parent === path ? path : realpath(parent).catch(() => realParent(parent));
}
async function step(rule, work) {
  try {
    return await work();
  } catch (cause) {
    throw isLifecycleError(cause) ? cause : refusal(rule, cause);
  }
}
function refusal(rule, cause) {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new LifecycleError("STORE_UNUSABLE", `Cannot back up the store: ${rule}${why}`, { cause });
}
function taken(target) {
  return `the target already exists: ${target}`;
}

// adapters/lmdb/commits.ts
function groupCommits(share2, { tables, within }, time, { folder, timeoutMs }) {
  const { root, isThere: isThere2, isLocked, close } = share2;
  let waiting = [];
  let begun = [];
  let running = null;
  let cancel = () => {
  };
  let closed = false;
  async function refuseUnlocked() {
    if (isThere2() && !isLocked()) throw unlocked();
  }
  async function commitAll() {
    watch(timeoutMs);
    while (waiting.length > 0) {
      try {
        await refuseUnlocked();
        await writing(
          share2,
          () => waiting.length > 0,
          () => {
            begun = waiting;
            waiting = [];
            within(() => begun.forEach((unit) => unit.run()));
          }
        );
        if (!isThere2()) throw astray("write to");
        for (const unit of begun) unit.settle();
      } catch (cause) {
        const failed = begun.length > 0 ? begun : waiting.splice(0);
        const error = isLifecycleError(cause) ? cause : unavailable("write to", cause);
        for (const unit of failed) unit.reject(error);
      }
      begun = [];
    }
    running = null;
    cancel();
  }
  function watch(ms) {
    cancel = systemClock.timer(ms, () => {
      const at = systemClock.monotonic();
      const isLate = ({ until }) => until <= at;
      const late = [...begun, ...waiting].filter(isLate);
      waiting = waiting.filter((unit) => !isLate(unit));
      for (const unit of late) unit.reject(inVain("write to", timeoutMs));
      const next = [...begun, ...waiting].find((unit) => !isLate(unit));
      watch(next === void 0 ? timeoutMs : Math.max(1, next.until - at));
    });
  }
  const engine = {
    write(unit) {
      if (closed) return Promise.reject(closedStore());
      return new Promise((resolve3, reject) => {
        let end;
        const run = () => {
          try {
            const now = time.now();
            const value = unit(tables, now, time.past());
            end = () => resolve3(value);
          } catch (error) {
            end = () => reject(isLifecycleError(error) ? error : unavailable("write to", error));
          }
        };
        const until = systemClock.monotonic() + timeoutMs;
        waiting.push({ until, run, settle: () => end(), reject });
        running ??= commitAll();
      });
    },
    read(unit) {
      if (closed) throw closedStore();
      return reading(root, () => unit(tables, time.now(), time.past()));
    },
    async probe() {
      if (!isThere2()) throw astray("write to");
      if (!isLocked()) throw unlocked();
      if (!hasRoom(folder)) throw full();
      await engine.write(() => void 0);
    },
    async close() {
      closed = true;
      const over = new AbortController();
      await Promise.race([running, sleep(systemClock, timeoutMs, over.signal).catch(() => void 0)]);
      over.abort();
      await close();
    }
  };
  return engine;
}

// src/store/expiring-texts.ts
function expiringTexts(table) {
  const expired = ({ until }) => until !== null && until <= systemClock.now();
  return {
    async get(key) {
      const kept = table.get(key);
      if (kept === void 0 || !expired(kept)) return kept?.text;
      await table.take(key, expired);
      return void 0;
    },
    set: (key, text, ttlMs) => table.put(key, { text, until: ttlMs === void 0 ? null : systemClock.now() + ttlMs }),
    async delete(key) {
      const taken2 = await table.take(key, () => true);
      return taken2 !== void 0 && !expired(taken2);
    },
    async *entries(prefix) {
      for (const [key, kept] of table.entries(prefix)) {
        if (expired(kept)) await table.take(key, expired);
        else yield [key, kept.text];
      }
    },
    clear: (prefix) => table.clear(prefix)
  };
}

// adapters/lmdb/keyv-backend.ts
function keyvBackend(opened3, timeoutMs) {
  const { root, used: kept, close } = opened3;
  const alone = (unit) => runAlone(opened3, timeoutMs, unit);
  const known = /* @__PURE__ */ new Map();
  async function rowsOf(account) {
    const name = `${account}/users`;
    const opened4 = known.get(account);
    if (opened4 !== void 0) return opened4;
    const [there] = reading(root, () => Array.from(root.getKeys({ start: name, limit: 1 })));
    if (there !== name) return void 0;
    const existing = { name, encoding: "string", create: false };
    const rows = await alone(() => root.openDB(existing)).catch((cause) => {
      throw unavailable("read", cause);
    });
    known.set(account, rows);
    return rows;
  }
  return {
    users: (account) => ({
      async get(id) {
        const rows = await rowsOf(account);
        return reading(root, () => rows?.get(id));
      },
      async *entries() {
        const rows = await rowsOf(account);
        if (rows !== void 0) yield* inPages(root, rows, "");
      }
    }),
    texts: expiringTexts({
      get: (key) => reading(root, () => kept.get(key)),
      put: (key, value) => alone(() => write2(kept.put(key, value))),
      take: (key, passes) => alone(() => {
        const found = kept.get(key);
        if (found === void 0 || !passes(found)) return void 0;
        write2(kept.remove(key));
        return found;
      }),
      entries: (prefix) => inPages(root, kept, prefix),
      clear: (prefix) => alone(() => {
        for (const [key] of Array.from(inPages(root, kept, prefix))) write2(kept.remove(key));
      })
    }),
    close
  };
}
function* inPages(root, from, prefix) {
  let last;
  for (; ; ) {
    const page = reading(root, () => Array.from(from.getRange({ start: last ?? prefix, limit: 100 })));
    for (const { key, value } of page) {
      if (!key.startsWith(prefix)) return;
      if (key !== last) yield [key, value];
    }
    if (page.length < 100) return;
    last = page.at(-1)?.key;
  }
}
async function runAlone(share2, timeoutMs, unit) {
  const ended = await limited(
    "write to",
    timeoutMs,
    (wanted) => writing(share2, wanted, () => {
      try {
        return wanted() ? { value: unit() } : { error: inVain("write to", timeoutMs) };
      } catch (error) {
        return { error };
      }
    })
  );
  if ("value" in ended) return ended.value;
  throw isLifecycleError(ended.error) ? ended.error : unavailable("write to", ended.error);
}

// adapters/lmdb.ts
function lmdb(path, options = {}) {
  if (typeof path !== "string" || path === "") {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot use an LMDB store: its path must be a folder, not ${String(path)}`
    );
  }
  const folder = resolve2(path);
  const { maxAccounts = 8, timeoutMs = 5e3 } = options;
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0) {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot use an LMDB store: \`timeoutMs\` must be a number of milliseconds above 0, not ${String(timeoutMs)}`
    );
  }
  const measures = { maxAccounts, timeoutMs };
  const accounts = /* @__PURE__ */ new Set();
  const backend = async () => keyvBackend(await openFolder(folder, measures, (_root, kept) => kept), timeoutMs);
  return {
    name: "lmdb",
    durable: true,
    timeoutMs,
    folder,
    backup: (to) => backUp(folder, timeoutMs, () => openFolder(folder, measures, () => null), to),
    keyv: (keyvOptions) => keyvView(keyvOptions, backend, accounts),
    async open({ account, clock, readOnly = false }) {
      if (readOnly && !holdsStore(folder)) throw nothingThere("an LMDB store", folder);
      const opened3 = await openFolder(folder, measures, (root) => {
        if (readOnly && !holdsAccount(root, account)) throw nothingThere("users of this client id", folder);
        return lmdbTables(root, account);
      });
      accounts.add(account);
      const time = steadyTime(clock);
      return tableStore(groupCommits(opened3, opened3.used, time, { folder, timeoutMs }));
    }
  };
}
function nothingThere(what, folder) {
  return new LifecycleError(
    "STORE_UNUSABLE",
    `Cannot read the store: the folder must hold ${what}, and it holds none: ${folder}`
  );
}

export {
  steadyClock,
  lmdb
};
