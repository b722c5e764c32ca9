import {
  ServerTime,
  correctedAtOnce,
  soonMs
} from "./chunk-FSJRSPUK.mjs";
import {
  LifecycleError,
  ahead,
  aheadMs,
  encodeRow,
  encodeValue,
  grantedInMs,
  inTime,
  isLifecycleError,
  keyvView,
  lanes,
  longestHoldMs,
  longestLeaseMs,
  lostStore,
  masked,
  none,
  opened,
  sharedBackend,
  shown,
  sleep,
  systemClock,
  takenNoteMs,
  underneath,
  used
} from "./chunk-XRE227HE.mjs";

// adapters/postgres/batches.ts
import { setImmediate } from "node:timers";

// adapters/postgres/failures.ts
var lostState = "OUP01";
var Silence = class extends Error {
  constructor(timeoutMs, cause) {
    super(`no answer within ${timeoutMs} ms`, cause === void 0 ? void 0 : { cause });
    this.name = "Silence";
  }
};
var NotSent = class extends Error {
  constructor(cause) {
    super("no connection", { cause });
    this.name = "NotSent";
  }
};
function refusalOf(error) {
  const beneath = error instanceof NotSent ? error.cause : error;
  if (typeof beneath !== "object" || beneath === null || !("code" in beneath)) return void 0;
  const { code } = beneath;
  return typeof code === "string" && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : void 0;
}
var passing = {
  "25006": "this PostgreSQL is read-only: it is a replica, or default_transaction_read_only is on",
  "40001": "PostgreSQL could not serialize the transaction",
  "40P01": "PostgreSQL ended a deadlock",
  "53100": "PostgreSQL has no space left on its disk",
  "53200": "PostgreSQL is out of memory",
  "53300": "PostgreSQL has no connection left (max_connections)",
  "55P03": "PostgreSQL waited too long for a lock (lock_timeout)",
  "57014": "PostgreSQL cancelled the statement (statement_timeout, or an administrator)",
  "57P01": "PostgreSQL is shutting down",
  "57P02": "PostgreSQL crashed and is starting again",
  "57P03": "PostgreSQL is starting or shutting down"
};
var lasting = {
  "25001": "transactions must be read committed (default_transaction_isolation)",
  "0A000": "PostgreSQL lacks a feature: it must be version 14 or later",
  "28000": "PostgreSQL does not let this user in (pg_hba.conf)",
  "28P01": "PostgreSQL refused the user or the password",
  "3D000": "there is no such database",
  "42501": "this PostgreSQL user lacks a right that the store needs"
};
var missing = /* @__PURE__ */ new Set(["3F000", "42P01", "42883", "42704"]);
function leftNothing(error) {
  const code = refusalOf(error);
  return error instanceof NotSent ? code === void 0 || /^(08|53|57)/.test(code) : code === "40001" || code === "40P01";
}
function isLost(error) {
  if (error instanceof NotSent || isLifecycleError(error)) return false;
  const code = refusalOf(error);
  return code === void 0 || /^(08|57P)/.test(code);
}
function isOfData(error) {
  return /^(22|23|54)/.test(refusalOf(error) ?? "");
}
function isUsable(error) {
  const code = refusalOf(error);
  return code !== void 0 && code !== "25006" && !/^(08|57P|58|F0|XX)/.test(code);
}
function wordsOf(error) {
  const beneath = error instanceof NotSent || error instanceof Silence ? error.cause ?? error : error;
  if (!(beneath instanceof Error)) return typeof beneath;
  if ("code" in beneath && typeof beneath.code === "string") return beneath.code;
  return masked(beneath.message).slice(0, 200).trim();
}
function storeError(doing, place, error) {
  if (isLifecycleError(error)) return error;
  const code = refusalOf(error);
  if (code === lostState) return lostStore();
  const text = code !== void 0 ? missing.has(code) ? `what migrate() created is missing (${code})` : passing[code] ?? lasting[code] ?? `PostgreSQL answered ${code}` : error instanceof Silence ? `${error.message} from ${place}` : `the connection to ${place} was lost`;
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the PostgreSQL store: ${text}`, {
    retryable: code === void 0 || code in passing || code.startsWith("08"),
    cause: underneath(error)
  });
}
function openError(place, schema, error) {
  if (isLifecycleError(error)) return error;
  const code = refusalOf(error);
  const words = wordsOf(error);
  const isCertificate = /CERT|UNABLE_TO_|SSL/.test(words);
  if (code === void 0 && !isCertificate) {
    return new LifecycleError("STORE_UNAVAILABLE", `Cannot reach ${place}: ${words}`, {
      retryable: true,
      cause: underneath(error)
    });
  }
  const known = code === void 0 ? void 0 : passing[code] ?? lasting[code];
  const text = code !== void 0 && missing.has(code) ? `its schema "${schema}" is missing or incomplete: call migrate() of the adapter once, or run oneup-lifecycle migrate` : known ?? (code === void 0 ? words : `PostgreSQL answered ${code}`);
  const passes = code !== void 0 && code !== "25006" && (code in passing || code.startsWith("08"));
  return new LifecycleError(
    passes ? "STORE_UNAVAILABLE" : "STORE_UNUSABLE",
    `Cannot open the store in ${place}: ${text}`,
    { retryable: passes, cause: underneath(error) }
  );
}

// adapters/postgres/batches.ts
var Batches = class {
  #connection;
  #grouped;
  #measures;
  #queue = [];
  #flights = 0;
  #boarding = false;
  constructor(connection, grouped, measures) {
    this.#connection = connection;
    this.#grouped = grouped;
    this.#measures = measures;
  }
  /** @throws {LifecycleError} */
  ask(ask) {
    const { clock, timeoutMs, place } = this.#connection;
    return this.#connection.within(
      (error) => storeError(this.#grouped.verb.doing, place, error),
      (until) => new Promise((resolve, reject) => {
        const waiting = {
          ask,
          until,
          over: false,
          resolve(answer) {
            cancel();
            resolve(answer);
          },
          reject(error) {
            cancel();
            reject(error);
          }
        };
        const cancel = clock.timer(timeoutMs, () => {
          waiting.over = true;
          reject(new Silence(timeoutMs));
        });
        this.#queue.push(waiting);
        this.#board();
      })
    );
  }
  /** Sends the next batch at the end of this turn, with all requests that arrive until then. */
  #board() {
    if (this.#boarding || this.#queue.length === 0 || this.#flights >= this.#measures.flights) return;
    this.#boarding = true;
    setImmediate(() => {
      this.#boarding = false;
      const batch = this.#next();
      if (batch.length === 0) return;
      this.#flights++;
      void this.#fly(batch).finally(() => {
        this.#flights--;
        this.#board();
      });
      this.#board();
    });
  }
  /** Removes the next batch from the queue. */
  #next() {
    const batch = [];
    const ids = /* @__PURE__ */ new Set();
    const left = [];
    for (const waiting of this.#queue) {
      if (waiting.over) continue;
      const own = this.#grouped.ids(waiting.ask);
      if (batch.length < this.#measures.most && !own.some((id) => ids.has(id))) {
        batch.push(waiting);
        for (const id of own) ids.add(id);
      } else left.push(waiting);
    }
    this.#queue = left;
    return batch;
  }
  /** Sends a batch and settles its requests; never rejects. */
  async #fly(batch) {
    const { verb, values, answers } = this.#grouped;
    const until = batch.reduce((latest, each) => Math.max(latest, each.until), 0);
    let aboard = batch;
    const board = () => {
      aboard = batch.filter(({ over }) => !over);
      return values(aboard.map(({ ask }) => ask));
    };
    try {
      const reply = await this.#connection.run(verb, board, until);
      const all = answers(
        reply,
        aboard.map(({ ask }) => ask)
      );
      for (const [n, { resolve }] of aboard.entries()) {
        const answer = all[n];
        if (answer !== void 0) resolve(answer);
      }
    } catch (error) {
      if (batch.length > 1 && isOfData(error)) for (const each of batch) await this.#fly([each]);
      else for (const { reject } of batch) reject(error);
    }
  }
};

// adapters/postgres/connection.ts
var Connection = class {
  clock;
  timeoutMs;
  #link;
  #underWay = 0;
  #idle;
  #closing;
  constructor(link, clock, timeoutMs) {
    this.#link = link;
    this.clock = clock;
    this.timeoutMs = timeoutMs;
  }
  /** The server, for error messages. */
  get place() {
    return this.#link.place;
  }
  /** Runs the verb within the time limit. @throws {LifecycleError} */
  ask(verb, values) {
    const failed2 = (error) => storeError(verb.doing, this.place, error);
    return this.within(failed2, (until) => this.run(verb, () => values, until));
  }
  /**
   * Counts `task` as pending and passes it its deadline on the monotonic clock.
   *
   * @param failed maps an error of `task`
   * @throws {LifecycleError}
   */
  async within(failed2, task) {
    if (this.#closing !== void 0) {
      throw new LifecycleError("CLOSED", "Cannot use the PostgreSQL store: it was closed");
    }
    this.#underWay++;
    try {
      return await task(this.clock.monotonic() + this.timeoutMs);
    } catch (error) {
      throw failed2(error);
    } finally {
      if (--this.#underWay === 0) this.#idle?.();
    }
  }
  /**
   * Sends the verb, and again where that is safe, until it is answered or `until` has passed. `values` is called for
   * every attempt. Resolves with the parsed JSON answer.
   */
  async run(verb, values, until) {
    for (let pauseMs = 10; ; pauseMs = Math.min(2 * pauseMs, 250)) {
      let failure;
      try {
        const [row2] = await this.lend(
          until,
          (client) => client.query({ text: verb.text, values: values() }).then(({ rows }) => rows)
        );
        const { answer } = row2;
        return answer === null ? null : JSON.parse(answer);
      } catch (error) {
        if (error instanceof Silence || !(leftNothing(error) || verb.repeatable && isLost(error)))
          throw error;
        failure = error;
      }
      const left = until - this.clock.monotonic();
      if (left <= pauseMs) throw this.#over(failure);
      await sleep(this.clock, pauseMs);
    }
  }
  /**
   * Lends a connection to `task` until the deadline. The connection is destroyed if `task` is late or has left it
   * unusable.
   */
  async lend(until, task) {
    const client = await this.#connected(until);
    try {
      const done = await this.#before(until, () => task(client));
      client.release();
      return done;
    } catch (error) {
      client.release(!isUsable(error));
      throw error;
    }
  }
  /** Resolves with a connection. Nothing has been sent before that. */
  async #connected(until) {
    let late = false;
    const connecting = this.#link.connect().then(
      (client) => {
        if (late) client.release();
        return client;
      },
      (cause) => {
        throw cause instanceof LifecycleError ? cause : new NotSent(cause);
      }
    );
    connecting.catch(() => {
    });
    try {
      return await this.#before(until, () => connecting);
    } catch (error) {
      late = error instanceof Silence;
      throw error;
    }
  }
  #before(until, task) {
    const left = Math.max(0, until - this.clock.monotonic());
    return inTime(this.clock, left, task, () => this.#over());
  }
  #over(cause) {
    return new Silence(this.timeoutMs, cause);
  }
  /** Waits for pending calls, which all have a time limit. */
  close() {
    this.#closing ??= this.#end();
    return this.#closing;
  }
  async #end() {
    if (this.#underWay > 0) await new Promise((resolve) => this.#idle = resolve);
    await this.#before(this.clock.monotonic() + this.timeoutMs, () => this.#link.close()).catch(() => {
    });
  }
};

// adapters/postgres/keyv-backend.ts
import { Buffer } from "node:buffer";

// adapters/postgres/rows.ts
function rowOf(sent) {
  const [, revision, writeId, state, dueAt, lane, waitsSince, lease, took, renamedTo, value] = sent;
  if (renamedTo !== null) return { renamedTo };
  return { revision, writeId, state, dueAt, lane, waitsSince, lease, ...took && { took }, value };
}
function writeOf({ from, commit }) {
  return { commit, from, value: encodeValue(commit.value) };
}
function idsOf({ commit, from }) {
  return from === void 0 || from === commit.id ? [commit.id] : [from, commit.id];
}
function valuesOf(account, writes, known) {
  const limits = writes.flatMap(({ commit: { take, settle, giveBack } }) => [
    take?.limit.name,
    settle?.limit,
    giveBack?.limit
  ]);
  const locks = {
    comers: writes.filter(({ commit, from }) => from !== void 0 || commit.expectedRevision === 0).map(({ commit }) => commit.id),
    users: writes.flatMap(idsOf),
    limits: [...new Set(limits)].filter((name) => name !== void 0),
    known
  };
  const lines = writes.map(({ value }) => value).join("\n");
  const identity = writes[0]?.commit.identity ?? null;
  return [account, JSON.stringify(locks), JSON.stringify(writes.map(headOf)), lines, identity];
}
function headOf({ commit, from }, index) {
  const { take, settle, giveBack } = commit;
  const leases = commit.mode === "take" || commit.mode === "keep";
  return {
    n: index + 1,
    id: commit.id,
    was: from ?? commit.id,
    moves: from !== void 0,
    expected: commit.expectedRevision,
    write_id: commit.writeId,
    mode: commit.mode,
    lease_id: commit.lease.id,
    ...leases && { lease_owner: commit.lease.owner, lease_ms: commit.lease.ms },
    state: commit.state,
    due_in: commit.dueInMs,
    lane: commit.lane,
    ...commit.unless !== void 0 && { unless_id: commit.unless },
    ...take && {
      take_name: take.limit.name,
      take_window: take.limit.windowMs,
      take_calls: take.limit.calls,
      take_reserved: take.limit.reserved ?? 0,
      take_recovery: take.limit.least?.recovery ?? 0,
      take_bulk: take.limit.least?.bulk ?? 0,
      take_hold: take.holdMs,
      take_lane: take.lane
    },
    ...settle && {
      settle_name: settle.limit,
      settle_window: settle.windowMs,
      settle_lane: settle.lane,
      settle_at: settle.at
    },
    ...giveBack && {
      back_name: giveBack.limit,
      back_window: giveBack.windowMs,
      back_lane: giveBack.lane,
      back_at: giveBack.at
    }
  };
}
function limitOf({ name, windowMs, calls, reserved, least }) {
  return [name, windowMs, calls, reserved ?? 0, least?.recovery ?? 0, least?.bulk ?? 0];
}
function logOf(sent, head) {
  const moments = /* @__PURE__ */ new Map();
  for (const [at, lane, calls] of sent ?? []) {
    const counts = moments.get(at) ?? [at, 0, 0, 0];
    counts[1 + lanes.indexOf(lane)] = calls;
    moments.set(at, counts);
  }
  const [windowMs, askedAt, takenAt] = head ?? [0, 0, 0];
  return { windowMs, askedAt, takenAt, moments: [...moments.values()], former: null };
}

// adapters/postgres/keyv-backend.ts
var step = 500;
function keyvBackend(connection, s) {
  const verb = (doing, repeatable, call) => ({
    text: `SELECT ${s}.${call}::text AS answer`,
    doing,
    repeatable
  });
  const load = verb("read", true, "load_users($1, $2)");
  const walkUsers = verb("read", true, "walk_users($1, $2, $3)");
  const getText = verb("read", true, "get_text($1)");
  const walkTexts = verb("read", true, "walk_texts($1, $2, $3)");
  const setText = verb("write to", true, "set_text($1, $2, $3)");
  const deleteText = verb("write to", false, "delete_text($1)");
  const clearTexts = verb("write to", true, "clear_texts($1)");
  return {
    users: (account) => ({
      async get(id) {
        const [, rows] = await connection.ask(load, [account, JSON.stringify([id])]);
        return rows?.[0] && textOf(rows[0]);
      },
      async *entries() {
        for (let after = ""; after !== void 0; ) {
          const [, rows] = await connection.ask(walkUsers, [account, after, step]);
          for (const row2 of rows ?? []) yield [row2[0], textOf(row2)];
          after = rows?.at(-1)?.[0];
        }
      }
    }),
    texts: {
      async get(key) {
        const text = await connection.ask(getText, [bytes(key)]);
        return text === null ? void 0 : textIn(text);
      },
      async set(key, text, ttlMs) {
        await connection.ask(setText, [bytes(key), bytes(text), ttlMs ?? null]);
      },
      delete: async (key) => await connection.ask(deleteText, [bytes(key)]) === true,
      async *entries(prefix) {
        for (let after = ""; after !== void 0; ) {
          const found = await connection.ask(walkTexts, [
            bytes(prefix),
            Buffer.from(after, "hex"),
            step
          ]);
          for (const [key, text] of found ?? []) yield [textIn(key), textIn(text)];
          after = found?.at(-1)?.[0];
        }
      },
      async clear(prefix) {
        await connection.ask(clearTexts, [bytes(prefix)]);
      }
    },
    close: () => connection.close()
  };
}
function textOf(sent) {
  return encodeRow(rowOf(sent));
}
function bytes(text) {
  return Buffer.from(text, "utf8");
}
function textIn(digits) {
  return Buffer.from(digits, "hex").toString("utf8");
}

// adapters/postgres/links.ts
import { readFileSync } from "node:fs";
function targetOf(where, connections) {
  if (typeof where === "string") return ownTarget(checkedUrl(where), connections);
  const pool = where;
  if (isPool(pool)) return { link: () => givenLink(pool) };
  throw refused("a postgres: URL or a pool", typeof where);
}
function refused(rule, value) {
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot use a PostgreSQL store: \`where\` must be ${rule}, not ${value}`
  );
}
function isPool(pool) {
  return typeof pool === "object" && pool !== null && "connect" in pool && typeof pool.connect === "function";
}
var withListener = /* @__PURE__ */ new WeakSet();
function hearPool(pool) {
  if (withListener.has(pool)) return pool;
  withListener.add(pool);
  pool.on?.("error", () => {
  });
  pool.on?.("acquire", ignoreErrors);
  return pool;
}
function ignoreErrors(client) {
  if (!withListener.has(client)) client.on?.("error", () => {
  });
  withListener.add(client);
  return client;
}
var settings = ["sslmode", "sslrootcert", "application_name"];
function checkedUrl(where) {
  const secretless = where.replace(/^([a-z+]+:\/\/)?.*@/is, "$1").replace(/[?#].*/s, "");
  let url;
  try {
    url = new URL(where);
    decodeURIComponent(url.username + url.password + url.pathname);
  } catch {
    url = new URL("none:");
  }
  const fits = /^postgres(ql)?:$/.test(url.protocol) && url.hostname !== "" && /^\/[^/]+$/.test(url.pathname);
  const encoded = where.includes("@") ? ", whose user and password are percent-encoded (a # is %23)" : "";
  if (!fits || url.hash !== "")
    throw refused(`a URL like postgres://host:5432/database${encoded}`, JSON.stringify(secretless));
  for (const [name, value] of url.searchParams) {
    if (!settings.includes(name)) {
      throw refused(
        `a URL with no parameters other than ${settings.join(", ")}; for others pass a pool`,
        name
      );
    }
    if (name === "sslmode" && !["disable", "require", "verify-full"].includes(value)) {
      throw refused("a URL whose sslmode is disable, require or verify-full; for others pass a pool", value);
    }
  }
  return url;
}
function givenLink(pool) {
  hearPool(pool);
  return {
    place: "PostgreSQL",
    connect: async () => ignoreErrors(await pool.connect()),
    close: async () => {
    }
  };
}
var farewellMs = 1e3;
function ownTarget(url, connections) {
  const words = url.searchParams;
  const options = {
    host: url.hostname.replaceAll(/^\[|\]$/g, ""),
    ...url.port !== "" && { port: Number(url.port) },
    ...url.username !== "" && { user: decodeURIComponent(url.username) },
    ...url.password !== "" && { password: decodeURIComponent(url.password) },
    database: decodeURIComponent(url.pathname.slice(1)),
    ssl: encryptionOf(words),
    application_name: words.get("application_name") ?? "oneup-lifecycle",
    max: connections,
    idleTimeoutMillis: 6e4,
    keepAlive: true
  };
  return {
    link(timeoutMs) {
      let dialled;
      const sockets = /* @__PURE__ */ new Set();
      const dial = async () => {
        const Pool = await poolOfPg();
        const pool = hearPool(new Pool({ ...options, connectionTimeoutMillis: timeoutMs }));
        pool.on("connect", (client) => {
          const { connection } = client;
          if (connection === void 0) return;
          const { stream } = connection;
          sockets.add(stream);
          stream.once("close", () => sockets.delete(stream));
        });
        return pool;
      };
      return {
        place: `PostgreSQL at ${url.protocol}//${url.host}${url.pathname}`,
        async connect() {
          const pool = await (dialled ??= dial());
          return ignoreErrors(await pool.connect());
        },
        async close() {
          const pool = await dialled?.catch(() => void 0);
          await pool?.end();
          for (const socket of sockets) {
            const cancel = systemClock.timer(farewellMs, () => socket.destroy());
            socket.once("close", cancel);
          }
        }
      };
    }
  };
}
function encryptionOf(words) {
  const certificates = words.get("sslrootcert");
  const mode = words.get("sslmode") ?? (certificates === null ? "disable" : "verify-full");
  if (mode === "disable") return false;
  if (certificates === null) return { rejectUnauthorized: true };
  try {
    return { rejectUnauthorized: true, ca: readFileSync(certificates, "utf8") };
  } catch (cause) {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot use a PostgreSQL store: sslrootcert must be a file that can be read, not ${JSON.stringify(certificates)}`,
      { cause }
    );
  }
}
async function poolOfPg() {
  try {
    const { default: pg } = await import("pg");
    return pg.Pool;
  } catch (cause) {
    throw new LifecycleError(
      "STORE_UNUSABLE",
      "Cannot use a PostgreSQL store from a URL: the package pg must be installed (npm install pg)",
      { cause }
    );
  }
}

// adapters/postgres/functions.ts
var settings2 = `SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
  SET jit = off`;
var row = `json_build_array(id, revision, write_id, state, due_at, lane, waits_since,
  CASE WHEN lease_id IS NOT NULL THEN json_build_object('id', lease_id, 'owner', lease_owner, 'until', lease_until) END,
  took, renamed_to, value)`;
var sums = `ARRAY[
      coalesce(sum(calls) FILTER (WHERE lane = 'interactive'), 0),
      coalesce(sum(calls) FILTER (WHERE lane = 'recovery'), 0),
      coalesce(sum(calls) FILTER (WHERE lane = 'bulk'), 0)
    ]::float8[]`;
function sharedFunctions(s) {
  return String.raw`
-- The time for all functions. Tests may replace it.
CREATE OR REPLACE FUNCTION ${s}.now_ms() RETURNS float8 LANGUAGE sql VOLATILE AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8
$$;

CREATE OR REPLACE FUNCTION ${s}.noted(_window float8, _at float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT ceil(_at / greatest(1, ceil(_window / 512))) * greatest(1, ceil(_window / 512))
$$;

-- Refuses to go on if the account's record is not the one that the caller opened: the tables were emptied since.
CREATE OR REPLACE FUNCTION ${s}.same_account(_account text, _identity text) RETURNS void
LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  IF _identity IS NOT NULL AND NOT EXISTS (
    SELECT FROM ${s}.account WHERE account = _account AND identity = _identity
  ) THEN
    RAISE EXCEPTION 'the account is gone' USING ERRCODE = '${lostState}';
  END IF;
END
$$;

-- Locks names of one kind until the end of the transaction, in a fixed order. Read committed is required: a transaction
-- that waited must see what the others have written, or more slots than the limit would be granted.
CREATE OR REPLACE FUNCTION ${s}.lock_names(_kind integer, _account text, _names json) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'transactions must be read committed' USING ERRCODE = '25001';
  END IF;
  PERFORM pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended(concat(_account, E'\n', name), _kind) AS key
    FROM json_array_elements_text(_names) AS name ORDER BY key OFFSET 0
  ) AS sorted;
END
$$;

-- Which lanes have waiting users, in lane order.
CREATE OR REPLACE FUNCTION ${s}.waiting(_account text) RETURNS boolean[] LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY[
    EXISTS (SELECT FROM ${s}.users WHERE account = _account AND lane = 'interactive' AND lease_id IS NULL),
    EXISTS (SELECT FROM ${s}.users WHERE account = _account AND lane = 'recovery' AND lease_id IS NULL),
    EXISTS (SELECT FROM ${s}.users WHERE account = _account AND lane = 'bulk' AND lease_id IS NULL)
  ];
END
$$;

-- The lane (1, 2, 3) that gets the next slot; null: no lane may have one.
CREATE OR REPLACE FUNCTION ${s}.turn(
  _calls float8, _reserved float8, _recovery float8, _bulk float8, _used float8[], _asks boolean[]
) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  _taken float8 := _used[1] + _used[2] + _used[3];
  _free float8 := _calls - _taken;
  _rest float8 := _calls - _reserved;
  _left float8 := _rest - _used[2] - _used[3];
  _owed float8[] := ARRAY[
    0, greatest(0, least(_left, _recovery - _used[2])), greatest(0, least(_left, _bulk - _used[3]))
  ];
  _owed_to_all float8 := 0;
  _owing integer;
BEGIN
  IF _free <= 0 THEN RETURN NULL; END IF;
  FOR _lane IN 1..3 LOOP
    IF _asks[_lane] THEN _owed_to_all := _owed_to_all + _owed[_lane]; END IF;
  END LOOP;
  FOR _lane IN 1..3 LOOP
    IF _asks[_lane] AND (_lane = 1 OR _taken < _rest OR _owed[_lane] > 0) THEN
      IF _free > _owed_to_all - _owed[_lane] THEN RETURN _lane; END IF;
      IF _owed[_lane] > 0 AND _owing IS NULL THEN _owing := _lane; END IF;
    END IF;
  END LOOP;
  RETURN _owing;
END
$$;

-- Moves the moments after _after of a log by _by, but not beyond _latest.
CREATE OR REPLACE FUNCTION ${s}.move_moments(
  _account text, _name text, _after float8, _by float8, _latest float8
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  _moved json := (
    SELECT json_agg(json_build_object('at', least(at + _by, _latest), 'lane', lane, 'calls', calls))
    FROM ${s}.slots WHERE account = _account AND name = _name AND at > _after
  );
BEGIN
  IF _moved IS NULL THEN RETURN; END IF;
  DELETE FROM ${s}.slots WHERE account = _account AND name = _name AND at > _after;
  INSERT INTO ${s}.slots (account, name, at, lane, calls)
  SELECT _account, _name, at, lane, sum(calls) FROM json_to_recordset(_moved) AS m (at float8, lane text, calls bigint)
  GROUP BY at, lane ORDER BY at, lane
  ON CONFLICT (account, name, at, lane) DO UPDATE SET calls = slots.calls + excluded.calls;
END
$$;

-- Corrects the moments of a log for clock jumps since it was written. _known: what the calling process knows about the
-- server's time.
CREATE OR REPLACE FUNCTION ${s}.redate(_account text, _name text, _now float8, _known json) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  _head record;
  _from float8 := (_known->>'at')::float8 + (_known->>'agoMs')::float8;
  _by float8;
  _latest float8;
BEGIN
  SELECT window_ms, asked_at, taken_at INTO _head FROM ${s}.logs WHERE account = _account AND name = _name;
  IF NOT FOUND THEN RETURN; END IF;
  IF _head.taken_at > _now + ${aheadMs} THEN
    _latest := ${s}.noted(_head.window_ms, _now + ${longestHoldMs});
    PERFORM ${s}.move_moments(
      _account, _name, _latest, ${s}.noted(_head.window_ms, _now - _head.taken_at), _latest
    );
    UPDATE ${s}.logs SET asked_at = least(asked_at, _now), taken_at = _now WHERE account = _account AND name = _name;
    RETURN;
  END IF;
  _by := _now - _from;
  IF coalesce(_by <= ${aheadMs}, true) THEN
    _from := (_known->>'from')::float8;
    _by := (_known->>'by')::float8;
  END IF;
  IF _head.taken_at > 0 AND _head.taken_at <= _from + _by / 2 AND _now > _from + _by / 2 THEN
    PERFORM ${s}.move_moments(_account, _name, '-Infinity', ${s}.noted(_head.window_ms, _by), 'Infinity');
    UPDATE ${s}.logs SET asked_at = asked_at + _by, taken_at = _now WHERE account = _account AND name = _name;
  END IF;
END
$$;

-- The number of slots that count now, by lane. Also prunes the log, by the widest window that was recently used for it.
CREATE OR REPLACE FUNCTION ${s}.used(_account text, _name text, _window float8, _now float8, _known json) RETURNS float8[]
LANGUAGE plpgsql AS $$
DECLARE
  _head record;
  _widest float8 := _window;
BEGIN
  PERFORM ${s}.redate(_account, _name, _now, _known);
  SELECT window_ms, asked_at INTO _head FROM ${s}.logs WHERE account = _account AND name = _name;
  IF NOT FOUND THEN
    INSERT INTO ${s}.logs (account, name, window_ms, asked_at, taken_at) VALUES (_account, _name, _window, _now, 0);
  ELSIF _window > _head.window_ms OR _now - _head.asked_at > _head.window_ms
    OR (_window = _head.window_ms AND _now - _head.asked_at > _head.window_ms / 8)
  THEN
    UPDATE ${s}.logs SET window_ms = _window, asked_at = _now WHERE account = _account AND name = _name;
  ELSE
    _widest := _head.window_ms;
  END IF;
  DELETE FROM ${s}.slots WHERE account = _account AND name = _name AND at <= _now - _widest;
  RETURN (SELECT ${sums} FROM ${s}.slots WHERE account = _account AND name = _name AND at > _now - _window);
END
$$;

-- In how many milliseconds the first of the requesting lanes may get a slot; null: never.
CREATE OR REPLACE FUNCTION ${s}.free_in_ms(
  _account text, _name text, _window float8, _calls float8, _reserved float8, _recovery float8, _bulk float8,
  _used float8[], _asks boolean[], _now float8
) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  _left float8[] := _used;
  _moment record;
BEGIN
  IF ${s}.turn(_calls, _reserved, _recovery, _bulk, _left, _asks) IS NOT NULL THEN RETURN 0; END IF;
  FOR _moment IN
    SELECT at, ${sums} AS calls FROM ${s}.slots
    WHERE account = _account AND name = _name AND at > _now - _window GROUP BY at ORDER BY at
  LOOP
    FOR _lane IN 1..3 LOOP
      _left[_lane] := _left[_lane] - _moment.calls[_lane];
    END LOOP;
    IF ${s}.turn(_calls, _reserved, _recovery, _bulk, _left, _asks) IS NOT NULL THEN
      RETURN _moment.at + _window - _now;
    END IF;
  END LOOP;
  RETURN NULL;
END
$$;

-- Null: the lane may have a slot. Otherwise in how many milliseconds to ask again.
CREATE OR REPLACE FUNCTION ${s}.refusal(
  _account text, _name text, _window float8, _calls float8, _reserved float8, _recovery float8, _bulk float8,
  _lane text, _used float8[], _waits boolean[], _now float8
) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  _place integer := array_position('{interactive,recovery,bulk}'::text[], coalesce(_lane, 'interactive'));
  _asks boolean[] := CASE WHEN _lane IS NULL THEN '{f,f,f}' ELSE _waits END;
  _queued boolean := true = ANY (_asks[1:_place]);
BEGIN
  _asks[_place] := true;
  IF NOT _queued AND ${s}.turn(_calls, _reserved, _recovery, _bulk, _used, _asks) = _place THEN RETURN NULL; END IF;
  RETURN coalesce(
    ${s}.free_in_ms(_account, _name, _window, _calls, _reserved, _recovery, _bulk, _used, _asks, _now), _window
  );
END
$$;

-- Records taken, refunded and completed slots in the log, grouped by moment and lane.
CREATE OR REPLACE FUNCTION ${s}.note_slots(_account text, _now float8, _notes ${s}.slot_note[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  _slots record;
  _held bigint;
  _back bigint;
  _moved bigint;
  _to float8;
BEGIN
  IF cardinality(_notes) = 0 THEN RETURN; END IF;
  INSERT INTO ${s}.slots (account, name, at, lane, calls)
  SELECT _account, name, at, lane, count(*) FROM unnest(_notes) WHERE kind = 'take'
  GROUP BY name, at, lane ORDER BY name, at, lane
  ON CONFLICT (account, name, at, lane) DO UPDATE SET calls = slots.calls + excluded.calls;
  UPDATE ${s}.logs SET taken_at = _now
  WHERE account = _account AND name IN (SELECT name FROM unnest(_notes) WHERE kind = 'take')
    AND _now - taken_at > ${takenNoteMs};
  FOR _slots IN
    SELECT name, at, lane, max(window_ms) AS window_ms,
      count(*) FILTER (WHERE kind = 'back') AS backs, count(*) FILTER (WHERE kind = 'settle') AS settles
    FROM unnest(_notes) WHERE kind <> 'take' GROUP BY name, at, lane
  LOOP
    _to := ${s}.noted(_slots.window_ms, _now);
    CONTINUE WHEN _slots.backs = 0 AND _to >= _slots.at;
    PERFORM ${s}.redate(_account, _slots.name, _now, NULL);
    SELECT calls INTO _held FROM ${s}.slots
    WHERE account = _account AND name = _slots.name AND at = _slots.at AND lane = _slots.lane;
    CONTINUE WHEN coalesce(_held, 0) = 0;
    _back := least(_slots.backs, _held);
    _moved := CASE WHEN _to < _slots.at THEN least(_slots.settles, _held - _back) ELSE 0 END;
    CONTINUE WHEN _back + _moved = 0;
    UPDATE ${s}.slots SET calls = calls - _back - _moved
    WHERE account = _account AND name = _slots.name AND at = _slots.at AND lane = _slots.lane;
    CONTINUE WHEN _moved = 0;
    INSERT INTO ${s}.slots (account, name, at, lane, calls) VALUES (_account, _slots.name, _to, _slots.lane, _moved)
    ON CONFLICT (account, name, at, lane) DO UPDATE SET calls = slots.calls + excluded.calls;
  END LOOP;
END
$$;

-- Adds to the counters. The counters are sharded by connection, so commits rarely wait for each other.
CREATE OR REPLACE FUNCTION ${s}.count_changes(_account text, _keys text[], _changes integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF cardinality(_keys) = 0 THEN RETURN; END IF;
  INSERT INTO ${s}.counts (account, key, shard, n)
  SELECT _account, key, pg_backend_pid() % 16, sum(change) FROM unnest(_keys, _changes) AS changes (key, change)
  GROUP BY key HAVING sum(change) <> 0 ORDER BY key
  ON CONFLICT (account, key, shard) DO UPDATE SET n = counts.n + excluded.n;
END
$$;
`;
}

// adapters/postgres/commits.ts
function commitFunction(s) {
  const change = `UPDATE ${s}.users SET revision = _ask.expected + 1, write_id = _ask.write_id, state = _ask.state,
        due_at = _now + _ask.due_in, lane = _ask.lane, waits_since = _since, lease_id = _ask.leased_to,
        lease_owner = _ask.lease_owner, lease_until = _now + _ask.lease_ms, took = _took,
        value = _values[_ask.n]::json, renamed_to = NULL
      WHERE account = _account AND id = _ask.id`;
  return String.raw`
-- Commits and moves of different users. Everything that can fail for a write is checked before that write changes
-- anything.
-- _locks: names of new users, of existing users and of limits; known: what the calling process knows about the server's
-- time. _values: one line per write.
CREATE OR REPLACE FUNCTION ${s}.commit_users(_account text, _locks json, _heads json, _lines text, _identity text) RETURNS text
LANGUAGE plpgsql ${settings2} AS $$
DECLARE
  _values text[] := string_to_array(_lines, E'\n');
  _answers text[] := array_fill('{"type":"conflict"}'::text, ARRAY[cardinality(_values)]);
  _notes ${s}.slot_note[] := '{}';
  _keys text[] := '{}';
  _changes integer[] := '{}';
  _now float8;
  _ask record;
  _target record;
  _overwrites boolean;
  _limit text;
  _window float8;
  _used float8[];
  _waits boolean[];
  _ms float8;
  _at float8;
  _lane text;
  _took json;
  _since float8;
  _waited text;
  _waiting text;
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  PERFORM ${s}.lock_names(1, _account, _locks->'comers');
  PERFORM FROM (
    SELECT asked_id FROM json_array_elements_text(_locks->'users') AS asked (asked_id)
    ORDER BY asked_id COLLATE "C" OFFSET 0
  ) AS sorted, LATERAL (
    SELECT FROM ${s}.users WHERE account = _account AND id = asked_id LIMIT 1 FOR UPDATE
  ) AS locked;
  PERFORM ${s}.lock_names(2, _account, _locks->'limits');
  _now := ${s}.now_ms(); -- read after acquiring the locks, so that time never goes back between two lock holders

  -- Writes that take no slot come first, so that the slots they refund are available to the others.
  FOR _ask IN
    SELECT h.*, coalesce(u.there, false) AS there, u.state AS old_state, u.took AS old_took, u.write_id AS old_write_id,
      CASE WHEN h.mode IN ('take', 'keep') THEN h.lease_id END AS leased_to,
      CASE WHEN u.lane = h.lane THEN u.waits_since END AS old_since,
      CASE WHEN u.lease_id IS NULL THEN u.lane END AS waited,
      u.renamed_to IS NULL AND coalesce(u.write_id = h.write_id, false) AS is_again,
      CASE
        WHEN u.there IS NULL THEN h.expected = 0 AND h.mode NOT IN ('keep', 'end') AND NOT EXISTS (
          SELECT FROM ${s}.users WHERE account = _account AND users.id = h.unless_id AND renamed_to IS NULL)
        WHEN u.renamed_to IS NOT NULL OR u.revision <> h.expected THEN false
        WHEN h.mode IN ('keep', 'end') THEN coalesce(u.lease_id = h.lease_id, false)
        ELSE u.lease_id IS NULL OR u.lease_until <= _now OR u.lease_until > _now + ${longestLeaseMs}
          OR (u.lease_id = h.lease_id AND h.mode = 'take')
      END AS may_write
    FROM json_to_recordset(_heads) AS h (
      n integer, id text, was text, moves boolean, expected bigint, write_id text, mode text,
      lease_id text, lease_owner text, lease_ms float8, state text, due_in float8, lane text,
      unless_id text,
      take_name text, take_window float8, take_calls float8, take_reserved float8, take_recovery float8, take_bulk float8,
      take_hold float8, take_lane text,
      settle_name text, settle_window float8, settle_lane text, settle_at float8,
      back_name text, back_window float8, back_lane text, back_at float8
    )
    LEFT JOIN LATERAL (
      SELECT true AS there, revision, write_id, state, lane, waits_since, lease_id, lease_until, took, renamed_to
      FROM ${s}.users WHERE account = _account AND users.id = h.was LIMIT 1
    ) AS u ON true
    ORDER BY h.take_name NULLS FIRST, h.n
  LOOP
    _overwrites := _ask.there;
    IF _ask.moves THEN
      SELECT revision, write_id, took, renamed_to INTO _target FROM ${s}.users
      WHERE account = _account AND id = _ask.id;
      _overwrites := FOUND;
      IF FOUND AND _target.renamed_to IS NULL THEN
        IF _target.write_id = _ask.write_id THEN
          _answers[_ask.n] := json_build_object('type', 'committed', 'revision', _target.revision, 'slot', _target.took);
        END IF;
        CONTINUE;
      END IF;
      -- The writeId is that of the old row's last write, which is a different write: it must not be acknowledged as
      -- this move.
      CONTINUE WHEN NOT _ask.there OR _ask.is_again;
    ELSIF _ask.is_again THEN
      _answers[_ask.n] := json_build_object('type', 'committed', 'revision', _ask.expected + 1, 'slot', _ask.old_took);
      CONTINUE;
    END IF;
    CONTINUE WHEN NOT _ask.may_write;

    _took := NULL;
    IF _ask.take_name IS NOT NULL THEN
      IF _limit IS DISTINCT FROM _ask.take_name OR _window IS DISTINCT FROM _ask.take_window THEN
        PERFORM ${s}.note_slots(_account, _now, _notes);
        _notes := '{}';
        _limit := _ask.take_name;
        _window := _ask.take_window;
        _used := ${s}.used(_account, _limit, _window, _now, _locks->'known');
      END IF;
      _waits := coalesce(_waits, ${s}.waiting(_account));
      _lane := coalesce(_ask.take_lane, 'interactive');
      IF (_ask.take_lane IS NOT NULL AND true = ANY (_waits))
        OR _used[1] + _used[2] + _used[3] >= _ask.take_calls - (CASE WHEN _lane = 'interactive' THEN 0 ELSE _ask.take_reserved END)
      THEN
        PERFORM ${s}.note_slots(_account, _now, _notes);
        _notes := '{}';
        _ms := ${s}.refusal(_account, _limit, _ask.take_window, _ask.take_calls, _ask.take_reserved, _ask.take_recovery,
          _ask.take_bulk, _ask.take_lane, _used, _waits, _now);
        IF _ms IS NOT NULL THEN
          _answers[_ask.n] := json_build_object('type', 'refused', 'retryInMs', _ms);
          CONTINUE;
        END IF;
      END IF;
      _at := ${s}.noted(_ask.take_window, _now + _ask.take_hold);
      _took := json_build_object('limit', _limit, 'windowMs', _ask.take_window, 'lane', _lane, 'at', _at);
      _notes := _notes || ROW('take', _limit, _ask.take_window, _lane, _at)::${s}.slot_note;
      CASE _lane
        WHEN 'interactive' THEN _used[1] := _used[1] + 1;
        WHEN 'recovery' THEN _used[2] := _used[2] + 1;
        ELSE _used[3] := _used[3] + 1;
      END CASE;
    END IF;

    _since := CASE WHEN _ask.lane IS NOT NULL THEN coalesce(_ask.old_since, _now) END;
    IF _ask.moves THEN
      UPDATE ${s}.users SET revision = 0, write_id = '', state = '', due_at = NULL, lane = NULL, waits_since = NULL,
        lease_id = NULL, lease_owner = NULL, lease_until = NULL, took = NULL, value = 'null', renamed_to = _ask.id
      WHERE account = _account AND id = _ask.was;
    END IF;
    IF _overwrites THEN
      ${change};
    ELSE
      INSERT INTO ${s}.users (account, id, revision, write_id, state, due_at, lane, waits_since,
        lease_id, lease_owner, lease_until, took, value)
      VALUES (_account, _ask.id, _ask.expected + 1, _ask.write_id, _ask.state, _now + _ask.due_in, _ask.lane, _since,
        _ask.leased_to, _ask.lease_owner, _now + _ask.lease_ms, _took, _values[_ask.n]::json);
    END IF;

    IF _ask.old_state IS DISTINCT FROM _ask.state THEN
      IF _ask.there THEN
        _keys := _keys || ('s:' || _ask.old_state);
        _changes := _changes || -1;
      END IF;
      _keys := _keys || ('s:' || _ask.state);
      _changes := _changes || 1;
    END IF;
    _waited := _ask.waited;
    _waiting := CASE WHEN _ask.leased_to IS NULL THEN _ask.lane END;
    IF _waited IS DISTINCT FROM _waiting THEN
      IF _waited IS NOT NULL THEN
        _keys := _keys || ('l:' || _waited);
        _changes := _changes || -1;
      END IF;
      IF _waiting IS NOT NULL THEN
        _keys := _keys || ('l:' || _waiting);
        _changes := _changes || 1;
      END IF;
      _waits := NULL;
    END IF;
    IF _ask.back_name IS NOT NULL THEN
      _notes := _notes || ROW('back', _ask.back_name, _ask.back_window, _ask.back_lane, _ask.back_at)::${s}.slot_note;
    END IF;
    IF _ask.settle_name IS NOT NULL THEN
      _notes := _notes
        || ROW('settle', _ask.settle_name, _ask.settle_window, _ask.settle_lane, _ask.settle_at)::${s}.slot_note;
    END IF;
    _answers[_ask.n] := json_build_object('type', 'committed', 'revision', _ask.expected + 1, 'slot', _took);
  END LOOP;

  PERFORM ${s}.note_slots(_account, _now, _notes);
  PERFORM ${s}.count_changes(_account, _keys, _changes);
  RETURN '[' || array_to_string(_answers, ',') || ']';
END
$$;
`;
}

// adapters/postgres/tables.ts
var version = 1;
function tables(s) {
  return `
CREATE TABLE ${s}.meta (version integer NOT NULL);

CREATE TABLE ${s}.users (
  account text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  revision bigint NOT NULL DEFAULT 0,
  write_id text NOT NULL DEFAULT '',
  state text COLLATE "C" NOT NULL DEFAULT '',
  due_at float8,
  lane text COLLATE "C" CHECK (lane IN ('interactive', 'recovery', 'bulk')),
  waits_since float8,
  lease_id text,
  lease_owner text,
  lease_until float8,
  took json,
  value json NOT NULL DEFAULT 'null',
  renamed_to text,
  claim_at float8 GENERATED ALWAYS AS
    (CASE WHEN lease_id IS NOT NULL THEN lease_until WHEN lane IS NULL THEN due_at END) STORED,
  PRIMARY KEY (account, id),
  CHECK (num_nulls(lease_id, lease_owner, lease_until) IN (0, 3)),
  CHECK (num_nulls(lane, waits_since) IN (0, 2))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX users_claimable ON ${s}.users (account, claim_at, id) WHERE claim_at IS NOT NULL;
CREATE INDEX users_waiting ON ${s}.users (account, lane, waits_since, id)
  WHERE lane IS NOT NULL AND lease_id IS NULL;
CREATE INDEX users_by_state ON ${s}.users (account, state, id) WHERE renamed_to IS NULL;

CREATE TABLE ${s}.counts (
  account text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  shard integer NOT NULL,
  n bigint NOT NULL,
  PRIMARY KEY (account, key, shard)
) WITH (fillfactor = 50);

CREATE TABLE ${s}.slots (
  account text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  at float8 NOT NULL,
  lane text COLLATE "C" NOT NULL CHECK (lane IN ('interactive', 'recovery', 'bulk')),
  calls bigint NOT NULL,
  PRIMARY KEY (account, name, at, lane)
) WITH (fillfactor = 50);
CREATE TABLE ${s}.logs (
  account text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  window_ms float8 NOT NULL,
  asked_at float8 NOT NULL,
  taken_at float8 NOT NULL,
  PRIMARY KEY (account, name)
) WITH (fillfactor = 50);
CREATE TYPE ${s}.slot_note AS (kind text, name text, window_ms float8, lane text, at float8);

CREATE TABLE ${s}.account (
  account text COLLATE "C" PRIMARY KEY,
  revision bigint NOT NULL,
  write_id text NOT NULL,
  identity text NOT NULL,
  value json NOT NULL
);

CREATE TABLE ${s}.texts (
  key bytea PRIMARY KEY,
  text bytea NOT NULL,
  until float8
);
CREATE INDEX texts_expiring ON ${s}.texts (until) WHERE until IS NOT NULL;
`;
}

// adapters/postgres/texts.ts
function textFunctions(s) {
  return String.raw`
CREATE OR REPLACE FUNCTION ${s}.walk_users(_account text, _after text, _limit integer) RETURNS text
LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  RETURN json_build_array(${s}.now_ms(), (SELECT json_agg(${row}) FROM (
    SELECT * FROM ${s}.users WHERE account = _account AND id > _after ORDER BY id LIMIT _limit
  ) AS page));
END
$$;

CREATE OR REPLACE FUNCTION ${s}.get_text(_key bytea) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  RETURN (
    SELECT to_json(encode(text, 'hex')) FROM ${s}.texts WHERE key = _key AND (until IS NULL OR until > ${s}.now_ms())
  );
END
$$;

CREATE OR REPLACE FUNCTION ${s}.set_text(_key bytea, _text bytea, _ttl float8) RETURNS text
LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  INSERT INTO ${s}.texts (key, text, until) VALUES (_key, _text, ${s}.now_ms() + _ttl)
  ON CONFLICT (key) DO UPDATE SET text = excluded.text, until = excluded.until;
  -- Every write with a TTL also deletes some expired entries; rows locked by others are skipped.
  IF _ttl IS NOT NULL THEN
    DELETE FROM ${s}.texts WHERE key = ANY (ARRAY(
      SELECT key FROM ${s}.texts WHERE until <= ${s}.now_ms() ORDER BY until LIMIT 10 FOR UPDATE SKIP LOCKED
    ));
  END IF;
  RETURN 'true';
END
$$;

CREATE OR REPLACE FUNCTION ${s}.delete_text(_key bytea) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
DECLARE
  _until float8;
BEGIN
  DELETE FROM ${s}.texts WHERE key = _key RETURNING coalesce(until, 'infinity') INTO _until;
  RETURN (FOUND AND _until > ${s}.now_ms())::text;
END
$$;

CREATE OR REPLACE FUNCTION ${s}.walk_texts(_prefix bytea, _after bytea, _limit integer) RETURNS text
LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  RETURN (SELECT json_agg(json_build_array(encode(key, 'hex'), encode(text, 'hex'))) FROM (
    SELECT key, text FROM ${s}.texts
    WHERE key > _after AND key >= _prefix AND key < _prefix || '\xff'::bytea
      AND (until IS NULL OR until > ${s}.now_ms())
    ORDER BY key LIMIT _limit
  ) AS page);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.clear_texts(_prefix bytea) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  DELETE FROM ${s}.texts WHERE key >= _prefix AND key < _prefix || '\xff'::bytea;
  RETURN 'true';
END
$$;
`;
}

// adapters/postgres/verbs.ts
function verbs(s) {
  return String.raw`
-- The server's time, and the rows of these ids.
CREATE OR REPLACE FUNCTION ${s}.load_users(_account text, _ids json) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  RETURN json_build_array(${s}.now_ms(), (
    SELECT json_agg(${row}) FROM json_array_elements_text(_ids) AS asked (asked_id), LATERAL (
      SELECT * FROM ${s}.users WHERE account = _account AND id = asked_id LIMIT 1
    ) AS found
  ));
END
$$;

-- Deletes the tombstones under these ids that point to one of the targets.
CREATE OR REPLACE FUNCTION ${s}.erase_users(_account text, _ids text[], _targets text[], _identity text) RETURNS text
LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  DELETE FROM ${s}.users WHERE account = _account AND id = ANY (_ids) AND renamed_to = ANY (_targets);
  RETURN 'null';
END
$$;

-- Leases due users. Returns the server's time, when to ask again, and the rows.
CREATE OR REPLACE FUNCTION ${s}.claim_users(
  _account text, _limit integer, _lease_id text, _lease_owner text, _lease_ms float8, _identity text
) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
DECLARE
  _now float8 := ${s}.now_ms();
  _rows json;
  _next float8;
  _ids text[];
  _places tid[];
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  SELECT array_agg(id), array_agg(ctid) INTO _ids, _places FROM (
    SELECT id, ctid FROM ${s}.users WHERE account = _account AND claim_at <= _now ORDER BY claim_at, id LIMIT _limit
    FOR UPDATE SKIP LOCKED
  ) AS due;
  IF _ids IS NOT NULL THEN
    WITH leased AS (
      UPDATE ${s}.users SET lease_id = _lease_id, lease_owner = _lease_owner, lease_until = _now + _lease_ms
      WHERE ctid = ANY (_places) RETURNING *
    )
    SELECT json_agg(${row} ORDER BY array_position(_ids, id)) INTO _rows FROM leased;
  END IF;
  SELECT greatest(0, claim_at - _now) INTO _next FROM ${s}.users
  WHERE account = _account AND claim_at IS NOT NULL ORDER BY claim_at, id LIMIT 1;
  RETURN json_build_array(_now, _next, _rows);
END
$$;

-- Corrects rows after the server's clock was set back, see server-time.ts. Returns the server's time and, if there may be
-- more rows, how far it got. A lease that may have been written by the current clock is left to expire.
CREATE OR REPLACE FUNCTION ${s}.put_right(_account text, _start float8, _stop float8, _by float8) RETURNS text
LANGUAGE plpgsql ${settings2} AS $$
DECLARE
  _now float8 := ${s}.now_ms();
  _seen bigint;
  _last float8;
BEGIN
  WITH found AS (
    SELECT id, claim_at, lease_id FROM ${s}.users
    WHERE account = _account AND claim_at BETWEEN greatest(_start, _now + ${soonMs}) AND _stop
    ORDER BY claim_at, id LIMIT ${correctedAtOnce} FOR UPDATE SKIP LOCKED
  ), moved AS (
    UPDATE ${s}.users AS u SET due_at = u.due_at + _by, lease_until = u.lease_until + _by FROM found AS f
    WHERE u.account = _account AND u.id = f.id AND (f.lease_id IS NULL OR f.claim_at > _now + ${longestLeaseMs})
  )
  SELECT count(*), max(claim_at) INTO _seen, _last FROM found;
  RETURN json_build_array(_now, CASE WHEN _seen = ${correctedAtOnce} THEN _last END);
END
$$;

-- Like claim_users, but slot by slot: the lane whose turn it is, and its first user. Each row comes with its slot.
CREATE OR REPLACE FUNCTION ${s}.grant_users(
  _account text, _name text, _window float8, _calls float8, _reserved float8, _recovery float8, _bulk float8,
  _max integer, _hold float8, _lease_id text, _lease_owner text, _lease_ms float8, _known json, _identity text
) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
DECLARE
  _lanes text[] := '{interactive,recovery,bulk}';
  _now float8;
  _used float8[];
  _left integer[] := '{0,0,0}';
  _given integer[] := '{0,0,0}';
  _turns integer[] := '{}';
  _ids text[] := '{}';
  _places tid[] := '{}';
  _of_lane text[];
  _places_of_lane tid[];
  _order text[] := '{}';
  _slots json[] := '{}';
  _at float8;
  _lane integer;
  _rows json;
  _waits boolean[];
  _next float8;
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  IF NOT true = ANY (${s}.waiting(_account)) THEN RETURN json_build_array(${s}.now_ms(), NULL, NULL); END IF;
  PERFORM ${s}.lock_names(2, _account, json_build_array(_name));
  _now := ${s}.now_ms();
  _used := ${s}.used(_account, _name, _window, _now, _known);
  FOR _place IN 1..3 LOOP
    _left[_place] := (SELECT count(*) FROM (
      SELECT FROM ${s}.users WHERE account = _account AND lane = _lanes[_place] AND lease_id IS NULL
      ORDER BY waits_since, id LIMIT least(_max, greatest(0, _calls - _used[1] - _used[2] - _used[3]))::bigint
    ) AS first);
  END LOOP;
  WHILE cardinality(_turns) < _max LOOP
    _lane := ${s}.turn(_calls, _reserved, _recovery, _bulk, _used, ARRAY[_left[1] > 0, _left[2] > 0, _left[3] > 0]);
    EXIT WHEN _lane IS NULL;
    _turns := _turns || _lane;
    _left[_lane] := _left[_lane] - 1;
    _given[_lane] := _given[_lane] + 1;
    _used[_lane] := _used[_lane] + 1;
  END LOOP;
  _at := ${s}.noted(_window, _now + _hold);
  FOR _place IN 1..3 LOOP
    CONTINUE WHEN _given[_place] = 0;
    SELECT array_agg(id), array_agg(ctid) INTO _of_lane, _places_of_lane FROM (
      SELECT id, ctid FROM ${s}.users WHERE account = _account AND lane = _lanes[_place] AND lease_id IS NULL
      ORDER BY waits_since, id LIMIT _given[_place] FOR UPDATE SKIP LOCKED
    ) AS first;
    _of_lane := coalesce(_of_lane, '{}');
    _ids := _ids || _of_lane;
    _places := _places || coalesce(_places_of_lane, '{}');
    _used[_place] := _used[_place] - _given[_place] + cardinality(_of_lane); -- another transaction may be writing some of them
    _given[_place] := cardinality(_of_lane);
  END LOOP;
  IF cardinality(_ids) > 0 THEN
    _left := ARRAY[0, _given[1], _given[1] + _given[2]]; -- where each lane starts in _ids
    _given := ARRAY[_given[1], _given[1] + _given[2], cardinality(_ids)];
    FOREACH _lane IN ARRAY _turns LOOP
      CONTINUE WHEN _left[_lane] = _given[_lane];
      _left[_lane] := _left[_lane] + 1;
      _order := _order || _ids[_left[_lane]];
      _slots := _slots || json_build_object('limit', _name, 'windowMs', _window, 'lane', _lanes[_lane], 'at', _at);
    END LOOP;
    WITH leased AS (
      UPDATE ${s}.users SET lease_id = _lease_id, lease_owner = _lease_owner, lease_until = _now + _lease_ms
      WHERE ctid = ANY (_places) RETURNING *
    )
    SELECT json_agg(json_build_array(${row}, _slots[array_position(_order, id)]) ORDER BY array_position(_order, id))
    INTO _rows FROM leased;
    PERFORM ${s}.note_slots(_account, _now, ARRAY(
      SELECT ROW('take', _name, _window, slot->>'lane', _at)::${s}.slot_note FROM unnest(_slots) AS slot
    ));
    PERFORM ${s}.count_changes(
      _account, ARRAY(SELECT 'l:' || (slot->>'lane') FROM unnest(_slots) AS slot),
      array_fill(-1, ARRAY[cardinality(_slots)])
    );
  END IF;
  _waits := ${s}.waiting(_account);
  IF true = ANY (_waits) THEN
    _next := ${s}.free_in_ms(_account, _name, _window, _calls, _reserved, _recovery, _bulk, _used, _waits, _now);
  END IF;
  RETURN json_build_array(_now, _next, _rows);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.take_slot(
  _account text, _name text, _window float8, _calls float8, _reserved float8, _recovery float8, _bulk float8,
  _hold float8, _lane text, _known json, _identity text
) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
DECLARE
  _now float8;
  _ms float8;
  _at float8;
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  PERFORM ${s}.lock_names(2, _account, json_build_array(_name));
  _now := ${s}.now_ms();
  _ms := ${s}.refusal(_account, _name, _window, _calls, _reserved, _recovery, _bulk, _lane,
    ${s}.used(_account, _name, _window, _now, _known), ${s}.waiting(_account), _now);
  IF _ms IS NOT NULL THEN RETURN json_build_object('type', 'refused', 'retryInMs', _ms); END IF;
  _lane := coalesce(_lane, 'interactive');
  _at := ${s}.noted(_window, _now + _hold);
  PERFORM ${s}.note_slots(_account, _now, ARRAY[ROW('take', _name, _window, _lane, _at)::${s}.slot_note]);
  RETURN json_build_object('type', 'taken',
    'slot', json_build_object('limit', _name, 'windowMs', _window, 'lane', _lane, 'at', _at));
END
$$;

-- _kind: back or settle.
CREATE OR REPLACE FUNCTION ${s}.end_slot(
  _account text, _kind text, _name text, _window float8, _lane text, _at float8
) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  PERFORM ${s}.lock_names(2, _account, json_build_array(_name));
  PERFORM ${s}.note_slots(_account, ${s}.now_ms(), ARRAY[ROW(_kind, _name, _window, _lane, _at)::${s}.slot_note]);
  RETURN 'null';
END
$$;

-- The server's time, the number of waiting users per lane, and the log with its head.
CREATE OR REPLACE FUNCTION ${s}.forecast(_account text, _name text) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  RETURN json_build_array(
    ${s}.now_ms(),
    (SELECT json_object_agg(substr(key, 3), n) FROM (
      SELECT key, sum(n) AS n FROM ${s}.counts WHERE account = _account AND key >= 'l:' AND key < 'l;' GROUP BY key
    ) AS lanes),
    (SELECT json_agg(json_build_array(at, lane, calls) ORDER BY at) FROM ${s}.slots
      WHERE account = _account AND name = _name),
    (SELECT json_build_array(window_ms, asked_at, taken_at) FROM ${s}.logs WHERE account = _account AND name = _name)
  );
END
$$;

-- Two statements, because one would have the same plan for both cases. Without sorting, each reads the index that is in
-- order and stops at the limit; a plan for a small table would otherwise read all ids.
CREATE OR REPLACE FUNCTION ${s}.page_users(_account text, _state text, _after text, _limit integer) RETURNS text
LANGUAGE plpgsql ${settings2} SET enable_sort = off AS $$
BEGIN
  IF _state IS NULL THEN
    RETURN (SELECT json_agg(id) FROM (
      SELECT id FROM ${s}.users
      WHERE account = _account AND renamed_to IS NULL AND id > _after ORDER BY id LIMIT _limit
    ) AS page);
  END IF;
  RETURN (SELECT json_agg(id) FROM (
    SELECT id FROM ${s}.users
    WHERE account = _account AND state = _state AND renamed_to IS NULL AND id > _after ORDER BY id LIMIT _limit
  ) AS page);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.count_users(_account text) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  RETURN (SELECT json_object_agg(substr(key, 3), n) FROM (
    SELECT key, sum(n) AS n FROM ${s}.counts WHERE account = _account AND key >= 's:' AND key < 's;'
    GROUP BY key HAVING sum(n) > 0
  ) AS states);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.load_account(_account text) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  RETURN (SELECT json_build_object('value', value, 'revision', revision, 'identity', identity) FROM ${s}.account WHERE account = _account);
END
$$;

CREATE OR REPLACE FUNCTION ${s}.commit_account(
  _account text, _expected bigint, _write_id text, _value json, _identity text
) RETURNS text LANGUAGE plpgsql ${settings2} AS $$
BEGIN
  PERFORM ${s}.same_account(_account, _identity);
  UPDATE ${s}.account SET revision = _expected + 1, write_id = _write_id, value = _value
  WHERE account = _account AND revision = _expected AND write_id <> _write_id;
  IF FOUND THEN RETURN 'true'; END IF;
  IF _expected = 0 THEN
    INSERT INTO ${s}.account (account, revision, write_id, identity, value)
    VALUES (_account, 1, _write_id, _write_id, _value)
    ON CONFLICT (account) DO NOTHING;
    IF FOUND THEN RETURN 'true'; END IF;
  END IF;
  RETURN EXISTS (SELECT FROM ${s}.account WHERE account = _account AND write_id = _write_id)::text;
END
$$;
`;
}

// adapters/postgres/migrate.ts
function failed({ place }, schema) {
  return (error) => openError(place, schema, error);
}
function quoted(schema) {
  return `"${schema}"`;
}
async function migrate(connection, schema) {
  const s = quoted(schema);
  await connection.within(
    failed(connection, schema),
    (until) => connection.lend(until, async (client) => {
      await refuseServer(connection.place, client);
      await inTransaction(client, async () => {
        await client.query({
          text: "SELECT pg_advisory_xact_lock(hashtextextended('oneup-lifecycle ' || $1, 0))",
          values: [schema]
        });
        const found = await versionOf(client, schema);
        if (found === version) return;
        if (found !== void 0) throw tooNew(connection.place, schema, found);
        if (!await isThere(client, schema)) await client.query({ text: `CREATE SCHEMA ${s}` });
        const record = `INSERT INTO ${s}.meta (version) VALUES (${version});`;
        const functions = [sharedFunctions, commitFunction, verbs, textFunctions];
        await client.query({
          text: [tables(s), record, ...functions.map((make) => make(s))].join("\n")
        });
      });
    })
  );
}
async function inTransaction(client, task) {
  await client.query({ text: "BEGIN" });
  try {
    await task();
    await client.query({ text: "COMMIT" });
  } catch (error) {
    await client.query({ text: "ROLLBACK" }).catch(() => {
    });
    throw error;
  }
}
async function look(connection, schema) {
  await connection.within(
    failed(connection, schema),
    (until) => connection.lend(until, async (client) => {
      await refuseServer(connection.place, client);
      const found = await versionOf(client, schema);
      if (found === void 0) {
        throw unusable(
          connection.place,
          `its schema "${schema}" is missing: call migrate() of the adapter once, or run oneup-lifecycle migrate`
        );
      }
      if (found > version) throw tooNew(connection.place, schema, found);
    })
  );
}
async function refuseServer(place, client) {
  const { rows } = await client.query({
    text: `SELECT current_setting('server_version_num')::integer AS version,
      current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS is_replica,
      current_setting('transaction_read_only') AS reads_only,
      current_setting('transaction_isolation') AS isolation`
  });
  const { version: version2, encoding, is_replica, reads_only, isolation } = rows[0];
  if (version2 < 14e4) throw unusable(place, `it must be PostgreSQL 14 or later, not ${version2}`);
  if (encoding !== "UTF8") throw unusable(place, `the database must be in UTF8, not ${encoding}`);
  if (is_replica) throw unusable(place, "it is a replica and therefore read-only");
  if (reads_only === "on") throw unusable(place, "it is read-only: default_transaction_read_only is on");
  if (isolation !== "read committed") {
    throw unusable(place, `default_transaction_isolation must be read committed, not ${isolation}`);
  }
}
async function isThere(client, schema) {
  const { rows } = await client.query({
    text: "SELECT FROM pg_namespace WHERE nspname = $1",
    values: [schema]
  });
  return rows.length > 0;
}
async function versionOf(client, schema) {
  const { rows } = await client.query({
    text: "SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'meta'",
    values: [schema]
  });
  if (rows.length === 0) return void 0;
  const found = await client.query({ text: `SELECT version FROM ${quoted(schema)}.meta` });
  return found.rows[0]?.version;
}
function tooNew(place, schema, found) {
  return unusable(
    place,
    `a newer release created its schema "${schema}": this release supports version ${version}, not ${found}`
  );
}
function unusable(place, rule) {
  return new LifecycleError("STORE_UNUSABLE", `Cannot open the store in ${place}: ${rule}`);
}

// adapters/postgres.ts
function postgres(where, options = {}) {
  const { schema = "oneup_lifecycle", timeoutMs = 5e3, connections = 5 } = options;
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0) {
    throw invalid("`timeoutMs` must be a number of milliseconds above 0", timeoutMs);
  }
  if (!Number.isSafeInteger(connections) || connections < 1) {
    throw invalid("`connections` must be a whole number from 1", connections);
  }
  if (typeof schema !== "string" || !/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith("pg_")) {
    throw invalid(
      "`schema` must be 1 to 63 lower-case letters, digits and _, not beginning with pg_",
      schema
    );
  }
  const target = targetOf(where, connections);
  const accounts = /* @__PURE__ */ new Set();
  const connectionOf = (clock) => new Connection(target.link(timeoutMs), clock, timeoutMs);
  const opened2 = async (clock) => {
    const connection = connectionOf(clock);
    try {
      await look(connection, schema);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  };
  const backend = sharedBackend(async () => keyvBackend(await opened2(systemClock), quoted(schema)));
  return {
    name: "postgres",
    durable: true,
    timeoutMs,
    keyv: (keyvOptions) => keyvView(keyvOptions, backend, accounts),
    async migrate() {
      const connection = connectionOf(systemClock);
      try {
        await migrate(connection, schema);
      } finally {
        await connection.close();
      }
    },
    async open({ account, clock }) {
      const connection = await opened2(clock);
      accounts.add(account);
      return postgresStore(connection, quoted(schema), account, clock);
    }
  };
}
function invalid(rule, value) {
  return new LifecycleError("INVALID_OPTION", `Cannot use a PostgreSQL store: ${rule}, not ${String(value)}`);
}
function postgresStore(connection, s, account, clock) {
  const time = new ServerTime(clock);
  const known = () => JSON.stringify(time.known());
  const verb = (doing, repeatable, call) => ({
    text: `SELECT ${s}.${call} AS answer`,
    doing,
    repeatable
  });
  const verbs2 = {
    load: verb("read", true, "load_users($1, $2)"),
    commit: verb("write to", true, "commit_users($1, $2, $3, $4, $5)"),
    // idempotent by its writeId
    erase: verb("write to", true, "erase_users($1, $2, $3, $4)"),
    claim: verb("write to", false, "claim_users($1, $2, $3, $4, $5, $6)"),
    correctRows: verb("write to", false, "put_right($1, $2, $3, $4)"),
    grant: verb(
      "write to",
      false,
      "grant_users($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
    ),
    take: verb("write to", false, "take_slot($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"),
    end: verb("write to", false, "end_slot($1, $2, $3, $4, $5, $6)"),
    forecast: verb("read", true, "forecast($1, $2)"),
    page: verb("read", true, "page_users($1, $2, $3, $4)"),
    counts: verb("read", true, "count_users($1)"),
    loadAccount: verb("read", true, "load_account($1)"),
    commitAccount: verb("write to", true, "commit_account($1, $2, $3, $4, $5)"),
    probe: {
      text: `WITH probe AS (UPDATE ${s}.account SET revision = revision WHERE false RETURNING revision)
        SELECT count(*)::text AS answer FROM probe`,
      doing: "write to",
      repeatable: true
    }
  };
  const ask = (which, ...values) => connection.ask(which, [account, ...values]);
  const commits = new Batches(
    connection,
    {
      verb: verbs2.commit,
      ids: idsOf,
      values: (writes) => valuesOf(account, writes, time.known()),
      answers: (reply) => reply
    },
    // Each write may lock a name, and PostgreSQL has room for 64 locks per connection by default
    // (max_locks_per_transaction).
    { most: 48, flights: 2 }
  );
  const loads = new Batches(
    connection,
    {
      verb: verbs2.load,
      ids: () => [],
      values: (ids) => [account, JSON.stringify([...new Set(ids)])],
      answers(reply, ids) {
        const [now, rows] = reply;
        time.observe(now);
        const found = new Map(rows?.map((row2) => [row2[0], row2]));
        return ids.map((id) => ({ now, row: found.get(id) }));
      }
    },
    { most: 128, flights: 2 }
  );
  const endSlot = async (kind, { limit, windowMs, lane, at }) => {
    await ask(verbs2.end, kind, limit, windowMs, lane, at);
  };
  const correctRows = async ({ start, stop, byMs }) => {
    const [, last] = await ask(verbs2.correctRows, start, stop, byMs);
    time.rowsCorrected(last);
  };
  return {
    load: async (id) => loaded(id, await loads.ask(id)),
    commit: async (commit) => commits.ask(writeOf({ commit })),
    move: async (move) => commits.ask(writeOf(move)),
    erase: async ({ ids, to, identity = null }) => void await ask(verbs2.erase, ids, [...ids, to], identity),
    async claim({ limit, lease, identity = null }) {
      if (time.behind !== null) await correctRows(time.behind);
      const batch = await ask(
        verbs2.claim,
        limit,
        lease.id,
        lease.owner,
        lease.ms,
        identity
      );
      return batchOf(batch, time, (now, row2) => claimedOf(row2, null, now));
    },
    async grant({ limit, max, holdMs, lease, identity = null }) {
      const values = [...limitOf(limit), max, holdMs, lease.id, lease.owner, lease.ms, known(), identity];
      const batch = await ask(verbs2.grant, ...values);
      return batchOf(batch, time, (now, [row2, slot]) => claimedOf(row2, slot, now));
    },
    slots: {
      take: ({ limit, holdMs, lane, identity = null }) => ask(verbs2.take, ...limitOf(limit), holdMs, lane, known(), identity),
      settle: (slot) => endSlot("settle", slot),
      giveBack: (slot) => endSlot("back", slot),
      async forecast({ limit, calls, lane }) {
        const [now, waits, sent, head] = await ask(verbs2.forecast, limit.name);
        time.observe(now);
        const waiting = { ...none, ...waits };
        const log = opened(logOf(sent, head), limit, now, time.past).moments;
        return {
          used: used(log, limit.windowMs, now),
          waiting,
          inMs: grantedInMs(log, limit, now, ahead(waiting, lane) + calls, lane)
        };
      }
    },
    page: async ({ state, after, limit }) => await ask(verbs2.page, state ?? null, after ?? "", limit) ?? [],
    counts: async () => await ask(verbs2.counts) ?? {},
    account: {
      load: () => ask(verbs2.loadAccount),
      commit: async ({ value, expectedRevision, writeId, identity = null }) => ask(verbs2.commitAccount, expectedRevision, writeId, encodeValue(value), identity)
    },
    // Fails whenever a write would fail. It changes no row.
    probe: async () => void await connection.ask(verbs2.probe, []),
    close: () => connection.close()
  };
}
function loaded(id, { now, row: row2 }) {
  if (row2 === void 0) return { type: "absent" };
  const read = rowOf(row2);
  return "renamedTo" in read ? { type: "renamed", to: read.renamedTo } : { type: "record", record: shown(id, read, now) };
}
function batchOf([now, nextInMs, claimed], time, read) {
  time.observe(now);
  return { claimed: (claimed ?? []).flatMap((each) => read(now, each)), nextInMs };
}
function claimedOf(sent, slot, now) {
  const row2 = rowOf(sent);
  return "renamedTo" in row2 ? [] : [{ record: shown(sent[0], row2, now), slot }];
}
export {
  postgres
};
