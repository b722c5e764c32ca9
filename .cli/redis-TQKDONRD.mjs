import {
  ServerTime,
  correctedAtOnce,
  soonMs
} from "./chunk-FSJRSPUK.mjs";
import {
  LifecycleError,
  ahead,
  aheadMs,
  decodeRow,
  encodeRow,
  encodeValue,
  grantedInMs,
  isLifecycleError,
  keyvView,
  lanes,
  longestHoldMs,
  longestLeaseMs,
  lostStore,
  masked,
  onAbort,
  opened,
  sharedBackend,
  shown,
  sleep,
  systemClock,
  takenNoteMs,
  underneath,
  used
} from "./chunk-XRE227HE.mjs";

// adapters/redis.ts
import { Buffer } from "node:buffer";

// adapters/redis/batches.ts
import { setImmediate } from "node:timers";
var most = 64;
var longestWaitMs = 5;
var Batches = class {
  #clock;
  #send;
  #waiting = [];
  #underWay = 0;
  #giveUpWaiting = () => {
  };
  constructor(send, clock = systemClock) {
    this.#send = send;
    this.#clock = clock;
  }
  /** Resolves with the reply to this request. */
  ask(ask) {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ ask, resolve, reject }) > 1) return;
      if (this.#underWay === 0) setImmediate(() => this.leave());
      else this.#giveUpWaiting = this.#clock.timer(longestWaitMs, () => this.leave());
    });
  }
  /** Sends all waiting requests. */
  leave() {
    this.#giveUpWaiting();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let first = 0; first < waiting.length; first += most) {
      this.#underWay++;
      void this.#together(waiting.slice(first, first + most)).finally(() => {
        if (--this.#underWay === 0) this.leave();
      });
    }
  }
  /** Never rejects. */
  async #together(batch2) {
    try {
      const replies = await this.#send(batch2.map(({ ask }) => ask));
      for (const [n, { resolve }] of batch2.entries()) resolve(replies[n] ?? null);
    } catch (error) {
      const own = batch2.length > 1 && isLifecycleError(error, "STORE_UNAVAILABLE") && !error.retryable;
      if (own) await Promise.all(batch2.map((each) => this.#together([each])));
      else for (const { reject } of batch2) reject(error);
    }
  }
};

// adapters/redis/connection.ts
import { setMaxListeners } from "node:events";

// adapters/redis/lua/rows.ts
var lostWord = "ACCOUNTLOST";
var names = String.raw`
local null = cjson.null
local lanes = { 'interactive', 'recovery', 'bulk' }
local due, states, counts = KEYS[1], KEYS[5], KEYS[6]
local queue = { interactive = KEYS[2], recovery = KEYS[3], bulk = KEYS[4] }
local prefix = due:sub(1, -4)
local users = prefix .. 'users:'
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
var lost = String.raw`
if ARGV[#ARGV] ~= '' and redis.call('GETRANGE', prefix .. 'account', 0, #ARGV[#ARGV] - 1) ~= ARGV[#ARGV] then
  return redis.error_reply('${lostWord} the account is gone')
end
`;
function accountStart(identity) {
  return identity === void 0 ? "" : `{"identity":${JSON.stringify(identity)},`;
}
var reading = String.raw`
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

// adapters/redis/failures.ts
var Silence = class extends Error {
  constructor(timeoutMs) {
    super(`no answer within ${timeoutMs} ms`);
    this.name = "Silence";
  }
};
function whyOf(error) {
  if (!(error instanceof Error) || error instanceof Silence || isLifecycleError(error)) return "lost";
  if (error.message === "The client is offline") return "offline";
  if (error.message === "The client is closed") return "closed";
  return /^[A-Z][A-Z0-9]+(?= |$)/.exec(error.message)?.[0] ?? "lost";
}
var passing = {
  OOM: "Redis is out of memory: maxmemory is reached",
  READONLY: "this Redis is a replica and therefore read-only",
  LOADING: "Redis is loading its data",
  BUSY: "Redis is busy with a script",
  MISCONF: "Redis cannot write to its disk",
  NOREPLICAS: "Redis has too few replicas to take writes",
  MASTERDOWN: "Redis has lost its primary",
  CLUSTERDOWN: "the Redis cluster is down",
  TRYAGAIN: "the Redis cluster is moving keys"
};
var lasting = {
  NOAUTH: "Redis asks for a password",
  WRONGPASS: "Redis refused the user or the password",
  NOPERM: "this Redis user lacks a permission that the store needs",
  MOVED: "this Redis is part of a cluster: pass a client made by createCluster(), or let this user run INFO",
  WRONGTYPE: "a key of the store holds a value of another type"
};
var soonOver = /* @__PURE__ */ new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"]);
function isSoonOver(why) {
  return soonOver.has(why);
}
function isAnswer(why) {
  return why === why.toUpperCase();
}
var entrance = /* @__PURE__ */ new Set(["NOAUTH", "WRONGPASS"]);
function beneath(error, failure) {
  return error instanceof Silence && entrance.has(whyOf(failure)) ? failure : error;
}
function storeError(doing, link, failed, failure) {
  if (isLifecycleError(failed)) return failed;
  const error = beneath(failed, failure);
  const why = whyOf(error);
  if (why === lostWord) return lostStore();
  const text = isAnswer(why) ? passing[why] ?? lasting[why] ?? `Redis answered ${why}` : error instanceof Silence ? `${error.message} from ${link.place}` : `the connection to ${link.place} was lost`;
  const code = entrance.has(why) ? "STORE_UNUSABLE" : "STORE_UNAVAILABLE";
  return new LifecycleError(code, `Cannot ${doing} the Redis store: ${text}`, {
    retryable: !isAnswer(why) || why in passing,
    cause: underneath(error instanceof Silence ? link.failure() ?? error : error)
  });
}
function openError(link, failed) {
  if (isLifecycleError(failed)) return failed;
  const error = beneath(failed, link.failure());
  const why = whyOf(error);
  const cause = error instanceof Silence ? link.failure() ?? error : error;
  const details = masked(
    cause instanceof Error ? "code" in cause ? String(cause.code) : cause.message : typeof cause
  );
  if (!isAnswer(why) && !/CERT|UNABLE_TO_/.test(details)) {
    return new LifecycleError("STORE_UNAVAILABLE", `Cannot reach ${link.place}: ${details}`, {
      retryable: true,
      cause: underneath(cause)
    });
  }
  const text = passing[why] ?? lasting[why] ?? details.trim();
  return new LifecycleError(
    why in passing ? "STORE_UNAVAILABLE" : "STORE_UNUSABLE",
    `Cannot open the store in ${link.place}: ${text}`,
    { retryable: why in passing, cause: underneath(cause) }
  );
}

// adapters/redis/connection.ts
var Connection = class {
  #link;
  #clock;
  #timeoutMs;
  #lastAnswer = -Infinity;
  /** What the link reported as its failure when Redis last answered: it is over. */
  #overcome;
  #underWay = 0;
  #idle;
  #closing;
  constructor(link, clock, timeoutMs) {
    this.#link = link;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }
  /**
   * Connects, checks the server, loads the scripts and runs `probe` with `keys`, which verifies the user's permissions
   * and that the keys are on this server.
   *
   * @throws {LifecycleError} `STORE_UNAVAILABLE` or `STORE_UNUSABLE`
   */
  async open(scripts2, probe, keys) {
    const [key = ""] = keys;
    try {
      await this.#limited(async (limit) => {
        setMaxListeners(2 * scripts2.length + 2, limit.signal);
        await this.#link.connect(limit.signal);
        const asked = (...command) => this.#untilAnswered(key, command, true, limit);
        const loads = scripts2.map(({ text }) => asked("SCRIPT", "LOAD", text));
        await Promise.all([refuseEviction(asked("INFO", "memory")), ...loads]);
        await this.#ofScript(probe, keys, [], limit);
      });
    } catch (error) {
      this.#link.close();
      throw openError(this.#link, error);
    }
  }
  /** Runs a script on the server that owns `keys[0]`. @throws {LifecycleError} */
  run(script2, keys, args) {
    return this.#answered(script2.doing, (limit) => this.#ofScript(script2, keys, args, limit));
  }
  /** Runs an idempotent command on the server that owns `key`. @throws {LifecycleError} */
  command(doing, key, command) {
    return this.#answered(doing, (limit) => this.#untilAnswered(key, command, true, limit));
  }
  async #answered(doing, question) {
    if (this.#closing !== void 0) {
      throw new LifecycleError("CLOSED", "Cannot use the Redis store: it was closed");
    }
    const began = this.#clock.monotonic();
    this.#underWay++;
    try {
      return await this.#limited(question);
    } catch (error) {
      const silent = error instanceof Silence && this.#lastAnswer < began;
      if (silent || whyOf(error) === "READONLY") this.#link.renew();
      const failure = this.#link.failure();
      throw storeError(doing, this.#link, error, failure === this.#overcome ? void 0 : failure);
    } finally {
      if (--this.#underWay === 0) this.#idle?.();
    }
  }
  async #ofScript(script2, keys, args, limit) {
    const key = keys[0] ?? "";
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#untilAnswered(key, ["EVALSHA", script2.sha, ...rest], script2.repeatable, limit);
    } catch (error) {
      if (whyOf(error) !== "NOSCRIPT") throw error;
      return this.#untilAnswered(key, ["EVAL", script2.text, ...rest], script2.repeatable, limit);
    }
  }
  async #untilAnswered(key, command, repeatable, limit) {
    for (let pauseMs = 10; ; pauseMs = Math.min(2 * pauseMs, 250)) {
      try {
        const reply = await this.#link.send(key, command, limit.signal);
        this.#lastAnswer = this.#clock.monotonic();
        this.#overcome = this.#link.failure();
        return reply;
      } catch (error) {
        const why = whyOf(error);
        if (isAnswer(why)) this.#lastAnswer = this.#clock.monotonic();
        const again = why === "offline" || isSoonOver(why) || why === "lost" && repeatable;
        if (!again) throw error;
        if (isSoonOver(why)) limit.refusal = error;
      }
      await sleep(this.#clock, pauseMs, limit.signal);
    }
  }
  /** Rejects when the time is up, with the last refusal or with {@link Silence}. */
  #limited(task) {
    const end = new AbortController();
    const limit = { signal: end.signal, refusal: void 0 };
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.timer(this.#timeoutMs, () => {
        reject(limit.refusal ?? new Silence(this.#timeoutMs));
        end.abort();
      });
      task(limit).then(resolve, reject).finally(cancel);
    });
  }
  /** Waits for pending calls, which all have a time limit. */
  close() {
    this.#closing ??= this.#end();
    return this.#closing;
  }
  async #end() {
    if (this.#underWay > 0) await new Promise((resolve) => this.#idle = resolve);
    this.#link.close();
  }
};
async function refuseEviction(asked) {
  let memory;
  try {
    memory = await asked;
  } catch (error) {
    if (whyOf(error) !== "NOPERM") throw error;
    return;
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(String(memory))?.[1] ?? "noeviction";
  if (policy === "noeviction") return;
  throw new LifecycleError(
    "STORE_UNUSABLE",
    `Cannot open the Redis store: maxmemory-policy must be noeviction, or Redis would evict users (CONFIG SET maxmemory-policy noeviction, or a setting of your provider), not ${policy}`
  );
}

// adapters/redis/keyv-backend.ts
var scanned = "500";
function keyvBackend(connection, prefix, usersOf) {
  const place = (key) => `${prefix}:{keyv}:${key}`;
  const read = async (key) => {
    const text = await connection.command("read", key, ["GET", key]);
    return typeof text === "string" ? text : void 0;
  };
  async function* keysFrom(beginning) {
    const seen = /* @__PURE__ */ new Set();
    let cursor = "0";
    do {
      const step = ["SCAN", cursor, "MATCH", `${globbed(beginning)}*`, "COUNT", scanned];
      const [next, found] = listOf(await connection.command("read", beginning, step));
      const fresh = listOf(found).map(String).filter((key) => !seen.has(key));
      for (const key of fresh) seen.add(key);
      if (fresh.length > 0) yield fresh;
      cursor = String(next);
    } while (cursor !== "0");
  }
  async function* entriesFrom(beginning) {
    for await (const keys of keysFrom(beginning)) {
      const texts = listOf(await connection.command("read", beginning, ["MGET", ...keys]));
      for (const [n, key] of keys.entries()) {
        const text = texts[n];
        if (typeof text === "string") yield [key.slice(beginning.length), text];
      }
    }
  }
  return {
    users: (account) => ({
      get: (id) => read(usersOf(account, id)),
      entries: () => entriesFrom(usersOf(account, ""))
    }),
    texts: {
      get: (key) => read(place(key)),
      async set(key, text, ttlMs) {
        const until = ttlMs === void 0 ? [] : ["PX", String(ttlMs)];
        await connection.command("write to", place(key), ["SET", place(key), text, ...until]);
      },
      delete: async (key) => Number(await connection.command("write to", place(key), ["DEL", place(key)])) > 0,
      async *entries(beginning) {
        for await (const [rest, text] of entriesFrom(place(beginning))) yield [`${beginning}${rest}`, text];
      },
      async clear(beginning) {
        for await (const keys of keysFrom(place(beginning))) {
          await connection.command("write to", place(beginning), ["UNLINK", ...keys]);
        }
      }
    },
    close: () => connection.close()
  };
}
function globbed(text) {
  return text.replaceAll(/[\\*?[\]^-]/g, String.raw`\$&`);
}
function listOf(reply) {
  return typeof reply === "object" && reply !== null ? reply : [];
}

// adapters/redis/fields.ts
var fieldsOfCommit = 13;
function fieldsOf(commit2) {
  const { value, expectedRevision, writeId, mode, state, dueInMs, lane, lease } = commit2;
  const { take: take2, settle: settle2, giveBack: giveBack2 } = commit2;
  const text = JSON.stringify;
  const leased = mode === "take" || mode === "keep";
  return [
    String(expectedRevision),
    writeId,
    mode,
    state,
    dueInMs === null ? "" : String(dueInMs),
    lane ?? "",
    lease.id,
    String(lease.ms),
    `{"revision":${expectedRevision + 1},"writeId":${text(writeId)},"state":${text(state)},"dueAt":`,
    leased ? `{"id":${text(lease.id)},"owner":${text(lease.owner)},"until":` : "",
    `,"value":${encodeValue(value)}}`,
    take2 || settle2 || giveBack2 ? text({ take: take2, settle: settle2, giveBack: giveBack2 }) : "",
    commit2.unless ?? ""
  ];
}
function limitsOf({ take: take2, settle: settle2, giveBack: giveBack2 }) {
  const names2 = [];
  if (take2 !== void 0) names2.push(take2.limit.name);
  if (settle2 !== void 0) names2.push(settle2.limit);
  if (giveBack2 !== void 0) names2.push(giveBack2.limit);
  return names2;
}

// adapters/redis/cluster-link.ts
var pollMs = 250;
function clusterLink(cluster, clock, endAsking) {
  const waiting = /* @__PURE__ */ new Set();
  let lookedAt = -Infinity;
  let closed = false;
  async function ask(key, command, abortSignal) {
    try {
      return await cluster.sendCommand(key, false, [...command], { abortSignal, typeMapping: {} });
    } finally {
      if (closed) letGo();
    }
  }
  function letGo() {
    const clients = [...cluster.nodeByAddress.values()].flatMap(({ client }) => client ?? []);
    for (const client of clients) client.once("connect", () => client.unref());
    try {
      if (cluster.isOpen) cluster.destroy();
    } catch {
    }
    for (const client of clients) if (client.isOpen) client.destroy();
    endAsking();
  }
  function look(key) {
    const now = clock.monotonic();
    if (now - lookedAt < pollMs || !cluster.isOpen) return;
    lookedAt = now;
    const limit = new AbortController();
    const cancel = clock.timer(pollMs, () => limit.abort());
    ask(void 0, ["EVAL", "return 1", "1", key], limit.signal).catch(() => {
    }).finally(cancel);
  }
  function lookForWhoWaits() {
    for (const { key } of waiting) return look(key);
  }
  cluster.on("node-reconnecting", lookForWhoWaits);
  return {
    async send(key, command, abortSignal) {
      const wait = { key };
      waiting.add(wait);
      try {
        return await ask(key, command, abortSignal);
      } catch (error) {
        const why = whyOf(error);
        if (why === "lost" || why === "offline" || why === "closed") look(key);
        if (why === "MOVED" || why === "ASK")
          throw new Error("TRYAGAIN the cluster nodes do not agree on the slot owner", { cause: error });
        if (why === "closed" && cluster.isOpen) throw new Error("The client is offline", { cause: error });
        throw error;
      } finally {
        waiting.delete(wait);
      }
    },
    renew: lookForWhoWaits,
    close() {
      closed = true;
      letGo();
    }
  };
}

// adapters/redis/own-link.ts
import { createClient, createCluster } from "@keyv/redis";

// adapters/redis/root-nodes.ts
function endable(nodes) {
  let asking = new AbortController();
  const rootNodes = nodes.map((node) => ({
    ...node,
    socket: {
      get signal() {
        asking = new AbortController();
        return asking.signal;
      },
      ...node.socket
    }
  }));
  return { rootNodes, end: () => asking.abort() };
}

// adapters/redis/own-link.ts
var verifying = { tls: true, rejectUnauthorized: true };
function ownLink(url, clock, timeoutMs) {
  const password = decodeURIComponent(url.password);
  const usual = { clientInfoTag: "oneup-lifecycle", disableOfflineQueue: true };
  const socket = { connectTimeout: timeoutMs, ...url.protocol === "rediss:" && verifying };
  const pauseMs = (failures) => Math.min(1e3, 25 * 2 ** failures) * (0.5 + clock.random() / 2);
  const asked = endable([{ url: url.href }]);
  let opened2 = false;
  let failure;
  let current = dial();
  let cluster;
  let way = {
    send: (_, command, abortSignal) => current.client.sendCommand(command, { abortSignal, typeMapping: {} }),
    renew() {
      if (clock.monotonic() - current.since < timeoutMs) return;
      current.retire();
      current = dial();
      current.client.connect().catch(() => {
      });
    }
  };
  function dial() {
    let connected = false;
    let retired = false;
    const client = createClient({
      url: url.href,
      ...usual,
      socket: { ...socket, reconnectStrategy: (failures) => opened2 && !retired && pauseMs(failures) }
    });
    client.on("connect", () => connected = true);
    client.on("ready", () => failure = void 0);
    client.on("error", (error) => {
      connected = false;
      failure = secretless(error);
    });
    return {
      client,
      since: clock.monotonic(),
      retire() {
        retired = true;
        const end = () => void (client.isOpen && client.destroy());
        if (connected || client.isReady) end();
        else client.once("connect", end);
      }
    };
  }
  function dialAll() {
    const all = createCluster({
      rootNodes: asked.rootNodes,
      minimizeConnections: true,
      defaults: {
        ...usual,
        username: decodeURIComponent(url.username),
        password,
        socket: { ...socket, reconnectStrategy: pauseMs }
      }
    });
    const onError = (error) => void (failure = secretless(error));
    return all.on("error", onError).on("node-error", onError);
  }
  function secretless(error) {
    const leaks = error instanceof Error && password !== "" && error.message.includes(password);
    return leaks ? new Error(error.message.replaceAll(password, "***")) : error;
  }
  return {
    place: `Redis at ${url.protocol}//${url.host}${url.pathname}`,
    failure: () => failure,
    async connect(signal) {
      try {
        await current.client.connect();
        opened2 = true;
        if (!await isOfCluster(current.client, signal)) return;
        const all = dialAll();
        cluster = clusterLink(all, clock, asked.end);
        await all.connect();
        way = cluster;
        current.retire();
      } catch (error) {
        throw secretless(error);
      }
    },
    send: (...what) => way.send(...what),
    renew: () => way.renew(),
    close() {
      current.retire();
      cluster?.close();
    }
  };
}
async function isOfCluster(client, abortSignal) {
  try {
    const reply = await client.sendCommand(["INFO", "cluster"], { abortSignal, typeMapping: {} });
    return String(reply).includes("cluster_enabled:1");
  } catch (error) {
    if (whyOf(error) === "NOPERM") return false;
    throw error;
  }
}

// adapters/redis/links.ts
function targetOf(where) {
  if (typeof where === "string") {
    const url = checkedUrl(where);
    return { link: (clock, timeoutMs) => ownLink(url, clock, timeoutMs) };
  }
  const client = typeof where === "object" && where !== null && "client" in where ? where.client : where;
  if (isClient(client)) {
    return { link: (clock) => "slots" in client ? likeGiven(client, clock) : givenLink(client) };
  }
  throw refused("a redis: or rediss: URL, a KeyvRedis, a client or a cluster", typeof where);
}
function refused(rule, value) {
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot use a Redis store: \`where\` must be ${rule}, not ${value}`
  );
}
function checkedUrl(where) {
  const secretless = where.replace(/^([a-z+]+:\/\/)?.*@/is, "$1").replace(/[?#].*/s, "");
  try {
    const url = new URL(where);
    decodeURIComponent(url.username + url.password);
    const fits = /^rediss?:$/.test(url.protocol) && url.hostname !== "" && /^(\/\d*)?$/.test(url.pathname);
    if (fits && url.hash === "" && !url.search.includes("@")) return url;
  } catch {
  }
  const encoded = where.includes("@") ? ", whose user and password are percent-encoded (a # is %23)" : "";
  throw refused(`a URL like redis://host:6379/0${encoded}`, JSON.stringify(secretless));
}
function isClient(client) {
  return typeof client === "object" && client !== null && "sendCommand" in client && typeof client.sendCommand === "function" && !("getSentinelNode" in client);
}
function likeGiven(client, clock) {
  const { rootNodes = [], defaults = {} } = optionsOf(client);
  const asked = endable(rootNodes);
  const overrides = {
    minimizeConnections: true,
    ...rootNodes.length > 0 && { rootNodes: asked.rootNodes, defaults }
  };
  const own = client.duplicate(overrides);
  let failure;
  own.on("error", (error) => failure = error);
  const link = clusterLink(own, clock, asked.end);
  return {
    place: "Redis",
    failure: () => failure,
    async connect(signal) {
      const removeAbort = onAbort(signal, link.close);
      await own.connect();
      removeAbort();
    },
    ...link
  };
}
function optionsOf(client) {
  const { _options = {} } = client;
  return _options;
}
var given = /* @__PURE__ */ new WeakMap();
function givenLink(client) {
  const known = given.get(client);
  if (known !== void 0) return known;
  let hasListener = false;
  let connecting;
  let failure;
  const onError = (error) => void (failure = error);
  const link = {
    place: "Redis",
    failure: () => failure,
    async connect(signal) {
      if (!hasListener) client.on("error", onError);
      hasListener = true;
      const giveUp = () => void (client.isOpen && client.destroy());
      const removeAbort = onAbort(signal, giveUp);
      if (!client.isOpen) connecting = client.connect();
      const awaited = connecting;
      try {
        await awaited;
      } catch (error) {
        if (connecting === awaited) connecting = void 0;
        throw error;
      } finally {
        removeAbort();
      }
    },
    send: (_, command, abortSignal) => client.sendCommand(command, { abortSignal, typeMapping: {} }),
    renew() {
    },
    close() {
    }
    // the listener stays, because the client may lose its connection later
  };
  given.set(client, link);
  return link;
}

// adapters/redis/log-of.ts
function logOf(pairs) {
  const moments = /* @__PURE__ */ new Map();
  const head = /* @__PURE__ */ new Map();
  for (let n = 0; n < pairs.length; n += 2) {
    const [moment, lane] = String(pairs[n]).split(":");
    if (lane === void 0) {
      head.set(String(pairs[n]), Number(pairs[n + 1]));
      continue;
    }
    const at = Number(moment);
    const counts = moments.get(at) ?? [at, 0, 0, 0];
    counts[1 + lanes.indexOf(lane)] = Number(pairs[n + 1]);
    moments.set(at, counts);
  }
  return {
    windowMs: head.get("window") ?? 0,
    askedAt: head.get("asked") ?? 0,
    takenAt: head.get("taken") ?? 0,
    moments: [...moments.values()].sort(([one], [other]) => one - other),
    former: null
  };
}

// adapters/redis/scripts.ts
import { createHash } from "node:crypto";

// adapters/redis/lua/changes.ts
var changing = String.raw`
-- Commits in one batch often name the same slots, and a lookup is cheaper than decoding.
local decodedSlots = {}

local function slotsOf(text)
  if text == '' then return {} end
  decodedSlots[text] = decodedSlots[text] or cjson.decode(text)
  return decodedSlots[text]
end

-- The commit whose fields start at ARGV[n], for the row with this key.
local function commitAt(n, key)
  return {
    id = key:sub(#users + 1), expectedRevision = tonumber(ARGV[n]), writeId = ARGV[n + 1], mode = ARGV[n + 2],
    state = ARGV[n + 3], dueInMs = tonumber(ARGV[n + 4]), lane = ARGV[n + 5] ~= '' and ARGV[n + 5] or null,
    leaseId = ARGV[n + 6], leaseMs = tonumber(ARGV[n + 7]), head = ARGV[n + 8], lease = ARGV[n + 9],
    value = ARGV[n + 10], slots = slotsOf(ARGV[n + 11]), unless = ARGV[n + 12],
  }
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
    revision = commit.expectedRevision + 1, writeId = commit.writeId, state = commit.state,
    dueAt = commit.dueInMs and now + commit.dueInMs or null, lane = commit.lane, waitsSince = since,
    lease = leased and { id = commit.leaseId, ['until'] = ends } or null, took = took, text = nil, at = nil,
  }
  local head = commit.head .. json(after.dueAt) .. (commit.lane == null and ',"lane":null' or ',"lane":"' .. commit.lane .. '"')
    .. ',"waitsSince":' .. json(since) .. ',"lease":' .. (leased and commit.lease .. json(ends) .. '}' or 'null')
    .. (took and ',"took":' .. took or '')
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
  if not row and commit.unless ~= '' then
    local there = read(users .. commit.unless)
    if there and not there.renamedTo then return { 'conflict' } end
  end
  if ruling == 'again' then return committed(row) end
  local slot, ms = nil, nil
  if commit.slots.take then
    slot, ms = freeSlot(commit.slots.take)
    if not slot then return { 'refused', json(ms) } end
  end
  local after = written(row, commit, slot and slotText(slot))
  reindex(commit.id, after, was == commit.id and row or nil)
  if was ~= commit.id then index(was, nil) end
  if not row or row.state ~= after.state or was ~= commit.id then
    if row then stand(row.state, was, false) end
    stand(after.state, commit.id, true)
  end
  if slot then add(slot, 1) end
  if commit.slots.giveBack then giveBack(commit.slots.giveBack) end
  if commit.slots.settle then settle(commit.slots.settle) end
  return committed(after)
end
`;

// adapters/redis/lua/notes.ts
var writing = String.raw`
-- Pending writes: texts of rows by key; score (or false) by index and id; membership by state and id.
local texts, places, members = {}, {}, {}
local waits = nil -- lanes with waiting users, computed on demand

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
    .. (row.took and ',"took":' .. row.took or '') .. row.text:sub(row.at)
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

// adapters/redis/lua/slots.ts
var slots = String.raw`
-- Cached logs with pending changes applied: slots held per moment and lane, and the sums once they were read.
local logs = {}

local jump = nil -- a forward jump of the server's time that the calling process has noticed

-- What the calling process knows: a past server time, its age on the monotonic clock, and the last jump it noticed.
local function knows(text)
  if not text or text == '' then return end
  local known = cjson.decode(text)
  local expected = known.at + known.agoMs
  if now - expected > aheadMs then
    jump = { from = expected, by = now - expected }
  elseif known.by and now > known.from + known.by / 2 then
    jump = { from = known.from, by = known.by }
  end
end

local function logOf(name)
  logs[name] = logs[name] or {
    moments = prefix .. 'moments:' .. name, key = prefix .. 'slots:' .. name,
    held = {}, head = nil, sums = nil, used = {}, changes = {}, fresh = {},
  }
  return logs[name]
end

local function writeLog(log)
  for field, calls in pairs(log.changes) do
    if calls ~= 0 then redis.call('HINCRBY', log.key, field, calls) end
  end
  for moment in pairs(log.fresh) do redis.call('ZADD', log.moments, moment, moment) end
  local head = log.head
  if head and head.changed then
    redis.call('HSET', log.key, 'window', json(head.window), 'asked', json(head.asked), 'taken', json(head.taken))
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

-- Corrects the moments for clock jumps since the log was written. Returns whether there was one.
local function redate(log, jumped)
  local head = log.head
  if head.taken > now + aheadMs then
    local by, latest = noted(head.window, now - head.taken), noted(head.window, now + longestHoldMs)
    moveMoments(log, function(at) return at > latest and math.min(at + by, latest) or at end)
    head.asked, head.taken, head.changed = math.min(head.asked, now), now, true
    return true
  end
  if not jumped or head.taken <= 0 or head.taken > jumped.from + jumped.by / 2 then return false end
  local by = noted(head.window, jumped.by)
  moveMoments(log, function(at) return at + by end)
  head.asked, head.taken, head.changed = head.asked + jumped.by, now, true
  return true
end

-- Reads the head of a log, its sums by lane, and one field. Returns the field, and whether redate() may have moved it.
local function readHead(log, field)
  local texts = redis.call(
    'HMGET', log.key, 'interactive', 'recovery', 'bulk', 'window', 'asked', 'taken', field or 'taken'
  )
  log.sums = numbers(texts)
  log.head = {
    window = tonumber(texts[4]) or 0, asked = tonumber(texts[5]) or 0, taken = tonumber(texts[6]) or 0, changed = false,
  }
  return texts[7], redate(log, nil)
end

local function held(log, field)
  if log.held[field] then return log.held[field] end
  local text, moved = nil, true
  if not log.head then text, moved = readHead(log, field) end
  if moved then text = redis.call('HGET', log.key, field) end
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
  if jump then redate(log, jump) end
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

// adapters/redis/scripts.ts
var bounds = `local longestLeaseMs, longestHoldMs = ${longestLeaseMs}, ${longestHoldMs}
local aheadMs, takenNoteMs = ${aheadMs}, ${takenNoteMs}
`;
function script(doing, repeatable, ...parts) {
  const text = [names, bounds, ...parts].join("");
  return { text, sha: createHash("sha1").update(text).digest("hex"), doing, repeatable };
}
var load = script(
  "read",
  true,
  reading,
  String.raw`
local keys = { unpack(KEYS, 7) }
local texts, all = textsOf(keys)
for n, key in ipairs(all and {} or keys) do
  if not texts[n] and read(key) == false then texts[n] = '' end -- of another type
end
return { json(now), unpack(texts, 1, #keys) }
`
);
var commit = script(
  "write to",
  true,
  // idempotent by its writeId
  lost,
  reading,
  writing,
  slots,
  changing,
  String.raw`
local fields, answers = ${fieldsOfCommit}, {}
local asked = math.floor(#ARGV / fields)
knows(ARGV[asked * fields + 1])
fetch({ unpack(KEYS, 7, 6 + asked) })
for n = 1, asked do
  local commit = commitAt((n - 1) * fields + 1, KEYS[6 + n])
  local row = read(KEYS[6 + n])
  answers[n] = row == false and { 'damaged' } or change(commit, row, commit.id)
end
writeRows()
writeLogs()
return answers
`
);
var move = script(
  "write to",
  true,
  lost,
  reading,
  writing,
  slots,
  changing,
  String.raw`
local commit, from, left = commitAt(1, KEYS[8]), ARGV[${fieldsOfCommit + 1}], ARGV[${fieldsOfCommit + 2}]
knows(ARGV[${fieldsOfCommit + 3}])
local source, target = read(KEYS[7]), read(KEYS[8])
if source == false or target == false then return { 'damaged' } end
if target and not target.renamedTo then
  return target.writeId == commit.writeId and committed(target) or { 'conflict' }
end
if not source or source.writeId == commit.writeId then return { 'conflict' } end
local answer = change(commit, source, from)
if answer[1] == 'committed' then texts[KEYS[7]] = left end
writeRows()
writeLogs()
return answer
`
);
var erase = script(
  "write to",
  true,
  lost,
  reading,
  String.raw`
local targets = {}
for n = 1, #ARGV - 1 do targets[ARGV[n]] = true end
for n = 7, #KEYS do
  local row = read(KEYS[n])
  if row and row.renamedTo and targets[row.renamedTo] then redis.call('DEL', KEYS[n]) end
end
`
);
var claim = script(
  "write to",
  false,
  lost,
  reading,
  writing,
  String.raw`
local ask = cjson.decode(ARGV[1])
local claimed = {}
local entries = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, ask.limit)
for n = 1, #entries, 2 do
  local id = entries[n]
  local row = wholeRow(id)
  if row and claimableAt(row) == tonumber(entries[n + 1]) then
    claimed[#claimed + 1] = { id, leasedTo(id, row, ask.lease), false }
  else
    astray(id, row) -- a direct request for a damaged row reports the damage
  end
end
writeRows()
local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
return { json(now), #first > 0 and json(math.max(0, first[2] - now)), claimed }
`
);
var correctRows = script(
  "write to",
  false,
  reading,
  writing,
  String.raw`
local ask = cjson.decode(ARGV[1])
local start = math.max(ask.start, now + ${soonMs})
local entries = redis.call('ZRANGEBYSCORE', due, json(start), json(ask.stop), 'WITHSCORES', 'LIMIT', 0, ${correctedAtOnce})
for n = 1, #entries, 2 do
  local id, at = entries[n], tonumber(entries[n + 1])
  local row = wholeRow(id)
  local leased = row and row.lease ~= null and at <= now + longestLeaseMs
  if row and claimableAt(row) == at and not leased then moveBy(id, row, ask.byMs) end
end
writeRows()
return { json(now), #entries == ${2 * correctedAtOnce} and entries[#entries] or false }
`
);
var grant = script(
  "write to",
  false,
  lost,
  reading,
  writing,
  slots,
  String.raw`
local ask = cjson.decode(ARGV[1])
knows(ARGV[2])
local first = waiting()
if not (first.interactive or first.recovery or first.bulk) then return { json(now), false, {} } end
local limit = ask.limit
local taken = used(limit)
local entries, asks, claimed = {}, {}, {}
for _, lane in ipairs(lanes) do
  entries[lane] = ask.max > 0 and redis.call('ZRANGE', queue[lane], 0, ask.max - 1, 'WITHSCORES') or {}
end
local place = { interactive = 1, recovery = 1, bulk = 1 }
while #claimed < ask.max do
  for _, lane in ipairs(lanes) do asks[lane] = place[lane] < #entries[lane] end
  local lane = turn(limit, taken, asks)
  if not lane then break end
  local id, since = entries[lane][place[lane]], tonumber(entries[lane][place[lane] + 1])
  place[lane] = place[lane] + 2
  local row = wholeRow(id)
  if row and waitsIn(row, lane) == since then
    local slot = slotAt(limit, ask.holdMs, lane)
    claimed[#claimed + 1] = { id, leasedTo(id, row, ask.lease), slotText(slot) }
    add(slot, 1)
  else
    astray(id, row) -- uses no slot
  end
end
writeRows()
writeLogs()
local more = waiting()
local waits = more.interactive or more.recovery or more.bulk
local next = waits and freeInMs(limit, taken, more)
return { json(now), next and json(next) or false, claimed } -- nil would end the reply
`
);
var take = script(
  "write to",
  false,
  lost,
  reading,
  writing,
  slots,
  String.raw`
knows(ARGV[2])
local slot, ms = freeSlot(cjson.decode(ARGV[1]))
if not slot then return { 'refused', json(ms) } end
add(slot, 1)
writeLogs()
return { 'taken', slotText(slot) }
`
);
var settle = script("write to", false, slots, "settle(cjson.decode(ARGV[1]))\nwriteLogs()\n");
var giveBack = script("write to", false, slots, "giveBack(cjson.decode(ARGV[1]))\nwriteLogs()\n");
var forecast = script(
  "read",
  true,
  slots,
  String.raw`
local waits = {}
for n, lane in ipairs(lanes) do waits[n] = redis.call('ZCARD', queue[lane]) end
return { json(now), waits, redis.call('HGETALL', logOf(ARGV[1]).key) }
`
);
var page = script(
  "read",
  true,
  String.raw`
local ids = {}
for _, state in ipairs(ARGV[3] and { ARGV[3] } or redis.call('HKEYS', counts)) do
  local first, last = '(' .. state .. '\0' .. ARGV[1], '(' .. state .. '\1'
  for _, member in ipairs(redis.call('ZRANGEBYLEX', states, first, last, 'LIMIT', 0, ARGV[2])) do
    ids[#ids + 1] = member:sub(#state + 2)
  end
end
return ids
`
);
var count = script("read", true, "return redis.call('HGETALL', counts)\n");
var commitAccount = script(
  "write to",
  true,
  lost,
  reading,
  String.raw`
local row = read(KEYS[7])
if row == false then return { 'damaged' } end
if row and row.writeId == ARGV[2] then return { 'committed' } end
if (row and row.revision or 0) ~= tonumber(ARGV[1]) then return { 'conflict' } end
local identity = row and row.identity or ARGV[2]
redis.call('SET', KEYS[7], '{"identity":' .. json(identity) .. ',' .. ARGV[3]:sub(2))
return { 'committed' }
`
);
var scripts = {
  load,
  commit,
  move,
  erase,
  claim,
  correctRows,
  grant,
  take,
  settle,
  giveBack,
  forecast,
  page,
  counts: count,
  commitAccount
};

// adapters/redis.ts
function redis(where, options = {}) {
  const { timeoutMs = 5e3, prefix = "oneup" } = options;
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0) {
    throw invalid("`timeoutMs` must be a number of milliseconds above 0", timeoutMs);
  }
  if (typeof prefix !== "string" || !/^[^{}]+$/.test(prefix)) {
    throw invalid("`prefix` must be a string without braces, which Redis reads as a hash tag", prefix);
  }
  const target = targetOf(where);
  const accounts = /* @__PURE__ */ new Set();
  const backend = sharedBackend(async () => {
    const connection = new Connection(target.link(systemClock, timeoutMs), systemClock, timeoutMs);
    await connection.open([scripts.counts], scripts.counts, keysOf(prefix, "keyv").indexes);
    return keyvBackend(connection, prefix, (account, id) => keysOf(prefix, account).user(id));
  });
  return {
    name: "redis",
    durable: true,
    timeoutMs,
    keyv: (keyvOptions) => keyvView(keyvOptions, backend, accounts),
    async open({ account, clock }) {
      const keys = keysOf(prefix, account);
      const connection = new Connection(target.link(clock, timeoutMs), clock, timeoutMs);
      await connection.open(Object.values(scripts), scripts.counts, keys.indexes);
      accounts.add(account);
      return redisStore(connection, keys, clock);
    }
  };
}
function invalid(rule, value) {
  return new LifecycleError("INVALID_OPTION", `Cannot use a Redis store: ${rule}, not ${String(value)}`);
}
function keysOf(prefix, account) {
  const tag = account.replaceAll(/[%{}]/g, encodeURIComponent) || "%";
  const key = (name) => `${prefix}:{${tag}}:${name}`;
  return {
    indexes: ["due", ...lanes, "states", "counts"].map(key),
    account: key("account"),
    probe: key("probe"),
    user: (id) => key(`users:${id}`),
    logs: (...limits) => limits.flatMap((limit) => [key(`moments:${limit}`), key(`slots:${limit}`)])
  };
}
function redisStore(connection, keys, clock) {
  const run = (script2, more, args = []) => connection.run(script2, [...keys.indexes, ...more], args);
  const loads = new Batches(async (rows) => {
    const [now = null, ...texts] = list(await run(scripts.load, rows));
    time.observe(Number(now));
    return texts.map((text) => [now, text]);
  }, clock);
  const time = new ServerTime(clock);
  const known = () => {
    const past = time.known();
    return past === null ? "" : JSON.stringify(past);
  };
  const commits = new Batches(async (asked) => {
    const rows = [];
    const words = [];
    const limits = /* @__PURE__ */ new Set();
    for (const { commit: commit2, fields } of asked) {
      rows.push(keys.user(commit2.id));
      words.push(...fields);
      for (const limit of limitsOf(commit2)) limits.add(limit);
    }
    const [{ commit: { identity } } = { commit: {} }] = asked;
    const args = [...words, known(), accountStart(identity)];
    return list(await run(scripts.commit, [...rows, ...keys.logs(...limits)], args));
  }, clock);
  const correctRows2 = async (behind) => {
    const [, last = null] = list(await run(scripts.correctRows, [], [JSON.stringify(behind)]));
    time.rowsCorrected(last === null ? null : Number(last));
  };
  const rowAt = async (key) => {
    const [now, text = null] = list(await loads.ask(key));
    return { now: Number(now), text: text === null ? null : String(text) };
  };
  return {
    async load(id) {
      const { now, text } = await rowAt(keys.user(id));
      if (text === null) return { type: "absent" };
      const row = decodeRow(text);
      return "renamedTo" in row ? { type: "renamed", to: row.renamedTo } : { type: "record", record: shown(id, row, now) };
    },
    commit: async (commit2) => committed(await commits.ask({ commit: commit2, fields: fieldsOf(commit2) })),
    async move({ from, commit: commit2 }) {
      const left = encodeRow({ renamedTo: commit2.id });
      const rows = [keys.user(from), keys.user(commit2.id)];
      const logs = keys.logs(...limitsOf(commit2));
      const args = [...fieldsOf(commit2), from, left, known(), accountStart(commit2.identity)];
      const reply = await run(scripts.move, [...rows, ...logs], args);
      return committed(reply);
    },
    async erase({ ids, to, identity }) {
      await run(scripts.erase, ids.map(keys.user), [...ids, to, accountStart(identity)]);
    },
    async claim(ask) {
      if (time.behind !== null) await correctRows2(time.behind);
      return batch(await run(scripts.claim, [], [JSON.stringify(ask), accountStart(ask.identity)]), time);
    },
    async grant(ask) {
      const args = [JSON.stringify(ask), known(), accountStart(ask.identity)];
      return batch(await run(scripts.grant, keys.logs(ask.limit.name), args), time);
    },
    slots: {
      async take(request) {
        const logs = keys.logs(request.limit.name);
        const args = [JSON.stringify(request), known(), accountStart(request.identity)];
        const [type, detail] = list(await run(scripts.take, logs, args));
        return type === "taken" ? { type: "taken", slot: slotOf(detail) } : { type: "refused", retryInMs: Number(detail) };
      },
      settle: async (slot) => void await run(scripts.settle, keys.logs(slot.limit), [JSON.stringify(slot)]),
      giveBack: async (slot) => void await run(scripts.giveBack, keys.logs(slot.limit), [JSON.stringify(slot)]),
      async forecast({ limit, calls, lane }) {
        const reply = list(await run(scripts.forecast, keys.logs(limit.name), [limit.name]));
        const now = time.observe(Number(reply[0]));
        const [interactive = 0, recovery = 0, bulk = 0] = list(reply[1]).map(Number);
        const waiting = { interactive, recovery, bulk };
        const log = opened(logOf(list(reply[2])), limit, now, time.past).moments;
        return {
          used: used(log, limit.windowMs, now),
          waiting,
          inMs: grantedInMs(log, limit, now, ahead(waiting, lane) + calls, lane)
        };
      }
    },
    async page({ state, after = "", limit }) {
      const of = state === void 0 ? [] : [state];
      const found = list(await run(scripts.page, [], [after, String(limit), ...of]));
      const ids = found.map((id) => Buffer.from(String(id)));
      return ids.toSorted(Buffer.compare).slice(0, limit).map(String);
    },
    async counts() {
      const pairs = list(await run(scripts.counts, []));
      return Object.fromEntries(
        pairs.flatMap((state, n) => n % 2 === 0 ? [[String(state), Number(pairs[n + 1])]] : [])
      );
    },
    account: {
      async load() {
        const { text } = await rowAt(keys.account);
        const row = text === null ? null : decodeRow(text);
        if (row === null || "renamedTo" in row) return null;
        const { value, revision, identity } = row;
        return { value, revision, identity };
      },
      async commit({ value, expectedRevision, writeId, identity }) {
        const text = encodeRow({ ...unindexed, value, revision: expectedRevision + 1, writeId });
        const words = [String(expectedRevision), writeId, text, accountStart(identity)];
        const reply = await run(scripts.commitAccount, [keys.account], words);
        return committed(reply).type === "committed";
      }
    },
    async probe() {
      await connection.command("write to", keys.probe, ["SET", keys.probe, "", "XX"]);
    },
    close() {
      loads.leave();
      commits.leave();
      return connection.close();
    }
  };
}
var unindexed = {
  revision: 0,
  writeId: "",
  state: "",
  dueAt: null,
  lane: null,
  waitsSince: null,
  lease: null
};
function list(reply) {
  return typeof reply === "object" && reply !== null ? reply : [];
}
function slotOf(reply) {
  return JSON.parse(String(reply));
}
function committed(reply) {
  const [type, detail, slot = null] = list(reply);
  switch (type) {
    case "committed":
      return { type, revision: Number(detail), slot: slot === null ? null : slotOf(slot) };
    case "refused":
      return { type, retryInMs: Number(detail) };
    case "conflict":
      return { type };
    default:
      throw new LifecycleError(
        "RECORD_DAMAGED",
        "Cannot read a record: its stored value is damaged or was not written by this library"
      );
  }
}
function batch(reply, time) {
  const [now, next, claimed] = list(reply);
  time.observe(Number(now));
  return {
    claimed: list(claimed).flatMap((each) => claimedOf(list(each), Number(now))),
    nextInMs: next === null ? null : Number(next)
  };
}
function claimedOf([id, text, slot = null], now) {
  try {
    const row = decodeRow(String(text));
    if ("renamedTo" in row) return [];
    return [{ record: shown(String(id), row, now), slot: slot === null ? null : slotOf(slot) }];
  } catch (error) {
    if (isLifecycleError(error, "RECORD_DAMAGED")) return [];
    throw error;
  }
}
export {
  redis
};
