// src/errors.ts
var brand = /* @__PURE__ */ Symbol.for("oneup-lifecycle.LifecycleError");
var LifecycleError = class extends Error {
  code;
  retryable;
  retryAfterMs;
  status;
  facts;
  constructor(code, message, details = {}) {
    super(message, details.cause === void 0 ? void 0 : { cause: details.cause });
    this.name = "LifecycleError";
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status;
    this.facts = details.facts ?? {};
    Object.defineProperty(this, brand, { value: true });
  }
};
function inWords(error) {
  if (isLifecycleError(error)) return String(error);
  if (!(error instanceof Error)) return `a thrown ${typeof error}`;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return [error.name, code].filter((word) => /^[\w.:-]{1,40}$/.test(word)).join(" ") || "Error";
}
function underneath(error, depth = 0) {
  if (!(error instanceof Error)) return new Error(`a thrown ${typeof error}`);
  const { cause } = error;
  const beneath = cause !== void 0 && depth < 4 ? { cause: underneath(cause, depth + 1) } : void 0;
  const copy = new Error(masked(error.message), beneath);
  copy.name = error.name;
  copy.stack = masked(error.stack ?? "");
  return "code" in error ? Object.assign(copy, { code: error.code }) : copy;
}
function masked(message) {
  return message.replaceAll(/\/\/[^\s/@]{0,500}@/g, "//***@").replaceAll(
    /\b(auth|pass|passwd|password|pwd|secret|token|apikey|key)(["']?\s*[=:]\s*["']?)[^\s&"',;]+/gi,
    "$1$2***"
  );
}
function isLifecycleError(error, code) {
  return typeof error === "object" && error !== null && brand in error && (code === void 0 || "code" in error && error.code === code);
}

// src/abort.ts
var tasksOf = /* @__PURE__ */ new WeakMap();
function runTasks() {
  const tasks = tasksOf.get(this) ?? [];
  tasksOf.delete(this);
  for (const task of tasks) task();
}
function onAbort(signal, task) {
  if (signal.aborted) {
    task();
    return () => {
    };
  }
  let tasks = tasksOf.get(signal);
  if (tasks === void 0) {
    tasks = /* @__PURE__ */ new Set();
    tasksOf.set(signal, tasks);
    signal.addEventListener("abort", runTasks, { once: true });
  }
  const all = tasks;
  const own = () => task();
  all.add(own);
  return () => {
    if (!all.delete(own) || all.size > 0 || tasksOf.get(signal) !== all) return;
    tasksOf.delete(signal);
    signal.removeEventListener("abort", runTasks);
  };
}
function untilAborted(signal, soon, task) {
  return new Promise((resolve, reject) => {
    let cancel = () => {
    };
    const unsubscribe = onAbort(signal, () => cancel = soon(() => reject(signal.reason)));
    const end = (settle) => {
      unsubscribe();
      cancel();
      settle();
    };
    task.then(
      (value) => end(() => resolve(value)),
      (error) => end(() => reject(error))
    );
  });
}
function linkSignals(...others) {
  const own = new AbortController();
  const links = [];
  const release = () => {
    for (const unlink of links.splice(0)) unlink();
  };
  const abort = (reason) => {
    release();
    own.abort(reason);
  };
  for (const other of others) {
    if (own.signal.aborted) break;
    if (other !== void 0) links.push(onAbort(other, () => abort(other.reason)));
  }
  return { signal: own.signal, abort, release };
}
async function withSignals(callers, lasting, task) {
  if (callers === void 0 || callers === lasting) return task(lasting);
  const linked = linkSignals(callers, lasting);
  try {
    return await task(linked.signal);
  } finally {
    linked.release();
  }
}

// src/clock.ts
var longestTimer = 2 ** 31 - 1;
var systemClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, task) {
    let handle;
    const arm = (left) => {
      handle = left > longestTimer ? setTimeout(() => arm(left - longestTimer), longestTimer) : setTimeout(task, Math.max(0, left));
    };
    arm(ms);
    return () => clearTimeout(handle);
  },
  random: () => Math.random()
};
function sleep(clock, ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = clock.timer(ms, () => {
      unsubscribe?.();
      resolve();
    });
    const unsubscribe = signal && onAbort(signal, () => {
      cancel();
      reject(signal.reason);
    });
  });
}
async function inTime(clock, ms, ask, tooLate) {
  let cancel = () => {
  };
  const late = new Promise((_, reject) => {
    cancel = clock.timer(ms, () => reject(tooLate()));
  });
  try {
    return await Promise.race([ask(), late]);
  } finally {
    cancel();
  }
}
function randomName(clock) {
  const part = () => {
    const random = clock.random() * 2 ** 24;
    const high = Math.floor(random);
    const low = Math.floor((random - high) * 2 ** 24).toString(36);
    return high === 0 ? low : high.toString(36) + low;
  };
  return part() + part();
}

// src/store/contract.ts
var lanes = ["interactive", "recovery", "bulk"];

// src/store/lane-scheduler.ts
var none = { interactive: 0, recovery: 0, bulk: 0 };
function total(counts) {
  return counts.interactive + counts.recovery + counts.bulk;
}
function turn(limit, used2, asks) {
  const taken = total(used2);
  const free = limit.calls - taken;
  if (free <= 0) return null;
  const rest = limit.calls - (limit.reserved ?? 0);
  const left = rest - used2.recovery - used2.bulk;
  const owed = (lane) => lane === "interactive" ? 0 : Math.max(0, Math.min(left, (limit.least?.[lane] ?? 0) - used2[lane]));
  const asking = lanes.filter(asks);
  const allowed = asking.filter((lane) => lane === "interactive" || taken < rest || owed(lane) > 0);
  const spare = (lane) => free > asking.reduce((sum, other) => other === lane ? sum : sum + owed(other), 0);
  return allowed.find(spare) ?? allowed.find((lane) => owed(lane) > 0) ?? null;
}
function mayTake(limit, used2, lane) {
  const taken = total(used2);
  if (taken >= limit.calls) return false;
  const rest = limit.calls - (limit.reserved ?? 0);
  if (lane === "interactive" || taken < rest) return true;
  return used2.recovery + used2.bulk < rest && used2[lane] < (limit.least?.[lane] ?? 0);
}
function reach(limit, lane) {
  if (lane === "interactive") return limit.calls;
  return Math.max(1, limit.calls - (limit.reserved ?? 0), limit.least?.[lane] ?? 0);
}
function ahead(waiting, lane) {
  return lanes.slice(0, lanes.indexOf(lane) + 1).reduce((sum, each) => sum + waiting[each], 0);
}

// src/store/row-rules.ts
var longestLeaseMs = 366e4;
function claimableAt(row) {
  if (row.lease !== null) return row.lease.until;
  return row.lane === null ? row.dueAt : null;
}
function waitsIn(row) {
  return row.lane !== null && row.lease === null ? { lane: row.lane, since: row.waitsSince ?? 0 } : null;
}
function verdict(row, commit, now) {
  if (row === void 0)
    return commit.expectedRevision === 0 && commit.mode !== "keep" && commit.mode !== "end" ? "write" : "conflict";
  if ("renamedTo" in row) return "conflict";
  if (row.writeId === commit.writeId) return "again";
  if (row.revision !== commit.expectedRevision) return "conflict";
  const ours = row.lease !== null && row.lease.id === commit.lease.id;
  if (commit.mode === "keep" || commit.mode === "end") return ours ? "write" : "conflict";
  const live = row.lease !== null && row.lease.until > now && row.lease.until <= now + longestLeaseMs;
  return live && !(ours && commit.mode === "take") ? "conflict" : "write";
}
function written(row, commit, now, took = null) {
  const leased = commit.mode === "take" || commit.mode === "keep";
  return {
    revision: commit.expectedRevision + 1,
    writeId: commit.writeId,
    state: commit.state,
    dueAt: commit.dueInMs === null ? null : now + commit.dueInMs,
    lane: commit.lane,
    waitsSince: commit.lane === null ? null : commit.lane === row?.lane ? row.waitsSince ?? now : now,
    lease: leased ? { id: commit.lease.id, owner: commit.lease.owner, until: now + commit.lease.ms } : null,
    ...took && { took },
    value: commit.value
  };
}
function leasedTo(row, lease, now) {
  return { ...row, lease: { id: lease.id, owner: lease.owner, until: now + lease.ms } };
}
function shiftedBy(row, ms) {
  const { lease, dueAt } = row;
  return {
    ...row,
    dueAt: dueAt === null ? null : dueAt + ms,
    lease: lease && { ...lease, until: lease.until + ms }
  };
}
function outlasting(row, { jump }) {
  const { lease } = row;
  if (lease === null || jump === null || jump.by <= 0) return row;
  const isOlder = lease.until > jump.from && lease.until <= jump.from + Math.min(jump.by, longestLeaseMs);
  return isOlder ? { ...row, lease: { ...lease, until: lease.until + jump.by } } : row;
}
function shown(id, row, now) {
  return {
    id,
    value: row.value,
    revision: row.revision,
    state: row.state,
    dueInMs: row.dueAt === null || row.lane !== null ? null : row.dueAt - now,
    lane: row.lane,
    lease: row.lease && { id: row.lease.id, owner: row.lease.owner, leftMs: row.lease.until - now }
  };
}
var beforeValue = ',"value":';
function encodeRow(row) {
  if ("renamedTo" in row) return JSON.stringify(row);
  const { value, ...head } = row;
  return `${JSON.stringify(head).slice(0, -1)}${beforeValue}${encodeValue(value)}}`;
}
function encodeValue(value) {
  try {
    const text = JSON.stringify(value);
    if (text !== void 0) return text;
  } catch (cause) {
    throw new LifecycleError("INVALID_OPTION", "Cannot store this value: it must survive JSON", { cause });
  }
  throw new LifecycleError("INVALID_OPTION", "Cannot store this value: it must survive JSON");
}
function decodeRow(text) {
  const row = parsed(text);
  if (isTombstone(row) || isHead(row) && "value" in row) return row;
  throw damaged();
}
function decodeHead(text) {
  const end = text.indexOf(beforeValue);
  const row = parsed(end < 0 ? text : `${text.slice(0, end)}}`);
  if (isTombstone(row) || isHead(row)) return row;
  throw damaged();
}
function isTombstoneText(text) {
  return text.startsWith('{"renamedTo":"');
}
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged();
  }
}
function isTombstone(row) {
  return typeof row === "object" && row !== null && "renamedTo" in row && typeof row.renamedTo === "string";
}
function isHead(row) {
  if (typeof row !== "object" || row === null) return false;
  const { revision, writeId, state, dueAt, lane, waitsSince, lease, took } = row;
  return typeof revision === "number" && typeof writeId === "string" && typeof state === "string" && (dueAt === null || typeof dueAt === "number") && (lane === null || lanes.some((known) => known === lane)) && (waitsSince === null || typeof waitsSince === "number") && (lease === null || isLease(lease)) && (took === void 0 || isSlot(took));
}
function isSlot(slot) {
  if (typeof slot !== "object" || slot === null) return false;
  const { limit, windowMs, lane, at } = slot;
  const counted = typeof windowMs === "number" && typeof at === "number";
  return typeof limit === "string" && counted && lanes.some((known) => known === lane);
}
function isLease(lease) {
  return typeof lease === "object" && lease !== null && "id" in lease && typeof lease.id === "string" && "owner" in lease && typeof lease.owner === "string" && "until" in lease && typeof lease.until === "number";
}
function damaged() {
  return new LifecycleError(
    "RECORD_DAMAGED",
    "Cannot read a record: its stored value is damaged or was not written by this library"
  );
}

// src/store/keyv-view.ts
import { Buffer } from "node:buffer";

// src/store/account-of.ts
import { createHash } from "node:crypto";
function accountOf(clientId) {
  return createHash("sha256").update("oneup-lifecycle account").update(clientId).digest("base64url").slice(0, 16);
}

// src/store/keyv-view.ts
function keyvView(options, connect, opened2) {
  const { namespace } = options;
  checkName(namespace, "its namespace");
  const session = sessionOn(connect);
  return namespace === "users" ? usersStorage(session, accountToShow(options, [...opened2])) : textStorage(session, namespace);
}
function sharedBackend(connect) {
  let openCount = 0;
  let shared;
  return async () => {
    const connection = shared ??= connect();
    openCount++;
    try {
      const backend = await connection;
      return {
        ...backend,
        async close() {
          if (--openCount > 0) return;
          shared = void 0;
          await backend.close();
        }
      };
    } catch (error) {
      openCount--;
      if (shared === connection) shared = void 0;
      throw error;
    }
  };
}
function sessionOn(connect) {
  const underWay = /* @__PURE__ */ new Set();
  let backend;
  let ended;
  async function connected() {
    const connection = backend ??= Promise.resolve().then(connect);
    try {
      return await connection;
    } catch (error) {
      if (backend === connection) backend = void 0;
      throw error;
    }
  }
  async function use(task) {
    if (ended !== void 0)
      throw new LifecycleError("CLOSED", "Cannot use this Keyv storage: it was disconnected");
    const running = connected().then(task);
    underWay.add(running);
    try {
      return await running;
    } finally {
      underWay.delete(running);
    }
  }
  async function end() {
    await Promise.allSettled(underWay);
    const there = await backend?.catch(() => void 0);
    await there?.close();
  }
  return {
    use,
    async *walk(entries) {
      const steps = await use(async (opened2) => entries(opened2)[Symbol.asyncIterator]());
      try {
        for (; ; ) {
          const step = await use(() => steps.next());
          if (step.done === true) return;
          yield step.value;
        }
      } finally {
        await steps.return?.();
      }
    },
    disconnect: () => ended ??= end()
    // only once, because others may share the backend
  };
}
function accountToShow({ clientId }, opened2) {
  if (typeof clientId === "string" && clientId !== "") return accountOf(clientId);
  const [only] = opened2;
  if (clientId === void 0 && only !== void 0 && opened2.length === 1) return only;
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot show users through Keyv: clientId must name the account, unless this adapter has opened one account; it has opened ${opened2.length}`
  );
}
function checkName(name, what) {
  if (typeof name === "string" && name !== "" && name.isWellFormed() && Buffer.byteLength(name) <= 128)
    return;
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot open a Keyv storage: ${what} must be a text of 1 to 128 bytes`
  );
}
function commonMembers(session) {
  return {
    opts: { dialect: "redis" },
    disconnect: () => session.disconnect(),
    on() {
      return this;
    }
  };
}
function usersStorage(session, account) {
  const refuse = async () => {
    throw new LifecycleError(
      "INVALID_OPTION",
      'Cannot change users through Keyv: the namespace "users" is read-only, only a lifecycle writes them'
    );
  };
  const prefix = () => storage.namespace ? `${storage.namespace}:` : "";
  const idOf = (key) => key.startsWith(prefix()) ? key.slice(prefix().length) : key;
  const snapshot = async (key) => {
    const text = await session.use((backend) => backend.users(account).get(idOf(key)));
    return text === void 0 ? void 0 : shownValue(text);
  };
  const storage = {
    ...commonMembers(session),
    get: (key) => snapshot(key),
    // Keyv decodes it
    getMany: (keys) => Promise.all(keys.map((key) => snapshot(key).catch(undefinedIfDamaged))),
    // as above
    has: async (key) => await snapshot(key) !== void 0,
    set: refuse,
    setMany: refuse,
    delete: refuse,
    deleteMany: refuse,
    clear: refuse,
    async *iterator() {
      for await (const [id, text] of session.walk((backend) => backend.users(account).entries())) {
        const value = await Promise.resolve(text).then(shownValue).catch(undefinedIfDamaged);
        if (value !== void 0) yield [`${prefix()}${id}`, value];
      }
    }
  };
  return storage;
}
function shownValue(text) {
  const row = decodeRow(text);
  if ("renamedTo" in row) return void 0;
  const escaped = (_key, value) => typeof value === "string" && value.startsWith(":") ? `:${value}` : value;
  return JSON.stringify({ value: row.value }, escaped);
}
function undefinedIfDamaged(error) {
  if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
}
function textStorage(session, namespace) {
  const partition = () => {
    const inner = storage.namespace ?? "";
    if (inner !== "") checkName(inner, "the namespace of its Keyv");
    const parts = [namespace, inner].map((name) => encodeURIComponent(name).replaceAll("*", "%2A"));
    return `${parts.join(":")}:`;
  };
  const place = (key) => {
    if (typeof key === "string" && key.isWellFormed() && Buffer.byteLength(key) <= 1024) {
      return `${partition()}${key}`;
    }
    throw new LifecycleError(
      "INVALID_OPTION",
      "Cannot use a key of a Keyv storage: it must be a text of at most 1024 bytes"
    );
  };
  const find = async (key) => session.use(({ texts }) => texts.get(place(key)));
  const write = async (key, value, ttl) => {
    if (typeof value !== "string") {
      throw new LifecycleError(
        "INVALID_OPTION",
        `Cannot keep a value in a Keyv storage: it must be text, as Keyv's serializer makes it, not ${typeof value}`
      );
    }
    const ttlMs = ttl && Number.isFinite(ttl) ? Math.max(1, Math.ceil(ttl)) : void 0;
    await session.use(({ texts }) => texts.set(place(key), value, ttlMs));
    return true;
  };
  const remove = async (key) => session.use(({ texts }) => texts.delete(place(key)));
  const storage = {
    ...commonMembers(session),
    get: (key) => find(key),
    // Keyv decodes it
    getMany: (keys) => Promise.all(keys.map(find)),
    // as above
    has: async (key) => await find(key) !== void 0,
    set: write,
    // Keyv types it as void, but returns its result, which is a list.
    setMany: (entries) => Promise.all(
      entries.map(({ key, value, ttl }) => write(key, value, ttl))
    ),
    delete: remove,
    deleteMany: async (keys) => (await Promise.all(keys.map(remove))).includes(true),
    clear: () => session.use(({ texts }) => texts.clear(partition())),
    async *iterator() {
      const prefix = partition();
      for await (const [key, text] of session.walk(({ texts }) => texts.entries(prefix))) {
        yield [key.slice(prefix.length), text];
      }
    }
  };
  return storage;
}

// src/store/sliding-window.ts
var emptyLog = [];
function noted(windowMs, at) {
  const grain = Math.max(1, Math.ceil(windowMs / 512));
  return Math.ceil(at / grain) * grain;
}
function prune(log, windowMs, now) {
  const first = log.findIndex(([at]) => at + windowMs > now);
  return first === 0 ? log : first < 0 ? emptyLog : log.slice(first);
}
function used(log, windowMs, now) {
  let [interactive, recovery, bulk] = [0, 0, 0];
  for (const [at, ofInteractive, ofRecovery, ofBulk] of log) {
    if (at + windowMs <= now) continue;
    interactive += ofInteractive;
    recovery += ofRecovery;
    bulk += ofBulk;
  }
  return { interactive, recovery, bulk };
}
var column = { interactive: 1, recovery: 2, bulk: 3 };
function add(log, at, lane, calls) {
  const index = log.findIndex(([other]) => other >= at);
  const found = index < 0 ? void 0 : log[index];
  if (found?.[0] !== at && calls <= 0) return log;
  const moment = found?.[0] === at ? [...found] : [at, 0, 0, 0];
  moment[column[lane]] = Math.max(0, moment[column[lane]] + calls);
  if (found?.[0] !== at) return log.toSpliced(index < 0 ? log.length : index, 0, moment);
  return moment[1] + moment[2] + moment[3] > 0 ? log.with(index, moment) : log.toSpliced(index, 1);
}
function freeInMs(log, limit, now, asks) {
  const kept = prune(log, limit.windowMs, now);
  if (turn(limit, used(kept, limit.windowMs, now), asks) !== null) return 0;
  for (const [at] of kept) {
    const then = at + limit.windowMs;
    if (turn(limit, used(kept, limit.windowMs, then), asks) !== null) return then - now;
  }
  return null;
}
function grantedInMs(log, limit, now, calls, lane) {
  const kept = prune(log, limit.windowMs, now);
  const most = reach(limit, lane);
  const taken = total(used(kept, limit.windowMs, now));
  let surplus = Math.max(0, taken - most);
  const places = [[0, Math.max(0, most - taken)]];
  for (const [at, ...counts] of kept) {
    const count = counts.reduce((sum, one) => sum + one, 0);
    const skipped = Math.min(surplus, count);
    surplus -= skipped;
    places.push([at + limit.windowMs - now, count - skipped]);
  }
  const grantedBy = (ms) => places.reduce(
    (sum, [freeInMs2, count]) => ms < freeInMs2 ? sum : sum + count * (Math.floor((ms - freeInMs2) / limit.windowMs) + 1),
    0
  );
  let low = 0;
  let high = Math.ceil((places.at(-1)?.[0] ?? 0) + limit.windowMs * Math.ceil(calls / most));
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (grantedBy(middle) >= calls) high = middle;
    else low = middle + 1;
  }
  return low;
}
function slotAt(limit, now, holdMs, lane) {
  return { limit: limit.name, windowMs: limit.windowMs, lane, at: noted(limit.windowMs, now + holdMs) };
}
function settled(log, slot, now) {
  const at = noted(slot.windowMs, now);
  const held = log.some((moment) => moment[0] === slot.at && moment[column[slot.lane]] > 0);
  return held && at < slot.at ? add(add(log, slot.at, slot.lane, -1), at, slot.lane, 1) : log;
}

// src/store/guards.ts
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function isTime(value) {
  return typeof value === "number" && Math.abs(value) <= 864e13;
}
function isCount(value) {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

// src/store/slot-log.ts
var longestHoldMs = 6e5;
var aheadMs = 6e4;
var takenNoteMs = 1e4;
var noJump = { since: 0, jump: null };
var newLog = { windowMs: 0, askedAt: 0, takenAt: 0, moments: emptyLog, former: null };
function redated(log, now, { jump, earlier = [] }) {
  if (log.takenAt > now + aheadMs) return correctedAhead(log, now);
  if (jump === null || log.takenAt <= 0) return log;
  let { takenAt } = log;
  let by = 0;
  for (const each of [...earlier, jump]) {
    const half = each.from + each.by / 2;
    if (each.by <= 0 || takenAt > half || now <= half) continue;
    takenAt += each.by;
    by += each.by;
  }
  if (by === 0) return log;
  const moments = log.moments.map((moment) => shifted(moment, noted(log.windowMs, by)));
  return { ...log, askedAt: log.askedAt + by, takenAt: now, moments };
}
function correctedAhead(log, now) {
  const by = noted(log.windowMs, now - log.takenAt);
  const latest = noted(log.windowMs, now + longestHoldMs);
  const all = merged(log.moments, log.former?.moments ?? emptyLog);
  const past = all.filter(([at]) => at <= latest);
  const ahead2 = all.slice(past.length).map((moment) => shifted(moment, by, latest));
  const moments = merged(past, ahead2);
  return { ...log, askedAt: Math.min(log.askedAt, now), takenAt: now, moments, former: null };
}
function shifted([at, ...counts], ms, latest = Number.POSITIVE_INFINITY) {
  return [Math.min(at + ms, latest), ...counts];
}
function merged(log, other) {
  let all = log;
  for (const [at, interactive, recovery, bulk] of other) {
    all = add(all, at, "interactive", interactive);
    all = add(all, at, "recovery", recovery);
    all = add(all, at, "bulk", bulk);
  }
  return all;
}
function opened(log, limit, now, past) {
  const dated = redated(log, now, past);
  const moments = prune(dated.moments, widest(dated, limit, now).windowMs, now);
  return { ...dated, ...widest(dated, limit, now), ...formerSlots(dated, moments, now, past), moments };
}
function widest({ windowMs, askedAt }, limit, now) {
  if (limit.windowMs > windowMs || now - askedAt > windowMs)
    return { windowMs: limit.windowMs, askedAt: now };
  const renews = limit.windowMs === windowMs && now - askedAt > windowMs / 8;
  return { windowMs, askedAt: renews ? now : askedAt };
}
function formerSlots(log, kept, now, { since }) {
  const { former, takenAt, windowMs, moments } = log;
  const before = takenAt >= since || kept === moments ? emptyLog : prune(moments, windowMs, takenAt);
  if (before.length > 0) return { former: { moments: before, until: now + windowMs } };
  return { former: former !== null && former.until > now ? former : null };
}
function differs(log, other) {
  return log.windowMs !== other.windowMs || log.askedAt !== other.askedAt || log.takenAt !== other.takenAt || log.former !== other.former || log.moments.length !== other.moments.length;
}
function withSlot(log, slot, now) {
  const takenAt = now - log.takenAt > takenNoteMs ? now : log.takenAt;
  return { ...log, takenAt, moments: add(log.moments, slot.at, slot.lane, 1) };
}
function withSettled(log, slot, now) {
  if (noted(slot.windowMs, now) >= slot.at) return log;
  const dated = redated(log, now, noJump);
  const moments = settled(dated.moments, slot, now);
  return moments === dated.moments ? dated : { ...dated, moments };
}
function withoutSlot(log, slot, now) {
  const dated = redated(log, now, noJump);
  const moments = add(dated.moments, slot.at, slot.lane, -1);
  return moments === dated.moments ? dated : { ...dated, moments };
}
function readLog(kept) {
  if (isMoments(kept)) return { ...newLog, moments: kept };
  if (!isObject(kept)) return void 0;
  const { windowMs, askedAt, takenAt, moments, former = null } = kept;
  const isHead2 = typeof windowMs === "number" && typeof askedAt === "number" && typeof takenAt === "number";
  if (!isHead2 || !isMoments(moments)) return void 0;
  if (former === null) return { windowMs, askedAt, takenAt, moments, former };
  if (!isObject(former) || typeof former["until"] !== "number" || !isMoments(former["moments"]))
    return void 0;
  return {
    windowMs,
    askedAt,
    takenAt,
    moments,
    former: { moments: former["moments"], until: former["until"] }
  };
}
function isMoments(log) {
  return Array.isArray(log) && log.every((moment) => Array.isArray(moment) && moment.length === 4);
}

// src/store/lost-store.ts
function lostStore(what = "it was emptied or replaced while this process had it open (FLUSHALL, a restart without persistence, a truncated table)") {
  return new LifecycleError(
    "STORE_UNUSABLE",
    `Cannot use the store any more: ${what}, so nothing more is written or sent; stop every process that uses it, restore its data if they were lost, and open the lifecycle again`,
    { facts: { storeLost: true } }
  );
}
function isLostStore(error) {
  return isLifecycleError(error, "STORE_UNUSABLE") && error.facts["storeLost"] === true;
}

export {
  LifecycleError,
  inWords,
  underneath,
  masked,
  isLifecycleError,
  onAbort,
  untilAborted,
  linkSignals,
  withSignals,
  systemClock,
  sleep,
  inTime,
  randomName,
  isObject,
  isTime,
  isCount,
  accountOf,
  lanes,
  lostStore,
  isLostStore,
  none,
  total,
  turn,
  mayTake,
  ahead,
  longestLeaseMs,
  claimableAt,
  waitsIn,
  verdict,
  written,
  leasedTo,
  shiftedBy,
  outlasting,
  shown,
  encodeRow,
  encodeValue,
  decodeRow,
  decodeHead,
  isTombstoneText,
  keyvView,
  sharedBackend,
  used,
  freeInMs,
  grantedInMs,
  slotAt,
  longestHoldMs,
  aheadMs,
  takenNoteMs,
  newLog,
  opened,
  differs,
  withSlot,
  withSettled,
  withoutSlot,
  readLog
};
