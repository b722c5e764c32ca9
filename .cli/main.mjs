#!/usr/bin/env node
import {
  declared
} from "./chunk-JIPZ4WDV.mjs";
import {
  declared as declared2
} from "./chunk-DHSNOQSK.mjs";
import {
  declared as declared3
} from "./chunk-KGIVB5SZ.mjs";
import {
  lmdb,
  steadyClock
} from "./chunk-TGOAPOQ6.mjs";
import {
  LifecycleError,
  accountOf,
  ahead,
  inTime,
  inWords,
  isCount,
  isLifecycleError,
  isLostStore,
  isObject,
  isTime,
  lanes,
  linkSignals,
  lostStore,
  none,
  onAbort,
  randomName,
  sleep,
  systemClock,
  total,
  underneath,
  untilAborted,
  withSignals
} from "./chunk-XRE227HE.mjs";

// src/cli/arguments.ts
import { parseArgs } from "node:util";

// src/cli/command.ts
var place = {
  store: {
    type: "string",
    value: "PLACE",
    description: "folder, redis://\u2026, postgres://\u2026 (default: ONEUP_STORE)"
  }
};
var key = {
  "key-file": {
    type: "string",
    value: "FILE",
    description: "file with the encryption key (default: ONEUP_KEY_FILE)"
  }
};
var limit = {
  limit: {
    type: "string",
    value: "N",
    description: "management calls per window (default: the recorded limit, or 300 with --window)"
  },
  window: {
    type: "string",
    value: "TIME",
    description: "length of the window, e.g. 30m (default: the recorded one, or 1h with --limit)"
  }
};
var endpoints = {
  api: {
    type: "string",
    value: "URL",
    description: "e.g. of a sandbox (default: ONEUP_API, else https://api.1up.health)"
  },
  auth: {
    type: "string",
    value: "URL",
    description: "(default: that of --api, else ONEUP_AUTH or ONEUP_API, else https://auth.1up.health)"
  },
  "change-origin": {
    type: "boolean",
    description: "move the store there, though it was used with another origin"
  }
};
var opening = {
  place,
  look: { ...place, ...key, ...limit },
  tend: { ...place, ...key },
  act: { ...place, ...key, ...limit, ...endpoints },
  work: { ...place, ...key, ...limit, ...endpoints }
};
var shapes = { object: "print one JSON object", lines: "print one JSON object per line" };
function optionsOf({ options, opens, json: json2, asks = false }) {
  return {
    ...options,
    ...opens && opening[opens],
    ...json2 && { json: { type: "boolean", description: shapes[json2] } },
    ...asks && { yes: { type: "boolean", description: "act without asking first" } },
    help: { type: "boolean", description: "show this help" }
  };
}
function usageOf({ name: name2, takes = [] }) {
  return [name2, ...takes].join(" ");
}
var environment = [
  "Credentials, store and key come from the environment: ONEUP_CLIENT_ID, ONEUP_CLIENT_SECRET,",
  "ONEUP_STORE, ONEUP_KEY_FILE or ONEUP_KEY. PLACE is a folder, redis://\u2026, postgres://\u2026, or a module",
  "(.js, .mjs, .ts) whose default export is a store adapter. Put a URL with a password into the",
  "environment: other users of this machine can see command lines."
];
var tails = {
  place: [],
  look: [
    "Read-only: it makes no calls, starts no worker and changes nothing, so it is safe beside workers.",
    ...environment
  ],
  tend: ["It makes no calls to 1upHealth, and is safe beside workers.", ...environment],
  act: environment,
  work: environment
};
function moreOf({ more: more2 = [], opens }) {
  const tail = opens === void 0 ? [] : tails[opens];
  return more2.length > 0 && tail.length > 0 ? [...more2, "", ...tail] : [...more2, ...tail];
}
var exitCodes = {
  0: "done",
  1: "failed",
  2: "wrong arguments, options or environment; nothing was done",
  130: "stopped by Ctrl-C or SIGTERM"
};
function failureOf({ fails, asks = false }) {
  const also = [fails, asks ? "the answer was not yes" : void 0].filter((one) => one !== void 0);
  return [exitCodes[1], ...also].join(", or ");
}

// src/cli/nearest.ts
function nearest(word2, known3) {
  const most = Math.max(1, Math.floor(word2.length / 3));
  const [best] = known3.map((one) => ({ one, far: one.startsWith(word2) && word2.length >= 3 ? 1 : distance(word2, one) })).filter(({ far }) => far <= most).toSorted((left, right) => left.far - right.far);
  return best?.one;
}
function distance(from, to) {
  let [last, before2] = [Array.from({ length: to.length + 1 }, (_, index) => index), []];
  for (let row2 = 1; row2 <= from.length; row2++) {
    const line = [row2];
    for (let column = 1; column <= to.length; column++) {
      const same2 = from[row2 - 1] === to[column - 1] ? 0 : 1;
      const [drop, add, keep2] = [last[column] ?? 0, line[column - 1] ?? 0, last[column - 1] ?? 0];
      const swapped = from[row2 - 1] === to[column - 2] && from[row2 - 2] === to[column - 1];
      const swap = swapped ? (before2[column - 2] ?? Infinity) + 1 : Infinity;
      line.push(Math.min(drop + 1, add + 1, keep2 + same2, swap));
    }
    [last, before2] = [line, last];
  }
  return last[to.length] ?? 0;
}

// src/cli/arguments.ts
var UsageError = class extends Error {
  name = "UsageError";
};
function readArguments(command, words4) {
  const { takes = [], name: name2, example } = command;
  const options = optionsOf(command);
  const { tokens } = parseArgs({
    args: [...words4],
    options: Object.fromEntries(Object.entries(options).map(([option, { type: type2 }]) => [option, { type: type2 }])),
    strict: false,
    tokens: true
  });
  const texts2 = /* @__PURE__ */ new Map();
  const switches = /* @__PURE__ */ new Set();
  const values = [];
  for (const token3 of tokens) {
    if (token3.kind === "option-terminator") continue;
    if (token3.kind === "positional") {
      if (values.length === takes.length) throw unknown(command, "argument", token3.value);
      values.push(token3.value);
      continue;
    }
    const known3 = Object.hasOwn(options, token3.name) ? options[token3.name] : void 0;
    if (known3 === void 0) throw unknown(command, "option", token3.rawName);
    if (known3.type === "boolean") {
      if (token3.value !== void 0) throw new UsageError(`Option --${token3.name} takes no value`);
      switches.add(token3.name);
    } else {
      if (token3.value === void 0 || token3.value === "") {
        throw new UsageError(`Option --${token3.name} needs a value: --${token3.name} ${known3.value}`);
      }
      texts2.set(token3.name, token3.value);
    }
  }
  const missing3 = takes.find((one, index) => !one.startsWith("[") && (values[index] ?? "") === "");
  if (missing3 !== void 0 && !switches.has("help"))
    throw new UsageError(`${name2} needs ${missing3}: oneup-lifecycle ${example}`);
  const [argument = "", second2 = ""] = values;
  return { command, argument, second: second2, texts: texts2, switches };
}
function unknown(command, kind, word2) {
  const { name: name2, takes = [] } = command;
  const flags = Object.keys(optionsOf(command)).map((option) => `--${option}`);
  const meant = kind === "option" ? nearest(word2, flags) : void 0;
  const start = `Unknown ${kind} ${JSON.stringify(word2)}`;
  if (meant !== void 0) return new UsageError(`${start}: did you mean ${meant}?`);
  const known3 = [...takes, ...flags].join(", ");
  const dashed = kind === "option" && takes.length > 0 ? `; an argument that starts with a dash must follow --: oneup-lifecycle ${name2} -- ${usageOf(command).slice(name2.length + 1)}` : "";
  return new UsageError(`${start}: ${name2} takes ${known3}${dashed}`);
}

// src/cli/commands/backup.ts
import { resolve as resolve3 } from "node:path";

// src/cli/open-store.ts
import { resolve as resolve2 } from "node:path";
import { pathToFileURL } from "node:url";

// src/env.ts
import process4 from "node:process";

// src/store/sealing/keys.ts
import { Buffer as Buffer2 } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import process2 from "node:process";
function keyFile(path2) {
  if (typeof path2 !== "string" || path2 === "") {
    throw new LifecycleError("INVALID_OPTION", "Cannot use a key file: its path must be a file name");
  }
  const file = resolve(path2);
  return {
    path: file,
    ring(storeIsNew, warn) {
      const found = readIfThere(file);
      if (found === null && !storeIsNew) {
        throw new LifecycleError(
          "KEY_REFUSED",
          `Cannot open the store: it was written with a key, and the key file is missing: ${file}`
        );
      }
      if (found !== null && storeIsNew) namesToDiskIfPossible(dirname(file));
      const lines = (found ?? makeKeyFile(file)).trim().split(/\s*\n\s*/);
      if (isOpenToOthers(file)) {
        warn?.(`The key file can be read by users other than its owner; its mode should be 0600: ${file}`);
      }
      return lines.map((line, index) => parseKey(line, index === 0 ? file : `${file}, line ${index + 1}`));
    }
  };
}
function isOpenToOthers(file) {
  return process2.platform !== "win32" && (statSync(file).mode & 63) !== 0;
}
function isInside(folder, file) {
  const way = relative(real(folder), real(file));
  return way !== "" && !isAbsolute(way) && !/^\.\.(?:[\\/]|$)/.test(way);
}
function real(path2) {
  try {
    return realpathSync(path2);
  } catch {
    const above = dirname(path2);
    return above === path2 ? path2 : join(real(above), basename(path2));
  }
}
function readIfThere(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw new LifecycleError("KEY_REFUSED", `Cannot read the key file: it must be a readable file: ${file}`, {
      cause
    });
  }
}
function makeKeyFile(file) {
  const folder = dirname(file);
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    const made = mkdirSync(folder, { recursive: true, mode: 448 });
    writeFileSync(draft, `${randomBytes(32).toString("base64")}
`, { mode: 384, flag: "wx" });
    try {
      toDisk(draft, "r+");
      linkSync(draft, file);
      chmodSync(file, 384);
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
    } finally {
      rmSync(draft);
    }
    for (const each of foldersOf(folder, made)) namesToDisk(each);
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new LifecycleError("KEY_REFUSED", `Cannot make a key file: its folder must be writable: ${file}`, {
      cause
    });
  }
}
function foldersOf(folder, made) {
  const above = dirname(folder);
  if (made === void 0 || folder === dirname(made) || folder === above) return [folder];
  return [folder, ...foldersOf(above, made)];
}
function namesToDisk(folder) {
  if (process2.platform !== "win32") toDisk(folder, "r");
}
function namesToDiskIfPossible(folder) {
  try {
    namesToDisk(folder);
  } catch {
  }
}
function toDisk(path2, flags) {
  const descriptor = openSync(path2, flags);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
function parseKey(key3, where) {
  const bytes = typeof key3 === "string" ? fromText(key3.trim()) : Uint8Array.from(key3);
  if (bytes?.length !== 32) {
    const found = bytes === null ? "is neither" : `has ${bytes.length} bytes`;
    throw new LifecycleError(
      "KEY_REFUSED",
      `Cannot use the key of ${where}: a key is 32 bytes, as base64 or 64 hexadecimal digits, and this ${found}`
    );
  }
  const id2 = createHash("sha256").update("oneup-lifecycle key id").update(bytes).digest("hex").slice(0, 12);
  return { id: id2, bytes };
}
function fromText(text3) {
  if (/^[0-9a-f]{64}$/i.test(text3)) return Buffer2.from(text3, "hex");
  const bytes = Buffer2.from(text3, "base64");
  return bytes.toString("base64") === text3 ? bytes : null;
}
function readOnce(encryption) {
  if (!("keys" in encryption)) return encryption;
  const ring2 = ringOf(encryption, false);
  return { ring: () => ring2 };
}
function ringOf(encryption, storeIsNew, warn) {
  const ring2 = "ring" in encryption ? encryption.ring(storeIsNew, warn) : encryption.keys.map((key3, index) => parseKey(key3, `encryption.keys[${index}]`));
  if (ring2.length === 0) {
    throw new LifecycleError("INVALID_OPTION", "Cannot use encryption: keys must hold at least one key");
  }
  return ring2;
}

// src/runtime/open-lifecycle.ts
import process3 from "node:process";
import { setImmediate } from "node:timers";
import { randomBytes as randomBytes5 } from "node:crypto";

// src/guard/guard.ts
function slotAfter(slot, fate) {
  if (slot === null) return {};
  if (fate === "counts") return {};
  if (fate === "givenBack") return { giveBack: slot };
  return { settle: slot };
}
var leastWaitMs = 10;
var longestWaitMs = 1e3;
var longestLateWaitMs = 3e4;
function beforeAskingAgain(retryInMs2, waitedMs = 0) {
  const longest2 = Math.max(longestWaitMs, Math.min(longestLateWaitMs, waitedMs / 20));
  return Math.min(longest2, Math.max(leastWaitMs, retryInMs2));
}
function leftToCodes({ calls }) {
  return Math.min(calls - 1, Math.ceil(calls / 10));
}
function createGuard({ slots, clock, limits: limits2, timeoutMs, graceMs }) {
  const holdMs = timeoutMs + graceMs;
  const limitOf = (endpoint2) => {
    if (endpoint2 !== "refresh") return limits2[endpoint2];
    return limits2.token && { ...limits2.token, calls: limits2.token.calls - leftToCodes(limits2.token) };
  };
  const ask2 = (endpoint2, lane) => {
    const limit3 = limitOf(endpoint2);
    return {
      slot: limit3 === null ? void 0 : { limit: limit3, holdMs, lane: endpoint2 === "management" ? lane : null },
      notAfter: clock.monotonic() + timeoutMs
    };
  };
  async function slotFor(endpoint2, lane, signal) {
    const began = clock.monotonic();
    for (; ; ) {
      signal?.throwIfAborted();
      const asked2 = ask2(endpoint2, lane());
      if (asked2.slot === void 0) return { slot: null, notAfter: asked2.notAfter };
      const answer4 = await slots.take(asked2.slot);
      if (answer4.type === "taken") return { slot: answer4.slot, notAfter: asked2.notAfter };
      await sleep(clock, beforeAskingAgain(answer4.retryInMs, clock.monotonic() - began), signal);
    }
  }
  return {
    limits: limits2,
    holdMs,
    ask: ask2,
    async spend(endpoint2, lane, call2, signal) {
      const { slot, notAfter } = await slotFor(endpoint2, lane, signal);
      if (slot === null) return (await call2(notAfter)).value;
      const { slot: fate, value: value2 } = await call2(notAfter);
      const { settle: settle2, giveBack } = slotAfter(slot, fate);
      if (settle2 !== void 0) await slots.settle(settle2).catch(() => {
      });
      if (giveBack !== void 0) await slots.giveBack(giveBack).catch(() => {
      });
      return value2;
    },
    forecast: (calls, lane) => slots.forecast({ limit: limits2.management, calls, lane })
  };
}

// src/http/transport.ts
var TransportError = class extends Error {
  /** False only if provably no byte of the request left. */
  sent;
  /** A machine-readable code: `ECONNREFUSED`, `ANSWER_TOO_BIG`, … */
  code;
  constructor(message, details) {
    super(message);
    this.name = "TransportError";
    this.sent = details.sent;
    this.code = details.code;
  }
};
function networkError(error, sent) {
  const code2 = codeOf(error) ?? "UNKNOWN";
  return new TransportError(
    sent ? `Cannot tell whether the call was carried out: the connection failed after it was sent (${code2})` : `Cannot send the call: no connection (${code2})`,
    { sent, code: code2 }
  );
}
function codeOf(error) {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth++) {
    if ("code" in at && typeof at.code === "string" && /^[A-Za-z0-9_]{2,40}$/.test(at.code)) return at.code;
    at = "cause" in at ? at.cause : void 0;
  }
  return void 0;
}
function aborted(sent) {
  return new TransportError("Cannot wait for the answer: the call was aborted", { sent, code: "ABORTED" });
}
function heldBack() {
  return new TransportError("Cannot send the call: its deadline has passed", {
    sent: false,
    code: "DEADLINE_PASSED"
  });
}
function tooBig(maxBytes) {
  return unread("ANSWER_TOO_BIG", `its body must not exceed ${maxBytes} bytes`);
}
function tooMany(values) {
  return unread("ANSWER_TOO_BIG", `its body must not hold more than ${values} values`);
}
function tooDeep(depth) {
  return unread("ANSWER_TOO_DEEP", `lists and objects in its body must not nest deeper than ${depth}`);
}
function unknownCharset(charset) {
  const name2 = /^[\w.:-]{1,40}$/.test(charset) ? ` ${charset}` : "";
  return unread("ANSWER_CHARSET", `its charset must be one that can be decoded, and${name2} is not`);
}
var unreadPrefix = "Cannot read the answer: ";
function unread(code2, rule) {
  return new TransportError(`${unreadPrefix}${rule}`, { sent: true, code: code2 });
}
function sizeRuleIn(cause) {
  if (!(cause instanceof TransportError)) return null;
  const isBig = cause.code === "ANSWER_TOO_BIG";
  if (!isBig && cause.code !== "ANSWER_TOO_DEEP" && cause.code !== "ANSWER_CHARSET") return null;
  const ours3 = cause.message.startsWith(unreadPrefix);
  return { isBig, rule: ours3 ? cause.message.slice(unreadPrefix.length) : "it must be shorter" };
}

// src/http/charset.ts
var seen = /* @__PURE__ */ new Map();
var mostSeen = 64;
function readingOf(contentType) {
  if (contentType === void 0) return "utf-8";
  const known3 = seen.get(contentType);
  if (known3 !== void 0) return known3;
  const reading2 = newReading(contentType);
  if (seen.size >= mostSeen) seen.clear();
  seen.set(contentType, reading2);
  return reading2;
}
var declared4 = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;,"]*))/i;
function newReading(contentType) {
  const match = declared4.exec(contentType);
  const label = (match?.[1] ?? match?.[2] ?? "").trim();
  if (label === "" || /^(utf-?8|us-ascii|ascii)$/i.test(label)) return "utf-8";
  try {
    return new TextDecoder(label);
  } catch {
    return { unknown: label };
  }
}
function textOf(contentType, body, asUtf8) {
  const reading2 = readingOf(contentType);
  if (reading2 === "utf-8") return asUtf8();
  if (reading2 instanceof TextDecoder) return reading2.decode(body);
  if (body.every((byte) => byte < 128)) return asUtf8();
  throw unknownCharset(reading2.unknown);
}

// src/http/fetch-transport.ts
var beforeConnection = /* @__PURE__ */ new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EAI_NODATA",
  "EAI_NONAME",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused",
  "FailedToOpenSocket"
]);
function fetchTransport(fetch = globalThis.fetch) {
  const once2 = sendsOnce();
  if (checksNothing()) throw new LifecycleError("INVALID_OPTION", `Cannot create a transport: ${mustCheck}`);
  return {
    async send({ method: method2, url, headers, body, signal, maxBytes, onSending }) {
      if (signal.aborted) throw aborted(false);
      if (checksNothing() && url.startsWith("https:"))
        throw new TransportError(`Cannot send the call: ${mustCheck}`, {
          sent: false,
          code: "CERTIFICATES_UNCHECKED"
        });
      if (!onSending()) throw heldBack();
      const init = { method: method2, headers: { ...headers }, signal, redirect: "manual", ...once2 };
      const exchange2 = async () => read(await fetch(url, body === void 0 ? init : { ...init, body }), maxBytes, signal);
      try {
        return await new Promise((resolve4, reject) => {
          onAbort(signal, () => reject(aborted(true)));
          exchange2().then(resolve4, reject);
        });
      } catch (error) {
        if (error instanceof TransportError) throw error;
        if (signal.aborted) throw aborted(true);
        if (!failedToConnect(error)) throw networkError(error, true);
        throw networkError({ code: codeOf(error) ?? "CONNECT_FAILED" }, false);
      }
    }
  };
}
var mustCheck = "certificates must be checked, and NODE_TLS_REJECT_UNAUTHORIZED=0 switches that off for fetch";
function checksNothing() {
  if ("Deno" in globalThis) return false;
  const { process: process5 } = globalThis;
  return process5?.env?.["NODE_TLS_REJECT_UNAUTHORIZED"] === "0";
}
function sendsOnce() {
  const { Deno } = globalThis;
  return Deno === void 0 ? {} : { client: Deno.createHttpClient({ poolMaxIdlePerHost: 0 }) };
}
async function read(response, maxBytes, signal) {
  const status2 = response.type === "opaqueredirect" ? 302 : response.status;
  const headers = {};
  response.headers.forEach((value2, name2) => headers[name2.toLowerCase()] = value2);
  const reading2 = readingOf(headers["content-type"]);
  const decoder = new TextDecoder(reading2 instanceof TextDecoder ? reading2.encoding : "utf-8");
  let text3 = "";
  let bytes = 0;
  const reader = response.body?.getReader();
  const giveUp = () => void reader?.cancel().catch(() => {
  });
  onAbort(signal, giveUp);
  for (let part = await reader?.read(); part?.value !== void 0; part = await reader?.read()) {
    bytes += part.value.byteLength;
    if (bytes > maxBytes) {
      giveUp();
      throw tooBig(maxBytes);
    }
    if (typeof reading2 === "object" && "unknown" in reading2 && part.value.some((byte) => byte >= 128)) {
      giveUp();
      throw unknownCharset(reading2.unknown);
    }
    text3 += decoder.decode(part.value, { stream: true });
  }
  return { status: status2, headers, text: text3 + decoder.decode() };
}
function failedToConnect(error) {
  const code2 = codeOf(error);
  if (code2 !== void 0 && beforeConnection.has(code2)) return true;
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth++) {
    if ("syscall" in at && (at.syscall === "connect" || at.syscall === "getaddrinfo")) return true;
    if ("message" in at && typeof at.message === "string" && at.message.includes("client error (Connect)"))
      return true;
    at = "cause" in at ? at.cause : void 0;
  }
  return false;
}

// src/http/undici-transport.ts
import { Agent } from "undici";

// src/checks.ts
function between(least, most = Number.MAX_SAFE_INTEGER) {
  return {
    must: most === Number.MAX_SAFE_INTEGER ? `a finite number from ${least}` : `a number from ${least} to ${most}`,
    holds: (value2) => typeof value2 === "number" && value2 >= least && value2 <= most
  };
}
function whole(least, most = Number.MAX_SAFE_INTEGER) {
  const range = between(least, most);
  return {
    must: range.must.replace(/^a (finite )?/, "a whole "),
    holds: (value2) => Number.isInteger(value2) && range.holds(value2)
  };
}
function orInfinity({ must, holds }) {
  return { must: `${must}, or Infinity`, holds: (value2) => value2 === Infinity || holds(value2) };
}
function among(...allowed) {
  return { must: `one of ${allowed.join(", ")}`, holds: (value2) => allowed.includes(value2) };
}
function withMethods(...methods) {
  return {
    must: `an object with the method${methods.length === 1 ? "" : "s"} ${methods.join(", ")}`,
    holds: (value2) => isObject2(value2) && methods.every((method2) => typeof value2[method2] === "function")
  };
}
var aSwitch = among(true, false);
var aText = { must: "a string", holds: (value2) => typeof value2 === "string" };
var aFunction = { must: "a function", holds: (value2) => typeof value2 === "function" };
var aSignal = { must: "an AbortSignal", holds: (value2) => value2 instanceof AbortSignal };
var anything = { must: "anything", holds: () => true };
function check(verb8, options, rules7, name2 = "options") {
  const given2 = only(verb8, name2, options, rules7);
  const path2 = name2 === "options" ? "" : `${name2}.`;
  for (const key3 of Object.keys(given2))
    if (given2[key3] !== void 0) checkValue(verb8, `${path2}${key3}`, given2[key3], rules7[key3]);
  return given2;
}
function checkValue(verb8, name2, value2, { must, holds }) {
  if (holds(value2)) return value2;
  throw wrong(verb8, name2, must, value2);
}
function only(verb8, name2, value2, names4) {
  if (value2 === void 0) return {};
  if (!isObject2(value2)) throw wrong(verb8, name2, "an object", value2);
  const unknown4 = Object.keys(value2).find((key3) => !Object.hasOwn(names4, key3));
  if (unknown4 === void 0) return value2;
  const which = name2 === "options" ? "an option" : `an option in ${name2}`;
  throw wrong(verb8, which, `one of ${Object.keys(names4).join(", ")}`, unknown4);
}
function isObject2(value2) {
  return typeof value2 === "object" && value2 !== null && !Array.isArray(value2);
}
function invalid(verb8, rule, got) {
  return new LifecycleError("INVALID_OPTION", `Cannot ${verb8}: ${rule}, got ${got}`);
}
function wrong(verb8, name2, must, value2) {
  const isWord = (text3) => must.startsWith("one ") && text3.length <= 30;
  const isHarmless = typeof value2 !== "string" || isWord(value2) || /^-?[\d.]{0,6}$/.test(value2);
  return invalid(verb8, `${name2} must be ${must}`, isHarmless ? plainly(value2) : textOf2(value2));
}
function plainly(value2) {
  if (typeof value2 === "string") return JSON.stringify(value2);
  return typeof value2 === "number" || typeof value2 === "boolean" ? String(value2) : kindOf(value2);
}
function textOf2({ length }) {
  return `a text of ${length} ${length === 1 ? "character" : "characters"}`;
}
function kindOf(value2) {
  if (value2 === null) return "null";
  if (Array.isArray(value2)) return "an array";
  return value2 === void 0 ? "nothing" : `${/^[aeiou]/.test(typeof value2) ? "an" : "a"} ${typeof value2}`;
}

// src/http/safety.ts
function splitUrl(url) {
  const authority = url.indexOf("://") + 3;
  const slash = authority < 3 ? -1 : url.indexOf("/", authority);
  return slash < 0 ? { origin: url, path: "" } : { origin: url.slice(0, slash), path: url.slice(slash) };
}
function isLoopback(host) {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
function objection(origin) {
  if (origin.includes("@")) return "its URL must carry no credentials, got some";
  if (/[?#\\\s]/.test(origin)) return "its URL must have a path after its host, got something else";
  if (!URL.canParse(origin)) return "its URL must be absolute, got one that does not parse";
  const { protocol, hostname } = new URL(origin);
  if (protocol === "https:" || protocol === "http:" && isLoopback(hostname)) return void 0;
  return `its URL must be https (http on loopback only), got ${protocol}//${hostname}`;
}
var headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;
var mostOrigins = 64;
function callCheck() {
  const approved = /* @__PURE__ */ new Set();
  return (call2) => {
    const { origin, path: path2 } = splitUrl(call2.url);
    if (path2 === "" || !approved.has(origin)) {
      const reason = objection(origin) ?? (path2 === "" ? "its URL must have a path after its host, got none" : void 0);
      if (reason !== void 0)
        throw new LifecycleError("INVALID_OPTION", `Cannot send ${call2.name}: ${reason}`);
      if (approved.size < mostOrigins) approved.add(origin);
    }
    for (const name2 in call2.headers)
      if (!headerValue.test(call2.headers[name2] ?? ""))
        throw new LifecycleError(
          "INVALID_OPTION",
          `Cannot send ${call2.name}: the value of header "${name2}" must be one line of Latin-1, got another character`
        );
  };
}

// src/http/undici-transport.ts
var verifying = { rejectUnauthorized: true };
var rules = { dispatcher: withMethods("dispatch"), connections: whole(1) };
function undiciTransport(options = {}) {
  const { connections = 64 } = check("create a transport", options, rules);
  if (options.dispatcher === void 0 && !undiciRuns())
    throw new LifecycleError(
      "INVALID_OPTION",
      "Cannot create a transport: this runtime must support undici, and it replaces undici with a stub; use fetchTransport() instead"
    );
  let own2;
  return {
    sendsGetBody: true,
    send(request2) {
      const dispatcher = options.dispatcher ?? (own2 ??= new Agent({ connections, connect: verifying }));
      return new Promise((resolve4, reject) => new Exchange(request2, resolve4, reject).begin(dispatcher));
    },
    async close() {
      const agent = own2;
      own2 = void 0;
      await agent?.close();
    }
  };
}
function undiciRuns() {
  return "dispatch" in Agent.prototype;
}
var Exchange = class {
  #request;
  #resolve;
  #reject;
  #controller;
  /** Stays true once set, even if a dispatcher starts the request a second time. */
  #sent = false;
  #settled = false;
  #status = 0;
  #headers = {};
  #body;
  #rest;
  #bytes = 0;
  constructor(request2, resolve4, reject) {
    this.#request = request2;
    this.#resolve = resolve4;
    this.#reject = reject;
  }
  begin(dispatcher) {
    const { method: method2, url, headers, body = null, signal } = this.#request;
    onAbort(signal, () => this.#fail(aborted(this.#sent)));
    if (this.#settled) return;
    const { origin, path: path2 } = splitUrl(url);
    const sent = { "accept-encoding": "identity", ...headers };
    const options = { origin, path: path2, method: method2, headers: sent, body, headersTimeout: 0, bodyTimeout: 0 };
    try {
      dispatcher.dispatch(options, this);
    } catch (error) {
      this.#fail(networkError(error, this.#sent));
    }
  }
  /** undici writes the request as soon as this returns, unless it was aborted. */
  onRequestStart(controller) {
    this.#controller = controller;
    if (this.#settled) controller.abort(aborted(this.#sent));
    else if (this.#request.onSending()) this.#sent = true;
    else this.#fail(this.#sent ? aborted(true) : heldBack());
  }
  onResponseStart(_controller, status2, headers) {
    if (status2 < 200) return;
    this.#sent = true;
    this.#status = status2;
    this.#headers = isFlat(headers) ? headers : flatten(headers);
  }
  onResponseData(_controller, chunk) {
    if (this.#settled) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#request.maxBytes) this.#fail(tooBig(this.#request.maxBytes));
    else if (this.#body === void 0) this.#body = chunk;
    else (this.#rest ??= [this.#body]).push(chunk);
  }
  onResponseEnd() {
    if (!this.#settle()) return;
    const body = this.#rest === void 0 ? this.#body : Buffer.concat(this.#rest, this.#bytes);
    const headers = this.#headers;
    try {
      const text3 = body && textOf(headers["content-type"], body, () => body.toString("utf8"));
      this.#resolve({ status: this.#status, headers, text: text3 ?? "" });
    } catch (error) {
      this.#reject(error instanceof TransportError ? error : networkError(error, true));
    }
  }
  onResponseError(_controller, error) {
    if (this.#settle()) this.#reject(networkError(error, this.#sent));
  }
  #fail(error) {
    if (!this.#settle()) return;
    this.#reject(error);
    this.#controller?.abort(error);
  }
  #settle() {
    if (this.#settled) return false;
    this.#settled = true;
    return true;
  }
};
function isFlat(headers) {
  for (const name2 in headers) if (typeof headers[name2] !== "string") return false;
  return true;
}
function flatten(headers) {
  return Object.fromEntries(
    Object.entries(headers).map(([name2, value2]) => [name2, [value2 ?? ""].flat().join(", ")])
  );
}

// src/http/default-transport.ts
function defaultTransport() {
  return undiciRuns() ? undiciTransport() : fetchTransport();
}

// src/secret.ts
function printAs(prototype, text3) {
  for (const inspect3 of ["nodejs.util.inspect.custom", "Deno.customInspect"]) {
    Object.defineProperty(prototype, Symbol.for(inspect3), {
      value() {
        return text3(this);
      }
    });
  }
}
var Secret = class {
  #value;
  constructor(value2) {
    this.#value = value2;
  }
  /** Returns the string itself. Call it only where the secret is used. */
  reveal() {
    return this.#value;
  }
  toString() {
    return "[redacted]";
  }
  toJSON() {
    return "[redacted]";
  }
  [Symbol.toPrimitive]() {
    throw new TypeError("Cannot turn a secret into text by accident: call reveal() where it is used");
  }
};
printAs(Secret.prototype, () => "[redacted]");

// src/http/survey.ts
var quote = 34;
var comma = 44;
var minus = 45;
var zero = 48;
var nine = 57;
var openList = 91;
var backslash = 92;
var closeList = 93;
var openObject = 123;
var closeObject = 125;
var exactDigits = 15;
function survey(text3, { depth: deepest3, values: most }) {
  let depth = 0;
  let values = 1;
  let result = "exact";
  for (let at = 0; at < text3.length; at++) {
    const char = text3.charCodeAt(at);
    if (char === quote) {
      at = endOfString(text3, at);
    } else if (char === comma) {
      if (++values > most) return "tooMany";
    } else if (char === openObject || char === openList) {
      if (++depth > deepest3) return "tooDeep";
      if (++values > most) return "tooMany";
    } else if (char === closeObject || char === closeList) {
      depth--;
    } else if (isDigit(char) || char === minus) {
      const end3 = endOfNumber(text3, at);
      if (result === "exact" && !isExact(text3, at, end3)) result = "inexact";
      at = end3 - 1;
    }
  }
  return result;
}
function endOfString(text3, start) {
  for (let end3 = text3.indexOf('"', start + 1); end3 >= 0; end3 = text3.indexOf('"', end3 + 1)) {
    let slashes = 0;
    while (text3.charCodeAt(end3 - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return end3;
  }
  return text3.length;
}
function endOfNumber(text3, start) {
  let end3 = start + 1;
  while (end3 < text3.length && isOfNumber(text3.charCodeAt(end3))) end3++;
  return end3;
}
function isDigit(char) {
  return char >= zero && char <= nine;
}
function isOfNumber(char) {
  return isDigit(char) || char === 46 || char === 101 || char === 69 || char === minus || char === 43;
}
function isExact(text3, start, end3) {
  if (end3 - start <= exactDigits && text3.charCodeAt(start) !== zero) {
    let at = start;
    while (at < end3 && isDigit(text3.charCodeAt(at))) at++;
    if (at === end3) return true;
  }
  const digits = text3.slice(start, end3);
  return String(Number(digits)) === digits;
}

// src/http/send.ts
var usualAnswerBytes = 16 * 1024 * 1024;
var leastAnswerBytes = 1024;
var mostAnswerBytes = 256 * 1024 * 1024;
var aTimeout = {
  must: "a positive number of milliseconds",
  holds: (value2) => Number.isFinite(value2) && Number(value2) > 0
};
function createSender(options) {
  const { transport, clock, timeoutMs, maxBytes } = options;
  checkValue("create a sender", "timeoutMs", timeoutMs, aTimeout);
  checkValue("create a sender", "maxBytes", maxBytes, whole(1));
  const check3 = callCheck();
  const bounds = boundsOf(maxBytes);
  return {
    sendsGetBody: transport.sendsGetBody === true,
    async send(call2, { signal, notAfter } = {}) {
      check3(call2);
      signal?.throwIfAborted();
      const attempt = new Attempt(call2, mostBytes(call2, maxBytes), clock, notAfter);
      let late = false;
      const cancel = clock.timer(timeoutMs, () => {
        late = true;
        attempt.abort();
      });
      const unhear = signal && onAbort(signal, () => attempt.abort());
      try {
        const { status: status2, headers, text: text3 } = await transport.send(attempt);
        const odd = call2.endpoint === "fhir" ? readingOf(headers["content-type"]) : "utf-8";
        if (typeof odd === "object" && "unknown" in odd)
          return { type: "lost", cause: unknownCharset(odd.unknown) };
        const seen2 = isContainer(text3) ? survey(text3, bounds) : "exact";
        if (seen2 === "tooMany") return { type: "lost", cause: tooMany(bounds.values) };
        if (seen2 === "tooDeep") return { type: "lost", cause: tooDeep(bounds.depth) };
        const receivedAt = clock.now();
        const isExact2 = seen2 === "exact";
        return { type: "answer", status: status2, headers, text: text3, sentAt: attempt.sentAt, receivedAt, isExact: isExact2 };
      } catch (error) {
        signal?.throwIfAborted();
        return unanswered(error, late ? timeoutMs : void 0);
      } finally {
        cancel();
        unhear?.();
      }
    },
    async close() {
      await transport.close?.();
    }
  };
}
var smallAnswer = 256 * 1024;
function mostBytes({ endpoint: endpoint2, method: method2 }, maxBytes) {
  return endpoint2 === "fhir" || method2 === "GET" ? maxBytes : Math.min(maxBytes, smallAnswer);
}
var deepest = 512;
var bytesOfValue = 64;
var fewestValues = 1e4;
function boundsOf(maxBytes) {
  return { depth: deepest, values: Math.max(fewestValues, Math.floor(maxBytes / bytesOfValue)) };
}
function isContainer(text3) {
  return /^[\uFEFF\s]*[[{]/.test(text3);
}
var Attempt = class {
  method;
  url;
  headers;
  maxBytes;
  /** An own property, like all the others: a transport may wrap another one and pass a copy of the request. */
  signal;
  onSending;
  /** The latest time at which a byte may have left; until then, the time at which the attempt started. */
  sentAt;
  #controller = new AbortController();
  constructor(call2, maxBytes, clock, notAfter) {
    this.method = call2.method;
    this.url = call2.url;
    this.headers = call2.headers;
    if (call2.body !== void 0) this.body = call2.body;
    this.maxBytes = maxBytes;
    this.sentAt = clock.now();
    this.signal = this.#controller.signal;
    this.onSending = () => {
      if (this.signal.aborted) return false;
      if (notAfter !== void 0 && clock.monotonic() > notAfter) return false;
      this.sentAt = clock.now();
      return true;
    };
  }
  abort() {
    this.#controller.abort();
  }
  toJSON() {
    return { method: this.method, origin: splitUrl(this.url).origin };
  }
};
printAs(Attempt.prototype, ({ method: method2, url }) => `TransportRequest(${method2} ${splitUrl(url).origin})`);
function unanswered(error, timeoutMs) {
  const cause = error instanceof TransportError ? error : networkError(error, true);
  const type2 = cause.sent ? "lost" : "notSent";
  if (timeoutMs === void 0) return { type: type2, cause };
  const message = `Cannot wait longer for the answer: a call may take ${timeoutMs} ms`;
  return { type: type2, cause: new TransportError(message, { sent: cause.sent, code: "TIMEOUT" }) };
}

// src/store/quarantine.ts
var quarantineMs = 36e5;
async function quarantine(store, { id: id2, value: value2, revision, state }, lease) {
  const write = { id: id2, value: value2, state, expectedRevision: revision, writeId: `${lease.id} aside` };
  await store.commit({ ...write, mode: "end", lease, dueInMs: quarantineMs, lane: null }).catch(() => {
  });
}

// src/store/sealing/pseudonymised-store.ts
function pseudonymisedStore(store, names4, warn) {
  function inward(commit) {
    const value2 = { sealedId: names4.sealedId(commit.id), user: commit.value };
    const { unless } = commit;
    return {
      ...commit,
      id: names4.key(commit.id),
      value: value2,
      ...unless !== void 0 && { unless: names4.key(unless) }
    };
  }
  function whose({ id: key3, value: value2 }) {
    try {
      if (isHidden(value2)) return names4.openUnder(key3, value2.sealedId);
    } catch (error) {
      if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
    }
    throw nameless(key3);
  }
  function outward(record) {
    try {
      return { ...record, id: whose(record), value: userIn(record.value) };
    } catch (error) {
      passOver(error);
      return null;
    }
  }
  function passOver(error) {
    if (!isLifecycleError(error) || error.retryable) throw error;
    warn(`Cannot process a user: ${error.message}`);
  }
  async function known3({ lease }, ask2) {
    for (; ; ) {
      const { claimed, nextInMs } = await ask2();
      const users3 = [];
      for (const each of claimed) {
        const record = outward(each.record);
        if (record !== null) users3.push({ ...each, record });
        else {
          await quarantine(store, each.record, lease);
          if (each.slot !== null) await store.slots.giveBack(each.slot);
        }
      }
      if (users3.length > 0 || claimed.length === 0) return { claimed: users3, nextInMs };
    }
  }
  async function idUnder(key3) {
    let at = key3;
    for (let moves = 0; moves < mostMoves; moves++) {
      const loaded = await store.load(at);
      if (loaded.type === "record") return { id: whose(loaded.record), moved: moves > 0 };
      if (loaded.type === "absent") return null;
      at = loaded.to;
    }
    throw nameless(key3);
  }
  async function listed4(key3) {
    try {
      const found = await idUnder(key3);
      return found === null || found.moved ? null : found.id;
    } catch (error) {
      passOver(error);
      return null;
    }
  }
  return {
    async load(id2) {
      const loaded = await store.load(names4.key(id2));
      return loaded.type === "renamed" ? renamed(loaded.to) : shown(loaded, id2);
    },
    commit: (commit) => store.commit(inward(commit)),
    claim: (ask2) => known3(ask2, () => store.claim(ask2)),
    grant: (ask2) => known3(ask2, () => store.grant(ask2)),
    move: ({ from, commit }) => store.move({ from: names4.key(from), commit: inward(commit) }),
    erase: ({ ids, to }) => store.erase({ ids: ids.map((id2) => names4.key(id2)), to: names4.key(to) }),
    async page({ state, after: after2, limit: limit3 }) {
      const ids = [];
      let behind = after2 ? names4.key(after2) : after2;
      while (ids.length < limit3) {
        const most = limit3 - ids.length;
        const keys = await store.page({ state, after: behind, limit: most });
        for (const id2 of await Promise.all(keys.map(listed4))) if (id2 !== null) ids.push(id2);
        if (keys.length < most) break;
        behind = keys.at(-1);
      }
      return ids;
    },
    slots: store.slots,
    counts: () => store.counts(),
    account: store.account,
    close: () => store.close()
  };
  async function renamed(to) {
    const found = await idUnder(to);
    if (found === null) throw nameless(to);
    return { type: "renamed", to: found.id };
  }
}
var mostMoves = 1e3;
function shown(loaded, id2) {
  if (loaded.type === "absent") return loaded;
  return { type: "record", record: { ...loaded.record, id: id2, value: userIn(loaded.record.value) } };
}
function userIn(value2) {
  return isHidden(value2) ? value2.user : value2;
}
function isHidden(value2) {
  return isObject(value2) && typeof value2["sealedId"] === "string" && "user" in value2;
}
function nameless(key3) {
  const shown4 = /^[\w-]{43}$/.test(key3) ? key3 : "[not a hidden id]";
  return new LifecycleError(
    "RECORD_DAMAGED",
    `Cannot identify the user of the record with hidden id ${shown4}: it must contain a valid sealed id, and it does not`
  );
}

// src/store/sealing/hidden-names.ts
import { Buffer as Buffer3 } from "node:buffer";
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync } from "node:crypto";
var nonceBytes = 12;
var tagBytes = 16;
var cachedNames = 1e4;
var formMark = "";
var HiddenNames = class {
  #account;
  #hidingKey;
  #nonceKey;
  #sealingKey;
  #known = /* @__PURE__ */ new Map();
  /** Opened ids, by the record's key and the sealed text. */
  #opened = /* @__PURE__ */ new Map();
  /** `names`: the names key, 32 bytes. */
  constructor(names4, account) {
    this.#account = account;
    this.#hidingKey = derived(names4, "oneup-lifecycle hidden id");
    this.#nonceKey = derived(names4, "oneup-lifecycle hidden id nonce");
    this.#sealingKey = derived(names4, "oneup-lifecycle sealed id");
  }
  /** The key of the user's record: 43 characters, 256 bits. Takes an id, or its {@link form}. */
  key(id2) {
    return id2.startsWith(formMark) ? id2.slice(formMark.length) : this.#named(id2).key;
  }
  /** Replaces an id where the id itself must not appear: `key()` returns the same for both. */
  form(id2) {
    return `${formMark}${this.key(id2)}`;
  }
  /** The id as stored in its own record. */
  sealedId(id2) {
    const named = this.#named(id2);
    return named.sealedId ??= this.#sealFor(named.key, id2);
  }
  /** An id sealed for the record of `owner`, the same user or another one. It opens only for that record. */
  seal(owner, id2) {
    return this.#sealFor(this.key(owner), id2);
  }
  /** @throws {LifecycleError} `RECORD_DAMAGED` if it was not sealed for `owner`, or was altered */
  open(owner, text3) {
    return this.openUnder(this.key(owner), text3);
  }
  /** The id that was sealed for the record under `key`. @throws {LifecycleError} as {@link open} */
  openUnder(key3, text3) {
    const under2 = `${key3} ${text3}`;
    let id2 = this.#opened.get(under2);
    if (id2 === void 0) {
      id2 = this.#openAnew(key3, text3);
      if (this.#opened.size >= cachedNames) this.#opened.clear();
      this.#opened.set(under2, id2);
    }
    return id2;
  }
  #openAnew(key3, text3) {
    try {
      const bytes = Buffer3.from(text3, "base64");
      const start = nonceBytes + tagBytes;
      const decipher = createDecipheriv("aes-256-gcm", this.#sealingKey, bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes
      });
      decipher.setAAD(this.#boundTo(key3));
      decipher.setAuthTag(bytes.subarray(nonceBytes, start));
      return decipher.update(bytes.subarray(start)).toString("utf8") + decipher.final("utf8");
    } catch {
      throw new LifecycleError(
        "RECORD_DAMAGED",
        "Cannot open a hidden id: it must have been sealed for this record, and it was sealed for another or altered"
      );
    }
  }
  #named(id2) {
    const known3 = this.#known.get(id2);
    if (known3 !== void 0) return known3;
    const named = {
      key: createHmac("sha256", this.#hidingKey).update(id2).digest("base64url"),
      sealedId: null
    };
    if (this.#known.size >= cachedNames) this.#known.clear();
    this.#known.set(id2, named);
    return named;
  }
  #sealFor(key3, id2) {
    const bound = this.#boundTo(key3);
    const nonce = createHmac("sha256", this.#nonceKey).update(bound).update(id2).digest().subarray(0, nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#sealingKey, nonce);
    cipher.setAAD(bound);
    const sealed = Buffer3.concat([cipher.update(id2, "utf8"), cipher.final()]);
    return Buffer3.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64");
  }
  #boundTo(key3) {
    return Buffer3.from(JSON.stringify(["hidden id", this.#account, key3]));
  }
};
function derived(names4, purpose) {
  return createSecretKey(new Uint8Array(hkdfSync("sha256", names4, Buffer3.alloc(0), purpose, 32)));
}

// src/store/envelope.ts
var newestFormat = 1;
var startFormat = 1;
function readEnvelope(value2, user2, newest = newestFormat) {
  const format = formatOf(value2);
  if (format === null) throw damaged(user2, "it has no format number");
  if (format > newest) {
    throw new LifecycleError(
      "RECORD_TOO_NEW",
      `Cannot read user ${user2()}: its record has format ${format}, this release knows formats up to ${newest}; update oneup-lifecycle`,
      { facts: { format } }
    );
  }
  if (format < 1 || !Number.isInteger(format)) throw damaged(user2, `its format ${format} never existed`);
  if (!isEnvelope(value2)) throw damaged(user2, "a field is missing or has the wrong type");
  return value2;
}
function formatOf(value2) {
  return isObject(value2) && typeof value2["format"] === "number" ? value2["format"] : null;
}
function sealingKeyOf(value2) {
  const sealed = isObject(value2) ? value2["sealed"] : null;
  return isObject(sealed) && typeof sealed["key"] === "string" ? sealed["key"] : null;
}
function isEnvelope(record) {
  if (!isObject(record)) return false;
  const { state, context, intent, pause, lane, history: history2, calls, sealed, origin, former } = record;
  const { meters = [] } = record;
  return typeof state === "string" && isObject(context) && (intent === null || isIntent(intent)) && (pause === null || isObject(pause) && typeof pause["reason"] === "string" && isTime(pause["until"])) && lanes.some((known3) => known3 === lane) && Array.isArray(history2) && history2.every(isEntry) && Array.isArray(meters) && meters.length <= history2.length && meters.every(isMeter) && isObject(calls) && isCount(calls["management"]) && isCount(calls["token"]) && (sealed === null || isObject(sealed) && typeof sealed["text"] === "string" && isTexts(sealed["fields"]) && typeof sealed["key"] === "string") && (origin === void 0 || isObject(origin) && typeof origin["name"] === "string" && typeof origin["arrived"] === "boolean") && (former === void 0 || isTexts(former));
}
function isIntent(intent) {
  if (!isObject(intent)) return false;
  const { call: call2, attempt, at } = intent;
  return typeof call2 === "string" && typeof attempt === "string" && isTime(at);
}
function isEntry(entry) {
  if (!Array.isArray(entry) || entry.length !== 3) return false;
  const [at, state, event] = entry;
  return isTime(at) && typeof state === "string" && typeof event === "string";
}
function isMeter(meter) {
  return Array.isArray(meter) && meter.length === 3 && meter.every(isCount);
}
function isTexts(value2) {
  return Array.isArray(value2) && value2.every((one) => typeof one === "string");
}
function damaged(user2, why) {
  return new LifecycleError(
    "RECORD_DAMAGED",
    `Cannot read user ${user2()}: ${why}; reauthorize() gets a new grant`
  );
}

// src/store/sealing/key-ring.ts
import { Buffer as Buffer4 } from "node:buffer";
import { createCipheriv as createCipheriv2, createDecipheriv as createDecipheriv2, randomBytes as randomBytes2 } from "node:crypto";
var answerMs = 1e4;
function keyRing(encryption, storeIsNew, clock, warn) {
  return "wrap" in encryption ? askedRing(encryption, clock) : heldRing(ringOf(encryption, storeIsNew, warn));
}
function heldRing(ring2) {
  return {
    ids: ring2.map(({ id: id2 }) => id2),
    wrap: async (key3, context) => wrapWith(ring2[0], key3, context),
    // ringOf() refuses an empty ring
    async unwrap(wrapped2, context) {
      const key3 = ring2.find(({ id: id2 }) => id2 === wrapped2.by);
      if (key3 !== void 0) return unwrapWith(key3, wrapped2, context);
      const given2 = ring2.map(({ id: id2 }) => id2).join(", ");
      throw new LifecycleError(
        "KEY_REFUSED",
        `Cannot open the store: it was written with key ${wrapped2.by}, and the configured keys are ${given2}; nothing was changed`,
        { facts: { storeKey: wrapped2.by } }
      );
    }
  };
}
function askedRing(provider, clock) {
  async function unwrap({ by, wrapped: wrapped2 }, context) {
    const bytes = Buffer4.from(wrapped2, "base64");
    const key3 = await asked(clock, "unwrap", () => provider.unwrap({ by, wrapped: bytes }, context));
    if (key3 instanceof Uint8Array && key3.length === 32) return key3;
    throw unusable("unwrap", "the key provider must return the 32 bytes that were wrapped");
  }
  return {
    ids: [],
    async wrap(key3, context) {
      const answer4 = await asked(clock, "wrap", () => provider.wrap(key3, context));
      if (!isWrappedKey(answer4)) {
        throw unusable("wrap", "the key provider must return { by, wrapped }, a key's name and bytes");
      }
      const kept2 = { by: answer4.by, wrapped: Buffer4.from(answer4.wrapped).toString("base64") };
      if (Buffer4.compare(await unwrap(kept2, context), key3) === 0) return kept2;
      throw unusable("wrap", "the key provider must unwrap what it wrapped, and it returned another key");
    },
    unwrap
  };
}
function isWrappedKey(answer4) {
  if (typeof answer4 !== "object" || answer4 === null || !("by" in answer4) || !("wrapped" in answer4))
    return false;
  return typeof answer4.by === "string" && answer4.by !== "" && answer4.wrapped instanceof Uint8Array;
}
async function asked(clock, verb8, ask2) {
  try {
    return await inTime(clock, answerMs, ask2, () => refused(verb8, `did not answer within ${answerMs} ms`));
  } catch (cause) {
    throw isLifecycleError(cause) ? cause : refused(verb8, "failed, see the cause", underneath(cause));
  }
}
function refused(verb8, what, cause) {
  return new LifecycleError(
    "KEY_REFUSED",
    `Cannot ${verb8} the store key: the key provider ${what}; nothing was changed`,
    { retryable: true, cause }
  );
}
function unusable(verb8, rule) {
  return new LifecycleError("KEY_REFUSED", `Cannot ${verb8} the store key: ${rule}; nothing was changed`);
}
function wrapWith(by, key3, context) {
  const nonce = randomBytes2(12);
  const cipher = createCipheriv2("aes-256-gcm", by.bytes, nonce);
  cipher.setAAD(Buffer4.from(context));
  const sealed = Buffer4.concat([cipher.update(key3), cipher.final()]);
  return { by: by.id, wrapped: Buffer4.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64") };
}
function unwrapWith(key3, { by, wrapped: wrapped2 }, context) {
  try {
    const bytes = Buffer4.from(wrapped2, "base64");
    const decipher = createDecipheriv2("aes-256-gcm", key3.bytes, bytes.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(Buffer4.from(context));
    decipher.setAuthTag(bytes.subarray(12, 28));
    return Buffer4.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
  } catch {
    throw new LifecycleError(
      "RECORD_DAMAGED",
      `Cannot open the store: its store key does not open with key ${by}`
    );
  }
}

// src/guard/gates.ts
var gatesBefore = {
  createUser: ["secret", "region", "token", "exchange", "management"],
  issueAuthCode: ["secret", "region", "token", "exchange", "management"],
  listUsers: ["secret", "region", "management"],
  updateUser: ["secret", "region", "management"],
  findUser: ["secret", "region", "management"],
  exchangeCode: ["secret", "region", "token", "exchange"],
  refreshToken: ["secret", "region", "token"],
  purge: ["secret", "region", "fhir"],
  fhir: ["fhir"],
  any: ["secret", "region"]
};
var codeAgainMs = 36e5;
var withoutCodeMs = 1e4;
var afterNewcomersMs = 5e3;
var afterCodeMs = 3e5;
function maySpendCode(probeCodeAt, now) {
  return probeCodeAt === null || now - probeCodeAt >= codeAgainMs;
}
function mayTry(name2, gate2, call2, now) {
  return now >= triesAt(name2, gate2, call2);
}
function triesAt(name2, { until, probeCodeAt }, call2) {
  if (!comesLater(name2, call2)) return until;
  const soon = until + withoutCodeMs;
  return probeCodeAt === null ? soon : Math.min(until + afterCodeMs, Math.max(soon, probeCodeAt + codeAgainMs));
}
function comesLater(name2, call2) {
  const forExchange = name2 === "exchange" || name2 === "token";
  return forExchange && (call2 === "createUser" || call2 === "issueAuthCode");
}
var longestYieldMs = 6e5;
function yieldsUntil(name2, { state, since, until }) {
  if (name2 === "exchange") return until + withoutCodeMs + afterNewcomersMs;
  const shutMs = state === "throttled" ? Math.max(0, until - since) : 0;
  return until + Math.min(shutMs, longestYieldMs);
}

// src/runtime/options/credentials.ts
var answerMs2 = 5e3;
function askForCredentials(source, clock) {
  return inTime(clock, answerMs2, () => source.ask(), silent);
}
function silent() {
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot get credentials: the given function did not answer within ${answerMs2} ms`,
    { retryable: true }
  );
}
function credentialSource(given2) {
  if (typeof given2 !== "function") {
    const known3 = check2(only("start", "credentials", given2, { clientId: true, clientSecret: true }));
    return { mayChange: false, ask: () => Promise.resolve(known3) };
  }
  return {
    mayChange: true,
    async ask() {
      let answer4;
      try {
        answer4 = await given2();
      } catch (error) {
        throw new LifecycleError(
          "INVALID_OPTION",
          `Cannot get credentials: the given function failed (${inWords(error)})`
        );
      }
      return check2(answer4);
    }
  };
}
function check2(credentials) {
  return {
    clientId: header("credentials.clientId", credentials?.clientId),
    clientSecret: new Secret(header("credentials.clientSecret", credentials?.clientSecret))
  };
}
function header(name2, value2) {
  if (typeof value2 === "string" && /^[\x21-\x7e]+$/.test(value2)) return value2;
  const kind = typeof value2 !== "string" ? typeof value2 : value2 === "" ? "empty" : "text with other characters";
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot start: ${name2} must be visible ASCII text without spaces, as in the developer console, got ${kind}`
  );
}

// src/runtime/options/logger.ts
var levels = ["debug", "info", "warn", "error"];
function errorField(error) {
  return isLifecycleError(error) ? error.code : inWords(error);
}
function retryField(now, ms) {
  return new Date(now + ms).toISOString();
}

// src/runtime/account/credentials-in-use.ts
var pauseMs = 5e3;
var CredentialsInUse = class {
  #parts;
  #current;
  #key;
  #askedAt = Number.NEGATIVE_INFINITY;
  constructor(parts) {
    this.#parts = parts;
    this.#current = parts.credentials;
    this.#key = this.keyOf(parts.credentials);
  }
  get current() {
    return this.#current;
  }
  /** The name under which the gate of the current secret is kept. */
  get key() {
    return this.#key;
  }
  keyOf({ clientSecret }) {
    const fingerprint3 = this.#parts.fingerprint(clientSecret.reveal());
    return `secret:${fingerprint3}`;
  }
  /**
   * Asks the source for other credentials, if it may have any and was not asked just before; `now` skips that check.
   * Never rejects.
   */
  async renew(now) {
    const { clock, source, logger } = this.#parts;
    const askedMs = clock.monotonic() - this.#askedAt;
    if (!source.mayChange || !now && askedMs < pauseMs) return;
    this.#askedAt = clock.monotonic();
    try {
      const next = await askForCredentials(source, clock);
      if (next.clientId !== this.#current.clientId) {
        throw new LifecycleError(
          "INVALID_OPTION",
          "Cannot change credentials: the client id must stay the same, because another id is another account"
        );
      }
      this.#current = next;
      this.#key = this.keyOf(next);
    } catch (error) {
      logger.warn({ error: errorField(error) }, `Cannot renew the credentials: ${inWords(error)}`);
    }
  }
};

// machines/account.ts
import { assign, setup, transition } from "xstate";
var nothingInTheWay = {
  reason: null,
  until: 0,
  attempt: 0,
  since: 0,
  probe: null,
  probeCodeAt: null
};
var openGate = { state: "open", ...nothingInTheWay };
var gate = setup({
  types: {
    context: {},
    // type only: XState does not use the value
    events: {},
    // type only
    meta: {}
    // type only
  },
  actions: {
    shut: assign(
      ({ context, event }) => event.type === "HELD" || event.type === "REFUSED" ? {
        reason: event.reason,
        until: event.until,
        attempt: context.attempt + 1,
        since: event.at,
        probe: null,
        probeCodeAt: (event.type === "HELD" ? event.probeCodeAt : void 0) ?? context.probeCodeAt
      } : {}
    ),
    waitLonger: assign(({ event }) => event.type === "TOLD" ? { until: event.until, probe: null } : {}),
    letOneTry: assign(
      ({ event }) => event.type === "PROBE" ? { until: event.until, since: event.at, probe: event.by } : {}
    ),
    giveTheTryBack: assign(({ event }) => ({ until: event.at, since: event.at, probe: null })),
    forget: assign(({ event }) => ({ ...nothingInTheWay, since: event.at }))
  },
  guards: {
    itIsLonger: ({ context, event }) => event.type === "TOLD" && event.until > context.until,
    itIsTime: ({ context, event }) => event.at >= context.until,
    itIsTheirs: ({ context, event }) => event.type === "LEFT" && event.by === context.probe,
    itIsARefusal: ({ context, event }) => event.type === "LEFT" && event.by === context.probe && (context.reason === "credentials" || context.reason === "forbidden")
  }
});
var accountGate = gate.createMachine({
  id: "accountGate",
  context: nothingInTheWay,
  initial: "open",
  states: {
    open: {
      meta: { description: "calls may leave" },
      on: {
        HELD: { target: "throttled", actions: "shut" },
        REFUSED: { target: "suspended", actions: "shut" }
      }
    },
    throttled: {
      meta: { description: "no calls until the time has come; then one call probes" },
      on: {
        TOLD: { guard: "itIsLonger", actions: "waitLonger" },
        PROBE: { guard: "itIsTime", target: "probing", actions: "letOneTry" },
        REOPEN: { target: "open", actions: "forget" }
      }
    },
    probing: {
      meta: { description: "one call is probing" },
      on: {
        ANSWERED: { target: "open", actions: "forget" },
        HELD: { target: "throttled", actions: "shut" },
        REFUSED: { target: "suspended", actions: "shut" },
        TOLD: { target: "throttled", actions: "waitLonger" },
        // whatever the answer to the probe will be
        LEFT: [
          { guard: "itIsARefusal", target: "suspended", actions: "giveTheTryBack" },
          { guard: "itIsTheirs", target: "throttled", actions: "giveTheTryBack" }
        ],
        PROBE: { guard: "itIsTime", actions: "letOneTry" },
        REOPEN: { target: "open", actions: "forget" }
      }
    },
    suspended: {
      meta: { description: "refused: no calls until it is reopened, or until a much later probe" },
      on: {
        PROBE: { guard: "itIsTime", target: "probing", actions: "letOneTry" },
        REOPEN: { target: "open", actions: "forget" }
      }
    }
  }
});
function stepGate(before2, event) {
  const { state, ...context } = before2;
  const snapshot = accountGate.resolveState({ value: state, context });
  const [next] = transition(accountGate, snapshot, event);
  return next === snapshot || next.value === state && next.context === snapshot.context ? before2 : { state: next.value, ...next.context };
}

// machines/user.ts
var aboutAnother = "another_user";
function isPurging(state) {
  return state === "identifying" || state === "offboarding";
}
var nothingKnown = {
  oneupUserId: null,
  unconfirmed: null,
  wasGranted: false,
  active: null,
  codeFrom: null,
  codeAt: null,
  exchanges: 0,
  maybeSpent: false,
  codesSpent: 0,
  codesRefused: 0,
  saidExists: false,
  saidMissing: false,
  attempt: 0,
  refusals: null,
  absences: null,
  search: null,
  expiresAt: null,
  grantedAt: null,
  shortGrants: 0,
  mayArriveUntil: null,
  failure: null,
  toPurge: null,
  purged: null,
  unpurged: null,
  identifiedAt: null,
  rename: null,
  idTaken: false
};
function valueOf(state) {
  switch (state) {
    case "tokenActive":
    case "expiring":
    case "refreshed":
    case "reauthorized":
      return { authorized: state };
    default:
      return state;
  }
}

// machines/refusals.ts
var isAboutAnother = (event) => "why" in event && event.why === aboutAnother;
var refusedAgain = ({ refusals }, event) => {
  const isAnother2 = refusals?.isAnother === true || isAboutAnother(event);
  return {
    refusals: {
      since: refusals?.since ?? event.at,
      times: (refusals?.times ?? 0) + 1,
      ...isAnother2 && { isAnother: isAnother2 },
      ...refusals?.ofPurge === true && { ofPurge: true }
    }
  };
};
var decided = { refusals: null, absences: null, search: null };
var isThere = ({ saidExists, saidMissing, refusals }) => ({
  refusals: saidExists && saidMissing ? refusals : null,
  absences: null,
  search: null
});

// machines/rename.ts
var renamable = [
  "tokenActive",
  "expiring",
  "refreshed",
  "reauthorized",
  "reauthorizing",
  "failed",
  "offboarded"
];
function isRenamable(state) {
  return renamable.some((one) => one === state);
}
function isRenaming(state) {
  return state === "renaming" || state === "renameInDoubt";
}
var beganIn = forEach(
  "beganIn",
  (from) => ({ rename: rename5 }) => rename5?.from === from
);
var beganWithGrant = ({ rename: rename5 }) => rename5 !== null && typeof valueOf(rename5.from) !== "string";
var renameChanges = {
  ...forEach("renameFrom", (from) => (_, event) => ({
    ...decided,
    rename: { to: "to" in event ? event.to : "", from },
    attempt: 0
  })),
  endRename: () => ({ ...decided, rename: null, attempt: 0 }),
  // The grant is discarded at once, and the user needs another one under whichever id it has then.
  reauthorizeAfterRename: ({ rename: rename5 }) => ({
    rename: rename5 && { ...rename5, from: "reauthorizing" },
    expiresAt: null,
    grantedAt: null
  })
};
var renameFrom = (from) => ({
  target: "#userLifecycle.renaming",
  actions: `renameFrom_${from}`
});
var back = renamable.map((from) => ({
  guard: `beganIn_${from}`,
  target: `#userLifecycle.${typeof valueOf(from) === "string" ? from : `authorized.${from}`}`,
  actions: "endRename"
}));
var unlistedForMs = 36e5;
var fewestAbsences = 5;
var mayBeUnlisted = ({ absences }, { at }) => absences === null || absences.times < fewestAbsences - 1 || at - absences.since < unlistedForMs;
function forEach(name2, make) {
  const entries = renamable.map((from) => [`${name2}_${from}`, make(from)]);
  return Object.fromEntries(entries);
}

// machines/user-lifecycle.ts
import { assign as assign2, setup as setup2 } from "xstate";

// machines/purge-progress.ts
var purgedWith = ({ purged, toPurge }) => [
  ...purged ?? [],
  ...toPurge?.slice(0, 1) ?? []
];
function leftToPurge({ toPurge, purged }, asked2) {
  const all = /* @__PURE__ */ new Set([...toPurge ?? [], ...asked2]);
  return [...all].filter((version2) => purged?.includes(version2) !== true);
}
var unpurgedFor = ({ toPurge, unpurged }, why) => {
  if (toPurge === null || toPurge.length === 0) return unpurged;
  const versions = [.../* @__PURE__ */ new Set([...unpurged?.versions ?? [], ...toPurge])];
  return { versions, why };
};
var unpurgedWithout = ({ unpurged }, versions) => {
  const left = unpurged?.versions.filter((version2) => !versions.includes(version2)) ?? [];
  return unpurged === null || left.length === 0 ? null : { ...unpurged, versions: left };
};
var ofPurge = ({ refusals }) => refusals?.ofPurge === true ? refusals : null;

// machines/user-number.ts
var userOf = (context, event) => "user" in event && event.user !== void 0 ? {
  oneupUserId: event.user.oneupUserId ?? context.oneupUserId,
  active: event.user.active ?? context.active
} : {};
var confirmed = { unconfirmed: null };
var unconfirmedAfterCode = ({ oneupUserId, unconfirmed }, named) => {
  const isConfirmed = oneupUserId !== null && unconfirmed === null;
  if (isConfirmed && (named === void 0 || named === oneupUserId)) return null;
  if (named !== void 0) return "answered";
  return oneupUserId === null ? null : "claimed";
};

// machines/grant-changes.ts
var arrivalOf = (context, event) => "mayArriveUntil" in event && event.mayArriveUntil !== void 0 ? { mayArriveUntil: Math.max(event.mayArriveUntil, context.mayArriveUntil ?? 0) } : {};
var withCode = (context, event, codeFrom) => ({
  codeFrom,
  codeAt: event.at,
  exchanges: 0,
  maybeSpent: false,
  saidExists: false,
  saidMissing: false,
  attempt: 0,
  unconfirmed: unconfirmedAfterCode(context, "user" in event ? event.user?.oneupUserId : void 0),
  ...userOf(context, event)
  // V8 is a hundred times slower where this comes first
});
var isShort = (event) => "expiresAt" in event && event.expiresAt !== null && event.expiresAt - event.at < 6e5;
var grantChanges = {
  holdFirstCode: (context, event) => ({ ...withCode(context, event, "creation"), ...decided }),
  holdRequestedCode: (context, event) => withCode(context, event, "request"),
  exchangeOnceMore: (context) => ({ exchanges: 1, attempt: context.attempt + 1 }),
  exchangeInDoubt: (context, event) => ({
    exchanges: 1,
    maybeSpent: true,
    attempt: context.attempt + 1,
    ...arrivalOf(context, event)
  }),
  giveUpCode: (context, event) => ({
    codesSpent: context.codesSpent + 1,
    attempt: 0,
    ...arrivalOf(context, event)
  }),
  // The code may still be good: it is presented once more, then another one is requested after ever longer waits.
  exchangeRefused: (context, event) => ({
    ...refusedAgain(context, event),
    exchanges: 1,
    attempt: context.attempt + 1
  }),
  giveUpCodeWithoutReason: (context, event) => ({
    ...refusedAgain(context, event),
    codesSpent: context.codesSpent + 1,
    attempt: 0
  }),
  giveUpRefusedCode: (context, event) => ({
    ...refusedAgain(context, event),
    codesSpent: context.codesSpent + 1,
    codesRefused: context.codesRefused + 1,
    attempt: 0
  }),
  holdTokens: (context, event) => ({
    ...userOf(context, event),
    unconfirmed: "user" in event || context.unconfirmed === "answered" ? null : context.unconfirmed,
    wasGranted: true,
    expiresAt: "expiresAt" in event ? event.expiresAt : null,
    grantedAt: event.at,
    shortGrants: isShort(event) ? context.shortGrants + 1 : 0,
    mayArriveUntil: (context.mayArriveUntil ?? 0) > event.at ? context.mayArriveUntil : null,
    exchanges: 0,
    maybeSpent: false,
    codesSpent: 0,
    codesRefused: 0,
    saidExists: false,
    saidMissing: false,
    attempt: 0,
    failure: null,
    ...decided
  }),
  // Its time is unknown, and problems of another grant prove nothing about this one.
  holdAdoptedGrant: (context, event) => ({
    ...nothingKnown,
    ...userOf(context, event),
    unconfirmed: "user" in event && context.unconfirmed === null && event.user?.oneupUserId === context.oneupUserId ? null : "claimed",
    wasGranted: context.wasGranted && "user" in event && event.user?.oneupUserId === context.oneupUserId,
    expiresAt: "expiresAt" in event ? event.expiresAt : null
  }),
  // No time is stored: another process, whose clock is behind, would take it to be in the future.
  markUnusable: () => ({ expiresAt: null, attempt: 0 }),
  loseGrant: () => ({ ...decided, expiresAt: null, grantedAt: null, attempt: 0 })
};

// machines/user-changes.ts
var stillThere = ({ oneupUserId, unconfirmed, wasGranted, active }) => ({
  ...nothingKnown,
  oneupUserId,
  unconfirmed,
  wasGranted,
  active
});
var failing = (state, reason) => (_, event) => ({
  failure: { in: state, reason, why: "why" in event ? event.why : reason },
  attempt: 0
});
var changes = {
  tryAgainLater: (context, event) => ({ attempt: context.attempt + 1, ...arrivalOf(context, event) }),
  startOver: () => ({ ...decided, attempt: 0 }),
  noteRefusal: (context, event) => ({ ...refusedAgain(context, event), attempt: context.attempt + 1 }),
  notePurgeRefusal: (context, event) => {
    const { refusals } = { ...context, ...refusedAgain(context, event) };
    return { refusals: refusals && { ...refusals, ofPurge: true }, attempt: context.attempt + 1 };
  },
  noteAbsence: ({ absences, attempt }, event) => ({
    absences: { since: absences?.since ?? event.at, times: (absences?.times ?? 0) + 1 },
    search: null,
    attempt: attempt + 1
  }),
  askAgain: () => ({ refusals: null, attempt: 0 }),
  lookOn: (context, event) => {
    const search2 = "search" in event ? event.search : null;
    return { search: search2, attempt: search2 === null ? context.attempt + 1 : context.attempt };
  },
  noteKnown: (context, event) => ({ ...userOf(context, event), ...decided, attempt: 0 }),
  noteExists: (context) => ({ ...isThere(context), saidExists: true, attempt: 0 }),
  noteFound: (context, event) => ({
    ...userOf(context, event),
    ...isThere(context),
    ...confirmed,
    saidExists: true,
    attempt: context.attempt + 1
  }),
  noteIdentified: (context, event) => ({
    ...userOf(context, event),
    ...decided,
    ...confirmed,
    refusals: ofPurge(context),
    attempt: 0,
    identifiedAt: event.at
  }),
  noteContradiction: (context, event) => ({ ...changes.noteRefusal(context, event), search: null }),
  noteUnknownId: (context) => ({ ...decided, saidMissing: context.saidExists, attempt: context.attempt + 1 }),
  // Refusals of its create still count, because the create is about to be repeated.
  noteMissing: (context) => ({
    search: null,
    absences: null,
    saidMissing: context.saidExists,
    attempt: context.attempt + 1,
    oneupUserId: null,
    ...confirmed,
    wasGranted: false
  }),
  confirmNumber: () => confirmed,
  doubtNumber: () => ({ ...decided, attempt: 0, unconfirmed: "doubted" }),
  // Two responses disagree about the number, or the code of the one that named it is refused.
  disputeNumber: () => ({ ...decided, attempt: 0, unconfirmed: "disputed" }),
  disputeRefusedNumber: (context, event) => ({
    ...refusedAgain(context, event),
    search: null,
    codesSpent: context.codesSpent + 1,
    codesRefused: context.codesRefused + 1,
    attempt: 0,
    unconfirmed: "disputed"
  }),
  // 1upHealth has no user with its app_user_id: the number may identify it.
  claimNumber: () => ({ ...decided, attempt: 0, unconfirmed: "claimed" }),
  // 1upHealth has no user with the number: the app_user_id may identify it.
  dropNumber: () => ({ ...decided, attempt: 0, oneupUserId: null, ...confirmed }),
  correctNumber: (context, event) => ({ ...userOf(context, event), ...decided, ...confirmed, attempt: 0 }),
  correctIdentified: (context, event) => ({
    ...userOf(context, event),
    ...decided,
    ...confirmed,
    refusals: ofPurge(context),
    attempt: 0,
    identifiedAt: event.at
  }),
  noteIdTaken: () => ({ idTaken: true }),
  ...grantChanges,
  ...renameChanges,
  failRefused: failing("created", "refused"),
  failRefusedCode: failing("codeIssued", "refused"),
  failRefusedRequest: (context, event) => failing("reauthorizing", isAboutAnother(event) ? "anotherUser" : "refused")(context, event),
  failCodesRefused: failing("codeIssued", "codesRefused"),
  failContradiction: failing("reauthorizing", "contradiction"),
  failIdTaken: failing("reauthorizing", "idTaken"),
  failRefuted: failing("reauthorizing", "anotherUser"),
  failRefusedPurge: failing("offboarding", "refused"),
  failShared: (context, event) => ({ ...failing("offboarding", "idTaken")(context, event), idTaken: true }),
  failRefutedPurge: failing("offboarding", "anotherUser"),
  retry: ({ failure: failure2, oneupUserId, unconfirmed }) => ({
    unconfirmed: failure2?.reason === "anotherUser" && oneupUserId !== null ? "doubted" : unconfirmed,
    failure: null,
    attempt: 0,
    codesSpent: 0,
    codesRefused: 0,
    saidExists: false,
    saidMissing: false,
    ...decided
  }),
  beginAnew: (context) => stillThere(context),
  letGo: (context, event) => {
    const toPurge = leftToPurge(context, "purge" in event ? event.purge : []);
    const unpurged = unpurgedWithout(context, toPurge);
    return { ...stillThere(context), toPurge, purged: context.purged, unpurged };
  },
  identifyAgain: (context) => ({ ...decided, refusals: ofPurge(context), attempt: 0 }),
  purgeNext: (context) => ({
    toPurge: context.toPurge?.slice(1) ?? null,
    purged: purgedWith(context),
    attempt: 0,
    ...decided
  }),
  noteNothingThere: (context) => ({
    ...nothingKnown,
    purged: context.purged,
    unpurged: unpurgedFor(context, "userUnknown")
  }),
  purgedAll: (context) => ({
    ...stillThere(context),
    purged: purgedWith(context),
    unpurged: context.unpurged
  }),
  forgetEverything: (context) => ({
    ...stillThere(context),
    purged: context.purged,
    unpurged: unpurgedFor(context, "withdrawn"),
    idTaken: context.idTaken
    // a purge would still erase another user's data
  })
};

// machines/user-conditions.ts
var registersWithinMs = 5e3;
var codeMayExpireAfterMs = 3e5;
var refusedForMs = 864e5;
var fewestRefusals = 5;
var fewestRefusedCodes = 3;
var refusedForADay = ({ refusals }, event) => (
  // seam: a-user-fails-after-a-day-of-refusals
  refusals !== null && refusals.times >= fewestRefusals - 1 && event.at - refusals.since >= refusedForMs
);
var askedAt = (event) => "askedAt" in event ? event.askedAt ?? event.at : event.at;
var wasThere = ({ oneupUserId, unconfirmed, wasGranted }) => wasGranted || oneupUserId !== null && unconfirmed === null;
var isMissedForADay = ({ absences }, event) => absences !== null && absences.times >= fewestRefusals - 1 && event.at - absences.since >= refusedForMs;
var hasAnAnsweredNumber = ({ oneupUserId, unconfirmed }) => oneupUserId !== null && unconfirmed === "answered";
var conditions = {
  codeCameWithCreation: (context) => context.codeFrom === "creation",
  codeMayStillRegister: (context, event) => context.exchanges === 0 && askedAt(event) - (context.codeAt ?? 0) < registersWithinMs,
  codeMayBeSpentOrExpired: (context, event) => context.maybeSpent || event.at - (context.codeAt ?? 0) >= codeMayExpireAfterMs,
  neverExchanged: (context) => context.exchanges === 0,
  codesRefusedForADay: (context, event) => context.codesRefused >= fewestRefusedCodes - 1 && refusedForADay(context, event),
  contradictedBefore: (context) => context.saidExists && context.saidMissing,
  contradictedAsListed: (context) => context.saidExists && context.saidMissing && context.oneupUserId !== null,
  contradictedForADay: (context, event) => context.saidExists && context.saidMissing && refusedForADay(context, event),
  refusedForADay,
  refusedForLess: (context, event) => !refusedForADay(context, event),
  mayBeUnlisted,
  beganWithGrant,
  ...beganIn,
  wasRefused: ({ refusals }) => refusals !== null,
  isHeldUp: ({ refusals, absences }) => refusals !== null || absences !== null,
  mayStillBeThere: (context, event) => wasThere(context) && !isMissedForADay(context, event),
  // seam: an-empty-list-does-not-end-a-purge
  mayHaveData: (context, event) => (context.oneupUserId !== null || context.wasGranted) && !isMissedForADay(context, event),
  disputesAnAnswer: (context, event) => hasAnAnsweredNumber(context) && "why" in event && event.why === aboutAnother,
  answeredTheNumber: (context) => hasAnAnsweredNumber(context),
  isOnlyAnswered: (context) => hasAnAnsweredNumber(context) && !context.wasGranted,
  wasTakenForAnother: ({ oneupUserId, refusals }) => oneupUserId !== null && refusals?.isAnother === true,
  mayBeElsewhere: ({ oneupUserId, wasGranted }) => oneupUserId !== null || wasGranted,
  hasADoubtedNumber: ({ oneupUserId, unconfirmed }) => oneupUserId !== null && unconfirmed === "doubted",
  hasADisputedNumber: ({ oneupUserId, unconfirmed }) => oneupUserId !== null && unconfirmed === "disputed",
  hasAnUnconfirmedNumber: ({ oneupUserId, unconfirmed }) => oneupUserId !== null && unconfirmed !== null,
  hasMoreToPurge: (context) => (context.toPurge?.length ?? 0) > 1,
  failedWhileCreating: (context) => context.failure?.in === "created",
  failedWhilePurging: (context) => context.failure?.in === "offboarding",
  failedAsAnother: ({ oneupUserId, failure: failure2 }) => oneupUserId !== null && failure2?.reason === "anotherUser",
  isUnheardOf: (context, event) => context.oneupUserId === null && "isNew" in event && event.isNew === true,
  bringsAccessToken: (_, event) => "expiresAt" in event && event.expiresAt !== null
};

// machines/user-lifecycle.ts
var actions = mapped(
  changes,
  (change) => assign2(({ context, event }) => change(context, event))
);
var guards = mapped(
  conditions,
  (condition) => ({ context, event }) => condition(context, event)
);
function mapped(table3, turn) {
  const entries = Object.entries(table3).map(([name2, value2]) => [name2, turn(value2)]);
  return Object.fromEntries(entries);
}
var adoption = [
  {
    guard: "bringsAccessToken",
    target: "#userLifecycle.authorized.tokenActive",
    actions: "holdAdoptedGrant"
  },
  { target: "#userLifecycle.authorized.expiring", actions: "holdAdoptedGrant" }
];
var usable = (state, description) => ({
  meta: { description },
  on: { RENAME: renameFrom(state) }
});
var life = setup2({
  types: {
    context: {},
    // type only: XState does not use the value
    events: {},
    // type only
    meta: {}
    // type only
  },
  actions,
  guards
});
var userLifecycle = life.createMachine({
  id: "userLifecycle",
  context: nothingKnown,
  initial: "created",
  on: {
    OFFBOARD: { target: ".identifying", actions: "letGo" },
    OFFBOARDED: { target: ".offboarded", actions: "forgetEverything" },
    ID_TAKEN: { actions: "noteIdTaken" },
    NUMBER_CONFIRMED: { guard: "hasAnUnconfirmedNumber", actions: "confirmNumber" }
  },
  states: {
    created: {
      meta: { call: "createUser", description: "durable here; not yet known to exist at 1upHealth" },
      on: {
        ADOPTED: adoption,
        EXPECT_EXISTING: { target: "reauthorizing", actions: "noteKnown" },
        USER_CREATED: { target: "codeIssued", actions: "holdFirstCode" },
        USER_AUTHORIZED: { target: "authorized.tokenActive", actions: "holdTokens" },
        // seam: a-user-that-exists-is-not-created
        USER_EXISTS: { target: "reauthorizing", actions: "noteExists" },
        // seam: a-create-is-never-blind
        IN_DOUBT: { target: "reauthorizing", actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefused" },
        // It may have succeeded all the same, because the response is not 1upHealth's own.
        REFUSED_WITHOUT_REASON: [
          { guard: "refusedForADay", target: "failed", actions: "failRefusedRequest" },
          // seam: a-create-refused-without-a-reason-is-not-repeated-blindly
          { target: "reauthorizing", actions: "noteRefusal" }
        ],
        RETRY: { guard: "wasRefused", actions: "askAgain" }
      }
    },
    codeIssued: {
      meta: { call: "exchangeCode", description: "a one-time code is in hand" },
      on: {
        TOKEN_GRANTED: [
          { guard: "codeCameWithCreation", target: "authorized.tokenActive", actions: "holdTokens" },
          { target: "authorized.reauthorized", actions: "holdTokens" }
        ],
        CODE_REFUSED: [
          // seam: a-fresh-code-gets-a-second-chance
          { guard: "codeMayStillRegister", actions: "exchangeOnceMore" },
          // seam: a-spent-code-is-replaced
          { guard: "codeMayBeSpentOrExpired", target: "reauthorizing", actions: "giveUpCode" },
          // The token endpoint may refuse every code for a while, so a user fails only after a day of it.
          // seam: a-day-of-refused-codes-is-the-end
          { guard: "codesRefusedForADay", target: "failed", actions: "failCodesRefused" },
          // seam: a-number-that-came-with-a-dead-code-is-looked-up
          { guard: "answeredTheNumber", target: "locating", actions: "disputeRefusedNumber" },
          { target: "reauthorizing", actions: "giveUpRefusedCode" }
        ],
        IN_DOUBT: [
          { guard: "neverExchanged", actions: "exchangeInDoubt" },
          { target: "reauthorizing", actions: "giveUpCode" }
        ],
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedCode" },
        REFUSED_WITHOUT_REASON: [
          { guard: "neverExchanged", actions: "exchangeRefused" },
          { guard: "refusedForADay", target: "failed", actions: "failRefusedCode" },
          { target: "reauthorizing", actions: "giveUpCodeWithoutReason" }
        ],
        REAUTHORIZE: { target: "reauthorizing", actions: "startOver" }
      }
    },
    authorized: {
      initial: "tokenActive",
      // seam: a-grant-is-not-replaced-by-an-adopted-one
      on: {
        DUE: { target: ".expiring", actions: "startOver" },
        TOKEN_REJECTED: { target: ".expiring", actions: "markUnusable" },
        REAUTHORIZE: { target: "reauthorizing", actions: "loseGrant" }
      },
      states: {
        tokenActive: usable("tokenActive", "usable: the first token"),
        expiring: {
          meta: { call: "refreshToken", description: "the token is within its refresh window" },
          on: {
            TOKEN_GRANTED: { target: "refreshed", actions: "holdTokens" },
            GRANT_LOST: { target: "#userLifecycle.reauthorizing", actions: "loseGrant" },
            IN_DOUBT: { actions: "tryAgainLater" },
            HELD: { actions: "tryAgainLater" },
            REFUSED: { actions: "tryAgainLater" },
            REFUSED_WITHOUT_REASON: [
              // The refresh token may be of no use, though no response says so.
              // seam: a-refresh-token-refused-for-a-day-is-given-up
              { guard: "refusedForADay", target: "#userLifecycle.reauthorizing", actions: "loseGrant" },
              { actions: "noteRefusal" }
            ],
            DUE: {},
            RENAME: renameFrom("expiring"),
            TOKEN_REJECTED: { actions: "markUnusable" }
          }
        },
        refreshed: usable("refreshed", "usable: a refreshed token"),
        reauthorized: usable("reauthorized", "usable: a token from a fresh code")
      }
    },
    reauthorizing: {
      meta: { call: "issueAuthCode", description: "no usable grant: a fresh code is needed" },
      on: {
        // seam: a-user-without-a-grant-gets-the-adopted-one
        ADOPTED: adoption,
        RENAME: renameFrom("reauthorizing"),
        CODE_ISSUED: { target: "codeIssued", actions: "holdRequestedCode" },
        ID_TAKEN: { target: "failed", actions: "failIdTaken" },
        USER_MISSING: [
          // seam: a-day-of-contradiction-is-the-end
          { guard: "contradictedForADay", target: "failed", actions: "failContradiction" },
          { guard: "contradictedAsListed", target: "locating", actions: "noteContradiction" },
          // seam: a-contradiction-is-retried
          { guard: "contradictedBefore", target: "created", actions: "noteContradiction" },
          // The only sign that it exists was a response whose code brought no token; its number may be another user's.
          { guard: "isOnlyAnswered", target: "locating", actions: "disputeNumber" },
          // seam: an-unknown-id-is-looked-up-by-its-number
          { guard: "mayBeElsewhere", target: "locating", actions: "noteUnknownId" },
          { target: "created", actions: "noteMissing" }
        ],
        IN_DOUBT: { actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedRequest" },
        REFUSED_WITHOUT_REASON: [
          // seam: two-answers-with-two-numbers-are-looked-up
          { guard: "disputesAnAnswer", target: "locating", actions: "disputeNumber" },
          { guard: "refusedForADay", target: "failed", actions: "failRefusedRequest" },
          { actions: "noteRefusal" }
        ],
        RETRY: [
          { guard: "wasTakenForAnother", target: "locating", actions: "doubtNumber" },
          { guard: "wasRefused", actions: "askAgain" }
        ],
        REAUTHORIZE: { guard: "wasTakenForAnother", target: "locating", actions: "doubtNumber" }
      }
    },
    locating: {
      meta: {
        call: "findUser",
        description: "1upHealth no longer knows its app_user_id, or has it with another number: it is looked up by both"
      },
      on: {
        ADOPTED: adoption,
        FOUND_ELSEWHERE: { target: "reauthorizing", actions: "noteKnown" },
        USER_FOUND: { target: "reauthorizing", actions: "noteFound" },
        NUMBER_CORRECTED: { target: "reauthorizing", actions: "correctNumber" },
        NUMBER_REFUTED: { target: "failed", actions: "failRefuted" },
        USER_MISSING: [
          { guard: "hasADoubtedNumber", actions: "claimNumber" },
          { guard: "mayStillBeThere", actions: "noteAbsence" },
          // Whether it exists at all, a request for a code tells.
          { guard: "hasADisputedNumber", target: "reauthorizing", actions: "dropNumber" },
          { target: "created", actions: "noteMissing" }
        ],
        FOUND_OTHERS: { actions: "lookOn" },
        IN_DOUBT: { actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedRequest" },
        REFUSED_WITHOUT_REASON: [
          { guard: "refusedForADay", target: "failed", actions: "failRefusedRequest" },
          { actions: "noteRefusal" }
        ],
        RETRY: { guard: "isHeldUp", actions: "askAgain" }
      }
    },
    renaming: {
      meta: { call: "updateUser", description: "1upHealth is asked to give it another app_user_id" },
      on: {
        USER_RENAMED: back,
        // seam: a-refused-rename-ends-where-it-began
        USER_MISSING: back,
        HELD: back,
        REFUSED: back,
        REFUSED_WITHOUT_REASON: back,
        // seam: a-rename-in-doubt-is-looked-up
        IN_DOUBT: { target: "renameInDoubt", actions: "startOver" }
      }
    },
    renameInDoubt: {
      meta: {
        call: "findUser",
        description: "it may have its new app_user_id: it is looked up by its number, and keeps its tokens"
      },
      on: {
        FOUND_ELSEWHERE: back,
        USER_FOUND: back,
        NUMBER_REFUTED: back,
        // If it was renamed all the same, the next request for a code finds it by its number.
        USER_MISSING: [{ guard: "mayBeUnlisted", actions: "noteAbsence" }, ...back],
        FOUND_OTHERS: { actions: "lookOn" },
        IN_DOUBT: { actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: back,
        REFUSED_WITHOUT_REASON: [{ guard: "refusedForLess", actions: "noteRefusal" }, ...back],
        RETRY: { guard: "isHeldUp", actions: "askAgain" },
        TOKEN_REJECTED: { actions: "markUnusable" },
        REAUTHORIZE: { guard: "beganWithGrant", actions: "reauthorizeAfterRename" }
      }
    },
    failed: {
      meta: { description: "refused for good; retry() goes back to where it failed" },
      on: {
        ADOPTED: [{ guard: "failedWhilePurging" }, ...adoption],
        RENAME: renameFrom("failed"),
        RETRY: [
          { guard: "failedWhileCreating", target: "created", actions: "retry" },
          { guard: "failedWhilePurging", target: "identifying", actions: "retry" },
          { guard: "failedAsAnother", target: "locating", actions: "retry" },
          { target: "reauthorizing", actions: "retry" }
        ],
        REAUTHORIZE: [
          { guard: "failedWhilePurging" },
          { guard: "failedAsAnother", target: "locating", actions: "retry" }
        ]
      }
    },
    identifying: {
      meta: {
        call: "findUser",
        description: "secrets erased; 1upHealth is asked whose data a purge would erase"
      },
      on: {
        USER_FOUND: { target: "offboarding", actions: "noteIdentified" },
        FOUND_ELSEWHERE: { target: "offboarding", actions: "noteIdentified" },
        NUMBER_CORRECTED: { target: "offboarding", actions: "correctIdentified" },
        NUMBER_REFUTED: { target: "failed", actions: "failRefutedPurge" },
        USER_MISSING: [
          { guard: "hasADoubtedNumber", actions: "claimNumber" },
          { guard: "mayHaveData", actions: "noteAbsence" },
          { target: "offboarded", actions: "noteNothingThere" }
        ],
        FOUND_OTHERS: { actions: "lookOn" },
        IN_DOUBT: { actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedPurge" },
        REFUSED_WITHOUT_REASON: [
          { guard: "refusedForADay", target: "failed", actions: "failRefusedPurge" },
          { actions: "noteRefusal" }
        ],
        RETRY: { guard: "isHeldUp", actions: "askAgain" }
      }
    },
    offboarding: {
      meta: { call: "purge", description: "secrets erased; its data at 1upHealth is being erased" },
      on: {
        // seam: a-confirmed-purge-is-done
        PURGED: [
          { guard: "hasMoreToPurge", actions: "purgeNext" },
          { target: "offboarded", actions: "purgedAll" }
        ],
        ID_TAKEN: { target: "failed", actions: "failShared" },
        DUE: { target: "identifying", actions: "identifyAgain" },
        PURGE_CUT: { actions: "tryAgainLater" },
        // seam: a-purge-in-doubt-is-repeated
        IN_DOUBT: { actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedPurge" },
        REFUSED_WITHOUT_REASON: [
          { guard: "refusedForADay", target: "failed", actions: "failRefusedPurge" },
          { actions: "notePurgeRefusal" }
        ],
        RETRY: { guard: "wasRefused", actions: "askAgain" }
      }
    },
    offboarded: {
      meta: { description: "secrets erased; onboard() of the same id starts over" },
      on: {
        ADOPTED: adoption,
        RENAME: renameFrom("offboarded"),
        ONBOARD: [
          { guard: "isUnheardOf", target: "created", actions: "beginAnew" },
          { target: "reauthorizing", actions: "beginAnew" }
        ],
        OFFBOARDED: {}
      }
    }
  }
});

// machines/diagram.ts
function mermaid(counts) {
  const root = userLifecycle.root;
  const lines = ["stateDiagram-v2", "  direction TB", `  [*] --> ${initialOf(root)}`];
  for (const state of Object.values(root.states)) lines.push(...drawn(state, "  ", counts));
  const arrows = /* @__PURE__ */ new Map();
  for (const node of everyNode(root)) {
    for (const [event, transitions] of node.transitions) {
      for (const to of transitions.flatMap(({ target }) => target?.slice(0, 1) ?? [])) {
        for (const from of starts(node, event, to)) {
          const way = `${from} --> ${isRenaming(node.key) && !isRenaming(to.key) ? "authorized" : to.key}`;
          const labels = arrows.get(way) ?? [];
          if (!labels.includes(event)) arrows.set(way, [...labels, event]);
        }
      }
    }
  }
  for (const [way, events2] of arrows) lines.push(`  ${way}: ${events2.join(", ")}`);
  return lines.join("\n");
}
function drawn(state, indent, counts) {
  const inner = Object.values(state.states);
  if (inner.length === 0) {
    const below = [
      ...state.meta?.call === void 0 ? [] : [`<i>${state.meta.call}</i>`],
      ...counts === void 0 ? [] : [`<b>${counts[state.key] ?? 0}</b>`]
    ];
    return below.length === 0 ? [] : [`${indent}${state.key}: ${[state.key, ...below].join("<br>")}`];
  }
  const body = inner.flatMap((child) => {
    const lines = drawn(child, `${indent}  `, counts);
    return lines.length > 0 ? lines : [`${indent}  ${child.key}`];
  });
  return [`${indent}state ${state.key} {`, ...body, `${indent}}`];
}
function starts(node, event, to) {
  const inner = Object.values(node.states);
  if (node.key === userLifecycle.id || event === "RENAME") return ["authorized"];
  if (!inner.includes(to)) return [node.key];
  return inner.filter((leaf) => leaf !== to && !leaf.transitions.has(event)).map((leaf) => leaf.key);
}
function initialOf(node) {
  return node.initial?.target[0]?.key ?? "";
}
function everyNode(node) {
  return [node, ...Object.values(node.states).flatMap(everyNode)];
}

// src/runtime/account/gate-times.ts
var furthestAheadMs = 5 * 6e4;
var GateTimes = class {
  /** How far ahead a gate was when it was first seen, ms, and when it was shut by the other clock. */
  #ahead = /* @__PURE__ */ new Map();
  /** Returns the gates; those from the future as if they had been shut when this process first saw them. */
  corrected(gates, now) {
    const entries = Object.entries(gates);
    for (const key3 of this.#ahead.keys()) if (gates[key3] === void 0) this.#ahead.delete(key3);
    const isPlain2 = ({ since }) => since <= now + furthestAheadMs;
    if (this.#ahead.size === 0 && entries.every(([, gate2]) => isPlain2(gate2))) return gates;
    return Object.fromEntries(entries.map(([key3, gate2]) => [key3, this.#corrected(key3, gate2, now)]));
  }
  #corrected(key3, gate2, now) {
    let ahead3 = this.#ahead.get(key3);
    if (ahead3?.since !== gate2.since) {
      this.#ahead.delete(key3);
      if (gate2.since <= now + furthestAheadMs) return gate2;
      ahead3 = { since: gate2.since, ms: gate2.since - now };
      this.#ahead.set(key3, ahead3);
    }
    const { since, until, probeCodeAt } = gate2;
    const { ms } = ahead3;
    return {
      ...gate2,
      since: since - ms,
      until: until - ms,
      probeCodeAt: probeCodeAt === null ? null : probeCodeAt - ms
    };
  }
};

// src/runtime/account/account-record.ts
function readGates(value2) {
  const kept2 = isObject(value2) ? value2["gates"] : void 0;
  if (!isObject(kept2)) return {};
  return Object.fromEntries(
    Object.entries(kept2).flatMap(
      ([key3, gate2]) => isObject(gate2) ? gateOf({ ...openGate, ...gate2 }).map((read7) => [key3, read7]) : []
    )
  );
}
var forgottenMs = 30 * 24 * 36e5;
function withGate(value2, key3, gate2) {
  const record = isObject(value2) ? value2 : {};
  const gates = { ...readGates(value2), [key3]: gate2 };
  const shut = Object.entries(gates).filter(
    ([, { state, until }]) => state !== "open" && until > gate2.since - forgottenMs
  );
  return { ...record, gates: Object.fromEntries(shut) };
}
function gateOf(kept2) {
  const { state, reason, until, attempt, since, probe, probeCodeAt } = kept2;
  const reads = (state === "open" || state === "throttled" || state === "probing" || state === "suspended") && (reason === null || typeof reason === "string") && isTime(until) && isCount(attempt) && isTime(since) && (probe === null || typeof probe === "string") && (probeCodeAt === null || isTime(probeCodeAt));
  if (!reads) return [];
  const known3 = reason === null ? null : reasons.find((one) => one === reason) ?? "unavailable";
  return [{ state, reason: known3, until, attempt, since, probe, probeCodeAt }];
}
var reasons = ["throttled", "rateLimit", "unavailable", "credentials", "forbidden"];

// src/runtime/account/shared-gates.ts
var gateNames = ["management", "token", "fhir", "exchange", "secret", "region"];
var staleMs = 1e3;
var SharedGates = class {
  #parts;
  #shared = {};
  /** The gates last read, and the value they were read from: a store may return the same object again. */
  #known = {
    value: null,
    gates: {}
  };
  #sharedIsQuiet = true;
  /** Gates of this process alone: `region`, and those that could not be written to the store. */
  #own = /* @__PURE__ */ new Map();
  #times = new GateTimes();
  #openedAt = /* @__PURE__ */ new Map();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading = null;
  constructor(parts) {
    this.#parts = parts;
  }
  /** Whether no gate is shut, as far as this process has seen: the usual case, checked on every call. */
  get isQuiet() {
    return this.#own.size === 0 && this.#sharedIsQuiet;
  }
  /** How old the view is, ms. */
  get ageMs() {
    return this.#parts.clock.monotonic() - this.#readAt;
  }
  gate(name2) {
    const shared3 = this.shared(name2);
    const own2 = this.#own.get(this.#key(name2)) ?? openGate;
    if (shared3.state === "open") return own2;
    return own2.state !== "open" && own2.reason !== "rateLimit" && own2.until > shared3.until ? own2 : shared3;
  }
  /** The shared gate, without what this process holds back for itself. */
  shared(name2) {
    return this.#shared[this.#key(name2)] ?? openGate;
  }
  /** All gates, by their names. */
  all() {
    const all = gateNames.map((name2) => [name2, this.gate(name2)]);
    return Object.fromEntries(all);
  }
  /** When this process saw the gate open again, on `clock.monotonic()`; `-Infinity` = it was never shut. */
  openedAt(name2) {
    return this.#openedAt.get(name2) ?? Number.NEGATIVE_INFINITY;
  }
  /** Reads what other processes have written, if the last read is older than `ms`. Never rejects. */
  async refresh(ms = staleMs) {
    if (this.ageMs <= ms) return;
    this.#reading ??= this.#read().finally(() => this.#reading = null);
    await this.#reading;
  }
  /**
   * Applies `event` to this process's own gate or the shared one, whichever is in force, unless `whose` selects one.
   * Never rejects.
   */
  async change(name2, event, whose) {
    const own2 = this.#own.get(this.#key(name2));
    const isHeld = own2 !== void 0 && this.shared(name2).state === "open";
    const isOwn2 = name2 === "region";
    if (isOwn2 || (whose ?? (isHeld ? "own" : "shared")) === "own") {
      return this.#keep(name2, stepGate(own2 ?? openGate, event));
    }
    try {
      return await this.#write(name2, event);
    } catch (error) {
      this.#parts.logger.warn(
        { gate: name2, error: errorField(error) },
        `Cannot share the account's ${name2} gate with other processes: ${inWords(error)}`
      );
      const before2 = own2?.reason === "rateLimit" ? this.shared(name2) : this.gate(name2);
      return this.#keep(name2, stepGate(before2, event));
    }
  }
  /**
   * Shuts the gate for this process alone, which could send nothing: other processes may be unaffected. If it probes
   * the shared gate as `by`, it releases that probe to others. Never rejects.
   */
  async holdBack(name2, held2, by) {
    const isTheirs = this.shared(name2).probe === by;
    if (isTheirs) await this.change(name2, { type: "LEFT", at: held2.at, by });
    const own2 = this.#own.get(this.#key(name2));
    this.#keep(name2, stepGate(own2?.state === "probing" ? own2 : openGate, held2));
  }
  /** A gate is kept by its name; that of a secret by the secret's fingerprint. */
  #key(name2) {
    return name2 === "secret" ? this.#parts.secretKey() : name2;
  }
  #keep(name2, next) {
    const before2 = this.gate(name2);
    if (next.state === "open") this.#own.delete(this.#key(name2));
    else this.#own.set(this.#key(name2), next);
    if (next !== before2) this.#log(name2, next);
    return next;
  }
  async #write(name2, event) {
    const { record, clock } = this.#parts;
    const key3 = this.#key(name2);
    for (; ; ) {
      const found = await record.load();
      if (found === null) return openGate;
      const gates = this.#gatesIn(found);
      const before2 = gates[key3] ?? openGate;
      const next = stepGate(before2, event);
      if (next !== before2) {
        const value2 = withGate(found.value, key3, next);
        const write = { value: value2, expectedRevision: found.revision, writeId: randomName(clock) };
        if (!await record.commit(write)) continue;
        const { state = "open", until = 0 } = this.#own.get(key3) ?? {};
        const isPast = until <= Math.max(next.until, clock.now());
        if (event.type === "REOPEN" || state === "probing" || isPast) this.#own.delete(key3);
      }
      this.#see({ ...gates, [key3]: next });
      if (next !== before2) this.#log(name2, next);
      return next;
    }
  }
  async #read() {
    const at = this.#parts.clock.monotonic();
    try {
      const found = await this.#parts.record.load();
      if (found !== null) this.#parts.seen(found, at);
      this.#see(found === null ? {} : this.#gatesIn(found));
    } catch (error) {
      this.#parts.logger.warn({ error: errorField(error) }, `Cannot read the account: ${inWords(error)}`);
      this.#readAt = this.#parts.clock.monotonic();
    }
  }
  #gatesIn({ value: value2 }) {
    if (value2 !== this.#known.value) this.#known = { value: value2, gates: readGates(value2) };
    return this.#times.corrected(this.#known.gates, this.#parts.clock.now());
  }
  #see(gates) {
    const now = this.#parts.clock.monotonic();
    if (gates === this.#shared) {
      this.#readAt = now;
      return;
    }
    let news = false;
    for (const name2 of gateNames) {
      const before2 = (this.#shared[this.#key(name2)] ?? openGate).state;
      const after2 = (gates[this.#key(name2)] ?? openGate).state;
      if (before2 !== "open" && after2 === "open") this.#openedAt.set(name2, now);
      news ||= before2 !== after2;
    }
    this.#shared = gates;
    this.#sharedIsQuiet = Object.values(gates).every(({ state }) => state === "open");
    this.#readAt = now;
    if (news) this.#parts.changed();
  }
  #log(name2, gate2) {
    const { clock, logger, changed: changed2 } = this.#parts;
    if (gate2.state === "open") {
      this.#openedAt.set(name2, clock.monotonic());
      logger.info({ gate: name2 }, `The account's ${name2} gate is open again`);
    } else if (gate2.state !== "probing") {
      const { state, reason } = gate2;
      const now = clock.now();
      const ms = Math.max(0, gate2.until - now);
      logger.warn(
        { gate: name2, ...reason !== null && { reason }, retryAt: retryField(now, ms) },
        `The account's ${name2} gate is ${state} (${reason}); next try in ${Math.ceil(ms / 1e3)} s`
      );
    }
    changed2();
  }
};

// src/runtime/account/permit.ts
var noTries = /* @__PURE__ */ new Set();
var bringsCode = /* @__PURE__ */ new Set(["created", "code", "lost", "inDoubt"]);
function release(permit2, name2) {
  if (permit2.tries.has(name2)) permit2.tries = new Set([...permit2.tries].filter((other) => other !== name2));
}
function isStated({ type: type2 }) {
  return type2 === "throttled" || type2 === "credentialsRefused";
}
function blockedBy(gate2) {
  return { reason: gate2.reason ?? "unavailable", until: gate2.until, attempt: gate2.attempt };
}

// src/runtime/options/backoff.ts
var second = 1e3;
var minute = 60 * second;
var hour = 60 * minute;
var afterTrouble = { firstMs: second, longestMs: 5 * minute };
var whileLeaving = { firstMs: second / 4, longestMs: 2 * second };
var afterThrottling = { firstMs: minute, longestMs: hour };
var afterNamedThrottling = { firstMs: second, longestMs: hour };
var longestThrottlingMs = 24 * hour;
var afterRefusedCredentials = { firstMs: minute, longestMs: hour };
var afterForbidden = { firstMs: 5 * minute, longestMs: hour };
var afterSpentCodes = { firstMs: minute, longestMs: 6 * hour };
var afterOddAnswer = { firstMs: minute, longestMs: 6 * hour };
var afterShortGrant = { firstMs: minute / 2, longestMs: 5 * minute };
var shortRefreshableMs = minute / 4;
function untilRenewedMs(lifeMs, isRefreshable, grants) {
  if (grants === 0 || isRefreshable && lifeMs >= shortRefreshableMs) return 0;
  const ms = doubling(afterShortGrant, grants);
  return ms > lifeMs / 2 ? ms : 0;
}
var betweenPurges = { firstMs: second, longestMs: minute / 2 };
var codeRegistersMs = second;
function doubling({ firstMs, longestMs: longestMs2 }, attempt) {
  return Math.min(longestMs2, firstMs * 2 ** Math.min(30, Math.max(0, attempt - 1)));
}
function fullJitter(backoff, attempt, random) {
  return Math.round(doubling(backoff, attempt) * random);
}
function halfJitter(backoff, attempt, random) {
  const ms = doubling(backoff, attempt) / 2;
  return Math.round(ms + ms * random);
}
function beforeNextCode(spent) {
  return spent < 2 ? 0 : doubling(afterSpentCodes, spent - 1);
}
var longestPollMs = 3e4;
function lookAfter(waitedMs, firstMs) {
  return Math.max(firstMs, Math.min(longestPollMs, waitedMs / 20));
}

// src/runtime/account/gate-rules.ts
var backoffs = {
  management: afterThrottling,
  token: afterThrottling,
  fhir: afterThrottling,
  exchange: afterTrouble,
  secret: afterRefusedCredentials,
  region: afterForbidden
};
function reasonOf(name2) {
  switch (name2) {
    case "management":
    case "token":
    case "fhir":
      return "throttled";
    case "exchange":
      return "unavailable";
    case "secret":
      return "credentials";
    case "region":
      return "forbidden";
  }
}
function neutralFor(call2) {
  if (call2 === "fhir" || call2 === "purge" || call2 === "any") return null;
  return call2 === "exchangeCode" || call2 === "refreshToken" ? "token" : "management";
}
function shutBy(call2, outcome) {
  switch (outcome) {
    case "throttled":
      if (call2 === "fhir" || call2 === "purge") return "fhir";
      return call2 === "exchangeCode" || call2 === "refreshToken" ? "token" : "management";
    case "credentialsRefused":
      return call2 === "fhir" || call2 === "purge" ? null : "secret";
    case "notSent":
    case "lost":
    case "inDoubt":
      return call2 === "exchangeCode" ? "exchange" : null;
    default:
      return null;
  }
}
function shutForMs(name2, { attempt, retryAfterMs: retryAfterMs2, isUnanswered, windowMs }) {
  if (retryAfterMs2 !== void 0 && !Number.isNaN(retryAfterMs2)) {
    const leastMs = Math.min(doubling(afterNamedThrottling, attempt), windowMs);
    return Math.min(Math.max(retryAfterMs2, leastMs), longestThrottlingMs);
  }
  if (!isThrottling(name2)) return doubling(backoffs[name2], attempt);
  return Math.min(doubling(isUnanswered ? afterTrouble : backoffs[name2], attempt), windowMs);
}
function throttledAloneMs(attempt, retryAfterMs2) {
  const ownMs = 2 * doubling(afterThrottling, attempt);
  const named = { attempt, retryAfterMs: retryAfterMs2, isUnanswered: false, windowMs: ownMs };
  return Math.max(ownMs, shutForMs("token", named));
}
function isThrottling(name2) {
  return name2 === "management" || name2 === "token" || name2 === "fhir";
}

// src/runtime/account/holding.ts
var Holding = class {
  #parts;
  /** How often in a row this process could send nothing and held itself back. */
  #unsent = 0;
  constructor(parts) {
    this.#parts = parts;
  }
  /** Something was sent. */
  sent() {
    this.#unsent = 0;
  }
  /** Handles an outcome that shuts the gate. */
  async shut(name2, outcome, permit2) {
    const { board, secretKey } = this.#parts;
    const tries = permit2.tries.has(name2);
    const gate2 = isStated(outcome) && !tries ? board.shared(name2) : board.gate(name2);
    release(permit2, name2);
    if (name2 === "secret" && permit2.secret !== secretKey()) return;
    if (!tries && gate2.state === "open" && permit2.enteredAt < board.openedAt(name2)) return;
    if (!tries && gate2.state !== "open") return this.#extend(name2, outcome);
    await this.#hold(name2, gate2, permit2, reasonOf(name2), outcome);
  }
  /** The permit ends without a call: another one may probe. */
  async leave(permit2) {
    for (const name2 of permit2.tries) await this.giveUp(name2, permit2);
    permit2.tries = noTries;
    permit2.probeCodeAt = void 0;
  }
  /** Another permit may probe, but not at once if another code was spent, which all processes must know. */
  async giveUp(name2, permit2) {
    const { board, clock, nameOf: nameOf4 } = this.#parts;
    if (name2 === "exchange" && permit2.probeCodeAt !== void 0) return this.again(name2, permit2);
    await board.change(name2, { type: "LEFT", at: clock.now(), by: nameOf4(permit2) });
  }
  /** The probe was inconclusive: the gate stays shut for longer. */
  async again(name2, permit2, outcome) {
    const gate2 = this.#parts.board.gate(name2);
    if (gate2.probe !== this.#parts.nameOf(permit2)) return;
    await this.#hold(name2, gate2, permit2, gate2.reason ?? reasonOf(name2), outcome);
  }
  async #hold(name2, gate2, permit2, reason, outcome) {
    const { board, clock, nameOf: nameOf4 } = this.#parts;
    const at = clock.now();
    const type2 = reason === "credentials" || reason === "forbidden" ? "REFUSED" : "HELD";
    if (outcome?.type === "notSent" && permit2.probeCodeAt === void 0) {
      const until2 = at + doubling(afterTrouble, ++this.#unsent);
      return board.holdBack(name2, { type: type2, at, reason, until: until2 }, nameOf4(permit2));
    }
    const until = at + this.#waitMs(name2, gate2.attempt + 1, outcome);
    const held2 = { type: type2, at, reason, until, probeCodeAt: permit2.probeCodeAt };
    await board.change(name2, held2, outcome !== void 0 && isStated(outcome) ? "shared" : void 0);
    if (outcome !== void 0 && board.gate(name2).until < until) await this.#extend(name2, outcome);
  }
  /** A call sent before the gate was shut got a `Retry-After`: the later time counts. */
  async #extend(name2, outcome) {
    if (outcome.retryAfterMs === void 0) return;
    const { board, clock } = this.#parts;
    const at = clock.now();
    await board.change(name2, { type: "TOLD", at, until: at + this.#waitMs(name2, 1, outcome) }, "shared");
  }
  #waitMs(name2, attempt, outcome) {
    const isUnanswered = outcome?.type === "lost";
    const { windowMs } = this.#parts;
    const ms = shutForMs(name2, { attempt, isUnanswered, windowMs, retryAfterMs: outcome?.retryAfterMs });
    return Math.min(ms, outcome?.mostMs ?? Infinity);
  }
};

// src/runtime/account/blocking.ts
var betweenNeutralMs = 3e5;
var afterNotSentMs = 6e4;
var answerMs3 = 1e4;
var leastWaitMs2 = 1e3;
var many = 3;
var silent2 = /* @__PURE__ */ new Set([
  "blocked",
  "unexplained",
  "inDoubt",
  "lost",
  "notSent",
  "notAsked"
]);
function cameThrough(outcome) {
  return !silent2.has(outcome) && outcome !== "credentialsRefused";
}
var Blocking = class {
  #clock;
  #neutral;
  /** When the next neutral call may be sent, on `clock.monotonic()`. */
  #freeAt = Number.NEGATIVE_INFINITY;
  /** The outcome of the last one, unless a call has succeeded since. */
  #met = null;
  /** When a call last succeeded, on `clock.monotonic()`. */
  #throughAt = Number.NEGATIVE_INFINITY;
  #asking = null;
  /** The users that were blocked since a call last succeeded. */
  #stopped = /* @__PURE__ */ new Set();
  constructor(clock, neutral) {
    this.#clock = clock;
    this.#neutral = neutral;
  }
  /** When the next neutral call may be sent, in ms; 0: now. */
  get freeInMs() {
    return Math.max(0, this.#freeAt - this.#clock.monotonic());
  }
  /** Whether a neutral call is under way. */
  get isAsking() {
    return this.#asking !== null;
  }
  /** Whether a call has succeeded lately: within the time between two neutral calls. */
  get isReached() {
    return this.#clock.monotonic() - this.#throughAt <= betweenNeutralMs;
  }
  /** A call succeeded. */
  through() {
    this.#throughAt = this.#clock.monotonic();
    if (this.#stopped.size > 0) this.#stopped.clear();
    this.#met = null;
  }
  /** Determines the scope of this outcome of a call for `who`. */
  async judge(who, outcome) {
    this.#stopped.add(who);
    const isAsked = this.#asking !== null || this.freeInMs === 0;
    const met = isAsked ? await this.ask() : this.#met;
    if (met === outcome) return "process";
    if (isAsked && met !== null && !silent2.has(met)) return "user";
    return this.#stopped.size < many ? "few" : "many";
  }
  /** The outcome of a neutral call; concurrent callers share one. Never rejects. */
  ask() {
    this.#asking ??= this.#ask().finally(() => this.#asking = null);
    return this.#asking;
  }
  async #ask() {
    const before2 = this.#freeAt;
    this.#freeAt = this.#clock.monotonic() + betweenNeutralMs;
    const outcome = await inTime(this.#clock, answerMs3, this.#neutral, tooLate).catch(
      () => lost
    );
    const until = this.#clock.monotonic();
    this.#freeAt = until + (outcome.type === "notSent" ? afterNotSentMs : betweenNeutralMs);
    if (outcome.retryInMs !== void 0) {
      const waitMs2 = Math.min(Math.max(outcome.retryInMs, leastWaitMs2), betweenNeutralMs);
      this.#freeAt = Math.max(before2, until + waitMs2);
      return outcome.type;
    }
    if (cameThrough(outcome.type)) this.through();
    else this.#met = outcome.type;
    return outcome.type;
  }
};
var lost = { type: "lost" };
function tooLate() {
  return new Error(`no answer to a neutral call within ${answerMs3} ms`);
}

// src/runtime/account/outage.ts
var reachedForMs = 3 * betweenNeutralMs;
var suspectedMs = 1e4;
var codeAgainMs2 = 3e5;
var many2 = 3;
var contradictedMs = 3e4;
var Outage = class {
  #clock;
  #neutral;
  /** Users whose exchange was not answered since one was. */
  #row = /* @__PURE__ */ new Set();
  /** Whether the last neutral call was answered, and when, on `clock.monotonic()`; `null`: it no longer counts. */
  #met = null;
  /** The neutral call fails although exchanges are answered. */
  #isMute = false;
  /** `neutral`: makes a neutral call to the token endpoint; `notAsked`: none may be sent now. */
  constructor(clock, neutral) {
    this.#clock = clock;
    this.#neutral = neutral;
  }
  /** Whether the user of this permit may be at fault for the shut gate, so that others should probe it first. */
  isSuspect({ hasFailed }) {
    return hasFailed && this.#isReached;
  }
  /** The token endpoint was reached lately, although users' exchanges were not answered. */
  get #isReached() {
    return this.#met?.isUp === true && this.#clock.monotonic() - this.#met.at <= reachedForMs;
  }
  /** Reports the outcome of an exchange. True: it was not answered, and that concerns its user only. */
  async isAlone({ type: type2 }, permit2) {
    if (type2 === "tokens" || type2 === "grantRefused") this.#answered();
    if (type2 !== "lost" && type2 !== "inDoubt") return false;
    if (!permit2.hasFailed) this.#row.add(permit2.about ?? permit2.number);
    await this.#ask();
    if (permit2.tries.has("exchange")) return false;
    const isDown = this.#met?.isUp === false && !this.#isMute;
    return !isDown && this.#row.size < many2;
  }
  /** How long a failed probe may keep the gate shut at most, ms: the user that probes it may be at fault. */
  mostMs(permit2) {
    return this.isSuspect(permit2) ? suspectedMs : Infinity;
  }
  /** The gate for users without a code: where the endpoint was reached, an earlier one's code counts for minutes only. */
  seen(gate2, now) {
    const isOver = gate2.probeCodeAt !== null && now - gate2.probeCodeAt >= codeAgainMs2 && this.#isReached;
    return isOver ? { ...gate2, probeCodeAt: null } : gate2;
  }
  #answered() {
    const { isUp = true, at = 0 } = this.#met ?? {};
    this.#row.clear();
    if (isUp) return;
    this.#isMute ||= this.#clock.monotonic() - at < contradictedMs;
    this.#met = null;
  }
  async #ask() {
    const met = await this.#neutral();
    const isUp = cameThrough(met);
    if (!isUp && met !== "lost" && met !== "inDoubt") return;
    this.#met = { isUp, at: this.#clock.monotonic() };
    if (isUp) this.#isMute = false;
  }
};

// src/runtime/account/probing.ts
var Probing = class {
  #parts;
  /** The permit for which a neutral call probes a gate. */
  #neutralFor = /* @__PURE__ */ new Map();
  constructor(parts) {
    this.#parts = parts;
  }
  /** From when on the shut gate may be probed for `call`. */
  opensAt(name2, call2) {
    const { board, clock, outage, region } = this.#parts;
    const neutralInMs = name2 === "region" ? region.triesInMs : null;
    if (neutralInMs !== null) return clock.now() + neutralInMs;
    return triesAt(name2, outage.seen(board.gate(name2), clock.now()), call2);
  }
  /** Probes the gate with this permit, if its time has come. `null`: the call may be sent. */
  async try(name2, call2, permit2) {
    const { board, clock, credentials, outage, region } = this.#parts;
    const neutralInMs = name2 === "region" ? region.triesInMs : null;
    if (name2 === "secret") await credentials.renew(false);
    const gate2 = board.gate(name2);
    const now = clock.now();
    if (gate2.state === "open") return null;
    if (neutralInMs !== null) return { ...blockedBy(gate2), until: now + Math.max(1, neutralInMs) };
    if (!mayTry(name2, outage.seen(gate2, now), call2, now)) return blockedBy(gate2);
    const isWary = name2 === "exchange" ? outage.isSuspect(permit2) : permit2.isAgain && isThrottling(name2);
    const yieldedAt = isWary ? yieldsUntil(name2, gate2) : now;
    if (now < yieldedAt) return { ...blockedBy(gate2), until: yieldedAt, yields: true };
    if (!await this.#probe(name2, permit2))
      return board.gate(name2).state === "open" ? null : blockedBy(board.gate(name2));
    return isWary && (name2 === "management" || name2 === "token") ? this.#tryNeutrally(name2, permit2) : null;
  }
  /** Becomes the probe of the gate, unless there is another one. */
  async #probe(name2, permit2) {
    const { board, clock, lostMs, nameOf: nameOf4 } = this.#parts;
    const at = clock.now();
    const by = nameOf4(permit2);
    const probe = { type: "PROBE", at, by, until: at + lostMs };
    if ((await board.change(name2, probe)).probe !== by) return false;
    permit2.tries = /* @__PURE__ */ new Set([...permit2.tries, name2]);
    return true;
  }
  /**
   * A 429 may have concerned only the user of this permit, and no other user came to probe the gate: a call without a
   * user's id goes first, if one may be sent. `null`: the gate is open, or the user's own call may probe it.
   */
  async #tryNeutrally(name2, permit2) {
    const { board, holding, region } = this.#parts;
    this.#neutralFor.set(name2, permit2);
    const met = await region.ask(name2).finally(() => this.#neutralFor.delete(name2));
    if (met === "throttled" && permit2.tries.has(name2)) await holding.shut(name2, { type: met }, permit2);
    const gate2 = board.gate(name2);
    if (!permit2.tries.has(name2)) return gate2.state === "open" ? null : blockedBy(gate2);
    if (cameThrough(met)) await this.opened(name2, permit2);
    return null;
  }
  /** Makes a call without a user's id; what its outcome shows about the account counts like that of any other call. */
  async askNeutral(endpoint2) {
    const { board, clock, credentials, holding, neutral, permitFor } = this.#parts;
    await credentials.renew(false);
    const given2 = this.#neutralFor.get(endpoint2);
    const permit2 = given2 ?? permitFor();
    if (given2 === void 0 && board.gate(endpoint2).until <= clock.now()) await this.#probe(endpoint2, permit2);
    const outcome = await neutral(endpoint2, permit2);
    const shut = shutBy(endpoint2 === "management" ? "listUsers" : "refreshToken", outcome.type);
    if (shut !== null) await holding.shut(shut, outcome, permit2);
    if (given2 !== void 0) return outcome;
    if (permit2.tries.has(endpoint2) && cameThrough(outcome.type)) await this.opened(endpoint2, permit2);
    await holding.leave(permit2);
    return outcome;
  }
  /** The gate that this permit probes is open again. */
  async opened(name2, permit2) {
    const { board, clock } = this.#parts;
    release(permit2, name2);
    await board.change(name2, { type: "ANSWERED", at: clock.now() });
  }
};

// src/runtime/account/region.ts
var mostUsers = 1e3;
var Region = class {
  #parts;
  #blocking;
  #apart = /* @__PURE__ */ new Set();
  /** The users whose last answer here was a 429. */
  #throttled = /* @__PURE__ */ new Set();
  /** The endpoint of the blocked neutral call that shut the gate. */
  #at = "management";
  #trying = null;
  constructor(parts) {
    this.#parts = parts;
    this.#blocking = {
      management: new Blocking(parts.clock, () => parts.neutral("management")),
      token: new Blocking(parts.clock, () => parts.neutral("token"))
    };
  }
  /** How many users had their call blocked at this process's last attempt while others succeeded. */
  get apart() {
    return this.#apart.size;
  }
  /** Reports the outcome of a call that was not blocked. */
  recordOutcome(endpoint2, about, outcome) {
    if (!cameThrough(outcome)) return;
    this.#blocking[endpoint2].through();
    if (this.#apart.size > 0) this.#apart.delete(about);
    if (outcome === "throttled") keep(this.#throttled, about);
    else if (this.#throttled.size > 0) this.#throttled.delete(about);
  }
  /**
   * Reports a call that was blocked, or refused for its credentials. True: it concerns this user only. Otherwise this
   * method shuts the gate if the process is blocked; the caller shuts the gate of the secret.
   */
  async stopped({ endpoint: endpoint2, about, outcome, tries, leftAt }) {
    const { board, clock } = this.#parts;
    const whose = await this.#judge(endpoint2, about, outcome);
    const at = clock.now();
    const gate2 = board.gate("region");
    const isSlowed = gate2.state !== "open" && gate2.reason !== "forbidden";
    if (whose === "process") {
      if (isSlowed) await board.change("region", { type: "REOPEN", at });
      const isNews2 = gate2.state !== "open" || leftAt >= board.openedAt("region");
      if (outcome === "blocked" && isNews2 && !this.#isShut) {
        this.#at = endpoint2;
        await this.#shut(0);
      }
      return false;
    }
    keep(this.#apart, about);
    if (whose === "user") {
      if (isSlowed) await board.change("region", { type: "REOPEN", at });
    } else if (tries || whose === "many" && gate2.state === "open") {
      const until = at + doubling(afterTrouble, gate2.attempt + 1);
      await board.change("region", { type: "HELD", at, reason: "unavailable", until });
    }
    return true;
  }
  /**
   * A call was postponed again by a response that normally concerns the whole account. True: it concerns this user
   * only, because a neutral call succeeded, or none may be sent now and the calls of others succeeded.
   */
  async isAlone(endpoint2, about, outcome) {
    const whose = await this.#judge(endpoint2, about, outcome);
    const isLikely = whose === "few" && outcome === "throttled" && this.#blocking[endpoint2].isReached;
    const isOwn2 = whose === "user" || isLikely;
    if (isOwn2) keep(this.#apart, about);
    return isOwn2;
  }
  /**
   * The token endpoint may validate a request before it authenticates the client, so its response to an exchange
   * without a code does not show that the client is accepted. User management requires the same credentials, and its
   * neutral call shows it.
   */
  #judge(endpoint2, about, outcome) {
    const asked2 = outcome === "credentialsRefused" ? "management" : endpoint2;
    return this.#blocking[asked2].judge(about, outcome);
  }
  /** Whether the last answer that this process received for this user was a 429. */
  wasThrottled(about) {
    return this.#throttled.has(about);
  }
  /** The outcome of a neutral call sent now; `notAsked`: none may be sent. Never rejects. */
  async ask(endpoint2) {
    const blocking = this.#blocking[endpoint2];
    return blocking.isAsking || blocking.freeInMs === 0 ? blocking.ask() : "notAsked";
  }
  /** An operator states that all is in order: earlier outcomes no longer count. */
  reopened() {
    for (const blocking of Object.values(this.#blocking)) blocking.through();
    this.#apart.clear();
  }
  /** If the gate is shut and its time has come, a neutral call probes it; concurrent callers share one. Never rejects. */
  async tryAgain() {
    if (!this.#isShut) return;
    this.#trying ??= this.#try().finally(() => this.#trying = null);
    await this.#trying;
  }
  /** When a neutral call may probe the gate, in ms; `null`: it is not shut. */
  get triesInMs() {
    if (!this.#isShut) return null;
    const { until } = this.#parts.board.gate("region");
    return Math.max(0, until - this.#parts.clock.now(), this.#blocking[this.#at].freeInMs);
  }
  get #isShut() {
    const { state, reason } = this.#parts.board.gate("region");
    return state !== "open" && reason === "forbidden";
  }
  async #try() {
    if (this.triesInMs !== 0) return;
    const { board, by, clock, lostMs } = this.#parts;
    const { attempt } = board.gate("region");
    const at = clock.now();
    await board.change("region", { type: "PROBE", at, by, until: at + lostMs });
    const met = await this.#blocking[this.#at].ask();
    if (met === "blocked") return this.#shut(attempt);
    const type2 = met === "credentialsRefused" || cameThrough(met) ? "ANSWERED" : "LEFT";
    await board.change("region", { type: type2, at: clock.now(), by });
  }
  async #shut(attempt) {
    const { board, clock } = this.#parts;
    const at = clock.now();
    const until = at + doubling(afterForbidden, attempt + 1);
    await board.change("region", { type: "REFUSED", at, reason: "forbidden", until });
  }
};
function keep(users3, about) {
  users3.add(about);
  for (const oldest of users3) {
    if (users3.size <= mostUsers) break;
    users3.delete(oldest);
  }
}

// src/runtime/account/account.ts
var tooStaleMs = 5e3;
var Account = class {
  #parts;
  #board;
  #credentials;
  #region;
  #holding;
  #outage;
  #probing;
  /** Permits are many, and their names must differ between processes: one random name and a number. */
  #name;
  #permits = 0;
  constructor(parts) {
    this.#parts = parts;
    this.#name = randomName(parts.clock);
    this.#credentials = new CredentialsInUse(parts);
    this.#board = new SharedGates({ ...parts, secretKey: () => this.#credentials.key });
    const neutral = (endpoint2) => this.#probing.askNeutral(endpoint2);
    this.#region = new Region({ ...parts, board: this.#board, by: this.#name, neutral });
    this.#outage = new Outage(parts.clock, () => this.#region.ask("token"));
    const [nameOf4, secretKey] = [(one) => this.#nameOf(one), () => this.#credentials.key];
    this.#holding = new Holding({ ...parts, board: this.#board, nameOf: nameOf4, secretKey });
    this.#probing = new Probing({
      ...parts,
      board: this.#board,
      credentials: this.#credentials,
      region: this.#region,
      outage: this.#outage,
      holding: this.#holding,
      nameOf: nameOf4,
      permitFor: () => this.permitFor()
    });
  }
  /** Have the credentials been replaced since this permit was given? */
  isOutdated({ secret: secret2 }) {
    return secret2 !== this.#credentials.key;
  }
  #nameOf({ number: number2 }) {
    return `${this.#name}/${number2}`;
  }
  /** The credentials that calls use now. */
  get credentials() {
    return this.#credentials.current;
  }
  /** Whether no gate is shut, as far as this process has seen. */
  get isQuiet() {
    return this.#board.isQuiet;
  }
  /** {@link Region.apart} */
  get apart() {
    return this.#region.apart;
  }
  /** Creates a permit for one run, which calls for one user, or for no particular user. */
  permitFor(about = null) {
    return {
      number: ++this.#permits,
      about,
      tries: noTries,
      enteredAt: this.#parts.clock.monotonic(),
      probeCodeAt: void 0,
      granted: null,
      exchangeSlot: null,
      secret: this.#credentials.key,
      isAgain: false,
      hasFailed: false
    };
  }
  /** All gates, as last seen. */
  gates() {
    return this.#board.all();
  }
  /** The gate that blocks `call`, as last seen; `null` = none, or the call may probe it. */
  blocked(call2) {
    const now = this.#parts.clock.now();
    let highest = null;
    for (const name2 of this.#board.isQuiet ? [] : gatesBefore[call2]) {
      const gate2 = this.#board.gate(name2);
      const opensAt = this.#probing.opensAt(name2, call2);
      if (gate2.state === "open" || now >= opensAt) continue;
      const until = name2 === "region" ? opensAt : gate2.until;
      if (highest === null || until > highest.until) highest = { ...blockedBy(gate2), until };
    }
    return highest;
  }
  /** Reads what other processes have written, if the last read is older than `ms`. Never rejects. */
  refresh(ms = staleMs) {
    return this.#board.refresh(ms);
  }
  /** `open`: all gates of `call` are open; `try`: one must be probed, by a single user; `shut`: not now. */
  standing(call2) {
    if (this.blocked(call2) !== null) return "shut";
    return gatesBefore[call2].every((name2) => this.#board.gate(name2).state === "open") ? "open" : "try";
  }
  /** When `call` may be sent, or may probe, as last seen, in ms; 0: now. */
  opensInMs(call2) {
    const names4 = this.#board.isQuiet ? [] : gatesBefore[call2];
    const shut = names4.filter((name2) => this.#board.gate(name2).state !== "open");
    return Math.max(0, ...shut.map((name2) => this.#probing.opensAt(name2, call2) - this.#parts.clock.now()));
  }
  /**
   * {@link blocked}, after reading the store, asking for credentials if they are refused, and probing `region` if due.
   */
  async recheck(call2) {
    await this.refresh();
    this.#parts.refuseLost();
    if (gatesBefore[call2].includes("region")) await this.#region.tryAgain();
    if (this.#board.gate("secret").state !== "open") await this.#credentials.renew(false);
    return this.blocked(call2);
  }
  /**
   * Asks whether `call` may be sent now. If a gate is shut and its time has come, this permit becomes its probe. `null`
   * = it may; the caller must then report the outcome with {@link recordOutcome}, or call {@link leave}.
   * @throws {LifecycleError} `STORE_UNUSABLE` once the store is known to be emptied or replaced
   */
  async enter(call2, permit2) {
    if (this.#board.ageMs > tooStaleMs) await this.refresh();
    else if (this.#board.ageMs > staleMs) void this.refresh();
    this.#parts.refuseLost();
    for (const name2 of this.#board.isQuiet ? [] : gatesBefore[call2]) {
      if (name2 === "region") await this.#region.tryAgain();
      const gate2 = this.#board.gate(name2);
      if (gate2.state === "open" || permit2.tries.has(name2) && gate2.probe === this.#nameOf(permit2)) continue;
      release(permit2, name2);
      if (gate2.reason === "rateLimit" && permit2.exchangeSlot !== null) continue;
      const blocked = await this.#probing.try(name2, call2, permit2);
      if (blocked === null) continue;
      await this.leave(permit2);
      return blocked;
    }
    permit2.enteredAt = this.#parts.clock.monotonic();
    permit2.secret = this.#credentials.key;
    return null;
  }
  /** The secret was refused when this process last presented it: another process may have a valid one, and goes first. */
  isDoubted = false;
  /** Reports the outcome of a call that {@link enter} admitted; resolves with the scope of the failure. */
  async recordOutcome(call2, outcome, permit2) {
    if (outcome.type !== "notSent") this.#holding.sent();
    if (await this.#isOwn(call2, outcome, permit2)) return "own";
    const isAlone = call2 === "exchangeCode" && await this.#outage.isAlone(outcome, permit2);
    const shut = isAlone ? null : shutBy(call2, outcome.type);
    const limited2 = shut === "exchange" ? { ...outcome, mostMs: this.#outage.mostMs(permit2) } : outcome;
    if (shut !== null || permit2.tries.size > 0) await this.#concluded(call2, limited2, permit2, shut);
    return "shared";
  }
  /**
   * A blocked or refused call first counts against its user only, until a call without a user's id fails the same way. A
   * first 429 holds back all users; one that is repeated after others succeeded counts against its user as well.
   */
  async #isOwn(call2, outcome, permit2) {
    const endpoint2 = neutralFor(call2);
    if (endpoint2 === null) return false;
    const about = permit2.about ?? permit2.number;
    const { type: type2 } = outcome;
    const isAgain = permit2.tries.size === 0 && this.#region.wasThrottled(about);
    if (type2 === "throttled" && isAgain) return this.#region.isAlone(endpoint2, about, type2);
    const triesSecret = type2 === "credentialsRefused" && permit2.tries.has("secret");
    if (triesSecret && await this.#region.isAlone(endpoint2, about, type2)) {
      if (permit2.secret === this.#credentials.key) await this.#probing.opened("secret", permit2);
      await this.leave(permit2);
      return permit2.secret === this.#credentials.key;
    }
    if (triesSecret || type2 !== "blocked" && type2 !== "credentialsRefused") {
      this.#region.recordOutcome(endpoint2, about, type2);
      return false;
    }
    const met = { endpoint: endpoint2, about, outcome: type2, tries: permit2.tries.has("region") };
    release(permit2, "region");
    const isOwn2 = await this.#region.stopped({ ...met, leftAt: permit2.enteredAt });
    if (type2 === "blocked" || isOwn2) await this.leave(permit2);
    return isOwn2 && permit2.secret === this.#credentials.key;
  }
  async #concluded(call2, outcome, permit2, shut) {
    if (shut !== null) await this.#holding.shut(shut, outcome, permit2);
    const isUnsent = outcome.type === "notSent";
    const undecided = isUnsent || outcome.type === "lost" || outcome.type === "inDoubt";
    if (isUnsent && [...permit2.tries].some((name2) => comesLater(name2, call2))) permit2.probeCodeAt = void 0;
    for (const name2 of permit2.tries) {
      if (comesLater(name2, call2) && !isUnsent) {
        if (name2 === "exchange" && bringsCode.has(outcome.type))
          permit2.probeCodeAt ??= this.#parts.clock.now();
        continue;
      }
      release(permit2, name2);
      const isThrottledNoMore = outcome.type === "inDoubt" && isThrottling(name2);
      if (isThrottledNoMore || shut === null && !undecided) {
        await this.#probing.opened(name2, permit2);
      } else if (undecided) await this.#holding.again(name2, permit2, outcome);
      else await this.#holding.giveUp(name2, permit2);
    }
    if (permit2.tries.size === 0) permit2.probeCodeAt = void 0;
  }
  /** The configured limit of the token endpoint is reached: this process sends no call to it for `ms`. */
  async full(ms) {
    const at = this.#parts.clock.now();
    const held2 = { type: "HELD", at, reason: "rateLimit", until: at + ms };
    return blockedBy(await this.#board.change("token", held2, "own"));
  }
  /** The permit ends without a call: another one may probe. */
  leave(permit2) {
    return this.#holding.leave(permit2);
  }
  /**
   * The probing exchange of this permit got no response for the second time. True: it may request one more code to find
   * out whether the code or the endpoint is at fault; at most one per hour and account.
   */
  spendCode(permit2) {
    const now = this.#parts.clock.now();
    if (!permit2.tries.has("exchange") || permit2.probeCodeAt !== void 0) return false;
    if (!maySpendCode(this.#board.gate("exchange").probeCodeAt, now)) return false;
    permit2.probeCodeAt = now;
    return true;
  }
  /** Other credentials, if the source has any, after a call with these was refused, which proves nothing about them. */
  async other(refused9) {
    const key3 = this.#credentials.keyOf(refused9);
    if (key3 === this.#credentials.key) await this.#credentials.renew(false);
    return key3 === this.#credentials.key ? null : this.#credentials.current;
  }
  /**
   * Opens every gate and asks for credentials again: an operator states that the account is in order.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   */
  async reopen() {
    await this.#parts.record.load();
    await this.refresh(0);
    await this.#credentials.renew(true);
    this.#region.reopened();
    for (const name2 of gateNames) {
      await this.#board.change(name2, { type: "REOPEN", at: this.#parts.clock.now() });
    }
  }
};

// src/runtime/account/checked-store.ts
var answerMs4 = 5e3;
var opensMs = 6e4;
var doubtfulMs = 1e3;
async function openChecked(adapter, account, clock) {
  const within3 = boundedCalls(adapter);
  const opened3 = await within3("open", opensMs, () => adapter.open({ account, clock }));
  if (typeof opened3 !== "object" || opened3 === null) {
    throw new LifecycleError(
      "STORE_UNUSABLE",
      `Cannot use the ${adapter.name} store: open() must resolve with a store, not ${String(opened3)}`
    );
  }
  return checked(opened3, clock, (verb8, ask2) => within3(verb8, answerMs4, ask2));
}
function boundedCalls({ name: name2, timeoutMs }) {
  return (verb8, ms, ask2) => {
    const failed2 = (why, cause) => new LifecycleError("STORE_UNAVAILABLE", `Cannot use the ${name2} store: ${verb8}() ${why}`, {
      retryable: true,
      cause
    });
    const asked2 = async () => {
      try {
        return await ask2();
      } catch (error) {
        if (isLifecycleError(error)) throw error;
        const cause = underneath(error);
        const words4 = verb8 === "open" ? `${inWords(error)}: ${cause.message}` : inWords(error);
        throw failed2(`failed with ${words4}`, cause);
      }
    };
    if (timeoutMs !== void 0) return asked2();
    return inTime(systemClock, ms, asked2, () => failed2(`did not answer within ${ms} ms`));
  };
}
function checked(opened3, clock, ask2) {
  const { slots, account: record } = opened3;
  let lost2 = null;
  let hasRecord = false;
  let identity;
  let written5;
  let seenAt = Number.NEGATIVE_INFINITY;
  let looking = null;
  const refuseLost = () => {
    if (lost2 !== null) throw lost2;
  };
  async function call2(verb8, question) {
    refuseLost();
    try {
      return await ask2(verb8, question);
    } catch (error) {
      if (isLostStore(error)) lost2 ??= error;
      throw lost2 ?? error;
    }
  }
  function see(found) {
    const isOther = found === null ? hasRecord : isAnother(identity, found.identity) || isAnother(written5, markIn(found));
    if (isOther) lost2 ??= lostStore();
    refuseLost();
    if (found === null) return;
    hasRecord = true;
    identity ??= found.identity;
    written5 ??= markIn(found);
  }
  async function load2() {
    const at = clock.monotonic();
    const found = await call2("account.load", () => record.load());
    see(found);
    seenAt = Math.max(seenAt, at);
    return found;
  }
  async function look2() {
    looking ??= load2().finally(() => looking = null);
    await looking;
  }
  async function write(verb8, asked2, question) {
    if (identity !== void 0) return call2(verb8, () => question({ ...asked2, identity }));
    refuseLost();
    if (hasRecord) await look2();
    return call2(verb8, () => question(asked2));
  }
  async function doubt() {
    if (hasRecord && clock.monotonic() - seenAt > doubtfulMs) await look2();
  }
  const store = {
    async load(id2) {
      const loaded = await call2("load", () => opened3.load(id2));
      if (loaded.type === "absent") await doubt();
      return loaded;
    },
    commit: (commit) => write("commit", commit, (asked2) => opened3.commit(asked2)),
    claim: (claim) => write("claim", claim, (asked2) => opened3.claim(asked2)),
    grant: (grant2) => write("grant", grant2, (asked2) => opened3.grant(asked2)),
    slots: {
      take: (request2) => write("slots.take", request2, (asked2) => slots.take(asked2)),
      settle: (slot) => call2("slots.settle", () => slots.settle(slot)),
      giveBack: (slot) => call2("slots.giveBack", () => slots.giveBack(slot)),
      forecast: (question) => call2("slots.forecast", () => slots.forecast(question))
    },
    move: ({ from, commit }) => write("move", commit, (asked2) => opened3.move({ from, commit: asked2 })),
    erase: (erase2) => write("erase", erase2, (asked2) => opened3.erase(asked2)),
    page: (question) => call2("page", () => opened3.page(question)),
    async counts() {
      const counts = await call2("counts", () => opened3.counts());
      if (Object.keys(counts).length === 0) await doubt();
      return counts;
    },
    account: {
      load: load2,
      async commit(change) {
        const isWritten = await write("account.commit", change, (asked2) => record.commit(asked2));
        hasRecord ||= isWritten;
        return isWritten;
      }
    },
    probe: () => call2("probe", async () => opened3.probe?.()),
    close: () => opened3.close()
  };
  return { store, refuseLost };
}
function isAnother(known3, found) {
  return known3 !== void 0 && found !== void 0 && known3 !== found;
}
function markIn({ value: value2 }) {
  const mark2 = isObject(value2) ? value2["mark"] : void 0;
  return typeof mark2 === "string" ? mark2 : void 0;
}

// src/runtime/options/call-listener.ts
var failures = /* @__PURE__ */ new WeakMap();
function callListener(logger, name2, listener, news) {
  if (listener === void 0) return;
  try {
    watchResult(logger, name2, listener, listener(news));
  } catch (error) {
    report(logger, name2, listener, error);
  }
}
function watchResult(logger, name2, listener, result) {
  if (typeof result !== "object" || result === null || !("then" in result)) return;
  Promise.resolve(result).catch((error) => report(logger, name2, listener, error));
}
function report(logger, name2, listener, error) {
  const counts = failures.get(logger) ?? /* @__PURE__ */ new WeakMap();
  const times2 = (counts.get(listener) ?? 0) + 1;
  failures.set(logger, counts.set(listener, times2));
  if (!/^10*$/.test(String(times2))) return;
  const often = times2 === 1 ? "" : `, for the ${times2}th time`;
  const fields = { listener: name2, error: errorField(error) };
  logger.warn(
    fields,
    `A listener of ${name2} failed${often}: ${inWords(error)}${whereIn(error)}; work continues`
  );
}
function whereIn(error) {
  if (!(error instanceof Error) || typeof error.stack !== "string") return "";
  const place4 = error.stack.split("\n").findLast((line, at, all) => isPlace(line) && !isPlace(all[at - 1] ?? ""));
  return place4 === void 0 ? "" : ` ${place4.trim()}`;
}
function isPlace(line) {
  return /^ +at .*:\d+:\d+\)?$/.test(line);
}
function unbreakable(logger) {
  const quietly = (level) => (fields, message) => {
    try {
      const done = logger[level](fields, message);
      if (done instanceof Promise) done.catch(() => {
      });
    } catch {
    }
  };
  return { debug: quietly("debug"), info: quietly("info"), warn: quietly("warn"), error: quietly("error") };
}

// src/runtime/engine/changes.ts
var soonMs = 36e5;
var Changes = class {
  #clock;
  #call;
  #listeners = /* @__PURE__ */ new Set();
  #followers = /* @__PURE__ */ new Map();
  #waiting = /* @__PURE__ */ new Map();
  #watching = /* @__PURE__ */ new Set();
  #sleepers = /* @__PURE__ */ new Set();
  #news = 0;
  #work = 0;
  constructor(clock, logger) {
    this.#clock = clock;
    this.#call = (listener, user2) => callListener(logger, "subscribe()", listener, user2);
  }
  /** The counters so far. */
  get latest() {
    return { news: this.#news, work: this.#work };
  }
  /** Calls `listener` after every step that this process has made durable, until the returned function is called. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  /** The same for the steps of user `id` alone, without cost for those of others. */
  follow(id2, listener) {
    const followers = this.#followers.get(id2) ?? /* @__PURE__ */ new Set();
    this.#followers.set(id2, followers.add(listener));
    return () => {
      followers.delete(listener);
      if (followers.size === 0 && this.#followers.get(id2) === followers) this.#followers.delete(id2);
    };
  }
  /** A user took a step and keeps running. */
  moved(user2) {
    for (const listener of this.#listeners) this.#call(listener, user2);
    const followers = this.#followers.get(user2.id);
    if (followers !== void 0) for (const follower of followers) this.#call(follower, user2);
  }
  /** A user became idle: it waits in a lane, or is due in `dueInMs` (`null`: never). */
  rested(user2, { dueInMs: dueInMs2, lane }) {
    this.moved(user2);
    const waiting2 = this.#waiting.get(user2.id);
    if (waiting2 !== void 0) for (const wake of waiting2) wake();
    const withinMs = lane !== null ? 0 : dueInMs2 ?? Number.POSITIVE_INFINITY;
    this.#notify(withinMs, (sleeper) => sleeper.lanes || this.#clock.monotonic() + withinMs < sleeper.until);
  }
  /** There may be work now. */
  wakeWorkers() {
    this.#notify(0, () => true);
  }
  #notify(withinMs, isAffected) {
    this.#news++;
    if (withinMs < soonMs) this.#work++;
    for (const wake of this.#watching) wake();
    for (const sleeper of this.#sleepers) if (isAffected(sleeper)) sleeper.wake();
  }
  /** Resolves when user `id` becomes idle in this process, or after `ms`, or when `signal` aborts. Never rejects. */
  ofUser(id2, ms, signal) {
    const waiting2 = this.#waiting.get(id2) ?? /* @__PURE__ */ new Set();
    this.#waiting.set(id2, waiting2);
    return this.#until(waiting2, ms, signal).finally(() => {
      if (waiting2.size === 0) this.#waiting.delete(id2);
    });
  }
  /** Resolves when any user has changed since `since`, or after `ms`, or when `signal` aborts. Never rejects. */
  ofAnyUser(since, ms, signal) {
    return this.#news === since.news ? this.#until(this.#watching, ms, signal) : Promise.resolve();
  }
  /**
   * Resolves when there may be work that was not known at `since`, or after `ms`, or when `signal` aborts. `lanes`:
   * users wait in lanes. Never rejects.
   */
  ofWork(since, ms, lanes2, signal) {
    if (lanes2 ? this.#news !== since.news : this.#work !== since.work) return Promise.resolve();
    const wakes = /* @__PURE__ */ new Set();
    const until = this.#clock.monotonic() + ms;
    const sleeper = { wake: () => wakes.forEach((wake) => wake()), until, lanes: lanes2 };
    this.#sleepers.add(sleeper);
    return this.#until(wakes, ms, signal).finally(() => this.#sleepers.delete(sleeper));
  }
  #until(wakes, ms, signal) {
    return new Promise((resolve4) => {
      if (signal.aborted) return resolve4();
      const done = () => {
        cancel();
        wakes.delete(done);
        unsubscribe();
        resolve4();
      };
      const cancel = this.#clock.timer(ms, done);
      wakes.add(done);
      const unsubscribe = onAbort(signal, done);
    });
  }
};

// src/runtime/engine/engine.ts
function clientOf({ settings: settings2, account }) {
  return { api: settings2.api, auth: settings2.auth, ...account.credentials };
}
function laneOfCalls({ account }, lane = "interactive") {
  return account.standing("createUser") === "open" ? lane : null;
}
function newLease(engine) {
  return { id: randomName(engine.clock), owner: engine.owner, ms: engine.settings.leaseMs };
}
function gathering(nextTurn) {
  let turn = null;
  return () => turn ??= new Promise((resolve4) => {
    nextTurn(() => {
      turn = null;
      resolve4();
    });
  });
}

// src/runtime/account/former-limits.ts
function readFormer(value2) {
  const kept2 = isObject(value2) ? value2["formerLimits"] : void 0;
  if (!isObject(kept2)) return {};
  return Object.fromEntries(
    Object.entries(kept2).flatMap(([name2, former]) => {
      if (!isObject(former)) return [];
      const { calls, windowMs, at } = former;
      const reads = isCount(calls) && typeof windowMs === "number" && windowMs >= 1 && typeof at === "number";
      return reads ? [[name2, { calls, windowMs, at }]] : [];
    })
  );
}
function formerOf(old, next, at, known3) {
  if (next.windowMs <= old.windowMs) return known3;
  const isBusier = known3 !== void 0 && known3.calls / known3.windowMs > old.calls / old.windowMs;
  const isOver = known3 === void 0 || known3.at + old.windowMs <= at;
  const { calls, windowMs } = isBusier && !isOver ? known3 : old;
  return { calls, windowMs, at };
}
function grown(limit3, former, now) {
  if (former === void 0) return limit3;
  const unknownMs = former.at - former.windowMs - (now - limit3.windowMs);
  if (unknownMs <= 0) return limit3;
  const used = former.calls * Math.ceil(unknownMs / former.windowMs);
  return { ...limit3, calls: Math.max(1, limit3.calls - used) };
}

// src/runtime/options/limits.ts
var usualCeiling = { calls: 300, windowMs: 36e5 };
var longestWindowMs = 31 * 24 * 36e5;

// src/runtime/account/limits-in-force.ts
var limitNames = ["management", "token", "fhir"];
function readLimits(value2) {
  const kept2 = isObject(value2) ? value2["limits"] : void 0;
  const of = (name2) => ceilingIn(isObject(kept2) ? kept2[name2] : void 0);
  return { management: of("management"), token: of("token"), fhir: of("fhir") };
}
function ceilingIn(kept2) {
  if (!isObject(kept2)) return null;
  const { calls, windowMs } = kept2;
  const reads = isCount(calls) && calls >= 1 && typeof windowMs === "number";
  return reads && windowMs >= 1 && windowMs <= longestWindowMs ? { calls, windowMs } : null;
}
function withLimits(value2, limits2) {
  const set = limitNames.flatMap((name2) => {
    const { calls, windowMs } = limits2[name2] ?? { calls: 0, windowMs: 0 };
    return calls === 0 ? [] : [[name2, { calls, windowMs }]];
  });
  return { ...isObject(value2) ? value2 : {}, limits: Object.fromEntries(set) };
}
function stricter(one, other) {
  return {
    calls: Math.min(one.calls, other.calls),
    windowMs: Math.max(one.windowMs, other.windowMs)
  };
}
var fewest = 3;
function sharedLimit({ calls, windowMs }, { reserved, recovery, bulk }) {
  const left = Math.min(Math.floor(calls * reserved), calls - 1);
  const rest = calls - left;
  const least = (of) => of === 0 || rest < fewest ? 0 : Math.max(1, Math.floor(rest * of));
  return {
    name: "management",
    calls,
    windowMs,
    reserved: left,
    least: { recovery: least(recovery), bulk: least(bulk) }
  };
}
var LimitsInForce = class _LimitsInForce {
  #parts;
  #configured;
  #recorded = { management: null, token: null, fhir: null };
  #limits;
  /** The former limits, where a window was extended. */
  #former = {};
  #warned = "[]";
  /** The value that was last read: a store may return the same object again. */
  #seenIn = null;
  #hasSeen = false;
  /**
   * Reads the record and adds the limits that are configured here and not recorded yet.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`, because a process that does not know the account's limits cannot
   * respect them
   */
  static async open(parts) {
    const limits2 = new _LimitsInForce(parts);
    try {
      await limits2.#change((recorded) => {
        const missing3 = limitNames.some((name2) => recorded[name2] === null && parts.configured[name2] !== null);
        return missing3 ? filled(recorded, parts.configured) : null;
      });
    } catch (error) {
      if (!limits2.#hasSeen) throw error;
      if (!isLifecycleError(error, "STORE_UNUSABLE"))
        parts.logger.warn(
          { error: errorField(error) },
          `Cannot write the limits into the account's record: ${inWords(error)}`
        );
    }
    return limits2;
  }
  constructor(parts) {
    this.#parts = parts;
    this.#configured = parts.configured;
    this.#limits = this.#settle();
  }
  get management() {
    return this.#now().management;
  }
  get token() {
    return this.#now().token;
  }
  get fhir() {
    return this.#now().fhir;
  }
  /** Where the configuration of this process and the account's record differ. */
  get conflicts() {
    return limitNames.flatMap((limit3) => {
      const [configured, recorded] = [this.#configured[limit3], this.#recorded[limit3]];
      if (configured === null || recorded === null) return [];
      if (configured.calls === recorded.calls && configured.windowMs === recorded.windowMs) return [];
      return [{ limit: limit3, configured, recorded, inForce: stricter(configured, recorded) }];
    });
  }
  /** Applies a read of the account's record. */
  see({ value: value2 }) {
    this.#hasSeen = true;
    if (value2 === this.#seenIn) return;
    this.#seenIn = value2;
    const [recorded, former] = [readLimits(value2), readFormer(value2)];
    if (JSON.stringify([recorded, former]) === JSON.stringify([this.#recorded, this.#former])) return;
    [this.#recorded, this.#former] = [recorded, former];
    this.#limits = this.#settle();
    this.#warn();
  }
  /**
   * Replaces limits in the record; from now on this process applies them instead of its configured ones.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   */
  async set(given2) {
    await this.#change((recorded) => ({ ...recorded, ...given2 }), true);
    const own2 = (name2) => given2[name2] === void 0 ? this.#configured[name2] : null;
    this.#configured = { management: own2("management"), token: own2("token"), fhir: own2("fhir") };
    this.#limits = this.#settle();
    this.#warn();
  }
  /** The limits that apply now: one whose window was extended comes into force gradually. */
  #now() {
    if (Object.keys(this.#former).length > 0) this.#limits = this.#settle();
    return this.#limits;
  }
  async #change(change, replaces = false) {
    const { record, clock } = this.#parts;
    for (; ; ) {
      const found = await record.load();
      if (found === null) return;
      const next = change(readLimits(found.value));
      this.see(found);
      if (next === null) return;
      const limits2 = withLimits(found.value, next);
      const value2 = replaces ? { ...limits2, formerLimits: this.#formerWith(next) } : limits2;
      const write = { value: value2, expectedRevision: found.revision, writeId: randomName(clock) };
      if (!await record.commit(write)) continue;
      return this.see({ value: value2 });
    }
  }
  /** The former limits to record once `next` applies. */
  #formerWith(next) {
    const at = this.#parts.clock.now();
    const all = limitNames.flatMap((name2) => {
      const known3 = this.#former[name2];
      const old = this.#recorded[name2] ?? (name2 === "management" ? usualCeiling : null);
      const ceiling2 = next[name2];
      const former = old === null || ceiling2 === null ? known3 : formerOf(old, ceiling2, at, known3);
      return former === void 0 ? [] : [[name2, { ...former }]];
    });
    return Object.fromEntries(all);
  }
  #settle() {
    const { lanes: lanes2, clock } = this.#parts;
    const of = (name2) => {
      const [configured, recorded] = [this.#configured[name2], this.#recorded[name2]];
      const limit3 = configured === null || recorded === null ? configured ?? recorded : (
        // seam: the-stricter-limit-is-kept-to
        stricter(configured, recorded)
      );
      return limit3 && grown(limit3, this.#former[name2], clock.now());
    };
    const [token3, fhir2] = [of("token"), of("fhir")];
    return {
      management: sharedLimit(of("management") ?? usualCeiling, lanes2),
      token: token3 && { name: "token", ...token3 },
      fhir: fhir2 && { name: "fhir", ...fhir2 }
    };
  }
  #warn() {
    const { conflicts } = this;
    const text3 = JSON.stringify(conflicts);
    if (text3 === this.#warned) return;
    this.#warned = text3;
    for (const { limit: limit3, configured, recorded, inForce } of conflicts) {
      this.#parts.logger.warn(
        { limit: limit3 },
        `The ${limit3} limit of this process is ${words(configured)}, and the account's record holds ${words(recorded)}: it applies ${words(inForce)}; account.setLimits() replaces the record`
      );
    }
  }
};
function filled(recorded, configured) {
  return {
    management: recorded.management ?? configured.management,
    token: recorded.token ?? configured.token,
    fhir: recorded.fhir ?? configured.fhir
  };
}
function words({ calls, windowMs }) {
  return `${calls} calls in ${windowMs / 1e3} s`;
}

// src/runtime/account/origins.ts
var local = "local";
function originsOf({ api, auth }) {
  const of = (url) => isLoopback(new URL(url).hostname) ? local : new URL(url).origin;
  return { api: of(api), auth: of(auth) };
}
function recordOf({ api, auth }) {
  return { origins: { api, auth } };
}
async function holdOrigins({ record, origins, change, clock, logger }) {
  for (; ; ) {
    const found = await record.load();
    if (found === null) return;
    const recorded = readOrigins(found.value);
    const different = ["api", "auth"].find((name2) => recorded?.[name2] !== origins[name2]);
    if (different === void 0) return;
    if (recorded !== null && !change) throw elsewhere(recorded[different], origins[different]);
    const value2 = { ...isObject(found.value) ? found.value : {}, ...recordOf(origins) };
    const write = { value: value2, expectedRevision: found.revision, writeId: randomName(clock) };
    try {
      if (await record.commit(write)) return;
    } catch (error) {
      if (change) throw error;
      const message = `Cannot write the origins into the account's record: ${inWords(error)}`;
      logger.warn({ error: errorField(error) }, message);
      return;
    }
  }
}
function readOrigins(value2) {
  const kept2 = isObject(value2) ? value2["origins"] : void 0;
  if (!isObject(kept2)) return null;
  const { api, auth } = kept2;
  return typeof api === "string" && typeof auth === "string" ? { api, auth } : null;
}
function elsewhere(recorded, given2) {
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot open the store: its users belong to ${inFull(recorded)}, and calls would go to ${inFull(given2)}; changeOrigin: true moves the store there; nothing was changed`,
    { facts: { recorded, given: given2 } }
  );
}
function inFull(origin) {
  return origin === local ? `${local} (a loopback address)` : origin;
}

// src/http/json.ts
function parseJson(text3) {
  try {
    return JSON.parse(text3.charCodeAt(0) === 65279 ? text3.slice(1) : text3);
  } catch {
    return void 0;
  }
}
function isObject3(value2) {
  return typeof value2 === "object" && value2 !== null && !Array.isArray(value2);
}
function field(value2, ...names4) {
  if (!isObject3(value2)) return void 0;
  const name2 = names4.find((candidate) => Object.hasOwn(value2, candidate));
  return name2 === void 0 ? void 0 : value2[name2];
}
function text(value2, most = Number.POSITIVE_INFINITY) {
  return typeof value2 === "string" && value2 !== "" && value2.length <= most ? value2 : void 0;
}
function numeric(value2) {
  if (typeof value2 === "string" && /^\d{1,16}(\.\d{1,9})?$/.test(value2)) return Number(value2);
  return typeof value2 === "number" && Number.isFinite(value2) ? value2 : void 0;
}
function truth(value2, otherwise) {
  if (value2 === void 0 || value2 === null) return otherwise;
  return value2 === true || typeof value2 === "string" && value2.toLowerCase() === "true";
}

// src/http/retry-after.ts
function retryAfterMs(headers, now) {
  const read7 = (name2) => Object.hasOwn(headers, name2) ? headers[name2]?.trim() : void 0;
  const serverNow = httpDate(read7("date")) ?? now;
  const after2 = read7("retry-after");
  const date2 = httpDate(after2);
  const first = after2?.split(",")[0]?.trim();
  if (date2 !== void 0) return Math.max(0, date2 - serverNow);
  return seconds(first) ?? combined(read7("ratelimit")) ?? reset(read7("ratelimit-reset"), serverNow) ?? reset(read7("x-ratelimit-reset"), serverNow);
}
function seconds(value2) {
  return value2 !== void 0 && /^\d{1,12}(\.\d{1,6})?$/.test(value2) ? Math.ceil(Number(value2) * 1e3) : void 0;
}
function reset(value2, now) {
  const ms = seconds(value2);
  return ms !== void 0 && ms >= 1e12 ? Math.max(0, ms - now) : ms;
}
function combined(value2) {
  if (value2 === void 0) return void 0;
  const draft7 = /\breset=(\d{1,12})/.exec(value2);
  if (draft7 !== null) return seconds(draft7[1]);
  const policies = value2.split(",").filter((policy) => resets.test(policy));
  const spent = policies.filter((policy) => /;\s*r=0\b/.test(policy));
  const waits = (spent.length > 0 ? spent : policies).map(
    (policy) => Number(resets.exec(policy)?.[1]) * 1e3
  );
  return waits.length > 0 ? Math.max(...waits) : void 0;
}
var resets = /;\s*t=(\d{1,12})(?!\d)/;
function httpDate(value2) {
  if (value2 === void 0 || !/^[A-Z][a-z]{2,8},? .*\d\d:\d\d:\d\d/.test(value2)) return void 0;
  const ms = Date.parse(value2.endsWith("GMT") ? value2 : `${value2} GMT`);
  return Number.isNaN(ms) ? void 0 : ms;
}

// src/http/answer.ts
var oauthCodes = /* @__PURE__ */ new Set([
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "invalid_scope",
  "unauthorized_client",
  "unsupported_grant_type",
  "unsupported_response_type",
  "access_denied",
  "server_error",
  "temporarily_unavailable"
]);
function oauthCode(body) {
  const code2 = text(field(body, "error"))?.toLowerCase();
  return code2 !== void 0 && oauthCodes.has(code2) ? code2 : void 0;
}
var longestPage = 1e4;
var longestRemark = 500;
function messageIn(answer4, body) {
  return isObject3(body) ? remarksIn(body).join(" ") : plainRemark(answer4, body);
}
function remarksOf(answer4, body) {
  const remarks = isObject3(body) ? remarksIn(body) : [plainRemark(answer4, body)];
  return remarks.filter((remark) => remark.trim() !== "");
}
function remarksIn(body) {
  const error = field(body, "error");
  const parts = [error, field(error, "message"), field(body, "message"), field(body, "error_description")];
  return parts.map((part) => (text(part) ?? "").slice(0, longestRemark).toLowerCase());
}
function plainRemark(answer4, body) {
  if (typeof body === "string") return body.slice(0, longestRemark).toLowerCase();
  const remark = body === void 0 && answer4.text.length <= longestRemark && !isHtml(answer4);
  return remark ? answer4.text.toLowerCase() : "";
}
function isHtml(answer4) {
  const type2 = Object.hasOwn(answer4.headers, "content-type") ? answer4.headers["content-type"] : void 0;
  return type2 !== void 0 && /^\s*(text\/html|application\/xhtml)/i.test(type2) ? !/^\s*[[{]/.test(answer4.text) : /^\s*<(!doctype|html|head|body)\b/i.test(answer4.text);
}
function mayDecide(status2) {
  return status2 >= 200 && status2 < 300 || definite.has(status2);
}
var definite = /* @__PURE__ */ new Set([400, 404, 409, 410, 422]);
function decidingCode({ status: status2 }, body) {
  return mayDecide(status2) || status2 === 401 || status2 === 403 ? oauthCode(body) : void 0;
}
var portal = 511;
var barriers = /* @__PURE__ */ new Set([403, 406, 407, 451]);
function readRefusal(answer4, body) {
  const { status: status2 } = answer4;
  if (status2 === 429) return throttled(answer4);
  if (status2 >= 300 && status2 < 400 || status2 === portal) return { type: "blocked", why: `http_${status2}` };
  if (status2 < 200 || status2 === 408 || status2 === 425 || status2 >= 500 || !Number.isInteger(status2))
    return { type: "inDoubt", why: `http_${status2}` };
  if (status2 >= 400 && limited(remarksOf(answer4, body))) return throttled(answer4);
  const code2 = decidingCode(answer4, body);
  if (code2 === "invalid_client") return { type: "credentialsRefused" };
  if (code2 === "server_error" || code2 === "temporarily_unavailable") return { type: "inDoubt", why: code2 };
  const isOfClient = code2 === "unauthorized_client" || code2 === "access_denied";
  if (barriers.has(status2) && (code2 === void 0 || isOfClient))
    return { type: "blocked", why: `http_${status2}` };
  if (isHtml(answer4)) {
    const login = /\b(log|sign)[ -]?in\b|password/i.test(answer4.text.slice(0, longestPage));
    return isNowhere(status2) && !login ? { type: "inDoubt", why: `http_${status2}` } : { type: "blocked", why: "html_page" };
  }
  if (code2 !== void 0) return { type: "unexplained", why: code2 };
  if (status2 === 401)
    return isObject3(body) ? { type: "credentialsRefused" } : { type: "blocked", why: "http_401" };
  const phrase = isObject3(body) && mayDecide(status2) ? accountPhrase(body) : void 0;
  if (phrase === "throttled") return throttled(answer4);
  if (phrase !== void 0) return { type: phrase };
  if (status2 >= 400) return { type: "unexplained", why: `http_${status2}` };
  if (!isObject3(body)) return { type: "inDoubt", why: "unreadable_body" };
  return isRefusal(body, messageIn(answer4, body)) ? { type: "unexplained", why: `http_${status2}` } : { type: "inDoubt", why: "not_stated" };
}
function accountPhrase(body) {
  const remarks = remarksIn(body);
  if (limited(remarks)) return "throttled";
  if (remarks.some((remark) => /^\s*(invalid[ _-]client\b|unauthorized\s*$)/.test(remark)))
    return "credentialsRefused";
  return void 0;
}
var limitWords = /^\s*(?:error ?[:-] ?)?(?:too[ _-]many[ _-](?:requests|calls)|(?:you(?:'ve| have)? )?(?:exceeded|reached) (?:the|your) (?:[a-z]+[ _-])?(?:rate|call|request)?[ _-]?(?:limit|quota)|(?:the |your )?(?:(?:api|rate|call|request|usage)s?[ _-]){0,2}(?:limit|quota|throttle)s?[ _-](?:is |was |has been )?(?:exceeded|reached|hit)|rate[ _-]?limit(?:ed|ing)?|throttl(?:ed|ing)(?:exception)?)(?=\s*(?:$|[.!,;:([-]|for\b|by\b|please\b|try\b))/;
function limited(remarks) {
  return remarks.some((remark) => limitWords.test(remark));
}
function isOwnForm(body) {
  if (field(body, "resourceType") === "OperationOutcome") return true;
  const error = text(field(body, "error"));
  if (error === void 0 || statusWords.test(error)) return false;
  return text(field(body, "message")) === void 0 || field(body, "success") === false;
}
var statusWords = /^\s*(bad request|not found|method not allowed|conflict|gone|unprocessable (entity|content))\s*$/i;
function readAccountRefusal(answer4, body) {
  const refusal6 = readRefusal(answer4, body);
  const isNo = refusal6.type === "refused" || refusal6.type === "unexplained";
  const isAboutRequest = mayDecide(answer4.status) && isOwnForm(body) && /user|code|token|grant|client/.test(withoutPlaces(messageIn(answer4, body)));
  return isNo && isNowhere(answer4.status) && !isAboutRequest ? { type: "inDoubt", why: `http_${answer4.status}` } : refusal6;
}
function isNowhere(status2) {
  return status2 === 404 || status2 === 405 || status2 === 410;
}
var place2 = /(^|[\s"'`(])([a-z]+:)?(\/|[\w.-]+\/[\w.-]+\/|user-management\b)\S*/g;
function withoutPlaces(message) {
  return message.replace(place2, "$1");
}
function isRefusal(body, message) {
  const success = field(body, "success");
  if (success === true || message.trim() === "") return false;
  return !passing.test(message);
}
var passing = /server error|internal|try again|later|time[d ]?-?out|temporar|at (?:this|the) (?:time|moment)|right now|unavailable|busy/;
function throttled(answer4) {
  const ms = answer4.heldMs ?? retryAfterMs(answer4.headers, answer4.receivedAt);
  return ms === void 0 ? { type: "throttled" } : { type: "throttled", retryAfterMs: ms };
}

// src/http/call.ts
var DescribedCall = class {
  name;
  endpoint;
  method;
  url;
  template;
  headers;
  constructor(call2) {
    this.name = call2.name;
    this.endpoint = call2.endpoint;
    this.method = call2.method;
    this.url = call2.url;
    this.template = call2.template;
    this.headers = call2.headers;
    if (call2.body !== void 0) this.body = call2.body;
  }
  toJSON() {
    return { name: this.name, endpoint: this.endpoint, method: this.method, template: this.template };
  }
};
printAs(DescribedCall.prototype, ({ name: name2, method: method2, template }) => `Call(${name2}: ${method2} ${template})`);
function describeCall(call2) {
  return new DescribedCall(call2);
}
function under(base2, path2) {
  let end3 = base2.length;
  while (base2[end3 - 1] === "/") end3--;
  return base2.slice(0, end3) + path2;
}
var formType = "application/x-www-form-urlencoded";
function form(fields) {
  return new URLSearchParams(fields).toString();
}

// src/http/token.ts
function exchangeCodeCall(client, code2) {
  return tokenCall(client, "exchangeCode", { code: code2.reveal() }, "authorization_code");
}
function emptyExchangeCall(client) {
  return tokenCall(client, "exchangeCode", {}, "authorization_code");
}
function refreshTokenCall(client, refreshToken) {
  return tokenCall(client, "refreshToken", { refresh_token: refreshToken.reveal() }, "refresh_token");
}
function tokenCall(client, name2, grant2, grantType) {
  return describeCall({
    name: name2,
    endpoint: "token",
    method: "POST",
    url: under(client.auth, "/oauth2/token"),
    template: "/oauth2/token",
    headers: { accept: "application/json", "content-type": formType },
    body: form({
      ...grant2,
      client_id: client.clientId,
      client_secret: client.clientSecret.reveal(),
      grant_type: grantType
    })
  });
}
function readTokens(answer4) {
  const body = parseJson(answer4.text);
  const tokens = answer4.status >= 200 && answer4.status < 300 ? tokensIn(answer4, body) : void 0;
  if (tokens !== void 0) return { type: "tokens", tokens };
  const code2 = decidingCode(answer4, body);
  if (code2 === "invalid_grant") return { type: "grantRefused", why: "invalid_grant" };
  const elsewhere2 = code2 === "invalid_client" || code2 === "server_error" || code2 === "temporarily_unavailable";
  const mayBlame = mayDecide(answer4.status) || answer4.status === 401 && isObject3(body);
  if (!elsewhere2 && mayBlame && remarksOf(answer4, body).some(blamesGrant))
    return { type: "grantRefused", why: "invalid_code" };
  return readAccountRefusal(answer4, body);
}
function readEmptyExchange(answer4) {
  const read7 = readTokens(answer4);
  const isItsOwn = read7.type === "unexplained" && ofRequest.has(read7.why);
  return isItsOwn ? { type: "refused", why: read7.why } : read7;
}
var ofRequest = /* @__PURE__ */ new Set([
  "invalid_request",
  "invalid_scope",
  "unsupported_grant_type"
]);
var grant = String.raw`(?:(?:the|this|your|an?|given|provided|presented) ){0,2}[\u0060'"]?(?:(?:(?:authorization|authorisation|auth|access|one[ -]time) ?)?code|refresh[ _]token)[\u0060'"]?`;
var lead = String.raw`^\s*(?:error ?[:-] ?)?(?:invalid[ _](?:grant|request) ?[:-] ?)?`;
var grantIsInvalid = [
  new RegExp(String.raw`${lead}invalid (?:parameter:? |value for )?${grant}(?=\s*(?:$|[.!,;:(]))`),
  new RegExp(
    String.raw`${lead}${grant} (?:(?:is|was|has|has been|is either|are) )?(?:already )?(?:been )?(?:not (?:valid|found)|invalid|unknown|expired|revoked|used|redeemed)\b`
  )
];
function blamesGrant(remark) {
  return grantIsInvalid.some((sentence2) => sentence2.test(remark));
}
var assumedSeconds = 300;
var leastSeconds = 1;
var mostSeconds = 31536e3;
var longestToken = 8e3;
function tokensIn(answer4, body) {
  const accessToken = text(field(body, "access_token"), longestToken);
  if (accessToken === void 0 || !presentable.test(accessToken)) return void 0;
  const refreshToken = text(field(body, "refresh_token"), longestToken);
  const scope = text(field(body, "scope"), longestToken);
  const expiresIn = numeric(field(body, "expires_in"));
  const seconds2 = expiresIn !== void 0 && expiresIn >= leastSeconds && expiresIn <= mostSeconds ? expiresIn : assumedSeconds;
  const lifeMs = Math.floor(seconds2 * 1e3);
  return {
    accessToken: new Secret(accessToken),
    ...refreshToken !== void 0 && { refreshToken: new Secret(refreshToken) },
    expiresAt: answer4.sentAt + lifeMs,
    lifeMs,
    ...scope !== void 0 && { scope }
  };
}
var presentable = /^[\x21-\x7e]+$/;

// src/http/echo.ts
function isEcho(echo, appUserId) {
  if (isSameId(echo, appUserId)) return true;
  if (typeof echo !== "string") return false;
  return echo.normalize() === appUserId.normalize() || isEncoded(echo, appUserId);
}
function isSameId(listed4, appUserId) {
  if (typeof listed4 !== "number") return listed4 === appUserId;
  if (String(listed4) === appUserId) return true;
  return !Number.isSafeInteger(listed4) && /^[1-9]\d{15,}$/.test(appUserId) && Number(appUserId) === listed4;
}
function isEncoded(echo, appUserId) {
  if (!/%[0-9a-f]{2}/i.test(echo)) return false;
  const upper = echo.replace(/%[0-9a-f]{2}/gi, (code2) => code2.toUpperCase());
  const asForm = form({ "": appUserId }).slice(1);
  return upper === asForm || upper === asForm.replaceAll("+", "%20") || upper === uriComponent(appUserId);
}
function uriComponent(appUserId) {
  try {
    return encodeURIComponent(appUserId);
  } catch {
    return void 0;
  }
}

// src/http/phrases.ts
var id = "";
var prefix = String.raw`(?:(?:error|bad request|not found|conflict|validation error|\d{3}|[a-z]{0,20}user[a-z]{0,20}(?:error|exception)) ?[:.\u2013-] ?){0,3}`;
var adjective = String.raw`(?:(?:the|this|that|a|an|such|requested|specified|given|provided) ){0,3}`;
var value = String.raw`(?:"[^"]{0,600}"|'[^']{0,600}'|\u0060[^\u0060]{0,600}\u0060|\(?=?\(?(?:${id}|\d{1,16})\)?)`;
var name = String.raw`(?:app|oneup)?[ _]?(?:user)(?:[ _]?(?:id|name))?`;
var user = String.raw`${adjective}${name}(?: (?:with|for|having|of|by|whose))?(?: (?:the|this|that))?(?: (?:${name}|id))?(?: (?:is|=))? ?[:=]? ?${value}?`;
var end = String.raw`(?= ?(?:$|[.!,;:(\[]|${value}|(?:in|for|with|by|under|within) (?:(?:this|your|the|that) )?(?:app|client|account|tenant|${name}|id\b)))`;
var isMissing = String.raw`(?:does not exist|does ?n[o'\u2019]?t exist|(?:was |is |could |can)? ?(?:not|n[o'\u2019]t) (?:be )?(?:found|registered|known)|is unknown|has not been (?:found|created))`;
var isThere2 = String.raw`(?:(?:is|has|was) )?already (?:been )?(?:exists?|existing|registered|in use|taken|used|created)`;
var missing = [
  new RegExp(`^${prefix}${user} ?${isMissing}${end}`),
  new RegExp(`^${prefix}(?:no such|unknown) ${name} ?[:=]? ?${value}?${end}`),
  new RegExp(`^${prefix}no ${user} ?(?:was |could be )?(?:found|exists?)${end}`),
  new RegExp(`^${prefix}(?:could not|cannot|can ?not|can't|unable to) find ${user}${end}`)
];
var exists = [
  new RegExp(`^${prefix}(?:${user} ?)?${isThere2}${end}`),
  new RegExp(`^${prefix}${user} ?exists${end}`)
];
var parameter = String.raw`${adjective}(?:parameter:? |field:? |value (?:for|of) )?["'\u0060]?(?:app|oneup)?[ _]?user[ _]?id["'\u0060]?(?: ?[:=]? ?${value})?`;
var isUnfit = String.raw`(?:(?:is|was) (?:invalid|malformed|reserved|too (?:long|short|large)|not (?:a )?(?:valid|allowed|permitted|supported|acceptable))${end}|(?:length )?(?:must|may only) (?:not )?(?:be(?! unique)|have|contain|match|start|begin|end|consist|exceed)\b|(?:can ?not|may not|should not) (?:contain|exceed|be (?:longer|empty|null))\b|contains (?:an? )?(?:invalid|illegal|forbidden|unsupported|disallowed)\b)`;
var unfit = [
  new RegExp(`^${prefix}${parameter} ?${isUnfit}`),
  new RegExp(`^${prefix}(?:invalid|malformed|illegal|disallowed) ${parameter}${end}`)
];
function phraseIn(answer4, body, asked2) {
  const { status: status2 } = answer4;
  if (!mayDecide(status2)) return void 0;
  const isSuccess = status2 < 300;
  if (isSuccess && (!isObject3(body) || field(body, "success") === true)) return void 0;
  const remarks = remarksOf(answer4, body).map((remark) => {
    const [message, sought] = [plain(remark), plain(asked2.toLowerCase())];
    return documented.test(message) ? message : without(message, sought);
  });
  const matches = (sentences) => remarks.some((remark) => sentences.some((sentence2) => sentence2.test(remark)));
  const isUnfitId = matches(unfit) && !remarks.some((remark) => passing.test(remark));
  const found = [
    matches(missing) && "missing",
    matches(exists) && "exists",
    isUnfitId && "unfit"
  ];
  const [only2, ...others] = found.filter((phrase) => phrase !== false);
  return others.length > 0 ? void 0 : only2;
}
var documented = /^this user (already exists|does not exist)\.?$/;
function plain(words4) {
  return words4.replace(/\s+/g, " ").trim();
}
function without(remark, asked2) {
  if (asked2 === "" || ours.has(asked2)) return remark;
  let rest = remark;
  for (let at = rest.indexOf(asked2); at >= 0; at = rest.indexOf(asked2, at + 1)) {
    const [before2, after2] = [rest[at - 1] ?? " ", rest[at + asked2.length] ?? " "];
    if (inWord.test(before2) || inWord.test(after2)) continue;
    rest = rest.slice(0, at) + id + rest.slice(at + asked2.length);
  }
  return rest;
}
var inWord = /[\p{L}\p{N}_]/u;
var ours = new Set(
  "a already app app_user_id does exist exists find for found id in is no not such taken the this unknown use user user_id was with".split(
    " "
  )
);

// src/http/user-management.ts
var path = "/user-management/v1/user";
function createUserCall(client, appUserId) {
  return managementCall(client, "createUser", "POST", path, { app_user_id: appUserId });
}
function issueAuthCodeCall(client, appUserId) {
  return managementCall(client, "issueAuthCode", "POST", `${path}/auth-code`, { app_user_id: appUserId });
}
function updateUserCall(client, user2) {
  const fields = { oneup_user_id: String(user2.oneupUserId), app_user_id: user2.appUserId };
  return managementCall(client, "updateUser", "PUT", path, fields);
}
var usualPager = { skip: "skip", limit: "limit" };
function listUsersCall(client, query = {}) {
  const { appUserId, oneupUserId, page: page2, inBody = false, pager = usualPager } = query;
  const fields = {
    ...oneupUserId !== void 0 && { oneup_user_id: String(oneupUserId) },
    ...appUserId !== void 0 && { app_user_id: appUserId },
    ...page2 !== void 0 && { [pager.skip]: String(page2.skip), [pager.limit]: String(page2.limit) }
  };
  return managementCall(client, "listUsers", "GET", path, fields, inBody);
}
function managementCall(client, name2, method2, template, fields, inBody = method2 !== "GET") {
  const encoded2 = form(fields);
  const url = under(client.api, template);
  const query = !inBody;
  const accept2 = "application/json";
  const client_id = client.clientId;
  const client_secret = client.clientSecret.reveal();
  return describeCall({
    name: name2,
    endpoint: "management",
    method: method2,
    url: query && encoded2 !== "" ? `${url}?${encoded2}` : url,
    template,
    headers: query ? { accept: accept2, client_id, client_secret } : { accept: accept2, "content-type": formType, client_id, client_secret },
    body: query ? void 0 : encoded2
  });
}
var anotherUser = { type: "inDoubt", why: "another_user" };
function isAboutAnother2(outcome) {
  return outcome.type === anotherUser.type && outcome.why === anotherUser.why;
}
function namesAnother(body, { appUserId, oneupUserId }) {
  const echo = field(body, "app_user_id", "appUserId");
  if (echo !== void 0 && echo !== null && echo !== "" && !isEcho(echo, appUserId)) return true;
  const id2 = idIn(body);
  return id2 !== void 0 && typeof oneupUserId === "number" && id2 !== oneupUserId;
}
function readCreatedUser(answer4, asked2) {
  const body = parseJson(answer4.text);
  const success = succeeded(answer4, body);
  const oneupUserId = success ? idIn(body) : void 0;
  const code2 = codeIn(body);
  const phrase = phraseIn(answer4, body, asked2.appUserId);
  if ((success || phrase !== void 0) && namesAnother(body, asked2)) return anotherUser;
  if (oneupUserId !== void 0) {
    const active = truth(field(body, "active"), true);
    const tokens = tokensIn(answer4, body);
    if (tokens !== void 0 && (tokens.refreshToken !== void 0 || code2 === void 0))
      return { type: "authorized", oneupUserId, active, tokens };
    if (code2 !== void 0) return { type: "created", oneupUserId, active, code: new Secret(code2) };
    return { type: "exists" };
  }
  const there = success && (code2 !== void 0 || truth(field(body, "success"), false));
  return there || phrase === "exists" ? { type: "exists" } : readUserRefusal(answer4, body, phrase);
}
function readIssuedCode(answer4, asked2) {
  const body = parseJson(answer4.text);
  const code2 = succeeded(answer4, body) ? codeIn(body) : void 0;
  const phrase = phraseIn(answer4, body, asked2.appUserId);
  const isMissing2 = code2 === void 0 && phrase === "missing";
  if ((code2 !== void 0 || isMissing2) && namesAnother(body, asked2)) return anotherUser;
  if (isMissing2) return { type: "missing" };
  if (code2 === void 0) return readUserRefusal(answer4, body, phrase);
  const oneupUserId = idIn(body);
  const active = field(body, "active");
  return {
    type: "code",
    ...oneupUserId !== void 0 && { oneupUserId },
    ...active !== void 0 && { active: truth(active, true) },
    code: new Secret(code2)
  };
}
function readUserRefusal(answer4, body, phrase) {
  const refusal6 = readAccountRefusal(answer4, body);
  const isNo = refusal6.type === "unexplained" || refusal6.type === "inDoubt";
  const isFinal = phrase === "unfit";
  return isNo && isFinal ? { type: "refused", why: `http_${answer4.status}` } : refusal6;
}
var none2 = { type: "users", users: [], entries: 0 };
function readUserList(answer4, unexplained = "refused", appUserId = "") {
  const body = parseJson(answer4.text);
  if (phraseIn(answer4, body, appUserId) === "missing") return none2;
  const noMatch = unexplained !== "refused" && answer4.status === 400 && isObject3(body) && field(body, "success") === false && oauthCode(body) === void 0;
  const refusal6 = readAccountRefusal(answer4, body);
  if (noMatch && (refusal6.type === "refused" || refusal6.type === "unexplained"))
    return unexplained === "none" ? none2 : { ...none2, isUnexplained: true };
  if (Array.isArray(body) ? answer4.status !== 200 : !succeeded(answer4, body)) return refusal6;
  const entry = Array.isArray(body) ? body : field(body, "entry") ?? (idIn(body) !== void 0 ? body : void 0);
  if (entry === void 0) return refusal6;
  const entries = Array.isArray(entry) ? entry : [entry];
  const users3 = entries.flatMap((one) => userIn2(one) ?? []);
  if (users3.length === 0 && entries.length > 0) return { type: "inDoubt", why: "unreadable_body" };
  return { type: "users", users: users3, entries: entries.length };
}
function readUpdatedUser(answer4, asked2) {
  const body = parseJson(answer4.text);
  const phrase = phraseIn(answer4, body, asked2.appUserId);
  if (phrase === "exists") return { type: "conflict" };
  if (phrase === "missing") return { type: "missing" };
  const entry = field(body, "entry") ?? body;
  const user2 = Array.isArray(entry) ? entry[0] : entry;
  const confirmed2 = truth(field(body, "success"), false) || userIn2(user2) !== void 0;
  if (!succeeded(answer4, body) || !confirmed2) {
    const refusal6 = readUserRefusal(answer4, body, phrase);
    const isUnclear = refusal6.type === "unexplained" && answer4.status < 300;
    return isUnclear ? { type: "inDoubt", why: refusal6.why } : refusal6;
  }
  return namesAnother(user2, asked2) || namesAnother(body, asked2) ? anotherUser : { type: "updated" };
}
function succeeded(answer4, body) {
  return answer4.status >= 200 && answer4.status < 300 && isObject3(body) && truth(field(body, "success"), true);
}
var longestText = 2e3;
function codeIn(body) {
  return text(field(body, "code"), longestText);
}
function idIn(body) {
  const id2 = numeric(field(body, "oneup_user_id", "oneUpUserId", "oneupUserId"));
  return id2 !== void 0 && Number.isSafeInteger(id2) && id2 > 0 ? id2 : void 0;
}
function userIn2(body) {
  const oneupUserId = idIn(body);
  if (oneupUserId === void 0) return void 0;
  const named = field(body, "app_user_id", "appUserId");
  const appUserId = Number.isSafeInteger(named) ? String(named) : text(named, longestText);
  return {
    oneupUserId,
    ...appUserId !== void 0 && { appUserId },
    active: truth(field(body, "active"), true)
  };
}

// src/runtime/user/step.ts
function step(position, event) {
  const { state, context } = position;
  const edge = edgesOf(state, event.type).find(({ condition }) => condition?.(context, event) ?? true);
  if (edge === void 0 || edge.to === void 0 && edge.change === void 0) return position;
  return {
    state: edge.to ?? state,
    context: edge.change === void 0 ? context : { ...context, ...edge.change(context, event) }
  };
}
var leaves = new Set(
  Object.values(userLifecycle.root.states).flatMap((node) => {
    const inner = Object.keys(node.states);
    return inner.length > 0 ? inner : [node.key];
  })
);
var userStates = [...leaves].filter(isState);
function isState(name2) {
  return leaves.has(name2);
}
function callOf(state) {
  return rowsOf(state).call;
}
function describeState(state) {
  return rowsOf(state).description;
}
var table = /* @__PURE__ */ new Map();
function rowsOf(state) {
  let rows = table.get(state);
  if (rows === void 0) {
    const nodes = nodesOf(state);
    const meta = nodes[0]?.meta;
    rows = { call: meta?.call, description: meta?.description ?? state, edges: /* @__PURE__ */ new Map(), nodes };
    table.set(state, rows);
  }
  return rows;
}
function edgesOf(state, type2) {
  const { edges, nodes } = rowsOf(state);
  let found = edges.get(type2);
  if (found === void 0) {
    found = nodes.flatMap((node) => node.transitions.get(type2) ?? []).map(edgeOf);
    edges.set(type2, found);
  }
  return found;
}
function nodesOf(state) {
  const value2 = valueOf(state);
  const path2 = typeof value2 === "string" ? [value2] : Object.entries(value2).flat();
  const nodes = [userLifecycle.root];
  for (const key3 of path2) {
    const inner = nodes[0]?.states[key3];
    if (inner !== void 0) nodes.unshift(inner);
  }
  return nodes;
}
function edgeOf({ guard, actions: actions2, target }) {
  let to = target?.[0];
  while (to?.initial !== void 0 && Object.keys(to.states).length > 0) to = to.initial.target[0];
  const change = nameOf(actions2[0]);
  const condition = nameOf(guard);
  return {
    condition: condition === void 0 ? void 0 : conditions[condition],
    // XState checked the name
    change: change === void 0 ? void 0 : changes[change],
    // likewise
    to: to?.key
    // leaves are named by their states
  };
}
function nameOf(thing) {
  if (typeof thing === "string") return thing;
  return typeof thing === "object" && thing !== null && "type" in thing ? String(thing.type) : void 0;
}

// src/runtime/engine/in-doubt.ts
var doubts = {
  // The user may exist now and must not be created twice: a code is requested for it, and only if 1upHealth answers
  // that it does not exist is it created. That answer would prove nothing while the create may still arrive. The same
  // applies to a response that is not 1upHealth's own: an HTML page, a redirect, a 403, a 4xx without a reason
  // (`perform-call.ts`).
  createUser: {
    notSent: { event: "HELD", waits: "jitter", next: "createUser", slots: 0 },
    lost: { event: "IN_DOUBT", waits: "arrival", next: "issueAuthCode", slots: 2 },
    inDoubt: { event: "IN_DOUBT", waits: "arrival", next: "issueAuthCode", slots: 2 },
    died: { event: "IN_DOUBT", waits: "nextCode", next: "issueAuthCode", slots: 2 }
  },
  // The code may be spent now. Presenting it again costs nothing and resolves the doubt: with tokens, or a refusal that
  // loses nothing. It must wait while the first exchange may still arrive: 1upHealth would see the code twice and might
  // revoke what it has just granted. After a crash it does not wait: a code lives for minutes. A refusal within 5 s of
  // a code's issue is not a doubt: the machine (`codeMayStillRegister`) exchanges the code once more, a second later.
  // A 5xx may mean the same, so the code is not presented again within that second: another 5xx would cost another code.
  exchangeCode: {
    presents: "code",
    notSent: { event: "HELD", waits: "jitter", next: "exchangeCode", slots: 0 },
    // seam: a-code-is-not-presented-while-it-may-arrive
    lost: { event: "IN_DOUBT", waits: "arrivalAndJitter", next: "exchangeCode", slots: 1 },
    // seam: a-code-whose-call-is-over-waits-less
    inDoubt: { event: "IN_DOUBT", waits: "jitterOnceRegistered", next: "exchangeCode", slots: 1 },
    died: { event: "IN_DOUBT", waits: "atOnce", next: "exchangeCode", slots: 1 }
  },
  // Two exchanges without an outcome: this code is replaced by a new one, unless no exchange of the account is answered
  // (the gate `exchange`). Then the code is kept, and one user of the account probes for when the endpoint is back. A
  // new code need not wait until the old exchange can no longer arrive: its result is not needed.
  exchangeAgain: {
    presents: "code",
    notSent: { event: "HELD", waits: "jitter", next: "exchangeCode", slots: 0 },
    lost: {
      event: "IN_DOUBT",
      waits: "nextCode",
      next: "issueAuthCode",
      slots: 1,
      whileDown: { event: "HELD", waits: "arrivalAndJitter", next: "exchangeCode", slots: 1 }
    },
    inDoubt: {
      event: "IN_DOUBT",
      waits: "nextCode",
      next: "issueAuthCode",
      slots: 1,
      whileDown: { event: "HELD", waits: "jitter", next: "exchangeCode", slots: 1 }
    },
    died: { event: "IN_DOUBT", waits: "nextCode", next: "issueAuthCode", slots: 1 }
  },
  // The refresh token may be rotated now, and the new pair lost. The stored one is presented again, and only its
  // refusal (`invalid_grant`) ends the grant and requires a fresh code. Nothing is erased before that. As above, it
  // waits while the first refresh may still arrive; meanwhile callers get the current access token while it works.
  refreshToken: {
    presents: "refreshToken",
    notSent: { event: "HELD", waits: "jitter", next: "refreshToken", slots: 0 },
    // seam: a-refresh-token-is-not-presented-while-it-may-arrive
    lost: { event: "IN_DOUBT", waits: "arrivalAndJitter", next: "refreshToken", slots: 1 },
    // seam: a-refresh-token-whose-call-is-over-waits-less
    inDoubt: { event: "IN_DOUBT", waits: "jitter", next: "refreshToken", slots: 1 },
    died: { event: "IN_DOUBT", waits: "atOnce", next: "refreshToken", slots: 1 }
  },
  // A code may have been issued and lost. That is harmless: another one is requested.
  issueAuthCode: {
    notSent: { event: "HELD", waits: "nextCodeOrJitter", next: "issueAuthCode", slots: 0 },
    lost: { event: "IN_DOUBT", waits: "nextCodeOrJitter", next: "issueAuthCode", slots: 1 },
    inDoubt: { event: "IN_DOUBT", waits: "nextCodeOrJitter", next: "issueAuthCode", slots: 1 },
    died: { event: "IN_DOUBT", waits: "nextCode", next: "issueAuthCode", slots: 1 }
  },
  // A look-up changes nothing, so it is repeated.
  findUser: {
    notSent: { event: "HELD", waits: "jitter", next: "findUser", slots: 0 },
    lost: { event: "IN_DOUBT", waits: "jitter", next: "findUser", slots: 2 },
    inDoubt: { event: "IN_DOUBT", waits: "jitter", next: "findUser", slots: 2 },
    died: { event: "IN_DOUBT", waits: "atOnce", next: "findUser", slots: 2 }
  },
  // Some or all of the data may be erased now (after an empty 2xx nothing is in doubt: see `http/purge.ts`). The purge is
  // repeated until 1upHealth confirms it, but not while the last one may still arrive: an offboarded user can be onboarded
  // again, and a late purge would erase its new data.
  purge: {
    notSent: { event: "HELD", waits: "jitter", next: "purge", slots: 0 },
    lost: { event: "IN_DOUBT", waits: "arrivalAndJitter", next: "purge", slots: 0 },
    inDoubt: { event: "IN_DOUBT", waits: "arrivalAndJitter", next: "purge", slots: 0 },
    died: { event: "IN_DOUBT", waits: "atOnce", next: "purge", slots: 0 }
  },
  // The user may have its new id now. It is looked up by its `oneup_user_id`, which never changes, and the record is
  // moved or stays; a rename that did not happen is not repeated. Its tokens work meanwhile.
  updateUser: {
    notSent: { event: "HELD", waits: "atOnce", next: null, slots: 0 },
    lost: { event: "IN_DOUBT", waits: "arrival", next: "findUser", slots: 1 },
    inDoubt: { event: "IN_DOUBT", waits: "arrival", next: "findUser", slots: 1 },
    died: { event: "IN_DOUBT", waits: "atOnce", next: "findUser", slots: 1 }
  }
};
var slotFates = {
  /** Nothing was sent, so nothing was spent. */
  notSent: "givenBack",
  /** It was or may have been sent without a response and may still arrive for `graceMs`, so its slot keeps counting. */
  lost: "counts",
  /** An inconclusive response (5xx, unreadable): the call is over. */
  inDoubt: "settled",
  /** The process that knew is gone: the slot counts until it expires. */
  died: "counts"
};
function isEnding(outcome) {
  return Object.hasOwn(slotFates, outcome);
}
function slotFate(outcome) {
  return isEnding(outcome) ? slotFates[outcome] : "settled";
}
function doubtOf(call2, outcome) {
  if (!isEnding(outcome)) return void 0;
  return doubts[call2][outcome];
}
function doubtAbout(position, outcome) {
  const call2 = doubtfulCallOf(position);
  return call2 === void 0 ? void 0 : doubtOf(call2, outcome);
}
function doubtfulCallOf({ state, context }) {
  const call2 = callOf(state);
  return call2 === "exchangeCode" && context.exchanges > 0 ? "exchangeAgain" : call2;
}
function mayArriveUntil(position, outcome, { at, timeoutMs, graceMs }) {
  const call2 = doubtfulCallOf(position);
  if (call2 === void 0 || doubts[call2].presents === void 0) return void 0;
  return isEnding(outcome) && outcome !== "notSent" ? at + timeoutMs + graceMs : void 0;
}
function momentOf({ clock, settings: { timeoutMs, graceMs } }) {
  return { at: clock.now(), random: clock.random(), timeoutMs, graceMs };
}
function pauseOf(wait, position, now) {
  const { state, context } = position;
  const pause = (reason, ms) => ms <= 0 ? null : { reason, until: now.at + ms };
  const untilArrived2 = (ms) => ({
    reason: "unavailable",
    until: now.at + Math.max(1, ms),
    mayArrive: true
  });
  switch (wait) {
    case "atOnce":
      return null;
    case "jitter":
      return pause("unavailable", fullJitter(afterTrouble, Math.max(1, context.attempt), now.random));
    case "jitterOnceRegistered": {
      const ageMs = Math.max(0, now.at - (context.codeAt ?? 0));
      const jitterMs = fullJitter(afterTrouble, Math.max(1, context.attempt), now.random);
      const registersInMs = Math.max(0, codeRegistersMs - ageMs);
      return pause("unavailable", registersInMs + jitterMs);
    }
    case "nextCode":
      return pause("codesSpent", state === "reauthorizing" ? beforeNextCode(context.codesSpent) : 0);
    case "nextCodeOrJitter":
      return pauseOf("nextCode", position, now) ?? pauseOf("jitter", position, now);
    case "arrival":
      return untilArrived2(now.graceMs);
    case "arrivalAndJitter": {
      const jitterMs = fullJitter(afterTrouble, Math.max(1, context.attempt), now.random);
      return untilArrived2(Math.max(now.graceMs, jitterMs));
    }
  }
}
function leftToArrive(pause, position, now) {
  if (pause === null) return pauseOf("arrival", position, now);
  const arrivedAt = now.at + now.graceMs;
  return { ...pause, until: Math.max(pause.until, arrivedAt), arrivedAt };
}
function mayArriveForMs(pause, leftMs2) {
  if (pause?.mayArrive === true) return Math.max(0, leftMs2);
  if (pause?.arrivedAt === void 0) return 0;
  return Math.max(0, leftMs2 - (pause.until - pause.arrivedAt));
}

// src/runtime/engine/neutral-call.ts
var retryInMs = 5e3;
async function neutralCall(engine, endpoint2, permit2) {
  const { account, closing, sender, store } = engine;
  const isShut = !permit2.tries.has(endpoint2) && account.gates()[endpoint2].state !== "open";
  if (closing.aborted || isShut) return { type: "notAsked", retryInMs };
  const taken3 = takeGranted(endpoint2, permit2) ?? await takeSlot(engine, endpoint2);
  if ("retryInMs" in taken3) return { type: "notAsked", retryInMs: taken3.retryInMs };
  const { slot, notAfter } = taken3;
  const answer4 = await sender.send(callTo(engine, endpoint2), { notAfter });
  const { settle: settle2, giveBack } = slotAfter(slot, slotFate(answer4.type));
  if (settle2 !== void 0) await store.slots.settle(settle2).catch(() => {
  });
  if (giveBack !== void 0) await store.slots.giveBack(giveBack).catch(() => {
  });
  if (answer4.type !== "answer") return answer4;
  return endpoint2 === "management" ? readUserList(answer4) : readEmptyExchange(answer4);
}
function takeGranted(endpoint2, permit2) {
  const granted = endpoint2 === "management" ? permit2.granted : null;
  if (granted !== null) permit2.granted = null;
  return granted;
}
async function takeSlot({ guard, store }, endpoint2) {
  const { slot: request2, notAfter } = guard.ask(endpoint2, null);
  if (request2 === void 0) return { slot: null, notAfter };
  const taken3 = await store.slots.take(request2);
  return taken3.type === "taken" ? { slot: taken3.slot, notAfter } : { retryInMs: taken3.retryInMs };
}
function callTo(engine, endpoint2) {
  const client = clientOf(engine);
  if (endpoint2 === "token") return emptyExchangeCall(client);
  return listUsersCall(client, { page: { skip: 0, limit: 1 }, pager: engine.settings.pager });
}

// src/runtime/options/check-new-limits.ts
var ofCeiling = { calls: whole(1, 1e9), windowMs: between(1, longestWindowMs) };
function ceiling(doing, name2, given2, known3) {
  const { calls, windowMs } = only(doing, name2, given2, known3);
  return {
    calls: checkValue(doing, `${name2}.calls`, calls, ofCeiling.calls),
    windowMs: checkValue(doing, `${name2}.windowMs`, windowMs, ofCeiling.windowMs)
  };
}
function checkNewLimits(given2) {
  const doing = "set the limits";
  const { management: management2, token: token3, fhir: fhir2 } = only(doing, "limits", given2, {
    management: true,
    token: true,
    fhir: true
  });
  const orNone = (name2, value2) => value2 === void 0 || value2 === null ? value2 : ceiling(doing, name2, value2, ofCeiling);
  const checked2 = { token: orNone("token", token3), fhir: orNone("fhir", fhir2) };
  return {
    ...management2 !== void 0 && { management: ceiling(doing, "management", management2, ofCeiling) },
    ...checked2.token !== void 0 && { token: checked2.token },
    ...checked2.fhir !== void 0 && { fhir: checked2.fhir }
  };
}

// src/runtime/options/lifecycle-options.ts
var keepAliveMs = 7 * 24 * 36e5;
var minute2 = 6e4;
var nothing = () => {
};
var silent3 = { debug: nothing, info: nothing, warn: nothing, error: nothing };
var verb = "start";
var rules2 = {
  credentials: anything,
  store: { must: 'an adapter such as lmdb("./data")', holds: withMethods("open").holds },
  encryption: anything,
  hideIds: aSwitch,
  endpoints: anything,
  changeOrigin: aSwitch,
  limits: anything,
  pager: anything,
  refresh: anything,
  timeoutMs: between(10, 2 * minute2),
  maxAnswerBytes: whole(leastAnswerBytes, mostAnswerBytes),
  graceMs: between(0, minute2),
  leaseMs: anything,
  cachedTokens: whole(0, 1e7),
  clock: withMethods("now", "monotonic", "timer", "random"),
  transport: withMethods("send"),
  logger: withMethods(...levels)
};
var ofRefresh = {
  policy: among("keepAlive", "eager", "lazy"),
  windowMs: between(2 * minute2, 60 * minute2)
};
var aShare = between(0, 1);
var ofLanes = { reserved: aShare, recovery: aShare, bulk: aShare };
function checkOverrides(options) {
  return only(verb, "options", options, rules2);
}
function checkOptions(options) {
  if (!isObject2(options)) throw wrong(verb, "options", "an object", options);
  const { timeoutMs = 3e4, graceMs = 1e4, ...given2 } = check(verb, options, rules2);
  const store = checkValue(verb, "store", options.store, rules2.store);
  const endpoints2 = only(verb, "endpoints", given2.endpoints, { api: true, auth: true });
  const limits2 = only(verb, "limits", given2.limits, { management: true, token: true, fhir: true });
  const refresh2 = check(verb, given2.refresh, ofRefresh, "refresh");
  const shortestLeaseMs = timeoutMs + graceMs;
  return {
    credentials: credentialSource(options.credentials),
    store,
    encryption: checkEncryption(given2.encryption, store),
    hideIds: given2.hideIds ?? false,
    api: endpoint("endpoints.api", endpoints2.api ?? "https://api.1up.health"),
    auth: endpoint("endpoints.auth", endpoints2.auth ?? "https://auth.1up.health"),
    changeOrigin: given2.changeOrigin ?? false,
    limits: {
      management: limits2.management === void 0 ? null : ceiling(verb, "limits.management", limits2.management, { ...ofCeiling, lanes: true }),
      token: limits2.token === void 0 ? null : ceiling(verb, "limits.token", limits2.token, ofCeiling),
      fhir: limits2.fhir === void 0 ? null : ceiling(verb, "limits.fhir", limits2.fhir, ofCeiling)
    },
    lanes: laneShares(limits2.management?.lanes),
    pager: checkPager(given2.pager),
    policy: refresh2.policy ?? "keepAlive",
    windowMs: refresh2.windowMs ?? 10 * minute2,
    timeoutMs,
    maxAnswerBytes: given2.maxAnswerBytes ?? usualAnswerBytes,
    graceMs,
    leaseMs: checkValue(
      verb,
      "leaseMs",
      given2.leaseMs ?? shortestLeaseMs + 5e3,
      between(shortestLeaseMs, 60 * minute2)
    ),
    cachedTokens: given2.cachedTokens ?? 1e4,
    clock: given2.clock ?? systemClock,
    transport: given2.transport,
    logger: unbreakable(given2.logger ?? silent3)
  };
}
function checkPager(given2) {
  const pager = { ...usualPager, ...only(verb, "pager", given2, { skip: true, limit: true }) };
  for (const name2 of ["skip", "limit"]) {
    const isName3 = typeof pager[name2] === "string" && /^[\x21-\x7e]{1,64}$/.test(pager[name2]);
    if (!isName3) throw wrong(verb, `pager.${name2}`, "the name of a parameter", pager[name2]);
  }
  const taken3 = ["app_user_id", "oneup_user_id", pager.skip];
  if (!taken3.includes(pager.limit) && !taken3.slice(0, 2).includes(pager.skip)) return pager;
  throw wrong(verb, "pager", "names of two parameters that mean nothing else", pager.limit);
}
function laneShares(given2) {
  const {
    reserved = 0.1,
    recovery = 0.2,
    bulk = 0.1
  } = check(verb, given2, ofLanes, "limits.management.lanes");
  if (recovery + bulk <= 1) return { reserved, recovery, bulk };
  const rule = "shares of which recovery and bulk are 1 at most together";
  throw wrong(verb, "limits.management.lanes", rule, recovery + bulk);
}
function endpoint(name2, value2) {
  const rule = "an https: URL without query, or http: on loopback";
  const shown4 = typeof value2 === "string" && /[@?#]/.test(value2) ? "[redacted]" : value2;
  if (typeof value2 !== "string" || !URL.canParse(value2)) throw wrong(verb, name2, rule, shown4);
  const { protocol, hostname, host, pathname, username, password } = new URL(value2);
  if (username !== "" || password !== "") throw wrong(verb, name2, "a URL without user and password", shown4);
  const safe = protocol === "https:" || protocol === "http:" && isLoopback(hostname);
  if (!safe || /[?#\\\s]/.test(value2)) throw wrong(verb, name2, rule, shown4);
  return `${protocol}//${host}${pathname}`.replace(/\/+$/, "");
}
var areKeys = (keys) => Array.isArray(keys) && keys.every((key3) => typeof key3 === "string" || key3 instanceof Uint8Array);
var forms = [
  withMethods("ring"),
  withMethods("wrap", "unwrap"),
  { holds: (value2) => isObject2(value2) && areKeys(value2["keys"]) }
];
function checkEncryption(encryption, store) {
  if (encryption === void 0) {
    if (!store.durable) return void 0;
    throw new LifecycleError(
      "KEY_REFUSED",
      `Cannot start: the ${store.name} store keeps tokens on disk, so it needs encryption, e.g. keyFile("./lifecycle.key")`
    );
  }
  if (!forms.some((form3) => form3.holds(encryption))) throw notEncryption();
  const path2 = "ring" in encryption ? encryption.path : void 0;
  if (path2 !== void 0 && store.folder !== void 0 && isInside(store.folder, path2)) {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot start: the key file must be outside the store's folder, or every copy of the store includes its key: ${path2}`
    );
  }
  return encryption;
}
function notEncryption() {
  const rule = "keyFile(\u2026), { keys: [\u2026] } with texts or bytes, or a key provider with wrap() and unwrap()";
  return new LifecycleError("INVALID_OPTION", `Cannot start: encryption must be ${rule}`);
}

// src/runtime/user/search-forms.ts
var pageSize = 100;
function queryOf(search2, sought) {
  if (search2 === null) return sought;
  if (search2.form === "body") return { ...sought, inBody: true };
  return { page: { skip: search2.skip, limit: pageSize } };
}
function readSeen(answer4, search2, sought, forms2, unexplained = "none") {
  const isLater = search2?.form === "pages" && search2.skip > 0;
  const otherwise = isLater ? "end" : search2 === null ? unexplained : "refused";
  const list3 = readUserList(answer4, otherwise, sought.appUserId);
  if (list3.type !== "users") {
    const isNo = list3.type === "refused" || list3.type === "unexplained";
    const isNoMatch = search2 === null && isNo && list3.why === "http_400";
    const isForTheBody = search2?.form === "body" && (isNo || list3.type === "blocked");
    return isNoMatch || isForTheBody ? { type: "others", search: fromTheStart(isForTheBody), isRefusal: true } : list3;
  }
  const user2 = list3.users.find((one) => isSought(one, sought));
  if (user2 !== void 0) return { type: "user", user: user2 };
  if (search2?.form === "pages") return onAfter(search2, list3);
  if (list3.entries === 0 || list3.users.some((one) => excludes(one, sought))) return { type: "none" };
  const next = search2 === null && forms2.canSendBody ? { form: "body" } : fromTheStart(true);
  return { type: "others", search: next };
}
function fromTheStart(hasOthers) {
  return { form: "pages", hasOthers, skip: 0, longest: 0, first: null };
}
var inVain = { type: "others", search: null };
function onAfter({ hasOthers, skip, longest: longest2, first }, { users: users3, entries, isUnexplained }) {
  const begins = users3[0]?.oneupUserId ?? null;
  if (isUnexplained === true || entries > users3.length) return inVain;
  if (skip === 0 && entries === 0 && hasOthers) return inVain;
  if (begins !== null && begins === first) {
    return mayBeAPage(longest2) ? inVain : { type: "none" };
  }
  if (entries === 0 || entries < longest2) return { type: "none" };
  return {
    type: "others",
    search: { form: "pages", hasOthers, skip: skip + entries, longest: entries, first: first ?? begins }
  };
}
function mayBeAPage(users3) {
  return users3 % (users3 > pageSize ? 50 : 5) === 0;
}
function isSought(user2, { appUserId, oneupUserId }) {
  const isItsId = appUserId === void 0 || isSameId(user2.appUserId, appUserId);
  return isItsId && (oneupUserId === void 0 || user2.oneupUserId === oneupUserId);
}
function excludes(user2, { appUserId, oneupUserId }) {
  if (appUserId === void 0 || oneupUserId === void 0) return false;
  return isSameId(user2.appUserId, appUserId) || user2.oneupUserId === oneupUserId;
}
var listedForMs = 36e5;
var SearchForms = class {
  /** `fetch` sends no body with a GET. */
  canSendBody;
  #clock;
  #form = "query";
  #until = 0;
  constructor(clock, canSendBody) {
    this.#clock = clock;
    this.canSendBody = canSendBody;
  }
  /** The first query of a look-up. */
  first() {
    if (this.#form === "body") return { form: "body" };
    return this.#form === "pages" && this.#clock.monotonic() < this.#until ? fromTheStart(true) : null;
  }
  /** Records what a look-up has shown about the form of its query. */
  note(search2, seen2) {
    if (search2?.form === "body" && (seen2.type === "user" || seen2.type === "none")) this.#form = "body";
    if (seen2.type !== "others" || seen2.search?.form !== "pages" || search2?.form === "pages") return;
    if (search2 === null && seen2.isRefusal === true) return;
    this.#form = "pages";
    this.#until = this.#clock.monotonic() + listedForMs;
  }
};

// src/store/sealing/key-record.ts
import { createHash as createHash2, randomBytes as randomBytes3 } from "node:crypto";
function newStoreKey() {
  return storeKeyOf(randomBytes3(32));
}
function storeKeyOf(bytes) {
  const id2 = createHash2("sha256").update("oneup-lifecycle store key id").update(bytes).digest("hex");
  return { id: id2.slice(0, 12), bytes };
}
function storeKeyContext(account) {
  return JSON.stringify(["store key", account]);
}
function namesContext(account) {
  return JSON.stringify(["names", account]);
}
function wrapNames(names4, by, account) {
  return wrapWith(by, names4, namesContext(account));
}
function readKeyRecord(value2, newest = newestFormat) {
  const record = isObject(value2) ? value2 : {};
  const { format, names: names4 = null, retired = [], former = [] } = record;
  if (typeof format === "number" && format > newest) {
    throw new LifecycleError(
      "RECORD_TOO_NEW",
      `Cannot open the store: its account has format ${format}, this release knows formats up to ${newest}; update oneup-lifecycle`,
      { facts: { format } }
    );
  }
  if (typeof format !== "number" || format < 1 || !Number.isInteger(format)) throw damaged2();
  const kept2 = record["storeKeys"];
  const [first, ...others] = (Array.isArray(kept2) ? kept2 : []).map(storeKeyIn);
  if (first === void 0 || !isWrapped(names4)) throw damaged2();
  if (!isList(retired) || !isList(former)) throw damaged2();
  return {
    format,
    storeKeys: [first, ...others],
    names: { by: names4.by, wrapped: names4.wrapped },
    retired,
    former
  };
}
function isList(value2) {
  return Array.isArray(value2) && value2.every((one) => typeof one === "string");
}
function storeKeyIn(key3) {
  if (!isWrapped(key3) || typeof key3["id"] !== "string") throw damaged2();
  const { id: id2, madeUnder, by, wrapped: wrapped2 } = key3;
  return { id: id2, madeUnder: typeof madeUnder === "string" ? madeUnder : null, by, wrapped: wrapped2 };
}
function withKeyRecord(value2, { format, storeKeys, names: names4, retired, former }) {
  const own2 = ["format", "storeKeys", "names", "retired", "former"];
  const others = Object.entries(isObject(value2) ? value2 : {}).filter(([name2]) => !own2.includes(name2));
  const keys = storeKeys.map(({ id: id2, madeUnder, by, wrapped: wrapped2 }) => ({
    id: id2,
    ...madeUnder !== null && { madeUnder },
    by,
    wrapped: wrapped2
  }));
  const kept2 = [
    ["format", format],
    ["storeKeys", keys],
    ["names", { by: names4.by, wrapped: names4.wrapped }]
  ];
  if (retired.length > 0) kept2.push(["retired", retired]);
  if (former.length > 0) kept2.push(["former", former]);
  return Object.fromEntries([...kept2, ...others]);
}
async function unlock(record, account, ring2, known3 = []) {
  const open3 = async (kept2) => {
    const before2 = known3.find(({ id: id2 }) => id2 === kept2.id);
    if (before2 !== void 0) return before2;
    const key3 = storeKeyOf(await ring2().unwrap(kept2, storeKeyContext(account)));
    if (key3.id !== kept2.id) throw damaged2();
    return key3;
  };
  const [first, ...rest] = record.storeKeys;
  const storeKeys = [await open3(first)];
  for (const each of rest) storeKeys.push(await open3(each));
  return { format: record.format, storeKeys, names: namesOf(record, account, storeKeys) };
}
function namesOf({ names: names4 }, account, storeKeys) {
  const by = storeKeys.find(({ id: id2 }) => id2 === names4.by);
  if (by === void 0) throw damaged2();
  return unwrapWith(by, names4, namesContext(account));
}
async function openKeys(parts) {
  const { record, account, ring: ring2, hideIds = false, newest = newestFormat, writeId, fields = {} } = parts;
  for (; ; ) {
    const found = await record.load();
    if (found !== null) {
      const view = await unlock(readKeyRecord(found.value, newest), account, () => ring2(false)).catch(
        async (error) => {
          if ((await record.load())?.revision === found.revision) throw error;
          return null;
        }
      );
      if (view === null) continue;
      checkHiding(found.value, hideIds);
      return view;
    }
    const key3 = newStoreKey();
    const byRing = await ring2(true).wrap(key3.bytes, storeKeyContext(account));
    const names4 = randomBytes3(32);
    const start = { ...fields, ...hideIds && { hideIds }, mark: writeId };
    const value2 = withKeyRecord(start, {
      format: startFormat,
      storeKeys: [{ id: key3.id, madeUnder: byRing.by, ...byRing }],
      names: wrapNames(names4, key3, account),
      retired: [],
      former: []
    });
    if (await record.commit({ value: value2, expectedRevision: 0, writeId }))
      return { format: startFormat, storeKeys: [key3], names: names4 };
  }
}
function checkHiding(account, hideIds) {
  const hidden = isObject(account) && account["hideIds"] === true;
  if (hidden === hideIds) return;
  const found = hideIds ? "its ids are stored in clear" : "its ids are hidden";
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot open the store: ${found} since its first opening, so hideIds must be ${!hideIds}, not ${hideIds}; nothing was changed`
  );
}
function damaged2() {
  return new LifecycleError(
    "RECORD_DAMAGED",
    "Cannot open the store: the account's record must hold a readable store key, and it does not"
  );
}
function isWrapped(value2) {
  return isObject(value2) && typeof value2["by"] === "string" && typeof value2["wrapped"] === "string";
}

// src/store/sealing/sealer.ts
import {
  createCipheriv as createCipheriv3,
  createDecipheriv as createDecipheriv3,
  createHmac as createHmac2,
  createSecretKey as createSecretKey2,
  hkdfSync as hkdfSync2,
  randomBytes as randomBytes4
} from "node:crypto";
var names = ["code", "accessToken", "refreshToken"];
var saltBytes = 16;
var nonceBytes2 = 12;
var tagBytes2 = 16;
var sealsPerKey = 2 ** 30;
var cachedKeys = 1e3;
var Sealer = class {
  /** The newest format known here. */
  newest;
  #account;
  #aliasKey;
  /** All store keys this process has ever held, so that a record read before a key was dropped still opens. */
  #keys = /* @__PURE__ */ new Map();
  #sealing;
  #format;
  #nonces = Buffer.alloc(0);
  #memory;
  constructor(view, account, newest = newestFormat, memory) {
    this.#memory = memory;
    this.newest = newest;
    this.#account = account;
    this.#aliasKey = createSecretKey2(view.names);
    this.#sealing = this.#keysOf(view.storeKeys[0]);
    for (const key3 of view.storeKeys) this.#keysOf(key3);
    this.#format = view.format;
  }
  /** The format in which users are written. */
  get format() {
    return this.#format;
  }
  /** The id of the store key that seals. */
  get keyId() {
    return this.#sealing.id;
  }
  /** Seals with the format and the newest key of `view` from now on. */
  use(view) {
    for (const key3 of view.storeKeys) this.#keysOf(key3);
    this.#sealing = this.#keysOf(view.storeKeys[0]);
    this.#format = view.format;
  }
  /** False if the record was written by a process that has seen a newer account record than this one. */
  knows(value2) {
    const key3 = sealingKeyOf(value2);
    return (key3 === null || this.#keys.has(key3)) && (formatOf(value2) ?? 0) <= this.#format;
  }
  /** Whether these secrets are sealed with the current format and key. */
  isCurrent(format, sealed) {
    return format === this.#format && (sealed === null || sealed.key === this.#sealing.id);
  }
  /** Whether this record is written with the current format and key. */
  isWritten(value2) {
    const key3 = sealingKeyOf(value2);
    return this.isCurrent(formatOf(value2) ?? 0, key3 === null ? null : { key: key3 });
  }
  /**
   * The user's name in logs and messages, because ids are often e-mail addresses. A user's alias never changes during
   * the life of the store.
   */
  alias(user2) {
    const made = () => createHmac2("sha256", this.#aliasKey).update(user2).digest("hex");
    return `#${this.#remembered("alias", user2, made).slice(0, 10)}`;
  }
  /**
   * A name of the user that can be computed only with the key, 43 characters. It never changes during the life of the
   * store.
   */
  keyedName(user2) {
    return this.#remembered(
      "user",
      user2,
      () => createHmac2("sha256", this.#aliasKey).update("user ").update(user2).digest("base64url")
    );
  }
  /** A name for a client secret that does not reveal it. Equal in all processes that share the store's keys. */
  fingerprint(secret2) {
    const made = () => createHmac2("sha256", this.#aliasKey).update("client secret").update(secret2).digest("hex");
    return this.#remembered("secret", secret2, made).slice(0, 16);
  }
  /** A name of `what`, computed unless it is cached. */
  #remembered(kind, what, made) {
    if (this.#memory === void 0) return made();
    const under2 = `${kind} ${what}`;
    const name2 = this.#memory.names.get(under2) ?? made();
    this.#memory.names.set(under2, name2);
    return name2;
  }
  /** The sealed form in the current {@link format}; `null` if there are no secrets. */
  seal(owner, secrets) {
    const fields = names.filter((name2) => secrets[name2] !== void 0);
    if (fields.length === 0) return null;
    const { id: id2 } = this.#sealing;
    const bound = this.#boundTo(owner, this.#format, id2, fields);
    const plain3 = JSON.stringify(fields.map((name2) => secrets[name2]?.reveal()));
    const text3 = this.#memory?.text?.() ?? this.#sealed(plain3, bound);
    this.#memory?.opened.set(`${id2} ${text3} ${bound}`, plain3);
    return { key: id2, fields, text: text3 };
  }
  /**
   * Opens secrets that were sealed in `format`.
   * @throws {LifecycleError} `RECORD_DAMAGED` if they were not sealed for this user, account, fields and format, or
   *   were altered
   */
  open(owner, sealed, format) {
    if (sealed === null) return {};
    try {
      const keys = this.#keys.get(sealed.key);
      if (keys === void 0) throw new TypeError("no such store key");
      const bound = this.#boundTo(owner, format, keys.id, sealed.fields);
      const under2 = `${keys.id} ${sealed.text} ${bound}`;
      const plain3 = this.#memory?.opened.get(under2) ?? opened(keys, bound, sealed.text);
      this.#memory?.opened.set(under2, plain3);
      const values = JSON.parse(plain3);
      if (!Array.isArray(values)) throw new TypeError("not a list");
      return Object.fromEntries(
        sealed.fields.map((name2, index) => [name2, new Secret(String(values[index]))])
      );
    } catch {
      throw new LifecycleError(
        "RECORD_DAMAGED",
        `Cannot open the secrets of user ${this.alias(owner.user)}: they were sealed for another user or store, or were changed; reauthorize() gets a new grant`
      );
    }
  }
  /** Encrypts with the newest key. */
  #sealed(plain3, bound) {
    const { salt, key: key3 } = this.#sealing.own();
    const nonce = this.#nonce();
    const cipher = createCipheriv3("aes-256-gcm", key3, nonce);
    cipher.setAAD(Buffer.from(bound));
    const sealed = cipher.update(plain3, "utf8");
    const rest = cipher.final();
    return Buffer.concat([salt, nonce, cipher.getAuthTag(), sealed, rest]).toString("base64");
  }
  #boundTo({ user: user2, oneupUserId }, format, key3, fields) {
    return JSON.stringify([format, this.#account, user2, oneupUserId, key3, fields]);
  }
  /** Random bytes, fetched for many nonces at a time, because the system call costs more than sealing. */
  #nonce() {
    if (this.#nonces.length < nonceBytes2) this.#nonces = randomBytes4(nonceBytes2 * 256);
    const nonce = this.#nonces.subarray(0, nonceBytes2);
    this.#nonces = this.#nonces.subarray(nonceBytes2);
    return nonce;
  }
  #keysOf(storeKey) {
    const known3 = this.#keys.get(storeKey.id) ?? new DataKeys(storeKey);
    this.#keys.set(storeKey.id, known3);
    return known3;
  }
};
function opened(keys, bound, text3) {
  const bytes = Buffer.from(text3, "base64");
  const nonce = bytes.subarray(saltBytes, saltBytes + nonceBytes2);
  const start = saltBytes + nonceBytes2 + tagBytes2;
  const decipher = createDecipheriv3("aes-256-gcm", keys.of(bytes.subarray(0, saltBytes)), nonce, {
    authTagLength: tagBytes2
  });
  decipher.setAAD(Buffer.from(bound));
  decipher.setAuthTag(bytes.subarray(saltBytes + nonceBytes2, start));
  return decipher.update(bytes.subarray(start)).toString("utf8") + decipher.final("utf8");
}
var DataKeys = class {
  id;
  #storeKey;
  #others = /* @__PURE__ */ new Map();
  #own = null;
  #seals = 0;
  constructor({ id: id2, bytes }) {
    this.id = id2;
    this.#storeKey = createSecretKey2(bytes);
  }
  /** The data key used for sealing. */
  own() {
    if (this.#own === null || this.#seals >= sealsPerKey) {
      const salt = randomBytes4(saltBytes);
      this.#own = { id: this.id, salt, key: this.#derived(salt) };
      this.#seals = 0;
    }
    this.#seals++;
    return this.#own;
  }
  /** The data key with this salt. */
  of(salt) {
    const name2 = salt.toString("latin1");
    let key3 = this.#others.get(name2);
    if (key3 === void 0) {
      key3 = this.#derived(salt);
      if (this.#others.size >= cachedKeys) this.#others.clear();
      this.#others.set(name2, key3);
    }
    return key3;
  }
  #derived(salt) {
    const bytes = hkdfSync2("sha256", this.#storeKey, salt, "oneup-lifecycle data key", 32);
    return createSecretKey2(new Uint8Array(bytes));
  }
};

// src/runtime/account/store-keys.ts
var freshMs = 1e4;
var StoreKeys = class _StoreKeys {
  sealer;
  #parts;
  /** Every store key that this process has held. */
  #known = [];
  #view;
  /** The keys' part of the record as last seen, as JSON, and the update in progress. */
  #seen = "";
  /** The value that it was read from: a store may return the same object again, which need not be parsed again. */
  #seenIn = null;
  #taking = null;
  #revision = 0;
  #seenAt;
  #trouble = null;
  #troubles = /* @__PURE__ */ new WeakSet();
  /** Opens the store's keys. @throws {LifecycleError} as {@link openKeys} */
  static async open(parts) {
    const began = parts.clock.monotonic();
    const view = await openKeys({ ...parts, writeId: randomName(parts.clock) });
    return new _StoreKeys(parts, view, began);
  }
  constructor(parts, view, began) {
    this.#parts = parts;
    this.sealer = new Sealer(view, parts.account, parts.newest, parts.memory);
    this.#view = view;
    this.#known = view.storeKeys;
    this.#seenAt = began;
  }
  /** The keys as last seen. */
  get view() {
    return this.#view;
  }
  /** Why no new work may start: a newer release uses the store, or its newest key cannot be unlocked here. */
  get trouble() {
    return this.#trouble;
  }
  /**
   * Whether the error concerns the whole account, not the user it occurred with. Concurrent reads each throw an error
   * of their own.
   */
  isTrouble(error) {
    return this.#troubles.has(error);
  }
  /** Whether something may be written without another read. */
  get isFresh() {
    return this.#trouble === null && this.#parts.clock.monotonic() - this.#seenAt <= freshMs;
  }
  /** Applies the result of a read that started `at`. Never rejects; an error is kept in {@link trouble} and logged. */
  see(found, at) {
    if (this.#isOld(found, at)) return Promise.resolve();
    if (found.value !== null && found.value === this.#seenIn) {
      this.#looked(found, at);
      return Promise.resolve();
    }
    try {
      const record = readKeyRecord(found.value, this.#parts.newest);
      const text3 = JSON.stringify(record);
      if (text3 === this.#seen) {
        this.#seenIn = found.value;
        this.#looked(found, at);
        return Promise.resolve();
      }
      if (this.#taking?.text !== text3) {
        const taken3 = this.#take(record, text3, found, at).finally(() => this.#taking = null);
        this.#taking = { text: text3, taken: taken3 };
      }
      return this.#taking.taken.then(
        () => this.#looked(found, at),
        (error) => this.#refuse(error, found, at)
      );
    } catch (error) {
      this.#refuse(error, found, at);
      return Promise.resolve();
    }
  }
  /**
   * Reads the account's record again, now.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`; `RECORD_TOO_NEW`, `KEY_REFUSED`, `RECORD_DAMAGED` if this process
   * cannot use the record
   */
  async renew() {
    const at = this.#parts.clock.monotonic();
    const found = await this.#parts.record.load();
    if (found !== null) await this.see(found, at);
    if (this.#trouble !== null) throw this.#trouble;
  }
  /**
   * Changes the keys' part of the record by compare-and-set and applies the change. `null` = leave it as it is.
   * @throws {LifecycleError} what `change` throws; as {@link renew}
   */
  async change(change) {
    const { record, newest, clock } = this.#parts;
    for (; ; ) {
      const found = await record.load();
      const value2 = found?.value ?? null;
      const next = await change(readKeyRecord(value2, newest));
      if (next === null) break;
      const write = { value: withKeyRecord(value2, next), expectedRevision: found?.revision ?? 0 };
      if (await record.commit({ ...write, writeId: randomName(clock) })) break;
    }
    await this.renew();
  }
  /** The current key ring: a key file is read again. */
  ring() {
    return this.#parts.ring(false);
  }
  /** A read that started earlier is outdated, whenever it ends. */
  #isOld({ revision }, at) {
    return at < this.#seenAt || at === this.#seenAt && revision < this.#revision;
  }
  async #take(record, text3, found, at) {
    const view = await unlock(record, this.#parts.account, () => this.ring(), this.#known);
    if (this.#isOld(found, at)) return;
    const before2 = this.#view;
    const wentBack = found.revision < this.#revision;
    const ids = new Set(view.storeKeys.map(({ id: id2 }) => id2));
    this.#known = [...view.storeKeys, ...this.#known.filter(({ id: id2 }) => !ids.has(id2))];
    this.#view = view;
    this.#seen = text3;
    this.#seenIn = found.value;
    this.sealer.use(view);
    this.#checkRing(record);
    if (wentBack) await this.#putBack(before2);
  }
  /** A process that does not hold the key that the store's keys are wrapped with goes on, and could not start again. */
  #checkRing({ storeKeys }) {
    try {
      const { ids } = this.ring();
      const missing3 = storeKeys.find(({ by }) => ids.length > 0 && !ids.includes(by));
      if (missing3 === void 0) return;
      this.#parts.logger.warn(
        { key: missing3.by },
        `This process goes on, but could not start again: the store's keys were rotated to key ${missing3.by}, which its \`encryption\` does not hold`
      );
    } catch {
    }
  }
  /**
   * The store lost writes that it had acknowledged, as after a failover to a lagging replica, and perhaps a store key
   * that users are sealed with. The keys that this process still holds are written back into the record.
   */
  async #putBack({ format, storeKeys }) {
    const { account, logger } = this.#parts;
    logger.warn(
      {},
      "The account's record is older than before: the store has lost writes; lost keys are restored"
    );
    await this.change(async (record) => {
      const has = new Set(record.storeKeys.map(({ id: id2 }) => id2));
      const lost2 = [];
      for (const { id: id2, bytes } of storeKeys) {
        if (has.has(id2)) continue;
        const wrapped2 = await this.ring().wrap(bytes, storeKeyContext(account));
        lost2.push({ id: id2, madeUnder: null, ...wrapped2 });
      }
      if (lost2.length === 0 && format <= record.format) return null;
      const newest = Math.max(format, record.format);
      return { ...record, format: newest, storeKeys: [...record.storeKeys, ...lost2] };
    });
  }
  #looked(found, at) {
    if (this.#isOld(found, at)) return;
    this.#revision = found.revision;
    this.#seenAt = at;
    this.#trouble = null;
  }
  #refuse(error, found, at) {
    if (this.#isOld(found, at)) return;
    const trouble = isLifecycleError(error) ? error : new LifecycleError("KEY_REFUSED", "Cannot read the store's keys: the key source failed", {
      cause: error
    });
    if (trouble.message !== this.#trouble?.message) {
      this.#parts.logger.error({ error: trouble.code }, `Cannot start new work: ${trouble.message}`);
    }
    this.#trouble = trouble;
    this.#troubles.add(trouble);
  }
};

// src/http/purge.ts
function purgeCall(client, { oneupUserId, version: version2 }) {
  return describeCall({
    name: "purge",
    endpoint: "fhir",
    method: "DELETE",
    url: under(client.api, `/${version2}/purge`),
    template: `/${version2}/purge`,
    headers: {
      accept: "application/json",
      client_id: client.clientId,
      client_secret: client.clientSecret.reveal(),
      "x-oneup-user-id": String(oneupUserId)
    }
  });
}
function readPurge(answer4) {
  const { status: status2 } = answer4;
  const body = parseJson(answer4.text);
  const message = messageIn(answer4, body);
  if (status2 === 504 || status2 === 408 || /time[d ]{0,2}-?out/.test(message)) return { type: "cut" };
  if (status2 === 200 && isOwnSuccess(body)) return (
    /* seam: a-purge-that-is-done */
    { type: "purged" }
  );
  const refusal6 = readPurgeRefusal(answer4, body);
  const isWhole = isObject3(body) || Array.isArray(body) || answer4.text.trim() === "";
  const isUnclear = status2 >= 200 && status2 < 300 && isWhole && refusal6.type === "inDoubt";
  return isUnclear ? { type: "unexplained", why: "unclear_answer" } : refusal6;
}
var foreign = [
  "error",
  "issue",
  "resourceType",
  "entry",
  "code",
  "access_token",
  "app_user_id",
  "oneup_user_id"
];
function isOwnSuccess(body) {
  return field(body, "success") === true && foreign.every((name2) => field(body, name2) === void 0);
}
function readPurgeRefusal(answer4, body) {
  const refusal6 = readRefusal(answer4, body);
  const issues2 = field(body, "resourceType") === "OperationOutcome" ? field(body, "issue") : void 0;
  const isFinal = answer4.status >= 400 && Array.isArray(issues2) && issues2.some((issue2) => finalIssues.has(text(field(issue2, "code")) ?? ""));
  return refusal6.type === "unexplained" && isFinal ? { type: "refused", why: `http_${answer4.status}` } : refusal6;
}
var finalIssues = /* @__PURE__ */ new Set(["forbidden", "not-supported"]);

// src/runtime/options/check-id.ts
import { Buffer as Buffer5 } from "node:buffer";
function checkId(id2) {
  if (typeof id2 !== "string") throw badId(`a string, not ${typeof id2}`);
  if (id2.length === 0 || id2.length > 512 || id2.length > 128 && Buffer5.byteLength(id2) > 512) {
    throw badId(`1 to 512 bytes long, not ${Buffer5.byteLength(id2)}`);
  }
  if (/[\p{Cc}]/u.test(id2) || !id2.isWellFormed()) throw badId("well-formed text without control characters");
  return id2;
}
function isId(id2) {
  try {
    return checkId(id2) === id2;
  } catch {
    return false;
  }
}
function badId(rule) {
  return new LifecycleError("INVALID_ID", `Cannot use this app_user_id: it must be ${rule}`);
}

// src/runtime/user/located.ts
function soughtBy({
  appUserId,
  oneupUserId,
  newId,
  unconfirmed,
  absent: absent3
}) {
  if (oneupUserId === null || unconfirmed === "doubted" || unconfirmed === "disputed") return { appUserId };
  return absent3 % 3 === (unconfirmed === null ? 2 : 1) ? { appUserId: newId ?? appUserId } : { oneupUserId };
}
function searchFrom(forms2, absent3, sought) {
  const usual = forms2.first();
  const isOther = absent3 % 3 !== 0 && sought.oneupUserId !== void 0;
  return usual === null && forms2.canSendBody && isOther ? { form: "body" } : usual;
}
function readLocated(answer4, locating, forms2) {
  const { appUserId, oneupUserId, newId, search: search2, absent: absent3, isLeaving } = locating;
  const seen2 = readSeen(answer4, search2, soughtBy(locating), forms2, isLeaving ? "refused" : "none");
  if (absent3 === 0) forms2.note(search2, seen2);
  if (seen2.type === "none") return { type: "missing" };
  if (seen2.type !== "user") return seen2;
  const { user: user2 } = seen2;
  const isConfirmed = oneupUserId === null || locating.unconfirmed === null;
  if (user2.appUserId === void 0) {
    if (!isLeaving) return { type: "inDoubt", why: "unnamed_user" };
    return isConfirmed ? { type: "found", user: user2 } : { type: "unexplained", why: "unnamed_user" };
  }
  const isOther = oneupUserId !== null && user2.oneupUserId !== oneupUserId;
  if (isOther && (isConfirmed || newId !== null)) return { type: "missing" };
  if (isSameId(user2.appUserId, appUserId)) return { type: isOther ? "corrected" : "found", user: user2 };
  if (!isConfirmed && (newId === null || !isSameId(user2.appUserId, newId)))
    return { type: "refuted", why: "its_number_has_another_app_user_id" };
  if (!isId(user2.appUserId))
    return isLeaving ? { type: "found", user: user2 } : { type: "refused", why: "unusable_app_user_id" };
  return { type: "elsewhere", user: user2, appUserId: user2.appUserId };
}

// src/runtime/engine/pause-after.ts
function pauseAfter(outcome, { history: history2, position, secrets }, now, scope) {
  const { state, context } = position;
  const attempt = Math.max(1, context.attempt);
  const held2 = Math.max(1, heldInARow(history2));
  const pause = (reason, ms) => ({ reason, until: now.at + ms });
  switch (outcome.type) {
    case "refused":
      return state === "expiring" ? pauseOf("jitter", position, now) : null;
    case "grantRefused":
      if (state === "codeIssued") return pause("codeRegisters", codeRegistersMs);
      return pauseOf("nextCode", position, now);
    // The account's gates hold back all users together; the user that shut one waits longer, so that another user
    // probes it next.
    case "throttled":
      return scope === "own" ? pause("throttled", throttledAloneMs(held2, outcome.retryAfterMs)) : null;
    case "credentialsRefused":
      return scope === "own" ? pause("credentials", 2 * doubling(afterRefusedCredentials, held2)) : null;
    case "blocked":
      return scope === "own" ? pause("forbidden", doubling(afterForbidden, held2)) : null;
    case "cut":
      return pause("purging", fullJitter(betweenPurges, attempt, now.random));
    case "unexplained":
      return state === "failed" ? null : state === "expiring" || state === "codeIssued" ? pauseOf("jitter", position, now) : pause("unexplained", halfJitter(afterOddAnswer, context.refusals?.times ?? 1, now.random));
    case "others":
      return outcome.search === null ? pause("otherUsers", halfJitter(afterOddAnswer, attempt, now.random)) : null;
    case "missing": {
      const times2 = context.absences?.times ?? 0;
      if (times2 === 1) return null;
      if (times2 > 1) return pause("missing", halfJitter(afterOddAnswer, times2 - 1, now.random));
      if (context.saidExists && context.saidMissing && context.refusals !== null)
        return pause("unexplained", halfJitter(afterOddAnswer, context.refusals.times, now.random));
      return attempt > 1 ? pauseOf("jitter", position, now) : null;
    }
    case "found":
      return attempt > 1 ? pauseOf("jitter", position, now) : null;
    case "authorized":
    case "tokens": {
      const { lifeMs, refreshToken = secrets.refreshToken } = outcome.tokens;
      const ms = untilRenewedMs(lifeMs, refreshToken !== void 0, context.shortGrants);
      return ms > 0 ? pause("shortTokens", ms) : null;
    }
    case "updated":
    case "conflict":
    case "created":
    case "exists":
    case "code":
    case "elsewhere":
    case "corrected":
    case "refuted":
    case "purged":
      return null;
  }
}
function heldInARow(history2) {
  return history2.length - 1 - history2.findLastIndex(([, , event]) => event !== "HELD");
}

// src/fhir/fhir-version.ts
var fhirVersions = ["dstu2", "stu3", "r4"];

// src/runtime/user/user.ts
var keptSteps = 12;
function newUser(id2, lane, at, overMark = 0) {
  return {
    id: id2,
    // seam: a-new-user-continues-the-revision-of-its-tombstone
    revision: overMark,
    position: { state: "created", context: nothingKnown },
    intent: null,
    pause: null,
    lane,
    history: [[at, "created", "ONBOARD"]],
    meters: [[0, 0, 0]],
    calls: { management: 0, token: 0 },
    secrets: noSecrets,
    origin: null,
    former: [],
    ...overMark > 0 && { overMark }
  };
}
var noSecrets = {};
function readUser(record, sealer) {
  const { user: user2, format, sealed } = readInClear(record, sealer);
  const { oneupUserId } = user2.position.context;
  const secrets = sealer.open({ user: record.id, oneupUserId }, sealed, format);
  return { ...user2, secrets, asRead: { id: record.id, secrets, sealed, format, oneupUserId } };
}
function readInClear(record, sealer) {
  const alias = () => sealer.alias(record.id);
  const kept2 = readEnvelope(record.value, alias, sealer.newest);
  if (!isState(kept2.state)) throw damaged(alias, "its state is none that the lifecycle knows");
  const { format, sealed } = kept2;
  const context = { ...nothingKnown, ...kept2.context };
  if (!isContext(context)) throw damaged(alias, "what is known about it is of the wrong kind");
  if (isRenaming(kept2.state) !== (context.rename !== null))
    throw damaged(alias, "its state and its rename contradict each other");
  const user2 = {
    id: record.id,
    revision: record.revision,
    position: { state: kept2.state, context },
    intent: kept2.intent,
    pause: kept2.pause,
    lane: kept2.lane,
    history: kept2.history,
    meters: kept2.meters ?? [],
    calls: kept2.calls,
    secrets: noSecrets,
    origin: kept2.origin ?? null,
    former: kept2.former ?? []
  };
  return { user: user2, format, sealed };
}
function isContext(facts) {
  const { oneupUserId, unconfirmed, active, codeFrom, failure: failure2 } = facts;
  const counts = [facts.exchanges, facts.codesSpent, facts.codesRefused, facts.attempt, facts.shortGrants];
  const times2 = [facts.codeAt, facts.expiresAt, facts.grantedAt, facts.mayArriveUntil, facts.identifiedAt];
  return (oneupUserId === null || isCount(oneupUserId)) && [null, "claimed", "answered", "doubted", "disputed"].includes(unconfirmed) && (active === null || typeof active === "boolean") && (codeFrom === null || codeFrom === "creation" || codeFrom === "request") && counts.every(isCount) && times2.every((time) => time === null || isTime(time)) && typeof facts.wasGranted === "boolean" && typeof facts.maybeSpent === "boolean" && typeof facts.saidExists === "boolean" && typeof facts.saidMissing === "boolean" && typeof facts.idTaken === "boolean" && [facts.toPurge, facts.purged].every((versions) => versions === null || isVersions(versions)) && (facts.unpurged === null || isUnpurged(facts.unpurged)) && [facts.refusals, facts.absences].every((odd) => odd === null || isSpan(odd)) && (facts.search === null || isSearch(facts.search)) && (facts.rename === null || isRename(facts.rename)) && (failure2 === null || isFailure(failure2));
}
function isVersions(versions) {
  return Array.isArray(versions) && versions.every((one) => fhirVersions.some((version2) => version2 === one));
}
function isUnpurged(unpurged) {
  return isObject(unpurged) && isVersions(unpurged["versions"]) && typeof unpurged["why"] === "string";
}
function isSpan(odd) {
  return isObject(odd) && isTime(odd["since"]) && isCount(odd["times"]);
}
function isSearch(search2) {
  if (!isObject(search2)) return false;
  const { form: form3, hasOthers, skip, longest: longest2, first } = search2;
  const isWalk = typeof hasOthers === "boolean" && [skip, longest2, first ?? 0].every(isCount);
  return form3 === "body" || form3 === "pages" && isWalk;
}
function isRename(rename5) {
  if (!isObject(rename5)) return false;
  const { to, from } = rename5;
  return typeof to === "string" && typeof from === "string" && isRenamable(from);
}
function isFailure(failure2) {
  if (!isObject(failure2)) return false;
  const { in: state, reason, why } = failure2;
  return typeof state === "string" && isState(state) && typeof reason === "string" && typeof why === "string";
}
function writeUser(user2, sealer) {
  const envelope = {
    format: sealer.format,
    state: user2.position.state,
    context: known(user2.position.context),
    intent: user2.intent,
    pause: user2.pause,
    lane: user2.lane,
    history: user2.history,
    ...user2.meters.length > 0 && { meters: user2.meters },
    calls: user2.calls,
    sealed: sealedSecrets(user2, sealer),
    ...user2.origin && { origin: user2.origin },
    ...user2.former.length > 0 && { former: user2.former }
  };
  return envelope;
}
function sealedSecrets({ id: id2, position, secrets, asRead }, sealer) {
  const { oneupUserId } = position.context;
  const same2 = asRead?.secrets === secrets && asRead.id === id2 && asRead.oneupUserId === oneupUserId;
  if (same2 && sealer.isCurrent(asRead.format, asRead.sealed)) return asRead.sealed;
  return sealer.seal({ user: id2, oneupUserId }, secrets);
}
function known(context) {
  const facts = {};
  for (const name2 in nothingKnown) {
    const fact = name2;
    if (context[fact] !== nothingKnown[fact]) facts[fact] = context[fact];
  }
  return facts;
}
function isUncalled({ calls, history: history2, position }) {
  if (calls.management > 0 || position.context.oneupUserId !== null) return false;
  return !history2.some(([, , event]) => event === "EXPECT_EXISTING");
}
function stepped(user2, event) {
  const position = step(user2.position, event);
  if (position === user2.position) return user2;
  const { calls, history: history2, meters } = user2;
  const entry = [event.at, position.state, event.type];
  const meter = [position.context.attempt, calls.management, calls.token];
  return {
    ...user2,
    position,
    history: [...history2, entry].slice(-keptSteps),
    meters: [...meters, meter].slice(-keptSteps)
  };
}

// src/runtime/engine/perform-call.ts
function endpointOf(call2) {
  switch (call2) {
    case "createUser":
    case "issueAuthCode":
    case "findUser":
    case "updateUser":
      return "management";
    case "exchangeCode":
    case "refreshToken":
      return "token";
    case "purge":
      return "fhir";
  }
}
function bringsCode2(call2) {
  return call2 === "createUser" || call2 === "issueAuthCode";
}
async function performCall(engine, user2, call2, notAfter) {
  const { sender, gather } = engine;
  const client = clientOf(engine);
  const { oneupUserId, unconfirmed } = user2.position.context;
  const newId = newIdOf(engine, user2);
  const asked2 = { appUserId: user2.id, oneupUserId };
  const sent = async (described) => {
    const answer4 = await sender.send(described, { notAfter });
    await gather();
    const size = answer4.type === "lost" ? sizeRuleIn(answer4.cause) : null;
    if (size !== null) {
      const alias = engine.sealer.alias(user2.id);
      const fields = { user: alias, state: user2.position.state, call: call2 };
      engine.settings.logger.warn(
        fields,
        `Cannot read the answer about user ${alias} (${call2}): ${size.rule}`
      );
    }
    return answer4;
  };
  switch (call2) {
    case "createUser": {
      const answer4 = await sent(createUserCall(client, user2.id));
      return answer4.type === "answer" ? readCreatedUser(answer4, asked2) : answer4;
    }
    case "issueAuthCode": {
      const answer4 = await sent(issueAuthCodeCall(client, user2.id));
      return answer4.type === "answer" ? readIssuedCode(answer4, asked2) : answer4;
    }
    case "findUser": {
      const { state, context } = user2.position;
      const absent3 = context.absences?.times ?? 0;
      const target = { ...asked2, newId, unconfirmed, absent: absent3 };
      const sought = soughtBy(target);
      const search2 = context.search ?? searchFrom(engine.forms, absent3, sought);
      const { pager } = engine.settings;
      const answer4 = await sent(listUsersCall(client, { ...queryOf(search2, sought), pager }));
      const locating = { ...target, search: search2, isLeaving: isPurging(state) };
      return answer4.type === "answer" ? readLocated(answer4, locating, engine.forms) : answer4;
    }
    case "exchangeCode": {
      const { code: code2 } = user2.secrets;
      if (code2 === void 0) return { type: "grantRefused", why: "invalid_code" };
      const answer4 = await sent(exchangeCodeCall(client, code2));
      return answer4.type === "answer" ? readTokens(answer4) : answer4;
    }
    case "refreshToken": {
      const { refreshToken } = user2.secrets;
      if (refreshToken === void 0) return { type: "grantRefused", why: "invalid_grant" };
      const answer4 = await sent(refreshTokenCall(client, refreshToken));
      return answer4.type === "answer" ? readTokens(answer4) : answer4;
    }
    case "updateUser": {
      if (newId === null || oneupUserId === null) return { type: "refused", why: "nothing_to_rename" };
      const renamed = { appUserId: newId, oneupUserId };
      const answer4 = await sent(updateUserCall(client, renamed));
      const outcome = answer4.type === "answer" ? readUpdatedUser(answer4, renamed) : answer4;
      return outcome.type === "updated" ? { type: "updated", appUserId: newId } : outcome;
    }
    case "purge": {
      const version2 = user2.position.context.toPurge?.[0];
      if (version2 === void 0 || oneupUserId === null) return { type: "refused", why: "nothing_to_purge" };
      const answer4 = await sent(purgeCall(client, { oneupUserId, version: version2 }));
      return answer4.type === "answer" ? readPurge(answer4) : answer4;
    }
  }
}
function newIdOf({ hidden }, { id: id2, position }) {
  const { rename: rename5 } = position.context;
  if (rename5 === null) return null;
  return hidden === null ? rename5.to : hidden.open(id2, rename5.to);
}
function applyOutcome(user2, outcome, now, scope = "plain") {
  if (isAboutAnother2(outcome) && user2.position.state === "reauthorizing") {
    const event2 = { type: "REFUSED_WITHOUT_REASON", at: now.at, why: outcome.why };
    return afterAnother(stepped({ ...user2, intent: null, pause: null }, event2), now);
  }
  if (isInconclusive(outcome)) {
    const doubt = doubtAbout(user2.position, outcome.type);
    const until = mayArriveUntil(user2.position, outcome.type, now);
    const kept2 = scope === "kept" ? doubt?.whileDown : void 0;
    const after3 = inDoubt(user2, kept2 ?? doubt, now, until);
    return isAboutAnother2(outcome) ? afterAnother(after3, now) : after3;
  }
  const event = eventOf(user2.position.state, outcome, now.at, user2.intent?.at);
  const after2 = stepped({ ...user2, intent: null, pause: null }, event);
  return {
    ...after2,
    secrets: held(after2.position.state, { ...user2.secrets, ...newSecrets(outcome) }, user2.secrets),
    pause: pauseBetween(user2, outcome, after2, now, scope),
    ...hasTokens(outcome) && onceArrived(after2)
  };
}
function pauseBetween(user2, outcome, after2, now, scope) {
  if (isRenaming(user2.position.state) && !isRenaming(after2.position.state))
    return pauseOf("nextCode", after2.position, now);
  const pause = pauseAfter(outcome, after2, now, scope);
  return isUnsureCreate(user2, outcome) && after2.position.state !== "failed" ? leftToArrive(pause, after2.position, now) : pause;
}
function isUnsureCreate({ position }, { type: type2 }) {
  return callOf(position.state) === "createUser" && (type2 === "blocked" || type2 === "unexplained");
}
function hasTokens({ type: type2 }) {
  return type2 === "tokens" || type2 === "authorized";
}
function onceArrived({ origin }) {
  return {
    lane: "recovery",
    origin: origin && {
      ...origin,
      /* seam: a-first-token-is-an-arrival */
      arrived: true
    }
  };
}
function applyNoOutcome(user2, times2) {
  const now = { ...times2, random: 0 };
  const until = mayArriveUntil(user2.position, "died", now);
  return inDoubt(user2, doubtAbout(user2.position, "died"), now, until);
}
function inDoubt(user2, doubt, now, until) {
  const settled2 = { ...user2, intent: null, pause: null };
  if (doubt === void 0) return settled2;
  const after2 = stepped(settled2, { type: doubt.event, at: now.at, mayArriveUntil: until });
  return {
    ...after2,
    secrets: held(after2.position.state, user2.secrets, user2.secrets),
    pause: pauseOf(doubt.waits, after2.position, now)
  };
}
function afterAnother(user2, now) {
  const { state, context } = user2.position;
  if (state === "failed" || state === "locating" || state === "renameInDoubt") return user2;
  const pause = user2.pause ?? pauseOf("nextCode", user2.position, now);
  const times2 = context.refusals?.times ?? Math.max(1, context.attempt);
  const until = Math.max(pause?.until ?? 0, now.at + halfJitter(afterOddAnswer, times2, now.random));
  return { ...user2, pause: { reason: "otherUsers", until } };
}
function isInconclusive(outcome) {
  return isEnding(outcome.type);
}
function eventOf(state, outcome, at, askedAt2) {
  switch (outcome.type) {
    case "created":
      return { type: "USER_CREATED", at, user: outcome };
    case "authorized":
      return { type: "USER_AUTHORIZED", at, user: outcome, expiresAt: outcome.tokens.expiresAt };
    case "exists":
      return { type: "USER_EXISTS", at };
    case "missing":
      return { type: "USER_MISSING", at };
    case "code":
      return { type: "CODE_ISSUED", at, user: outcome };
    case "found":
      return { type: "USER_FOUND", at, user: outcome.user };
    case "elsewhere":
      return { type: "FOUND_ELSEWHERE", at, user: outcome.user };
    case "updated":
      return { type: "USER_RENAMED", at };
    case "conflict":
      return { type: "REFUSED", at, why: "app_user_id_taken" };
    case "corrected":
      return { type: "NUMBER_CORRECTED", at, user: outcome.user };
    case "refuted":
      return { type: "NUMBER_REFUTED", at, why: outcome.why };
    case "purged":
      return { type: "PURGED", at };
    case "cut":
      return { type: "PURGE_CUT", at };
    case "tokens":
      return { type: "TOKEN_GRANTED", at, expiresAt: outcome.tokens.expiresAt };
    case "grantRefused":
      return state === "codeIssued" ? { type: "CODE_REFUSED", at, askedAt: askedAt2 } : { type: "GRANT_LOST", at };
    case "throttled":
    case "credentialsRefused":
      return { type: "HELD", at };
    case "blocked":
      return state === "created" ? { type: "IN_DOUBT", at } : { type: "HELD", at };
    case "others":
      return { type: "FOUND_OTHERS", at, search: outcome.search };
    case "unexplained":
      return { type: "REFUSED_WITHOUT_REASON", at, why: outcome.why };
    case "refused":
      return { type: "REFUSED", at, why: outcome.why };
  }
}
function newSecrets(outcome) {
  const ofTokens = ({ accessToken, refreshToken }) => (
    // seam: a-refresh-token-stays-until-another-comes
    refreshToken === void 0 ? { accessToken } : { accessToken, refreshToken }
  );
  switch (outcome.type) {
    case "created":
    case "code":
      return { code: outcome.code };
    case "authorized":
    case "tokens":
      return ofTokens(outcome.tokens);
    default:
      return {};
  }
}
var none3 = {};
function held(state, secrets, before2) {
  const kept2 = keptIn(state, secrets);
  const same2 = ["code", "accessToken", "refreshToken"].every(
    (name2) => kept2[name2] === before2[name2]
  );
  return same2 ? before2 : kept2;
}
function keptIn(state, { code: code2, accessToken, refreshToken }) {
  switch (state) {
    case "codeIssued":
      return code2 === void 0 ? none3 : { code: code2 };
    case "tokenActive":
    case "expiring":
    case "refreshed":
    case "reauthorized":
    case "renaming":
    case "renameInDoubt":
      return { ...accessToken && { accessToken }, ...refreshToken && { refreshToken } };
    case "created":
    case "reauthorizing":
    case "locating":
    case "failed":
    case "identifying":
    case "offboarding":
    case "offboarded":
      return none3;
  }
}

// src/runtime/user/tombstone.ts
var tombstone = { forgotten: true };
var tombstoneKey = "forgotten";
function isTombstone(value2) {
  return isObject(value2) && value2["forgotten"] === true;
}
var beforeMarks = "";
function isTombstoneId(id2) {
  return id2.startsWith(beforeMarks);
}
function tombstoneId({ hidden, sealer }, id2) {
  return `${beforeMarks}${hidden === null ? sealer.keyedName(id2) : hidden.key(id2)}`;
}
function underNewId({ hidden }, user2, to) {
  const form3 = (id2) => hidden === null ? id2 : hidden.form(id2);
  const former = /* @__PURE__ */ new Set([...user2.former, form3(user2.id)]);
  former.delete(form3(to));
  return { ...user2, id: to, former: [...former] };
}

// src/runtime/engine/load-user.ts
async function findUser(engine, id2, read7 = readUser) {
  const found = await lookForUser(engine, id2, read7);
  return found.user === null ? null : found;
}
async function lookForUser(engine, id2, read7 = readUser) {
  const record = await recordOf2(engine, id2);
  if (record !== null) return { user: read7(record, engine.sealer), record };
  const revision = await tombstoneRevision(engine, id2);
  return { user: null, isForgotten: revision > 0, revision };
}
async function tombstoneRevision(engine, id2) {
  const left = await engine.store.load(tombstoneId(engine, id2));
  return left.type === "record" && isTombstone(left.record.value) ? left.record.revision : 0;
}
function leadsToTombstone(engine, id2, loaded) {
  return loaded.type === "renamed" && loaded.to === tombstoneId(engine, id2);
}
async function recordOf2(engine, id2) {
  const loaded = await engine.store.load(id2);
  switch (loaded.type) {
    case "absent":
      return null;
    case "renamed":
      if (leadsToTombstone(engine, id2, loaded)) return null;
      throw new LifecycleError(
        "RENAMED",
        `Cannot use user ${engine.sealer.alias(id2)}: it has another app_user_id now, see facts.renamedTo`,
        { facts: { renamedTo: loaded.to } }
      );
    case "record":
      if (!engine.sealer.knows(loaded.record.value)) await engine.keys.renew();
      return loaded.record;
  }
}
async function loadRecord(engine, id2) {
  const record = await recordOf2(engine, id2);
  if (record !== null) return record;
  throw unknownUser(engine, id2);
}
async function loadUser(engine, id2, read7 = readUser) {
  const found = await findUser(engine, id2, read7);
  if (found !== null) return found;
  throw unknownUser(engine, id2);
}
async function* pagesOfUserIds({ store }, limit3, indexKey2) {
  for (let after2, isFull = true; isFull; ) {
    const ids = await store.page({ state: indexKey2, after: after2, limit: limit3 });
    yield ids.filter((id2) => !isTombstoneId(id2));
    after2 = ids.at(-1);
    isFull = ids.length === limit3;
  }
}
async function* listUserIds(engine, limit3, indexKey2) {
  for await (const ids of pagesOfUserIds(engine, limit3, indexKey2)) yield* ids;
}
function isLeased(record) {
  return record.lease !== null && record.lease.leftMs > 0;
}
function isBusy({ user: user2, record }) {
  return user2.intent !== null || isLeased(record) || isRenaming(user2.position.state);
}
function unknownUser({ sealer }, id2) {
  return new LifecycleError(
    "USER_UNKNOWN",
    `Cannot find user ${sealer.alias(id2)}: this store has no such app_user_id; call onboard() first`
  );
}

// src/runtime/user/history-of.ts
function historyOf({ history: history2, meters }) {
  const unnoted = history2.length - meters.length;
  const isWhole = unnoted === 0 && history2.length < keptSteps;
  return history2.map(([at, to, event], index) => {
    const meter = meters[index - unnoted];
    const before2 = index === 0 && isWhole ? [0, 0, 0] : meters[index - unnoted - 1];
    return {
      at: new Date(at),
      from: history2[index - 1]?.[1] ?? null,
      to,
      event,
      why: stepInWords(event, history2[index - 1]?.[1] ?? null, to),
      attempt: meter?.[0] ?? null,
      spent: meter === void 0 || before2 === void 0 ? null : { management: meter[1] - before2[1], token: meter[2] - before2[2] }
    };
  });
}
function stepInWords(event, from, to) {
  if (event === "USER_MISSING" && to === "offboarded")
    return "1upHealth did not know it (any more), so the purge that was requested was not carried out";
  if (event === "USER_MISSING" && (to === "identifying" || from === to && (to === "locating" || to === "renameInDoubt")))
    return "1upHealth did not list it, which proves little: it is looked up again";
  return eventInWords(event);
}
function eventInWords(event) {
  return Object.hasOwn(events, event) ? events[event] : event;
}
var events = {
  ONBOARD: "the application asked for it",
  EXPECT_EXISTING: "it is known to exist at 1upHealth",
  ADOPTED: "the application supplied its grant",
  USER_CREATED: "1upHealth created it and issued a code",
  USER_AUTHORIZED: "1upHealth created it and issued tokens",
  USER_EXISTS: "1upHealth answered that it already exists",
  USER_MISSING: "1upHealth answered that it does not exist",
  USER_FOUND: "1upHealth lists it under this app_user_id",
  FOUND_ELSEWHERE: "1upHealth lists it under another app_user_id",
  RENAME: "the application gives it another app_user_id",
  USER_RENAMED: "1upHealth gave it the new app_user_id",
  ID_TAKEN: "another user here has the app_user_id it has at 1upHealth",
  NUMBER_CONFIRMED: "1upHealth lists its oneup_user_id under this app_user_id",
  NUMBER_CORRECTED: "1upHealth lists this app_user_id with another oneup_user_id, which replaced the doubtful one",
  NUMBER_REFUTED: "1upHealth lists its oneup_user_id, which nothing had confirmed, under another app_user_id",
  CODE_ISSUED: "1upHealth issued a code",
  CODE_REFUSED: "the token endpoint refused the code",
  TOKEN_GRANTED: "the token endpoint issued tokens",
  TOKEN_REJECTED: "1upHealth rejected the access token",
  GRANT_LOST: "the token endpoint refused the refresh token",
  IN_DOUBT: "the outcome of the call is unknown",
  HELD: "the call was postponed",
  REFUSED_WITHOUT_REASON: "1upHealth refused the call without a reason, or answered about another user",
  FOUND_OTHERS: "1upHealth listed other users, and not this one",
  REFUSED: "1upHealth refused the call for good",
  DUE: "the access token is about to expire",
  REAUTHORIZE: "the application asked for a fresh grant",
  RETRY: "the application asked to try again",
  OFFBOARD: "the application offboarded it and requested a purge",
  PURGED: "1upHealth erased the data of one FHIR version",
  PURGE_CUT: "1upHealth stopped erasing midway",
  OFFBOARDED: "the application offboarded it"
};

// src/runtime/user/user-status.ts
function describeUser(user2, windowMs, now, blocked = null) {
  const { state, context } = user2.position;
  const usable2 = isUsable(user2, now);
  const authorized = state === "tokenActive" || state === "refreshed" || state === "reauthorized";
  const due = refreshAt(user2, windowMs);
  const expiring = authorized && now >= due;
  return {
    appUserId: user2.id,
    oneupUserId: context.oneupUserId,
    state: expiring ? "expiring" : state,
    since: new Date(expiring ? due : enteredAt(user2, now)),
    usable: usable2,
    expiresAt: dateOf(context.expiresAt),
    provisionalUntil: usable2 ? dateOf(provisionalUntil(user2, now)) : null,
    active: context.active,
    purge: context.toPurge === null && context.purged === null && context.unpurged === null ? null : { done: context.purged ?? [], left: context.toPurge ?? [], skipped: context.unpurged },
    conflict: context.idTaken ? "idTaken" : null,
    pause: pauseOf2(user2, blocked),
    failure: context.failure,
    underWay: user2.intent?.call ?? null,
    calls: user2.calls,
    history: historyOf(user2)
  };
}
function dateOf(at) {
  return at === null ? null : new Date(at);
}
function pauseOf2({ pause, position }, blocked) {
  if (blocked !== null && blocked.until >= (pause?.until ?? 0)) {
    return { reason: blocked.reason, until: new Date(blocked.until), attempt: blocked.attempt };
  }
  return pause && {
    reason: pause.reason,
    until: new Date(pause.until),
    attempt: position.context.attempt + 1
  };
}
function enteredAt({ history: history2, position }, now) {
  const before2 = history2.findLastIndex(([, state]) => state !== position.state);
  return history2[before2 + 1]?.[0] ?? now;
}
function isUsable(user2, now) {
  const { expiresAt } = user2.position.context;
  return user2.secrets.accessToken !== void 0 && expiresAt !== null && now < expiresAt;
}
var longestArrivalMs = 5 * 6e4;
function provisionalUntil({ position }, now) {
  const { mayArriveUntil: mayArriveUntil2 } = position.context;
  const leftMs2 = (mayArriveUntil2 ?? 0) - now;
  return leftMs2 > 0 && leftMs2 <= longestArrivalMs ? mayArriveUntil2 : null;
}
function refreshAt(user2, windowMs) {
  const { expiresAt, grantedAt } = user2.position.context;
  if (expiresAt === null) return 0;
  const life2 = expiresAt - (grantedAt ?? expiresAt - 2 * windowMs);
  return expiresAt - Math.min(windowMs * (1 + 0.2 * share(user2.id)), life2 / 2);
}
var identifiedForMs = 15 * 6e4;
function awake(user2, windowMs, now, at = now) {
  const { state, context } = user2.position;
  const authorized = state === "tokenActive" || state === "refreshed" || state === "reauthorized";
  const isOld = state === "offboarding" && user2.intent === null && at - (context.identifiedAt ?? 0) > identifiedForMs;
  const isDue = isOld || authorized && now >= refreshAt(user2, windowMs);
  return isDue ? stepped(user2, { type: "DUE", at }) : user2;
}
function share(id2) {
  let hash = 2166136261;
  for (let index = 0; index < id2.length; index++) hash = Math.imul(hash ^ id2.charCodeAt(index), 16777619);
  return (hash >>> 0) / 2 ** 32;
}

// src/runtime/engine/schedule.ts
var spreadMs = 1e3;
var longestPollMs2 = 6e4;
var yieldPollMs = 1e4;
function schedule(engine, user2, waits) {
  if (waits !== null && waits !== "slot" && waits.yields)
    return { dueInMs: Math.min(yieldPollMs, Math.max(0, waits.until - engine.clock.now())), lane: null };
  const call2 = callOf(user2.position.state);
  const needsSlot = call2 !== void 0 && endpointOf(call2) === "management";
  if (waits !== null && needsSlot) return { dueInMs: null, lane: user2.lane };
  if (waits === null || waits === "slot") return { dueInMs: dueInMs(engine, user2), lane: null };
  return {
    dueInMs: isOwn(waits) ? spreadMs * engine.clock.random() : untilLookedMs(engine, waits),
    lane: null
  };
}
function isOwn({ reason }) {
  return reason === "forbidden" || reason === "credentials";
}
function untilLookedMs({ clock }, { until }) {
  return Math.min(longestPollMs2, Math.max(0, until - clock.now())) + spreadMs * clock.random();
}
function dueInMs(engine, user2) {
  const now = engine.clock.now();
  const { state, context } = user2.position;
  if (user2.pause !== null) return Math.max(0, user2.pause.until - now);
  if (callOf(state) !== void 0) return 0;
  if (context.expiresAt === null || state === "failed" || state === "offboarded") return null;
  switch (engine.settings.policy) {
    case "eager":
      return Math.max(0, refreshAt(user2, engine.settings.windowMs) - now);
    case "keepAlive":
      if (user2.secrets.refreshToken === void 0) return null;
      return Math.max(
        0,
        (context.grantedAt ?? now) + keepAliveMs * (0.9 + 0.1 * engine.clock.random()) - now
      );
    case "lazy":
      return null;
  }
}

// src/runtime/engine/deadline.ts
var defaultWaitMs = 3e4;
var answerMs5 = 6e3;
var orderMs = 2e3;
function onSilence(clock, ms, late) {
  const second2 = orderMs / 2;
  let cancel = clock.timer(ms - second2, () => cancel = clock.timer(second2, late));
  return () => cancel();
}
function untilGivenUp(clock, signal, task2) {
  if (signal === void 0) return task2;
  return untilAborted(signal, (late) => onSilence(clock, orderMs, late), task2);
}
function withDeadlines(clock, { closing, leaving }) {
  return ({ waitMs: waitMs2 = defaultWaitMs, signal } = {}, task2, callMs = 0) => {
    const until = clock.monotonic() + waitMs2;
    let over = false;
    const run16 = withSignals(signal, closing, (signal2) => task2({ until, signal: signal2, isOver: () => over }));
    return new Promise((resolve4, reject) => {
      const undo = [];
      let isEnded = false;
      const end3 = (settle2) => {
        isEnded = true;
        for (const each of undo.splice(0)) each();
        settle2();
      };
      const rejecting = (reason) => () => end3(() => reject(reason()));
      const late = () => {
        over = true;
        end3(() => reject(tooLate2()));
      };
      undo.push(onSilence(clock, Math.max(waitMs2, callMs) + answerMs5, late));
      for (const each of [leaving, signal])
        if (each !== void 0 && !isEnded)
          undo.push(
            onAbort(
              each,
              rejecting(() => each.reason)
            )
          );
      run16.then(
        (value2) => end3(() => resolve4(value2)),
        (error) => end3(() => reject(error))
      );
    });
  };
}
function retryLimit(clock, given2) {
  return given2 instanceof AbortSignal ? { signal: given2, leftMs: () => Infinity } : { signal: given2.signal, leftMs: () => given2.until - clock.monotonic() };
}
function inTimeFor({ isOver }) {
  if (isOver?.() === true) throw tooLate2();
}
function tooLate2() {
  return new LifecycleError(
    "STORE_UNAVAILABLE",
    `Cannot wait any longer: the store must answer within ${answerMs5} ms after waitMs, and it has not; try again`,
    { retryable: true }
  );
}

// src/runtime/user/index-key.ts
function indexKeyOf({ position, origin }) {
  return origin === null || origin.arrived ? position.state : indexKey(position.state, origin.name);
}
function indexKey(state, name2) {
  return `${state} ${name2}`;
}
function stateOf(key3) {
  const [state = ""] = key3.split(" ", 1);
  return isState(state) ? state : null;
}
function indexKeysOf(state, counts) {
  return Object.keys(counts).filter((key3) => stateOf(key3) === state);
}
function byState(counts) {
  const states = {};
  for (const [key3, count] of Object.entries(counts)) {
    const state = stateOf(key3);
    if (state !== null) states[state] = (states[state] ?? 0) + count;
  }
  return states;
}
function leftOf(name2, counts) {
  return byState(Object.fromEntries(Object.entries(counts).filter(([key3]) => key3.endsWith(` ${name2}`))));
}
function onTheirWay(name2, counts) {
  const isOver = (state) => state === "failed" || state === "offboarded" || isPurging(state);
  return Object.fromEntries(Object.entries(leftOf(name2, counts)).filter(([state]) => !isOver(state)));
}

// src/runtime/engine/save-user.ts
async function saveUser(engine, user2, retries, how, from = user2.overMark === user2.revision ? tombstoneId(engine, user2.id) : void 0) {
  const writeId = randomName(engine.clock);
  const hasOutcome = retries === true;
  const { clock, closing, leaving } = engine;
  const limit3 = retries === false ? null : retryLimit(clock, hasOutcome ? leaving : retries);
  let whileClosing = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      if (!engine.keys.isFresh) await checkKeys(engine, hasOutcome);
      const commit = {
        id: user2.id,
        value: writeUser(user2, engine.sealer),
        expectedRevision: user2.revision,
        writeId,
        state: indexKeyOf(user2),
        ...how,
        ...user2.revision === 0 && { unless: tombstoneId(engine, user2.id) }
      };
      const done = await (from === void 0 ? engine.store.commit(commit) : engine.store.move({ from, commit }));
      return attempt > 1 ? { ...done, unacknowledged: true } : done;
    } catch (error) {
      if (limit3 === null || !isLifecycleError(error)) throw error;
      const mayPass = hasOutcome && error.code === "STORE_UNUSABLE" && !isLostStore(error);
      if (!error.retryable && !mayPass) throw error;
      const isClosing = hasOutcome && closing.aborted;
      if (isClosing && /* seam: closing-waits-for-saves */
      leaving.aborted) throw error;
      const leftMs2 = limit3.leftMs();
      if (limit3.signal.aborted || leftMs2 <= 0) throw error;
      if (engine.keys.isTrouble(error)) throw error;
      const jitterMs = isClosing ? fullJitter(whileLeaving, ++whileClosing, clock.random()) : fullJitter(afterTrouble, attempt, clock.random());
      const ms = Math.min(leftMs2, jitterMs);
      const alias = engine.sealer.alias(user2.id);
      const { state } = user2.position;
      const fields = { user: alias, state, error: error.code, retryAt: retryField(clock.now(), ms) };
      engine.settings.logger.warn(fields, `Cannot save user ${alias} yet: ${error.message}; trying again`);
      const ends = hasOutcome && !isClosing ? closing : limit3.signal;
      await sleep(clock, ms, ends).catch((reason) => {
        if (ends === limit3.signal) throw reason;
      });
    }
  }
}
function samePlace({ dueInMs: dueInMs2, lane }) {
  return { dueInMs: dueInMs2 === null ? null : Math.max(0, dueInMs2), lane };
}
function saveIdle(engine, user2, place4, retries, from) {
  return saveUser(engine, user2, retries, { mode: "none", lease: newLease(engine), ...place4 }, from);
}
async function moveIdle(engine, user2, place4, limit3, from) {
  const done = await saveIdle(engine, user2, place4, limit3, from);
  if (done.type === "committed") engine.changes.rested({ ...user2, revision: done.revision }, place4);
  return done;
}
async function checkKeys({ keys }, hasOutcome) {
  try {
    await keys.renew();
  } catch (error) {
    if (!hasOutcome || isLifecycleError(error, "STORE_UNAVAILABLE")) throw error;
  }
}

// src/runtime/engine/move-user.ts
async function moveUser(engine, user2, to, ending) {
  const moved2 = underNewId(engine, user2, to);
  const place4 = schedule(engine, moved2, moved2.pause === null ? "slot" : null);
  const done = await saveUser(engine, moved2, true, { mode: "end", ...ending, ...place4 }, user2.id);
  if (done.type === "committed") {
    const rested = { ...moved2, revision: done.revision };
    engine.changes.rested(rested, place4);
    return { type: "rested", user: rested };
  }
  return await isTaken(engine, user2.id, to) ? null : { type: "overtaken" };
}
async function hasUser(engine, id2) {
  try {
    const { user: user2 } = await lookForUser(engine, id2);
    return user2 !== null && user2.position.state !== "offboarded";
  } catch (error) {
    if (!isLifecycleError(error) || error.retryable) throw error;
    return error.code !== "RENAMED";
  }
}
async function isTaken({ store }, from, to) {
  const [there, here] = [await store.load(to), await store.load(from)];
  return there.type === "record" && here.type === "record";
}

// src/runtime/user/token-time.ts
function tokenTime({ clock }, user2) {
  return clock.latest(user2.position.context.grantedAt ?? Number.NEGATIVE_INFINITY);
}
function isUsableNow(engine, user2) {
  return isUsable(user2, tokenTime(engine, user2));
}
function awakeNow(engine, user2) {
  return awake(user2, engine.settings.windowMs, tokenTime(engine, user2), engine.clock.now());
}

// src/runtime/engine/run-user.ts
function runUser(engine, user2, start) {
  const under2 = engine.running.get(user2.id);
  if (under2 !== void 0) {
    const again2 = () => runUser(engine, user2, start);
    return start?.by === "claimed" ? under2.then(again2, again2) : under2;
  }
  const from = start ?? { by: "free", lease: newLease(engine) };
  const way = withPermit(engine, user2, from).finally(() => engine.running.delete(user2.id));
  engine.running.set(user2.id, way);
  return way;
}
async function withPermit(engine, user2, start) {
  const permit2 = engine.account.permitFor(user2.id);
  try {
    return await onward(engine, user2, start, permit2);
  } finally {
    if (permit2.tries.size > 0) await engine.account.leave(permit2);
    if (permit2.exchangeSlot !== null) await engine.store.slots.giveBack(permit2.exchangeSlot).catch(() => {
    });
  }
}
async function onward(engine, start, from, permit2) {
  const { clock, guard, settings: settings2 } = engine;
  const { by, lease, stop: stop2 } = from;
  let { slot = null, notAfter = 0 } = from;
  const waited = by === "claimed" || slot !== null;
  let user2 = start.intent !== null ? awakeNow(engine, applyNoOutcome(start, momentOf(engine))) : waited ? { ...start, pause: null } : start;
  let mode = by === "claimed" ? "keep" : "take";
  let over = {};
  let hasOutcome = false;
  const rest = async (waits, retryInMs2 = 0) => {
    if (user2.position.state === "renaming")
      return { type: "notBegun", blocked: waits === "slot" ? null : waits, retryInMs: retryInMs2 };
    return end2(engine, user2, lease, mode, over, hasOutcome, waits);
  };
  for (; ; ) {
    const stopping2 = engine.closing.aborted || (stop2?.aborted ?? false);
    const call2 = nextCall(user2, clock.now(), stopping2);
    const endpoint2 = call2 === void 0 ? void 0 : endpointOf(call2);
    permit2.isAgain = heldInARow(user2.history) > 0;
    permit2.hasFailed = user2.position.context.exchanges > 0 || user2.position.context.codesSpent > 0;
    permit2.granted = slot === null || endpoint2 !== "management" ? null : { slot, notAfter };
    const blocked = call2 === void 0 ? null : await blockedBefore(engine, call2, permit2);
    if (endpoint2 === "management" && permit2.granted === null) slot = null;
    const unserved = stopping2 && slot !== null && !hasOutcome && callOf(user2.position.state) !== void 0;
    if (slot !== null && (endpoint2 !== "management" || blocked !== null)) {
      over = { giveBack: slot };
      slot = null;
    }
    if (blocked?.yields) user2 = { ...user2, pause: pauseFor(blocked) };
    if (call2 === void 0 || endpoint2 === void 0 || blocked !== null) {
      return rest(blocked ?? (unserved ? "slot" : null));
    }
    if (endpoint2 === "token" && permit2.exchangeSlot !== null) {
      [slot, permit2.exchangeSlot] = [permit2.exchangeSlot, null];
      notAfter = clock.monotonic() + settings2.timeoutMs;
    }
    const asked2 = call2 === "refreshToken" && isUsableNow(engine, user2) ? "refresh" : endpoint2;
    const lane = user2.position.state === "renaming" ? laneOfCalls(engine) : user2.lane;
    const ask2 = slot === null ? guard.ask(asked2, lane) : null;
    const intended = withIntent(engine, user2, call2);
    const done = await saveUser(engine, intended, hasOutcome, {
      mode,
      lease,
      dueInMs: null,
      lane: null,
      take: ask2?.slot,
      ...over
    });
    if (done.type === "conflict") return { type: "overtaken" };
    if (done.type === "refused") {
      user2 = { ...user2, pause: { reason: "rateLimit", until: clock.now() + done.retryInMs } };
      return rest(endpoint2 === "management" ? "slot" : null, done.retryInMs);
    }
    if (ask2 !== null) {
      slot = done.slot;
      notAfter = ask2.notAfter;
    }
    mode = "keep";
    user2 = { ...intended, revision: done.revision };
    engine.changes.moved(user2);
    const outcome = await performCall(engine, user2, call2, notAfter);
    from.onOutcome?.(outcome);
    if (isAboutAnother2(outcome)) reportAnother(engine, user2, call2);
    over = slotAfter(slot, slotFate(outcome.type));
    slot = null;
    const isTooEarly = mayBeTooEarly(user2, call2, outcome, permit2);
    const scope = isTooEarly ? "plain" : await reported(engine, user2, call2, outcome, permit2);
    user2 = applyOutcome(user2, outcome, momentOf(engine), scope);
    if (isTooEarly && await hasRegistered(engine)) user2 = { ...user2, pause: null };
    hasOutcome = true;
    if (outcome.type === "elsewhere" || outcome.type === "updated") {
      const isLeaving = isPurging(user2.position.state);
      const result = isLeaving ? null : await moveUser(engine, user2, outcome.appUserId, { lease, ...over });
      if (result !== null) return result;
      if (!isLeaving || await hasUser(engine, outcome.appUserId))
        user2 = stepped(user2, { type: "ID_TAKEN", at: clock.now() });
    }
  }
}
function reportAnother({ sealer, settings: settings2 }, { id: id2, position }, call2) {
  const alias = sealer.alias(id2);
  settings2.logger.warn(
    { user: alias, state: position.state, call: call2 },
    `The answer to ${call2} for user ${alias} is about another user of 1upHealth: it is not used, and the call is in doubt`
  );
}
function mayBeTooEarly({ position }, call2, outcome, permit2) {
  const isFirst = call2 === "exchangeCode" && position.context.exchanges === 0;
  return isFirst && outcome.type === "inDoubt" && permit2.tries.has("exchange") && permit2.probeCodeAt !== void 0;
}
function hasRegistered({ clock, closing }) {
  return sleep(clock, codeRegistersMs, closing).then(
    () => true,
    () => false
  );
}
function blockedBefore(engine, call2, permit2) {
  const limit3 = engine.guard.limits.token;
  const plain3 = limit3 === null || !bringsCode2(call2) || permit2.exchangeSlot !== null;
  return plain3 ? engine.account.enter(call2, permit2) : withPlaceForItsCode(engine, call2, permit2, limit3);
}
async function withPlaceForItsCode({ account, guard, store }, call2, permit2, limit3) {
  const blocked = await account.enter(call2, permit2);
  if (blocked !== null) return blocked;
  const holdMs = 2 * guard.holdMs;
  const taken3 = await store.slots.take({ limit: limit3, holdMs, lane: null });
  if (taken3.type === "taken") permit2.exchangeSlot = taken3.slot;
  else await account.leave(permit2);
  return taken3.type === "taken" ? null : account.full(taken3.retryInMs);
}
var inconclusive = ["notSent", "lost", "inDoubt", "throttled", "blocked"];
async function reported(engine, user2, call2, outcome, permit2) {
  const { account } = engine;
  const tried = permit2.tries.size > 0;
  if (!inconclusive.includes(outcome.type)) account.isDoubted = outcome.type === "credentialsRefused";
  if (outcome.type === "credentialsRefused" || outcome.type === "blocked" || outcome.type === "throttled") {
    if (call2 === "purge" && outcome.type !== "throttled") {
      await account.leave(permit2);
      return "own";
    }
    const trouble = await account.recordOutcome(call2, outcome, permit2);
    const triedInVain = tried && outcome.type === "credentialsRefused" && endpointOf(call2) === "management";
    return trouble === "own" || triedInVain ? "own" : "plain";
  }
  if (doubtAbout(user2.position, outcome.type)?.whileDown !== void 0) {
    if (!permit2.tries.has("exchange") || account.spendCode(permit2)) return "plain";
    await account.recordOutcome(call2, outcome, permit2);
    return "kept";
  }
  await account.recordOutcome(call2, outcome, permit2);
  return "plain";
}
function pauseFor({ reason, until }) {
  return { reason: reason === "unavailable" ? reason : "throttled", until };
}
function nextCall(user2, now, stopping2) {
  if (user2.pause !== null && user2.pause.until > now) return void 0;
  const call2 = callOf(user2.position.state);
  return stopping2 && call2 !== void 0 && endpointOf(call2) !== "token" ? void 0 : call2;
}
function withIntent(engine, user2, call2) {
  const kind = endpointOf(call2);
  const { calls } = user2;
  return {
    ...user2,
    pause: null,
    // seam: an-intent-is-saved-before-its-call-leaves
    intent: { call: call2, attempt: randomName(engine.clock), at: engine.clock.now() },
    calls: kind === "fhir" ? calls : { ...calls, [kind]: calls[kind] + 1 }
  };
}
async function end2(engine, user2, lease, mode, over, hasOutcome, waits) {
  const place4 = schedule(engine, user2, waits);
  const how = { mode: mode === "keep" ? "end" : "none", lease, ...place4, ...over };
  const saving = saveUser(
    engine,
    user2,
    /* seam: an-outcome-is-saved-in-the-end */
    hasOutcome,
    how
  );
  const rested = { ...user2, revision: user2.revision + 1 };
  if ((await saving).type !== "committed") return { type: "overtaken" };
  engine.changes.rested(rested, place4);
  return { type: "rested", user: rested };
}

// src/runtime/engine/lane.ts
async function comeForward(engine, found, lane) {
  for (let current = found; current !== null; current = await findUser(engine, found.user.id)) {
    const { user: user2, record } = current;
    if (!isBehind(current, lane)) return;
    const place4 = record.lane === null ? samePlace(record) : { dueInMs: null, lane };
    const done = await saveIdle(engine, { ...user2, lane }, place4, false);
    if (done.type === "committed") return;
  }
}
function isBehind({ user: user2, record }, lane) {
  const call2 = callOf(user2.position.state);
  const needsSlot = call2 !== void 0 && endpointOf(call2) === "management";
  const behind = lanes.indexOf(lane) < lanes.indexOf(record.lane ?? user2.lane);
  return behind && needsSlot && record.lease === null && user2.intent === null;
}

// src/runtime/engine/user-errors.ts
function statusOf(engine, user2) {
  return describeUser(user2, engine.settings.windowMs, tokenTime(engine, user2), blockedUser(engine, user2));
}
function notUsable(engine, user2) {
  return refusal(engine, user2) ?? notReady(engine, user2);
}
function refusal(engine, user2) {
  const who = `user ${engine.sealer.alias(user2.id)}`;
  const { state, context } = user2.position;
  if (state === "failed") {
    const reason = context.failure?.reason ?? "refused";
    if (isPurging(context.failure?.in ?? "")) {
      if (context.idTaken) return shared(engine, user2.id);
      if (reason === "anotherUser") return notItsNumber(engine, user2.id, "purge");
    }
    return new LifecycleError(
      "USER_FAILED",
      `Cannot use ${who}: its lifecycle failed in ${context.failure?.in} (${reason}: ${context.failure?.why}); retry() resumes from there`,
      { facts: { reason } }
    );
  }
  if (state === "offboarded") {
    return new LifecycleError(
      "USER_OFFBOARDED",
      `Cannot use ${who}: it was offboarded; onboard() starts over`
    );
  }
  if (isPurging(state)) {
    return new LifecycleError(
      "USER_OFFBOARDED",
      `Cannot use ${who}: it is being offboarded; onboard() starts over once its data are erased`
    );
  }
  const blocked = blockedUser(engine, user2);
  const alone = blocked === null ? refusedAlone(user2, engine.clock.now()) : null;
  if (alone !== null) {
    const isStopped = alone.reason === "forbidden";
    const what = isStopped ? "its calls are blocked before they reach 1upHealth" : "1upHealth refuses the client for it";
    return new LifecycleError(
      isStopped ? "FORBIDDEN" : "CREDENTIALS_REFUSED",
      `Cannot continue with ${who} now: ${what}, while calls of other users succeed; it is retried later, and retry() retries it at once`,
      { retryable: true, retryAfterMs: leftMs(engine, alone) }
    );
  }
  if (blocked?.reason === "credentials") {
    return new LifecycleError(
      "CREDENTIALS_REFUSED",
      `Cannot continue with ${who}: 1upHealth refuses the client id and secret; the user is kept and continues once they are right`
    );
  }
  if (blocked?.reason === "forbidden") {
    return new LifecycleError(
      "FORBIDDEN",
      `Cannot continue with ${who}: calls of this process are blocked before they reach 1upHealth, often because of its location; the user is kept and continues in any process that gets through`,
      { retryable: true, retryAfterMs: leftMs(engine, blocked) }
    );
  }
  return null;
}
function refusedAlone({ pause }, now) {
  const isRefused = pause?.reason === "forbidden" || pause?.reason === "credentials";
  return isRefused && pause.until > now ? pause : null;
}
function isHeldAlone(user2, now) {
  const { pause } = user2;
  const isThrottled = pause?.reason === "throttled" && pause.until > now;
  return isThrottled || refusedAlone(user2, now) !== null;
}
function leftMs({ clock }, { until }) {
  return Math.max(0, until - clock.now());
}
function notItsNumber({ sealer }, id2, verb8) {
  return new LifecycleError(
    "USER_CONFLICT",
    `Cannot ${verb8} user ${sealer.alias(id2)}: 1upHealth has its oneup_user_id, which nothing has confirmed, under the app_user_id of another user, and nothing was done; check which of the two is right (retry() looks the user up by its app_user_id)`
  );
}
function shared({ sealer }, id2) {
  return new LifecycleError(
    "USER_CONFLICT",
    `Cannot purge user ${sealer.alias(id2)}: it is one user at 1upHealth with another one here, whose data would be erased; offboard it without a purge`
  );
}
function stillPurged(engine, user2) {
  const pause = longer(blockedUser(engine, user2), user2.pause);
  return new LifecycleError(
    "USER_OFFBOARDED",
    `Cannot onboard user ${engine.sealer.alias(user2.id)} yet: its data at 1upHealth are being erased`,
    {
      retryable: true,
      retryAfterMs: pause === null ? void 0 : leftMs(engine, pause)
    }
  );
}
function blockedUser(engine, user2) {
  if (engine.account.isQuiet) return null;
  const call2 = callOf(awakeNow(engine, user2).position.state);
  return call2 === void 0 ? null : engine.account.blocked(call2);
}
function longer(blocked, pause) {
  return blocked !== null && blocked.until >= (pause?.until ?? 0) ? blocked : pause;
}
function notReady(engine, user2) {
  const pause = longer(blockedUser(engine, user2), user2.pause);
  const wait = pause === null ? void 0 : leftMs(engine, pause);
  const why = pause === null ? "a call is under way" : `it waits (${pause.reason})`;
  return new LifecycleError(
    "USER_NOT_READY",
    `Cannot use user ${engine.sealer.alias(user2.id)} yet: it is ${user2.position.state} and ${why}`,
    { retryable: true, retryAfterMs: wait }
  );
}

// src/runtime/engine/wait-for-user.ts
var firstLookMs = 25;
var longestLookMs = 1e3;
var longestRestMs = 5e3;
var firstWriteMs = 2;
async function waitForUser(engine, id2, deadline, arrived = settled) {
  const queue = new Queue(engine);
  try {
    return await untilArrived(engine, id2, { deadline, queue, arrived });
  } finally {
    queue.leave();
  }
}
var Queue = class {
  #engine;
  #leave = null;
  constructor(engine) {
    this.#engine = engine;
  }
  join() {
    this.#leave ??= this.#engine.lanes.join();
  }
  leave() {
    this.#leave?.();
  }
};
async function untilArrived(engine, id2, { deadline, queue, arrived }) {
  const began = engine.clock.monotonic();
  let look2 = firstLookMs;
  let rest = longestLookMs;
  for (; ; ) {
    deadline.signal.throwIfAborted();
    const found = await stored(engine, id2);
    const { user: user2, record } = found;
    const left = deadline.until - engine.clock.monotonic();
    const longest2 = lookAfter(engine.clock.monotonic() - began, longestLookMs);
    const next = awakeNow(engine, user2);
    const call2 = callOf(next.position.state);
    const blocked = call2 === void 0 ? null : await standing(engine, call2, deadline);
    if (arrived(engine, user2, blocked) || left <= 0) return user2;
    inTimeFor(deadline);
    const ours3 = engine.running.get(id2);
    if (ours3 !== void 0) {
      await within(engine, ours3, deadline);
    } else if (isLeased(record)) {
      await engine.changes.ofUser(id2, Math.min(left, look2, record.lease.leftMs), deadline.signal);
      look2 = Math.min(longest2, look2 * 2);
    } else if (deadline.lane !== void 0 && isBehind(found, deadline.lane)) {
      await comeForward(engine, found, deadline.lane);
    } else if (record.lane !== null && record.lease === null) {
      queue.join();
      const shutMs = blocked === null ? 0 : Math.min(rest, Math.max(0, blocked.until - engine.clock.now()));
      await engine.changes.ofUser(id2, Math.min(left, Math.max(longest2, shutMs)), deadline.signal);
      if (shutMs > 0) rest = Math.min(longestRestMs, rest * 2);
    } else if (restsMs(engine, found, blocked) > 0) {
      const ms = Math.min(left, restsMs(engine, found, blocked), Math.max(rest, longest2));
      await engine.changes.ofUser(id2, ms, deadline.signal);
      rest = Math.min(longestRestMs, rest * 2);
    } else {
      await within(engine, runUser(engine, { ...next, pause: null }), deadline);
    }
  }
}
async function standing(engine, call2, deadline) {
  const blocked = await within(engine, engine.account.recheck(call2), deadline);
  return blocked === void 0 ? engine.account.blocked(call2) : blocked;
}
function restsMs(engine, { user: user2, record }, blocked) {
  const pauseMs2 = user2.pause === null ? 0 : record.dueInMs ?? 0;
  return Math.max(pauseMs2, (blocked?.until ?? 0) - engine.clock.now());
}
async function stored(engine, id2) {
  for (let ours3 = engine.running.get(id2); ours3 !== void 0; ours3 = engine.running.get(id2)) {
    const found = await findUser(engine, id2).catch(noneIfDamaged);
    if (found !== null) return found;
    await Promise.race([ours3, sleep(engine.clock, firstWriteMs)]);
  }
  return loadUser(engine, id2);
}
function noneIfDamaged(error) {
  if (isLifecycleError(error, "RECORD_DAMAGED")) return null;
  throw error;
}
function settled(engine, user2, blocked) {
  const { state } = user2.position;
  if (state === "failed" || state === "offboarded" || isPurging(state)) return true;
  if (isUsableNow(engine, user2)) return true;
  if (blocked?.reason === "credentials" || blocked?.reason === "forbidden") return true;
  return blocked === null && refusedAlone(user2, engine.clock.now()) !== null;
}
var hasItsId = (_, { position }) => !isRenaming(position.state);
async function sendEvent(engine, id2, event, deadline, { read: read7 = loadUser, isMeant = () => true, lane = "interactive" } = {}) {
  let look2 = firstLookMs;
  for (; ; ) {
    deadline.signal.throwIfAborted();
    const { user: user2, record } = await read7(engine, id2);
    inTimeFor(deadline);
    if (!isMeant(user2)) return;
    const left = deadline.until - engine.clock.monotonic();
    const ours3 = engine.running.get(id2);
    const isIdle = ours3 === void 0 && !isLeased(record) && user2.intent === null;
    const next = isIdle ? stepped(user2, event) : user2;
    const isTriedAgain = event.type === "RETRY" && isHeldAlone(user2, engine.clock.now());
    if (isIdle && (next !== user2 || isTriedAgain || !isRenaming(user2.position.state))) {
      if (next === user2 && !isTriedAgain) return;
      const pause = pauseAcross(engine, { user: user2, record }, next);
      const work3 = runUser(engine, { ...isTriedAgain ? triedAfresh(next) : next, pause, lane });
      const result = await within(engine, work3, deadline);
      if (result === void 0) await firstWrite(engine, user2, work3, read7);
      if (result?.type === "rested" || result === void 0) return;
    } else if (left <= 0) {
      throw new LifecycleError(
        "USER_NOT_READY",
        `Cannot send ${event.type} to user ${engine.sealer.alias(id2)}: another call for it is under way`,
        { retryable: true }
      );
    } else if (ours3 !== void 0) {
      await within(engine, ours3, deadline);
    } else if (user2.intent !== null && !isLeased(record)) {
      await within(engine, runUser(engine, user2), deadline);
    } else if (isIdle) {
      await waitForUser(engine, id2, deadline, hasItsId);
    } else {
      await engine.changes.ofUser(id2, Math.min(left, look2), deadline.signal);
      look2 = Math.min(longestLookMs, look2 * 2);
    }
  }
}
function triedAfresh(user2) {
  const { state, context } = user2.position;
  return { ...user2, position: { state, context: { ...context, attempt: 0 } } };
}
function pauseAcross({ clock }, { user: user2, record }, next) {
  const { pause } = user2;
  const leftMs2 = record.dueInMs ?? 0;
  if (pause?.reason === "shortTokens" && next.position.state === "expiring" && leftMs2 > 0)
    return { ...pause, until: clock.now() + leftMs2 };
  const isSameCall = callOf(user2.position.state) === callOf(next.position.state);
  const arrivesMs = isSameCall ? mayArriveForMs(pause, leftMs2) : 0;
  return arrivesMs > 0 ? { reason: "unavailable", until: clock.now() + arrivesMs, mayArrive: true } : null;
}
async function firstWrite(engine, before2, work3, read7) {
  while (engine.running.has(before2.id)) {
    const { user: user2 } = await read7(engine, before2.id);
    if (user2.revision !== before2.revision) return;
    await Promise.race([work3, sleep(engine.clock, firstWriteMs)]);
  }
}
function within(engine, work3, { until, signal }) {
  return new Promise((resolve4, reject) => {
    if (signal.aborted) {
      work3.catch(() => {
      });
      return reject(signal.reason);
    }
    const abortable = signal === engine.closing ? void 0 : signal;
    const end3 = (settle2) => {
      cancel();
      unsubscribe?.();
      settle2();
    };
    const leftMs2 = Math.max(0, until - engine.clock.monotonic());
    const cancel = engine.clock.timer(leftMs2, () => end3(() => resolve4(void 0)));
    const unsubscribe = abortable && onAbort(abortable, () => end3(() => reject(signal.reason)));
    work3.then(
      (value2) => end3(() => resolve4(value2)),
      (error) => end3(() => reject(error))
    );
  });
}

// src/runtime/engine/until-idle.ts
async function whenIdle(engine, id2, { verb: verb8, deadline, load: load2, waitsFor = isBusy }, attempt) {
  for (let look2 = firstLookMs; ; look2 = Math.min(longestLookMs, 2 * look2)) {
    deadline.signal.throwIfAborted();
    const read7 = await load2();
    inTimeFor(deadline);
    const either = read7;
    const found = either === null || either.user === null ? null : either;
    if (engine.running.has(id2) || found !== null && waitsFor(found)) {
      await untilIdle(engine, verb8, { id: id2, found, look: look2, deadline });
      continue;
    }
    const done = await attempt(read7);
    if (done !== again) return done;
  }
}
var again = /* @__PURE__ */ Symbol("again");
async function untilIdle(engine, verb8, { id: id2, found, look: look2, deadline }) {
  const left = deadline.until - engine.clock.monotonic();
  if (left <= 0) {
    throw new LifecycleError(
      "USER_NOT_READY",
      `Cannot ${verb8}, ${engine.sealer.alias(id2)}: another call for it is under way`,
      { retryable: true }
    );
  }
  const ours3 = engine.running.get(id2);
  if (ours3 !== void 0 || found === null) {
    await within(engine, ours3?.catch(() => {
    }) ?? Promise.resolve(), deadline);
    return;
  }
  const { user: user2, record } = found;
  const leasedMs = record.lease?.leftMs ?? 0;
  const pauseMs2 = user2.pause === null ? 0 : record.dueInMs ?? 0;
  const restsMs2 = record.lane === null ? pauseMs2 : longestLookMs;
  if (leasedMs > 0 || restsMs2 > 0) {
    const ms = leasedMs > 0 ? Math.min(look2, leasedMs) : Math.min(longestLookMs, restsMs2);
    const leave = record.lane === null ? void 0 : engine.lanes.join();
    await engine.changes.ofUser(id2, Math.min(left, ms), deadline.signal).finally(leave);
    deadline.signal.throwIfAborted();
  } else await within(engine, runUser(engine, user2), deadline);
}

// src/runtime/operations/adopt.ts
var names2 = { oneupUserId: true, refreshToken: true, accessToken: true, expiresAt: true };
var verb2 = "adopt a user";
function checkGrant(grant2) {
  const { oneupUserId, refreshToken, accessToken, expiresAt } = only(verb2, "the grant", grant2, names2);
  if (accessToken === void 0 !== (expiresAt === void 0)) {
    throw refused2("accessToken and expiresAt must come together, or neither");
  }
  if (expiresAt !== void 0 && !(expiresAt instanceof Date && Number.isFinite(expiresAt.getTime()))) {
    throw refused2("expiresAt must be a valid Date");
  }
  return {
    oneupUserId: checkValue(verb2, "oneupUserId", oneupUserId, whole(1)),
    refreshToken: secret("refreshToken", refreshToken),
    access: expiresAt === void 0 ? null : { token: secret("accessToken", accessToken), expiresAt: expiresAt.getTime() }
  };
}
function secret(name2, value2) {
  if (typeof value2 === "string" && /^[\x21-\x7e]{1,16384}$/.test(value2)) return new Secret(value2);
  throw refused2(`${name2} must be a token: 1 to 16384 printable characters without spaces`);
}
function refused2(rule) {
  return new LifecycleError("INVALID_OPTION", `Cannot ${verb2}: ${rule}`);
}
async function adopt(engine, id2, grant2, deadline, source) {
  let unacknowledgedAt = null;
  const load2 = async () => {
    const there = await lookForUser(engine, id2);
    if (there.user !== null) refuseAnother(engine, there.user, grant2);
    return there;
  };
  return whenIdle(engine, id2, { verb: verb2, deadline, load: load2 }, async (there) => {
    const at = engine.clock.now();
    const before2 = there.user ?? newUser(id2, "recovery", at, there.revision);
    const user2 = adopted(before2, grant2, at);
    if (before2.history.some(([when, , event]) => event === "ADOPTED" && when === unacknowledgedAt))
      return "adopted";
    if (user2 === before2 || isRecovering(before2)) return "present";
    if (source === "inList" && wasOffboarded(there)) return "present";
    const place4 = schedule(engine, user2, null);
    const done = await moveIdle(engine, user2, place4, deadline);
    if (done.type === "committed") return "adopted";
    if (done.unacknowledged === true) unacknowledgedAt = at;
    return again;
  });
}
function wasOffboarded(there) {
  return there.user === null ? there.isForgotten : there.user.position.state === "offboarded";
}
function refuseAnother({ sealer }, user2, { oneupUserId }) {
  const known3 = user2.position.context.oneupUserId;
  if (known3 === null || known3 === oneupUserId) return;
  const { failure: failure2 } = user2.position.context;
  if (failure2?.reason === "anotherUser" && !isPurging(failure2.in)) return;
  throw new LifecycleError(
    "USER_CONFLICT",
    `Cannot adopt user ${sealer.alias(user2.id)}: its oneup_user_id must be the one stored here, ${known3}, got ${oneupUserId}`
  );
}
function isRecovering({ position, history: history2 }) {
  const lost2 = history2.some(([, , event]) => event === "GRANT_LOST" || event === "REAUTHORIZE");
  return position.state === "reauthorizing" && lost2;
}
function adopted(user2, { oneupUserId, refreshToken, access }, at) {
  const expiresAt = access?.expiresAt ?? null;
  const after2 = stepped(user2, { type: "ADOPTED", at, user: { oneupUserId }, expiresAt });
  if (after2 === user2) return user2;
  const secrets = {
    /* seam: an-adopted-refresh-token-is-kept */
    refreshToken,
    ...access && { accessToken: access.token }
  };
  return {
    ...after2,
    secrets,
    pause: null,
    /* seam: an-adopted-user-has-arrived */
    ...onceArrived(after2)
  };
}

// src/runtime/operations/budget.ts
import { createStore } from "@xstate/store";

// src/runtime/operations/forecast.ts
async function forecast({ account, clock, guard }, calls, lane) {
  const [found] = await Promise.all([guard.forecast(calls, lane), account.refresh()]);
  const openMs = openInMs(account.gates(), clock.now());
  if (openMs === 0) return found;
  const { inMs: nextMs } = await guard.forecast(1, "interactive");
  return { ...found, inMs: putOff(found.inMs, nextMs, openMs) };
}
function putOff(inMs, nextMs, openMs) {
  return inMs + Math.max(0, openMs - Math.max(0, nextMs));
}
function openInMs(gates, now) {
  const shut = gatesBefore.createUser.filter((name2) => gates[name2].state !== "open");
  return Math.max(0, ...shut.map((name2) => gates[name2].until - now));
}

// src/runtime/operations/budget.ts
var gatherMs = 200;
var pollMs = 1e3;
async function viewOf(engine) {
  const { account, clock, running, guard, store } = engine;
  const [{ used, waiting: waiting2, inMs }, users3] = await Promise.all([
    forecast(engine, 1, "interactive"),
    store.counts()
  ]);
  return {
    at: new Date(clock.now()),
    used,
    of: guard.limits.management.calls,
    waiting: waiting2,
    nextInMs: inMs,
    users: byState(users3),
    shut: shutGates(account.gates()),
    running: running.size
  };
}
function createBudget(engine) {
  const { clock, closing } = engine;
  const view = {
    at: null,
    used: none,
    of: engine.guard.limits.management.calls,
    waiting: none,
    nextInMs: 0,
    users: {},
    shut: [],
    running: 0
  };
  const store = createStore({
    context: { view },
    on: { refreshed: (_, { view: view2 }) => ({ view: view2 }) }
  });
  let listeners = 0;
  let isRefreshing = false;
  async function refresh2() {
    const now = await viewOf(engine);
    store.trigger.refreshed({ view: now });
    return now;
  }
  async function keepFresh() {
    if (isRefreshing) return;
    isRefreshing = true;
    while (listeners > 0 && !closing.aborted) {
      const { latest: latest2 } = engine.changes;
      await refresh2().catch((error) => {
        engine.settings.logger.warn(
          { error: errorField(error) },
          `Cannot read the budget: ${inWords(error)}`
        );
      });
      await sleep(clock, gatherMs, closing).catch(() => {
      });
      await engine.changes.ofAnyUser(latest2, pollMs - gatherMs, closing);
    }
    isRefreshing = false;
  }
  return {
    get: () => store.get().context.view,
    refresh: refresh2,
    subscribe(listener) {
      checkValue("subscribe to the budget", "the listener", listener, aFunction);
      const { unsubscribe } = store.subscribe(
        ({ context }) => callListener(engine.settings.logger, "budget.subscribe()", listener, context.view)
      );
      if (++listeners === 1) void keepFresh();
      let ended = false;
      return () => {
        if (!ended) listeners--;
        ended = true;
        unsubscribe();
      };
    }
  };
}
function shutGates(gates) {
  const named = Object.entries(gates);
  return named.flatMap(
    ([gate2, { state, reason, until }]) => state === "open" ? [] : [{ gate: gate2, state, reason, until: new Date(until) }]
  );
}

// src/runtime/operations/call-checks.ts
var aLane = among(...lanes);
var waiting = { waitMs: between(0), signal: aSignal };
var retrying = { ...waiting, lane: aLane };
var onboarding = { ...retrying, expect: among("new", "existing") };
var working = {
  concurrency: whole(1, 1024),
  pollMs: between(10, 36e5),
  signal: aSignal
};
var calling = { as: among("user", "client"), strict: aSwitch, lossless: aSwitch };
var filtering = { state: among(...userStates) };
var offboarding = { ...waiting, purge: anything };
function checkWait(verb8, options) {
  return check(verb8, options, waiting);
}
function checkOnboarding(options) {
  return check("onboard", options, onboarding);
}
function checkRetrying(options) {
  return check("retry", options, retrying);
}
function checkOffboarding(options) {
  const verb8 = "offboard a user";
  const { purge: purge2 = false, ...checked2 } = check(verb8, options, offboarding);
  return { ...checked2, versions: someOf(verb8, "purge", purge2, fhirVersions) };
}
function checkWork(verb8, options) {
  return check(verb8, options, working);
}
function checkFhir(options) {
  return check("call FHIR", options, calling);
}
function checkFilter(filter) {
  return check("list users", filter, filtering);
}
function someOf(verb8, name2, asked2, all) {
  if (typeof asked2 === "boolean") return asked2 ? all : [];
  const rule = `true, false, or a list of ${all.join(", ")}`;
  if (!Array.isArray(asked2) || asked2.length === 0) throw wrong(verb8, name2, rule, asked2);
  const stranger = asked2.find((one) => !all.some((known3) => known3 === one));
  if (stranger !== void 0) throw wrong(verb8, name2, rule, stranger);
  return all.filter((known3) => asked2.includes(known3));
}

// src/runtime/bulk/bulk-checks.ts
var adopting = {
  everyMs: between(10, 864e5),
  onProgress: aFunction,
  signal: aSignal
};
var expectations = ["new", "existing"];
var aName = {
  must: "1 to 64 letters, digits and ._-",
  holds: (value2) => typeof value2 === "string" && /^[\w.-]{1,64}$/.test(value2)
};
var onboarding2 = {
  ...adopting,
  name: aName,
  lane: aLane,
  expect: {
    must: "one of new, existing, or a function",
    holds: (value2) => typeof value2 === "function" || expectations.includes(value2)
  }
};
var reconciling = {
  ...adopting,
  pageSize: whole(1, 1e3),
  onDifference: aFunction,
  repair: anything
};
function checkReconciling(options) {
  const { repair = false, ...checked2 } = check("reconcile", options, reconciling);
  return { ...checked2, repairs: someOf("reconcile", "repair", repair, ["adopt", "move"]) };
}
function checkOnboardingMany(rows, options) {
  const verb8 = "onboard a list";
  const checked2 = check(verb8, options, onboarding2);
  checkRows(verb8, rows);
  const name2 = checkValue(verb8, "name", checked2.name, aName);
  return { ...checked2, name: name2 };
}
function checkAdopting(rows, options) {
  const verb8 = "adopt a list";
  checkRows(verb8, rows);
  return check(verb8, options, adopting);
}
function checkRows(verb8, rows) {
  if (typeof rows === "object" && rows !== null && (Symbol.asyncIterator in rows || Symbol.iterator in rows))
    return;
  throw wrong(verb8, "the list", "an iterable or async iterable", rows);
}

// src/runtime/close.ts
var storeClosesMs = 1e4;
async function close(engine, { closing, leaving }, allAtRest) {
  const { clock, sender, settings: settings2, store } = engine;
  closing.abort(closed());
  const cancel = clock.timer(2 * settings2.timeoutMs, () => leaving.abort(closed()));
  try {
    await untilGivenUp(clock, leaving.signal, allAtRest());
  } catch {
    settings2.logger.warn(
      { users: engine.running.size },
      `Gave up waiting for ${engine.running.size} users who could not be saved: the store is unavailable`
    );
  } finally {
    cancel();
  }
  try {
    await sender.close();
  } finally {
    await inTime(systemClock, storeClosesMs, () => store.close(), hangs).catch((error) => {
      if (!(error instanceof Hanging)) throw error;
      settings2.logger.warn({}, inWords(error));
    });
    leaving.abort(closed());
  }
}
var Hanging = class extends Error {
};
function hangs() {
  return new Hanging(`Gave up waiting for the store: it has not closed within ${storeClosesMs} ms`);
}
function closed() {
  return new LifecycleError(
    "CLOSED",
    "Cannot go on: this lifecycle is closed; what was begun is kept, and another process resumes it"
  );
}

// src/fhir/auth.ts
function withTokens(tokens) {
  const proof = (token3) => ({
    on: (call2) => withHeaders(call2, { authorization: `Bearer ${token3}` }),
    async another(signal) {
      return tokens.rejected === void 0 ? null : proof(await tokens.rejected(token3, signal));
    },
    refused(task2, status2, tried) {
      const which = tried > 1 ? "accepted neither of two access tokens" : "does not accept the access token";
      return refusal2("FHIR_REFUSED", task2, which, status2);
    }
  });
  return async (signal) => proof(await tokens.get(signal));
}
function asClient(source) {
  const proof = (access) => ({
    on(call2) {
      const { clientId, clientSecret, oneupUserId } = access;
      return withHeaders(call2, {
        client_id: clientId,
        client_secret: clientSecret instanceof Secret ? clientSecret.reveal() : clientSecret,
        "x-oneup-user-id": String(oneupUserId)
      });
    },
    async another(signal) {
      return source.rejected === void 0 ? null : proof(await source.rejected(access, signal));
    },
    refused: (task2, status2) => refusal2("CREDENTIALS_REFUSED", task2, "does not accept the client id and secret for this user", status2)
  });
  return async (signal) => proof(await source.get(signal));
}
function withHeaders(call2, headers) {
  return describeCall({ ...call2, headers: { ...call2.headers, ...headers } });
}
function refusal2(code2, task2, which, status2) {
  return new LifecycleError(code2, `Cannot ${task2.words}: 1upHealth ${which} (${status2})`, { status: status2 });
}

// src/fhir/checks.ts
function checkVersion(version2) {
  if (!fhirVersions.some((known3) => known3 === version2))
    throw refuse("create a FHIR client", `version must be one of ${fhirVersions.join(", ")}`, shown2(version2));
}
var resourceId = /^[A-Za-z0-9\-.]{1,64}$/;
function isResourceId(id2) {
  return typeof id2 === "string" && resourceId.test(id2) && id2 !== "." && id2 !== "..";
}
function checkResourceId(task2, id2, what = "an id") {
  if (isResourceId(id2)) return id2;
  throw refuse(
    task2,
    `${what} must match ${resourceId.source}`,
    typeof id2 === "string" ? `${id2.length} characters` : kindOf(id2)
  );
}
var resourceTypeName = /^[A-Z][A-Za-z]+$/;
function checkType(task2, resourceType) {
  if (typeof resourceType !== "string" || resourceType.length > 64 || !resourceTypeName.test(resourceType))
    throw refuse(task2, `resourceType must match ${resourceTypeName.source}`, shown2(resourceType));
  return resourceType;
}
function checkResource(task2, resource) {
  if (!isPlain(resource)) throw refuse(task2, "a resource must be a plain object", kindOf(resource));
  checkType(task2, own(resource, "resourceType"));
  return resource;
}
function own(value2, name2) {
  return Object.hasOwn(value2, name2) ? value2[name2] : void 0;
}
function isPlain(value2) {
  if (!isObject2(value2)) return false;
  const prototype = Object.getPrototypeOf(value2);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
function refuse(task2, rule, value2) {
  return new LifecycleError("INVALID_RESOURCE", `Cannot ${task2}: ${rule}, got ${value2}`);
}
function shown2(value2) {
  return typeof value2 === "string" && value2.length <= 40 ? JSON.stringify(value2) : kindOf(value2);
}

// src/fhir/lossless-json.ts
import { LosslessNumber, stringify } from "lossless-json";
var remembered = /* @__PURE__ */ new WeakMap();
function parseFhirJson(text3) {
  return parseKnown(text3, survey(text3, unbounded) === "exact");
}
var unbounded = { depth: Number.POSITIVE_INFINITY, values: Number.POSITIVE_INFINITY };
function parseKnown(text3, isExact2) {
  const source = text3.charCodeAt(0) === 65279 ? text3.slice(1) : text3;
  const value2 = JSON.parse(source);
  if (!isExact2) remember(value2, source);
  return value2;
}
function stringifyFhirJson(value2) {
  if (!holdsDigits(value2)) return JSON.stringify(value2);
  return stringify(value2, function(name2, one) {
    const digits = digitsIn(this, name2);
    if (typeof one !== "number" || digits === void 0 || !Object.is(Number(digits), one)) return one;
    return new LosslessNumber(digits);
  });
}
function digitsIn(holder, name2) {
  return typeof holder === "object" && holder !== null ? remembered.get(holder)?.get(name2) : void 0;
}
var textOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
function remember(value2, source) {
  const quoted2 = source.replaceAll(textOrNumber, (found) => found.startsWith('"') ? found : `"${found}"`);
  const pairs = [[value2, JSON.parse(quoted2)]];
  for (let pair2 = pairs.pop(); pair2 !== void 0; pair2 = pairs.pop()) {
    const [plain3, exact] = pair2;
    if (!isHolder(plain3) || !isHolder(exact)) continue;
    for (const name2 of Object.keys(plain3)) {
      const [one, digits] = [plain3[name2], exact[name2]];
      if (isHolder(one)) pairs.push([one, digits]);
      else if (typeof one === "number" && typeof digits === "string" && String(one) !== digits)
        note(plain3, name2, digits);
    }
  }
}
function note(holder, name2, digits) {
  const all = remembered.get(holder) ?? /* @__PURE__ */ new Map();
  remembered.set(holder, all.set(name2, digits));
}
function holdsDigits(value2) {
  const found = new Set(isHolder(value2) ? [value2] : []);
  for (const holder of found) {
    if (remembered.has(holder)) return true;
    for (const one of Object.values(holder)) if (isHolder(one)) found.add(one);
  }
  return false;
}
function isHolder(value2) {
  return typeof value2 === "object" && value2 !== null;
}

// src/fhir/calls.ts
var accept = { accept: "application/json" };
var asJson = { "content-type": "application/json" };
function call({ api, version: version2 }, under_) {
  const { name: name2, method: method2, path: path2, template, query = "", headers, body } = under_;
  return describeCall({
    name: name2,
    endpoint: "fhir",
    method: method2,
    url: under(api, `/${version2}${path2}${query === "" ? "" : `?${query}`}`),
    template: `/${version2}${template}`,
    headers: { ...accept, ...body !== void 0 && asJson, ...headers },
    body
  });
}
function createResourceCall(place4, resourceType, body) {
  const path2 = `/${resourceType}`;
  return call(place4, { name: "fhirCreate", method: "POST", path: path2, template: path2, body });
}
function readResourceCall(place4, resourceType, id2) {
  const [path2, template] = [`/${resourceType}/${id2}`, `/${resourceType}/{id}`];
  return call(place4, { name: "fhirRead", method: "GET", path: path2, template });
}
function readVersionCall(place4, resourceType, id2, versionId) {
  const path2 = `/${resourceType}/${id2}/_history/${versionId}`;
  const template = `/${resourceType}/{id}/_history/{versionId}`;
  return call(place4, { name: "fhirVread", method: "GET", path: path2, template });
}
function updateResourceCall(place4, resourceType, id2, { method: method2, body, versionId }) {
  const [path2, template] = [`/${resourceType}/${id2}`, `/${resourceType}/{id}`];
  const headers = versionId === void 0 ? {} : { "if-match": `W/"${versionId}"` };
  return call(place4, { name: "fhirUpdate", method: method2, path: path2, template, body, headers });
}
function deleteResourceCall(place4, resourceType, id2) {
  const [path2, template] = [`/${resourceType}/${id2}`, `/${resourceType}/{id}`];
  return call(place4, { name: "fhirDelete", method: "DELETE", path: path2, template });
}
function permissionCall(place4, share2, id2, oneupUserId) {
  return call(place4, {
    name: share2 ? "fhirShare" : "fhirUnshare",
    method: share2 ? "PUT" : "DELETE",
    path: `/Patient/${id2}/_permission/${oneupUserId}`,
    template: "/Patient/{id}/_permission/{oneup_user_id}"
  });
}
function pageCall(place4, path2, query) {
  return call(place4, { name: "fhirPage", method: "GET", path: path2, query, template: templateOf(path2) });
}
function operationCall(place4, path2, query, body) {
  const method2 = body === void 0 ? "GET" : "POST";
  const described = { name: "fhirOperation", method: method2, path: path2, query, template: templateOf(path2) };
  return call(place4, body === void 0 ? described : { ...described, body });
}
function templateOf(path2) {
  const parts = path2.split("/").slice(1);
  return parts.map((part, index) => isName(part, index) ? `/${part}` : "/{id}").join("");
}
function isName(part, index) {
  return index === 0 && /^[A-Z][A-Za-z]{0,63}$/.test(part) || /^[$_][A-Za-z-]{1,63}$/.test(part);
}
function serialise(task2, resource) {
  let text3;
  try {
    text3 = stringifyFhirJson(resource);
  } catch {
  }
  if (text3 !== void 0) return text3;
  throw refuse(
    task2,
    "a resource must serialise as JSON",
    "one with a cycle or a value that JSON cannot hold"
  );
}

// src/fhir/pages/cursor.ts
import { Buffer as Buffer6 } from "node:buffer";
import { createHash as createHash3 } from "node:crypto";

// src/fhir/query.ts
var longestPage2 = 100;
var deepestSkip = 9990;
var paramName = /^[A-Za-z_][\w.:-]{0,127}$/;
function pairsOf(task2, params) {
  if (!isObject2(params)) throw wrong(task2, "search parameters", "an object", params);
  return Object.entries(params).flatMap(([name2, given2]) => {
    if (!paramName.test(name2))
      throw invalid(task2, `the name of a search parameter must match ${paramName.source}`, shown2(name2));
    const values = Array.isArray(given2) ? given2 : [given2];
    if (values.length === 0) throw invalid(task2, `${name2} must have a value`, "an empty list");
    return values.map((value2) => [name2, textOf3(task2, name2, value2)]);
  });
}
function textOf3(task2, name2, value2) {
  if (name2 === "_count") return within2(task2, name2, value2, 1, longestPage2);
  if (name2 === "_skip") return within2(task2, name2, value2, 0, deepestSkip);
  if (typeof value2 === "boolean" || typeof value2 === "number" && Number.isFinite(value2))
    return String(value2);
  if (typeof value2 === "string" && value2 !== "" && value2.isWellFormed()) return value2;
  const got = value2 === "" ? "an empty text" : typeof value2 === "string" ? "half a character" : kindOf(value2);
  throw invalid(task2, `${name2} must be text, a finite number, a boolean, or a list of them`, got);
}
function within2(task2, name2, value2, least, most) {
  const number2 = typeof value2 === "string" && /^\d{1,6}$/.test(value2) ? Number(value2) : value2;
  const { must, holds } = whole(least, most);
  if (holds(number2)) return String(number2);
  throw wrong(task2, name2, name2 === "_skip" ? `${must}, and searchAll() goes further` : must, value2);
}
function encoded([name2, value2]) {
  return `${encodeURIComponent(name2)}=${encodeURIComponent(value2)}`;
}
function queryOf2(pairs) {
  return pairs.map(encoded).join("&");
}

// src/fhir/pages/cursor.ts
function startOf({ path: path2, pairs }) {
  return { path: path2, query: queryOf2(pairs) };
}
function cursorOf(search2, { path: path2, query }) {
  const ours3 = search2.pairs.map(([name2, value2]) => JSON.stringify([name2, value2]));
  const parts = query.split("&").map((part) => {
    const [pair2] = new URLSearchParams(part);
    const index = pair2 === void 0 ? -1 : ours3.indexOf(JSON.stringify(pair2));
    return index < 0 ? part : index;
  });
  const all = [1, fingerprint(search2), path2 === search2.path ? 0 : path2, ...parts];
  return Buffer6.from(JSON.stringify(all)).toString("base64url");
}
function placeAt(search2, cursor) {
  const parts = read2(cursor);
  if (parts === null) throw refused3("a cursor must be one that a page or a walk gave, got another text");
  const [, print, path2, ...query] = parts;
  if (print !== fingerprint(search2))
    throw refused3("a cursor must be used with the type and the parameters it came from, got it with others");
  return {
    path: path2 === 0 ? search2.path : path2,
    query: query.map((part) => typeof part === "string" ? part : ours2(search2, part)).join("&")
  };
}
function ours2({ pairs }, index) {
  const pair2 = pairs[index];
  if (pair2 === void 0) throw refused3("a cursor must refer to what is searched for, got one that does not");
  return encoded(pair2);
}
function read2(cursor) {
  if (typeof cursor !== "string" || !/^[\w-]{1,32000}$/.test(cursor)) return null;
  try {
    const parts = JSON.parse(Buffer6.from(cursor, "base64url").toString("utf8"));
    return isParts(parts) ? parts : null;
  } catch {
    return null;
  }
}
function isParts(value2) {
  if (!Array.isArray(value2)) return false;
  const [format, print, path2, ...query] = value2;
  const isPath = path2 === 0 || typeof path2 === "string" && /^(?:\/[\w$-][\w$.-]*)*$/.test(path2);
  return format === 1 && typeof print === "string" && isPath && query.every(isPart);
}
function isPart(part) {
  return typeof part === "number" || typeof part === "string" && /^[!"$%'-~]*$/.test(part);
}
function fingerprint({ version: version2, path: path2, pairs }) {
  return createHash3("sha256").update(JSON.stringify([version2, path2, pairs])).digest("base64url").slice(0, 5);
}
function refused3(rule) {
  return new LifecycleError("INVALID_OPTION", `Cannot go on from a cursor: ${rule}`);
}

// src/fhir/pages/fhir-page.ts
import { createHash as createHash4 } from "node:crypto";

// src/fhir/pages/next-link.ts
var portTwice = /^(https?:\/\/[^/?#@]*?(:\d{1,5}))\2+(?=[/?#]|$)/i;
var longestLink = 16e3;
function nextLink(place4, from, link) {
  const base2 = new URL(under(place4.api, `/${place4.version}`));
  const start = link.startsWith("?") ? `${base2.href}${from.path}` : `${base2.href}/`;
  if (link.length > longestLink) throw refused9(`a link of more than ${longestLink} characters`);
  const repaired = link.replace(portTwice, "$1");
  if (!URL.canParse(repaired, start)) throw refused9("a link that is no URL");
  const target = new URL(repaired, start);
  if (target.origin !== base2.origin) throw refused9("a link to another origin");
  if (target.username !== "" || target.password !== "") throw refused9("a link with credentials in it");
  const path2 = target.pathname.slice(base2.pathname.length).replace(/\/$/, "");
  if (!target.pathname.startsWith(base2.pathname) || !/^(?:\/[\w$.-]+)*$/.test(path2))
    throw refused9("a link to another path");
  if (Number(target.searchParams.get("_skip") ?? 0) > deepestSkip)
    throw refused9(
      `a link beyond _skip ${deepestSkip}, where 1upHealth ends: narrow the search, by _lastUpdated`
    );
  return { path: path2, query: target.search.slice(1).replaceAll("|", "%7C") };
  function refused9(got) {
    return new LifecycleError(
      "BAD_ANSWER",
      `Cannot go to the next page: its link must stay under ${base2.href}, got ${got}; nothing was sent there`
    );
  }
}

// src/fhir/pages/visited.ts
var longest = 4096;
function createVisited() {
  const last = /* @__PURE__ */ new Map();
  let mark2;
  return {
    passed(place4, step2) {
      const earlier = last.get(place4) ?? (mark2?.place === place4 ? mark2.step : void 0);
      if (earlier !== void 0) return earlier !== step2;
      last.set(place4, step2);
      if (last.size > longest) {
        for (const oldest of last.keys()) if (last.delete(oldest)) break;
      }
      if (mark2 === void 0 || step2 >= 2 * mark2.step) mark2 = { place: place4, step: step2 };
      return false;
    }
  };
}

// src/fhir/pages/fhir-page.ts
var mostEmpty = 10;
function firstPage(source, here, signal) {
  return pageAt(source, { here, trail: createVisited(), step: 1, empty: 0 }, signal);
}
async function pageAt(source, at, signal) {
  const { trail, step: step2 } = at;
  const { place: here, bundle, content } = await source.load(at.here, signal);
  const places2 = [`${here.path}?${here.query}`, ...content.marks === "" ? [] : [content.marks]];
  const seen2 = places2.map((place4) => trail.passed(short(place4), step2));
  if (seen2.includes(true)) throw astray(source, "a page must not come again, got one a second time");
  const empty = content.marks === "" ? at.empty + 1 : 0;
  const next = content.next === void 0 ? null : followed(source, here, content.next);
  async function nextHere(signal2) {
    if (next === null) return null;
    if (isLifecycleError(next)) throw next;
    if (empty >= mostEmpty) throw astray(source, `pages must lead to something, got ${empty} empty ones`);
    return pageAt(source, { here: next, trail, step: step2 + 1, empty }, signal2);
  }
  const page2 = {
    resources: content.matches,
    included: content.included,
    issues: content.issues,
    total: content.total,
    nextCursor: next === null || isLifecycleError(next) ? void 0 : cursorOf(source.search, next),
    bundle,
    async next(options) {
      return (await nextHere(options?.signal))?.page ?? null;
    }
  };
  return { page: page2, here, next: nextHere };
}
function followed({ place: place4 }, here, link) {
  try {
    return nextLink(place4, here, link);
  } catch (error) {
    if (isLifecycleError(error)) return error;
    throw error;
  }
}
function short(place4) {
  return createHash4("sha256").update(place4).digest("base64url").slice(0, 16);
}
function astray({ task: task2 }, rule) {
  return new LifecycleError("BAD_ANSWER", `Cannot ${task2} any further: ${rule}`);
}

// src/fhir/pages/halving.ts
var usualCount = 10;
var pageNumber = /^_?page[-_]?(?:no|num|number|index)?$/i;
function halving(load2, asked2) {
  return async (place4, signal) => {
    for (let here = place4; ; ) {
      try {
        return await load2(here, signal);
      } catch (error) {
        if (!isLifecycleError(error, "ANSWER_TOO_BIG")) throw error;
        const smaller = halved(here, Math.max(asked2 ?? 0, usualCount));
        if (smaller === null) throw smallest(error);
        here = smaller;
      }
    }
  };
}
function halved({ path: path2, query }, unnamed) {
  const parts = query.split("&").filter((part) => part !== "");
  const named = parts.map((part) => nameAndValue(part));
  if (named.some(([name2]) => pageNumber.test(name2))) return null;
  const given2 = named.find(([name2]) => name2 === "_count")?.[1];
  const count = given2 === void 0 ? unnamed : Number(given2);
  if (!Number.isInteger(count) || count < 2) return null;
  const others = parts.filter((_, index) => named[index]?.[0] !== "_count");
  return { path: path2, query: [...others, encoded(["_count", String(Math.floor(count / 2))])].join("&") };
}
function nameAndValue(part) {
  const [pair2 = ["", ""]] = new URLSearchParams(part);
  return pair2;
}
function smallest({ message, cause }) {
  const why = `${message}; the page cannot be made smaller`;
  return new LifecycleError("ANSWER_TOO_BIG", why, cause === void 0 ? {} : { cause });
}

// src/fhir/capabilities.ts
var known2 = /* @__PURE__ */ new Map();
function capabilitiesOf(version2) {
  let capabilities = known2.get(version2);
  if (capabilities === void 0) {
    capabilities = load(version2).then(({ declared: declared5 }) => read3(version2, declared5));
    known2.set(version2, capabilities);
  }
  return capabilities;
}
function undeclared(capabilities, wanted2) {
  const { version: version2, types, operations } = capabilities;
  const statement = `the capability statement of 1upHealth for ${version2} declares no`;
  const { interaction, resourceType, params = [], operation } = wanted2;
  if (resourceType !== void 0 && !types.has(resourceType)) return `${statement} ${resourceType}`;
  if (interaction === "everything" || interaction === "permission") return null;
  if (interaction === "operation") {
    if (operation === void 0 || operations.has(operation)) return null;
    return `${statement} operation $${operation}`;
  }
  const type2 = resourceType === void 0 ? void 0 : types.get(resourceType);
  if (type2 === void 0) return null;
  if (!type2.interactions.has(interaction))
    return `${statement} ${inWords2[interaction] ?? interaction} of ${resourceType}`;
  const strange = params.find((name2) => !isDeclared(type2, name2));
  return strange === void 0 ? null : `${statement} search parameter ${strange} of ${resourceType}`;
}
var inWords2 = {
  "search-type": "search",
  "history-instance": "history",
  "history-type": "history of all resources",
  vread: "reading of versions"
};
var ofTheSearch = /* @__PURE__ */ new Set([
  "_after",
  "_before",
  "_contained",
  "_containedType",
  "_count",
  "_elements",
  "_format",
  "_has",
  "_include",
  "_revinclude",
  "_skip",
  "_sort",
  "_summary",
  "_total"
]);
function isDeclared({ searchParams }, name2) {
  const base2 = name2.split(/[:.]/, 1)[0] ?? name2;
  return ofTheSearch.has(base2) || searchParams.has(base2);
}
function load(version2) {
  switch (version2) {
    case "dstu2":
      return import("./declared-dstu2-W6E7YF65.mjs");
    case "stu3":
      return import("./declared-stu3-YSEGKJHX.mjs");
    case "r4":
      return import("./declared-r4-BE5EJQFH.mjs");
    default:
      return version2;
  }
}
function read3(version2, declared5) {
  const usual = new Set(words2(declared5.interactions));
  const shared3 = words2(declared5.searchParams);
  const types = declared5.types.trim().split("\n");
  return {
    version: version2,
    operations: new Set(words2(declared5.operations)),
    types: new Map(
      types.map((line) => {
        const [head = "", own2 = ""] = line.split(":");
        const [name2 = "", unusual] = head.split(" = ");
        const interactions2 = unusual === void 0 ? usual : new Set(words2(unusual));
        const searchable = interactions2.has("search-type") || own2 !== "";
        return [name2, { interactions: interactions2, searchParams: new Set(searchable ? [...shared3, ...words2(own2)] : []) }];
      })
    )
  };
}
function words2(text3) {
  return text3.split(/\s+/).filter((word2) => word2 !== "");
}

// src/fhir/fhir-issue.ts
var mostIssues = 20;
var word = /^[a-z-]{1,40}$/;
var place3 = /^[A-Za-z][\w.:/]*(\[\d{1,6}\][\w.:/]*)*$|^\/[\w.:/]*(\[\d{1,6}\][\w.:/]*)*$/;
function issuesIn(body) {
  const issues2 = field(body, "resourceType") === "OperationOutcome" ? field(body, "issue") : void 0;
  if (!Array.isArray(issues2)) return [];
  return issues2.slice(0, mostIssues).map((issue2) => {
    const severity = field(issue2, "severity");
    const code2 = field(issue2, "code");
    const at = places(field(issue2, "expression"));
    return {
      ...typeof severity === "string" && word.test(severity) && { severity },
      ...typeof code2 === "string" && word.test(code2) && { code: code2 },
      at: at.length > 0 ? at : places(field(issue2, "location"))
    };
  });
}
function places(value2) {
  if (!Array.isArray(value2)) return [];
  return value2.slice(0, mostIssues).filter((one) => typeof one === "string" && one.length <= 200 && place3.test(one));
}

// src/fhir/pages/read-bundle.ts
function readBundle(bundle, resourceType) {
  const { entry = [], link = [] } = bundle;
  if (!Array.isArray(entry) || !Array.isArray(link)) return "a Bundle whose entries and links are lists";
  const matches = [];
  const included = [];
  const issues2 = [];
  for (const one of entry) {
    const resource = field(one, "resource");
    if (resource === void 0 && isDeletion(one)) continue;
    const type2 = text(field(resource, "resourceType"));
    if (!isObject3(resource) || type2 === void 0) return "a resource in each entry of the Bundle";
    const mode = field(field(one, "search"), "mode");
    const wanted2 = resourceType === void 0 || resourceType === type2;
    if (type2 === "OperationOutcome" && resourceType !== type2) issues2.push(...issuesIn(resource));
    else if (mode === "include" || mode === void 0 && !wanted2) included.push(resource);
    else if (wanted2) matches.push(resource);
    else return `a ${resourceType} in each entry that matches`;
  }
  return {
    matches,
    included,
    issues: issues2,
    total: numeric(field(bundle, "total")),
    next: nextLink2(link),
    marks: [...matches, ...included].map(mark).join(" ")
  };
}
function isDeletion(entry) {
  return field(field(entry, "request"), "method") === "DELETE";
}
function nextLink2(links) {
  const next = links.find((link) => field(link, "relation") === "next");
  return text(field(next, "url"));
}
function mark(resource) {
  const { meta, resourceType, id: id2 } = resource;
  return [resourceType, id2, field(meta, "versionId", "lastUpdated")].map(String).join("/");
}

// src/fhir/fhir-response.ts
function readResponse(task2, answer4, lossless = true) {
  if (answer4.type === "notSent")
    return failed(task2, "UNAVAILABLE", "1upHealth could not be reached", {
      retryable: true,
      cause: answer4.cause
    });
  if (answer4.type === "lost") return unread2(task2, answer4.cause);
  const { status: status2 } = answer4;
  const body = lossless ? parse(answer4) : parseJson(answer4.text);
  const refusal6 = readRefusal(answer4, body);
  const isSuccess = status2 >= 200 && status2 < 300;
  const read7 = isSuccess ? readSuccess(task2, status2, body, answer4, refusal6.type) : null;
  if (read7 !== null && typeof read7 !== "string") return read7;
  const details = { status: status2, facts: { issues: issuesIn(body) } };
  switch (refusal6.type) {
    case "credentialsRefused":
      return { type: "proofRefused", status: status2 };
    case "throttled":
      return failed(task2, "RATE_LIMITED", "1upHealth answered 429", {
        status: status2,
        retryable: true,
        retryAfterMs: refusal6.retryAfterMs
      });
    case "blocked":
      if (status2 === 403) {
        const why = isObject3(body) ? "1upHealth does not allow it" : "it was blocked before it reached 1upHealth";
        return failed(task2, "FORBIDDEN", `${why} (403)`, details);
      }
      if (status2 === 401) return { type: "proofRefused", status: status2 };
      if (status2 >= 300 && status2 < 400)
        return unclear(task2, "UNAVAILABLE", `a redirect (${status2}) came, which is not followed`, { status: status2 });
      break;
    case "refused":
    case "unexplained":
    case "inDoubt":
      break;
    default:
      return refusal6;
  }
  const changes2 = task2.interaction === "update" || task2.interaction === "delete";
  if (changes2 && (status2 === 409 || status2 === 412))
    return failed(
      task2,
      "FHIR_CONFLICT",
      `it has changed meanwhile (${status2}); read it again first`,
      details
    );
  const isNo = status2 >= 400 && status2 < 500 && status2 !== 408 && status2 !== 425;
  if (isNo || isSuccess && task2.expects === "yes" && namesAnError(body))
    return failed(task2, "FHIR_REFUSED", `1upHealth refused it (${status2}${codes(body)})`, details);
  if (status2 >= 500 || status2 === 408 || status2 === 425)
    return unclear(task2, "UNAVAILABLE", `1upHealth answered ${status2}`, details);
  const id2 = task2.interaction === "create" ? idFrom(answer4, task2.resourceType) : void 0;
  const facts = { ...details.facts, ...id2 !== void 0 && { id: id2 } };
  const rule = `the answer (${status2}) must hold ${read7 ?? wanted(task2)}, got something else`;
  return unclear(task2, "BAD_ANSWER", rule, { status: status2, facts, retryable: !isObject3(body) });
}
function readSuccess(task2, status2, body, answer4, refusal6) {
  const nothing4 = answer4.text.trim() === "" && status2 !== 206;
  switch (task2.expects) {
    case "resource": {
      const writes = task2.interaction === "create" || task2.interaction === "update";
      const good = status2 === 200 || status2 === 201 && writes;
      return good && isResource(task2, body) ? { type: "done", resource: body } : wanted(task2);
    }
    case "page": {
      if (status2 !== 200 || !isObject3(body) || field(body, "resourceType") !== "Bundle") return wanted(task2);
      const page2 = readBundle(body, task2.resourceType);
      return typeof page2 === "string" ? page2 : { type: "done", resource: body, page: page2 };
    }
    case "anything":
      if (nothing4) return { type: "done", resource: null };
      return isObject3(body) && text(field(body, "resourceType")) !== void 0 ? { type: "done", resource: body } : wanted(task2);
    case "yes":
      return nothing4 || isObject3(body) && refusal6 === "inDoubt" && !namesAnError(body) ? { type: "done", resource: null } : wanted(task2);
    default:
      return task2.expects;
  }
}
function wanted({ expects, resourceType, id: id2 }) {
  switch (expects) {
    case "resource":
      return `a ${resourceType} with ${id2 === void 0 ? "an id" : "the id that was asked for"}`;
    case "page":
      return "a Bundle";
    case "anything":
      return "a resource";
    case "yes":
      return "a yes";
    default:
      return expects;
  }
}
function parse({ text: text3, isExact: isExact2 }) {
  try {
    return isExact2 === void 0 ? parseFhirJson(text3) : parseKnown(text3, isExact2);
  } catch {
    return void 0;
  }
}
function isResource(task2, body) {
  const id2 = field(body, "id");
  return isObject3(body) && field(body, "resourceType") === task2.resourceType && (task2.id === void 0 ? isResourceId(id2) : id2 === task2.id);
}
function idFrom(answer4, resourceType) {
  const location = Object.hasOwn(answer4.headers, "location") ? answer4.headers["location"] : void 0;
  const found = new RegExp(`(?:^|/)${resourceType}/([^/?#]+)`).exec(location ?? "")?.[1];
  return found !== void 0 && isResourceId(found) ? found : void 0;
}
function namesAnError(body) {
  return issuesIn(body).some(({ severity }) => severity === "error" || severity === "fatal");
}
function codes(body) {
  const names4 = new Set(issuesIn(body).map((issue2) => issue2.code ?? "unknown"));
  return names4.size > 0 ? `: ${[...names4].join(", ")}` : "";
}
function unread2(task2, cause) {
  const size = sizeRuleIn(cause);
  if (size === null) return unclear(task2, "UNAVAILABLE", "the answer was lost", { cause });
  return size.isBig ? unclear(task2, "ANSWER_TOO_BIG", `the response is too big: ${size.rule}; raise maxAnswerBytes`, {
    cause
  }) : unclear(task2, "BAD_ANSWER", size.rule, { cause });
}
function unclear(task2, readCode, why, details) {
  if (task2.doubt === void 0)
    return failed(task2, readCode, why, { retryable: readCode === "UNAVAILABLE", ...details });
  const message = `Cannot tell whether ${task2.doubt.whether}: ${why}; ${task2.doubt.advice}`;
  return { type: "error", error: new LifecycleError("IN_DOUBT", message, { ...details, retryable: false }) };
}
function failed(task2, code2, why, details) {
  return { type: "error", error: new LifecycleError(code2, `Cannot ${task2.words}: ${why}`, details) };
}

// src/fhir/execute.ts
async function execute({ version: version2, access, sender, strict, lossless }, task2, call2, signal) {
  signal?.throwIfAborted();
  if (strict) await refuseUndeclared(version2, task2);
  const first = await access(signal);
  let outcome = readResponse(task2, await sender.send(first.on(call2), { signal }), lossless);
  if (outcome.type === "proofRefused") {
    const second2 = await first.another(signal);
    if (second2 === null) throw first.refused(task2, outcome.status, 1);
    outcome = readResponse(task2, await sender.send(second2.on(call2), { signal }), lossless);
    if (outcome.type === "proofRefused") throw second2.refused(task2, outcome.status, 2);
  }
  if (outcome.type === "error") throw await explained(version2, task2, outcome.error);
  return outcome;
}
async function refuseUndeclared(version2, task2) {
  const why = undeclared(await capabilitiesOf(version2), task2);
  if (why !== null)
    throw new LifecycleError("NOT_DECLARED", `Cannot ${task2.words}: ${why}; nothing was sent`);
}
var saysCannot = /* @__PURE__ */ new Set([400, 404, 405, 422]);
async function explained(version2, task2, error) {
  if (error.code !== "FHIR_REFUSED" || !saysCannot.has(error.status ?? 0)) return error;
  const why = undeclared(await capabilitiesOf(version2), task2);
  if (why === null) return error;
  const { message, status: status2, facts, cause } = error;
  const details = { status: status2, facts: { ...facts, undeclared: true }, ...cause !== void 0 && { cause } };
  return new LifecycleError("FHIR_REFUSED", `${message}; ${why}`, details);
}

// src/fhir/operation.ts
function creating(resourceType) {
  return {
    interaction: "create",
    words: `create the ${resourceType}`,
    expects: "resource",
    resourceType,
    doubt: {
      whether: `the ${resourceType} was created`,
      advice: "it may exist, so look for it before you create it again"
    }
  };
}
function reading(resourceType, id2, interaction = "read") {
  const what = interaction === "read" ? "the" : "a version of the";
  return { interaction, words: `read ${what} ${resourceType}`, expects: "resource", resourceType, id: id2 };
}
function updating(resourceType, id2) {
  return {
    interaction: "update",
    words: `update the ${resourceType}`,
    expects: "resource",
    resourceType,
    id: id2,
    doubt: {
      whether: `the ${resourceType} was updated`,
      advice: "read it before you update it again"
    }
  };
}
function deleting(resourceType, id2) {
  return { interaction: "delete", words: `delete the ${resourceType}`, expects: "yes", resourceType, id: id2 };
}
function searching(resourceType, params) {
  return {
    interaction: "search-type",
    words: `search for ${resourceType} resources`,
    expects: "page",
    resourceType,
    params
  };
}
function lookingBack(resourceType, id2) {
  return {
    interaction: id2 === void 0 ? "history-type" : "history-instance",
    words: id2 === void 0 ? `read the history of ${resourceType} resources` : `read the history of the ${resourceType}`,
    expects: "page",
    resourceType
  };
}
var readingEverything = {
  interaction: "everything",
  words: "read everything of the Patient",
  expects: "page"
};
function permitting(share2) {
  const words4 = share2 ? "share the Patient" : "end the sharing of the Patient";
  return { interaction: "permission", words: words4, expects: "yes", resourceType: "Patient" };
}
function operating(operation, resourceType, posted) {
  return {
    interaction: "operation",
    words: `carry out $${operation}`,
    expects: "anything",
    resourceType,
    operation,
    ...posted && {
      doubt: {
        whether: `$${operation} was carried out`,
        advice: "find out before you repeat it"
      }
    }
  };
}

// src/fhir/pages/fhir-walk.ts
function createWalk(source, start, signal) {
  let place4 = start;
  async function* pages() {
    if (place4 === null) return;
    for (let at = await firstPage(source, place4, signal); at !== null; at = await at.next(signal)) {
      place4 = at.here;
      yield at.page;
    }
    place4 = null;
  }
  return {
    get cursor() {
      return place4 === null ? void 0 : cursorOf(source.search, place4);
    },
    pages,
    async *[Symbol.asyncIterator]() {
      for await (const { resources } of pages()) yield* resources;
    }
  };
}
var mostTries = 6;
var firstWaitMs = 250;
var longestWaitMs2 = 6e5;
function patient(load2, clock, ending) {
  return (place4, signal) => withSignals(signal, ending, async (signal2) => {
    for (let tries = 1; ; tries++) {
      try {
        return await load2(place4, signal2);
      } catch (error) {
        if (!isLifecycleError(error) || !error.retryable || tries === mostTries) throw error;
        const waitMs2 = error.retryAfterMs ?? firstWaitMs * 2 ** (tries - 1) * (0.5 + clock.random());
        if (waitMs2 > longestWaitMs2) throw error;
        await sleep(clock, waitMs2, signal2);
      }
    }
  });
}

// src/fhir/pages/page-verbs.ts
var ofPage = { signal: aSignal, cursor: anything };
var ofCount = { ...ofPage, count: whole(1, longestPage2) };
function pageVerbs({ place: place4, performer, clock, ending }) {
  function begin2(task2, path2, pairs, { cursor, signal }) {
    const search3 = { version: place4.version, path: path2, pairs };
    const start = cursor === void 0 ? startOf(search3) : placeAt(search3, cursor);
    const load2 = async (at, signal2) => {
      const call2 = pageCall(place4, at.path, at.query);
      const { resource, page: page2 } = await execute(performer, task2, call2, signal2);
      if (resource === null || page2 === void 0)
        throw new TypeError("Cannot read a page: the response has none");
      return { place: at, bundle: resource, content: page2 };
    };
    const count = pairs.find(([name2]) => name2 === "_count")?.[1];
    const asked2 = count === void 0 ? void 0 : Number(count);
    return { source: { place: place4, search: search3, task: task2.words, load: load2 }, asked: asked2, start, signal };
  }
  async function one({ source, asked: asked2, start, signal }) {
    return (await firstPage({ ...source, load: halving(source.load, asked2) }, start, signal)).page;
  }
  function all({ source, asked: asked2, start, signal }) {
    const load2 = halving(patient(source.load, clock, ending), asked2);
    return createWalk({ ...source, load: load2 }, start, signal);
  }
  function search2(resourceType, params, options) {
    checkType("search", resourceType);
    const words4 = `search for ${resourceType} resources`;
    const pairs = pairsOf(words4, params);
    const task2 = searching(resourceType, [...new Set(pairs.map(([name2]) => name2))]);
    const checked2 = check(words4, options, ofPage);
    return begin2(task2, `/${resourceType}`, pairs, checked2);
  }
  function counted(task2, path2, options) {
    const { count, ...checked2 } = check(task2.words, options, ofCount);
    return begin2(task2, path2, count === void 0 ? [] : [["_count", String(count)]], checked2);
  }
  return {
    search: async (resourceType, params = {}, options) => one(search2(resourceType, params, options)),
    searchAll: (resourceType, params = {}, options) => all(search2(resourceType, { _count: longestPage2, ...params }, options)),
    async history(resourceType, id2, options) {
      checkType("read the history", resourceType);
      const task2 = lookingBack(resourceType, id2);
      if (id2 !== void 0) checkResourceId(task2.words, id2);
      return one(counted(task2, `/${resourceType}${id2 === void 0 ? "" : `/${id2}`}/_history`, options));
    },
    everything(patientId, options) {
      const id2 = checkResourceId(readingEverything.words, patientId);
      return all(counted(readingEverything, `/Patient/${id2}/$everything`, options));
    }
  };
}

// src/fhir/recover-create.ts
var looksMs = [250, 500, 1e3, 1500, 1750];
async function recoverCreate(clock, find, resourceType, findBy, doubt, signal) {
  let trouble;
  for (const ms of looksMs) {
    await sleep(clock, ms, signal);
    let found = [];
    trouble = void 0;
    try {
      found = await find(resourceType, { ...paramsOf(findBy), _count: 2 }, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isLifecycleError(error)) throw error;
      trouble = error;
      if (!error.retryable) break;
    }
    if (!found.every((one) => carries(one, findBy)))
      throw more(doubt, "1upHealth does not search by that", void 0);
    if (found.length > 1) throw more(doubt, `there is more than one ${resourceType} with that`, found.length);
    if (found[0] !== void 0) return found[0];
  }
  if (trouble !== void 0) throw more(doubt, "searching for it failed too", void 0, trouble);
  throw more(doubt, "a search did not find it", 0);
}
function more(doubt, what, found, cause = doubt.cause) {
  const { status: status2, facts } = doubt;
  return new LifecycleError("IN_DOUBT", `${doubt.message}; ${what}`, {
    status: status2,
    facts: found === void 0 ? facts : { ...facts, found },
    ...cause !== void 0 && { cause }
  });
}
function checkFindBy(task2, findBy, resource) {
  if (findBy === void 0) return void 0;
  const [[name2, value2] = ["", void 0], ...others] = Object.entries(isObject2(findBy) ? findBy : {});
  if (others.length > 0 || name2 !== "identifier" && name2 !== "tag")
    throw invalid(
      task2,
      "findBy must be { identifier } or { tag }",
      isObject2(findBy) ? "others" : kindOf(findBy)
    );
  if (typeof value2 !== "string" || !/^[^|]*\|[^|]+$/.test(value2))
    throw invalid(
      task2,
      `findBy.${name2} must be "system|value"`,
      typeof value2 === "string" ? "another text" : shown2(value2)
    );
  if (!carries(resource, findBy))
    throw invalid(task2, `findBy.${name2} must be one that the resource carries`, "another");
  return findBy;
}
function paramsOf(findBy) {
  return "tag" in findBy ? { _tag: findBy.tag } : { identifier: findBy.identifier };
}
function carries(resource, findBy) {
  const isTag = "tag" in findBy;
  const [system = "", code2 = ""] = (isTag ? findBy.tag : findBy.identifier).split("|");
  const holder = isTag ? own(resource, "meta") : resource;
  const carried = isObject2(holder) ? [own(holder, isTag ? "tag" : "identifier")].flat() : [];
  return carried.some(
    (one) => isObject2(one) && one[isTag ? "code" : "value"] === code2 && (one["system"] ?? "") === system
  );
}

// src/fhir/read-after-write.ts
var ofReadable = { withinMs: whole(100, 6e5) };
var readWaitMs = { first: 50, longest: 1e3, all: 1e4 };
async function waitUntilReadable(clock, read7, { resourceType, id: id2 }, withinMs, signal) {
  const until = clock.monotonic() + withinMs;
  for (let wait = readWaitMs.first; ; wait = Math.min(2 * wait, readWaitMs.longest)) {
    try {
      return await read7(signal);
    } catch (error) {
      signal?.throwIfAborted();
      const passes = isLifecycleError(error) && (error.retryable || error.status === 404);
      const waitMs2 = Math.max(wait, isLifecycleError(error) && error.retryAfterMs || 0);
      if (!passes || clock.monotonic() + waitMs2 > until)
        throw new LifecycleError(
          "UNAVAILABLE",
          `Cannot read the ${resourceType} that was created: it did not become readable within ${withinMs} ms; its id is in facts.id, so do not create it again`,
          { cause: error, facts: { id: id2 } }
        );
      await sleep(clock, waitMs2, signal);
    }
  }
}
function readableWithin(task2, untilReadable) {
  if (untilReadable === void 0 || untilReadable === false) return null;
  if (untilReadable === true) return readWaitMs.all;
  if (!isObject2(untilReadable))
    throw wrong(task2, "untilReadable", "a boolean or { withinMs }", untilReadable);
  const { withinMs = readWaitMs.all } = check(task2, untilReadable, ofReadable, "untilReadable");
  return withinMs;
}

// src/fhir/resource-verbs.ts
var ofCall = { signal: aSignal };
var ofCreate = { ...ofCall, findBy: anything, untilReadable: anything };
var ofUpdate = { ...ofCall, ifMatch: aSwitch, method: among("PUT", "POST") };
var ofOperation = {
  ...ofCall,
  resourceType: anything,
  id: anything,
  params: anything,
  body: anything
};
function resourceVerbs({ place: place4, performer, clock, ending }, find) {
  const { version: version2 } = place4;
  async function readOne(type2, id2, signal) {
    const call2 = readResourceCall(place4, type2, id2);
    return resourceOf(await execute(performer, reading(type2, id2), call2, signal));
  }
  async function permit2(share2, patientId, oneupUserId, options) {
    const task2 = permitting(share2);
    const id2 = checkResourceId(task2.words, patientId);
    const user2 = checkValue(task2.words, "oneupUserId", oneupUserId, whole(1));
    const signal = signalOf(task2.words, options);
    await execute(performer, task2, permissionCall(place4, share2, id2, user2), signal);
  }
  return {
    async create(given2, options) {
      const resource = checkResource("create the resource", given2);
      const resourceType = String(resource["resourceType"]);
      const task2 = creating(resourceType);
      const { words: words4 } = task2;
      const { signal, ...more2 } = check(words4, options, ofCreate);
      const findBy = checkFindBy(words4, more2.findBy, resource);
      const withinMs = readableWithin(words4, more2.untilReadable);
      const call2 = createResourceCall(
        place4,
        resourceType,
        serialise("create the resource", resource)
      );
      if (performer.strict && findBy !== void 0)
        await refuseUndeclared(version2, searching(resourceType, Object.keys(paramsOf(findBy))));
      let created;
      try {
        created = resourceOf(await execute(performer, task2, call2, signal));
      } catch (error) {
        if (!isLifecycleError(error, "IN_DOUBT") || findBy === void 0) throw error;
        created = await withSignals(
          signal,
          ending,
          (signal2) => recoverCreate(clock, find, resourceType, findBy, error, signal2)
        );
      }
      if (withinMs === null) return created;
      const id2 = String(created["id"]);
      const read7 = (signal2) => readOne(resourceType, id2, signal2);
      return withSignals(
        signal,
        ending,
        (signal2) => waitUntilReadable(clock, read7, { resourceType, id: id2 }, withinMs, signal2)
      );
    },
    async read(resourceType, id2, options) {
      checkAddress("read the resource", resourceType, id2);
      return readOne(resourceType, id2, signalOf("read the resource", options));
    },
    async vread(resourceType, id2, versionId, options) {
      const words4 = "read a version of the resource";
      checkAddress(words4, resourceType, id2);
      checkResourceId(words4, versionId, "a versionId");
      const call2 = readVersionCall(place4, resourceType, id2, versionId);
      const task2 = reading(resourceType, id2, "vread");
      return resourceOf(await execute(performer, task2, call2, signalOf(words4, options)));
    },
    async update(given2, options) {
      const resource = checkResource("update the resource", given2);
      const resourceType = String(resource["resourceType"]);
      const id2 = checkResourceId("update the resource", own(resource, "id"));
      const task2 = updating(resourceType, id2);
      const { words: words4 } = task2;
      const { signal, ifMatch, method: method2 = "PUT" } = check(words4, options, ofUpdate);
      const call2 = updateResourceCall(place4, resourceType, id2, {
        method: method2,
        body: serialise(words4, resource),
        versionId: ifMatch ?? version2 === "r4" ? replaced(words4, resource, ifMatch === true) : void 0
      });
      return resourceOf(await execute(performer, task2, call2, signal));
    },
    async delete(resourceType, id2, options) {
      checkAddress("delete the resource", resourceType, id2);
      const task2 = deleting(resourceType, id2);
      const signal = signalOf(task2.words, options);
      await execute(performer, task2, deleteResourceCall(place4, resourceType, id2), signal);
    },
    async operation(name2, options) {
      const operation = typeof name2 === "string" ? name2.replace(/^\$/, "") : "";
      if (!/^[a-z][A-Za-z-]{0,62}$/.test(operation))
        throw refuse("carry out an operation", "its name must be letters and hyphens", shown2(name2));
      const words4 = `carry out $${operation}`;
      const { signal, ...more2 } = check(words4, options, ofOperation);
      const { resourceType, id: id2, params = {}, body } = more2;
      const task2 = operating(operation, resourceType, body !== void 0);
      if (resourceType !== void 0) checkType(task2.words, resourceType);
      if (id2 !== void 0) checkResourceId(task2.words, id2);
      if (id2 !== void 0 && resourceType === void 0)
        throw invalid(task2.words, "an id must come with a resourceType", "an id alone");
      const path2 = [resourceType, id2, `$${operation}`].flatMap((part) => part ?? []).map((part) => `/${part}`);
      const posted = body === void 0 ? void 0 : checkResource(task2.words, body);
      const text3 = posted && serialise(task2.words, posted);
      const query = queryOf2(pairsOf(task2.words, params));
      const done = await execute(
        performer,
        task2,
        operationCall(place4, path2.join(""), query, text3),
        signal
      );
      return done.resource;
    },
    share: (patientId, oneupUserId, options) => permit2(true, patientId, oneupUserId, options),
    unshare: (patientId, oneupUserId, options) => permit2(false, patientId, oneupUserId, options)
  };
}
function checkAddress(words4, resourceType, id2) {
  checkType(words4, resourceType);
  checkResourceId(words4, id2);
}
function signalOf(words4, options) {
  return check(words4, options, ofCall).signal;
}
function replaced(words4, resource, demanded) {
  const meta = own(resource, "meta");
  const versionId = isObject2(meta) ? own(meta, "versionId") : void 0;
  if (isResourceId(versionId)) return versionId;
  if (!demanded && versionId === void 0) return void 0;
  throw invalid(words4, "ifMatch must find a meta.versionId of FHIR's type id", kindOf(versionId));
}
function resourceOf({ resource }) {
  return resource ?? {};
}

// src/fhir/create-fhir-client.ts
var task = "create a FHIR client";
var rules3 = {
  version: anything,
  token: withMethods("get"),
  client: withMethods("get"),
  api: { must: "a URL", holds: (value2) => typeof value2 === "string" && URL.canParse(value2) },
  strict: aSwitch,
  lossless: aSwitch,
  transport: anything,
  timeoutMs: anything,
  maxAnswerBytes: whole(leastAnswerBytes, mostAnswerBytes),
  clock: anything,
  signal: aSignal,
  sender: anything
};
function createFhirClient(options) {
  const { version: version2, token: token3, client, api = "https://api.1up.health", clock = systemClock } = options;
  checkVersion(version2);
  check(task, options, rules3);
  if (token3 === void 0 === (client === void 0))
    throw invalid(task, "either token or client must be given", token3 === void 0 ? "neither" : "both");
  const parts = {
    place: { api, version: version2 },
    clock,
    ending: options.signal ?? new AbortController().signal,
    performer: {
      version: version2,
      access: token3 === void 0 ? asClient(given(client)) : withTokens(token3),
      sender: options.sender ?? ownSender(options, clock),
      strict: options.strict ?? false,
      lossless: options.lossless ?? true
    }
  };
  const pages = pageVerbs(parts);
  const resources = resourceVerbs(parts, async (type2, params, signal) => {
    const page2 = await pages.search(type2, params, { signal });
    const isCut2 = page2.resources.length === 1 && page2.nextCursor !== void 0;
    const next = isCut2 ? await page2.next({ signal }) : null;
    return [...page2.resources, ...next?.resources ?? []];
  });
  return { ...resources, ...pages };
}
function given(value2) {
  if (value2 === void 0) throw invalid(task, "either token or client must be given", "neither");
  return value2;
}
function ownSender({
  transport = defaultTransport(),
  timeoutMs = 3e4,
  maxAnswerBytes = usualAnswerBytes
}, clock) {
  return createSender({ transport, clock, timeoutMs, maxBytes: maxAnswerBytes });
}

// src/runtime/operations/call-within-limits.ts
function callWithinLimits(engine, limited2) {
  return untilGivenUp(engine.clock, limited2.signal, callOnce(engine, limited2));
}
async function callOnce(engine, limited2) {
  const { account, guard, sender } = engine;
  const { gated, about, lane, signal, describe, read: read7 } = limited2;
  const permit2 = account.permitFor(about);
  const blocked = await account.enter(gated, permit2);
  if (blocked !== null) return { ...blocked, type: "shut" };
  const served2 = lane && engine.lanes.join();
  let outcome;
  try {
    outcome = await guard.spend(
      gated === "fhir" ? "fhir" : "management",
      () => lane && laneOfCalls(engine, lane),
      async (notAfter) => {
        const shut = await account.enter(gated, permit2);
        if (shut !== null) return { slot: "givenBack", value: { ...shut, type: "shut" } };
        const answer4 = await sender.send(describe(), { notAfter, signal });
        const value2 = answer4.type === "answer" ? read7(answer4) : answer4;
        await account.recordOutcome(gated, value2, permit2);
        return { slot: slotFate(answer4.type), value: value2 };
      },
      signal
    );
  } finally {
    served2?.();
    await account.leave(permit2);
  }
  const isOutdated = outcome.type === "credentialsRefused" && account.isOutdated(permit2);
  return isOutdated ? callOnce(engine, limited2) : outcome;
}

// src/runtime/account/refusal-error.ts
function refusalError(refusal6, refuse3) {
  switch (refusal6.type) {
    case "credentialsRefused":
      return refuse3("CREDENTIALS_REFUSED", "1upHealth refuses the client id and secret");
    case "blocked":
      return refuse3(
        "FORBIDDEN",
        `the call was blocked before it reached 1upHealth (${refusal6.why}), often because of the location of this process`,
        betweenNeutralMs
      );
    case "throttled":
      return refuse3("RATE_LIMITED", "1upHealth answered 429", refusal6.retryAfterMs ?? 6e4);
    case "refused":
      return refuse3("BAD_ANSWER", `1upHealth refused it (${refusal6.why})`);
    case "unexplained":
      return refuse3("BAD_ANSWER", `1upHealth refused it without a reason (${refusal6.why})`);
  }
}

// src/runtime/operations/user-walk.ts
var Progress = class {
  walk = { users: 0, calls: 0, complete: false };
  #unreadable = false;
  add({ users: users3, entries }) {
    this.#unreadable ||= entries > users3.length;
    this.walk = { ...this.walk, users: this.walk.users + users3.length, calls: this.walk.calls + 1 };
  }
  end() {
    this.walk = { ...this.walk, complete: !this.#unreadable };
  }
};
function pagesOf(ask2, limit3) {
  const progress = new Progress();
  return { pages: readPages(ask2, limit3, progress), walk: () => progress.walk };
}
async function* readPages(ask2, limit3, progress) {
  const firsts = /* @__PURE__ */ new Set();
  let longest2 = 0;
  for (let skip = 0; ; ) {
    const page2 = await ask2({ skip, limit: limit3 });
    const first = page2.users[0]?.oneupUserId;
    const isRepeated = first !== void 0 && firsts.has(first);
    progress.add(isRepeated ? { users: [], entries: 0 } : page2);
    if (isRepeated && firsts.size === 1 && longest2 > limit3) return progress.end();
    if (isRepeated || page2.isUnexplained) return;
    if (first !== void 0) {
      firsts.add(first);
      yield page2.users;
    }
    if (page2.entries === 0 || page2.entries < longest2) return progress.end();
    longest2 = page2.entries;
    skip += page2.entries;
  }
}
function walkOf(ask2, limit3) {
  const { pages, walk } = pagesOf(ask2, limit3);
  const users3 = usersOf(pages, walk);
  return Object.defineProperty(users3, "walk", { get: walk, enumerable: true });
}
async function* usersOf(pages, walk) {
  for await (const page2 of pages) yield* page2;
  return walk();
}

// src/runtime/operations/remote.ts
async function lookUp(engine, sought, options) {
  const { forms: forms2 } = engine;
  for (let search2 = forms2.first(); ; ) {
    const asked2 = search2;
    const seen2 = await ask(
      engine,
      queryOf(asked2, sought),
      options,
      (answer4) => readSeen(answer4, asked2, sought, forms2)
    );
    forms2.note(asked2, seen2);
    if (seen2.type === "user") return seen2.user;
    if (seen2.type === "none") return null;
    if (seen2.search === null)
      throw refused4(
        "UNAVAILABLE",
        "1upHealth lists other users than the one requested, and does not page",
        6e4
      );
    search2 = seen2.search;
  }
}
function askForPage(engine, page2, options) {
  return ask(engine, { page: page2 }, options, (answer4) => readUserList(answer4, page2.skip > 0 ? "end" : "refused"));
}
async function ask(engine, query, options, read7) {
  const { pager } = engine.settings;
  const outcome = await callWithinLimits(engine, {
    gated: "listUsers",
    about: query.appUserId,
    ...options,
    describe: () => listUsersCall(clientOf(engine), { ...query, pager }),
    read: read7
  });
  const failed2 = outcome;
  const error = refusalOf(failed2, engine.clock.now(), query.page !== void 0);
  if (error !== null) throw error;
  return outcome;
}
function refusalOf(outcome, now, isPage) {
  switch (outcome.type) {
    case "shut":
      return refused4(codeOf2[outcome.reason], "nothing is sent now", Math.max(1, outcome.until - now));
    case "credentialsRefused":
    case "blocked":
    case "throttled":
    case "refused":
    case "unexplained":
      return refusalError(outcome, refused4);
    case "notSent":
    case "lost":
    case "inDoubt": {
      const size = outcome.type === "inDoubt" ? null : sizeRuleIn(outcome.cause);
      if (size === null) return refused4("UNAVAILABLE", "1upHealth did not respond", 1e3);
      if (!size.isBig) return refused4("BAD_ANSWER", size.rule);
      const advice = `raise maxAnswerBytes${isPage ? ", or use a smaller pageSize" : ""}`;
      return refused4("ANSWER_TOO_BIG", `the response is too big: ${size.rule}; ${advice}`);
    }
    default:
      return null;
  }
}
function createRemote(engine) {
  const lane = "interactive";
  return {
    list(options) {
      const { pageSize: pageSize8 = 100, signal } = checkList(options);
      return walkOf((page2) => askForPage(engine, page2, { lane, signal }), pageSize8);
    },
    async find(query, options) {
      const asked2 = checkFind(query);
      const { signal } = check(findVerb, options, { signal: aSignal });
      return lookUp(engine, asked2, { lane, signal });
    }
  };
}
var findVerb = "find a user";
function checkFind(query) {
  const { appUserId, oneupUserId } = only(findVerb, "the query", query, { appUserId: true, oneupUserId: true });
  const numbered = oneupUserId !== void 0 || appUserId === void 0;
  return {
    ...appUserId !== void 0 && { appUserId: checkId(appUserId) },
    ...numbered && {
      oneupUserId: checkValue(findVerb, "oneupUserId", oneupUserId, whole(1))
    }
  };
}
var codeOf2 = {
  throttled: "RATE_LIMITED",
  rateLimit: "RATE_LIMITED",
  unavailable: "UNAVAILABLE",
  credentials: "CREDENTIALS_REFUSED",
  forbidden: "FORBIDDEN"
};
function refused4(code2, why, retryAfterMs2) {
  return new LifecycleError(code2, `Cannot list users: ${why}`, {
    retryable: retryAfterMs2 !== void 0,
    retryAfterMs: retryAfterMs2
  });
}
function checkList(options) {
  return check("list users", options, { pageSize: whole(1, 1e3), signal: aSignal });
}

// src/runtime/operations/confirm-number.ts
async function confirmNumber(engine, user2, verb8, deadline) {
  const { oneupUserId, unconfirmed } = user2.position.context;
  if (oneupUserId === null || unconfirmed === null) return;
  const there = await remoteUserOf(engine, user2.id, oneupUserId, verb8, deadline);
  const no = (code2, why) => new LifecycleError(code2, `Cannot ${verb8} user ${engine.sealer.alias(user2.id)}: ${why}`, {
    retryable: code2 === "USER_NOT_READY"
  });
  if (there === null)
    throw no("BAD_ANSWER", "1upHealth has no user with its number; reconcile() shows which users it has");
  if (there.appUserId === void 0)
    throw no("BAD_ANSWER", "1upHealth's response does not name the app_user_id of its number");
  if (!isSameId(there.appUserId, user2.id)) throw notItsNumber(engine, user2.id, verb8);
  await storeConfirmation(engine, user2.id, oneupUserId, deadline);
}
async function remoteUserOf(engine, id2, oneupUserId, verb8, { until, signal }) {
  const { clock } = engine;
  const own2 = linkSignals(signal);
  const late = new LifecycleError(
    "USER_NOT_READY",
    `Cannot ${verb8} user ${engine.sealer.alias(id2)} yet: 1upHealth must first confirm its number, and no slot of the account's limit is free`,
    { retryable: true }
  );
  const leftMs2 = Math.max(until - clock.monotonic(), answerMs5);
  const cancel = clock.timer(leftMs2, () => own2.abort(late));
  try {
    return await lookUp(engine, { oneupUserId }, { lane: "interactive", signal: own2.signal });
  } finally {
    cancel();
    own2.release();
  }
}
async function storeConfirmation(engine, id2, oneupUserId, deadline) {
  for (let look2 = firstLookMs; ; look2 = Math.min(longestLookMs, 2 * look2)) {
    deadline.signal.throwIfAborted();
    const found = await loadUser(engine, id2);
    inTimeFor(deadline);
    const { context } = found.user.position;
    if (context.oneupUserId !== oneupUserId || context.unconfirmed === null) return;
    if (engine.running.has(id2) || isBusy(found)) {
      const left = deadline.until - engine.clock.monotonic();
      if (left <= 0) return;
      await engine.changes.ofUser(id2, Math.min(left, look2), deadline.signal);
      continue;
    }
    const user2 = stepped(found.user, { type: "NUMBER_CONFIRMED", at: engine.clock.now() });
    const done = await moveIdle(engine, user2, samePlace(found.record), deadline);
    if (done.type === "committed") return;
  }
}

// src/runtime/operations/fhir-of.ts
var confirmWaitMs = 3e4;
function fhirOf(parts, id2, version2, given2) {
  const { engine } = parts;
  const { as = "user", strict, lossless } = checkFhir(given2);
  return createFhirClient({
    ...as === "user" ? { token: tokensOf(parts, id2) } : { client: clientFor(engine, id2) },
    sender: fhirSender(engine),
    api: engine.settings.api,
    clock: engine.clock,
    signal: engine.closing,
    version: version2,
    strict,
    lossless
  });
}
function fhirSender(engine) {
  return {
    async send(call2, { signal } = {}) {
      const outcome = await callWithinLimits(engine, {
        gated: "fhir",
        lane: null,
        signal,
        describe: () => call2,
        read(answer4) {
          if (answer4.status !== 429) return answer4;
          const namedMs = retryAfterMs(answer4.headers, answer4.receivedAt);
          return { type: "throttled", retryAfterMs: namedMs, answer: answer4 };
        }
      });
      if (outcome.type === "shut") throw shutOut(outcome.until - engine.clock.now());
      return outcome.type === "throttled" ? withWaitInForce(engine, outcome.answer, outcome.retryAfterMs) : outcome;
    }
  };
}
function withWaitInForce({ account, clock }, answer4, namedMs) {
  const gate2 = account.gates().fhir;
  const heldMs = gate2.state === "open" ? namedMs : Math.max(1, gate2.until - clock.now());
  return heldMs === void 0 ? answer4 : { ...answer4, heldMs: Math.min(heldMs, longestThrottlingMs) };
}
function shutOut(waitMs2) {
  return new LifecycleError(
    "RATE_LIMITED",
    "Cannot call FHIR now: 1upHealth answered 429 to this account, and nothing is sent until that time is over",
    { retryable: true, retryAfterMs: Math.max(1, waitMs2) }
  );
}
function tokensOf({ tokens }, id2) {
  return {
    get: (signal) => tokens.get(id2, { signal }),
    rejected: (token3, signal) => tokens.rejected(id2, token3, { signal })
  };
}
function clientFor(engine, id2) {
  const { account } = engine;
  async function access(credentials, signal) {
    const { user: user2 } = await loadUser(engine, id2);
    const { oneupUserId } = user2.position.context;
    if (oneupUserId === null || user2.position.state === "offboarded") throw notUsable(engine, user2);
    const until = engine.clock.monotonic() + confirmWaitMs;
    await confirmNumber(engine, user2, "call FHIR as the client for", {
      until,
      signal: signal ?? engine.closing
    });
    return { ...credentials, oneupUserId };
  }
  async function current(signal) {
    const blocked = await account.recheck("any");
    if (blocked !== null) throw refused5(blocked.reason, blocked.until - engine.clock.now());
    return access(account.credentials, signal);
  }
  async function replacement({ clientId, clientSecret }, signal) {
    const other = await account.other({ clientId, clientSecret });
    if (other === null) throw refused5("credentials");
    return access(other, signal);
  }
  return {
    get: (signal) => untilGivenUp(engine.clock, signal, current(signal)),
    rejected: (refusedOne, signal) => untilGivenUp(engine.clock, signal, replacement(refusedOne, signal))
  };
}
function refused5(reason, retryAfterMs2) {
  if (reason === "forbidden")
    return new LifecycleError(
      "FORBIDDEN",
      "Cannot call FHIR as the client: calls of this process are blocked before they reach 1upHealth, often because of its location",
      { retryable: true, retryAfterMs: retryAfterMs2 === void 0 ? void 0 : Math.max(0, retryAfterMs2) }
    );
  return new LifecycleError(
    "CREDENTIALS_REFUSED",
    "Cannot call FHIR as the client: 1upHealth does not accept the client id and secret for this user"
  );
}

// src/runtime/operations/damaged-record.ts
function damagedRecord(user2) {
  const { context } = user2.position;
  const rename5 = context.rename && { ...context.rename, from: "expiring" };
  const oneupUserId = rename5 === null ? null : context.oneupUserId;
  const wasGranted = context.wasGranted || context.oneupUserId !== null && context.unconfirmed === null;
  return {
    ...user2,
    position: {
      state: rename5 === null ? "expiring" : "renameInDoubt",
      context: {
        ...nothingKnown,
        oneupUserId,
        unconfirmed: oneupUserId === null ? null : "claimed",
        wasGranted,
        rename: rename5
      }
    },
    intent: null,
    secrets: {}
  };
}
function remainsOf(record, sealer) {
  try {
    return damagedRecord(readInClear(record, sealer).user);
  } catch (error) {
    if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
    const { id: id2, lane, revision } = record;
    return damagedRecord({ ...newUser(id2, lane ?? "interactive", 0), revision, history: [], meters: [] });
  }
}
function readOrDamaged(record, sealer) {
  try {
    return readUser(record, sealer);
  } catch (error) {
    if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
    return { ...remainsOf(record, sealer), pause: null };
  }
}

// src/runtime/engine/retry-write.ts
var beforeAnother = { firstMs: 500, longestMs: 15e3 };
async function retryWrite({ clock, settings: settings2 }, limit3, doing, task2) {
  const { signal, leftMs: leftMs2 } = retryLimit(clock, limit3);
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await untilGivenUp(clock, signal, task2());
    } catch (error) {
      if (!isLifecycleError(error) || !error.retryable || leftMs2() <= 0) throw error;
      const ms = Math.min(leftMs2(), fullJitter(beforeAnother, attempt, clock.random()));
      if (attempt === 1) {
        const fields = { error: error.code, retryAt: retryField(clock.now(), ms) };
        settings2.logger.warn(fields, `Cannot ${doing} yet: ${error.message}; trying again`);
      }
      await sleep(clock, ms, signal);
    }
  }
}

// src/runtime/operations/forget.ts
async function forget(engine, id2, deadline) {
  const load2 = () => findUser(engine, id2, readOrDamaged);
  return whenIdle(engine, id2, { verb: verb3, deadline, load: load2 }, async (found) => {
    if (found === null) return eraseId(engine, id2, deadline);
    const { position, pause } = found.user;
    if (position.state !== "offboarded")
      throw notReady2(engine, id2, `it is ${position.state}: offboard() it first`);
    const waitMs2 = pause === null ? 0 : found.record.dueInMs ?? 0;
    if (waitMs2 > 0) {
      const left = deadline.until - engine.clock.monotonic();
      if (left <= 0) throw notReady2(engine, id2, "a create for it may still arrive", waitMs2);
      await engine.changes.ofUser(id2, Math.min(left, waitMs2, longestLookMs), deadline.signal);
      return again;
    }
    await forgetFormer(engine, found.user, deadline);
    return await leaveTombstone(engine, found, deadline) ? eraseId(engine, id2, deadline) : again;
  });
}
var verb3 = "forget a user";
async function leaveTombstone(engine, { record }, deadline) {
  const id2 = tombstoneId(engine, record.id);
  const there = await tombstoneRevision(engine, record.id);
  if (there > 0)
    await moveToTombstone(engine, { from: id2, to: `${id2}/${randomName(engine.clock)}` }, there, deadline);
  return moveToTombstone(engine, { from: record.id, to: id2 }, record.revision, deadline);
}
async function moveToTombstone(engine, { from, to }, expectedRevision, deadline) {
  const commit = tombstoneCommit(engine, to, expectedRevision);
  const done = await retryWrite(engine, deadline, verb3, () => engine.store.move({ from, commit }));
  return done.type === "committed";
}
function tombstoneCommit(engine, id2, expectedRevision) {
  return {
    id: id2,
    value: tombstone,
    state: tombstoneKey,
    expectedRevision,
    writeId: randomName(engine.clock),
    mode: "none",
    lease: newLease(engine),
    dueInMs: null,
    lane: null
  };
}
async function forgetFormer(engine, { id: id2, former }, deadline) {
  if (former.length === 0) return;
  const { store } = engine;
  for (const each of former) {
    const left = await retryWrite(engine, deadline, verb3, () => store.load(each));
    if (left.type !== "renamed") continue;
    const at = tombstoneId(engine, each);
    await retryWrite(engine, deadline, verb3, () => store.erase({ ids: [at], to: each }));
    const commit = tombstoneCommit(engine, at, 0);
    await retryWrite(engine, deadline, verb3, () => store.commit(commit));
  }
  await retryWrite(engine, deadline, verb3, () => store.erase({ ids: former, to: id2 }));
}
function eraseId(engine, id2, deadline) {
  return retryWrite(
    engine,
    deadline,
    verb3,
    () => engine.store.erase({ ids: [id2], to: tombstoneId(engine, id2) })
  );
}
function notReady2({ sealer }, id2, why, retryAfterMs2) {
  return new LifecycleError("USER_NOT_READY", `Cannot ${verb3}, ${sealer.alias(id2)}: ${why}`, {
    retryable: retryAfterMs2 !== void 0,
    retryAfterMs: retryAfterMs2
  });
}

// src/runtime/operations/health.ts
var longestMs = 500;
function createHealth(engine) {
  const { clock, writability } = engine;
  let reading2 = null;
  const look2 = () => reading2 ??= Promise.all([viewOf(engine), engine.store.account.load()]).then(([view]) => view).finally(() => reading2 = null);
  const inLimit = (ask2) => inTime(clock, longestMs, ask2, tooLate3);
  return async () => {
    const began = clock.monotonic();
    const [seen2, refusal6] = await Promise.all([
      inLimit(look2).then((view) => ({ view, ms: clock.monotonic() - began }), codeOf3),
      inLimit(() => writability.check()).then(() => null, codeOf3)
    ]);
    const about = {
      limitConflicts: engine.limits.conflicts,
      running: engine.running.size,
      apart: engine.account.apart
    };
    const isClosed = engine.closing.aborted;
    if (typeof seen2 === "string") {
      return { ready: false, storeMs: null, problem: isClosed ? null : seen2, shut: [], ...about };
    }
    const { shut } = seen2.view;
    const problem = isClosed ? null : engine.keys.trouble?.code ?? refusal6 ?? refusalIn(shut);
    return { ready: problem === null && !isClosed, storeMs: seen2.ms, problem, shut, ...about };
  };
}
function codeOf3(error) {
  return isLifecycleError(error) ? error.code : "STORE_UNAVAILABLE";
}
function tooLate3() {
  return new LifecycleError(
    "STORE_UNAVAILABLE",
    `Cannot determine the health: the store did not respond within ${longestMs} ms`,
    {
      retryable: true
    }
  );
}
function refusalIn(shut) {
  const isShutBy = (one) => shut.some(({ reason }) => reason === one);
  if (isShutBy("credentials")) return "CREDENTIALS_REFUSED";
  return isShutBy("forbidden") ? "FORBIDDEN" : null;
}

// src/runtime/keys/rotate-ring-key.ts
async function rotateRingKey(engine) {
  const { keys } = engine;
  await keys.change((record) => wrappedAnew(engine, record));
  return { storeKeys: keys.view.storeKeys.length, resealed: 0, unreadable: 0, dropped: 0 };
}
async function wrappedAnew(engine, record) {
  const ring2 = engine.keys.ring();
  const [first, ...others] = record.storeKeys;
  const wrapped2 = [
    /* seam: a-store-key-is-wrapped-again */
    await wrappedBy(engine, ring2, record, first)
  ];
  for (const each of others) wrapped2.push(await wrappedBy(engine, ring2, record, each));
  const now = new Set(wrapped2.map(({ by }) => by));
  const before2 = [...record.former, ...record.storeKeys.map(({ by }) => by)];
  return { ...record, storeKeys: wrapped2, former: [...new Set(before2)].filter((id2) => !now.has(id2)) };
}
async function wrappedBy(engine, ring2, record, { id: id2, madeUnder }) {
  const held2 = () => engine.keys.view.storeKeys.find((key4) => key4.id === id2);
  if (held2() === void 0) await engine.keys.renew();
  const key3 = held2();
  if (key3 === void 0) throw replacedMeanwhile();
  return { id: id2, madeUnder, ...await wrap(engine, ring2, record, key3) };
}
async function wrap({ account }, ring2, { retired }, key3) {
  const wrapped2 = await ring2.wrap(key3.bytes, storeKeyContext(accountOf(account.credentials.clientId)));
  if (!retired.includes(wrapped2.by)) return wrapped2;
  throw new LifecycleError(
    "KEY_REFUSED",
    `Cannot rotate keys: the newest key must not be a retired one, and ${wrapped2.by} is; put a fresh key before it`
  );
}
function replacedMeanwhile() {
  return new LifecycleError("KEY_REFUSED", "Cannot rotate keys: another process is replacing the keys", {
    retryable: true
  });
}

// src/runtime/keys/rotate-store-key.ts
var pageSize2 = 32;
var roundMs = 1e3;
async function rotateStoreKey(engine, options) {
  return withSignals(
    options.signal,
    engine.closing,
    (signal) => untilGivenUp(engine.clock, signal, sealRounds(engine, options, signal))
  );
}
async function sealRounds(engine, options, signal) {
  const { clock, keys, sealer } = engine;
  await beginStoreKey(engine);
  const sealing = sealer.keyId;
  const settledAt = clock.monotonic() + freshMs;
  const early = new EarlyLeases();
  let resealed = 0;
  let quietRounds = 0;
  for (; ; ) {
    const began = clock.monotonic();
    const settled2 = began >= settledAt;
    const round = await sealRound(engine, signal, settled2 ? early : null, (seen2, of, more2) => {
      const progress = { seen: seen2, of, resealed: resealed + more2 };
      callListener(engine.settings.logger, "onProgress", options.onProgress, progress);
    });
    if (settled2) early.complete();
    resealed += round.resealed;
    quietRounds = settled2 && round.resealed + round.busy === 0 ? quietRounds + 1 : 0;
    if (quietRounds === 2) {
      const dropped = round.tooNew > 0 ? 0 : await dropOlder(engine, sealing);
      return { storeKeys: keys.view.storeKeys.length, resealed, unreadable: round.unreadable, dropped };
    }
    const tookMs = clock.monotonic() - began;
    const settlesInMs = settledAt - clock.monotonic();
    await sleep(clock, round.busy > 0 ? Math.max(roundMs, tookMs) : Math.max(0, settlesInMs), signal);
  }
}
var EarlyLeases = class {
  #ids = /* @__PURE__ */ new Set();
  #complete = false;
  /** Whether the lease is one of them. In the first round every lease is. */
  has(leaseId) {
    if (!this.#complete) this.#ids.add(leaseId);
    return this.#ids.has(leaseId);
  }
  /** Ends the first round. */
  complete() {
    this.#complete = true;
  }
};
async function beginStoreKey(engine) {
  const { account, keys } = engine;
  const fresh = newStoreKey();
  await keys.change(async (record) => {
    const next = await wrappedAnew(engine, record);
    const [{ madeUnder, by }] = next.storeKeys;
    if (next.storeKeys.length > 1 && madeUnder === by) return next;
    const wrapped2 = await wrap(engine, engine.keys.ring(), record, fresh);
    const first = { id: fresh.id, madeUnder: wrapped2.by, ...wrapped2 };
    const names4 = wrapNames(keys.view.names, fresh, accountOf(account.credentials.clientId));
    return { ...next, storeKeys: [first, ...next.storeKeys], names: names4 };
  });
}
async function dropOlder({ keys }, sealing) {
  let dropped = 0;
  await keys.change((record) => {
    const [first, ...older] = record.storeKeys;
    dropped = first.id === sealing ? older.length : 0;
    return dropped === 0 ? null : { ...record, storeKeys: [first] };
  });
  return dropped;
}
async function sealRound(engine, signal, early, progress) {
  const round = { seen: 0, current: 0, resealed: 0, busy: 0, unreadable: 0, tooNew: 0 };
  const { [tombstoneKey]: _, ...counts } = await engine.store.counts();
  const of = Object.values(counts).reduce((sum, count) => sum + count, 0);
  for await (const ids of pagesOfUserIds(engine, pageSize2)) {
    signal.throwIfAborted();
    const ended = await Promise.all(ids.map((id2) => sealAnew(engine, id2, early)));
    for (const each of ended) round[each]++;
    round.seen += ids.length;
    progress(round.seen, Math.max(of, round.seen), round.resealed);
  }
  return round;
}
async function sealAnew(engine, id2, early) {
  try {
    const found = await findUser(engine, id2);
    if (found === null) return "current";
    const { user: user2, record } = found;
    if (isSettled(engine, record, early)) return "current";
    if (isLeased(record)) return "busy";
    const place4 = record.lease === null ? samePlace(record) : { dueInMs: 0, lane: null };
    const done = await saveIdle(engine, user2, place4, false);
    return done.type === "committed" ? "resealed" : "busy";
  } catch (error) {
    if (isLifecycleError(error, "RENAMED")) return "current";
    if (!isLifecycleError(error, "RECORD_DAMAGED") && !isLifecycleError(error, "RECORD_TOO_NEW")) throw error;
    const fields = { user: engine.sealer.alias(id2), error: error.code };
    engine.settings.logger.warn(fields, `Cannot seal a user again: ${error.message}`);
    return error.code === "RECORD_TOO_NEW" ? "tooNew" : "unreadable";
  }
}
function isSettled({ sealer }, { value: value2, lease }, early) {
  const heldEarly = early !== null && lease !== null && early.has(lease.id);
  return sealer.isWritten(value2) && (!heldEarly || sealingKeyOf(value2) !== null);
}

// src/runtime/keys/rotate-keys-options.ts
var rotating = { records: aSwitch, onProgress: aFunction, signal: aSignal };
function checkRotateKeys(options) {
  return check("rotate keys", options, rotating);
}

// src/runtime/keys/key-verbs.ts
function createKeyVerbs(engine, open3, working2) {
  function whileOpen(work3) {
    open3();
    const done = work3().finally(() => working2.delete(done));
    working2.add(done);
    return done;
  }
  return {
    keys: {
      list: async () => {
        open3();
        return list(engine);
      },
      retire: async (id2) => {
        open3();
        if (typeof id2 !== "string" || id2 === "") throw wrong("retire a key", "its id", "text", id2);
        await retire(engine, id2);
      }
    },
    rotateKeys: async (options) => {
      const checked2 = checkRotateKeys(options);
      return whileOpen(() => checked2.records ? rotateStoreKey(engine, checked2) : rotateRingKey(engine));
    }
  };
}
async function list({ keys }) {
  const wraps = /* @__PURE__ */ new Map();
  await keys.change(({ storeKeys }) => {
    wraps.clear();
    for (const { by, id: id2 } of storeKeys) {
      wraps.set(by, [...wraps.get(by) ?? [], id2]);
    }
    return null;
  });
  return [...wraps].map(([id2, storeKeys]) => ({ id: id2, storeKeys }));
}
async function retire({ keys }, id2) {
  await keys.change((record) => {
    const wrapped2 = record.storeKeys.filter(({ by }) => by === id2).length;
    if (wrapped2 > 0) {
      throw new LifecycleError(
        "KEY_REFUSED",
        `Cannot retire key ${id2}: it must wrap nothing, and it wraps ${wrapped2} of the store's keys; call rotateKeys() with a newer key first`,
        { facts: { storeKeys: wrapped2 } }
      );
    }
    if (record.retired.includes(id2)) return null;
    if (!record.former.includes(id2) && !keys.ring().ids.includes(id2)) {
      throw new LifecycleError(
        "INVALID_OPTION",
        // the value may be a key itself, so it is not repeated
        "Cannot retire a key: its id must be one of your ring or one that wrapped this store's keys before, see keys.list()"
      );
    }
    return { ...record, retired: [...record.retired, id2] };
  });
}

// src/runtime/bulk/throttle.ts
var few = 1e3;
var newsMs = 200;
var Throttle = class {
  #engine;
  #everyMs;
  #reportedAt;
  constructor(engine, everyMs = 1e3) {
    this.#engine = engine;
    this.#everyMs = everyMs;
    this.#reportedAt = engine.clock.monotonic();
  }
  /** Whether a report is due. A caller that gets `true` must report. */
  isDue() {
    const now = this.#engine.clock.monotonic();
    if (now - this.#reportedAt < this.#everyMs) return false;
    this.#reportedAt = now;
    return true;
  }
  /** Waits until the next report; when few users are left, no longer than until one of them changes. */
  async wait(left, since, signal) {
    const { changes: changes2, clock } = this.#engine;
    const gapMs = left > few ? this.#everyMs : Math.min(this.#everyMs, newsMs);
    await sleep(clock, gapMs, signal);
    if (left <= few) await changes2.ofAnyUser(since, this.#everyMs - gapMs, signal);
  }
};

// src/runtime/bulk/row-tally.ts
var mostListed = 100;
var RowTally = class {
  #keys;
  #rejects = [];
  #added = 0;
  #present = 0;
  #rejected = 0;
  constructor(keys) {
    this.#keys = keys;
  }
  /** Counts one row by the result of `task`. An unusable row is recorded and stops nothing. */
  async count(row2, task2) {
    try {
      if (await task2() === "added") this.#added++;
      else this.#present++;
    } catch (error) {
      if (!isLifecycleError(error) || !spoiltRow.has(error.code)) throw error;
      if (this.#keys.isTrouble(error)) throw error;
      this.#rejected++;
      if (this.#rejects.length < mostListed) {
        const { code: code2, message, facts } = error;
        this.#rejects.push({ row: row2, code: code2, why: message, facts });
      }
    }
  }
  get counts() {
    const [added, present, rejected] = [this.#added, this.#present, this.#rejected];
    return { read: added + present + rejected, added, present, rejected };
  }
  /** The rejected rows are in order, though several rows are processed at once. */
  get summary() {
    return { ...this.counts, rejects: this.#rejects.toSorted((one, other) => one.row - other.row) };
  }
};
var spoiltRow = /* @__PURE__ */ new Set([
  "INVALID_ID",
  "INVALID_OPTION",
  "USER_CONFLICT",
  "RENAMED",
  "RECORD_DAMAGED",
  "RECORD_TOO_NEW"
]);

// src/runtime/bulk/for-each-row.ts
var rowsInHand = 128;
var rowsATurn = 8;
async function forEachRow(rows, width3, signal, task2) {
  const source = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
  let interrupt = (_reason) => {
  };
  const unhear = onAbort(signal, () => interrupt(signal.reason));
  let turn = Promise.resolve();
  let number2 = 0;
  let over = false;
  function asked2() {
    return new Promise((resolve4, reject) => {
      signal.throwIfAborted();
      interrupt = reject;
      Promise.resolve(source.next()).then(resolve4, reject);
    });
  }
  function next() {
    const mine = turn.then(async () => {
      if (over) return null;
      const found = await asked2();
      over ||= found.done ?? false;
      return found.done ? null : { row: found.value, number: ++number2 };
    });
    turn = mine.catch(() => {
    });
    return mine;
  }
  async function loop() {
    try {
      for (let found = await next(); found !== null; found = await next()) {
        await task2(found.row, found.number);
        signal.throwIfAborted();
      }
    } catch (error) {
      if (!over) {
        over = true;
        interrupt(error);
        close2(source);
      }
      throw error;
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: width3 }, loop));
  unhear();
  const failed2 = ended.find((each) => each.status === "rejected");
  if (failed2 !== void 0) throw failed2.reason;
}
function close2(source) {
  new Promise((resolve4) => resolve4(source.return?.())).catch(() => {
  });
}

// src/runtime/bulk/adopt-many.ts
function rowOf(given2) {
  if (!isObject2(given2)) throw wrong("adopt a user", "the row", "an object", given2);
  return given2;
}
async function adoptMany({ engine, options, signal }, rows) {
  const tally = new RowTally(engine.keys);
  const pace = new Throttle(engine, options.everyMs);
  const report2 = () => callListener(engine.settings.logger, "onProgress", options.onProgress, tally.counts);
  await forEachRow(rows, rowsInHand, signal, async (given2, number2) => {
    if (number2 % rowsATurn === 0) await engine.gather();
    await tally.count(number2, async () => {
      const { appUserId, ...grant2 } = rowOf(given2);
      const id2 = checkId(appUserId);
      const checked2 = checkGrant(grant2);
      const deadline = { until: Number.MAX_SAFE_INTEGER, signal };
      return retryWrite(
        engine,
        signal,
        "adopt users",
        async () => await adopt(engine, id2, checked2, deadline, "inList") === "adopted" ? "added" : "present"
      );
    });
    if (pace.isDue()) report2();
  });
  report2();
  return tally.summary;
}

// src/runtime/operations/offboard.ts
var isOffboardingOver = (_, { position }, blocked) => !isPurging(position.state) || blocked?.reason === "credentials" || blocked?.reason === "forbidden";
async function offboard(engine, id2, purge2, deadline) {
  const load2 = () => loadUser(engine, id2, readOrDamaged);
  const waitsFor = ({ user: user2, record }) => isLeased(record) || isRenaming(user2.position.state);
  await whenIdle(engine, id2, { verb: "offboard a user", deadline, load: load2, waitsFor }, async (found) => {
    if (purge2.length > 0 && found.user.position.context.idTaken) throw shared(engine, id2);
    if (isStored(found.user, purge2)) return;
    const user2 = withoutSecrets(engine, found, purge2);
    const place4 = (
      /* seam: a-purge-is-scheduled */
      schedule(engine, user2, null)
    );
    const done = await moveIdle(engine, user2, place4, deadline);
    return done.type === "committed" ? void 0 : again;
  });
}
function isStored({ position, intent }, purge2) {
  const { state, context } = position;
  if (purge2.length === 0) return state === "offboarded";
  const left = leftToPurge(context, purge2);
  if (state === "offboarded") return left.length === 0;
  return isPurging(state) && (intent !== null || left.length === context.toPurge?.length);
}
function withoutSecrets(engine, { user: user2, record }, purge2) {
  const at = engine.clock.now();
  const settled2 = user2.intent === null ? user2 : applyNoOutcome(user2, momentOf(engine));
  const arrivesMs = mayArriveMs(settled2, record);
  const isLonger = settled2.pause?.arrivedAt !== void 0;
  const arrival = { reason: "unavailable", until: at + arrivesMs, mayArrive: true };
  const pause = arrivesMs <= 0 ? null : isLonger ? arrival : settled2.pause;
  const rest = {
    /* seam: an-offboarded-user-has-no-secrets */
    secrets: {},
    pause
  };
  if (purge2.length === 0) return { ...stepped(settled2, { type: "OFFBOARDED", at }), ...rest };
  return { ...stepped(settled2, { type: "OFFBOARD", at, purge: purge2 }), ...rest, lane: "recovery" };
}
function mayArriveMs({ pause }, { dueInMs: dueInMs2 }) {
  const leftMs2 = dueInMs2 ?? 0;
  return pause?.reason === "unavailable" ? Math.max(0, leftMs2) : mayArriveForMs(pause, leftMs2);
}

// src/runtime/operations/onboard.ts
async function onboard(engine, id2, { onOffboarded, expect = "new", lane = "interactive" }, deadline) {
  const wait = { ...deadline, lane };
  wait.signal.throwIfAborted();
  for (; ; ) {
    const found = await findHere(engine, id2, wait);
    inTimeFor(wait);
    if (found.user !== null) await comeForward(engine, found, lane);
    else if (found.isForgotten && onOffboarded === "keep") throw forgotten(engine, id2);
    const user2 = firstStep(engine, id2, found, { onOffboarded, expect, lane });
    const begun = user2 === null ? void 0 : await within(engine, runUser(engine, user2), wait);
    if (begun?.type === "rested" && isUsableNow(engine, begun.user)) return begun.user;
    if (begun?.type !== "overtaken" || found.user === null) return waitForUser(engine, id2, wait);
    await engine.changes.ofUser(id2, firstLookMs, wait.signal);
    wait.signal.throwIfAborted();
  }
}
function firstStep({ clock }, id2, found, { onOffboarded, expect, lane }) {
  const at = clock.now();
  if (found.user === null) {
    const user3 = newUser(id2, lane, at, found.revision);
    return expect === "existing" ? stepped(user3, { type: "EXPECT_EXISTING", at }) : user3;
  }
  const { user: user2, record } = found;
  if (user2.position.state !== "offboarded" || onOffboarded === "keep") return null;
  const waitMs2 = user2.pause === null ? 0 : Math.max(0, record.dueInMs ?? 0);
  const pause = waitMs2 > 0 && user2.pause !== null ? { ...user2.pause, until: at + waitMs2 } : null;
  const isNew = expect === "new" && isUncalled(user2);
  return stepped({ ...user2, lane, pause }, { type: "ONBOARD", at, isNew });
}
async function findHere(engine, id2, wait) {
  const found = await lookForUser(engine, id2);
  if (found.user === null) return found;
  const { state, context } = found.user.position;
  if (context.rename?.from === "offboarded") await waitForUser(engine, id2, wait, hasItsId);
  else if (isPurging(state)) await waitForUser(engine, id2, wait, isOffboardingOver);
  else return found;
  const after2 = await lookForUser(engine, id2);
  if (after2.user !== null && isPurging(after2.user.position.state)) throw stillPurged(engine, after2.user);
  return after2;
}
function forgotten({ sealer }, id2) {
  return new LifecycleError(
    "USER_OFFBOARDED",
    `Cannot continue with user ${sealer.alias(id2)}: it was offboarded and forgotten; onboard() starts over`
  );
}

// src/runtime/bulk/import-progress.ts
async function standing2({ store }, name2) {
  const counts = await store.counts();
  const { failed: failed2 = 0 } = leftOf(name2, counts);
  return { failed: failed2, left: Object.values(onTheirWay(name2, counts)).reduce((sum, one) => sum + one, 0) };
}
async function look(engine, at) {
  const { account, clock, guard } = engine;
  const { name: name2, phase, counts, known: known3, before: before2 } = at;
  const [{ used, waiting: waiting2, inMs }, { left, failed: failed2 }] = await Promise.all([
    forecast(engine, 1, at.lane),
    standing2(engine, name2)
  ]);
  const isWorking = phase === "onboarding";
  const unreadable = isWorking ? await at.unreadable.among(left, waiting2[at.lane]) : 0;
  return {
    name: name2,
    phase,
    ...counts,
    known: known3,
    // A user that was added and is no longer counted has arrived. A row in progress may be stored but not counted
    // yet.
    arrived: Math.max(0, before2.left + before2.failed + counts.added - left - failed2),
    failed: failed2,
    unreadable,
    left: left - unreadable,
    waiting: waiting2[at.lane],
    slots: { used: total(used), of: guard.limits.management.calls },
    shut: shutGates(account.gates()),
    endsAt: phase === "reading" || left === unreadable ? null : new Date(clock.now() + inMs)
  };
}

// src/runtime/bulk/damaged-users.ts
var stillMs = 6e4;
var few2 = 1e3;
var pageSize3 = 500;
var DamagedUsers = class {
  #engine;
  #name;
  #ids = [];
  #nameless = 0;
  #left = Number.NaN;
  #since = 0;
  constructor(engine, name2) {
    this.#engine = engine;
    this.#name = name2;
  }
  /** The ids of users that were unreadable at the last examination, as far as their records contain an id. */
  get ids() {
    return this.#ids;
  }
  /**
   * How many of the import's `left` users are unreadable. Examines each of them when none has become usable for a
   * minute, and again before all of them are reported as unreadable.
   *
   * @throws {LifecycleError} of the store
   */
  async among(left, waiting2) {
    const now = this.#engine.clock.monotonic();
    if (left !== this.#left) [this.#left, this.#since] = [left, now];
    const isStill = now - this.#since >= stillMs && (waiting2 === 0 || left <= few2);
    if (left > 0 && (isStill || left <= this.#known)) {
      this.#since = now;
      await this.#look();
    }
    return Math.min(left, this.#known);
  }
  get #known() {
    return this.#ids.length + this.#nameless;
  }
  async #look() {
    const ids = [];
    let nameless2 = 0;
    const before2 = await this.#counts();
    for (const [state, count] of Object.entries(before2)) {
      let listed4 = 0;
      for await (const id2 of listUserIds(this.#engine, pageSize3, indexKey(state, this.#name))) {
        listed4++;
        if (await this.#isDamaged(id2)) ids.push(id2);
      }
      const isSteady = listed4 < count && (await this.#counts())[state] === count;
      if (isSteady) nameless2 += count - listed4;
    }
    this.#ids = ids;
    this.#nameless = nameless2;
  }
  async #counts() {
    return onTheirWay(this.#name, await this.#engine.store.counts());
  }
  async #isDamaged(id2) {
    try {
      await findUser(this.#engine, id2);
      return false;
    } catch (error) {
      if (!isLifecycleError(error)) throw error;
      return error.code === "RECORD_DAMAGED";
    }
  }
};

// src/runtime/bulk/hash-of.ts
function hashOf(text3) {
  let [high, low] = [3735928559, 1103547991];
  for (let at = 0; at < text3.length; at++) {
    const unit = text3.charCodeAt(at);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ high >>> 16, 2246822507) ^ Math.imul(low ^ low >>> 13, 3266489909);
  low = Math.imul(low ^ low >>> 16, 2246822507) ^ Math.imul(high ^ high >>> 13, 3266489909);
  return 2 ** 32 * (low & 2097151) + (high >>> 0);
}

// src/runtime/bulk/listed-users.ts
var pageSize4 = 1e3;
var smallerPageSize = 100;
var longestWaitMs3 = 10 * 6e4;
var shortestPauseMs = 1e3;
var longestPauseMs = 6e4;
var ListedUsers = class {
  #engine;
  #signal;
  /** Hashes of the ids read so far; if two ids had the same one, a user would cost a call more. */
  #ids = /* @__PURE__ */ new Set();
  #reading = null;
  #calls = 0;
  #limit = pageSize4;
  #skip = 0;
  #longest = 0;
  #first;
  #isAtEnd = false;
  #waitLeftMs = longestWaitMs3;
  #sought = 0;
  #known = 0;
  constructor(engine, signal) {
    this.#engine = engine;
    this.#signal = signal;
  }
  /** Users that were found. */
  get known() {
    return this.#known;
  }
  /** What to expect of a user that is to be added. @throws the signal's reason */
  async expects(id2) {
    const hash = hashOf(id2);
    this.#sought++;
    while (!this.#ids.has(hash) && this.#pays()) {
      await (this.#reading ??= this.#read().finally(() => this.#reading = null));
    }
    if (!this.#ids.has(hash)) return "new";
    this.#known++;
    return "existing";
  }
  /** Frees the memory of the list once no more rows come. */
  end() {
    this.#ids.clear();
  }
  /**
   * Whether the next page may be worth its call. It must be able to save one, and the pages may cost one call more than
   * they save, or a fiftieth of what the users so far cost, because their position in the list is unknown.
   */
  #pays() {
    if (this.#isAtEnd || this.#waitLeftMs <= 0) return false;
    return this.#sought > 1 && this.#calls - this.#known < Math.max(1, this.#sought / 50);
  }
  /** Reads a page; pauses if 1upHealth does not return it. */
  async #read() {
    const { clock, settings: settings2 } = this.#engine;
    const began = clock.monotonic();
    const { signal, abort, release: release2 } = linkSignals(this.#signal);
    const cancel = clock.timer(this.#waitLeftMs, abort);
    try {
      const page2 = { skip: this.#skip, limit: this.#limit };
      this.#add(await askForPage(this.#engine, page2, { lane: "recovery", signal }));
    } catch (error) {
      this.#signal.throwIfAborted();
      if (signal.aborted) return;
      if (!isLifecycleError(error)) throw error;
      [this.#limit, this.#longest] = [smallerPageSize, 0];
      const ms = Math.min(longestPauseMs, Math.max(shortestPauseMs, error.retryAfterMs ?? 0));
      const fields = { call: "listUsers", error: error.code, retryAt: retryField(clock.now(), ms) };
      settings2.logger.warn(fields, `Cannot read 1upHealth's list of users: ${inWords(error)}`);
      await sleep(clock, ms, this.#signal);
    } finally {
      cancel();
      release2();
      this.#calls++;
      this.#waitLeftMs -= clock.monotonic() - began;
    }
  }
  #add({ users: users3, entries }) {
    const first = users3[0]?.oneupUserId;
    this.#isAtEnd = entries === 0 || entries < this.#longest || first === this.#first;
    this.#longest = entries;
    this.#first = first;
    this.#skip += entries;
    for (const { appUserId } of users3) if (appUserId !== void 0) this.#ids.add(hashOf(appUserId));
  }
};

// src/runtime/bulk/onboard-many.ts
var expected = ["new", "existing"];
var mostIds = 100;
async function onboardMany({ engine, options, signal }, ids, help2) {
  const { name: name2, lane = "bulk", expect, onProgress } = options;
  const tally = new RowTally(engine.keys);
  const pace = new Throttle(engine, options.everyMs);
  const unreadable = new DamagedUsers(engine, name2);
  const listed4 = new ListedUsers(engine, signal);
  const before2 = await retryWrite(
    engine,
    signal,
    "read the progress of an import",
    () => standing2(engine, name2)
  );
  async function expects(id2) {
    if (expect === void 0) return listed4.expects(id2);
    return typeof expect === "string" ? expect : checkValue("onboard a list", "expect", expect(id2), among(...expected));
  }
  async function report2(phase) {
    const progress = await retryWrite(
      engine,
      signal,
      "read the progress of an import",
      () => look(engine, { name: name2, counts: tally.counts, phase, lane, known: listed4.known, before: before2, unreadable })
    );
    callListener(engine.settings.logger, "onProgress", onProgress, progress);
    return progress;
  }
  await report2("reading");
  await forEachRow(ids, rowsInHand, signal, async (given2, number2) => {
    if (number2 % rowsATurn === 0) await engine.gather();
    await tally.count(number2, () => {
      const id2 = checkId(given2);
      return retryWrite(engine, signal, "store users", async () => {
        if ((await engine.store.load(id2)).type !== "absent") return "present";
        return enter(engine, signal, newcomer(engine, { id: id2, name: name2, lane }, await expects(id2)));
      });
    });
    if (pace.isDue()) await report2("reading");
  });
  listed4.end();
  const stop2 = linkSignals(signal);
  const working2 = help2(stop2.signal);
  let last;
  let trouble = null;
  working2.catch((error) => trouble = { error });
  try {
    for (; ; ) {
      signal.throwIfAborted();
      const { latest: latest2 } = engine.changes;
      last = await report2("onboarding");
      const { left } = last;
      if (left === 0) break;
      await pace.wait(left, latest2, signal);
      if (trouble !== null) throw trouble.error;
    }
  } finally {
    stop2.abort();
    await working2.catch(() => {
    });
  }
  const done = { ...last, phase: "done" };
  callListener(engine.settings.logger, "onProgress", onProgress, done);
  return {
    ...done,
    ...tally.summary,
    unreadableIds: unreadable.ids.slice(0, mostIds)
  };
}
function newcomer({ clock }, { id: id2, name: name2, lane }, expect) {
  const at = clock.now();
  const user2 = { ...newUser(id2, lane, at), origin: { name: name2, arrived: false } };
  return expect === "existing" ? stepped(user2, { type: "EXPECT_EXISTING", at }) : user2;
}
async function enter(engine, signal, newcomer2) {
  const place4 = { dueInMs: null, lane: newcomer2.lane };
  const done = await moveIdle(
    engine,
    newcomer2,
    place4,
    /* seam: a-first-write-is-repeated */
    signal
  );
  if (done.type !== "committed")
    return done.unacknowledged === true && await isOurs(engine, signal, newcomer2) ? "added" : "present";
  return "added";
}
async function isOurs(engine, signal, { id: id2, history: [begun], origin }) {
  const found = await retryWrite(
    engine,
    signal,
    "read users",
    () => findUser(engine, id2).catch(nobodyIfUnreadable)
  );
  const there = found?.user;
  return there?.origin?.name === origin?.name && there?.history[0]?.[0] === begun?.[0];
}
function nobodyIfUnreadable(error) {
  if (isLifecycleError(error) && !error.retryable) return null;
  throw error;
}

// src/runtime/bulk/differences.ts
var noDifferences = {
  thereOnly: 0,
  hereOnly: 0,
  renamed: 0,
  anotherNumber: 0,
  inactive: 0,
  unusable: 0
};

// src/runtime/bulk/finding.ts
var mostHeld = 1e5;
var idsAPage = 500;
var mostRounds = 16;
var skewMs = 5 * 6e4;
var UserComparison = class {
  #engine;
  #finding;
  #there = /* @__PURE__ */ new Set();
  /** The pairs of number and id there, each as one hash. */
  #pairs = /* @__PURE__ */ new Set();
  #strangers = /* @__PURE__ */ new Map();
  /** The ids there of users that have another number here under that id, or none. */
  #elsewhere = /* @__PURE__ */ new Map();
  /** The numbers here of users that have another one there. */
  #others = /* @__PURE__ */ new Set();
  /** Users here whose number has another id there that is also known here. */
  #sharedNumbers = /* @__PURE__ */ new Map();
  /** Users here that were read. */
  #visited = /* @__PURE__ */ new Set();
  #startedAt;
  /** Users only there that are not held. */
  beyond = 0;
  /** Every user here was read, so none of {@link strangers} is here under another id. */
  isCertain = false;
  constructor(engine, finding) {
    this.#engine = engine;
    this.#finding = finding;
    this.#startedAt = engine.clock.now() - skewMs;
  }
  /** The users that are only there, once every user here has been read. */
  get strangers() {
    return [...this.#strangers.values()];
  }
  /** The number of users here that were read. */
  get here() {
    return this.#visited.size;
  }
  /** Looks up each user of a page here. */
  async page(users3) {
    await forEachRow(users3, 32, this.#finding.signal, (user2) => this.#look(user2));
  }
  async #look(user2) {
    const { found } = this.#finding;
    const { oneupUserId, appUserId } = user2;
    this.#there.add(oneupUserId);
    if (appUserId === void 0 || !isId(appUserId)) return found({ type: "unusable", oneupUserId });
    if (!user2.active) found({ type: "inactive", appUserId, oneupUserId });
    this.#pairs.add(pair(oneupUserId, appUserId));
    const here = await this.#read(appUserId);
    const number2 = here === null || typeof here === "string" ? null : here.position.context.oneupUserId;
    if (number2 === oneupUserId) return;
    if (this.#elsewhere.size < mostHeld) this.#elsewhere.set(oneupUserId, appUserId);
    if (here === null) this.#hold({ ...user2, appUserId });
    else if (number2 !== null) {
      found({ type: "anotherNumber", appUserId, oneupUserId: number2, thereOneupUserId: oneupUserId });
      if (this.#others.size < mostHeld) this.#others.add(number2);
    }
  }
  #hold(user2) {
    if (this.#strangers.size < mostHeld) this.#strangers.set(user2.oneupUserId, user2);
    else this.beyond++;
  }
  /** Compares every user here with the list, and reports the users that are only there. */
  async allUsers(isComplete, seen2) {
    const { found } = this.#finding;
    this.isCertain = await this.#visitAll(isComplete, seen2);
    if (this.#sharedNumbers.size > 0) await this.#findSharedNumbers();
    for (const { appUserId, oneupUserId, active } of this.#strangers.values()) {
      found({ type: "thereOnly", appUserId, oneupUserId, active });
    }
  }
  /**
   * Visits every user here, in rounds: a round lists all ids in order and visits the new ones. It misses a user that is
   * created or renamed meanwhile to an id that it has passed; the next round lists that one. Returns whether a round
   * listed no new id.
   */
  async #visitAll(isComplete, seen2) {
    for (let round = 1; round <= mostRounds; round++) {
      let newIds = 0;
      await this.#eachId(async (id2) => {
        const number2 = hashOf(id2);
        if (round > 1 && this.#visited.has(number2)) return;
        newIds++;
        if (await this.#visit(id2, isComplete)) this.#visited.add(number2);
        seen2();
      });
      if (this.#strangers.size === 0) return false;
      if (newIds === 0) return true;
    }
    return false;
  }
  /** Compares one user with the list. False: there is no user with this id any more. */
  async #visit(id2, isComplete) {
    const user2 = await this.#read(id2);
    if (user2 === "unreadable") return true;
    if (user2 === null || user2 === "forgotten" || user2.id !== id2) return false;
    this.#compare(user2, isComplete);
    return true;
  }
  #eachId(task2) {
    return forEachRow(listUserIds(this.#engine, idsAPage), rowsInHand, this.#finding.signal, task2);
  }
  #compare(user2, isComplete) {
    const { found } = this.#finding;
    const { id: appUserId, position } = user2;
    const { oneupUserId, codeAt, grantedAt } = position.context;
    if (oneupUserId === null) return;
    const thereAppUserId = this.#elsewhere.get(oneupUserId);
    if (thereAppUserId !== void 0) {
      this.#strangers.delete(oneupUserId);
      if (thereAppUserId !== appUserId) this.#reportRenamed(user2, thereAppUserId, oneupUserId);
    } else if (this.#others.has(oneupUserId)) {
      return;
    } else if (this.#there.has(oneupUserId)) {
      if (!this.#pairs.has(pair(oneupUserId, appUserId)) && this.#sharedNumbers.size < mostHeld)
        this.#sharedNumbers.set(appUserId, oneupUserId);
    } else if (isComplete && position.state !== "offboarded") {
      if (Math.max(codeAt ?? 0, grantedAt ?? 0) >= this.#startedAt) return;
      found({ type: "hereOnly", appUserId, oneupUserId });
    }
  }
  #reportRenamed(user2, thereAppUserId, oneupUserId) {
    if (isRenaming(user2.position.state)) return;
    this.#finding.found({ type: "renamed", appUserId: user2.id, thereAppUserId, oneupUserId });
  }
  /**
   * Finds users that share a number with another user here which has it under its own id there too. The rest may have
   * been renamed by this library.
   */
  async #findSharedNumbers() {
    const numbers = new Set(this.#sharedNumbers.values());
    const ids = /* @__PURE__ */ new Map();
    await this.#eachId(async (id2) => {
      const user2 = await this.#read(id2);
      if (user2 === null || typeof user2 === "string" || user2.id !== id2) return;
      const { oneupUserId } = user2.position.context;
      if (oneupUserId === null || !numbers.has(oneupUserId)) return;
      if (this.#pairs.has(pair(oneupUserId, id2))) ids.set(oneupUserId, id2);
    });
    for (const [id2, oneupUserId] of this.#sharedNumbers) {
      const thereAppUserId = ids.get(oneupUserId);
      const user2 = thereAppUserId === void 0 ? null : await this.#read(id2);
      if (thereAppUserId === void 0 || user2 === null || typeof user2 === "string" || user2.id !== id2)
        continue;
      if (user2.position.context.oneupUserId === oneupUserId)
        this.#reportRenamed(user2, thereAppUserId, oneupUserId);
    }
  }
  /** The user here with this id, or with the id it was renamed to; a word for one that cannot be compared. */
  async #read(id2) {
    try {
      const found = await retryWrite(
        this.#engine,
        this.#finding.signal,
        "reconcile users",
        () => lookForUser(this.#engine, id2)
      );
      return found.user ?? (found.isForgotten ? "forgotten" : null);
    } catch (error) {
      if (!isLifecycleError(error) || error.retryable) throw error;
      const { renamedTo } = error.facts;
      if (error.code === "RENAMED" && typeof renamedTo === "string") return this.#read(renamedTo);
      return this.#readInClear(id2);
    }
  }
  /** Reads the number even of a user whose secrets cannot be decrypted. */
  async #readInClear(id2) {
    try {
      const record = await retryWrite(
        this.#engine,
        this.#finding.signal,
        "reconcile users",
        () => loadRecord(this.#engine, id2)
      );
      return readInClear(record, this.#engine.sealer).user;
    } catch (error) {
      if (!isLifecycleError(error) || error.retryable) throw error;
      return "unreadable";
    }
  }
};
function pair(oneupUserId, appUserId) {
  return hashOf(`${oneupUserId} ${appUserId}`);
}

// src/runtime/bulk/repairing.ts
async function adoptStranger(engine, stranger, signal) {
  const at = engine.clock.now();
  const known3 = { type: "EXPECT_EXISTING", at, user: stranger };
  const user2 = stepped(newUser(stranger.appUserId, "bulk", at), known3);
  const done = await moveIdle(engine, user2, schedule(engine, user2, "slot"), signal);
  return done.type === "committed";
}
async function followRename(engine, renamed, signal) {
  if (await move(engine, renamed, signal)) return true;
  const loaded = await engine.store.load(renamed.appUserId);
  return loaded.type === "renamed" && loaded.to === renamed.thereAppUserId;
}
async function move(engine, renamed, signal) {
  const { appUserId, thereAppUserId, oneupUserId } = renamed;
  if (await movable(engine, renamed, signal) === null) return false;
  const there = await lookUp(engine, { oneupUserId }, { lane: "recovery", signal });
  const isThere3 = there?.appUserId === thereAppUserId && await tombstoneRevision(engine, thereAppUserId) === 0;
  const found = isThere3 ? await movable(engine, renamed, signal) : null;
  if (found === null) return false;
  const { user: user2, record } = found;
  const { context } = user2.position;
  const moved2 = {
    ...underNewId(engine, user2, thereAppUserId),
    position: { ...user2.position, context: { ...context, idTaken: false } },
    secrets: { ...user2.secrets }
    // sealed again, because the seal is bound to the id
  };
  const done = await moveIdle(engine, moved2, samePlace(record), signal, appUserId);
  return done.type === "committed";
}
async function movable(engine, { appUserId, oneupUserId }, signal) {
  const { clock, settings: settings2, running, changes: changes2 } = engine;
  const until = clock.monotonic() + settings2.timeoutMs;
  const find = () => findUser(engine, appUserId).catch((error) => {
    if (!isLifecycleError(error, "RENAMED")) throw error;
    return null;
  });
  let found = await find();
  while (found !== null && (isLeased(found.record) || running.has(appUserId))) {
    const leftMs2 = until - clock.monotonic();
    if (leftMs2 <= 0) return null;
    await changes2.ofUser(appUserId, Math.min(leftMs2, longestLookMs), signal);
    signal.throwIfAborted();
    found = await find();
  }
  if (found === null || isBusy(found)) return null;
  const { context } = found.user.position;
  return context.oneupUserId === oneupUserId && context.unconfirmed === null ? found : null;
}

// src/runtime/bulk/reconcile.ts
var mostListed2 = 100;
var width = 32;
async function reconcile(engine, reconciling2) {
  const { options, repairs, signal } = reconciling2;
  const { pageSize: pageSize8 = 100, onProgress, onDifference } = options;
  const pace = new Throttle(engine, options.everyMs);
  function notify(name2, listener, news) {
    if (listener !== void 0) watchResult(engine.settings.logger, name2, listener, listener(news));
  }
  const counts = { ...noDifferences };
  const differences = [];
  const renamed = [];
  const comparison2 = new UserComparison(engine, {
    signal,
    found(difference) {
      if (++counts[difference.type] <= mostListed2) differences.push(difference);
      if (difference.type === "renamed" && repairs.includes("move")) renamed.push(difference);
      notify("onDifference", onDifference, difference);
    }
  });
  let failed2 = 0;
  const ask2 = async (page2) => retryWrite(
    engine,
    signal,
    "read 1upHealth's list of users",
    () => askForPage(engine, page2, { lane: "recovery", signal }).catch((error) => {
      if (isLifecycleError(error, "UNAVAILABLE")) failed2++;
      throw error;
    })
  );
  const { pages, walk } = pagesOf(ask2, pageSize8);
  const progress = (phase) => ({
    phase,
    there: walk().users,
    here: comparison2.here,
    calls: walk().calls + failed2,
    counts: { ...counts, thereOnly: counts.thereOnly + (phase === "reading" ? 0 : comparison2.beyond) }
  });
  const report2 = (phase) => {
    if (pace.isDue()) notify("onProgress", onProgress, progress(phase));
  };
  for await (const page2 of pages) {
    await comparison2.page(page2);
    report2("reading");
  }
  const { complete } = walk();
  await comparison2.allUsers(complete, () => report2("comparing"));
  const repaired = { adopted: 0, moved: 0, left: 0 };
  const mends = complete && repairs.length > 0;
  if (mends) {
    await forEachRow(renamed, width, signal, async (difference) => {
      const done2 = await mend(engine, signal, () => followRename(engine, difference, signal));
      if (done2) reconciling2.moved(difference.appUserId);
      repaired[done2 ? "moved" : "left"]++;
      report2("repairing");
    });
    const strangers = repairs.includes("adopt") && comparison2.isCertain ? comparison2.strangers : [];
    await forEachRow(strangers, width, signal, async (stranger) => {
      const done2 = await mend(engine, signal, () => adoptStranger(engine, stranger, signal));
      repaired[done2 ? "adopted" : "left"]++;
      report2("repairing");
    });
    if (repairs.includes("adopt")) {
      repaired.left += comparison2.beyond + comparison2.strangers.length - strangers.length;
    }
  }
  const done = progress("done");
  notify("onProgress", onProgress, done);
  return { ...done, complete, differences, repaired: mends ? repaired : null };
}
async function mend(engine, signal, task2) {
  try {
    return await retryWrite(engine, signal, "reconcile users", task2);
  } catch (error) {
    if (!isLifecycleError(error) || error.retryable || engine.keys.isTrouble(error)) throw error;
    return false;
  }
}

// src/runtime/operations/reauthorize.ts
async function reauthorize(engine, id2, deadline) {
  let lost2 = false;
  const read7 = async () => {
    const record = await loadRecord(engine, id2);
    try {
      const user2 = readUser(record, engine.sealer);
      return { user: lost2 ? damagedRecord(user2) : user2, record };
    } catch (error) {
      if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
      const user2 = remainsOf(record, engine.sealer);
      lost2 = true;
      return { user: user2, record: { ...record, dueInMs: 0 } };
    }
  };
  await sendEvent(engine, id2, { type: "REAUTHORIZE", at: engine.clock.now() }, deadline, { read: read7 });
}

// src/runtime/operations/rename.ts
async function rename(engine, id2, to, deadline) {
  let user2 = await atRest(engine, id2, deadline);
  if (id2 === to) return;
  const isFree = (await engine.store.load(to)).type !== "record";
  if (!isFree || await tombstoneRevision(engine, to) > 0) throw takenBefore(engine, user2, isFree);
  if (user2.position.context.idTaken) throw shared2(engine, id2);
  const oneupUserId = numberOf(engine, user2);
  if (user2.position.context.unconfirmed !== null) {
    await confirmNumber(engine, user2, "rename", deadline);
    user2 = await atRest(engine, id2, deadline);
    if (user2.position.context.unconfirmed !== null || numberOf(engine, user2) !== oneupUserId)
      throw notReady3(engine, id2, "another call for it is under way");
  }
  const { result, outcome } = await makeCall(engine, user2, to, deadline);
  if (outcome === null) throw notReady3(engine, id2, "another call for it is under way");
  if (result.type === "rested" && result.user.id === to) return;
  if (outcome.type !== "updated" && doubtOf("updateUser", outcome.type)?.next !== "findUser")
    throw refusal3(engine, id2, outcome);
  await awaitOutcome(engine, id2, to, deadline);
}
function numberOf(engine, { id: id2, position }) {
  const { state, context } = position;
  if (context.oneupUserId === null) throw notReady3(engine, id2, "1upHealth does not know it yet");
  if (!isRenamable(state)) throw notReady3(engine, id2, `it is ${state}`);
  return context.oneupUserId;
}
function atRest(engine, id2, deadline) {
  const load2 = () => loadUser(engine, id2);
  const waitsFor = (found) => isBusy(found) || mayArriveForMs(found.user.pause, found.record.dueInMs ?? 0) > 0;
  return whenIdle(engine, id2, { verb: "rename a user", deadline, load: load2, waitsFor }, async ({ user: user2 }) => user2);
}
async function makeCall(engine, user2, to, deadline) {
  const { clock, hidden } = engine;
  const form3 = hidden === null ? to : hidden.seal(user2.id, to);
  let outcome = null;
  for (; ; ) {
    deadline.signal.throwIfAborted();
    const shut = await engine.account.recheck("updateUser");
    if (shut !== null) throw notReady3(engine, user2.id, `calls to 1upHealth are on hold (${shut.reason})`);
    const begun = stepped(user2, { type: "RENAME", at: clock.now(), to: form3 });
    const result = await runUser(
      engine,
      { ...begun, pause: null },
      { by: "free", lease: newLease(engine), onOutcome: (first) => outcome ??= first }
    );
    if (result.type !== "notBegun") return { result, outcome };
    if (result.blocked !== null)
      throw notReady3(engine, user2.id, `calls to 1upHealth are on hold (${result.blocked.reason})`);
    const left = deadline.until - clock.monotonic();
    if (left <= 0) throw notReady3(engine, user2.id, "no slot of the account's limit is free");
    const served2 = engine.lanes.join();
    const waitMs2 = Math.min(left, beforeAskingAgain(result.retryInMs));
    await sleep(clock, waitMs2, deadline.signal).finally(served2);
  }
}
function refusal3(engine, id2, outcome) {
  const no = (code2, why, retryAfterMs2) => new LifecycleError(code2, `Cannot rename user ${engine.sealer.alias(id2)}: ${why}; it keeps its id`, {
    retryable: retryAfterMs2 !== void 0,
    retryAfterMs: retryAfterMs2
  });
  switch (outcome.type) {
    case "conflict":
      return conflict(engine, id2);
    case "missing":
      return no("BAD_ANSWER", "1upHealth has no user with its number; reconcile() shows which users it has");
    case "throttled":
    case "credentialsRefused":
    case "blocked":
    case "refused":
    case "unexplained":
      return refusalError(outcome, no);
    default:
      return unanswered2(engine, id2);
  }
}
async function awaitOutcome(engine, id2, to, deadline) {
  const user2 = await waitForUser(engine, id2, deadline, hasItsId).catch((error) => {
    if (!isLifecycleError(error, "RENAMED")) throw error;
    const isDone = error.facts.renamedTo === to;
    if (isDone) return null;
    throw error;
  });
  if (user2 !== null) throw user2.position.context.idTaken ? taken(engine, id2) : unanswered2(engine, id2);
}
function conflict(engine, id2) {
  return conflicting(engine, id2, "another user has the new app_user_id");
}
function taken(engine, id2) {
  const had = "1upHealth has given it the new app_user_id, and another user here has it, too";
  return conflicting(engine, id2, `${had}: go on with that one, ${andThen}`);
}
function takenBefore(engine, { id: id2, position }, isForgotten) {
  const had = isForgotten ? "a user who was forgotten here had" : "another user has";
  const first = isForgotten ? "onboard() it" : "go on with that one";
  const advice = `; if an earlier rename gave this one that id at 1upHealth, ${first}, ${andThen}`;
  return conflicting(engine, id2, `${had} the new app_user_id${position.context.idTaken ? advice : ""}`);
}
function shared2(engine, id2) {
  const why = "another user here has its number since an earlier rename";
  return conflicting(engine, id2, `${why}: go on with that one, ${andThen}`);
}
var andThen = "then offboard and forget this one without a purge, for both have the same data";
function conflicting({ sealer }, id2, why) {
  return new LifecycleError("USER_CONFLICT", `Cannot rename user ${sealer.alias(id2)}: ${why}`);
}
function notReady3(engine, id2, why) {
  return new LifecycleError("USER_NOT_READY", `Cannot rename user ${engine.sealer.alias(id2)}: ${why}`, {
    retryable: true
  });
}
function unanswered2(engine, id2) {
  return new LifecycleError(
    "UNAVAILABLE",
    `Cannot rename user ${engine.sealer.alias(id2)} yet: 1upHealth did not confirm it; the user keeps its id until it does`,
    { retryable: true }
  );
}

// src/runtime/options/time-words.ts
var minute3 = 6e4;
var hour2 = 60 * minute3;
var day = 24 * hour2;
var units = /* @__PURE__ */ new Map([
  ["ms", 1],
  ["s", 1e3],
  ["m", minute3],
  ["h", hour2],
  ["d", day]
]);
function spanOf(text3) {
  const [, digits, unit = ""] = /^(\d{1,16}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(text3) ?? [];
  const ms = units.get(unit);
  return ms === void 0 ? void 0 : Number(digits) * ms;
}
function spanInWords(ms) {
  if (ms < minute3) return `${Math.max(1, Math.round(ms / 1e3))} s`;
  if (ms < hour2) return `${Math.round(ms / minute3)} min`;
  const [big, small, bigName, smallName] = ms < day ? [Math.floor(ms / hour2), Math.floor(ms % hour2 / minute3), "h", "min"] : [Math.floor(ms / day), Math.floor(ms % day / hour2), "d", "h"];
  return small === 0 ? `${big} ${bigName}` : `${big} ${bigName} ${small} ${smallName}`;
}
function timeInWords(at) {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
function distanceInWords(at, now) {
  const ms = at.getTime() - now;
  if (Math.abs(ms) < 1e3) return "now";
  return ms > 0 ? `in ${spanInWords(ms)}` : `${spanInWords(-ms)} ago`;
}
function momentInWords(at, now) {
  return `${timeInWords(at)}, ${distanceInWords(at, now)}`;
}

// src/runtime/operations/explain-user.ts
function explainUser(status2, circumstances) {
  return [
    whereItIs(status2, circumstances.now),
    howItCame(status2),
    ...aboutItsToken(status2, circumstances.now),
    ...whatMayEndIt(status2, circumstances.now),
    ...whatIsOdd(status2),
    whatIsNext(status2, circumstances)
  ].join(" ");
}
function whereItIs({ state, since }, now) {
  return `The user is ${state} (${describeState(state)}) since ${momentInWords(since, now)}.`;
}
function howItCame({ failure: failure2, history: history2 }) {
  if (failure2 !== null) {
    return `It failed in ${failure2.in}, ${failureInWords(failure2.reason)}: ${sentence(failure2.why)}`;
  }
  const last = history2.at(-1);
  return last === void 0 ? "No history is kept." : `Last, ${last.why}.`;
}
function sentence(words4) {
  return `${words4.trim().replace(/[.\s]+$/, "")}.`;
}
function failureInWords(reason) {
  switch (reason) {
    case "refused":
      return "because 1upHealth refused the call for good";
    case "codesRefused":
      return "because the token endpoint refused every code for a day";
    case "contradiction":
      return "because 1upHealth has reported in turn for a day that the user exists and that it does not";
    case "idTaken":
      return "because 1upHealth has it under an app_user_id that another user here has";
    case "anotherUser":
      return "because its oneup_user_id and its app_user_id are two users of 1upHealth, so that nothing of either was used or erased";
    default:
      return reason;
  }
}
function aboutItsToken({ state, usable: usable2, expiresAt }, now) {
  if (usable2 && expiresAt !== null) return [`Its access token works until ${momentInWords(expiresAt, now)}.`];
  const isOver = state === "failed" || state === "offboarded" || isPurging(state);
  return isOver ? [] : ["It has no access token that works now."];
}
function whatMayEndIt({ provisionalUntil: provisionalUntil2 }, now) {
  if (provisionalUntil2 === null) return [];
  const until = momentInWords(provisionalUntil2, now);
  return [
    `Until ${until} that is provisional: an earlier call with the same code or refresh token may still arrive and end it; after a 401 it is replaced at once.`
  ];
}
function whatIsOdd({ active, conflict: conflict2, purge: purge2 }) {
  const odd = [];
  if (active === false)
    odd.push("1upHealth lists it as inactive; what that means is undocumented, and calls are still made.");
  if (conflict2 !== null)
    odd.push(
      "1upHealth has it under the id of another user here, so both are the same user there: offboard and forget this one without a purge."
    );
  if (purge2 !== null) {
    const { done, left, skipped } = purge2;
    odd.push(`Of its data at 1upHealth, erased: ${listed(done)}; still to erase: ${listed(left)}.`);
    if (skipped !== null)
      odd.push(
        `A purge of ${listed(skipped.versions)} was requested and not carried out: ${whySkipped(skipped.why)}.`
      );
  }
  return odd;
}
function whySkipped(why) {
  switch (why) {
    case "userUnknown":
      return "1upHealth did not know the user (any more)";
    case "withdrawn":
      return "the application offboarded the user without a purge before it was done";
    default:
      return why;
  }
}
function listed(words4) {
  return words4.length === 0 ? "none" : words4.join(", ");
}
function whatIsNext(status2, circumstances) {
  const { now, isRunning, queue } = circumstances;
  const { pause, state, underWay } = status2;
  if (isRunning) {
    const what = underWay === null ? "a process is working on it" : `the call ${underWay} is under way`;
    return `Now ${what}; if that process dies, another one takes over when its lease expires.`;
  }
  if (underWay !== null) {
    return `The call ${underWay} was begun and its result is unknown; that is resolved ${dueInWords(circumstances)}.`;
  }
  const call2 = callOf(state);
  if (call2 === void 0) return whatCanCome(state, circumstances);
  const next = `the call ${call2}`;
  const isPaused = pause !== null && pause.until.getTime() > now;
  if (isPaused && !(pause.reason === "rateLimit" && queue !== null)) {
    const reason = `It waits because ${whyItWaits(pause.reason, circumstances.shut)}`;
    return `${reason}; ${next} can leave at ${momentInWords(pause.until, now)}, as attempt ${pause.attempt}. ${continuation}`;
  }
  if (queue !== null) return `${inLine(queue, next, status2, now)} ${continuation}`;
  return `Next is ${next}, ${dueInWords(circumstances)}.`;
}
var continuation = "Any process that calls work(), or that asks for this user, continues it.";
function inLine({ lane, ahead: ahead3, inMs }, next, { pause }, now) {
  const others = Math.max(0, ahead3 - 1);
  const first = others === 0 ? "no other user is ahead" : others === 1 ? "one other user is ahead" : `${others.toLocaleString("en-US")} other users are ahead`;
  const soonest = pause?.reason === "rateLimit" && others === 0 ? pause.until.getTime() - now : inMs;
  const waitMs2 = Math.min(inMs, soonest);
  const when = waitMs2 <= 0 ? "a slot is free now" : `its turn comes at ${momentInWords(new Date(now + waitMs2), now)} at the latest, unless more urgent users arrive`;
  return `It waits in the lane ${lane} for a slot of the account's limit, where ${first}: ${when}. Then comes ${next}.`;
}
function whatCanCome(state, { dueAt, now }) {
  switch (state) {
    case "failed":
      return "Nothing happens by itself: retry() takes it back to where it failed.";
    case "offboarded":
      return "Nothing happens by itself: onboard() of the same id starts over, forget() removes what is left.";
    default:
      return dueAt === null ? "Nothing happens by itself: its token is renewed when it is requested." : `Its token is renewed when it is requested late in its life, or by a worker at ${momentInWords(dueAt, now)}.`;
  }
}
function dueInWords({ dueAt, now }) {
  if (dueAt === null || dueAt.getTime() <= now)
    return "as soon as a process calls work() or asks for this user";
  return `when a process that calls work() takes it up at ${momentInWords(dueAt, now)}, or sooner if a process asks for this user`;
}
function whyItWaits(reason, shut) {
  const gate2 = shut.find((one) => one.reason === reason);
  const forAll = gate2 === void 0 ? "" : ` (${gateInWords(gate2.gate)}, for all users of the account)`;
  switch (reason) {
    case "rateLimit":
      return `no slot of the limit is free${forAll}`;
    case "throttled":
      return gate2 === void 0 ? "1upHealth answered 429 for this user, while other users' calls succeed" : `1upHealth answered 429 though a slot was free, so the account is also used elsewhere${forAll}`;
    case "unavailable":
      return `1upHealth does not respond, or responds with server errors${forAll}`;
    case "credentials":
      return `1upHealth refuses the client id and secret${gate2 === void 0 ? ` for this user, while other users' calls succeed` : forAll}`;
    case "forbidden":
      return `${stopped}${gate2 === void 0 ? " for this user, while other users' calls succeed" : `, often because of the location of this process${forAll}`}`;
    case "codeRegisters":
      return "a fresh code may take a second to register";
    case "codesSpent":
      return "several codes brought no token, and each one takes a slot from other users";
    case "unexplained":
      return "1upHealth refused its last call without a reason, or contradicts itself about it; after a day of that, the user fails, or its rename counts as not done";
    case "otherUsers":
      return "1upHealth's response was about another user, or listed others and not this one";
    case "missing":
      return "1upHealth does not list it, although it knew it before; that is believed after a day of such answers, or after an hour where it was to be renamed";
    case "shortTokens":
      return "its tokens live for so short that renewing them at once would take the slots of other users";
    case "purging":
      return "1upHealth erases for 30 s at a time, and the next call continues";
    default:
      return reason;
  }
}
var stopped = "its calls are blocked before they reach 1upHealth (403, a redirect or an HTML page)";
function gateInWords(gate2) {
  switch (gate2) {
    case "management":
      return "user management is shut";
    case "token":
      return "the token endpoint is shut";
    case "fhir":
      return "FHIR is shut";
    case "exchange":
      return "the exchange of codes is shut";
    case "secret":
      return "this secret is suspended";
    case "region":
      return "this process is suspended";
    default:
      return gate2;
  }
}

// src/runtime/operations/explain-verbs.ts
function createExplainVerbs(engine, open3) {
  return {
    async history(appUserId) {
      open3();
      return historyOf((await loadUser(engine, checkId(appUserId))).user);
    },
    async explain(appUserId) {
      open3();
      const found = await loadUser(engine, checkId(appUserId));
      const around = await circumstancesOf(engine, found);
      return explainUser(statusOf(engine, found.user), around);
    }
  };
}
async function circumstancesOf({ account, clock, running, guard }, { user: user2, record }) {
  const { dueInMs: dueInMs2, lane, lease } = record;
  const [forecast3] = await Promise.all([lane && guard.forecast(1, lane), account.refresh()]);
  const now = clock.now();
  return {
    now,
    shut: shutGates(account.gates()),
    isRunning: running.has(user2.id) || lease !== null && lease.leftMs > 0,
    dueAt: dueInMs2 === null ? null : new Date(now + dueInMs2),
    queue: lane === null || forecast3 === null ? null : { lane, ahead: ahead(forecast3.waiting, lane), inMs: forecast3.inMs }
  };
}

// src/runtime/user/until-forced-refresh-ms.ts
var youngMs = 6e4;
var oldestYoungMs = 8 * youngMs;
var hourMs = 60 * youngMs;
var furthestAheadMs2 = 5 * youngMs;
var atOnce = 3;
function untilForcedRefreshMs(user2, now) {
  const { grantedAt } = user2.position.context;
  const age = grantedAt === null ? oldestYoungMs : now - grantedAt;
  const leastMs = leastAgeMs(user2, now);
  if (age < -furthestAheadMs2 || age >= leastMs) return 0;
  if (provisionalUntil(user2, now) !== null && forcedSince(user2, now - youngMs) < atOnce) return 0;
  return leastMs - age;
}
function leastAgeMs(user2, now) {
  if (user2.secrets.refreshToken !== void 0) return youngMs;
  const lately = forcedSince(user2, now - hourMs);
  return doubling({ firstMs: youngMs, longestMs: oldestYoungMs }, lately + 1);
}
function forcedSince({ history: history2 }, since) {
  return history2.filter(([at, , event]) => event === "TOKEN_REJECTED" && at > since).length;
}

// src/runtime/operations/access-tokens.ts
function createAccessTokens(engine, withDeadline) {
  const { clock, settings: settings2 } = engine;
  const cache = /* @__PURE__ */ new Map();
  const pendingReads = /* @__PURE__ */ new Map();
  let forgotten2 = 0;
  function forget3(id2) {
    forgotten2++;
    cache.delete(id2);
  }
  engine.changes.subscribe(({ id: id2, position }) => {
    if (position.state === "offboarded" || isPurging(position.state)) forget3(id2);
  });
  function cacheAndReturn(user2, asOf) {
    const token3 = user2.secrets.accessToken;
    if (token3 === void 0 || !isUsableNow(engine, user2)) throw notUsable(engine, user2);
    cache.delete(user2.id);
    if (settings2.cachedTokens > 0 && asOf === forgotten2) {
      for (const oldest of cache.keys()) {
        if (cache.size < settings2.cachedTokens) break;
        cache.delete(oldest);
      }
      const grantedAt = user2.position.context.grantedAt ?? 0;
      cache.set(user2.id, { token: token3, grantedAt, renewAt: refreshAt(user2, settings2.windowMs) });
    }
    return token3.reveal();
  }
  async function fromStore(id2) {
    const asOf = forgotten2;
    const { user: user2, record } = await loadUser(engine, checkId(id2));
    if (!isUsableNow(engine, user2)) return null;
    const next = awakeNow(engine, user2);
    const busy = isLeased(record);
    const waits = user2.pause !== null && (record.dueInMs ?? 0) > 0;
    if (next.position.state === "expiring" && !busy && !waits && blockedUser(engine, next) === null) {
      runUser(engine, next).catch((error) => {
        const alias = engine.sealer.alias(id2);
        settings2.logger.warn(
          { user: alias, state: next.position.state, error: errorField(error) },
          `Cannot refresh user ${alias} ahead of time: ${inWords(error)}`
        );
      });
    }
    return cacheAndReturn(user2, asOf);
  }
  async function waitForToken(id2, deadline) {
    const asOf = forgotten2;
    return cacheAndReturn(await waitForUser(engine, id2, deadline), asOf);
  }
  function readOnce2(id2) {
    const pending = pendingReads.get(id2);
    const at = clock.monotonic();
    if (pending !== void 0 && at - pending.at < answerMs5) return pending.answer;
    const started = { at, answer: fromStore(id2) };
    pendingReads.set(id2, started);
    const remove = () => {
      if (pendingReads.get(id2) === started) pendingReads.delete(id2);
    };
    started.answer.then(remove, remove);
    return started.answer;
  }
  async function whenIdleOrRenewed(id2, token3, { until, signal }) {
    for (let look2 = firstLookMs; ; look2 = Math.min(longestLookMs, 2 * look2)) {
      const { user: user2, record } = await loadUser(engine, id2);
      const left = until - clock.monotonic();
      const leasedMs = record.lease?.leftMs ?? 0;
      const busy = leasedMs > 0 || engine.running.has(id2);
      if (!busy || left <= 0 || !has(user2, token3)) return user2;
      await engine.changes.ofUser(id2, Math.min(left, look2), signal);
      signal.throwIfAborted();
    }
  }
  function has(user2, token3) {
    return isUsableNow(engine, user2) && user2.secrets.accessToken?.reveal() === token3;
  }
  function isRefused(user2, token3) {
    if (!has(user2, token3)) return false;
    const retryAfterMs2 = untilForcedRefreshMs(user2, clock.now());
    if (retryAfterMs2 <= 0) return true;
    throw new LifecycleError(
      "USER_NOT_READY",
      `Cannot use the token of user ${engine.sealer.alias(user2.id)}: 1upHealth refuses it although it was granted a moment ago`,
      { retryable: true, retryAfterMs: retryAfterMs2 }
    );
  }
  return {
    async get(id2, options) {
      engine.refuseLost();
      const hit = cache.get(id2);
      if (hit !== void 0 && clock.latest(hit.grantedAt) < hit.renewAt) return hit.token.reveal();
      return withDeadline(options, async (wait) => {
        wait.signal.throwIfAborted();
        return await readOnce2(id2) ?? waitForToken(id2, wait);
      });
    },
    rejected(id2, token3, options) {
      return withDeadline(options, async (wait) => {
        cache.delete(id2);
        const isMeant = (user2) => isRefused(user2, token3);
        if (isMeant(await whenIdleOrRenewed(id2, token3, wait))) {
          await sendEvent(engine, id2, { type: "TOKEN_REJECTED", at: clock.now() }, wait, {
            isMeant,
            lane: "recovery"
            // FHIR may refuse the tokens of all users, and people who sign up go first
          });
        }
        return waitForToken(id2, wait);
      });
    },
    forget: forget3
  };
}

// src/runtime/watching/actor-input.ts
var rules4 = { appUserId: anything, expect: among("new", "existing"), lane: aLane };
function checkActorInput(input) {
  const verb8 = "invoke an actor";
  if (!isObject2(input)) throw wrong(verb8, "input", "{ appUserId }", input);
  const { appUserId = "", ...options } = check(verb8, input, rules4, "input");
  return { ...options, appUserId: checkId(appUserId) };
}

// src/runtime/watching/actor-snapshot.ts
function persistedSnapshot(snapshot) {
  const { status: status2, output, error, input } = snapshot;
  const kept2 = { status: status2, output, error: error === void 0 ? void 0 : written(error), input };
  return kept2;
}
function restoredSnapshot(kept2) {
  if (kept2.status === "error" && !("input" in kept2 && isObject2(kept2.input))) throw revivedError(kept2.error);
  const input = checkActorInput("input" in kept2 ? kept2.input : void 0);
  switch (kept2.status) {
    case "done": {
      const output = revived(kept2.output);
      return { status: "done", output, error: void 0, context: output, input };
    }
    case "error":
      return { status: "error", output: void 0, error: revivedError(kept2.error), context: null, input };
    case "active":
    case "stopped":
      return { status: kept2.status, output: void 0, error: void 0, context: null, input };
  }
}
function revived(kept2) {
  if (!isObject2(kept2) || !("since" in kept2 && "history" in kept2 && Array.isArray(kept2.history))) {
    throw wrong("restore an actor", "output", "what its snapshot was persisted with", kept2);
  }
  const status2 = kept2;
  const { since, expiresAt, pause, history: history2 } = status2;
  return {
    ...status2,
    since: new Date(since),
    expiresAt: expiresAt && new Date(expiresAt),
    pause: pause && { ...pause, until: new Date(pause.until) },
    history: history2.map((step2) => ({ ...step2, at: new Date(step2.at) }))
  };
}
function written(error) {
  if (!isLifecycleError(error)) return { code: null, message: inWords(error), retryable: false, facts: {} };
  const { code: code2, message, retryable, facts } = error;
  return { code: code2, message, retryable, facts };
}
function revivedError(kept2) {
  const { code: code2, message, retryable, facts } = kept2;
  return code2 === null ? new Error(message) : new LifecycleError(code2, message, { retryable, facts });
}

// src/runtime/watching/actor.ts
function actorLogic(run16) {
  const restored = /* @__PURE__ */ new WeakSet();
  const running = /* @__PURE__ */ new WeakMap();
  return {
    getInitialSnapshot: (_scope, input) => ({
      status: "active",
      output: void 0,
      error: void 0,
      context: null,
      input: checkActorInput(input)
    }),
    transition(snapshot, event, { self }) {
      if (snapshot.status !== "active") return snapshot;
      if (event.type === "xstate.stop") {
        running.get(self)?.abort();
        return { ...snapshot, status: "stopped" };
      }
      return isNews(event) ? after(snapshot, event) : snapshot;
    },
    start({ status: status2, input }, { self }) {
      if (status2 !== "active") return;
      const stop2 = new AbortController();
      running.set(self, stop2);
      const send2 = (news) => {
        if (!stop2.signal.aborted) self.send(news);
      };
      const task2 = {
        input,
        isRestored: restored.has(self),
        signal: stop2.signal,
        onStatus: (status3) => send2({ type: "oneup.status", status: status3 })
      };
      run16(task2).then(
        (status3) => status3 && send2({ type: "oneup.done", status: status3 }),
        (error) => send2({ type: "oneup.error", error })
      );
    },
    getPersistedSnapshot: persistedSnapshot,
    restoreSnapshot(kept2, { self }) {
      restored.add(self);
      return restoredSnapshot(kept2);
    }
  };
}
function isNews(event) {
  return event.type === "oneup.status" || event.type === "oneup.done" || event.type === "oneup.error";
}
function after(snapshot, news) {
  switch (news.type) {
    case "oneup.status":
      return { ...snapshot, context: news.status };
    case "oneup.done":
      return { ...snapshot, status: "done", output: news.status, context: news.status };
    case "oneup.error":
      return { ...snapshot, status: "error", error: news.error };
  }
}

// src/runtime/watching/watch.ts
async function follow(engine, id2, { pollMs: pollMs5, signal, user: kind }, onStatus) {
  let newest = 0;
  let last = "";
  const report2 = (user2) => {
    if (signal.aborted || user2.revision < newest) return;
    newest = user2.revision;
    const status2 = statusOf(engine, user2);
    const text3 = JSON.stringify(status2);
    if (text3 === last) return;
    last = text3;
    onStatus(status2);
  };
  const leave = engine.changes.follow(id2, report2);
  try {
    for (; ; ) {
      const { user: user2 } = await retryWrite(engine, signal, "read a user", () => lookForUser(engine, id2));
      if (user2 !== null) report2(user2);
      else if (kind === "known" && !engine.running.has(id2)) throw unknownUser(engine, id2);
      await sleep(engine.clock, pollMs5, signal);
    }
  } finally {
    leave();
  }
}
var kept = 64;
async function* watch(engine, id2, { pollMs: pollMs5, signal }) {
  const over = linkSignals(signal, engine.closing);
  const unread3 = [];
  let wake = () => {
  };
  const how = { pollMs: pollMs5, signal: over.signal, user: "known" };
  const following = follow(engine, id2, how, (status2) => {
    if (unread3.push(status2) > kept) unread3.shift();
    wake();
  });
  following.catch(() => {
    over.abort();
    wake();
  });
  try {
    for (; ; ) {
      const status2 = unread3.shift();
      if (status2 !== void 0) yield status2;
      else if (over.signal.aborted) return await following;
      else await new Promise((resolve4) => wake = resolve4);
    }
  } catch (error) {
    if (signal?.aborted !== true && !engine.closing.aborted) throw error;
  } finally {
    over.abort();
    await following.catch(() => {
    });
  }
}

// src/runtime/watching/watch-verbs.ts
var patienceMs = 3e4;
function createWatchVerbs(engine, open3) {
  const { closing } = engine;
  function logic(run16) {
    return actorLogic(async (task2) => {
      open3();
      try {
        return await withSignals(task2.signal, closing, (signal) => run16(engine, { ...task2, signal }));
      } catch (error) {
        if (closing.aborted) return null;
        throw error;
      }
    });
  }
  return {
    watch(appUserId, options) {
      open3();
      const id2 = checkId(appUserId);
      const { signal, pollMs: pollMs5 = engine.pollMs } = checkWatch(options);
      return watch(engine, id2, { pollMs: pollMs5, signal });
    },
    actor: logic(onboarding3),
    watcher: logic(
      (_, { input, signal, onStatus }) => follow(engine, input.appUserId, { pollMs: engine.pollMs, signal, user: "known" }, onStatus)
    )
  };
}
async function onboarding3(engine, { input, isRestored, signal, onStatus }) {
  const { appUserId: id2, ...options } = input;
  const { clock } = engine;
  let onOffboarded = isRestored ? "keep" : "restart";
  const over = linkSignals(signal);
  const watching2 = { pollMs: engine.pollMs, signal: over.signal, user: "expected" };
  const following = follow(engine, id2, watching2, (status2) => {
    if (status2.state !== "offboarded" && !isPurging(status2.state)) onOffboarded = "keep";
    onStatus(status2);
  });
  following.catch(() => {
  });
  try {
    for (; ; ) {
      const user2 = await retryWrite(
        engine,
        signal,
        "onboard a user",
        () => onboard(engine, id2, { ...options, onOffboarded }, { until: clock.monotonic() + patienceMs, signal })
      );
      onOffboarded = "keep";
      if (isUsableNow(engine, user2)) return statusOf(engine, user2);
      const problem = refusal(engine, user2);
      if (problem !== null) throw problem;
    }
  } finally {
    over.abort();
  }
}
var watching = { pollMs: between(10, 36e5), signal: aSignal };
function checkWatch(options) {
  return check("watch a user", options, watching);
}

// src/runtime/engine/work.ts
function woken(engine, user2) {
  const isIdle = user2.pause?.reason === "shortTokens" && engine.settings.policy !== "eager";
  return isIdle ? user2 : awakeNow(engine, user2);
}
var afterSilence = { firstMs: 1e3, longestMs: 5e3 };
var hesitationMs = 1e3;
var noUsers = { claimed: [], nextInMs: null };
async function work(engine, job) {
  const active = /* @__PURE__ */ new Set();
  const rested = {};
  let taken3 = 0;
  async function take(claimed, lease, notAfter) {
    let read7 = false;
    try {
      if (!engine.sealer.knows(claimed.record.value)) await engine.keys.renew();
      const user2 = readUser(claimed.record, engine.sealer);
      read7 = true;
      const result = await runUser(engine, woken(engine, user2), {
        by: "claimed",
        lease,
        slot: claimed.slot,
        notAfter,
        ...!job.serves && { stop: job.stop }
      });
      if (result.type === "rested") {
        const { state } = result.user.position;
        rested[state] = (rested[state] ?? 0) + 1;
      }
    } catch (error) {
      if (!read7 && claimed.slot !== null) await engine.store.slots.giveBack(claimed.slot).catch(() => {
      });
      const alias = engine.sealer.alias(claimed.record.id);
      engine.settings.logger.warn(
        { user: alias, error: errorField(error) },
        `Cannot work on user ${alias}: ${inWords(error)}`
      );
      if (!read7 && isLifecycleError(error, "RECORD_DAMAGED"))
        await quarantine(engine.store, claimed.record, lease);
    }
  }
  function start(claimed, lease, notAfter) {
    for (const each of claimed) {
      const under2 = take(each, lease, notAfter).finally(() => {
        active.delete(under2);
        if (job.untilIdle || active.size === job.concurrency - 1) engine.changes.wakeWorkers();
      });
      active.add(under2);
    }
    taken3 += claimed.length;
    return claimed.length;
  }
  function allowed(call2, room) {
    if (engine.keys.trouble !== null) return 0;
    switch (engine.account.standing(call2)) {
      case "open":
        return room;
      case "try":
        return Math.min(1, room);
      case "shut":
        return 0;
    }
  }
  async function fetch(room) {
    const { account, store, guard } = engine;
    await account.recheck("any");
    const lease = newLease(engine);
    const dues = job.due ? allowed("any", room) : 0;
    const due = dues > 0 ? await store.claim({ limit: dues, lease }) : noUsers;
    const started = start(due.claimed, lease, 0);
    const { notAfter } = guard.ask("management", "interactive");
    const max = allowed("createUser", room - started);
    const ask2 = { limit: guard.limits.management, max, holdMs: guard.holdMs, lease };
    const granted = max > 0 ? await store.grant(ask2) : noUsers;
    start(granted.claimed, lease, notAfter);
    const shut = [job.due ? account.opensInMs("any") : 0, account.opensInMs("createUser")].filter(
      (ms) => ms > 0
    );
    return {
      more: dues > 0 && due.claimed.length === dues || max > 0 && granted.claimed.length === max,
      nextInMs: Math.min(due.nextInMs ?? Infinity, granted.nextInMs ?? Infinity, ...shut),
      lanes: granted.nextInMs !== null
    };
  }
  let silences = 0;
  let served2 = false;
  let takenBefore2 = 0;
  let idleSince = engine.clock.monotonic();
  while (!job.stop.aborted) {
    const { latest: latest2 } = engine.changes;
    let lanes2 = false;
    const room = job.concurrency - active.size;
    if (taken3 > takenBefore2) [takenBefore2, idleSince] = [taken3, engine.clock.monotonic()];
    const idleMs = job.tires ? engine.clock.monotonic() - idleSince : 0;
    let waitMs2 = lookAfter(idleMs, job.pollMs) * (1 + engine.clock.random() / 2);
    if (room > 0) {
      try {
        const found = await untilGivenUp(engine.clock, job.stop, fetch(room));
        silences = 0;
        served2 = true;
        if (found.more) continue;
        lanes2 = found.lanes;
        if (job.untilIdle && active.size === 0) break;
        const { isQuiet, isDoubted } = engine.account;
        const hesitatesMs = isQuiet && !isDoubted ? 0 : hesitationMs * engine.clock.random();
        waitMs2 = Math.min(waitMs2, Math.max(1, found.nextInMs) + hesitatesMs);
      } catch (error) {
        const isAway = served2 && !job.untilIdle && isOfStore(error) && !isLostStore(error);
        if (job.stop.aborted && error === job.stop.reason) break;
        if (!isLifecycleError(error) || !(error.retryable || isAway)) throw error;
        const ms = doubling(afterSilence, ++silences);
        const fields = { error: error.code, retryAt: retryField(engine.clock.now(), ms) };
        engine.settings.logger.warn(fields, `Cannot ask the store for work: ${error.message}; trying again`);
        await sleep(engine.clock, ms, job.stop).catch(() => {
        });
        continue;
      }
    }
    await engine.changes.ofWork(latest2, waitMs2, lanes2, job.stop);
  }
  await atRest2(engine, active);
  return { taken: taken3, rested };
}
function isOfStore(error) {
  return isLifecycleError(error, "STORE_UNAVAILABLE") || isLifecycleError(error, "STORE_UNUSABLE");
}
async function atRest2({ clock, settings: settings2 }, active) {
  if (active.size === 0) return;
  const waited = new AbortController();
  const allRest = Promise.allSettled(active).finally(() => waited.abort());
  const isOver = await Promise.race([
    allRest.then(() => false),
    sleep(clock, 2 * settings2.timeoutMs, waited.signal).then(
      () => true,
      () => false
    )
  ]);
  if (isOver)
    settings2.logger.warn(
      { users: active.size },
      `Cannot wait any longer for ${active.size} users who could not be saved: the store is away`
    );
}
var laneConcurrency = 16;
var lanePollMs = 1e3;
async function serve(engine, stop2) {
  const job = {
    concurrency: laneConcurrency,
    pollMs: lanePollMs,
    due: false,
    serves: true,
    untilIdle: false,
    tires: true
  };
  for (let failures2 = 1; !stop2.aborted; failures2++) {
    try {
      await work(engine, { ...job, stop: stop2 });
    } catch (error) {
      if (isLostStore(error)) return;
      const ms = doubling(afterSilence, failures2);
      const fields = { error: errorField(error), retryAt: retryField(engine.clock.now(), ms) };
      engine.settings.logger.warn(fields, `Cannot serve waiting users: ${inWords(error)}; trying again`);
      await sleep(engine.clock, ms, stop2).catch(() => {
      });
    }
  }
}
function laneService(engine) {
  let waiting2 = 0;
  let stop2 = null;
  let serving = Promise.resolve();
  return {
    settled: async () => void await serving,
    join() {
      waiting2++;
      if (stop2 === null) {
        stop2 = linkSignals(engine().closing);
        const served2 = serve(engine(), stop2.signal);
        serving = Promise.all([serving, served2]).then(() => void 0);
      }
      return () => {
        if (--waiting2 > 0) return;
        stop2?.abort();
        stop2 = null;
      };
    }
  };
}

// src/runtime/lifecycle-over.ts
function lifecycleOver(engine, { closing, leaving }) {
  const { clock, settings: settings2, store } = engine;
  const withDeadline = withDeadlines(clock, engine);
  const tokens = createAccessTokens(engine, withDeadline);
  const working2 = /* @__PURE__ */ new Set();
  let ending;
  function open3() {
    if (closing.signal.aborted) throw closed();
  }
  const describe = (user2) => statusOf(engine, user2);
  async function readable2(id2) {
    try {
      return (await findUser(engine, id2))?.user ?? null;
    } catch (error) {
      if (!isLifecycleError(error) || error.retryable) throw error;
      const fields = { user: engine.sealer.alias(id2), error: error.code };
      if (error.code !== "RENAMED") settings2.logger.warn(fields, `Cannot list a user: ${error.message}`);
      return null;
    }
  }
  async function* usersIn(state) {
    const keys = state === void 0 ? [void 0] : indexKeysOf(state, await store.counts());
    for (const key3 of keys) {
      for await (const id2 of listUserIds(engine, pageSize5, key3)) {
        const user2 = await readable2(id2);
        if (user2 !== null) yield describe(user2);
      }
    }
  }
  function here(user2) {
    const problem = refusal(engine, user2);
    if (problem !== null) throw problem;
    return describe(user2);
  }
  async function arrived(id2, wait) {
    return here(await waitForUser(engine, id2, wait));
  }
  async function gone2(id2, wait) {
    const user2 = await waitForUser(engine, id2, wait, isOffboardingOver);
    return user2.position.state === "failed" ? here(user2) : describe(user2);
  }
  async function worker(verb8, options, tires) {
    open3();
    const { signal, concurrency: concurrency2 = 32, pollMs: pollMs5 = 1e3 } = checkWork(verb8, options);
    const untilIdle2 = verb8 === "resume";
    return underWay(
      withSignals(
        signal,
        closing.signal,
        (stop2) => work(engine, { concurrency: concurrency2, due: true, stop: stop2, serves: false, untilIdle: untilIdle2, pollMs: pollMs5, tires })
      )
    );
  }
  function underWay(task2) {
    const done = task2.finally(() => working2.delete(done));
    working2.add(done);
    return done;
  }
  async function whileOpen({ signal }, task2) {
    const done = underWay(withSignals(signal, closing.signal, task2));
    const bounded = untilAborted(leaving.signal, atOnce2, done);
    const atRest3 = (late) => onSilence(clock, 2 * settings2.timeoutMs, late);
    return signal === void 0 ? bounded : untilAborted(signal, atRest3, bounded);
  }
  async function renamed(id2, to, wait) {
    await rename(engine, id2, to, wait);
    tokens.forget(id2);
    return describe((await loadUser(engine, to)).user);
  }
  async function allAtRest() {
    do
      await Promise.allSettled([engine.lanes.settled(), ...working2, ...engine.running.values()]);
    while (working2.size + engine.running.size > 0);
  }
  const lifecycle = {
    async onboard(appUserId, given2) {
      open3();
      const id2 = checkId(appUserId);
      const options = checkOnboarding(given2);
      return here(
        await withDeadline(
          options,
          (wait) => onboard(engine, id2, { ...options, onOffboarded: "restart" }, wait)
        )
      );
    },
    async onboardMany(ids, given2) {
      open3();
      const options = checkOnboardingMany(ids, given2);
      return whileOpen(
        options,
        (signal) => onboardMany({ engine, options, signal }, ids, (helping) => worker("work", { signal: helping }, true))
      );
    },
    async adopt(appUserId, given2, options) {
      open3();
      const id2 = checkId(appUserId);
      const grant2 = checkGrant(given2);
      return withDeadline(checkWait("adopt a user", options), async (wait) => {
        await underWay(adopt(engine, id2, grant2, wait, "byName"));
        return arrived(id2, wait);
      });
    },
    async adoptMany(rows, given2) {
      open3();
      const options = checkAdopting(rows, given2);
      return whileOpen(options, (signal) => adoptMany({ engine, options, signal }, rows));
    },
    async accessToken(appUserId, options) {
      open3();
      if (options !== void 0) checkWait("get an access token", options);
      return tokens.get(appUserId, options);
    },
    fhir(appUserId, version2, options) {
      open3();
      return fhirOf({ engine, tokens }, checkId(appUserId), version2, options);
    },
    async inspect(appUserId) {
      open3();
      return describe((await loadUser(engine, checkId(appUserId))).user);
    },
    users(filter) {
      open3();
      return usersIn(checkFilter(filter).state);
    },
    async counts() {
      open3();
      return byState(await store.counts());
    },
    work: (options) => worker("work", options, false),
    resume: (options) => worker("resume", options, true),
    async reauthorize(appUserId, options) {
      open3();
      const id2 = checkId(appUserId);
      return withDeadline(checkWait("reauthorize", options), async (wait) => {
        tokens.forget(id2);
        await reauthorize(engine, id2, wait);
        return arrived(id2, wait);
      });
    },
    async retry(appUserId, options) {
      open3();
      const id2 = checkId(appUserId);
      const { lane, ...waiting2 } = checkRetrying(options);
      return withDeadline(waiting2, async (wait) => {
        await sendEvent(engine, id2, { type: "RETRY", at: clock.now() }, wait, { lane });
        const { state } = (await loadUser(engine, id2)).user.position;
        return state === "offboarded" || isPurging(state) ? gone2(id2, wait) : arrived(id2, wait);
      });
    },
    async offboard(appUserId, given2) {
      open3();
      const id2 = checkId(appUserId);
      const { versions, ...options } = checkOffboarding(given2);
      return withDeadline(options, async (wait) => {
        tokens.forget(id2);
        await underWay(offboard(engine, id2, versions, wait));
        return gone2(id2, wait);
      });
    },
    async rename(appUserId, newAppUserId, options) {
      open3();
      const id2 = checkId(appUserId);
      const to = checkId(newAppUserId);
      const { timeoutMs } = settings2;
      const rename5 = (wait) => underWay(renamed(id2, to, wait));
      return withDeadline(checkWait("rename", options), rename5, timeoutMs);
    },
    async forget(appUserId, options) {
      open3();
      const id2 = checkId(appUserId);
      await withDeadline(checkWait("forget a user", options), (wait) => underWay(forget(engine, id2, wait)));
      tokens.forget(id2);
    },
    async reconcile(given2) {
      open3();
      const { repairs, ...options } = checkReconciling(given2);
      return whileOpen(
        options,
        (signal) => reconcile(engine, { options, repairs, signal, moved: (id2) => tokens.forget(id2) })
      );
    },
    remote: createRemote(engine),
    subscribe(listener) {
      checkValue("subscribe", "the listener", listener, aFunction);
      return engine.changes.subscribe((user2) => listener(describe(user2)));
    },
    async forecast(calls = 1, lane = "interactive") {
      open3();
      checkValue("forecast", "calls", calls, whole(1, 1e9));
      const { used, waiting: waiting2, inMs } = await forecast(
        engine,
        calls,
        checkValue("forecast", "lane", lane, aLane)
      );
      return { used: total(used), of: engine.limits.management.calls, ahead: ahead(waiting2, lane), inMs };
    },
    budget: createBudget(engine),
    health: createHealth(engine),
    account: {
      async reopen() {
        open3();
        await engine.account.reopen();
      },
      async limits() {
        open3();
        await engine.account.refresh();
        const { management: management2, token: token3, fhir: fhir2 } = engine.limits;
        const only2 = ({ calls, windowMs }) => ({ calls, windowMs });
        return { management: only2(management2), token: token3 && only2(token3), fhir: fhir2 && only2(fhir2) };
      },
      async setLimits(limits2) {
        open3();
        await engine.limits.set(checkNewLimits(limits2));
      }
    },
    ...createExplainVerbs(engine, open3),
    ...createWatchVerbs(engine, open3),
    ...createKeyVerbs(engine, open3, working2),
    alias: (appUserId) => engine.sealer.alias(checkId(appUserId)),
    close: () => ending ??= close(engine, { closing, leaving }, allAtRest),
    [Symbol.asyncDispose]: () => lifecycle.close()
  };
  return lifecycle;
}
var atOnce2 = (task2) => (task2(), () => {
});
var pageSize5 = 100;

// src/runtime/account/writability.ts
var freshMs2 = 1e3;
var Writability = class {
  /** The store with its writes observed. */
  store;
  #beneath;
  #clock;
  /** A real write failed, and none has succeeded since. */
  #failed = false;
  /** The last result, and its time. */
  #found = null;
  #asking = null;
  constructor(store, clock) {
    this.#beneath = store;
    this.#clock = clock;
    this.store = this.#noting(store);
  }
  /**
   * Resolves if the store accepts writes. It is probed at most once a second, however many callers ask.
   * @throws {LifecycleError} the error that a write would get
   */
  async check() {
    const found = this.#found;
    if (found !== null && this.#clock.monotonic() - found.at < freshMs2) {
      if (found.refusal !== null) throw found.refusal;
      return;
    }
    this.#asking ??= this.#ask().finally(() => this.#asking = null);
    await this.#asking;
  }
  async #ask() {
    try {
      await this.#beneath.probe?.();
      if (this.#failed) await this.#writeAgain();
      this.#note(null);
    } catch (error) {
      this.#note(error instanceof Error ? error : new Error("the store refused", { cause: error }));
      throw error;
    }
  }
  /** Rewrites the account record unchanged: only a real write shows that a disk has space again. */
  async #writeAgain() {
    const { account } = this.#beneath;
    const found = await account.load();
    if (found === null) return;
    const { value: value2, revision: expectedRevision } = found;
    await account.commit({ value: value2, expectedRevision, writeId: randomName(this.#clock) });
  }
  #note(refusal6) {
    if (refusal6 === null) this.#failed = false;
    this.#found = { at: this.#clock.monotonic(), refusal: refusal6 };
  }
  #noting(store) {
    const refused9 = (error) => {
      if (!isLifecycleError(error, "STORE_UNAVAILABLE")) return;
      this.#failed = true;
      this.#note(error);
    };
    const write = (verb8, hasWritten) => async (ask2) => {
      try {
        const answer4 = await verb8(ask2);
        if (hasWritten(answer4)) this.#note(null);
        return answer4;
      } catch (error) {
        refused9(error);
        throw error;
      }
    };
    const isCommitted = ({ type: type2 }) => type2 === "committed";
    const isLeased2 = ({ claimed }) => claimed.length > 0;
    const always = () => true;
    const { slots, account } = store;
    return {
      load: (id2) => store.load(id2),
      commit: write((commit) => store.commit(commit), isCommitted),
      claim: write((ask2) => store.claim(ask2), isLeased2),
      grant: write((ask2) => store.grant(ask2), isLeased2),
      slots: {
        take: write(
          (request2) => slots.take(request2),
          ({ type: type2 }) => type2 === "taken"
        ),
        settle: write((slot) => slots.settle(slot), always),
        giveBack: write((slot) => slots.giveBack(slot), always),
        forecast: (ask2) => slots.forecast(ask2)
      },
      move: write((move2) => store.move(move2), isCommitted),
      erase: write((ask2) => store.erase(ask2), always),
      page: (ask2) => store.page(ask2),
      counts: () => store.counts(),
      account: {
        load: () => account.load(),
        commit: write((change) => account.commit(change), Boolean)
      },
      close: () => store.close()
    };
  }
};

// src/runtime/open-lifecycle.ts
async function openLifecycle(options, seams = {}) {
  return (await openParts(options, seams)).lifecycle;
}
async function openParts(options, seams = {}) {
  const settings2 = checkOptions(options);
  const ending = { closing: new AbortController(), leaving: new AbortController() };
  const ends = { closing: ending.closing.signal, leaving: ending.leaving.signal };
  const engine = await openEngine(settings2, ends, seams);
  return { lifecycle: lifecycleOver(engine, ending), engine };
}
async function openEngine(settings2, ends, {
  newestFormat: newest = newestFormat,
  nextTurn = setImmediate,
  pollMs: pollMs5 = 1e3,
  memory,
  anyOrigin = false
}) {
  const { timeoutMs, graceMs } = settings2;
  const clock = steadyClock(settings2.clock);
  const credentials = await askForCredentials(settings2.credentials, systemClock);
  const account = accountOf(credentials.clientId);
  const checked2 = await openChecked(settings2.store, account, clock);
  const writability = new Writability(checked2.store, clock);
  const opened3 = writability.store;
  try {
    const { hideIds, logger } = settings2;
    const encryption = readOnce(settings2.encryption ?? { keys: [memoryKey] });
    const warn = (message) => logger.warn({}, message);
    const ring2 = (storeIsNew) => keyRing(encryption, storeIsNew, clock, warn);
    const origins = originsOf(settings2);
    const fields = anyOrigin ? {} : recordOf(origins);
    const parts = { record: opened3.account, account, ring: ring2, hideIds, fields, clock, newest, logger, memory };
    const keys = await StoreKeys.open(parts);
    const { changeOrigin: change } = settings2;
    if (!anyOrigin) await holdOrigins({ record: opened3.account, origins, change, clock, logger });
    const hidden = hideIds ? new HiddenNames(keys.view.names, account) : null;
    const store = hidden === null ? opened3 : pseudonymisedStore(opened3, hidden, warn);
    const { limits: configured, lanes: lanes2 } = settings2;
    const limits2 = await LimitsInForce.open({ record: opened3.account, configured, lanes: lanes2, clock, logger });
    const changes2 = new Changes(clock, logger);
    const sender = createSender({
      transport: settings2.transport ?? defaultTransport(),
      clock,
      timeoutMs,
      maxBytes: settings2.maxAnswerBytes
    });
    const engine = {
      settings: settings2,
      clock,
      store,
      keys,
      sealer: keys.sealer,
      hidden,
      refuseLost: checked2.refuseLost,
      limits: limits2,
      writability,
      guard: createGuard({ slots: store.slots, clock, limits: limits2, timeoutMs, graceMs }),
      account: new Account({
        record: opened3.account,
        refuseLost: checked2.refuseLost,
        clock,
        source: settings2.credentials,
        credentials,
        fingerprint: (secret2) => keys.sealer.fingerprint(secret2),
        get windowMs() {
          return limits2.management.windowMs;
        },
        lostMs: timeoutMs + graceMs,
        neutral: (endpoint2, permit2) => neutralCall(engine, endpoint2, permit2),
        logger,
        changed: () => changes2.wakeWorkers(),
        seen(record, at) {
          limits2.see(record);
          void keys.see(record, at);
        }
      }),
      sender,
      forms: new SearchForms(clock, sender.sendsGetBody),
      owner: `${process3.pid}-${randomName(clock)}`,
      changes: changes2,
      running: /* @__PURE__ */ new Map(),
      lanes: laneService(() => engine),
      ...ends,
      gather: gathering(nextTurn),
      pollMs: pollMs5
    };
    return engine;
  } catch (error) {
    await opened3.close();
    throw error;
  }
}
var memoryKey = randomBytes5(32);

// src/env.ts
var createLifecycle = Object.assign(
  (options) => openLifecycle(options),
  {
    fromEnv: async (overrides) => openLifecycle(await optionsFromEnv(overrides))
  }
);
async function optionsFromEnv(given2) {
  const overrides = checkOverrides(given2);
  const encryption = overrides.encryption ?? keyFrom(process4.env["ONEUP_KEY"] ?? "", process4.env["ONEUP_KEY_FILE"] ?? "");
  return {
    ...overrides,
    credentials: overrides.credentials ?? {
      clientId: required("ONEUP_CLIENT_ID"),
      clientSecret: required("ONEUP_CLIENT_SECRET")
    },
    store: overrides.store ?? await storeFromEnv(),
    ...encryption && { encryption },
    hideIds: overrides.hideIds ?? isOn("ONEUP_HIDE_IDS"),
    endpoints: { ...endpointsFromEnv(), ...overrides.endpoints }
  };
}
function endpointsFromEnv() {
  const given2 = (name2) => {
    const value2 = process4.env[name2] ?? "";
    return value2 === "" ? void 0 : endpoint(`the environment variable ${name2}`, value2);
  };
  const api = given2("ONEUP_API");
  const auth = given2("ONEUP_AUTH") ?? api;
  return { ...api !== void 0 && { api }, ...auth !== void 0 && { auth } };
}
function required(name2) {
  const value2 = process4.env[name2];
  if (value2 !== void 0 && value2 !== "") return value2;
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot start: the environment variable ${name2} must be set, and it is not`
  );
}
function isOn(name2) {
  const value2 = process4.env[name2] ?? "";
  if (value2 === "1") return true;
  if (value2 === "" || value2 === "0") return false;
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot start: the environment variable ${name2} must be 1 or 0, got ${JSON.stringify(value2)}`
  );
}
function keyFrom(keys, file) {
  if (keys !== "" && file !== "") {
    throw new LifecycleError(
      "INVALID_OPTION",
      "Cannot start: one of the environment variables ONEUP_KEY and ONEUP_KEY_FILE must be set, and both are"
    );
  }
  if (keys !== "") return { keys: keys.split(",") };
  return file === "" ? void 0 : keyFile(file);
}
function storeFromEnv() {
  return storeAt(required("ONEUP_STORE"), "ONEUP_STORE");
}
async function storeAt(place4, from) {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(place4)?.[1]?.toLowerCase();
  const flaw = flawIn(place4);
  if (scheme === void 0 && flaw === void 0) return (await import("./lmdb-UJ5X6U6K.mjs")).lmdb(place4);
  if (scheme === "redis" || scheme === "rediss")
    return (await import("./redis-TQKDONRD.mjs")).redis(place4.replace(/^[^:]+/, scheme));
  if (scheme === "postgres" || scheme === "postgresql")
    return (await import("./postgres-QT7F3463.mjs")).postgres(place4.replace(/^[^:]+/, scheme));
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot start: ${from} must be the path of a folder, a redis: or a postgres: URL, and it ${flaw ?? `is a ${scheme}: URL`}`
  );
}
function flawIn(place4) {
  if (place4.trim() !== place4 || place4 === "") return "begins or ends with a space";
  if (/["'`]/.test(place4)) return "contains quotation marks";
  if (place4.includes("$")) return "contains a variable ($) that was not replaced";
  if (place4.startsWith("~")) return "begins with ~, which only a shell replaces";
  return /^[^:]*\/\//.test(place4) ? "contains // but is no URL" : void 0;
}

// src/store/read-only.ts
function readOnly(adapter) {
  const { name: name2, durable, folder, timeoutMs } = adapter;
  return {
    name: name2,
    durable,
    ...folder !== void 0 && { folder },
    ...timeoutMs !== void 0 && { timeoutMs },
    async open(options) {
      const refuse3 = () => Promise.reject(readOnlyStore(name2));
      const store = await adapter.open({ ...options, readOnly: true });
      try {
        if (await store.account.load() === null) throw emptyStore(name2);
      } catch (error) {
        await store.close();
        throw error;
      }
      return {
        load: (id2) => store.load(id2),
        page: (ask2) => store.page(ask2),
        counts: () => store.counts(),
        commit: refuse3,
        claim: refuse3,
        grant: refuse3,
        move: refuse3,
        erase: refuse3,
        slots: {
          forecast: (ask2) => store.slots.forecast(ask2),
          take: refuse3,
          settle: refuse3,
          giveBack: refuse3
        },
        account: { load: () => store.account.load(), commit: refuse3 },
        close: () => store.close()
      };
    }
  };
}
function readOnlyStore(name2) {
  return new LifecycleError("STORE_UNUSABLE", `Cannot write to the ${name2} store: it was opened read-only`);
}
function emptyStore(name2) {
  return new LifecycleError(
    "STORE_UNUSABLE",
    `Cannot read the ${name2} store: it must hold users of this client id, and it holds none`
  );
}

// src/cli/parse-units.ts
function whole2(name2, text3, least, most = Number.MAX_SAFE_INTEGER) {
  const value2 = /^\d{1,16}$/.test(text3) ? Number(text3) : NaN;
  if (value2 >= least && value2 <= most) return value2;
  throw new UsageError(
    `--${name2} must be a whole number from ${least} to ${most}, got ${JSON.stringify(text3)}`
  );
}
function duration(name2, text3) {
  const value2 = spanOf(text3) ?? NaN;
  if (value2 > 0 && Number.isSafeInteger(value2)) return value2;
  throw new UsageError(`--${name2} must be a time such as 90s, 30m or 1h, got ${JSON.stringify(text3)}`);
}

// src/cli/escape-control.ts
function escapeControl(id2) {
  return id2.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

// src/cli/columns.ts
var wide = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;
var signs = new Intl.Segmenter();
function* placesOf(text3) {
  for (const { segment } of signs.segment(text3)) yield { sign: segment, places: wide.test(segment) ? 2 : 1 };
}
function placesIn(text3) {
  let places2 = 0;
  for (const one of placesOf(text3)) places2 += one.places;
  return places2;
}
function fitted(text3, width3, right = false) {
  const cut = shortened(text3, width3);
  const rest = " ".repeat(Math.max(0, width3 - placesIn(cut)));
  return right ? rest + cut : cut + rest;
}
function shortened(text3, width3) {
  if (placesIn(text3) <= width3) return text3;
  let kept2 = "";
  let places2 = 0;
  for (const one of placesOf(text3)) {
    if (places2 + one.places > width3 - 1) break;
    kept2 += one.sign;
    places2 += one.places;
  }
  return `${kept2}\u2026`;
}
var inMeasure = /(?<=\d) (?=(?:d|h|min|s|ms)\b)/;
function wrapped(text3, width3) {
  const lines = [];
  let line = "";
  const words4 = text3.split(" ");
  for (const [index, part] of words4.entries()) {
    if (index > 0 && inMeasure.test(`${words4[index - 1]} ${part}`)) continue;
    const next = words4[index + 1];
    const word2 = next !== void 0 && inMeasure.test(`${part} ${next}`) ? `${part} ${next}` : part;
    const longer2 = line === "" ? word2 : `${line} ${word2}`;
    if (line === "" || placesIn(longer2) <= width3) line = longer2;
    else {
      lines.push(line);
      line = word2;
    }
  }
  return [...lines, line];
}
function hanging(start, text3, width3, paint = (same2) => same2) {
  const indent = placesIn(start);
  return wrapped(text3, Math.max(12, width3 - indent)).map(
    (line, index) => (index === 0 ? start : " ".repeat(indent)) + paint(line)
  );
}

// src/cli/paint.ts
import { styleText } from "node:util";
function paintFor(target, env = process.env) {
  return wantsColour(target, env) ? colours : plain2;
}
function wantsColour({ isTTY = false }, env) {
  const { NO_COLOR: no = "", FORCE_COLOR: force, TERM: term } = env;
  if (no !== "") return false;
  if (force !== void 0) return force !== "0" && force !== "false";
  return isTTY && term !== "dumb";
}
var same = (text3) => text3;
var plain2 = { good: same, busy: same, bad: same, saved: same, strong: same, quiet: same };
var colours = {
  good: style("green"),
  busy: style("yellow"),
  bad: style("red"),
  saved: style("cyan"),
  strong: style("bold"),
  quiet: style("dim")
};
function style(format) {
  return (text3) => text3 === "" ? text3 : styleText(format, text3, { validateStream: false });
}

// src/cli/screen.ts
var width2 = 80;
function widthOf({ isTTY = false, columns: columns2 = width2 }) {
  return isTTY ? Math.max(40, columns2) : Infinity;
}
var longestLine = 100;
function printProse(...texts2) {
  for (const text3 of texts2) for (const line of wrappedFor(process.stdout, text3)) console.log(line);
}
function printError(text3) {
  for (const line of wrappedFor(process.stderr, text3)) console.error(line);
}
function wrappedFor(target, text3) {
  const width3 = widthOf(target);
  return wrapped(text3, width3 === Infinity ? width3 : Math.min(longestLine, width3));
}
var Screen = class {
  paint;
  #target;
  /** Number of lines that the current display has and may be redrawn over. */
  #drawn = 0;
  constructor(target) {
    this.#target = target;
    this.paint = paintFor(target);
  }
  /** Whether a display can be redrawn: not on a pipe, nor where lines would wrap or scroll away. */
  get moves() {
    const { isTTY = false, columns: columns2 = 0, rows = 0 } = this.#target;
    return isTTY && columns2 >= width2 && rows >= 16 && process.env["TERM"] !== "dumb";
  }
  /** Prints lines. A display above them stays as it is. */
  say(...lines) {
    this.#drawn = 0;
    for (const line of lines) this.#target.write(`${line}
`);
  }
  /** Draws a display over the last one. */
  draw(lines) {
    if (!this.moves) return;
    const up = this.#drawn === 0 ? "" : `\x1B[${this.#drawn}A`;
    this.#target.write(`${up}${lines.map((line) => `\x1B[2K${line}
`).join("")}\x1B[J`);
    this.#drawn = lines.length;
  }
  /** Draws a display for the last time. */
  settle(lines) {
    if (this.moves) this.draw(lines);
    else this.say(...lines);
    this.#drawn = 0;
  }
  /** Gives people time to read; skipped on a pipe. */
  async pause(ms, signal) {
    if (this.moves) await sleep(systemClock, ms, signal);
  }
};

// src/cli/shell-words.ts
var commands = {
  onboard: "onboard",
  retry: "retry ID",
  reauthorize: "reauthorize ID",
  rename: "rename ID NEW-ID",
  offboard: "offboard ID",
  forget: "forget ID",
  adopt: "adopt ID",
  reconcile: "reconcile",
  work: "work",
  rotateKeys: "keys rotate",
  "keys.list": "keys list",
  "account.reopen": "reopen",
  "account.setLimits": "limits"
};
var method = new RegExp(
  `\\b(call )?(${Object.keys(commands).join("|").replaceAll(".", "\\.")})\\(\\)( it\\b)?`,
  "g"
);
var settings = {
  waitMs: ["--wait"],
  pollMs: ["--poll"],
  "refresh.policy": ["--refresh"],
  "limits.management.calls": ["--limit"],
  "limits.management.windowMs": ["--window"],
  "management.calls": ["--calls"],
  "management.windowMs": ["--window-ms"],
  "token.calls": ["--calls"],
  "token.windowMs": ["--window-ms"],
  "fhir.calls": ["--calls"],
  "fhir.windowMs": ["--window-ms"],
  "endpoints.api": ["--api", "ONEUP_API"],
  "endpoints.auth": ["--auth", "--api", "ONEUP_AUTH", "ONEUP_API"],
  pageSize: ["--page-size"],
  oneupUserId: ["--number"]
};
var phrases = [
  [
    /Any process that calls work\(\), or that asks/,
    "Any worker (oneup-lifecycle work), or process that asks"
  ],
  [
    /as soon as a process calls work\(\) or asks for this user/,
    "as soon as there is a worker (oneup-lifecycle work), or a process asks for this user"
  ],
  [/when a process that calls work\(\) takes it up/, "when a worker (oneup-lifecycle work) takes it up"],
  [/onboard\(\) of the same id/, "to onboard the same id"],
  [/call migrate\(\) of the adapter once, or run/, "run"],
  [/encryption, e\.g\. keyFile\(.*\)$/, "a key: set ONEUP_KEY_FILE or ONEUP_KEY, or use --key-file FILE"],
  [/its `encryption` does not hold/, "ONEUP_KEY_FILE or ONEUP_KEY here does not hold"],
  [/changeOrigin: true moves/, "--change-origin moves"],
  [/hideIds must be true, not false/, "ONEUP_HIDE_IDS must be 1, and it is 0"],
  [/hideIds must be false, not true/, "ONEUP_HIDE_IDS must be 0, and it is 1"]
];
function atShell(text3, given2, aliases = /* @__PURE__ */ new Map()) {
  const [only2, ...others] = [...aliases.values()];
  const id2 = only2 !== void 0 && others.length === 0 && /^[\w.@+-]+$/.test(only2) ? only2 : "ID";
  let told = phrases.reduce((words4, [phrase, here]) => words4.replace(phrase, here), text3);
  told = told.replace(method, (_, call2, name2, it) => {
    const command = `oneup-lifecycle ${commands[name2]?.replace(/\bID$/, id2)}`;
    return call2 === void 0 && it === void 0 ? command : `run ${command}`;
  });
  for (const [alias, typed] of aliases) told = told.replaceAll(alias, JSON.stringify(escapeControl(typed)));
  return told.replace(/^(Cannot [^:]+: )([\w.]+)(?= must be )/, (_, start, name2) => {
    return start + settingOf(name2, given2);
  });
}
function settingOf(name2, { command, texts: texts2 }) {
  if (command.options !== void 0 && Object.hasOwn(command.options, name2)) return `--${name2}`;
  const names4 = settings[name2] ?? [name2];
  return names4.find((one) => texts2.has(one.slice(2))) ?? names4.find((one) => one in process.env) ?? names4[0] ?? name2;
}

// src/cli/open-store.ts
async function adapterOf({ texts: texts2 }) {
  const given2 = texts2.get("store");
  const place4 = given2 ?? process.env["ONEUP_STORE"] ?? "";
  if (place4 === "") throw new UsageError("No store given: set ONEUP_STORE or use --store PLACE");
  return /^[^:]*\.[cm]?[jt]s$/.test(place4) ? adapterIn(place4) : storeAt(place4, given2 === void 0 ? "ONEUP_STORE" : "--store");
}
async function adapterIn(path2) {
  const refused9 = (why) => new UsageError(`Cannot use the store of ${path2}: ${why}`);
  const module = await import(pathToFileURL(resolve2(path2)).href).catch((error) => {
    throw refused9(error instanceof Error ? error.message.split("\n", 1)[0] ?? "" : "it cannot be loaded");
  });
  const { default: adapter } = module;
  if (isAdapter(adapter)) return adapter;
  throw refused9("its default export must be a store adapter, with a name and open()");
}
function isAdapter(thing) {
  return typeof thing === "object" && thing !== null && "open" in thing && typeof thing.open === "function" && "name" in thing && typeof thing.name === "string";
}
async function withStore(given2, use, { way = given2.command.opens, adapter, options = {}, beforeWarning = nothing2 } = {}) {
  const aliases = /* @__PURE__ */ new Map();
  const inWords5 = (text3) => atShell(text3, given2, aliases);
  const warn = (_fields, message) => {
    beforeWarning();
    printError(escapeControl(inWords5(message)));
  };
  try {
    const store = storeFor(way, adapter ?? await adapterOf(given2));
    const logger = { debug: nothing2, info: nothing2, warn, error: warn };
    const opening2 = await optionsFromEnv({ ...optionsOf2(given2), store, logger, ...options });
    const lifecycle = await openLifecycle(opening2, { anyOrigin: way === "look" || way === "tend" });
    try {
      for (const id2 of typedIds(given2)) aliases.set(lifecycle.alias(id2), id2);
      return await use(lifecycle);
    } finally {
      await lifecycle.close();
    }
  } catch (error) {
    if (!isLifecycleError(error)) throw error;
    throw new LifecycleError(error.code, inWords5(error.message), { cause: error, facts: error.facts });
  }
}
var nothing2 = () => {
};
function storeFor(way, adapter) {
  if (way === "work") return adapter;
  const looked = readOnly(adapter);
  if (way === "look") return looked;
  return {
    ...looked,
    async open(options) {
      await (await looked.open(options)).close();
      return adapter.open(options);
    }
  };
}
function typedIds({ command: { takes = [] }, argument, second: second2 }) {
  return [argument, second2].filter((value2, index) => value2 !== "" && /ID/.test(takes[index] ?? ""));
}
function optionsOf2({ texts: texts2, switches }) {
  const key3 = texts2.get("key-file");
  const isLimited = texts2.has("limit") || texts2.has("window");
  return {
    ...key3 !== void 0 && { encryption: keyFile(key3) },
    endpoints: endpointsIn(texts2),
    changeOrigin: switches.has("change-origin"),
    ...isLimited && {
      limits: {
        management: {
          calls: whole2("limit", texts2.get("limit") ?? "300", 1),
          windowMs: duration("window", texts2.get("window") ?? "1h")
        }
      }
    }
  };
}
function endpointsIn(texts2) {
  const api = texts2.get("api");
  const auth = texts2.get("auth") ?? api;
  return {
    ...endpointsFromEnv(),
    ...api !== void 0 && { api },
    ...auth !== void 0 && { auth }
  };
}

// src/cli/commands/backup.ts
var backup = {
  name: "backup",
  description: "copy an LMDB store that is in use; for another store, name the tool that does it",
  more: [
    "FOLDER must not exist: the copy appears there once it is complete. Processes keep working meanwhile.",
    "",
    "Redis: redis-cli --rdb FILE, or a snapshot of your provider, of each node of a cluster. PostgreSQL:",
    "pg_dump --format=custom --schema=oneup_lifecycle --file=FILE. Both copy one moment while others write. For",
    "these stores the command prints this and ends with 1, because nothing was copied.",
    "",
    "A copy contains no key and is worth nothing without one. Keep the key file, or the value of ONEUP_KEY, apart",
    "from the copy, and as long as the copy. Keep a list of the users onboarded or renamed since: the guide to",
    "stores tells how to restore."
  ],
  takes: ["FOLDER"],
  example: "backup backups/2026-11-27",
  opens: "place",
  json: "object",
  fails: "the store is not one that this command copies",
  async run(given2) {
    const store = await adapterOf(given2);
    if (!copies(store))
      throw new LifecycleError("STORE_UNUSABLE", `Cannot copy the ${store.name} store: ${toolFor(store)}`);
    const folder = resolve3(given2.argument);
    await store.backup(folder);
    if (given2.switches.has("json")) console.log(JSON.stringify({ store: store.name, folder }));
    else {
      console.log(`Copied to ${folder}`);
      printProse("It contains no key. Keep the key file, or the value of ONEUP_KEY, apart from it.");
    }
    return 0;
  }
};
function copies(store) {
  return "backup" in store && typeof store.backup === "function";
}
function toolFor({ name: name2 }) {
  if (name2 === "redis")
    return "use redis-cli --rdb FILE, on each node of a cluster, and keep the key apart from it";
  if (name2 === "postgres")
    return "use pg_dump --format=custom --schema=oneup_lifecycle --file=FILE, and keep the key apart from it";
  return "use the tool of the storage beneath it, and keep the key apart from the copy";
}

// src/cli/commands/diagram.ts
var diagram = {
  name: "diagram",
  description: "print the lifecycle as a Mermaid diagram, with the number of users per state",
  more: [
    "With --store, or with --counts and ONEUP_STORE, each state shows its number of users. Paste the diagram",
    "into a Markdown file or into mermaid.live."
  ],
  example: "diagram --counts",
  opens: "look",
  json: "object",
  options: {
    counts: { type: "boolean", description: "count the users in ONEUP_STORE" }
  },
  run
};
async function run(given2) {
  const { switches, texts: texts2 } = given2;
  const isCounted = switches.has("counts") || texts2.has("store");
  const counts = isCounted ? await withStore(given2, (lifecycle) => lifecycle.counts()) : void 0;
  const drawn2 = mermaid(counts);
  console.log(switches.has("json") ? JSON.stringify({ mermaid: drawn2, counts: counts ?? null }) : drawn2);
  return 0;
}

// src/cli/commands/explain.ts
var explain = {
  name: "explain",
  description: "explain one user: the state, the reason, what happens next and when",
  more: ["ID is the app_user_id. The explanation contains neither the id nor a secret."],
  takes: ["ID"],
  example: "explain ada@example.org",
  opens: "look",
  json: "object",
  run: run2
};
async function run2(given2) {
  const id2 = given2.argument;
  const text3 = atShell(await withStore(given2, (lifecycle) => lifecycle.explain(id2)), given2);
  if (given2.switches.has("json")) console.log(JSON.stringify({ appUserId: id2, explanation: text3 }));
  else printProse(escapeControl(text3));
  return 0;
}

// src/cli/format.ts
function toneOf(state) {
  switch (state) {
    case "tokenActive":
    case "refreshed":
      return "good";
    case "reauthorized":
      return "saved";
    case "created":
    case "codeIssued":
    case "expiring":
    case "reauthorizing":
    case "locating":
    case "renaming":
    case "renameInDoubt":
    case "identifying":
    case "offboarding":
      return "busy";
    case "failed":
      return "bad";
    case "offboarded":
      return "quiet";
    default:
      return state;
  }
}
function tokenLeft({ usable: usable2, expiresAt }, now) {
  return usable2 && expiresAt !== null ? spanInWords(expiresAt.getTime() - now) : "\u2013";
}
function waitOf({ pause, state, underWay }, now) {
  if (underWay !== null) return `${underWay}?`;
  if (pause === null) return callOf(state) === void 0 ? "" : "its turn";
  const left = pause.until.getTime() - now;
  return left <= 0 ? pause.reason : `${pause.reason} ${spanInWords(left)}`;
}
function byLane(counts) {
  const { interactive, recovery, bulk } = counts;
  return [`interactive ${number(interactive)}`, `recovery ${number(recovery)}`, `bulk ${number(bulk)}`].join(
    " \xB7 "
  );
}
function number(count) {
  return count.toLocaleString("en-US");
}
function plural(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}
function gateLine({ gate: gate2, state, reason, until }, now) {
  const why = reason === null || reason === state ? "" : ` (${reason})`;
  const next = until.getTime() <= now ? "now" : distanceInWords(until, now);
  return `${gate2} is ${state}${why}; ${state === "probing" ? "one call is trying" : `next try ${next}`}`;
}
function usedIn({ used }) {
  return used.interactive + used.recovery + used.bulk;
}
function waitingUsers({ users: users3, waiting: waiting2 }) {
  const states = Object.entries(users3);
  const onTheirWay2 = states.filter(([state]) => state !== "expiring" && callOf(state) !== void 0);
  const all = onTheirWay2.reduce((sum, [, count]) => sum + count, 0);
  return Math.max(0, all - waiting2.interactive - waiting2.recovery - waiting2.bulk);
}

// src/cli/commands/forecast.ts
var forecast2 = {
  name: "forecast",
  description: "estimate when N more management calls are granted, e.g. for N new users",
  more: [
    "A new user takes one call, and so does recovering a lost grant; a refresh takes none. The calls queue",
    "behind users that are waiting already. Assumes no other new calls, and that closed gates open on time."
  ],
  takes: ["N"],
  example: "forecast 10000",
  opens: "look",
  json: "object",
  options: {
    lane: {
      type: "string",
      value: "LANE",
      description: "the lane: bulk, recovery or interactive (default: bulk)"
    }
  },
  run: run3
};
async function run3(given2) {
  const { argument, switches, texts: texts2 } = given2;
  if (!/^\d{1,9}$/.test(argument) || Number(argument) < 1) {
    throw new UsageError("forecast needs a number of calls, at least 1: oneup-lifecycle forecast 10000");
  }
  const calls = Number(argument);
  const lane = texts2.get("lane") ?? "bulk";
  const [found, view] = await withStore(given2, async (lifecycle) => [
    await lifecycle.forecast(calls, lane),
    await lifecycle.budget.refresh()
  ]);
  const now = systemClock.now();
  const { inMs } = found;
  const others = waitingUsers(view);
  if (switches.has("json")) {
    const { shut } = view;
    const at = new Date(now + inMs);
    console.log(JSON.stringify({ calls, lane, ...found, underWayOrHeld: others, shut, at }));
    return 0;
  }
  const when = inMs <= 0 ? "now" : `by ${momentInWords(new Date(now + inMs), now)}`;
  printProse(
    `${number(calls)} more calls in the lane ${lane}: granted ${when}`,
    `${number(found.ahead)} are waiting ahead; ${number(found.used)} of ${number(found.of)} slots are in use`,
    ...others > 0 ? [`${number(others)} more are in progress or held, and may need slots too`] : [],
    ...view.shut.map((gate2) => gateLine(gate2, now))
  );
  return 0;
}

// src/cli/commands/inspect.ts
var inspect = {
  name: "inspect",
  description: "show one user: state, token, pause, calls and latest steps",
  more: ["ID is the app_user_id. No secret is printed."],
  takes: ["ID"],
  example: "inspect ada@example.org",
  opens: "look",
  json: "object",
  run: run4
};
async function run4(given2) {
  const id2 = given2.argument;
  const status2 = await withStore(given2, async (lifecycle) => {
    await lifecycle.budget.refresh();
    return lifecycle.inspect(id2);
  });
  if (given2.switches.has("json")) console.log(JSON.stringify(status2));
  else {
    const lines = userLines(status2, systemClock.now(), widthOf(process.stdout), paintFor(process.stdout));
    for (const line of lines) console.log(line);
  }
  return 0;
}
function userLines(status2, now, width3, paint) {
  const rows = factsOf(status2, now).flatMap(([name2, value2, tone]) => {
    const lines = hanging(`  ${name2.padEnd(valueAt - 3)} `, value2, width3, tone && paint[tone]);
    return lines.map((line) => paint.quiet(line.slice(0, valueAt)) + line.slice(valueAt));
  });
  const head = `  ${paint.strong(escapeControl(status2.appUserId))}`;
  return ["", head, "", ...rows, "", ...stepLines(status2.history, width3, paint), ""];
}
var valueAt = 16;
function factsOf(status2, now) {
  const { state, since, usable: usable2, expiresAt, oneupUserId, active, pause, failure: failure2, underWay, calls } = status2;
  const facts = [
    ["state", state, toneOf(state)],
    ["since", momentInWords(since, now)],
    [
      "token",
      usable2 && expiresAt !== null ? `valid until ${momentInWords(expiresAt, now)}` : "none that is valid now"
    ],
    ["oneup_user_id", oneupUserId === null ? "not known yet" : String(oneupUserId)]
  ];
  if (status2.provisionalUntil !== null)
    facts.push(["provisional", `until ${momentInWords(status2.provisionalUntil, now)}`, "busy"]);
  if (active === false) facts.push(["active", "no, according to 1upHealth", "busy"]);
  if (pause !== null)
    facts.push(["waits", `${pause.reason}, until ${momentInWords(pause.until, now)}`, "busy"]);
  if (pause !== null) facts.push(["attempt", `${pause.attempt} is next`]);
  if (underWay !== null) facts.push(["call", `${underWay}, in flight or in doubt`, "busy"]);
  if (failure2 !== null) {
    facts.push(
      ["failed", `in ${failure2.in}: ${failure2.reason}`, "bad"],
      ["because", escapeControl(failure2.why), "bad"]
    );
  }
  if (status2.conflict !== null) facts.push(["conflict", status2.conflict, "bad"]);
  if (status2.purge !== null) {
    const { done, left, skipped } = status2.purge;
    facts.push(["erased", done.join(", ") || "none"], ["to erase", left.join(", ") || "none"]);
    if (skipped !== null) facts.push(["not erased", `${skipped.versions.join(", ")}: ${skipped.why}`, "bad"]);
  }
  return [...facts, ["calls", `management ${calls.management} \xB7 token ${calls.token}`]];
}
var [timeWidth, stateWidth, costWidth] = [19, 13, 12];
var leastRoom = 24;
var mostRoom = 57;
function stepLines(history2, width3, paint) {
  const room = Math.min(mostRoom, width3 - timeWidth - stateWidth - costWidth - 8);
  const isStacked = room < leastRoom;
  const cells = (time, state, why, cost) => `  ${paint.quiet(fitted(time, timeWidth))}  ${fitted(state, stateWidth)}  ${isStacked ? "" : `${why.padEnd(room)}  `}${paint.strong(cost)}`.trimEnd();
  const rows = history2.flatMap(({ at, to, from, why, attempt, spent }) => {
    const again2 = from === to && attempt !== null && attempt > 0 ? `${why} (${attempt})` : why;
    const reason = escapeControl(again2);
    const time = timeInWords(at).slice(0, timeWidth);
    if (isStacked) return [cells(time, to, "", costOf(spent)), ...hanging("    ", reason, width3)];
    const [first = "", ...others] = wrapped(reason, width3 === Infinity ? width3 : room);
    return [cells(time, to, first, costOf(spent)), ...others.map((line) => cells("", "", line, ""))];
  });
  const title = isStacked ? cells("when, UTC", "state", "", "calls, and why") : cells("when, UTC", "state", "why", "calls");
  return [title, ...rows];
}
function costOf(spent) {
  if (spent === null) return "?";
  const { management: management2, token: token3 } = spent;
  const words4 = [management2 > 0 ? `${management2} mgmt` : "", token3 > 0 ? `${token3} token` : ""];
  return words4.filter((word2) => word2 !== "").join(", ");
}

// src/cli/confirm.ts
import { createInterface } from "node:readline";
var Declined = class extends Error {
  name = "Declined";
};
async function confirm({ command: { name: name2 }, switches }, question, signal) {
  if (switches.has("yes")) return;
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY)
    throw new UsageError(
      `${name2} asks first, and there is no terminal to ask on: add --yes to do it all the same`
    );
  printError(question);
  stderr.write("Continue? [y/N] ");
  const lines = createInterface({ input: stdin, terminal: false, signal });
  try {
    const answer4 = await new Promise((resolve4) => {
      lines.once("line", resolve4);
      lines.once("close", () => resolve4(""));
    });
    signal.throwIfAborted();
    if (!/^y(?:es)?$/i.test(answer4.trim())) throw new Declined();
  } finally {
    lines.close();
  }
}

// src/cli/commands/keys.ts
var ring = [
  "Keys are those in ONEUP_KEY, newest first and separated by commas, or the lines of the key file. They appear",
  "by their ids; no key is printed."
];
var listKeys = {
  name: "keys list",
  description: "list the keys that the store needs",
  more: ring,
  example: "keys list",
  opens: "look",
  json: "object",
  async run(given2) {
    const keys = await withStore(given2, (lifecycle) => lifecycle.keys.list());
    if (given2.switches.has("json")) console.log(JSON.stringify({ keys }));
    else
      for (const { id: id2, storeKeys } of keys)
        printProse(`${id2}  wraps ${plural(storeKeys.length, "store key")}: ${storeKeys.join(", ")}`);
    return 0;
  }
};
var rotateKeys = {
  name: "keys rotate",
  description: "wrap the store's keys with the newest key, while all processes work",
  more: [
    ...ring,
    "",
    "First put the new key before the old one, for every process. With --records the store's own key is replaced too",
    "and every user is sealed again: use it if the old key may have leaked. It takes 10 s or more, and may be",
    "interrupted and run again."
  ],
  example: "keys rotate --records",
  opens: "tend",
  json: "object",
  fails: "a record opens with no key",
  options: { records: { type: "boolean", description: "replace the store's own key too" } },
  async run(given2, signal) {
    const { switches } = given2;
    const isJson3 = switches.has("json");
    const screen = new Screen(process.stdout);
    const done = await withStore(
      given2,
      (lifecycle) => lifecycle.rotateKeys({
        records: switches.has("records"),
        signal,
        onProgress({ seen: seen2, of, resealed: resealed2 }) {
          if (!isJson3) screen.draw([`${seen2} of ${plural(of, "user")} read, ${resealed2} sealed again`]);
        }
      })
    );
    const { storeKeys, resealed, unreadable, dropped } = done;
    if (isJson3) console.log(JSON.stringify(done));
    else {
      console.log(`${plural(storeKeys, "store key")} wrapped with the newest key`);
      if (switches.has("records"))
        console.log(`${plural(resealed, "user")} sealed again, ${plural(dropped, "old store key")} dropped`);
      if (unreadable > 0) console.log(`${plural(unreadable, "record")} left as they are: no key opens them`);
    }
    return unreadable > 0 ? 1 : 0;
  }
};
var retireKey = {
  name: "keys retire",
  description: "make sure that the store no longer needs a key",
  more: [
    "KEY is the id of a key, as keys list showed it before keys rotate. From then on no process wraps with it.",
    "Keep the key as long as you keep backups of the store from before."
  ],
  takes: ["KEY"],
  example: "keys retire 5f2a9c01",
  opens: "tend",
  json: "object",
  asks: true,
  async run(given2, signal) {
    const id2 = given2.argument;
    const question = `Key ${id2} is retired for good: no process wraps with it again. Backups from before keys rotate still need it.`;
    await confirm(given2, question, signal);
    await withStore(given2, (lifecycle) => lifecycle.keys.retire(id2));
    console.log(given2.switches.has("json") ? JSON.stringify({ retired: id2 }) : `Key ${id2} is retired`);
    return 0;
  }
};

// src/cli/commands/limits.ts
var limits = {
  name: "limits",
  description: "show the account's recorded limits, or change one for all processes",
  more: [
    "Without --calls, --window-ms and --none it is read-only: it makes no calls and changes nothing.",
    "A change applies to all processes within seconds; a process with a limit of its own keeps to the",
    "stricter of the two. Options that are left out keep their recorded values."
  ],
  example: "limits --calls 600",
  opens: "tend",
  json: "object",
  options: {
    calls: { type: "string", value: "N", description: "calls in any window" },
    "window-ms": { type: "string", value: "N", description: "length of the window, in milliseconds" },
    of: {
      type: "string",
      value: "NAME",
      description: "the limit: management, token or fhir (default: management)"
    },
    none: { type: "boolean", description: "remove the limit; for token and fhir only" }
  },
  run: run5
};
var names3 = ["management", "token", "fhir"];
async function run5(given2) {
  const { switches, texts: texts2 } = given2;
  const of = nameIn(texts2.get("of") ?? "management");
  const calls = wholeOf(given2, "calls");
  const windowMs = wholeOf(given2, "window-ms");
  const changes2 = calls !== void 0 || windowMs !== void 0;
  const lifts = switches.has("none");
  if (lifts && changes2) throw new UsageError("limits takes --none, or --calls and --window-ms, not both");
  if (lifts && of === "management") throw new UsageError("limits --none needs --of token or --of fhir");
  if (!changes2 && !lifts)
    return show(given2, await withStore(given2, (it) => it.account.limits(), { way: "look" }));
  const [before2, after2] = await withStore(given2, async ({ account }) => {
    const found = await account.limits();
    const next = lifts ? null : changed(found[of], { calls, windowMs }, of);
    await account.setLimits({ [of]: next });
    return [found, await account.limits()];
  });
  if (!switches.has("json")) console.log(`${of} until now: ${inWords3(before2[of])}`);
  return show(given2, after2);
}
function nameIn(text3) {
  const name2 = names3.find((each) => each === text3);
  if (name2 !== void 0) return name2;
  throw new UsageError(`--of must be one of ${names3.join(", ")}, got ${JSON.stringify(text3)}`);
}
function wholeOf({ texts: texts2 }, option) {
  const text3 = texts2.get(option);
  return text3 === void 0 ? void 0 : whole2(option, text3, 1);
}
function changed(before2, {
  calls = before2?.calls,
  windowMs = before2?.windowMs
}, of) {
  if (calls !== void 0 && windowMs !== void 0) return { calls, windowMs };
  throw new UsageError(`There is no limit of ${of} yet: a new one needs --calls N and --window-ms N`);
}
function show({ switches }, found) {
  if (switches.has("json")) console.log(JSON.stringify(found));
  else for (const name2 of names3) console.log(`${name2.padEnd(10)}  ${inWords3(found[name2])}`);
  return 0;
}
function inWords3(ceiling2) {
  if (ceiling2 === null) return "no limit";
  return `${number(ceiling2.calls)} calls in any ${spanInWords(ceiling2.windowMs)}`;
}

// src/cli/commands/migrate.ts
var migrate = {
  name: "migrate",
  description: "create or update the tables of a PostgreSQL store",
  more: [
    "Run it when you deploy, before the first process starts; it is safe to run again at any time.",
    "ONEUP_STORE=postgres://\u2026 or --store names the store. Other stores need no migration."
  ],
  example: "migrate",
  opens: "place",
  run: run6
};
async function run6(given2) {
  const store = await adapterOf(given2);
  if (hasTables(store)) {
    await store.migrate();
    console.log(`The ${store.name} store is ready`);
  } else console.log(`The ${store.name} store has no tables: nothing to do`);
  return 0;
}
function hasTables(store) {
  return "migrate" in store && typeof store.migrate === "function";
}

// src/cli/commands/onboard.ts
import { basename as basename2 } from "node:path";

// src/cli/import-picture.ts
var barLength = 40;
var mostRows = 10;
function importPicture(progress, now, paint) {
  const { name: name2, phase, read: read7, arrived, failed: failed2, unreadable, left, waiting: waiting2, slots, shut } = progress;
  const over = arrived + failed2 + unreadable;
  const all = over + left;
  const share2 = all === 0 ? 0 : over / all;
  const full = Math.floor(share2 * barLength);
  const bar2 = paint.good("\u2501".repeat(full)) + paint.quiet("\u2500".repeat(barLength - full));
  const far = phase === "reading" ? `${number(read7)} rows read` : `${number(arrived)} of ${number(all)}`;
  const gate2 = shut[0];
  return [
    "",
    `  ${paint.quiet("import")} ${paint.strong(name2)}`,
    "",
    `  ${bar2}  ${paint.strong(far)}`,
    "",
    `  ${rowsInWords(progress, paint)}`,
    gate2 === void 0 ? `  ${number(waiting2)} waiting \xB7 ${slots.used} of ${slots.of} slots in use \xB7 ${endInWords(progress, now)}` : `  ${paint.busy(`1upHealth accepts no calls now (${gate2.reason ?? gate2.state}); next try ${clockTime(gate2.until)}`)}`,
    ""
  ];
}
function importLine(progress, now) {
  const { phase, arrived, left, read: read7 } = progress;
  switch (phase) {
    case "reading":
      return `reading: ${number(read7)} rows`;
    case "onboarding":
    case "done":
      return `onboarding: ${number(arrived)} onboarded, ${number(left)} left, ${endInWords(progress, now)}`;
  }
}
function importSummary(summary2, paint) {
  const { arrived, failed: failed2, unreadable, known: known3, rejected, rejects } = summary2;
  const good = failed2 + unreadable + rejected === 0;
  const lines = [
    good ? paint.good(`All onboarded: ${plural(arrived, "user")}`) : paint.busy(
      `Done: ${number(arrived)} onboarded, ${number(failed2)} failed, ${plural(rejected, "row")} could not be used`
    ),
    `  ${rowsInWords(summary2, paint)}`,
    ...known3 > 0 ? [`  ${plural(known3, "user")} already known to 1upHealth`] : []
  ];
  for (const { row: row2, code: code2, why } of rejects.slice(0, mostRows)) {
    lines.push(`  ${paint.bad(`row ${number(row2)}`)}  ${why} ${paint.quiet(`[${code2}]`)}`);
  }
  if (rejected > mostRows) lines.push(paint.quiet(`  and ${plural(rejected - mostRows, "more row")}`));
  if (failed2 > 0)
    lines.push(`  Failed users are kept: ${paint.strong("oneup-lifecycle retry --all")} retries them.`);
  if (unreadable > 0)
    lines.push(
      `  Damaged: ${plural(unreadable, "record")}. These users are not processed; ${paint.strong("--json")} lists them.`
    );
  return lines;
}
function rowsInWords({ added, present, rejected }, paint) {
  const spoilt = rejected === 0 ? [] : [paint.bad(`${number(rejected)} cannot be used`)];
  return [`${number(added)} new`, `${number(present)} already stored`, ...spoilt].join(" \xB7 ");
}
function endInWords({ endsAt }, now) {
  if (endsAt === null) return "almost done";
  const ms = endsAt.getTime() - now;
  return ms < 1e4 ? "almost done" : `done in ${spanInWords(ms)}, ${ms < day2 ? clockTime(endsAt) : dateOf2(endsAt)}`;
}
var day2 = 24 * 36e5;
function clockTime(at) {
  return `${dateOf2(at)} ${at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}
function dateOf2(at) {
  return at.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" }).replaceAll(",", "");
}

// src/cli/list-file.ts
import { closeSync as closeSync2, constants, createReadStream, fstatSync, open } from "node:fs";
import { Socket } from "node:net";
import { createInterface as createInterface2 } from "node:readline";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { CsvError, parse as parse2 } from "csv-parse";

// src/cli/system-error.ts
function isSystemError(error) {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
}
function reasonOf2(error) {
  return isSystemError(error) ? error.code : String(error);
}

// src/cli/list-file.ts
var usualColumn = "app_user_id";
async function* idsIn({ path: path2, column }, signal) {
  const source = path2 === "-" ? process.stdin : await opened2(path2);
  const isCsv = column !== void 0 || /\.[ct]sv$/i.test(path2);
  try {
    if (isCsv) yield* cellsOf(source, path2, column ?? usualColumn, signal);
    else yield* linesOf(source, path2, signal);
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CsvError) {
      const [, cell = ""] = / at line 1, value is "(.*)"$/s.exec(error.message) ?? [];
      const other = separators.find(([sign]) => cell.includes(sign))?.[1];
      throw other === void 0 ? new UsageError(`Cannot read ${path2}: ${error.message}`) : wrongSeparator(path2, other);
    }
    if (isSystemError(error)) throw new UsageError(`Cannot read ${path2}: ${error.code}`);
    throw error;
  } finally {
    source.destroy();
  }
}
var isNode = !("Deno" in globalThis) && !("Bun" in globalThis);
async function opened2(path2) {
  try {
    const file = await promisify(open)(path2, constants.O_RDONLY | (isNode ? constants.O_NONBLOCK ?? 0 : 0));
    const stats = fstatSync(file);
    if (stats.isFIFO() && isNode) return new Socket({ fd: file, writable: false });
    if (!stats.isDirectory()) return createReadStream(path2, { fd: file });
    closeSync2(file);
  } catch (error) {
    if (isSystemError(error)) throw new UsageError(`Cannot read ${path2}: ${error.code}`);
    throw error;
  }
  throw new UsageError(`Cannot read ${path2}: it must be a file, but it is a folder`);
}
function utf8(path2) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const check3 = (bytes) => {
    try {
      decoder.decode(bytes, { stream: bytes !== void 0 });
      return null;
    } catch {
      return new UsageError(`Cannot read ${path2}: it must be text in UTF-8`);
    }
  };
  return new Transform({
    transform: (bytes, _, done) => done(check3(bytes), bytes),
    flush: (done) => done(check3())
  });
}
async function* linesOf(source, path2, signal) {
  let first = true;
  const input = utf8(path2);
  pipeline(source, input, { signal }).catch(() => {
  });
  for await (const line of createInterface2({ input, crlfDelay: Infinity, signal })) {
    const id2 = (first ? line.replace(/^\uFEFF/u, "") : line).trim();
    first = false;
    if (id2 !== "") yield id2;
  }
}
async function* cellsOf(source, path2, column, signal) {
  const rows = parse2({
    bom: true,
    columns: (header3) => {
      if (header3.includes(column)) return header3;
      const other = separatorOf(header3, column);
      if (other !== void 0) throw wrongSeparator(path2, other);
      throw new UsageError(
        `Cannot read ${path2}: none of its ${header3.length} columns is called ${JSON.stringify(column)}; --column takes the name of one in its first line`
      );
    },
    delimiter: isOfTabs(path2) ? "	" : ",",
    skip_empty_lines: true,
    trim: true
  });
  pipeline(source, utf8(path2), rows, { signal }).catch(() => {
  });
  for await (const row2 of rows) yield row2[column] ?? "";
}
var separators = [
  [";", "semicolons"],
  ["	", "tabs"],
  ["|", "vertical bars"],
  [",", "commas"]
];
function wrongSeparator(path2, found) {
  const rule = isOfTabs(path2) ? "tabs" : "commas";
  return new UsageError(
    `Cannot read ${path2}: its columns must be separated by ${rule}, not by ${found}; save it as CSV with commas, or as a .tsv file with tabs`
  );
}
function isOfTabs(path2) {
  return /\.tsv$/i.test(path2);
}
function separatorOf(header3, column) {
  const text3 = header3.join(",").replaceAll('"', "");
  return separators.find(([sign]) => {
    const cells = text3.split(sign).map((name2) => name2.trim());
    return cells.length > header3.length && cells.includes(column);
  })?.[1];
}

// src/cli/worker-options.ts
var refreshOption = {
  refresh: {
    type: "string",
    value: "POLICY",
    description: "keepAlive, eager or lazy, as set in your processes (default: keepAlive)"
  }
};
var workerOptions = {
  concurrency: { type: "string", value: "N", description: "users at once (default: 32)" },
  ...refreshOption
};
function concurrencyOf({ texts: texts2 }) {
  const text3 = texts2.get("concurrency");
  return text3 === void 0 ? {} : { concurrency: whole2("concurrency", text3, 1, 1024) };
}
function policyOf({ texts: texts2 }) {
  const policy = texts2.get("refresh");
  return policy === void 0 ? {} : { refresh: { policy } };
}
function summaryLine({ taken: taken3, rested }) {
  const states = Object.entries(rested).map(
    ([state, count]) => `${state} ${number(count)}`
  );
  const rest = states.length === 0 ? "" : `; now: ${states.join(", ")}`;
  return `${number(taken3)} processed${rest}`;
}

// src/cli/commands/onboard.ts
var onboard2 = {
  name: "onboard",
  description: "onboard a list of users from a file; durable and resumable",
  more: [
    "FILE is CSV with a header (.csv, .tsv, or any file with --column), or has one app_user_id per line;",
    "white space around an id is removed. - is the standard input and needs --name.",
    "All users are stored first, then wait for slots of the",
    "hourly limit, behind users who sign up meanwhile. After Ctrl-C or a crash, run the same command",
    "again to continue. Workers on the same store speed it up: oneup-lifecycle work.",
    "",
    "An import is identified by its name: a new list under an old name continues the old import. While it",
    "waits, the command also works as a worker for all users in the store."
  ],
  takes: ["FILE"],
  example: "onboard users.csv",
  opens: "work",
  json: "lines",
  fails: "a user failed, or a row or a record was unusable",
  options: {
    name: {
      type: "string",
      value: "NAME",
      description: "name of the import, needed to continue it (default: the file name; - has none)"
    },
    column: {
      type: "string",
      value: "NAME",
      description: `the column of a CSV file (default: ${usualColumn})`
    },
    lane: {
      type: "string",
      value: "LANE",
      description: "the lane: bulk, recovery or interactive (default: bulk)"
    },
    expect: {
      type: "string",
      value: "WHAT",
      description: "new or existing, if known (default: look in 1upHealth's list)"
    },
    ...refreshOption
  },
  run: run7
};
var lineMs = 6e4;
var pictureMs = 500;
async function run7(given2, signal) {
  const { argument: path2, texts: texts2, switches } = given2;
  const options = optionsOf3(path2, texts2);
  const screen = new Screen(process.stdout);
  const shows = switches.has("json") ? asJson2() : onScreen(screen);
  const more2 = { beforeWarning: () => screen.say(), options: policyOf(given2) };
  try {
    return await withStore(
      given2,
      async (lifecycle) => {
        const ids = idsIn({ path: path2, column: texts2.get("column") }, signal);
        const summary2 = await lifecycle.onboardMany(ids, { ...options, ...shows.every, signal });
        shows.end(summary2);
        return summary2.failed + summary2.unreadable + summary2.rejected > 0 ? 1 : 0;
      },
      more2
    );
  } catch (error) {
    if (!signal.aborted) throw error;
    shows.stopped();
    return 130;
  }
}
function optionsOf3(path2, texts2) {
  const name2 = texts2.get("name") ?? nameAfter(path2);
  const lane = texts2.get("lane");
  const expect = texts2.get("expect");
  return { name: name2, ...lane !== void 0 && { lane }, ...expect !== void 0 && { expect } };
}
function nameAfter(path2) {
  if (path2 === "-")
    throw new UsageError("onboard - needs a --name for the import: standard input has no file name");
  return basename2(path2).replace(/\.\w+$/, "").replaceAll(/[^\w.-]/g, "_").slice(0, 64);
}
function onScreen(screen) {
  const { moves, paint } = screen;
  let phase;
  let saidAt = Number.NEGATIVE_INFINITY;
  return {
    every: {
      everyMs: pictureMs,
      onProgress(progress) {
        const now = systemClock.monotonic();
        if (moves) screen.draw(importPicture(progress, systemClock.now(), paint));
        else if (isWorthALine(progress) && (progress.phase !== phase || now - saidAt >= lineMs)) {
          screen.say(importLine(progress, systemClock.now()));
          saidAt = now;
        }
        phase = progress.phase;
      }
    },
    end: (summary2) => screen.say(...importSummary(summary2, paint)),
    stopped: () => screen.say(
      ...moves ? [""] : [],
      // after the ^C that the terminal has printed
      paint.busy("Stopped; all progress is saved. Run the same command to continue.")
    )
  };
}
function isWorthALine({ phase, read: read7 }) {
  return phase !== "done" && read7 > 0;
}
function asJson2() {
  const say2 = (what) => console.log(JSON.stringify(what));
  return {
    every: { everyMs: 1e3, onProgress: (progress) => progress.phase !== "done" && say2(progress) },
    end: say2,
    stopped: () => say2({ phase: "stopped" })
  };
}

// src/cli/commands/reconcile.ts
var reconcile2 = {
  name: "reconcile",
  description: "compare the users here with 1upHealth's own list, and repair what differs on request",
  more: [
    "Prints a line for each difference. It costs one management call per page, in the lane recovery. With --repair",
    "adopt, users that are only there are stored here, and a worker gets a code for each, for one call; with",
    "--repair move, records of users that were renamed there get their new id. Run it again after an interruption."
  ],
  example: "reconcile --repair all",
  opens: "act",
  json: "lines",
  fails: "1upHealth's list could not be read to its end, so nothing was repaired",
  options: {
    repair: { type: "string", value: "WHAT", description: "all, or adopt, or move (default: only compare)" },
    "page-size": { type: "string", value: "N", description: "users per call, 1 to 1000 (default: 100)" }
  },
  async run(given2, signal) {
    const isJson3 = given2.switches.has("json");
    const onDifference = (difference) => isJson3 ? console.log(JSON.stringify(difference)) : printProse(inWords4(difference));
    const options = { ...optionsOf4(given2), onDifference, signal };
    const { differences: _, ...found } = await withStore(given2, (lifecycle) => lifecycle.reconcile(options));
    if (isJson3) console.log(JSON.stringify(found));
    else printProse(...summary(found));
    return found.complete ? 0 : 1;
  }
};
function optionsOf4({ texts: texts2 }) {
  const size = texts2.get("page-size");
  const repair = texts2.get("repair");
  return {
    ...size !== void 0 && { pageSize: whole2("page-size", size, 1, 1e3) },
    ...repair !== void 0 && {
      repair: repair === "all" ? true : repair.split(",")
      // checked by reconcile()
    }
  };
}
function inWords4(difference) {
  const id2 = "appUserId" in difference ? escapeControl(difference.appUserId) : "";
  const its = `oneup_user_id ${difference.oneupUserId}`;
  switch (difference.type) {
    case "thereOnly":
      return `only at 1upHealth: ${id2} (${its})`;
    case "hereOnly":
      return `only here: ${id2} (${its})`;
    case "renamed":
      return `renamed at 1upHealth: ${id2} is ${escapeControl(difference.thereAppUserId)} there (${its})`;
    case "anotherNumber":
      return `another user at 1upHealth: ${id2} (${its} here, ${difference.thereOneupUserId} there)`;
    case "inactive":
      return `inactive at 1upHealth: ${id2} (${its})`;
    case "unusable":
      return `without a usable app_user_id at 1upHealth: ${its}`;
    default:
      return difference;
  }
}
function summary({
  there,
  here,
  calls,
  counts,
  complete,
  repaired
}) {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return [
    `${plural(all, "difference")} between ${number(there)} users at 1upHealth and ${number(here)} here, for ${plural(calls, "call")}`,
    ...complete ? [] : ["1upHealth's list could not be read to its end: users may be missing above"],
    ...repaired === null ? [] : [
      `Repaired: ${number(repaired.adopted)} adopted, ${number(repaired.moved)} moved, ${number(repaired.left)} left`
    ]
  ];
}

// src/cli/commands/reopen.ts
var reopen = {
  name: "reopen",
  description: "open the gates that refusals by 1upHealth have shut, in all processes",
  more: [
    "Run it when the cause is solved, e.g. the client secret is right again: calls leave at once, instead of after",
    "the next probe. A gate shuts again with the next refusal."
  ],
  example: "reopen",
  opens: "tend",
  json: "object",
  async run(given2) {
    const { shut } = await withStore(given2, async (lifecycle) => {
      const before2 = await lifecycle.budget.refresh();
      await lifecycle.account.reopen();
      return before2;
    });
    if (given2.switches.has("json")) console.log(JSON.stringify({ reopened: shut }));
    else if (shut.length === 0) console.log("All gates were open already");
    else printProse(...shut.map((gate2) => `Opened; until now: ${gateLine(gate2, systemClock.now())}`));
    return 0;
  }
};

// src/cli/commands/resume.ts
var resume = {
  name: "resume",
  description: "process all users that can proceed now, then exit",
  more: [
    "Processes users that were interrupted, are due, or wait for a free slot. For scheduled jobs, or after",
    "an outage. Other processes may run at the same time."
  ],
  example: "resume",
  opens: "act",
  json: "object",
  options: workerOptions,
  run: run8
};
async function run8(given2, signal) {
  const concurrency2 = concurrencyOf(given2);
  const done = await withStore(given2, (lifecycle) => lifecycle.resume({ ...concurrency2, signal }), {
    options: policyOf(given2)
  });
  console.log(given2.switches.has("json") ? JSON.stringify(done) : summaryLine(done));
  return signal.aborted ? 130 : 0;
}

// src/cli/commands/status.ts
var status = {
  name: "status",
  description: "show users by state, the call limit, waiting users and closed gates",
  example: "status --store redis://localhost:6379",
  opens: "look",
  json: "object",
  fails: "no work is possible: the store, the credentials or the region is refused",
  run: run9
};
var [longestBar, besideBar] = [30, 41];
var valueAt2 = 13;
async function run9(given2) {
  const adapter = await adapterOf(given2);
  const { name: name2 } = adapter;
  const [view, health] = await withStore(
    given2,
    async (lifecycle) => [await lifecycle.budget.refresh(), await lifecycle.health()],
    { adapter }
  );
  if (given2.switches.has("json")) console.log(JSON.stringify(asData(name2, view, health)));
  else {
    const width3 = Math.min(width2, widthOf(process.stdout));
    for (const line of statusLines(name2, view, health, paintFor(process.stdout), width3)) console.log(line);
  }
  return health.ready ? 0 : 1;
}
function asData(store, view, { ready, problem }) {
  const { at, users: users3, used, of, waiting: waiting2, nextInMs, shut } = view;
  return {
    store,
    at,
    users: users3,
    used,
    of,
    waiting: waiting2,
    underWayOrHeld: waitingUsers(view),
    nextInMs,
    shut,
    ready,
    problem
  };
}
function nowOf({ at }) {
  return at?.getTime() ?? systemClock.now();
}
function statusLines(store, view, health, paint, width3 = width2) {
  const { nextInMs } = view;
  const now = nowOf(view);
  const others = waitingUsers(view);
  const used = usedIn(view);
  const barLength3 = Math.max(8, Math.min(longestBar, width3 - besideBar));
  const row2 = (name2, value2, tone) => {
    const lines = hanging(`  ${name2.padEnd(10)} `, value2, width3, tone && paint[tone]);
    return lines.map((line) => paint.quiet(line.slice(0, valueAt2)) + line.slice(valueAt2));
  };
  const slots = `${number(used)} of ${number(view.of)} slots in use`;
  return [
    "",
    ...row2("store", store),
    ...row2("at", timeInWords(new Date(now))),
    "",
    ...userLines2(view, row2, barLength3, paint),
    "",
    `  ${paint.quiet("limit".padEnd(10))} ${bar(used, view.of, Math.min(barLength3, Math.max(8, width3 - valueAt2 - 2 - slots.length)), paint)}  ${paint.strong(slots)}`,
    ...row2("", byLane(view.used)),
    ...row2("waiting", byLane(view.waiting)),
    ...others === 0 ? [] : row2("", `in progress or held: ${number(others)}, without a token and in no lane`),
    ...row2("next call", nextInMs <= 0 ? "now" : momentInWords(new Date(now + nextInMs), now)),
    "",
    ...gateLines(view, row2, now),
    ...health.limitConflicts.flatMap(
      ({ limit: limit3, configured, recorded }) => row2(
        "conflict",
        `${limit3}: ${ceilingInWords(configured)} here, ${ceilingInWords(recorded)} recorded`,
        "bad"
      )
    ),
    ...health.problem === null ? [] : row2("problem", health.problem, "bad"),
    ""
  ];
}
function ceilingInWords({ calls, windowMs }) {
  return `${number(calls)} in ${spanInWords(windowMs)}`;
}
function userLines2({ users: users3 }, row2, barLength3, paint) {
  const states = Object.entries(users3).filter(([, count]) => count > 0);
  const all = states.reduce((sum, [, count]) => sum + count, 0);
  const most = Math.max(...states.map(([, count]) => count));
  return [
    ...row2("users", number(all), "strong"),
    ...states.map(([state, count]) => {
      const length = Math.max(1, Math.round(count / most * barLength3));
      const name2 = `${" ".repeat(valueAt2)}${state.padEnd(14)} ${number(count).padStart(9)}`;
      return `${name2}  ${paint[toneOf(state)]("\u2501".repeat(length))}`;
    })
  ];
}
function gateLines({ shut }, row2, now) {
  if (shut.length === 0) return row2("gates", "all open", "good");
  return shut.flatMap((gate2, index) => row2(index === 0 ? "gates" : "", gateLine(gate2, now), "bad"));
}
function bar(part, of, length, paint) {
  const full = part === 0 ? 0 : Math.max(1, Math.round(Math.min(part, of) / of * length));
  return "\u2501".repeat(full) + paint.quiet("\u2500".repeat(length - full));
}

// src/cli/commands/users.ts
var users = {
  name: "users",
  description: "list all users, or those in one state, one per line",
  example: "users --state failed",
  opens: "look",
  json: "lines",
  options: {
    state: { type: "string", value: "STATE", description: "only users in this state, e.g. failed" },
    first: { type: "string", value: "N", description: "at most N users" }
  },
  run: run10
};
async function run10(given2, signal) {
  const { texts: texts2, switches } = given2;
  const first = texts2.has("first") ? whole2("first", texts2.get("first") ?? "", 1) : Infinity;
  const state = texts2.get("state");
  const show2 = switches.has("json") ? asJson3 : asTable(widthOf(process.stdout), paintFor(process.stdout));
  await withStore(given2, async (lifecycle) => {
    await lifecycle.budget.refresh();
    let shown4 = 0;
    for await (const user2 of lifecycle.users(state === void 0 ? {} : { state })) {
      show2(user2);
      if (++shown4 >= first || signal.aborted) break;
    }
    if (shown4 === 0 && !switches.has("json")) console.log("No users");
  });
  return signal.aborted ? 130 : 0;
}
function asJson3(user2) {
  console.log(JSON.stringify(user2));
}
var [stateWidth2, sinceWidth, tokenWidth, waitsWidth] = [13, 10, 10, 20];
var usualId = 32;
function asTable(width3, paint) {
  const left = width3 - (stateWidth2 + sinceWidth + tokenWidth + 8);
  const isNarrow = left < usualId;
  const idWidth = width3 === Infinity ? usualId : Math.max(12, Math.min(48, isNarrow ? left : left - waitsWidth));
  const waitsRoom = isNarrow ? 0 : width3 - idWidth - (width3 - left);
  const line = (id2, state, since, token3, waitsFor) => `  ${id2}  ${state}  ${fitted(since, sinceWidth)}  ${fitted(token3, tokenWidth)}  ${waitsFor}`.trimEnd();
  let isFirst = true;
  return (user2) => {
    if (isFirst) {
      const waits = isNarrow ? "" : "waits for";
      const title = line(fitted("user", idWidth), fitted("state", stateWidth2), "for", "token", waits);
      console.log(paint.quiet(title));
    }
    isFirst = false;
    const now = systemClock.now();
    const id2 = escapeControl(user2.appUserId);
    const isLong = width3 !== Infinity && placesIn(id2) > idWidth;
    const wait = waitOf(user2, now);
    const isBeside = width3 === Infinity || placesIn(wait) <= waitsRoom;
    if (isLong) console.log(`  ${id2}`);
    console.log(
      line(
        isLong ? " ".repeat(idWidth) : fitted(id2, Math.max(idWidth, placesIn(id2))),
        paint[toneOf(user2.state)](fitted(user2.state, stateWidth2)),
        spanInWords(now - user2.since.getTime()),
        tokenLeft(user2, now),
        isBeside ? wait : ""
      )
    );
    if (!isBeside) console.log(`    waits for ${wait}`);
  };
}

// src/cli/commands/work.ts
var work2 = {
  name: "work",
  description: "run a worker that processes due and waiting users, until Ctrl-C",
  more: [
    "Any number of workers may share a store. Prints every durable step it makes, with the user's alias",
    "instead of its app_user_id. On Ctrl-C or SIGTERM, users being processed finish their step first."
  ],
  example: "work --concurrency 64",
  opens: "work",
  json: "lines",
  options: {
    poll: {
      type: "string",
      value: "TIME",
      description: "longest sleep between two polls of the store (default: 1s)"
    },
    ...workerOptions,
    quiet: { type: "boolean", description: "print only warnings and the summary" }
  },
  run: run11
};
async function run11(given2, signal) {
  const { switches, texts: texts2 } = given2;
  const poll = texts2.get("poll");
  const pollMs5 = poll === void 0 ? {} : { pollMs: duration("poll", poll) };
  const options = { ...concurrencyOf(given2), ...pollMs5, signal };
  const isJson3 = switches.has("json");
  const begin2 = async (lifecycle) => {
    if (!switches.has("quiet")) lifecycle.subscribe(teller(lifecycle, isJson3, paintFor(process.stdout)));
    if (await isEmpty(lifecycle)) console.error("This store has no users yet: is it the right one?");
    if (!isJson3 && !switches.has("quiet")) console.log("Working; Ctrl-C stops it");
    return lifecycle.work(options);
  };
  const done = await withStore(given2, begin2, { options: policyOf(given2) });
  console.log(isJson3 ? JSON.stringify(done) : summaryLine(done));
  return 0;
}
async function isEmpty(lifecycle) {
  return Object.values(await lifecycle.counts()).every((count) => count === 0);
}
function teller(lifecycle, isJson3, paint) {
  return (status2) => {
    const { appUserId, state, usable: usable2, pause, underWay } = status2;
    const user2 = lifecycle.alias(appUserId);
    const now = systemClock.now();
    if (isJson3) {
      console.log(JSON.stringify({ at: new Date(now), user: user2, state, usable: usable2, underWay, pause }));
      return;
    }
    const time = new Date(now).toISOString().slice(11, 19);
    const doing = underWay === null ? waitOf(status2, now) : `calls ${underWay}`;
    const line = `${paint.quiet(time)}  ${user2}  ${paint[toneOf(state)](state.padEnd(13))}  ${doing}`;
    console.log(line.trimEnd());
  };
}

// src/cli/demo/live.ts
import { join as join2 } from "node:path";

// src/cli/demo/patient.ts
var bilbo = {
  resourceType: "Patient",
  name: [{ use: "official", family: ["Baggins"], given: ["Bilbo"] }],
  gender: "male",
  birthDate: "1993-06-20"
};
var patientSays = `Bilbo Baggins, ${bilbo.gender}, born ${bilbo.birthDate}`;
var pollMs2 = 150;
var patienceMs2 = 5e3;
async function createAndRead(lifecycle, appUserId, signal) {
  const fhir2 = lifecycle.fhir(appUserId, "dstu2");
  const { id: id2 } = await fhir2.create(
    {
      ...bilbo,
      name: bilbo.name.map((name2) => ({ ...name2, family: [...name2.family], given: [...name2.given] }))
    },
    { signal }
  );
  if (id2 === void 0) throw new Error("1upHealth returned the Patient without an id");
  const written5 = systemClock.monotonic();
  for (; ; ) {
    try {
      await fhir2.read("Patient", id2, { signal });
      return { id: id2, readableAfterMs: systemClock.monotonic() - written5 };
    } catch (error) {
      const waited = systemClock.monotonic() - written5;
      if (!isLifecycleError(error, "FHIR_REFUSED") || error.status !== 404 || waited > patienceMs2)
        throw error;
      await sleep(systemClock, pollMs2, signal);
    }
  }
}

// src/cli/demo/prose.ts
function headline(mark2, title, paint) {
  return `  ${paint.quiet(String(mark2))}  ${paint.strong(title)}`;
}
function listed2(words4) {
  const counts = /* @__PURE__ */ new Map();
  for (const word2 of words4) counts.set(word2, (counts.get(word2) ?? 0) + 1);
  return [...counts].map(([word2, count]) => `${count} \xD7 ${word2}`).join(", ");
}
var arrow = " \u2192 ";
function lineOfLife(name2, history2) {
  const states = history2.map(({ to }) => to).filter((state, index, all) => state !== all[index - 1]);
  const lines = [];
  let line = `${name2}: ${states[0] ?? ""}`;
  for (const state of states.slice(1)) {
    if (line.length + arrow.length + state.length > width2 - 10) {
      lines.push(line);
      line = " ".repeat(name2.length + 1);
    }
    line += `${arrow}${state}`;
  }
  return [...lines, line];
}

// src/cli/demo/live.ts
var prefix2 = "oneup-lifecycle-demo-";
var waitMs = 9e4;
async function live(screen, texts2, signal) {
  const { ONEUP_CLIENT_ID: clientId = "", ONEUP_CLIENT_SECRET: clientSecret = "" } = process.env;
  if (clientId === "" || clientSecret === "") {
    throw new UsageError("demo --live needs ONEUP_CLIENT_ID and ONEUP_CLIENT_SECRET in the environment");
  }
  const folder = texts2.get("store") ?? "./oneup-lifecycle-demo";
  const endpoints2 = endpointsIn(texts2);
  const lifecycle = await createLifecycle({
    credentials: { clientId, clientSecret },
    endpoints: endpoints2,
    store: lmdb(join2(folder, "store")),
    encryption: keyFile(join2(folder, "lifecycle.key"))
  });
  try {
    const { user: user2, known: known3 } = await choose(lifecycle, texts2.get("user"));
    return await acts(lifecycle, user2, known3, {
      screen,
      folder,
      signal,
      api: endpoints2.api ?? "https://api.1up.health"
    });
  } catch (error) {
    if (signal.aborted) return 130;
    if (!isLifecycleError(error)) throw error;
    screen.say("", screen.paint.bad(`${error.message} [${error.code}]`));
    return 1;
  } finally {
    await lifecycle.close();
  }
}
async function choose(lifecycle, asked2) {
  for await (const { appUserId, state } of lifecycle.users()) {
    if (state === "offboarded" || state === "failed") continue;
    if (asked2 === void 0 ? appUserId.startsWith(prefix2) : appUserId === asked2) {
      return { user: appUserId, known: true };
    }
  }
  return { user: asked2 ?? prefix2 + randomName(systemClock), known: false };
}
async function acts(lifecycle, user2, known3, { screen, folder, api, signal }) {
  const { paint } = screen;
  screen.say("", headline(1, `${known3 ? "Continuing with" : "Onboarding"} ${user2} at ${api}`, paint));
  const began = systemClock.monotonic();
  let last = "";
  const leave = lifecycle.subscribe(({ state: state2, pause }) => {
    const now = pause === null ? state2 : `${state2}, waiting (${pause.reason})`;
    if (now === last) return;
    last = now;
    const seconds2 = ((systemClock.monotonic() - began) / 1e3).toFixed(1).padStart(6);
    screen.say(`     ${paint.quiet(`${seconds2} s`)}  ${now}`);
  });
  const status2 = await lifecycle.onboard(user2, { waitMs, signal }).finally(leave);
  if (!status2.usable) {
    const until = status2.pause?.until.toISOString() ?? "it is checked again";
    screen.say(
      "",
      paint.busy(`${user2} is ${status2.state} and waits until ${until}; run this again to continue`)
    );
    return 1;
  }
  screen.say(`     ${paint.good("\u25CF")} ${status2.state}, usable until ${status2.expiresAt?.toISOString()}`);
  screen.say("", headline(2, "Create the Patient from 1upHealth's guide (FHIR DSTU2)", paint));
  const patient2 = await createAndRead(lifecycle, user2, signal);
  const delay = (patient2.readableAfterMs / 1e3).toFixed(1);
  screen.say(
    `     ${paint.good("\u25CF")} Patient/${patient2.id}`,
    `       ${patientSays}: created, and read back ${delay} s later.`
  );
  const { calls, history: history2, state } = await lifecycle.inspect(user2);
  screen.say("", ...lineOfLife("so far", history2).map((line) => `     ${line}`));
  screen.say(`     The store is kept in ${folder}; run this again to continue with the same user.`, "");
  screen.say(paint.good(`${user2} is ${state} after ${plural(calls.management, "management call")}`));
  return 0;
}

// src/cli/demo/doubt.ts
var meanings = {
  createUser: {
    CODE_ISSUED: "the user existed: requested a new code only",
    USER_MISSING: "the user did not exist: created now"
  },
  exchangeCode: {
    TOKEN_GRANTED: "the code was still valid: exchanged now",
    CODE_REFUSED: "the code had been used: requested a new one"
  },
  issueAuthCode: { CODE_ISSUED: "the code was lost: requested another one" }
};
function settle(before2, after2) {
  const groups = /* @__PURE__ */ new Map();
  for (const { appUserId, underWay } of before2) {
    if (underWay === null) continue;
    const events2 = (after2.find((one) => one?.appUserId === appUserId)?.history ?? []).map(
      ({ event }) => event
    );
    const next = events2[events2.lastIndexOf("IN_DOUBT") + 1];
    const how = next !== void 0 && meanings[underWay]?.[next] || `continued with ${next ?? "nothing yet"}`;
    const key3 = `${underWay} ${how}`;
    const group = groups.get(key3) ?? { call: underWay, how, users: [] };
    groups.set(key3, group);
    group.users.push(appUserId);
  }
  return [...groups.values()];
}

// src/cli/demo/shire.ts
var users2 = [
  ..."bilbo frodo samwise meriadoc peregrin rosie hamfast lobelia otho lotho".split(" "),
  ..."drogo primula esmeralda saradoc paladin eglantine pervinca pearl pimpernel estella".split(" "),
  ..."fredegar folco daisy griffo polo ponto porto prisca linda bodo".split(" "),
  ..."odo olo largo fosco dora dudo mungo belladonna bungo camellia".split(" ")
];

// src/cli/demo/stage.ts
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as join3 } from "node:path";
import { fileURLToPath } from "node:url";

// src/sandbox/clock/remote-clock.ts
import { request } from "node:http";

// src/sandbox/base/chance.ts
var Chance = class {
  #a;
  #b;
  #c;
  #d;
  constructor(seed) {
    this.#a = seed | 0;
    this.#b = seed / 2 ** 32 | 0;
    this.#c = 2654435769 | 0;
    this.#d = 1;
    for (let i = 0; i < 15; i++) this.#draw();
  }
  get state() {
    return [this.#a, this.#b, this.#c, this.#d];
  }
  set state(state) {
    [this.#a, this.#b, this.#c, this.#d] = state;
  }
  /** A number in [0, 1). */
  next() {
    return this.#draw() / 2 ** 32;
  }
  /** `length` hexadecimal digits. */
  hex(length) {
    let text3 = "";
    while (text3.length < length) text3 += this.#draw().toString(16).padStart(8, "0");
    return text3.slice(0, length);
  }
  #draw() {
    const sum = (this.#a + this.#b | 0) + this.#d | 0;
    this.#d = this.#d + 1 | 0;
    this.#a = this.#b ^ this.#b >>> 9;
    this.#b = this.#c + (this.#c << 3) | 0;
    this.#c = this.#c << 21 | this.#c >>> 11;
    this.#c = this.#c + sum | 0;
    return sum >>> 0;
  }
};

// src/sandbox/clock/timer-queue.ts
var TimerQueue = class {
  #heap = [];
  #order = 0;
  add(due, task2) {
    const timer = { due, task: task2, order: this.#order++, index: this.#heap.length };
    this.#heap.push(timer);
    this.#rise(timer);
    return timer;
  }
  /** The timer that is due first. */
  peek() {
    return this.#heap[0];
  }
  /** Removes `timer`; does nothing if it was removed already. */
  remove(timer) {
    const { index } = timer;
    if (index < 0) return;
    timer.index = -1;
    const last = this.#heap.pop();
    if (last === void 0 || last === timer) return;
    this.#place(last, index);
    this.#rise(last);
    this.#sink(last);
  }
  #place(timer, index) {
    this.#heap[index] = timer;
    timer.index = index;
  }
  #rise(timer) {
    for (; ; ) {
      const above = timer.index - 1 >> 1;
      const parent = this.#heap[above];
      if (timer.index === 0 || parent === void 0 || before(parent, timer)) return;
      const { index } = timer;
      this.#place(timer, above);
      this.#place(parent, index);
    }
  }
  #sink(timer) {
    for (; ; ) {
      const left = this.#heap[2 * timer.index + 1];
      const right = this.#heap[2 * timer.index + 2];
      const child = right !== void 0 && left !== void 0 && before(right, left) ? right : left;
      if (child === void 0 || before(timer, child)) return;
      const { index } = timer;
      this.#place(timer, child.index);
      this.#place(child, index);
    }
  }
};
function before(a, b) {
  return a.due < b.due || a.due === b.due && a.order < b.order;
}

// src/sandbox/clock/virtual-clock.ts
var verb4 = "set the virtual clock";
var ahead2 = between(0);
function createVirtualClock(options = {}) {
  return new SteeredClock(options);
}
var SteeredClock = class {
  running;
  random;
  #started = systemClock.now();
  /** Whole, so that sums of whole milliseconds stay exact: a rounding error must not delay a timer. */
  #startedMonotonic = Math.ceil(systemClock.monotonic());
  #queue = new TimerQueue();
  #listeners = /* @__PURE__ */ new Set();
  #offset;
  /** Total of all jumps, added to the monotonic clock. */
  #jumped = 0;
  /** The one real timer, set for the head of the queue. */
  #armed;
  constructor({ now, running = true, seed }) {
    this.running = running;
    this.#offset = now === void 0 ? 0 : finite("now", now) - this.#started;
    if (seed === void 0) this.random = systemClock.random;
    else {
      const chance = new Chance(finite("seed", seed));
      this.random = () => chance.next();
    }
  }
  get offset() {
    return this.#offset;
  }
  now() {
    return (this.running ? systemClock.now() : this.#started) + this.#offset;
  }
  monotonic() {
    return (this.running ? systemClock.monotonic() : this.#startedMonotonic) + this.#jumped;
  }
  timer(ms, task2) {
    const timer = this.#queue.add(this.monotonic() + Math.max(0, ms), task2);
    this.#arm();
    return () => {
      this.#queue.remove(timer);
      this.#arm();
    };
  }
  advance(ms) {
    checkValue(verb4, "ms", ms, {
      must: `${ahead2.must}; use set() to go back`,
      holds: ahead2.holds
    });
    this.#shift(ms);
  }
  set(ms) {
    this.#shift(finite("ms", ms) - this.now());
  }
  onChange(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  #shift(ms) {
    let left = ms;
    try {
      for (; ; ) {
        const head = this.#queue.peek();
        const gap = head === void 0 ? Infinity : Math.max(0, head.due - this.monotonic());
        if (head === void 0 || gap > left) break;
        this.#jump(gap);
        left -= gap;
        this.#queue.remove(head);
        head.task();
      }
    } finally {
      if (left > 0) this.#jump(left);
      else this.#offset += left;
      this.#disarm();
      this.#arm();
      for (const listener of this.#listeners) listener();
    }
  }
  #jump(ms) {
    this.#offset += ms;
    this.#jumped += ms;
  }
  /** Keeps one real timer for the head; none if the queue is empty, so that an idle clock does not keep the process alive. */
  #arm() {
    const head = this.#queue.peek();
    if (head !== void 0 && this.#armed !== void 0 && this.#armed.due <= head.due) return;
    this.#disarm();
    if (head === void 0) return;
    const wait = head.due - this.monotonic();
    if (!this.running && wait > 0) return;
    this.#armed = { due: head.due, cancel: systemClock.timer(wait, () => this.#fireDue()) };
  }
  #disarm() {
    this.#armed?.cancel();
    this.#armed = void 0;
  }
  #fireDue() {
    this.#armed = void 0;
    try {
      for (; ; ) {
        const head = this.#queue.peek();
        if (head === void 0 || head.due > this.monotonic()) return;
        this.#queue.remove(head);
        head.task();
      }
    } finally {
      this.#arm();
    }
  }
};
function finite(name2, value2) {
  return checkValue(verb4, name2, value2, { must: "a finite number", holds: Number.isFinite });
}

// src/sandbox/clock/remote-clock.ts
function connectSandboxClock(url, options = {}) {
  const { signal } = options;
  return new Promise((resolve4, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    let clock;
    const call2 = request(new URL("/_sandbox/clock?follow", url), { agent: false });
    function close3() {
      unhear?.();
      call2.destroy();
      if (clock === void 0) reject(signal?.aborted ? signal.reason : refuse2(url));
    }
    const unhear = signal && onAbort(signal, close3);
    call2.on("error", (cause) => reject(refuse2(url, cause)));
    call2.on("response", (answer4) => {
      answer4.on("error", () => {
      });
      answer4.on("close", close3);
      eachLine(answer4, (line) => {
        const reading2 = readReading(line);
        if (reading2 === void 0) return close3();
        if (clock !== void 0) return follow2(clock, reading2);
        clock = createVirtualClock({ now: reading2.now, running: reading2.running });
        follow2(clock, reading2);
        answer4.socket.unref();
        resolve4(asClock(clock, close3));
      });
    });
    call2.end();
  });
}
function follow2(clock, reading2) {
  clock.set(reading2.running ? systemClock.now() + reading2.offset : reading2.now);
}
function asClock(clock, close3) {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    timer: (ms, task2) => clock.timer(ms, task2),
    random: () => clock.random(),
    close: close3
  };
}
function eachLine(answer4, use) {
  let rest = "";
  answer4.setEncoding("utf8");
  answer4.on("data", (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) use(line);
  });
}
function readReading(line) {
  let value2;
  try {
    value2 = JSON.parse(line);
  } catch {
    return void 0;
  }
  if (typeof value2 !== "object" || value2 === null) return void 0;
  if (!("now" in value2) || !("offset" in value2) || !("running" in value2)) return void 0;
  const { now, offset, running } = value2;
  if (typeof now !== "number" || typeof offset !== "number" || typeof running !== "boolean") return void 0;
  return { now, offset, running };
}
function refuse2(url, cause) {
  return new LifecycleError(
    "UNAVAILABLE",
    `Cannot follow the sandbox's clock: no sandbox answers at ${url}`,
    cause === void 0 ? { retryable: true } : { retryable: true, cause }
  );
}

// src/sandbox/resources/fhir-types.ts
var served = {
  dstu2: read4(declared),
  stu3: read4(declared2),
  r4: read4(declared3)
};
var interactions = {
  "fhir.create": "create",
  "fhir.delete": "delete",
  "fhir.history": "history-instance",
  "fhir.read": "read",
  "fhir.search": "search-type",
  "fhir.update": "update",
  "fhir.vread": "vread"
};
function isFhirVersion(name2) {
  return Object.hasOwn(served, name2);
}
function isServed(version2, type2) {
  return served[version2].has(type2);
}
function isDeclared2(version2, type2, call2) {
  const interaction = interactions[call2];
  return interaction === void 0 || served[version2].get(type2)?.interactions.has(interaction) === true;
}
function isDeclaredParameter(version2, type2, name2) {
  return served[version2].get(type2)?.parameters.has(name2) === true;
}
function read4({ types, interactions: interactions2, searchParams }) {
  return new Map(
    Array.from(
      types.matchAll(/^(\w+)(?: = ([^:]+))?:(.*)$/gm),
      ([, type2 = "", own2 = interactions2, params = ""]) => [
        type2,
        { interactions: words3(own2), parameters: words3(`${searchParams} ${params}`) }
      ]
    )
  );
}
function words3(text3) {
  return new Set(text3.match(/\S+/g));
}

// src/sandbox/base/message.ts
var longestBody = 1048576;
function header2(incoming, name2) {
  const value2 = incoming.headers[name2];
  return typeof value2 === "object" ? value2[0] : value2;
}
function json(status2, value2, headers) {
  const type2 = { "content-type": "application/json; charset=utf-8" };
  return {
    status: status2,
    headers: headers === void 0 ? type2 : { ...type2, ...headers },
    body: JSON.stringify(value2)
  };
}
function tooLarge() {
  return json(413, { message: "Request Too Long" });
}
function readParameters(incoming) {
  const found = /* @__PURE__ */ new Map();
  if (incoming.query !== "") readForm(incoming.query, found);
  if (incoming.body === "") return found;
  const type2 = header2(incoming, "content-type") ?? "";
  if (!type2.includes("json")) return readForm(incoming.body, found);
  const value2 = parseObject(incoming.body);
  if (value2 === void 0) return void 0;
  for (const [name2, one] of Object.entries(value2)) {
    if (typeof one === "string" || typeof one === "number") found.set(name2, String(one));
  }
  return found;
}
function readForm(text3, found = /* @__PURE__ */ new Map()) {
  const form3 = /* @__PURE__ */ new Map();
  for (const [name2, value2] of new URLSearchParams(text3)) if (!form3.has(name2)) form3.set(name2, value2);
  for (const [name2, value2] of form3) found.set(name2, value2);
  return found;
}
function parseObject(text3) {
  try {
    const value2 = JSON.parse(text3);
    if (typeof value2 !== "object" || value2 === null || Array.isArray(value2)) return void 0;
    return value2;
  } catch {
    return void 0;
  }
}

// src/sandbox/base/nesting.ts
var deepest2 = 100;
function isDeeper(value2, levels3 = deepest2) {
  if (typeof value2 !== "object" || value2 === null) return false;
  return levels3 === 0 || Object.values(value2).some((one) => isDeeper(one, levels3 - 1));
}

// src/sandbox/state/add-resources.ts
var verb5 = "add the resources";
function addResources(world, owner, version2, resources) {
  if (!isFhirVersion(version2)) throw invalid(verb5, "version must be one of dstu2, stu3, r4", "another");
  const ids = [];
  for (const resource of resources) {
    const text3 = typeof resource === "string" ? resource : written2(resource);
    const parsed2 = parseObject(text3);
    const type2 = parsed2?.["resourceType"];
    if (parsed2 === void 0 || typeof type2 !== "string" || !isServed(version2, type2) || isDeeper(parsed2)) {
      const rule = `each must be a resource that 1upHealth serves in ${version2}`;
      throw invalid(verb5, rule, `something else after ${ids.length} of them`);
    }
    ids.push(world.resources.create(owner, version2, type2, text3, world.now(), true).id);
  }
  return ids;
}
function written2(resource) {
  try {
    return JSON.stringify(resource) ?? "";
  } catch {
    return "";
  }
}

// src/sandbox/http/refuse-control.ts
import { isIPv4 } from "node:net";
function refuseControl(incoming, host) {
  const named = header2(incoming, "host") ?? host;
  if (!isLoopback2(host) || !isLoopback2(named)) {
    return refused6(403, "its Host must be localhost, 127.0.0.1 or [::1], with or without a port");
  }
  if (isForeign(incoming)) return refused6(403, "it comes from a page of another site");
  if ((incoming.method === "POST" || incoming.method === "PUT") && !isJson(incoming)) {
    return refused6(415, "it must be JSON, sent with content-type: application/json");
  }
  return void 0;
}
function refused6(status2, rule) {
  return json(status2, { message: `Cannot carry out the control call: ${rule}` });
}
function isLoopback2(host) {
  const name2 = /^(.*?)(?::\d{0,5})?$/.exec(host ?? "")?.[1]?.toLowerCase().replace(/\.$/, "");
  if (name2 === void 0) return false;
  return name2 === "localhost" || name2 === "[::1]" || isIPv4(name2) && name2.startsWith("127.");
}
function isForeign(incoming) {
  const origin = header2(incoming, "origin");
  if (origin !== void 0 && origin.toLowerCase() !== incoming.origin.toLowerCase()) return true;
  const site = header2(incoming, "sec-fetch-site");
  return site !== void 0 && site !== "same-origin" && site !== "none";
}
function isJson(incoming) {
  return /^application\/json\s*(?:;|$)/i.test(header2(incoming, "content-type") ?? "");
}

// src/sandbox/options/fhir-behaviour.ts
var usualFhirBehaviour = {
  nextLink: "usual",
  linkOrder: "selfFirst",
  loneLink: true,
  totals: true,
  undeclared: "ignore",
  keepsMeta: false,
  created: 201,
  refusedToken: "empty",
  deleted: 404,
  ifMatch: "optional",
  purgeBatch: Infinity
};
var nextLinks = ["usual", "relative", "stuck", "circle", "endless", "portTwice", "otherBase"];
var fhirBehaviourRules = {
  nextLink: {
    must: `one of ${nextLinks.join(", ")}, or { origin } with an origin like http://127.0.0.1:4000`,
    holds: (value2) => nextLinks.some((one) => one === value2) || hasOrigin(value2)
  },
  linkOrder: among("selfFirst", "selfLast"),
  loneLink: aSwitch,
  totals: aSwitch,
  undeclared: among("ignore", "refuse"),
  keepsMeta: aSwitch,
  created: among(200, 201),
  refusedToken: among("empty", "outcome", "error"),
  deleted: among(404, 410),
  ifMatch: among("optional", "required"),
  purgeBatch: orInfinity(whole(1))
};
function hasOrigin(value2) {
  if (!isObject2(value2)) return false;
  const { origin } = value2;
  return typeof origin === "string" && /^https?:\/\/[^/?#@\s]+$/.test(origin);
}

// src/sandbox/options/behaviour.ts
var usualBehaviour = {
  ...usualFhirBehaviour,
  codeLifeMs: 3e5,
  codeReadyMs: 0,
  accessTokenLifeMs: 72e5,
  refreshTokenLifeMs: 12096e5,
  exists: 200,
  missing: 200,
  createAgain: "error",
  renamed: "confirmation",
  noMatch: 200,
  filter: "always",
  invalidClient: 401,
  tokenType: "Bearer",
  refreshScope: true,
  oldAccessToken: "revoked",
  spentCode: 400,
  unauthorized: 401,
  retryAfter: false,
  reuse: "refuse",
  codeReuse: "refuse",
  rotate: true,
  pager: { skip: "skip", limit: "limit" },
  active: true,
  spender: false
};
var behaviourRules = {
  ...fhirBehaviourRules,
  codeLifeMs: between(0),
  codeReadyMs: between(0),
  accessTokenLifeMs: between(0),
  refreshTokenLifeMs: between(0),
  exists: among(200, 400, 404),
  missing: among(200, 400, 404),
  createAgain: among("error", "success"),
  renamed: among("confirmation", "user"),
  noMatch: among(200, 400),
  filter: among("always", "body", "never"),
  invalidClient: among(400, 401),
  tokenType: among("Bearer", "bearer"),
  refreshScope: aSwitch,
  oldAccessToken: among("revoked", "valid"),
  spentCode: among(400, 503),
  unauthorized: among(302, 401),
  retryAfter: among(false, true, "seconds", "date"),
  reuse: among("refuse", "revokeFamily"),
  codeReuse: among("refuse", "revokeFamily"),
  rotate: aSwitch,
  pager: {
    must: 'false, "all", or names { skip, limit }',
    holds: (value2) => value2 === false || value2 === "all" || isObject2(value2) && isName2(value2["skip"]) && isName2(value2["limit"])
  },
  active: aSwitch,
  spender: {
    must: "false, or { everyMs } with a whole number from 1",
    holds: (value2) => value2 === false || isObject2(value2) && whole(1).holds(value2["everyMs"])
  }
};
function infinite(behaviour) {
  return behaviour.purgeBatch === null ? { ...behaviour, purgeBatch: Infinity } : behaviour;
}
function readChange(change) {
  return withoutUndefined(check("change the sandbox", change, behaviourRules));
}
function withoutUndefined(options) {
  const given2 = Object.entries(options).filter(([, value2]) => value2 !== void 0);
  return Object.fromEntries(given2);
}
function isName2(value2) {
  return typeof value2 === "string" && value2 !== "";
}

// src/sandbox/http/control-routes.ts
var controlBase = "/_sandbox/";
var controlRoutes = [
  { method: "GET", path: "", description: "this list" },
  { method: "GET", path: "clock", description: "the clock; ?follow streams it" },
  {
    method: "POST",
    path: "clock",
    body: { advanceMs: 72e5 },
    description: "advance two hours",
    isUsual: true
  },
  {
    method: "PUT",
    path: "clock",
    body: { now: "2026-01-01T00:00:00Z" },
    description: "set the clock; also in ms since 1970"
  },
  { method: "GET", path: "journal", description: "all calls, secrets masked", isUsual: true },
  { method: "DELETE", path: "journal", description: "clear the journal" },
  { method: "GET", path: "users", description: "all users", isUsual: true },
  { method: "POST", path: "users", body: { appUserId: "bilbo" }, description: "add bilbo without a call" },
  {
    method: "POST",
    path: "active",
    body: { appUserId: "bilbo", active: false },
    description: "mark bilbo inactive"
  },
  {
    method: "POST",
    path: "revoke",
    body: { appUserId: "bilbo" },
    description: "revoke bilbo's tokens",
    isUsual: true
  },
  {
    method: "POST",
    path: "resources",
    body: { appUserId: "bilbo", version: "r4", resources: [{ resourceType: "Patient" }] },
    description: "add resources, return ids"
  },
  { method: "GET", path: "faults", description: "pending faults" },
  {
    method: "POST",
    path: "faults",
    body: { call: "createUser", status: 500, commit: true },
    description: 'add a fault; "times": null = unlimited',
    isUsual: true
  },
  { method: "DELETE", path: "faults", description: "remove pending faults" },
  { method: "POST", path: "behave", body: { exists: 404 }, description: "change a behaviour option" },
  { method: "POST", path: "spend", body: { calls: 100 }, description: "use up calls of the limit" },
  { method: "GET", path: "state", description: "the state, secrets in clear" },
  { method: "PUT", path: "state", description: "restore the state from GET" },
  { method: "POST", path: "reset", description: "remove users, data, calls and faults", isUsual: true }
];

// src/sandbox/base/plan.ts
var management = ["createUser", "issueAuthCode", "listUsers", "updateUser"];
var token = ["exchangeCode", "refreshToken"];
var fhir = [
  "fhir.create",
  "fhir.read",
  "fhir.vread",
  "fhir.history",
  "fhir.search",
  "fhir.update",
  "fhir.delete",
  "fhir.everything",
  "fhir.share",
  "fhir.unshare",
  "fhir.purge"
];
var callNames = [...management, ...token, ...fhir, "loginPage", "unknown"];
var kinds = new Map([
  ...management.map((call2) => [call2, "management"]),
  ...token.map((call2) => [call2, "token"]),
  ...fhir.map((call2) => [call2, "fhir"])
]);
function kindOf2(call2) {
  return kinds.get(call2);
}
function refused7(outcome, outgoing) {
  return { outgoing, outcome, committed: false };
}

// src/sandbox/oauth/plan-token.ts
var uncached = { "cache-control": "no-store", pragma: "no-cache" };
function planToken(world, incoming) {
  if (incoming.path !== "/oauth2/token" && incoming.path !== "/fhir/oauth2/token") return void 0;
  if (incoming.method !== "POST") return unknown2(405, "invalid_request", "Only POST");
  const type2 = header2(incoming, "content-type") ?? "application/x-www-form-urlencoded";
  if (!type2.startsWith("application/x-www-form-urlencoded")) {
    return unknown2(400, "invalid_request", "The body is not a form");
  }
  const form3 = readForm(incoming.body);
  switch (form3.get("grant_type")) {
    case "authorization_code":
      return exchange(world, form3);
    case "refresh_token":
      return refresh(world, form3);
    case void 0:
      return unknown2(400, "invalid_request", "Missing parameter: grant_type");
    default:
      return unknown2(400, "unsupported_grant_type", "Unsupported grant type");
  }
}
function exchange(world, form3) {
  const code2 = form3.get("code");
  if (code2 === void 0) return { ...missing2("code"), call: "exchangeCode" };
  const oneupUserId = world.grants.ownerOf("code", code2);
  return {
    call: "exchangeCode",
    ...userOf2(world, oneupUserId),
    secrets: { code: code2 },
    carryOut: () => strangerOf(world, form3) ?? answer(world.grants.exchange(code2, world.now()), world, "exchange") ?? refusedCode(world)
  };
}
function refresh(world, form3) {
  const refreshToken = form3.get("refresh_token");
  if (refreshToken === void 0) return { ...missing2("refresh_token"), call: "refreshToken" };
  return {
    call: "refreshToken",
    ...userOf2(world, world.grants.ownerOf("refreshToken", refreshToken)),
    secrets: { refreshToken },
    carryOut: () => strangerOf(world, form3) ?? answer(world.grants.refresh(refreshToken, world.now()), world, "refresh") ?? refused7("invalid_grant", invalidGrant("Invalid refresh token"))
  };
}
function answer(pair2, { settings: settings2 }, to) {
  if (pair2 === void 0) return void 0;
  const rotated = to === "exchange" || settings2.rotate;
  const scoped = to === "exchange" || settings2.refreshScope;
  const { accessToken, refreshToken } = pair2;
  const body = {
    access_token: accessToken,
    token_type: settings2.tokenType,
    expires_in: Math.floor(settings2.accessTokenLifeMs / 1e3),
    ...rotated ? { refresh_token: refreshToken } : {},
    ...scoped ? { scope: "user" } : {}
  };
  return {
    outgoing: json(200, body, uncached),
    outcome: "tokens",
    committed: true,
    secrets: rotated ? { issuedAccessToken: accessToken, issuedRefreshToken: refreshToken } : { issuedAccessToken: accessToken }
  };
}
function refusedCode({ settings: { spentCode } }) {
  return refused7(spentCode === 503 ? "server_error" : "invalid_grant", badCode(spentCode));
}
function badCode(status2) {
  return status2 === 503 ? oauthError(503, "server_error", "Server error") : invalidGrant("Invalid code");
}
function invalidGrant(description) {
  return oauthError(400, "invalid_grant", description);
}
function strangerOf(world, form3) {
  if (world.knows(form3.get("client_id"), form3.get("client_secret"))) return void 0;
  return refusal4(world.settings.invalidClient, "invalid_client", "Invalid client: client is invalid");
}
function userOf2(world, oneupUserId) {
  if (oneupUserId === void 0) return {};
  return { oneupUserId, appUserId: world.users.byId(oneupUserId)?.appUserId };
}
function missing2(name2) {
  return unknown2(400, "invalid_request", `Missing parameter: ${name2}`);
}
function unknown2(status2, error, description) {
  return { call: "unknown", carryOut: () => refusal4(status2, error, description) };
}
function refusal4(status2, error, description) {
  return refused7(error, oauthError(status2, error, description));
}
function oauthError(status2, error, description) {
  return json(status2, { error, error_description: description }, uncached);
}

// src/sandbox/oauth/plan-user-management.ts
var base = "/user-management/v1/user";
var pageSize6 = 100;
var loginPage = {
  status: 200,
  headers: { "content-type": "text/html; charset=utf-8" },
  body: "<!doctype html><title>Log in</title><form><input name=email></form>"
};
var loginRedirect = {
  status: 302,
  headers: { ...loginPage.headers, location: "/login" },
  body: "<!doctype html><title>Found</title>"
};
function planUserManagement(world, incoming) {
  const call2 = nameOf2(incoming);
  if (call2 === void 0) return void 0;
  const parameters2 = readParameters(incoming);
  const appUserId = parameters2?.get("app_user_id");
  const refusal6 = admit(world, incoming);
  return {
    call: call2,
    appUserId,
    oneupUserId: idOf(parameters2),
    carryOut() {
      if (refusal6 !== void 0) return refusal6;
      if (parameters2 === void 0) return refused7("invalid", failure(400, "the body is not JSON"));
      switch (call2) {
        case "listUsers":
          return list2(world, parameters2, incoming.body !== "");
        case "createUser":
          return appUserId ? create(world, appUserId) : missingParameter("app_user_id");
        case "issueAuthCode":
          return appUserId ? issueCode(world, appUserId) : missingParameter("app_user_id");
        case "updateUser":
          return appUserId ? rename2(world, parameters2, appUserId) : missingParameter("app_user_id");
        default:
          return call2;
      }
    }
  };
}
function nameOf2({ method: method2, path: path2 }) {
  if (path2 === base) {
    if (method2 === "POST") return "createUser";
    if (method2 === "GET") return "listUsers";
    if (method2 === "PUT") return "updateUser";
  }
  return path2 === `${base}/auth-code` && method2 === "POST" ? "issueAuthCode" : void 0;
}
function admit(world, incoming) {
  const { unauthorized, retryAfter } = world.settings;
  if (!world.knows(header2(incoming, "client_id"), header2(incoming, "client_secret"))) {
    if (unauthorized === 401) return refused7("unauthorized", json(401, { message: "Unauthorized" }));
    return refused7("unauthorized", loginRedirect);
  }
  const now = world.now();
  if (world.quota.take(now)) return void 0;
  const headers = retryAfter === false ? {} : retryAfterHeader(retryAfter, now, world.quota.waitMs(now));
  return refused7("rate_limited", rateLimited(headers));
}
function rateLimited(headers) {
  return json(429, { message: "Too Many Requests" }, headers);
}
function retryAfterHeader(form3, now, waitMs2) {
  if (form3 !== "date") return { "retry-after": String(Math.ceil(waitMs2 / 1e3)) };
  return { "retry-after": new Date(Math.ceil((now + waitMs2) / 1e3) * 1e3).toUTCString() };
}
function create(world, appUserId) {
  const there = world.users.find(appUserId);
  if (there !== void 0) return world.settings.createAgain === "error" ? taken2(world) : existing(there);
  return withCode2(world, world.users.add(appUserId, world.settings.active), "created");
}
function existing({ oneupUserId, appUserId, active }) {
  const body = { success: true, oneup_user_id: oneupUserId, app_user_id: appUserId, active };
  return { outgoing: json(200, body), outcome: "exists", committed: false, oneupUserId };
}
function issueCode(world, appUserId) {
  const user2 = world.users.find(appUserId);
  return user2 === void 0 ? absent(world) : withCode2(world, user2, "code");
}
function withCode2(world, user2, outcome) {
  const { oneupUserId, appUserId, active } = user2;
  const code2 = world.grants.issueCode(oneupUserId, world.now());
  const body = { success: true, code: code2, oneup_user_id: oneupUserId, app_user_id: appUserId, active };
  return { outgoing: json(200, body), outcome, committed: true, oneupUserId, secrets: { issuedCode: code2 } };
}
function list2(world, parameters2, hasBody) {
  const { filter, noMatch } = world.settings;
  const applies = filter === "always" || filter === "body" && hasBody;
  const filtered = applies ? matching(world, parameters2) : void 0;
  if (filtered?.length === 0 && noMatch === 400) return refused7("missing", json(400, { success: false }));
  const entry = (filtered ?? pageOf(world, parameters2)).map(listed3);
  return { outgoing: json(200, { success: true, entry }), outcome: "listed", committed: true };
}
function listed3({ oneupUserId, appUserId, active }) {
  return { oneup_user_id: oneupUserId, app_user_id: appUserId, active };
}
function matching(world, parameters2) {
  const appUserId = parameters2.get("app_user_id");
  const byApp = appUserId === void 0 ? void 0 : world.users.find(appUserId);
  if (parameters2.has("oneup_user_id")) {
    const id2 = idOf(parameters2);
    const user2 = id2 === void 0 ? void 0 : world.users.byId(id2);
    return user2 === void 0 || appUserId !== void 0 && user2 !== byApp ? [] : [user2];
  }
  if (appUserId === void 0) return void 0;
  return byApp === void 0 ? [] : [byApp];
}
function pageOf(world, parameters2) {
  const { pager } = world.settings;
  if (pager === "all") return world.users.all;
  if (pager === false) return world.users.page(0, pageSize6);
  return world.users.page(
    whole3(parameters2.get(pager.skip)) ?? 0,
    whole3(parameters2.get(pager.limit)) ?? pageSize6
  );
}
function rename2(world, parameters2, appUserId) {
  const id2 = idOf(parameters2);
  if (!parameters2.has("oneup_user_id")) return missingParameter("oneup_user_id");
  const user2 = id2 === void 0 ? void 0 : world.users.byId(id2);
  if (user2 === void 0) return absent(world);
  const holder = world.users.find(appUserId);
  if (holder !== void 0 && holder !== user2) return taken2(world);
  const changed2 = world.users.change(user2, { appUserId });
  const { oneupUserId } = user2;
  const confirmation = { oneUpUserId: oneupUserId, success: true };
  return {
    outgoing: json(200, world.settings.renamed === "user" ? listed3(changed2) : confirmation),
    outcome: "renamed",
    committed: true,
    oneupUserId
  };
}
function taken2(world) {
  return refused7("exists", userExists(world.settings.exists));
}
function absent(world) {
  return refused7("missing", userMissing(world.settings.missing));
}
function userExists(status2) {
  return failure(status2, "this user already exists");
}
function userMissing(status2) {
  return failure(status2, "this user does not exist");
}
function missingParameter(name2) {
  return refused7("invalid", failure(400, `${name2} is required`));
}
function failure(status2, error) {
  return json(status2, { success: false, error });
}
function idOf(parameters2) {
  return whole3(parameters2?.get("oneup_user_id"));
}
function whole3(text3) {
  return text3 !== void 0 && /^\d{1,15}$/.test(text3) ? Number(text3) : void 0;
}

// src/sandbox/faults/fault-responses.ts
var anyCall = callNames.filter((call2) => call2 !== "loginPage");
var faultResponses = {
  alreadyExists: {
    words: "already exists",
    calls: ["createUser", "updateUser"],
    statuses: [200, 400, 404],
    answer: ({ settings: settings2 }) => userExists(settings2.exists)
  },
  doesNotExist: {
    words: "does not exist",
    calls: ["issueAuthCode", "updateUser"],
    statuses: [200, 400, 404],
    answer: ({ settings: settings2 }) => userMissing(settings2.missing)
  },
  noCode: {
    words: "no code",
    calls: ["createUser", "issueAuthCode"],
    statuses: [200],
    answer: () => json(200, { success: false, code: null })
  },
  spentCode: {
    words: "spent code",
    calls: ["exchangeCode"],
    statuses: [400, 503],
    answer: ({ settings: settings2 }, status2 = settings2.spentCode) => badCode(status2)
  },
  invalidGrant: {
    words: "invalid grant",
    calls: ["exchangeCode", "refreshToken"],
    statuses: [400],
    answer: () => invalidGrant("Invalid grant")
  },
  rateLimited: {
    words: "rate limited",
    calls: ["createUser", "issueAuthCode", "listUsers", "updateUser"],
    statuses: [429],
    answer: () => rateLimited({})
  },
  loginPage: {
    words: "login page",
    calls: anyCall,
    statuses: [301, 302, 303, 307, 308],
    answer: () => loginRedirect
  },
  html: { words: "HTML", calls: anyCall, statuses: "any", answer: () => loginPage },
  notJson: {
    words: "not JSON",
    calls: anyCall,
    statuses: "any",
    answer: () => ({ ...json(200, null), body: '{"success" => true, "active" => true}' })
  },
  truncated: {
    words: "JSON cut short",
    calls: anyCall,
    statuses: [],
    carriesOut: true,
    answer: (_world, _status, due) => ({ ...due, body: due.body.slice(0, Math.ceil(due.body.length / 2)) })
  },
  deepJson: {
    words: "deep JSON",
    calls: anyCall,
    statuses: "any",
    // Written by hand: JSON.stringify fails at this depth.
    answer: () => ({ ...json(200, null), body: `${'{"a":'.repeat(levels2)}1${"}".repeat(levels2)}` })
  },
  hugeJson: {
    words: "huge JSON",
    calls: anyCall,
    statuses: "any",
    answer: () => ({ ...json(200, null), body: `{"success":true,"code":"${"a".repeat(hugeLength)}"}` })
  }
};
var levels2 = 1e5;
var hugeLength = 17 * 1024 * 1024;

// src/sandbox/faults/fault.ts
var verb6 = "script the fault";
var rules5 = {
  call: among("*", ...callNames),
  appUserId: aText,
  times: orInfinity(whole(1)),
  skip: whole(0),
  probability: {
    must: "a number above 0, up to 1",
    holds: (value2) => typeof value2 === "number" && value2 > 0 && value2 <= 1
  },
  response: among(...Object.keys(faultResponses)),
  status: whole(200, 599),
  body: { must: "a string, or what JSON can hold", holds: isJson2 },
  headers: { must: "header names with their texts", holds: areHeaders },
  retryAfterMs: between(0),
  retryAfter: among("seconds", "date"),
  commit: aSwitch,
  drop: among("before", "after", "body"),
  delayMs: between(0),
  delay: among("before", "after"),
  omit: {
    must: "a list of field names",
    holds: (value2) => Array.isArray(value2) && value2.length > 0 && value2.every(aText.holds)
  },
  codeReadyMs: between(0)
};
var needs = [
  ["body", "status"],
  ["headers", "response", "status"],
  ["retryAfterMs", "response", "status"],
  ["retryAfter", "retryAfterMs"],
  ["commit", "response", "status"],
  ["delay", "delayMs"]
];
function checkFault(fault) {
  const { response, status: status2, drop, omit, delayMs, codeReadyMs, body, commit } = check(verb6, fault, rules5);
  for (const [name2, ...others] of needs) {
    if (fault[name2] === void 0 || others.some((other) => fault[other] !== void 0)) continue;
    throw invalid(verb6, `${name2} must go with ${others.join(" or ")}`, `${name2} alone`);
  }
  const effects = [response ?? status2, drop, omit].filter((one) => one !== void 0).length;
  if (effects > 1 || effects === 0 && delayMs === void 0 && codeReadyMs === void 0) {
    const rule = "one of response, status, drop and omit, or have a delayMs or codeReadyMs";
    throw invalid(verb6, `a fault must be ${rule}`, `${effects} of them`);
  }
  if (response === void 0) return;
  const { statuses, carriesOut } = faultResponses[response];
  if (status2 !== void 0 && statuses !== "any" && !statuses.includes(status2)) {
    const rule = `the status of ${response} must be ${statuses.join(", ") || "left out"}`;
    throw invalid(verb6, rule, String(status2));
  }
  if (body !== void 0) throw invalid(verb6, "body must be left out", `one beside ${response}`);
  if (carriesOut === true && commit === false)
    throw invalid(verb6, `commit of ${response} must be true`, "false");
}
function callsOf({ call: call2, response, codeReadyMs }) {
  if (call2 !== void 0) return call2 === "*" ? void 0 : [call2];
  if (response !== void 0) return faultResponses[response].calls;
  return codeReadyMs === void 0 ? void 0 : ["createUser", "issueAuthCode"];
}
function isReplaced({ response, status: status2 }) {
  return response !== void 0 || status2 !== void 0;
}
function isCarriedOut(fault) {
  if (fault.drop === "before") return false;
  if (!isReplaced(fault) || fault.commit === true) return true;
  return fault.response !== void 0 && faultResponses[fault.response].carriesOut === true;
}
function describeFault(fault) {
  const { response, status: status2, drop, omit, delayMs, delay, codeReadyMs, probability } = fault;
  const words4 = [];
  const answer4 = response === void 0 ? status2 : faultResponses[response].words;
  if (answer4 !== void 0) words4.push(`${answer4} ${isCarriedOut(fault) ? "after commit" : "instead"}`);
  if (drop !== void 0) words4.push(drop === "body" ? "cut in the body" : `dropped ${drop}`);
  if (omit !== void 0) words4.push(`without ${omit.join(", ")}`);
  if (codeReadyMs !== void 0) words4.push(`code registers after ${codeReadyMs} ms`);
  if (delayMs !== void 0) words4.push(`delayed ${delayMs} ms ${delay ?? "before"}`);
  if (probability !== void 0) words4.push(`with probability ${probability}`);
  return words4.join(", ");
}
function endless(fault) {
  return fault.times === null ? { ...fault, times: Infinity } : fault;
}
function isJson2(value2) {
  try {
    return JSON.stringify(value2) !== void 0;
  } catch {
    return false;
  }
}
function areHeaders(value2) {
  if (!isObject2(value2) || !Object.values(value2).every(aText.holds)) return false;
  try {
    return new Headers(value2) instanceof Headers;
  } catch {
    return false;
  }
}

// src/sandbox/http/restore-from.ts
function restoreFrom(sandbox2, value2) {
  if (!isSnapshot(value2)) throw refused8();
  const before2 = sandbox2.snapshot();
  try {
    sandbox2.restore(value2);
    sandbox2.snapshot();
  } catch {
    sandbox2.restore(before2);
    throw refused8();
  }
}
function isSnapshot(value2) {
  if (!isObject2(value2)) return false;
  const { format, credentials, chance, users: users3, grants, resources, quota } = value2;
  return (format === 1 || format === 2) && isObject2(credentials) && typeof credentials["clientId"] === "string" && typeof credentials["clientSecret"] === "string" && [chance, users3, resources].every(Array.isArray) && isObject2(grants) && ["codes", "accessTokens", "refreshTokens"].every((name2) => isListOfObjects(grants[name2])) && isListOfObjects(users3) && isListOfObjects(resources) && isObject2(quota) && Array.isArray(quota["times"]);
}
function isListOfObjects(value2) {
  return Array.isArray(value2) && value2.every(isObject2);
}
function refused8() {
  return new LifecycleError(
    "INVALID_OPTION",
    "Cannot restore the sandbox: the value must be a result of snapshot()"
  );
}

// src/sandbox/http/control.ts
function isClockStream({ method: method2, path: path2, query }) {
  return path2 === "/_sandbox/clock" && method2 === "GET" && new URLSearchParams(query).has("follow");
}
function readClock(clock) {
  return { now: clock.now(), offset: clock.offset, running: clock.running };
}
function control(sandbox2, incoming) {
  try {
    return carryOut(sandbox2, incoming);
  } catch (error) {
    if (isLifecycleError(error)) return json(400, { code: error.code, message: error.message });
    throw error;
  }
}
function carryOut(sandbox2, incoming) {
  switch (`${incoming.method} ${incoming.path.slice(controlBase.length)}`) {
    case "GET ":
      return json(
        200,
        controlRoutes.map(({ path: path2, isUsual: _, ...route }) => ({ ...route, path: controlBase + path2 }))
      );
    case "GET clock":
      return json(200, readClock(sandbox2.clock));
    case "POST clock":
      sandbox2.clock.advance(numberOf2(incoming, "advanceMs"));
      return json(200, readClock(sandbox2.clock));
    case "PUT clock":
      sandbox2.clock.set(timeOf(bodyOf(incoming)["now"]));
      return json(200, readClock(sandbox2.clock));
    case "GET journal":
      return json(200, sandbox2.journal.entries());
    case "DELETE journal":
      sandbox2.journal.clear();
      return json(200, { ok: true });
    case "GET users":
      return json(200, sandbox2.users());
    case "POST users":
      return json(200, { oneupUserId: sandbox2.createUser(newIdOf2(incoming)) });
    case "GET faults":
      return json(200, sandbox2.faults());
    case "POST faults":
      sandbox2.fail(endless(bodyOf(incoming)));
      return json(200, { ok: true });
    case "DELETE faults":
      sandbox2.clearFaults();
      return json(200, { ok: true });
    case "POST behave":
      sandbox2.behave(infinite(bodyOf(incoming)));
      return json(200, { ok: true });
    case "POST spend":
      sandbox2.spend(numberOf2(incoming, "calls"));
      return json(200, { ok: true });
    case "POST resources":
      return json(200, { ids: resourcesOf(sandbox2, bodyOf(incoming)) });
    case "POST active":
      sandbox2.setActive(stringOf(incoming, "appUserId"), flagOf(incoming, "active"));
      return json(200, { ok: true });
    case "POST revoke":
      sandbox2.revokeGrant(stringOf(incoming, "appUserId"));
      return json(200, { ok: true });
    case "GET state":
      return json(200, sandbox2.snapshot());
    case "PUT state":
      restoreFrom(sandbox2, bodyOf(incoming));
      return json(200, { ok: true });
    case "POST reset":
      sandbox2.reset();
      return json(200, { ok: true });
    default:
      return json(404, { message: "Not Found" });
  }
}
function bodyOf(incoming) {
  const body = parseObject(incoming.body);
  if (body !== void 0) return body;
  throw new LifecycleError(
    "INVALID_OPTION",
    "Cannot carry out the control call: its body must be a JSON object"
  );
}
function resourcesOf(sandbox2, { appUserId, version: version2, resources }) {
  const list3 = Array.isArray(resources) ? resources : [resources];
  return sandbox2.addResources(String(appUserId), version2, list3);
}
function flagOf(incoming, name2) {
  return checkValue("carry out the control call", name2, bodyOf(incoming)[name2], aSwitch);
}
function numberOf2(incoming, name2) {
  const value2 = bodyOf(incoming)[name2];
  return typeof value2 === "number" ? value2 : NaN;
}
function timeOf(now) {
  return typeof now === "string" ? Date.parse(now) : typeof now === "number" ? now : NaN;
}
function newIdOf2(incoming) {
  const id2 = stringOf(incoming, "appUserId");
  if (id2 !== "") return id2;
  const message = "Cannot carry out the control call: appUserId must be a non-empty string";
  throw new LifecycleError("INVALID_OPTION", message);
}
function stringOf(incoming, name2) {
  const value2 = bodyOf(incoming)[name2];
  return typeof value2 === "string" ? value2 : "";
}

// src/sandbox/http/answer-request.ts
async function answerRequest(handler, sandbox2, request2, redirectsLeft = 20) {
  const { signal } = request2;
  signal.throwIfAborted();
  const response = await untilAborted2(signal, answerOnce(handler, sandbox2, request2));
  const location = response.headers.get("location");
  if (response.status < 300 || response.status > 399 || location === null) return response;
  if (request2.redirect === "error") throw new TypeError("fetch failed: unexpected redirect");
  if (request2.redirect === "manual") return response;
  if (redirectsLeft === 0) throw new TypeError("fetch failed: redirect count exceeded");
  const next = new Request(new URL(location, request2.url), { headers: request2.headers, signal });
  return answerRequest(handler, sandbox2, next, redirectsLeft - 1);
}
async function answerOnce(handler, sandbox2, request2) {
  const body = await request2.text();
  if (body.length > longestBody) return toResponse(tooLarge());
  const { host, origin, pathname, search: search2 } = new URL(request2.url);
  const incoming = {
    method: request2.method,
    path: pathname,
    query: search2.slice(1),
    headers: Object.fromEntries(request2.headers),
    body,
    origin
  };
  if (pathname.startsWith(controlBase)) {
    return toResponse(refuseControl(incoming, host) ?? control(sandbox2, incoming));
  }
  const delivery = await handler.handle(incoming);
  switch (delivery.type) {
    case "answer":
      return toResponse(delivery.outgoing);
    case "cut":
      return toResponse(delivery.outgoing, cutBody(delivery.outgoing.body));
    case "dropped":
      throw new TypeError("fetch failed: the connection was closed");
    default:
      return delivery;
  }
}
function toResponse({ status: status2, headers, body }, stream) {
  const empty = status2 === 204 || status2 === 205 || status2 === 304;
  return new Response(empty ? null : stream ?? body, { status: status2, headers: { ...headers } });
}
function cutBody(body) {
  let sent = false;
  return new ReadableStream({
    pull(controller) {
      if (sent) return controller.error(new TypeError("terminated: the connection was closed"));
      sent = true;
      controller.enqueue(new TextEncoder().encode(body.slice(0, Math.ceil(body.length / 2)) || " "));
    }
  });
}
function untilAborted2(signal, answer4) {
  return new Promise((resolve4, reject) => {
    const unhear = onAbort(signal, () => reject(signal.reason));
    answer4.then(resolve4, reject).finally(unhear);
  });
}

// src/sandbox/faults/carry-out.ts
var nothing3 = refused7("fault", { status: 500, headers: {}, body: "" });
function carryOut2(world, plan, fault) {
  if (fault === void 0) return plan.carryOut();
  const carried = isCarriedOut(fault) ? plan.carryOut() : nothing3;
  const code2 = carried.secrets?.issuedCode;
  if (fault.codeReadyMs !== void 0 && code2 !== void 0) {
    world.grants.holdBack(code2, world.now() + fault.codeReadyMs);
  }
  return { ...carried, outgoing: answerOf(world, fault, carried.outgoing) };
}
function answerOf(world, fault, due) {
  const { response, status: status2, omit } = fault;
  if (omit !== void 0) return without2(due, omit);
  if (response !== void 0) {
    const answer4 = faultResponses[response].answer(world, status2, due);
    return {
      ...answer4,
      status: status2 ?? answer4.status,
      headers: { ...answer4.headers, ...headersOf(world, fault) }
    };
  }
  return status2 === void 0 ? due : replaced2(status2, fault.body, headersOf(world, fault));
}
function replaced2(status2, body, headers) {
  if (body === void 0) return { status: status2, headers, body: "" };
  if (typeof body !== "string") return json(status2, body, headers);
  const type2 = body.trimStart().startsWith("<") ? "text/html" : "text/plain";
  return { status: status2, headers: { "content-type": `${type2}; charset=utf-8`, ...headers }, body };
}
function headersOf(world, { headers, retryAfterMs: retryAfterMs2, retryAfter }) {
  if (retryAfterMs2 === void 0) return { ...headers };
  const form3 = retryAfter ?? (world.settings.retryAfter || "seconds");
  return { ...headers, ...retryAfterHeader(form3, world.now(), retryAfterMs2) };
}
function without2(outgoing, fields) {
  const body = parseObject(outgoing.body);
  if (body === void 0) return outgoing;
  for (const field3 of fields) delete body[field3];
  return { ...outgoing, body: JSON.stringify(body) };
}

// src/sandbox/faults/faults.ts
var Faults = class {
  #chance;
  #start;
  #waiting = [];
  /** @param seed Seed of the faults' own random numbers. */
  constructor(seed) {
    this.#chance = new Chance(seed);
    this.#start = this.#chance.state;
  }
  /** @throws {LifecycleError} `INVALID_OPTION` */
  add(fault) {
    checkFault(fault);
    const { skip = 0, times: times2 = fault.probability === void 0 ? 1 : Infinity } = fault;
    this.#waiting.push({ fault: { ...fault }, calls: callsOf(fault), skip, times: times2 });
  }
  /** The faults that can still hit a call, with the remaining `times` and `skip`. */
  get waiting() {
    return this.#waiting.map(({ fault, skip, times: times2 }) => ({ ...fault, times: times2, skip }));
  }
  clear() {
    this.#waiting = [];
  }
  /** Removes the faults and restarts the random numbers. */
  reset() {
    this.clear();
    this.#chance.state = this.#start;
  }
  /** Returns the first fault that hits this call, and uses it up by one. */
  match(call2, appUserId) {
    for (const waiting2 of this.#waiting) {
      const { fault, calls } = waiting2;
      if (calls !== void 0 && !calls.includes(call2)) continue;
      if (fault.appUserId !== void 0 && fault.appUserId !== appUserId) continue;
      if (waiting2.skip > 0) {
        waiting2.skip -= 1;
        continue;
      }
      if (fault.probability !== void 0 && this.#chance.next() >= fault.probability) continue;
      waiting2.times -= 1;
      if (waiting2.times <= 0) this.#waiting = this.#waiting.filter((other) => other !== waiting2);
      return fault;
    }
    return void 0;
  }
};

// src/sandbox/resources/folder.ts
var mostSearches = 8;
var Folder = class {
  #items = [];
  #found = /* @__PURE__ */ new Map();
  /** All of them, by order. */
  get items() {
    return this.#items;
  }
  add(item) {
    this.touch();
    const place4 = placeOf(this.#items, item.order);
    if (this.#items[place4] === item) return;
    if (place4 === this.#items.length) this.#items.push(item);
    else this.#items.splice(place4, 0, item);
  }
  delete(item) {
    this.touch();
    const place4 = placeOf(this.#items, item.order);
    if (this.#items[place4] === item) this.#items.splice(place4, 1);
  }
  /** Drops the cached search results, because an item changed. */
  touch() {
    this.#found.clear();
  }
  /** The items that pass `matches`, cached under the name `search` until something changes. */
  find(search2, matches) {
    const known3 = this.#found.get(search2);
    if (known3 !== void 0) return known3;
    const found = this.#items.filter(matches);
    const [oldest] = this.#found.keys();
    if (this.#found.size >= mostSearches && oldest !== void 0) this.#found.delete(oldest);
    this.#found.set(search2, found);
    return found;
  }
};
function placeOf(items, order) {
  let low = 0;
  let high = items.length;
  if ((items.at(-1)?.order ?? -1) < order) return high;
  while (low < high) {
    const middle = low + high >>> 1;
    if ((items[middle]?.order ?? order) < order) low = middle + 1;
    else high = middle;
  }
  return low;
}

// src/sandbox/fhir/operation-outcome.ts
var type = { "content-type": "application/fhir+json; charset=utf-8" };
function fhirJson(status2, value2) {
  return json(status2, value2, type);
}
function resourceAnswer(status2, state, headers) {
  const { versionId = 0, at = 0, text: text3 = "null" } = state ?? {};
  const validators = { etag: `W/"${versionId}"`, "last-modified": new Date(at).toUTCString() };
  return { status: status2, headers: { ...type, ...validators, ...headers }, body: text3 };
}
function issue(status2, code2, diagnostics) {
  return issues(status2, [{ code: code2, diagnostics }]);
}
function issues(status2, all) {
  const outcome = {
    resourceType: "OperationOutcome",
    issue: all.map((one) => ({ severity: "error", ...one }))
  };
  return refused7(all[0]?.code === "not-found" ? "missing" : "invalid", fhirJson(status2, outcome));
}
function placed(version2, type2, path2) {
  if (version2 !== "dstu2") {
    const steps2 = path2.map((step2) => typeof step2 === "number" ? `[${step2}]` : `.${step2}`);
    return { expression: [type2 + steps2.join("")] };
  }
  const steps = path2.map((step2) => typeof step2 === "number" ? `[${step2 + 1}]` : `/f:${step2}`);
  return { location: [`/f:${type2}${steps.join("")}`] };
}

// src/sandbox/fhir/read-query.ts
var pageSize7 = 10;
var longestPage3 = 100;
var deepestSkip2 = 9990;
var pagingNames = /* @__PURE__ */ new Set(["_count", "_skip", "_after", "_before"]);
function readQuery(text3) {
  if (text3.includes("|")) return issue(400, "invalid", "A bar in the query must be written as %7C");
  const search2 = new URLSearchParams(text3);
  for (const name2 of pagingNames) {
    const value2 = search2.get(name2);
    if (value2 === null || numberIn(value2) !== void 0) continue;
    return issue(400, "invalid", `${name2} must be a whole number`);
  }
  if (Number(search2.get("_skip")) <= deepestSkip2) return { search: search2 };
  return issue(400, "too-costly", `_skip must not be above ${deepestSkip2}`);
}
function sizeOf(search2) {
  return Math.min(longestPage3, Math.max(1, numberOf3(search2, "_count") ?? pageSize7));
}
function numberOf3(search2, name2) {
  const value2 = search2.get(name2);
  return value2 === null ? void 0 : numberIn(value2);
}
function numberIn(text3) {
  return /^-?\d{1,15}$/.test(text3) ? Number(text3) : void 0;
}

// src/sandbox/fhir/links-of.ts
function linksOf({ nextLink: nextLink3, linkOrder, loneLink }, search2, self, place4) {
  const link = [{ relation: "self", url: address(self, search2) }];
  const cursor = nextCursor(nextLink3, search2, place4);
  if (cursor !== void 0) link.push({ relation: "next", url: led(nextLink3, address(self, cursor)) });
  if (place4.first !== void 0 && place4.start > 0) {
    const prior = moved(search2, "_before", place4.first);
    link.push({ relation: "prior", url: led(nextLink3, address(self, prior)) });
  }
  if (link.length === 1 && !loneLink) return void 0;
  return linkOrder === "selfFirst" ? link : link.toReversed();
}
function nextCursor(nextLink3, search2, { last, end: end3, total: total2 }) {
  if (nextLink3 === "stuck") return search2;
  if (last !== void 0 && end3 < total2) return moved(search2, "_after", last);
  if (nextLink3 === "circle") return moved(search2);
  if (nextLink3 !== "endless") return void 0;
  return moved(search2, "_after", last ?? Number(search2.get("_after")) + 1);
}
function moved(search2, cursor, order) {
  const changed2 = new URLSearchParams(search2);
  for (const name2 of pagingNames) if (name2 !== "_count") changed2.delete(name2);
  if (cursor !== void 0) changed2.set(cursor, String(order));
  return changed2;
}
function led(nextLink3, url) {
  const path2 = url.replace(/^\w+:\/\/[^/]*/, "");
  const origin = url.slice(0, url.length - path2.length);
  if (typeof nextLink3 === "object") return nextLink3.origin + path2;
  switch (nextLink3) {
    case "relative":
      return path2;
    case "portTwice":
      return withPortTwice(origin) + path2;
    case "otherBase":
      return `${origin}/elsewhere${path2}`;
    case "usual":
    case "stuck":
    case "circle":
    case "endless":
      return url;
    default:
      return nextLink3;
  }
}
function withPortTwice(origin) {
  const port = /:\d+$/.exec(origin)?.[0];
  if (port !== void 0) return origin + port;
  return origin + (origin.startsWith("https:") ? ":443:443" : ":80:80");
}
function address(self, search2) {
  const text3 = search2.toString();
  return text3 === "" ? self : `${self}?${text3}`;
}

// src/sandbox/fhir/bundle.ts
function pageOf2({ world, root }, found, entryOf2, search2, { type: type2, self }) {
  const size = sizeOf(search2);
  const start = startOf2(found, search2, size);
  const page2 = found.slice(start, start + size);
  const place4 = {
    first: page2[0]?.order,
    last: page2.at(-1)?.order,
    start,
    end: start + size,
    total: found.length
  };
  const link = linksOf(world.settings, search2, self, place4);
  const head = {
    resourceType: "Bundle",
    type: type2,
    ...world.settings.totals ? { total: found.length } : {},
    ...link === void 0 ? {} : { link }
  };
  const entries = page2.map((item) => entryText(entryOf2(item), root));
  const body = `${JSON.stringify(head).slice(0, -1)},"entry":[${entries.join(",")}]}`;
  return { outgoing: { ...fhirJson(200, null), body }, outcome: "found", committed: true };
}
function startOf2(found, search2, size) {
  const after2 = numberOf3(search2, "_after");
  const before2 = numberOf3(search2, "_before");
  if (after2 !== void 0) return placeOf(found, after2 + 1);
  if (before2 !== void 0) return Math.max(0, placeOf(found, before2) - size);
  return Math.max(0, numberOf3(search2, "_skip") ?? 0);
}
function entryText({ address: address2, text: text3, extra }, root) {
  const rest = JSON.stringify({ fullUrl: `${root}/${address2}`, ...extra }).slice(0, -1);
  return text3 === void 0 ? `${rest}}` : `${rest},"resource":${text3}}`;
}

// src/sandbox/fhir/fhir-call.ts
function absent2() {
  return issue(404, "not-found", "Resource not found");
}
function gone({ world }) {
  return world.settings.deleted === 410 ? issue(410, "deleted", "Resource was deleted") : absent2();
}
function ambiguous() {
  return issue(400, "invalid", "x-oneup-user-id must name one user");
}
function withReadable(call2, use) {
  const { world, reader, version: version2, type: type2, id: id2 } = call2;
  const stored2 = world.resources.readable(reader, version2, type2, id2, world.now());
  return stored2 === void 0 ? absent2() : use(stored2);
}

// src/sandbox/resources/stored-resource.ts
var mostRevisions = 100;
function latest(stored2) {
  return stored2.revisions.at(-1);
}
function shown3(stored2, now) {
  return stored2.revisions.findLast(({ visibleAt: visibleAt2 }) => visibleAt2 <= now);
}
function revised(stored2, revision, now) {
  const all = [...stored2.revisions, revision];
  const shownAt = all.findLastIndex(({ visibleAt: visibleAt2 }) => visibleAt2 <= now);
  return all.slice(Math.max(0, Math.min(all.length - mostRevisions, shownAt)));
}
function isReadable({ owner, sharedWith }, reader) {
  return reader === "client" || owner === reader || sharedWith.includes(reader);
}
function patientsIn(text3) {
  const found = text3.matchAll(/"(?:[^"\\]*\/)?Patient\/([A-Za-z0-9.-]{1,64})"/g);
  return new Set(Array.from(found, ([, id2 = ""]) => id2));
}

// src/sandbox/fhir/fhir-reads.ts
function read5(call2) {
  return withReadable(call2, (stored2) => answer2(call2, shown3(stored2, call2.world.now())));
}
function readVersion(call2) {
  return withReadable(call2, (stored2) => {
    const found = shownStates(call2, stored2).find(({ versionId }) => String(versionId) === call2.last);
    return found === void 0 ? absent2() : answer2(call2, found);
  });
}
function history(call2) {
  return withReadable(call2, (stored2) => {
    const query = readQuery(call2.incoming.query);
    if ("outcome" in query) return query;
    const address2 = `${call2.type}/${stored2.id}`;
    const states = shownStates(call2, stored2).toReversed();
    const entries = states.map((state) => ({ ...entryOf(state, address2), order: -state.versionId }));
    return pageOf2(call2, entries, (entry) => entry, query.search, {
      type: "history",
      self: `${call2.root}/${address2}/_history`
    });
  });
}
function answer2(call2, state) {
  if (state?.text === void 0) return gone(call2);
  return { outgoing: resourceAnswer(200, state), outcome: "read", committed: true };
}
function shownStates({ world }, { revisions }) {
  return revisions.filter(({ visibleAt: visibleAt2 }) => visibleAt2 <= world.now());
}
function entryOf({ versionId, text: text3 }, address2) {
  const [path2 = ""] = address2.split("/");
  const method2 = text3 === void 0 ? "DELETE" : versionId === 1 ? "POST" : "PUT";
  const request2 = { method: method2, url: method2 === "POST" ? path2 : address2 };
  return {
    address: address2,
    text: text3,
    extra: { request: request2, response: { status: statusOf2(method2), etag: `W/"${versionId}"` } }
  };
}
function statusOf2(method2) {
  if (method2 === "POST") return "201";
  return method2 === "PUT" ? "200" : "204";
}

// src/sandbox/fhir/search-parameters.ts
var table2 = `
token _id id = id
token _language = language
date _lastUpdated = meta.lastUpdated
token _tag = meta.tag
token _security = meta.security
uri _profile = meta.profile
uri _source = meta.source
token identifier = identifier DocumentReference.masterIdentifier DocumentReference.identifier
token status = status
token code = code medicationCodeableConcept
token category = category
token type = type
token priority = priority
token intent = intent
token class = class
token gender = gender
token active = active
token language = communication.language
token severity = severity
token specialty = specialty
token method = method
uri url = url
token version = version
string name = name alias
string family = family name.family
string given = given name.given
string title = title
string description = description
string publisher = publisher
string address = address
string address-city = address.city
string address-state = address.state
string address-country = address.country
string address-postalcode = address.postalCode
token address-use = address.use
token telecom = telecom
token phone = telecom:phone
token email = telecom:email
date birthdate = birthDate
date death-date deathdate = deceasedDateTime
reference patient = patient subject Coverage.beneficiary Appointment.participant.actor Person.link.target
  Group.member.entity AuditEvent.agent.who AuditEvent.entity.what AppointmentResponse.actor
  EnrollmentRequest.candidate ResearchSubject.individual Provenance.target Account.subject
reference subject = subject EnrollmentRequest.subject
reference encounter = encounter context context.encounter
reference performer = performer performer.actor
reference organization = managingOrganization organization
reference general-practitioner careprovider = generalPractitioner careProvider
reference practitioner = practitioner participant.individual participant.actor
reference participant = participant participant.individual participant.member
reference actor = participant.actor actor
reference author = author
reference recorder = recorder
reference asserter = asserter
reference requester = requester requester.agent
reference prescriber = prescriber
reference link = link.other link.target
reference specimen = specimen
reference device = device
reference medication = medicationReference
reference based-on = basedOn
reference part-of = partOf
reference derived-from = derivedFrom
reference has-member = hasMember
reference focus = focus
reference result = result
reference beneficiary = beneficiary
reference subscriber = subscriber
reference payor = payor
reference service-provider = serviceProvider
reference location = location.location location
date date = date effectiveDateTime effectivePeriod effectiveInstant period performedDateTime performedPeriod
  occurrenceDateTime occurrencePeriod recordedDate start started ClinicalImpression.date Consent.dateTime
  Composition.date DocumentReference.date List.date FamilyMemberHistory.date Immunization.date
  Immunization.occurrenceDateTime
date period = period
date issued = issued
date created = created
date authoredon = authoredOn
date authored = authored
date recorded = recorded
date datewritten = dateWritten
date effective = effectiveDateTime effectivePeriod
date recorded-date date-recorded = recordedDate dateRecorded
date asserted-date = assertedDate
date onset-date onset = onsetDateTime onsetPeriod
date abatement-date = abatementDateTime abatementPeriod
string onset-info = onsetString
string abatement-string = abatementString
token clinical-status clinicalstatus = clinicalStatus
token verification-status = verificationStatus
token body-site = bodySite
token stage = stage.summary
token evidence = evidence.code
reference evidence-detail = evidence.detail
token criticality = criticality
token manifestation = reaction.manifestation
token vaccine-code = vaccineCode
string lot-number = lotNumber
token reason-code reason = reasonCode reason
token lifecycle-status = lifecycleStatus
token data-absent-reason = dataAbsentReason
token component-code = component.code
token combo-code = code component.code
token value-concept = valueCodeableConcept
token component-value-concept = component.valueCodeableConcept
token combo-value-concept = valueCodeableConcept component.valueCodeableConcept
string value-string = valueString valueCodeableConcept.text
date value-date = valueDateTime valuePeriod
quantity value-quantity = valueQuantity
quantity component-value-quantity = component.valueQuantity
quantity combo-value-quantity = valueQuantity component.valueQuantity
`;
var parameters = new Map(readTable().flatMap(({ names: names4, ...rest }) => names4.map((name2) => [name2, rest])));
function searchParameter(type2, name2) {
  const found = parameters.get(name2);
  if (found === void 0) return void 0;
  const own2 = found.elements.filter((path2) => path2.startsWith(`${type2}.`));
  const general = found.elements.filter((path2) => /^[a-z]/.test(path2));
  const paths = own2.length === 0 ? general : own2.map((path2) => path2.slice(type2.length + 1));
  return { kind: found.kind, paths };
}
function readTable() {
  const lines = table2.trim().replaceAll("\n  ", " ").split("\n");
  return lines.map((line) => {
    const [left = "", right = ""] = line.split(" = ");
    const [kind, ...names4] = left.split(" ");
    return { kind, names: names4, elements: right.split(" ") };
  });
}

// src/sandbox/fhir/date-span.ts
var form2 = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;
function spanOf2(text3) {
  const found = form2.exec(text3);
  if (found === null) return void 0;
  const [, year = "", month, day3, hour3, minute4, second2, fraction, zone = "Z"] = found;
  const clock = `${hour3 ?? "00"}:${minute4 ?? "00"}:${second2 ?? "00"}.${(fraction ?? "").padEnd(3, "0").slice(0, 3)}`;
  const from = Date.parse(`${year}-${month ?? "01"}-${day3 ?? "01"}T${clock}${zone}`);
  if (Number.isNaN(from)) return void 0;
  if (month === void 0) return { from, to: Date.UTC(Number(year) + 1, 0) };
  if (day3 === void 0) return { from, to: Date.UTC(Number(year), Number(month)) };
  return { from, to: from + lengthOf({ hour: hour3, second: second2, fraction }) };
}
function spanOfElement(element) {
  if (typeof element === "string") return spanOf2(element);
  if (typeof element !== "object" || element === null) return void 0;
  const start = "start" in element && typeof element.start === "string" ? spanOf2(element.start) : void 0;
  const end3 = "end" in element && typeof element.end === "string" ? spanOf2(element.end) : void 0;
  if (start === void 0 && end3 === void 0) return void 0;
  return { from: start?.from ?? -Infinity, to: end3?.to ?? Infinity };
}
function isInSpan(prefix3, one, wanted2) {
  const equal = one.from >= wanted2.from && one.to <= wanted2.to;
  switch (prefix3) {
    case "eq":
      return equal;
    case "ne":
      return !equal;
    case "gt":
      return one.to > wanted2.to;
    case "ge":
      return equal || one.to > wanted2.to;
    case "lt":
      return one.from < wanted2.from;
    case "le":
      return equal || one.from < wanted2.from;
    default:
      return void 0;
  }
}
function lengthOf(given2) {
  if (given2.fraction !== void 0) return 1;
  if (given2.second !== void 0) return 1e3;
  return given2.hour === void 0 ? 864e5 : 6e4;
}

// src/sandbox/fhir/search-comparison.ts
var prefixes = /^(eq|ne|gt|lt|ge|le)(?=[\d-])/;
function prefixed(value2) {
  const prefix3 = prefixes.exec(value2)?.[1];
  return prefix3 === void 0 ? ["eq", value2] : [prefix3, value2.slice(2)];
}
function comparison(kind, modifier, value2) {
  switch (kind) {
    case "token":
      return modifier === "" || modifier === "not" ? token2(value2) : void 0;
    case "string":
      return text2(modifier, unescaped(value2));
    case "uri":
      return modifier === "" ? (element) => element === unescaped(value2) : void 0;
    case "reference":
      return reference(modifier, value2);
    case "date":
      return modifier === "" ? date(value2) : void 0;
    case "quantity":
      return modifier === "" ? quantity(value2) : void 0;
    default:
      return kind;
  }
}
function token2(value2) {
  const [first = "", second2] = value2.split(/(?<!\\)\|/, 2).map(unescaped);
  const system = second2 === void 0 ? void 0 : first;
  const code2 = second2 ?? first;
  return (element) => codings(element).some(
    (one) => (code2 === "" || one.code === code2) && (system === void 0 || one.system === system)
  );
}
function codings(element) {
  if (typeof element !== "object" || element === null) return [{ system: "", code: String(element) }];
  if ("coding" in element) return Array.isArray(element.coding) ? element.coding.flatMap(codings) : [];
  const system = "system" in element && typeof element.system === "string" ? element.system : "";
  const code2 = "code" in element ? element.code : "value" in element ? element.value : void 0;
  return typeof code2 === "string" ? [{ system, code: code2 }] : [];
}
function text2(modifier, value2) {
  const wanted2 = folded(value2);
  switch (modifier) {
    case "":
      return (element) => texts(element).some((one) => folded(one).startsWith(wanted2));
    case "contains":
      return (element) => texts(element).some((one) => folded(one).includes(wanted2));
    case "exact":
      return (element) => texts(element).includes(value2);
    default:
      return void 0;
  }
}
var readable = /* @__PURE__ */ new Set([
  "text",
  "family",
  "given",
  "prefix",
  "suffix",
  "line",
  "city",
  "district",
  "state",
  "postalCode",
  "country"
]);
function texts(element) {
  if (typeof element === "string") return [element];
  if (typeof element !== "object" || element === null) return [];
  const parts = Object.entries(element).filter(([name2]) => readable.has(name2));
  return parts.flatMap(
    ([, part]) => Array.isArray(part) ? part.flatMap(texts) : texts(part)
  );
}
function folded(value2) {
  return value2.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase();
}
function reference(modifier, value2) {
  if (modifier !== "" && !/^[A-Z]/.test(modifier)) return void 0;
  const wanted2 = unescaped(value2);
  const full = modifier === "" || wanted2.includes("/") ? wanted2 : `${modifier}/${wanted2}`;
  return (element) => {
    const found = typeof element === "object" && element !== null && "reference" in element && element.reference;
    return typeof found === "string" && (found === full || found.endsWith(`/${full}`));
  };
}
function date(value2) {
  const [prefix3, rest] = prefixed(value2);
  const wanted2 = spanOf2(rest);
  if (wanted2 === void 0) return void 0;
  return (element) => {
    const span = spanOfElement(element);
    return span !== void 0 && isInSpan(prefix3, span, wanted2) === true;
  };
}
function quantity(value2) {
  const [prefix3, rest] = prefixed(value2);
  const [digits = "", system = "", code2 = ""] = rest.split("|").map(unescaped);
  const wanted2 = Number(digits);
  if (digits === "" || Number.isNaN(wanted2)) return void 0;
  return (element) => {
    if (typeof element !== "object" || element === null || !("value" in element)) return false;
    const {
      value: found,
      system: itsSystem,
      code: itsCode,
      unit
    } = { system: "", code: "", unit: "", ...element };
    if (typeof found !== "number" || system !== "" && itsSystem !== system) return false;
    if (code2 !== "" && itsCode !== code2 && unit !== code2) return false;
    return compare(prefix3, found - wanted2);
  };
}
function compare(prefix3, difference) {
  switch (prefix3) {
    case "ne":
      return difference !== 0;
    case "gt":
      return difference > 0;
    case "ge":
      return difference >= 0;
    case "lt":
      return difference < 0;
    case "le":
      return difference <= 0;
    default:
      return difference === 0;
  }
}
function unescaped(value2) {
  return value2.replaceAll(/\\([\\,|$])/g, "$1");
}

// src/sandbox/fhir/search-filters.ts
function readFilters(search2, searched) {
  const filters = [];
  const kept2 = new URLSearchParams();
  for (const [name2, value2] of search2) {
    if (pagingNames.has(name2) || value2 === "") continue;
    const filter = readFilter(name2, value2, searched);
    if (filter === void 0) continue;
    if (typeof filter !== "function") return filter;
    filters.push(filter);
    kept2.append(name2, value2);
  }
  const matches = (text3) => {
    const resource = parseObject(text3);
    return resource !== void 0 && filters.every((filter) => filter(resource));
  };
  return { name: kept2.toString(), matches };
}
function readFilter(name2, value2, { version: version2, type: type2, undeclared: undeclared2 }) {
  const [base2 = "", modifier = ""] = name2.split(":", 2);
  if (!isDeclaredParameter(version2, type2, base2)) {
    if (undeclared2 === "ignore") return void 0;
    return issue(400, "not-supported", `Unknown search parameter "${name2}"`);
  }
  const parameter2 = searchParameter(type2, base2);
  if (parameter2 === void 0) {
    return issue(400, "not-supported", `The sandbox does not evaluate the search parameter "${name2}"`);
  }
  const elements = (resource) => parameter2.paths.flatMap((path2) => along(resource, path2));
  if (modifier === "missing") {
    if (value2 !== "true" && value2 !== "false") return invalid2(name2, value2);
    return (resource) => elements(resource).length === 0 === (value2 === "true");
  }
  const target = targets.get(base2);
  const any = [];
  for (const one of value2.split(/(?<!\\),/).filter((part) => part !== "")) {
    const compare2 = comparison(parameter2.kind, modifier || (target ?? ""), one);
    if (compare2 === void 0) return invalid2(name2, one);
    any.push(compare2);
  }
  const holds = (resource) => elements(resource).some((element) => any.some((one) => one(element)));
  return modifier === "not" ? (resource) => !holds(resource) : holds;
}
var targets = /* @__PURE__ */ new Map([
  ["patient", "Patient"],
  ["encounter", "Encounter"]
]);
function invalid2(name2, value2) {
  return issue(400, "invalid", `Invalid value "${value2}" of the search parameter "${name2}"`);
}
function along(from, path2) {
  let found = [from];
  for (const step2 of path2.split(".")) {
    const [name2 = "", system] = step2.split(":");
    found = found.flatMap((one) => {
      const next = field2(one, name2);
      const list3 = Array.isArray(next) ? next : [next];
      return list3.filter(
        (each) => each !== void 0 && (system === void 0 || field2(each, "system") === system)
      );
    });
  }
  return found;
}
function field2(value2, name2) {
  if (typeof value2 !== "object" || value2 === null || !Object.hasOwn(value2, name2)) return void 0;
  return value2[name2];
}

// src/sandbox/fhir/fhir-search.ts
function search(call2) {
  const { world, incoming, reader, version: version2, type: type2, root } = call2;
  if (!isDeclared2(version2, type2, "fhir.search")) {
    return issue(400, "not-supported", "This type cannot be searched");
  }
  const query = readQuery(incoming.query);
  if ("outcome" in query) return query;
  const { undeclared: undeclared2 } = world.settings;
  const filters = readFilters(query.search, { version: version2, type: type2, undeclared: undeclared2 });
  if ("outcome" in filters) return filters;
  const now = world.now();
  const found = world.resources.find(
    reader,
    version2,
    { type: type2 },
    now,
    filters.name,
    (stored2) => filters.matches(shown3(stored2, now)?.text ?? "")
  );
  return page(call2, found, query.search, `${root}/${type2}`);
}
function everything(call2) {
  const { world, incoming, reader, version: version2, id: id2, root } = call2;
  return withReadable(call2, (stored2) => {
    const query = readQuery(incoming.query);
    if ("outcome" in query) return query;
    const now = world.now();
    if (shown3(stored2, now)?.text === void 0) return gone(call2);
    const found = world.resources.find(reader, version2, { patient: id2 }, now, "", () => true);
    return page(call2, found, query.search, `${root}/Patient/${id2}/$everything`);
  });
}
function page(call2, found, query, self) {
  const now = call2.world.now();
  const entryOf2 = (stored2) => ({
    address: `${stored2.type}/${stored2.id}`,
    text: shown3(stored2, now)?.text
  });
  return pageOf2(call2, found, entryOf2, query, { type: "searchset", self });
}

// src/sandbox/fhir/flaws-of.ts
var people = /* @__PURE__ */ new Set(["Patient", "Person", "Practitioner", "RelatedPerson"]);
var genders = ["male", "female", "other", "unknown", void 0];
function flawsOf(resource) {
  const flaws = [];
  const { resourceType, gender, birthDate } = resource;
  if (people.has(String(resourceType))) {
    if (!genders.includes(gender)) flaws.push({ code: "code-invalid", path: ["gender"], value: gender });
    if (birthDate !== void 0 && !isDate(birthDate)) {
      flaws.push({ code: "value", path: ["birthDate"], value: birthDate });
    }
  }
  collect(resource, [], flaws);
  return flaws.slice(0, 20);
}
function collect(value2, path2, flaws) {
  if (typeof value2 !== "object" || value2 === null) return;
  const isList2 = Array.isArray(value2);
  if (/quantity$/i.test(String(path2.at(-1))) && "value" in value2 && typeof value2.value !== "number") {
    flaws.push({ code: "value", path: [...path2, "value"], value: value2.value });
  }
  for (const [name2, one] of Object.entries(value2))
    collect(one, [...path2, isList2 ? Number(name2) : name2], flaws);
}
function isDate(value2) {
  return typeof value2 === "string" && spanOf2(value2) !== void 0;
}

// src/sandbox/fhir/fhir-writes.ts
function create2(call2) {
  const { world, incoming, reader, version: version2, type: type2, root } = call2;
  if (reader === "client") return ambiguous();
  const sent = readResource(call2);
  if ("outcome" in sent) return sent;
  const stored2 = world.resources.create(reader, version2, type2, incoming.body, world.now());
  return written3(stored2, world.settings.created, "created", { location: `${root}/${type2}/${stored2.id}` });
}
function update(call2) {
  const { world, incoming } = call2;
  return withOwned(call2, (stored2) => {
    const sent = readResource(call2);
    if ("outcome" in sent) return sent;
    if (sent.id !== void 0 && sent.id !== call2.id) {
      return misplaced(call2, "id", "The id is not the one of the address");
    }
    const refusal6 = checkVersion2(call2, stored2);
    if (refusal6 !== void 0) return refusal6;
    world.resources.update(stored2, incoming.body, world.now());
    return written3(stored2, 200, "updated");
  });
}
function erase(call2) {
  return withOwned(call2, (stored2) => {
    call2.world.resources.delete(stored2, call2.world.now());
    return { outgoing: { status: 204, headers: {}, body: "" }, outcome: "deleted", committed: true };
  });
}
function permit(call2, share2) {
  const { resources, users: users3 } = call2.world;
  return withOwned(call2, (stored2) => {
    const user2 = users3.byId(Number(call2.last));
    if (user2 === void 0) return absent2();
    if (share2) resources.share(stored2, user2.oneupUserId);
    else resources.unshare(stored2, user2.oneupUserId);
    const outcome = share2 ? "shared" : "unshared";
    return { outgoing: json(200, { success: true }), outcome, committed: true };
  });
}
function purge({ world, reader, version: version2 }) {
  if (reader === "client") return ambiguous();
  const finished = world.resources.purge(reader, version2, world.settings.purgeBatch);
  const outgoing = finished ? json(200, { success: true }) : json(504, { message: "Endpoint request timed out" });
  return { outgoing, outcome: finished ? "purged" : "cut", committed: true };
}
function written3(stored2, status2, outcome, headers) {
  return { outgoing: resourceAnswer(status2, latest(stored2), headers), outcome, committed: true };
}
function withOwned(call2, use) {
  const stored2 = call2.world.resources.owned(call2.reader, call2.version, call2.type, call2.id);
  if (stored2 === void 0) return absent2();
  return latest(stored2)?.text === void 0 ? gone(call2) : use(stored2);
}
function checkVersion2({ world, incoming, version: version2 }, stored2) {
  const expected2 = header2(incoming, "if-match");
  if (expected2 === void 0) {
    if (version2 !== "r4" || world.settings.ifMatch === "optional") return void 0;
    return issue(400, "required", "An update must name the version with If-Match");
  }
  const named = /^(?:W\/)?"([^"]*)"$/.exec(expected2)?.[1];
  if (named === void 0) return issue(400, "invalid", 'If-Match must be written as W/"1"');
  if (named === String(latest(stored2)?.versionId)) return void 0;
  return issue(412, "conflict", `The version ${named} is not the current one`);
}
function readResource(call2) {
  const { incoming, version: version2, type: type2 } = call2;
  const resource = parseObject(incoming.body);
  if (resource === void 0) return issue(400, "structure", "The body is not a JSON object");
  if (isDeeper(resource)) return issue(400, "structure", `The body nests deeper than ${deepest2}`);
  if (resource["resourceType"] !== type2) {
    return misplaced(call2, "resourceType", "The resourceType is not the one of the address");
  }
  const flaws = flawsOf(resource);
  if (flaws.length === 0) return { id: resource["id"] };
  const quoted2 = flaws.map(({ code: code2, path: path2, value: value2 }) => ({
    code: code2,
    diagnostics: `Invalid value ${JSON.stringify(value2)}`,
    ...placed(version2, type2, path2)
  }));
  return issues(422, quoted2);
}
function misplaced({ version: version2, type: type2 }, name2, diagnostics) {
  return issues(400, [{ code: "invalid", diagnostics, ...placed(version2, type2, [name2]) }]);
}

// src/sandbox/fhir/carry-out-fhir.ts
function carryOutFhir(name2, call2) {
  switch (name2) {
    case "fhir.create":
      return create2(call2);
    case "fhir.read":
      return read5(call2);
    case "fhir.vread":
      return readVersion(call2);
    case "fhir.history":
      return history(call2);
    case "fhir.search":
      return search(call2);
    case "fhir.update":
      return update(call2);
    case "fhir.delete":
      return erase(call2);
    case "fhir.everything":
      return everything(call2);
    case "fhir.share":
    case "fhir.unshare":
      return permit(call2, name2 === "fhir.share");
    case "fhir.purge":
      return purge(call2);
    default:
      return name2;
  }
}

// src/sandbox/fhir/plan-fhir.ts
function planFhir(world, incoming) {
  const aliased = incoming.path.startsWith("/fhir/");
  const segments = split(aliased ? incoming.path.slice(5) : incoming.path);
  const [version2 = "", type2 = "", ...rest] = segments ?? [];
  if (!isFhirVersion(version2)) {
    const fhirLike = aliased || segments !== void 0 && isServed("r4", type2);
    return fhirLike ? refusal5("unknown", issue(404, "not-found", "Unknown FHIR version")) : void 0;
  }
  const call2 = nameOf3(incoming.method, type2, rest);
  const { reader, ...known3 } = authenticate(world, incoming);
  if (reader === void 0) {
    return refusal5(call2 ?? "unknown", refused7("unauthorized", refusedToken(world)), known3);
  }
  if (call2 !== "fhir.purge" && !isServed(version2, type2)) {
    return refusal5(call2 ?? "unknown", issue(404, "not-found", "Unknown resource type"), known3);
  }
  if (call2 === void 0) {
    return refusal5("unknown", issue(404, "not-supported", "Unknown FHIR interaction"), known3);
  }
  if (call2 !== "fhir.search" && !isDeclared2(version2, type2, call2)) {
    return refusal5(call2, issue(405, "not-supported", `${type2} does not support this interaction`), known3);
  }
  const [id2 = "", , last = ""] = rest;
  const root = `${incoming.origin}${aliased ? "/fhir" : ""}/${version2}`;
  const fhirCall = { world, incoming, reader, version: version2, type: type2, id: id2, last, root };
  return { call: call2, ...known3, carryOut: () => carryOutFhir(call2, fhirCall) };
}
function refusedToken({ settings: settings2 }) {
  const text3 = "The access token is invalid or has expired";
  switch (settings2.refusedToken) {
    case "empty":
      return { status: 401, headers: {}, body: "" };
    case "outcome":
      return issue(401, "login", text3).outgoing;
    case "error":
      return json(401, { error: text3 });
    default:
      return settings2.refusedToken;
  }
}
function authenticate(world, incoming) {
  const accessToken = /^bearer +(\S+)$/i.exec(header2(incoming, "authorization") ?? "")?.[1];
  if (accessToken !== void 0) {
    const owner = subject(world, world.grants.ownerOf("accessToken", accessToken));
    const reader = world.grants.userOfAccessToken(accessToken, world.now());
    return { ...owner, secrets: { accessToken }, ...reader === void 0 ? {} : { reader } };
  }
  if (!world.knows(header2(incoming, "client_id"), header2(incoming, "client_secret"))) return {};
  const named = header2(incoming, "x-oneup-user-id");
  if (named === "client") return { reader: "client" };
  const user2 = world.users.byId(Number(named));
  return user2 === void 0 ? {} : { reader: user2.oneupUserId, ...subject(world, user2.oneupUserId) };
}
function subject(world, oneupUserId) {
  if (oneupUserId === void 0) return {};
  return { oneupUserId, appUserId: world.users.byId(oneupUserId)?.appUserId };
}
function nameOf3(method2, type2, rest) {
  const [id2, third, fourth] = rest;
  if (type2 === "purge" && rest.length === 0) return method2 === "DELETE" ? "fhir.purge" : void 0;
  if (rest.length === 0) {
    if (method2 === "POST") return "fhir.create";
    return method2 === "GET" ? "fhir.search" : void 0;
  }
  if (id2 === "" || id2 === "_history" || type2 === "") return void 0;
  if (rest.length === 1) {
    if (method2 === "GET") return "fhir.read";
    if (method2 === "PUT" || method2 === "POST") return "fhir.update";
    return method2 === "DELETE" ? "fhir.delete" : void 0;
  }
  if (third === "_history" && method2 === "GET") {
    if (rest.length === 2) return "fhir.history";
    return rest.length === 3 && fourth !== "" ? "fhir.vread" : void 0;
  }
  if (type2 !== "Patient") return void 0;
  if (rest.length === 2 && third === "$everything" && method2 === "GET") return "fhir.everything";
  if (rest.length === 3 && third === "_permission" && fourth !== "") {
    if (method2 === "PUT") return "fhir.share";
    if (method2 === "DELETE") return "fhir.unshare";
  }
  return void 0;
}
function refusal5(call2, carried, known3 = {}) {
  return { call: call2, ...known3, carryOut: () => carried };
}
function split(path2) {
  try {
    return path2.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return void 0;
  }
}

// src/sandbox/journal.ts
import { createHash as createHash5 } from "node:crypto";
var WrittenJournal = class {
  #entries = [];
  /** Records a call; masks its `secrets` first. */
  add(entry) {
    this.#entries.push({ n: this.#entries.length + 1, ...entry, secrets: mask(entry.secrets) });
  }
  entries() {
    return [...this.#entries];
  }
  count(call2) {
    if (call2 === void 0) return this.#entries.length;
    checkValue("count calls", "the call", call2, among(...callNames));
    return this.#entries.filter((entry) => entry.call === call2).length;
  }
  clear() {
    this.#entries = [];
  }
  createdTwice() {
    const created = /* @__PURE__ */ new Set();
    const names4 = /* @__PURE__ */ new Map();
    const twice = /* @__PURE__ */ new Set();
    for (const { call: call2, appUserId, oneupUserId, committed } of this.#entries) {
      if (appUserId === void 0) continue;
      if (call2 === "createUser" && created.has(appUserId)) twice.add(appUserId);
      if (!committed || oneupUserId === void 0) continue;
      const former = names4.get(oneupUserId);
      if (call2 === "createUser" || call2 === "updateUser" && former !== void 0) {
        if (former !== void 0) created.delete(former);
        created.add(appUserId);
        names4.set(oneupUserId, appUserId);
      }
    }
    return [...twice];
  }
  mostInWindow(windowMs) {
    const times2 = this.#entries.filter(({ call: call2 }) => kindOf2(call2) === "management").map(({ at }) => at);
    times2.sort((a, b) => a - b);
    let most = 0;
    let first = 0;
    for (const [last, at] of times2.entries()) {
      while ((times2[first] ?? at) <= at - windowMs) first += 1;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }
  spent() {
    const spent = { management: 0, token: 0, fhir: 0 };
    for (const { call: call2 } of this.#entries) {
      const kind = kindOf2(call2);
      if (kind !== void 0) spent[kind] += 1;
    }
    return spent;
  }
};
var harmless = /* @__PURE__ */ new Set(["app_user_id", "oneup_user_id", "skip", "limit"]);
var harmlessFhir = /* @__PURE__ */ new Set(["_count", "_skip", "_after", "_before", "_id", "id", "_sort", "_lastUpdated"]);
function maskPath(path2, query) {
  if (query === "") return path2;
  const shown4 = [...new URLSearchParams(query)].map(([name2, value2]) => {
    const known3 = harmless.has(name2) || harmlessFhir.has(name2);
    return `${encodeURIComponent(name2)}=${known3 ? encodeURIComponent(value2) : "\u2026"}`;
  });
  return `${path2}?${shown4.join("&")}`;
}
function mask(secrets) {
  const masked = {};
  for (const [name2, secret2] of Object.entries(secrets)) masked[name2] = fingerprint2(name2, secret2);
  return masked;
}
function fingerprint2(name2, secret2) {
  const kind = name2.replace("issued", "").toLowerCase();
  return `${kind}:${createHash5("sha256").update(secret2).digest("hex").slice(0, 12)}\u2026`;
}

// src/sandbox/handler.ts
var Handler = class {
  world;
  faults;
  journal = new WrittenJournal();
  /** Separate from the world's random numbers, so that latency and faults do not change the next ids and tokens. */
  #latency;
  #start;
  #clock;
  constructor(world) {
    const { seed, waitOn, clock } = world.settings;
    this.world = world;
    this.faults = new Faults(seed + 2);
    this.#latency = new Chance(seed + 1);
    this.#start = this.#latency.state;
    this.#clock = waitOn === "clock" ? clock : systemClock;
  }
  /** Resets everything, including the world. */
  reset() {
    this.world.reset();
    this.faults.reset();
    this.journal.clear();
    this.#latency.state = this.#start;
  }
  /**
   * Handles any call except a control call. Never rejects. A call that is waiting when `signal` aborts, because its server
   * closes, is dropped and changes nothing.
   */
  async handle(incoming, signal) {
    const at = this.world.now();
    const plan = understand(this.world, incoming);
    const fault = this.faults.match(plan.call, plan.appUserId);
    const delayMs = fault?.delayMs ?? 0;
    const late = fault?.delay === "after";
    const waitMs2 = this.#latencyMs() + (late ? 0 : delayMs);
    if (!await this.#waited(waitMs2, signal)) return { type: "dropped" };
    const carried = carryOut2(this.world, plan, fault);
    this.#write(incoming, at, plan, carried, fault);
    if (late && !await this.#waited(delayMs, signal)) return { type: "dropped" };
    if (fault?.drop === "body") return { type: "cut", outgoing: carried.outgoing };
    if (fault?.drop !== void 0) return { type: "dropped" };
    return { type: "answer", outgoing: carried.outgoing };
  }
  /** Which call this request would be; counts nothing. */
  callNamed(incoming) {
    const { quota } = this.world;
    const before2 = quota.state;
    try {
      return understand(this.world, incoming).call;
    } finally {
      quota.state = before2;
    }
  }
  /** Waits; returns false if `signal` aborted meanwhile. */
  async #waited(ms, signal) {
    if (ms <= 0) return true;
    return sleep(this.#clock, ms, signal).then(
      () => true,
      () => false
      // only an abort rejects a sleep
    );
  }
  #latencyMs() {
    const [least, most] = this.world.settings.latencyMs;
    return least === most ? least : least + this.#latency.next() * (most - least);
  }
  #write(incoming, at, plan, carried, fault) {
    const appUserId = carried.appUserId ?? plan.appUserId;
    const oneupUserId = carried.oneupUserId ?? plan.oneupUserId;
    this.journal.add({
      at,
      call: plan.call,
      method: incoming.method,
      path: maskPath(incoming.path, incoming.query),
      ...appUserId === void 0 ? {} : { appUserId },
      ...oneupUserId === void 0 ? {} : { oneupUserId },
      status: fault?.drop === void 0 ? carried.outgoing.status : "dropped",
      outcome: carried.outcome,
      committed: carried.committed,
      ...fault === void 0 ? {} : { fault: describeFault(fault) },
      secrets: { ...plan.secrets, ...carried.secrets }
    });
  }
};
function understand(world, incoming) {
  const plan = planUserManagement(world, incoming) ?? planToken(world, incoming) ?? planFhir(world, incoming);
  if (plan !== void 0) return plan;
  if (incoming.path === "/login" && incoming.method === "GET") {
    return { call: "loginPage", carryOut: () => refused7("unknown", loginPage) };
  }
  return { call: "unknown", carryOut: () => refused7("unknown", json(404, { message: "Not Found" })) };
}

// src/sandbox/options/sandbox-options.ts
var verb7 = "create the sandbox";
var aName2 = {
  must: "a non-empty string",
  holds: (value2) => typeof value2 === "string" && value2 !== ""
};
var aTime = between(0);
var isRange = (value2) => Array.isArray(value2) && value2.length === 2 && value2.every(aTime.holds) && value2[0] <= value2[1];
var rules6 = {
  ...behaviourRules,
  clientId: aName2,
  clientSecret: aName2,
  clock: {
    must: "one that can be moved, such as createVirtualClock()",
    holds: withMethods("now", "monotonic", "timer", "random", "advance", "set", "onChange").holds
  },
  limit: anything,
  latencyMs: {
    must: `${aTime.must}, or a list of two of them, the smaller first`,
    holds: (value2) => aTime.holds(value2) || isRange(value2)
  },
  waitOn: among("machine", "clock"),
  readLagMs: aTime,
  seed: aTime
};
var ofLimit = {
  calls: orInfinity(whole(1)),
  windowMs: between(1),
  window: among("rolling", "fixed")
};
function readOptions(options) {
  const { limit: limit3, latencyMs: latencyMs2 = 0, clock = createVirtualClock(), ...given2 } = check(verb7, options, rules6);
  const { calls = 300, windowMs = 36e5, window = "rolling" } = check(verb7, limit3, ofLimit, "limit");
  return {
    ...usualBehaviour,
    clientId: "sandbox-client",
    clientSecret: "sandbox-secret",
    waitOn: "machine",
    readLagMs: 0,
    seed: Math.floor(systemClock.random() * 2 ** 48),
    ...withoutUndefined(given2),
    clock,
    calls,
    windowMs,
    window,
    latencyMs: typeof latencyMs2 === "number" ? [latencyMs2, latencyMs2] : latencyMs2
  };
}

// src/sandbox/http/listen.ts
import { createServer } from "node:http";
var keepAliveMs2 = 65e3;
function listen(handler, sandbox2, { port = 0 }) {
  const closing = new AbortController();
  const inside = { handler, sandbox: sandbox2, signal: closing.signal };
  const server = createServer((request2, response) => receive(inside, request2, response));
  server.keepAliveTimeout = keepAliveMs2;
  server.headersTimeout = keepAliveMs2 + 1e3;
  return new Promise((resolve4, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      const address2 = server.address();
      const bound = typeof address2 === "object" && address2 !== null ? address2.port : port;
      const url = `http://127.0.0.1:${bound}`;
      let closed2;
      const close3 = () => closed2 ??= stop(server, closing);
      resolve4({ url, endpoints: { api: url, auth: url }, close: close3 });
    });
  });
}
function stop(server, closing) {
  closing.abort();
  return new Promise((resolve4) => {
    server.close(() => resolve4());
    server.closeAllConnections();
  });
}
function receive(inside, request2, response) {
  const chunks = [];
  let length = 0;
  request2.on("error", () => {
  });
  response.on("error", () => {
  });
  request2.on("data", (chunk) => {
    length += chunk.length;
    if (length <= longestBody) chunks.push(chunk);
  });
  request2.on("end", () => {
    if (length > longestBody) return send(response, tooLarge());
    answer3(inside, read6(request2, chunks), response).catch(() => {
      if (response.headersSent) response.destroy();
      else send(response, json(500, { message: "Internal Server Error" }));
    });
  });
}
function read6(request2, chunks) {
  const target = request2.url ?? "/";
  const mark2 = target.indexOf("?");
  return {
    method: request2.method ?? "GET",
    path: mark2 < 0 ? target : target.slice(0, mark2),
    query: mark2 < 0 ? "" : target.slice(mark2 + 1),
    headers: request2.headers,
    body: chunks.length === 0 ? "" : Buffer.concat(chunks).toString("utf8"),
    origin: `http://${request2.headers.host ?? "127.0.0.1"}`
  };
}
async function answer3({ handler, sandbox: sandbox2, signal }, incoming, response) {
  if (incoming.path.startsWith(controlBase)) {
    const refusal6 = refuseControl(incoming, header2(incoming, "host"));
    if (refusal6 !== void 0) return send(response, refusal6);
    if (isClockStream(incoming)) return streamClock(sandbox2.clock, response);
    return send(response, control(sandbox2, incoming));
  }
  const delivery = await handler.handle(incoming, signal);
  switch (delivery.type) {
    case "answer":
      return send(response, delivery.outgoing);
    case "cut":
      return sendHalf(response, delivery.outgoing);
    case "dropped":
      return void response.destroy();
    default:
      return delivery;
  }
}
function send(response, { status: status2, headers, body }) {
  const length = status2 === 204 || status2 === 304 ? {} : { "content-length": Buffer.byteLength(body) };
  response.writeHead(status2, { ...headers, ...length }).end(body);
}
function sendHalf(response, { status: status2, headers, body }) {
  const bytes = Buffer.from(body === "" ? "  " : body);
  response.writeHead(status2, { ...headers, "content-length": bytes.length });
  response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => response.destroy());
}
function streamClock(clock, response) {
  const write = () => void response.write(`${JSON.stringify(readClock(clock))}
`);
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  write();
  response.on("close", clock.onChange(write));
}

// src/sandbox/state/grants.ts
var Grants = class {
  #settings;
  #chance;
  #codes = /* @__PURE__ */ new Map();
  #access = /* @__PURE__ */ new Map();
  #refresh = /* @__PURE__ */ new Map();
  /** Valid refresh tokens by user, so that a revocation needs no scan. */
  #live = /* @__PURE__ */ new Map();
  constructor(settings2, chance) {
    this.#settings = settings2;
    this.#chance = chance;
  }
  /** Issues a code; earlier codes and tokens stay valid. */
  issueCode(oneupUserId, now) {
    const { codeReadyMs, codeLifeMs } = this.#settings;
    const code2 = this.#chance.hex(40);
    const expiresAt = now + codeLifeMs;
    this.#codes.set(code2, { code: code2, oneupUserId, readyAt: now + codeReadyMs, expiresAt, spent: false });
    return code2;
  }
  /** Delays a code's registration until `readyAt`. */
  holdBack(code2, readyAt) {
    const found = this.#codes.get(code2);
    if (found !== void 0) found.readyAt = Math.max(found.readyAt, readyAt);
  }
  /** Exchanges a code, once. A code that has not registered yet is refused and stays unused. */
  exchange(code2, now) {
    const found = this.#codes.get(code2);
    if (found?.family !== void 0 && this.#settings.codeReuse === "revokeFamily") {
      this.revoke(found.oneupUserId, found.family);
    }
    if (found === void 0 || found.spent || now < found.readyAt || now >= found.expiresAt) return void 0;
    found.spent = true;
    found.family = this.#chance.hex(12);
    return this.#issue(found.oneupUserId, found.family, now);
  }
  /** Refreshes; `undefined` if the token is unknown, expired, used or revoked. */
  refresh(token3, now) {
    const found = this.#refresh.get(token3);
    if (found === void 0) return void 0;
    if (found.state === "spent" && this.#settings.reuse === "revokeFamily") {
      this.revoke(found.oneupUserId, found.family);
    }
    if (found.state !== "live" || now >= found.expiresAt) return void 0;
    if (!this.#settings.rotate) {
      found.accessTokens = found.accessTokens.filter((old) => this.userOfAccessToken(old, now) !== void 0);
      const accessToken = this.#issueAccess(found.oneupUserId, now);
      found.accessTokens.push(accessToken);
      return { accessToken, refreshToken: token3 };
    }
    this.#end(found, "spent", this.#settings.oldAccessToken === "revoked");
    return this.#issue(found.oneupUserId, found.family, now);
  }
  /** Revokes all tokens of a user, or those of one family. Codes stay valid. */
  revoke(oneupUserId, family) {
    for (const token3 of this.#live.get(oneupUserId) ?? []) {
      if (family === void 0 || token3.family === family) this.#end(token3, "revoked");
    }
  }
  /** The user of a valid access token. */
  userOfAccessToken(token3, now) {
    const found = this.#access.get(token3);
    return found === void 0 || found.revoked || now >= found.expiresAt ? void 0 : found.oneupUserId;
  }
  /** The user of a code, access token or refresh token, valid or not. */
  ownerOf(kind, secret2) {
    const from = { code: this.#codes, accessToken: this.#access, refreshToken: this.#refresh }[kind];
    return from.get(secret2)?.oneupUserId;
  }
  get state() {
    return structuredClone({
      codes: [...this.#codes.values()],
      accessTokens: [...this.#access.values()],
      refreshTokens: [...this.#refresh.values()]
    });
  }
  set state(state) {
    const { codes: codes2, accessTokens, refreshTokens } = structuredClone(state);
    for (const map of [this.#codes, this.#access, this.#refresh, this.#live]) map.clear();
    for (const code2 of codes2) this.#codes.set(code2.code, code2);
    for (const token3 of accessTokens) this.#access.set(token3.token, token3);
    for (const token3 of refreshTokens) this.#keep(token3);
  }
  #issue(oneupUserId, family, now) {
    const accessToken = this.#issueAccess(oneupUserId, now);
    const token3 = this.#chance.hex(40);
    const expiresAt = now + this.#settings.refreshTokenLifeMs;
    this.#keep({ token: token3, oneupUserId, family, expiresAt, accessTokens: [accessToken], state: "live" });
    return { accessToken, refreshToken: token3 };
  }
  #issueAccess(oneupUserId, now) {
    const token3 = this.#chance.hex(40);
    const expiresAt = now + this.#settings.accessTokenLifeMs;
    this.#access.set(token3, { token: token3, oneupUserId, expiresAt, revoked: false });
    return token3;
  }
  #keep(token3) {
    this.#refresh.set(token3.token, token3);
    if (token3.state !== "live") return;
    const live2 = this.#live.get(token3.oneupUserId);
    if (live2 === void 0) this.#live.set(token3.oneupUserId, /* @__PURE__ */ new Set([token3]));
    else live2.add(token3);
  }
  #end(token3, state, withAccess = true) {
    token3.state = state;
    this.#live.get(token3.oneupUserId)?.delete(token3);
    if (!withAccess) return;
    for (const name2 of token3.accessTokens) {
      const access = this.#access.get(name2);
      if (access !== void 0) access.revoked = true;
    }
  }
};

// src/sandbox/state/quota.ts
var Quota = class {
  #limit;
  #times = [];
  #next = 0;
  #current = 0;
  #used = 0;
  #settledAt;
  constructor(limit3) {
    this.#limit = limit3;
  }
  /** Counts a call that arrives at `now`; returns false if it exceeds the limit. */
  take(now) {
    this.settle(now);
    return this.#count(now);
  }
  /** Counts the other client's calls up to `now`; must be called before its rate changes. */
  settle(now) {
    const { spender, windowMs } = this.#limit;
    const settledAt = this.#settledAt ?? now;
    this.#settledAt = Math.max(now, settledAt);
    if (spender === false) return;
    const { everyMs } = spender;
    const from = Math.max(settledAt, now - windowMs);
    for (let at = (Math.floor(from / everyMs) + 1) * everyMs; at <= now; at += everyMs) this.#count(at);
  }
  #count(now) {
    const { calls, windowMs, window } = this.#limit;
    if (calls === Infinity) return true;
    if (window === "fixed") {
      const current = Math.floor(now / windowMs);
      if (current !== this.#current) this.#used = 0;
      this.#current = current;
      this.#used += 1;
      return this.#used <= calls;
    }
    const oldest = this.#times[this.#next];
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % calls;
    return oldest === void 0 || oldest <= now - windowMs;
  }
  /** Milliseconds until a call would be accepted again, if none arrives before. */
  waitMs(now) {
    const { windowMs, window } = this.#limit;
    if (window === "fixed") return windowMs - now % windowMs;
    return Math.max(0, (this.#times[this.#next] ?? now - windowMs) + windowMs - now);
  }
  get state() {
    return {
      times: [...this.#times],
      next: this.#next,
      current: this.#current,
      used: this.#used,
      settledAt: this.#settledAt
    };
  }
  set state(state) {
    this.#times = [...state.times];
    this.#next = state.next;
    this.#current = state.current;
    this.#used = state.used;
    this.#settledAt = state.settledAt;
  }
};

// src/sandbox/resources/resource-text.ts
function membersOf(text3) {
  const members = /* @__PURE__ */ new Map();
  let at = skipSpace(text3, text3.indexOf("{") + 1);
  while (text3[at] !== "}") {
    const nameEnd = endOfString2(text3, at);
    const start = skipSpace(text3, skipSpace(text3, nameEnd) + 1);
    const end3 = endOfValue(text3, start);
    members.set(String(JSON.parse(text3.slice(at, nameEnd))), text3.slice(start, end3));
    at = skipSpace(text3, end3);
    if (text3[at] === ",") at = skipSpace(text3, at + 1);
  }
  return members;
}
function stamped(sent, { id: id2, versionId, at, keepsMeta }) {
  const members = membersOf(sent);
  const meta = members.get("meta");
  const kept2 = keepsMeta && meta?.startsWith("{") === true ? membersOf(meta) : /* @__PURE__ */ new Map();
  kept2.set("versionId", `"${versionId}"`);
  kept2.set("lastUpdated", `"${new Date(at).toISOString()}"`);
  const first = { resourceType: members.get("resourceType") ?? "null", id: `"${id2}"`, meta: written4(kept2) };
  return written4(new Map([...Object.entries(first), ...withoutKeys(members, first)]));
}
function withoutKeys(members, others) {
  return [...members].filter(([name2]) => !Object.hasOwn(others, name2));
}
function written4(members) {
  return `{${[...members].map(([name2, value2]) => `${JSON.stringify(name2)}:${value2}`).join(",")}}`;
}
function skipSpace(text3, from) {
  let at = from;
  while (/\s/.test(text3[at] ?? "")) at += 1;
  return at;
}
function endOfString2(text3, from) {
  const next = /\\.|"/gs;
  next.lastIndex = from + 1;
  for (let found = next.exec(text3); found !== null; found = next.exec(text3)) {
    if (found[0] === '"') return next.lastIndex;
  }
  return text3.length;
}
function endOfValue(text3, from) {
  const first = text3[from];
  if (first === '"') return endOfString2(text3, from);
  if (first !== "{" && first !== "[") return endOfWord(text3, from);
  const next = /["{}[\]]/g;
  let depth = 0;
  next.lastIndex = from;
  for (let found = next.exec(text3); found !== null; found = next.exec(text3)) {
    if (found[0] === '"') next.lastIndex = endOfString2(text3, found.index);
    else depth += found[0] === "{" || found[0] === "[" ? 1 : -1;
    if (depth === 0) return next.lastIndex;
  }
  return text3.length;
}
function endOfWord(text3, from) {
  const word2 = /[^\s,}\]]*/y;
  word2.lastIndex = from;
  word2.exec(text3);
  return word2.lastIndex;
}

// src/sandbox/resources/resources.ts
var Resources = class {
  #chance;
  #settings;
  #byId = /* @__PURE__ */ new Map();
  /** What each reader sees, by version, and by type or patient. */
  #folders = /* @__PURE__ */ new Map();
  /** The folders that contain a resource. */
  #places = /* @__PURE__ */ new Map();
  /** What each user owns, by version, including deleted resources. */
  #owned = /* @__PURE__ */ new Map();
  /** Resources with a state that is not visible yet, oldest write first. */
  #unsettled = /* @__PURE__ */ new Set();
  #order = 0;
  constructor(chance, settings2) {
    this.#chance = chance;
    this.#settings = settings2;
  }
  /** Stores a new resource under an id of the server's choice. `atOnce`: it is visible without a lag. */
  create(owner, version2, type2, sent, now, atOnce3 = false) {
    let id2 = this.#chance.hex(12);
    while (this.#byId.has(key2(version2, type2, id2))) id2 = this.#chance.hex(12);
    this.#order += 1;
    const order = this.#order;
    const stored2 = { order, id: id2, owner, version: version2, type: type2, revisions: [], sharedWith: [] };
    this.#keep(stored2);
    this.#revise(stored2, now, sent, atOnce3);
    return stored2;
  }
  /** Replaces a resource. The server's id and `meta` take precedence. */
  update(stored2, sent, now) {
    this.#revise(stored2, now, sent);
  }
  /** Deletes a resource; it stays visible until the read lag has passed. Its history stays. */
  delete(stored2, now) {
    this.#revise(stored2, now);
  }
  /** A resource that `reader` may write, whether it is visible yet or not. It may be deleted. */
  owned(reader, version2, type2, id2) {
    const stored2 = this.#byId.get(key2(version2, type2, id2));
    return stored2 !== void 0 && (reader === "client" || stored2.owner === reader) ? stored2 : void 0;
  }
  /** A resource that `reader` may read and that has a visible state at `now`. It may be deleted. */
  readable(reader, version2, type2, id2, now) {
    const stored2 = this.#byId.get(key2(version2, type2, id2));
    if (stored2 === void 0 || !isReadable(stored2, reader)) return void 0;
    return shown3(stored2, now) === void 0 ? void 0 : stored2;
  }
  /**
   * The resources in a collection that `reader` sees at `now` and that pass `matches`, in order of creation. `search` is the
   * cache key of `matches`.
   */
  find(reader, version2, collection, now, search2, matches) {
    this.#settle(now);
    const folder = this.#folders.get(collectionKey(reader, version2, collection));
    if (folder === void 0) return [];
    if (this.#unsettled.size > 0) {
      return folder.items.filter((one) => isIn(collection, one, now) && (search2 === "" || matches(one)));
    }
    return search2 === "" ? folder.items : folder.find(search2, matches);
  }
  share(stored2, oneupUserId) {
    if (stored2.sharedWith.includes(oneupUserId)) return;
    stored2.sharedWith = [...stored2.sharedWith, oneupUserId];
    this.#file(stored2);
  }
  unshare(stored2, oneupUserId) {
    stored2.sharedWith = stored2.sharedWith.filter((user2) => user2 !== oneupUserId);
    this.#file(stored2);
  }
  /** Erases up to `limit` resources of `owner` in `version`, newest first; returns true when none is left. */
  purge(owner, version2, limit3) {
    const folder = this.#owned.get(`${owner}/${version2}`);
    for (let erased = 0; erased < limit3; erased++) {
      const stored2 = folder?.items.at(-1);
      if (stored2 === void 0) return true;
      this.#forget(stored2);
    }
    return folder === void 0 || folder.items.length === 0;
  }
  get state() {
    return structuredClone([...this.#byId.values()]);
  }
  set state(state) {
    for (const map of [this.#byId, this.#folders, this.#places, this.#owned, this.#unsettled]) map.clear();
    this.#order = 0;
    for (const stored2 of structuredClone(state)) {
      this.#keep(stored2);
      this.#file(stored2);
      this.#order = Math.max(this.#order, stored2.order);
    }
    const lagging = [...this.#byId.values()].filter((stored2) => visibleAt(stored2) > 0);
    for (const stored2 of lagging.sort((a, b) => visibleAt(a) - visibleAt(b))) this.#unsettled.add(stored2);
  }
  #keep(stored2) {
    this.#byId.set(key2(stored2.version, stored2.type, stored2.id), stored2);
    const owned = `${stored2.owner}/${stored2.version}`;
    open2(this.#owned, owned).add(stored2);
  }
  #forget(stored2) {
    this.#byId.delete(key2(stored2.version, stored2.type, stored2.id));
    this.#owned.get(`${stored2.owner}/${stored2.version}`)?.delete(stored2);
    this.#unsettled.delete(stored2);
    for (const place4 of this.#places.get(stored2) ?? []) place4.delete(stored2);
    this.#places.delete(stored2);
  }
  #revise(stored2, now, sent, atOnce3 = false) {
    const { readLagMs: readLagMs2, keepsMeta } = this.#settings;
    const versionId = (latest(stored2)?.versionId ?? 0) + 1;
    const visibleAt2 = atOnce3 || readLagMs2 === 0 ? 0 : now + readLagMs2;
    const text3 = sent === void 0 ? {} : { text: stamped(sent, { id: stored2.id, versionId, at: now, keepsMeta }) };
    stored2.revisions = revised(stored2, { versionId, at: now, visibleAt: visibleAt2, ...text3 }, now);
    this.#unsettled.delete(stored2);
    if (visibleAt2 > 0) this.#unsettled.add(stored2);
    this.#file(stored2);
  }
  /** Files a resource by every state that is visible now or later. */
  #file(stored2) {
    const current = latest(stored2);
    const states = (current?.visibleAt ?? 0) > 0 ? stored2.revisions : stored2.revisions.slice(-1);
    const before2 = this.#places.get(stored2) ?? /* @__PURE__ */ new Set();
    const places2 = new Set(placesOf2(stored2, states).map((place4) => open2(this.#folders, place4)));
    for (const place4 of before2) if (!places2.has(place4)) place4.delete(stored2);
    for (const place4 of places2) place4.add(stored2);
    this.#places.set(stored2, places2);
  }
  /** Files resources whose latest state is visible by now by that state alone. */
  #settle(now) {
    for (const stored2 of this.#unsettled) {
      const current = latest(stored2);
      if (current !== void 0 && current.visibleAt > now) return;
      this.#unsettled.delete(stored2);
      if (current === void 0) continue;
      stored2.revisions = [...stored2.revisions.slice(0, -1), { ...current, visibleAt: 0 }];
      this.#file(stored2);
    }
  }
};
function open2(folders, name2) {
  const folder = folders.get(name2) ?? new Folder();
  folders.set(name2, folder);
  return folder;
}
function placesOf2(stored2, states) {
  const { version: version2, type: type2, id: id2, owner, sharedWith } = stored2;
  const texts2 = states.flatMap(({ text: text3 }) => text3 === void 0 ? [] : [text3]);
  if (texts2.length === 0) return [];
  const collections = [{ type: type2 }];
  if (type2 === "Patient") collections.push({ patient: id2 });
  for (const text3 of texts2) for (const patient2 of patientsIn(text3)) collections.push({ patient: patient2 });
  const readers = [owner, ...sharedWith, "client"];
  return readers.flatMap(
    (reader) => collections.map((collection) => collectionKey(reader, version2, collection))
  );
}
function isIn(collection, stored2, now) {
  const text3 = shown3(stored2, now)?.text;
  if (text3 === void 0 || "type" in collection) return text3 !== void 0;
  return stored2.type === "Patient" && stored2.id === collection.patient || patientsIn(text3).has(collection.patient);
}
function visibleAt(stored2) {
  return latest(stored2)?.visibleAt ?? 0;
}
function collectionKey(reader, version2, collection) {
  return "type" in collection ? `${reader}/${version2}/${collection.type}` : `${reader}/${version2}/Patient/${collection.patient}`;
}
function key2(version2, type2, id2) {
  return `${version2}/${type2}/${id2}`;
}

// src/sandbox/state/users.ts
var Users = class {
  #all = [];
  #places = /* @__PURE__ */ new Map();
  #byAppUserId = /* @__PURE__ */ new Map();
  find(appUserId) {
    const id2 = this.#byAppUserId.get(appUserId);
    return id2 === void 0 ? void 0 : this.byId(id2);
  }
  byId(oneupUserId) {
    const place4 = this.#places.get(oneupUserId);
    return place4 === void 0 ? void 0 : this.#all[place4];
  }
  /** Creates a user. The caller ensures that `appUserId` is free. */
  add(appUserId, active) {
    return this.#put({ oneupUserId: 1001 + this.#all.length, appUserId, active });
  }
  /** Changes a user. The caller ensures that a new `appUserId` is free. */
  change(user2, to) {
    this.#byAppUserId.delete(user2.appUserId);
    return this.#put({ ...user2, ...to });
  }
  page(skip, limit3) {
    return this.#all.slice(skip, skip + limit3);
  }
  get all() {
    return [...this.#all];
  }
  set all(users3) {
    this.#all = [];
    this.#places.clear();
    this.#byAppUserId.clear();
    for (const user2 of users3) this.#put({ ...user2 });
  }
  #put(user2) {
    const place4 = this.#places.get(user2.oneupUserId) ?? this.#all.length;
    this.#all[place4] = user2;
    this.#places.set(user2.oneupUserId, place4);
    this.#byAppUserId.set(user2.appUserId, user2.oneupUserId);
    return user2;
  }
};

// src/sandbox/state/world.ts
var World = class {
  /** The current settings. `behave()` changes this object in place, so that every reader sees the change. */
  settings;
  chance;
  users = new Users();
  grants;
  resources;
  quota;
  credentials;
  #asCreated;
  #changed = {};
  #empty;
  constructor(settings2) {
    this.#asCreated = settings2;
    this.settings = { ...settings2 };
    this.chance = new Chance(settings2.seed);
    this.grants = new Grants(this.settings, this.chance);
    this.resources = new Resources(this.chance, this.settings);
    this.quota = new Quota(this.settings);
    this.credentials = { clientId: settings2.clientId, clientSecret: settings2.clientSecret };
    this.#empty = this.snapshot();
    this.quota.settle(this.now());
  }
  now() {
    return this.settings.clock.now();
  }
  knows(clientId, clientSecret) {
    return clientId === this.credentials.clientId && clientSecret === this.credentials.clientSecret;
  }
  /** Changes the behaviour from now on. @throws {LifecycleError} `INVALID_OPTION` */
  behave(change) {
    const changed2 = { ...this.#changed, ...readChange(change) };
    this.quota.settle(this.now());
    this.#setBehaviour(changed2);
  }
  reset() {
    this.restore(this.#empty);
    this.quota.settle(this.now());
  }
  snapshot() {
    return {
      format: 1,
      credentials: this.credentials,
      chance: this.chance.state,
      users: this.users.all,
      grants: this.grants.state,
      resources: this.resources.state,
      quota: this.quota.state,
      behaviour: this.#changed
    };
  }
  restore(snapshot) {
    this.credentials = snapshot.credentials;
    this.chance.state = snapshot.chance;
    this.users.all = snapshot.users;
    this.grants.state = snapshot.grants;
    this.resources.state = snapshot.resources;
    this.quota.state = snapshot.quota;
    this.#setBehaviour(infinite(snapshot.behaviour ?? {}));
  }
  #setBehaviour(changed2) {
    this.#changed = changed2;
    Object.assign(this.settings, this.#asCreated, changed2);
  }
};

// src/sandbox/create-sandbox.ts
var mostSpent = 1e6;
function createSandbox(options = {}) {
  return sandboxOver(new Handler(new World(readOptions(options))));
}
function sandboxOver(handler) {
  const { world } = handler;
  const userNamed = (verb8, appUserId) => {
    const user2 = world.users.find(appUserId);
    if (user2 !== void 0) return user2;
    throw new LifecycleError("USER_UNKNOWN", `Cannot ${verb8}: the sandbox has no user "${appUserId}"`);
  };
  const sandbox2 = {
    get credentials() {
      return world.credentials;
    },
    clock: world.settings.clock,
    journal: handler.journal,
    fetch: (input, init) => answerRequest(handler, sandbox2, new Request(input, init)),
    listen: (listenOptions = {}) => listen(handler, sandbox2, listenOptions),
    fail: (fault) => handler.faults.add(fault),
    faults: () => handler.faults.waiting,
    clearFaults: () => handler.faults.clear(),
    behave: (change) => world.behave(change),
    spend(calls) {
      checkValue("spend", "calls", calls, whole(1, mostSpent));
      for (let i = 0; i < calls; i++) world.quota.take(world.now());
    },
    revokeGrant: (appUserId) => world.grants.revoke(userNamed("revoke the grant", appUserId).oneupUserId),
    createUser: (appUserId) => (world.users.find(appUserId) ?? world.users.add(appUserId, world.settings.active)).oneupUserId,
    addResources: (appUserId, version2, resources) => addResources(world, userNamed("add the resources", appUserId).oneupUserId, version2, resources),
    setActive(appUserId, active) {
      world.users.change(userNamed("change the user", appUserId), { active });
    },
    users: () => world.users.all,
    setCredentials(credentials) {
      world.credentials = { ...world.credentials, ...credentials };
    },
    reset: () => handler.reset(),
    snapshot: () => world.snapshot(),
    restore: (snapshot) => world.restore(snapshot)
  };
  return sandbox2;
}

// src/cli/demo/worker.ts
import { createInterface as createInterface3 } from "node:readline";
var workerCommand = "demo-worker";
var times = { timeoutMs: 2e3, graceMs: 500, leaseMs: 3e3 };
var concurrency = 6;
async function runWorker(signal) {
  const lines = createInterface3({ input: process.stdin });
  const stop2 = linkSignals(signal);
  lines.once("close", () => stop2.abort());
  try {
    const task2 = await new Promise((resolve4) => {
      lines.once("line", (line) => resolve4(JSON.parse(line)));
      lines.once("close", () => resolve4(null));
    });
    if (task2 !== null) await perform(task2, stop2.signal);
  } catch (error) {
    if (!stop2.signal.aborted) throw error;
  } finally {
    stop2.release();
    lines.close();
  }
  return 0;
}
async function perform(task2, signal) {
  const { url, clientId, clientSecret } = task2;
  const clock = await connectSandboxClock(url, { signal });
  const lifecycle = await createLifecycle({
    credentials: { clientId, clientSecret },
    endpoints: { api: url, auth: url },
    store: lmdb(task2.store),
    encryption: keyFile(task2.key),
    refresh: { policy: "eager" },
    clock,
    ...times
  });
  const left = [...task2.users];
  async function onboard3() {
    for (let user2 = left.shift(); user2 !== void 0 && !signal.aborted; user2 = left.shift()) {
      await lifecycle.onboard(user2, { waitMs: 6e4, signal });
    }
  }
  try {
    const due = lifecycle.work({ concurrency, signal });
    await Promise.all([due, ...Array.from({ length: concurrency }, onboard3)]);
  } finally {
    await lifecycle.close();
    clock.close();
  }
}

// src/cli/demo/stage.ts
var latencyMs = [60, 180];
var readLagMs = 400;
async function setStage(self) {
  const folder = await mkdtemp(join3(tmpdir(), "oneup-lifecycle-demo-"));
  const removed = () => rm(folder, { recursive: true, force: true });
  const sandbox2 = createSandbox({ latencyMs, readLagMs });
  const server = await sandbox2.listen().catch(async (error) => {
    await removed();
    throw error;
  });
  const { clientId, clientSecret } = sandbox2.credentials;
  const place4 = { store: join3(folder, "store"), key: join3(folder, "lifecycle.key") };
  const lifecycle = await createLifecycle({
    credentials: sandbox2.credentials,
    endpoints: server.endpoints,
    store: lmdb(place4.store),
    encryption: keyFile(place4.key),
    clock: sandbox2.clock,
    ...times
  }).catch(async (error) => {
    await server.close();
    await removed();
    throw error;
  });
  const workers = [];
  return {
    sandbox: sandbox2,
    url: server.url,
    folder,
    lifecycle,
    startWorker(users3) {
      const worker = startProcess(self, { url: server.url, clientId, clientSecret, ...place4, users: users3 });
      workers.push(worker);
      return worker;
    },
    look: (users3) => Promise.all(users3.map((user2) => inspect2(lifecycle, user2))),
    async strike({ keep: keep2 }) {
      await Promise.all(workers.map((worker) => worker.end()));
      await lifecycle.close();
      await server.close();
      if (!keep2) await removed();
    }
  };
}
async function inspect2(lifecycle, user2) {
  try {
    return await lifecycle.inspect(user2);
  } catch (error) {
    if (isLifecycleError(error, "USER_UNKNOWN")) return null;
    throw error;
  }
}
var farewellMs = 3e3;
function startProcess(self, task2) {
  const main = self.startsWith("file:") ? fileURLToPath(self) : self;
  const runtime = "deno" in process.versions ? ["run", "-A"] : process.execArgv;
  const child = spawn(process.execPath, [...runtime, main, workerCommand], {
    stdio: ["pipe", "ignore", "inherit"]
  });
  const gone2 = once(child, "exit");
  gone2.catch(() => {
  });
  let asked2 = false;
  child.stdin?.on("error", () => {
  });
  child.stdin?.write(`${JSON.stringify(task2)}
`);
  const kill = async () => {
    asked2 = true;
    child.kill("SIGKILL");
    await gone2.catch(() => {
    });
  };
  return {
    pid: child.pid ?? 0,
    get died() {
      return !asked2 && (child.exitCode !== null || child.signalCode !== null || child.pid === void 0);
    },
    kill,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      asked2 = true;
      child.stdin?.end();
      const insist = systemClock.timer(farewellMs, () => child.kill("SIGKILL"));
      await gone2.catch(() => {
      });
      insist();
    }
  };
}

// src/cli/demo/picture.ts
var looks = {
  notBegun: { dot: "\xB7", tone: "quiet", label: "not started" },
  created: { dot: "\u25CB", tone: "busy", label: "created" },
  codeIssued: { dot: "\u25D0", tone: "busy", label: "codeIssued" },
  tokenActive: { dot: "\u25CF", tone: "good", label: "tokenActive" },
  reauthorizing: { dot: "\u25C7", tone: "busy", label: "reauthorizing" },
  locating: { dot: "\u25CE", tone: "busy", label: "locating" },
  expiring: { dot: "\u25D2", tone: "busy", label: "expiring" },
  refreshed: { dot: "\u25C9", tone: "good", label: "refreshed" },
  reauthorized: { dot: "\u25C6", tone: "saved", label: "reauthorized" },
  renaming: { dot: "\u25CC", tone: "busy", label: "renaming" },
  renameInDoubt: { dot: "\u25CC", tone: "busy", label: "renameInDoubt" },
  failed: { dot: "\u2715", tone: "bad", label: "failed" },
  inDoubt: { dot: "?", tone: "bad", label: "call in doubt" }
};
function standing3(status2, inDoubt2) {
  if (status2 === null || status2.state === "offboarded" || isPurging(status2.state)) return "notBegun";
  return inDoubt2(status2) ? "inDoubt" : status2.state;
}
var legend = [
  ["created", "expiring", "inDoubt"],
  ["codeIssued", "refreshed"],
  ["tokenActive", "reauthorizing", "failed"],
  ["notBegun", "reauthorized"]
];
var dotsInRow = 10;
function picture(users3, below, paint, inDoubt2) {
  const standings = users3.map((status2) => standing3(status2, inDoubt2));
  const count = (one) => standings.filter((other) => other === one).length;
  const entry = (one) => {
    const { dot, tone, label } = looks[one];
    const text3 = `${label.padEnd(14)} ${String(count(one)).padStart(3)}`;
    return count(one) === 0 ? paint.quiet(`${dot} ${text3}`) : `${paint[tone](dot)} ${text3}`;
  };
  const lines = legend.map(([left, right, trouble], row2) => {
    const second2 = trouble !== void 0 && count(trouble) > 0 ? trouble : right;
    const dots = standings.slice(row2 * dotsInRow, (row2 + 1) * dotsInRow).map((one) => paint[looks[one].tone](looks[one].dot)).join(" ");
    return `     ${dots}      ${entry(left)}      ${entry(second2)}`;
  });
  return ["", ...lines, "", `     ${below}`];
}
var barLength2 = 30;
function spentBar(spent, limit3, paint) {
  const full = spent === 0 ? 0 : Math.max(1, Math.round(Math.min(spent, limit3) / limit3 * barLength2));
  const bar2 = "\u2501".repeat(full) + paint.quiet("\u2500".repeat(barLength2 - full));
  return `management calls this hour  ${bar2}  ${String(spent).padStart(3)} of ${limit3}`;
}

// src/cli/demo/watch.ts
var hourMs2 = 36e5;
var limit2 = 300;
var pollMs3 = 40;
var patienceMs3 = 4e4;
var Watch = class {
  #stage;
  #screen;
  #signal;
  /** Users with a call in doubt, and how many calls had been made for them when it was detected. */
  #doubtful = /* @__PURE__ */ new Map();
  constructor(stage, screen, signal) {
    this.#stage = stage;
    this.#screen = screen;
    this.#signal = signal;
  }
  /** Polls until `done` or a timeout, and returns the last statuses. @throws if the worker exits by itself */
  async until(worker, done) {
    const end3 = systemClock.monotonic() + patienceMs3;
    for (; ; ) {
      this.#signal.throwIfAborted();
      const seen2 = await this.glance();
      if (done(seen2) || systemClock.monotonic() > end3) return seen2;
      if (worker.died) throw new Error(`Worker process ${worker.pid} exited unexpectedly`);
      await sleep(systemClock, pollMs3, this.#signal);
    }
  }
  /** Reads the store once and redraws. */
  async glance() {
    const seen2 = await this.#stage.look(users2);
    this.#screen.draw(this.#picture(seen2));
    return seen2;
  }
  /** Reads the store once and leaves the picture on the screen. */
  async settle() {
    const seen2 = await this.#stage.look(users2);
    this.#screen.settle(this.#picture(seen2));
    return seen2;
  }
  /** Like {@link settle}, after the only worker has died: every call that was in flight is in doubt from now on. */
  async settleDead() {
    const seen2 = await this.#stage.look(users2);
    for (const user2 of seen2) if (user2?.underWay) this.#doubtful.set(user2.appUserId, callsOf2(user2));
    this.#screen.settle(this.#picture(seen2));
    return seen2;
  }
  #picture(seen2) {
    const { journal, clock } = this.#stage.sandbox;
    const { paint } = this.#screen;
    const since = clock.now() - hourMs2;
    const spent = journal.entries().filter(({ call: call2, at }) => at > since && kindOf2(call2) === "management").length;
    const inDoubt2 = (user2) => user2.underWay !== null && this.#doubtful.get(user2.appUserId) === callsOf2(user2);
    return picture(seen2, spentBar(spent, limit2, paint), paint, inDoubt2);
  }
};
function callsOf2({ calls }) {
  return calls.management + calls.token;
}

// src/cli/demo/story.ts
var hero = "bilbo";
var breathMs = 900;
async function tellStory({ screen, self, keep: keep2, signal }) {
  const stage = await setStage(self);
  let code2 = 130;
  try {
    screen.say(
      "",
      `  ${screen.paint.strong("oneup-lifecycle")}  local 1upHealth sandbox at ${stage.url}`,
      screen.paint.quiet("  Nothing leaves this machine.")
    );
    await allActs(stage, screen, signal);
    if (keep2) screen.say("", `  Kept: ${stage.folder}`);
    code2 = await verdict(stage, screen);
  } catch (error) {
    if (!signal.aborted) throw error;
    screen.say("", "  Stopped");
  } finally {
    await stage.strike({ keep: keep2 });
  }
  return code2;
}
async function allActs(stage, screen, signal) {
  const { sandbox: sandbox2, lifecycle } = stage;
  const { journal } = sandbox2;
  const { paint } = screen;
  const watch2 = new Watch(stage, screen, signal);
  const management2 = () => journal.spent().management;
  const act = async (number2, title) => {
    if (number2 > 1) await screen.pause(breathMs, signal);
    screen.say("", headline(number2, title, paint));
  };
  const tell = (...lines) => screen.say(...lines.map((line) => `     ${line}`));
  const first = stage.startWorker(users2);
  await act(1, `${users2.length} users sign up; worker process ${first.pid} onboards them`);
  await watch2.until(first, (seen2) => {
    const calls = seen2.flatMap((user2) => user2?.underWay ?? []);
    const arrived2 = seen2.filter((user2) => user2?.usable).length;
    return arrived2 * 2 >= users2.length && calls.includes("createUser") && calls.includes("exchangeCode");
  });
  await first.kill();
  const cut = await watch2.settleDead();
  const inDoubt2 = cut.flatMap((user2) => user2?.underWay ? [user2] : []);
  const unheard = cut.filter((user2) => user2 === null).length;
  await act(2, `kill -9 ${first.pid} while calls are in flight`);
  const arrived = cut.filter((user2) => user2?.usable).length;
  tell(
    "The store shows how far each user got:",
    `${paint.good(`${arrived} have a token`)}, ${paint.bad(`${inDoubt2.length} have a call in doubt`)}, ${unheard} have not started.`,
    `In doubt: ${listed2(inDoubt2.map(({ underWay }) => underWay ?? ""))}. Their responses were lost.`
  );
  const second2 = stage.startWorker(users2);
  await act(3, `Worker process ${second2.pid} continues where ${first.pid} was killed`);
  tell(
    paint.quiet(
      `It takes over the dead worker's users when their leases of ${times.leaseMs / 1e3} s expire.`
    )
  );
  const resumed = await watch2.until(second2, (seen2) => seen2.every((user2) => user2?.usable));
  await watch2.settle();
  if (!resumed.every((user2) => user2?.usable)) return;
  screen.say("");
  for (const { call: call2, how, users: names4 } of settle(inDoubt2, resumed)) {
    tell(`${paint.saved("\u25C6")} ${names4.length} \xD7 ${call2.padEnd(13)} ${how}`);
  }
  const onboarded = management2();
  tell(
    `${plural(users2.length, "user")} for ${plural(onboarded, "management call")}: one each, ${onboarded - users2.length} more for the calls in doubt.`
  );
  await act(4, `Create the Patient from 1upHealth's guide for ${hero} (FHIR DSTU2)`);
  const patient2 = await createAndRead(lifecycle, hero, signal);
  tell(
    `${paint.good("\u25CF")} Patient/${patient2.id}`,
    `  ${patientSays}: created, and read back ${(patient2.readableAfterMs / 1e3).toFixed(1)} s later.`
  );
  await act(5, "Two hours later, every access token has expired");
  const before2 = journal.spent();
  sandbox2.clock.advance(2 * hourMs2);
  const late = await watch2.glance();
  await screen.pause(breathMs / 3, signal);
  await watch2.until(second2, (seen2) => seen2.every((user2) => user2?.state === "refreshed"));
  const renewed = await watch2.settle();
  if (!renewed.every((user2) => user2?.usable)) return;
  const after2 = journal.spent();
  screen.say("");
  tell(
    `${late.filter((user2) => user2?.state === "expiring").length} expired; ${after2.token - before2.token} refreshes renewed them, at a cost of ${plural(after2.management - before2.management, "management call")}.`
  );
  await act(6, `1upHealth revokes ${hero}'s grant; the next FHIR call recovers it`);
  sandbox2.clock.advance(hourMs2 / 4);
  const revokedFrom = management2();
  sandbox2.revokeGrant(hero);
  await lifecycle.fhir(hero, "dstu2").read("Patient", patient2.id, { signal });
  const saved = await lifecycle.inspect(hero);
  tell(
    `${paint.saved("\u25C6")} ${saved.state} with ${plural(management2() - revokedFrom, "management call")}; the Patient was read.`,
    ...lineOfLife(hero, saved.history)
  );
}
async function verdict({ sandbox: sandbox2, look: look2 }, screen) {
  const { journal } = sandbox2;
  const { paint } = screen;
  const seen2 = await look2(users2);
  const twice = journal.createdTwice();
  const spent = journal.spent();
  const row2 = (name2, value2) => `     ${name2.padEnd(34)}${value2}`;
  screen.say(
    "",
    headline(7, "What the sandbox recorded", paint),
    row2("users", String(sandbox2.users().length)),
    row2("created twice", twice.length === 0 ? "0" : paint.bad(twice.join(", "))),
    row2(
      "management calls",
      `${spent.management}, at most ${journal.mostInWindow(hourMs2)} of ${limit2} in any hour`
    ),
    row2("token calls", String(spent.token)),
    row2("FHIR calls", String(spent.fhir)),
    ""
  );
  const lost2 = users2.filter((_, index) => seen2[index]?.usable !== true);
  for (const user2 of lost2) {
    const status2 = seen2[users2.indexOf(user2)];
    const why = status2?.failure?.why ?? status2?.pause?.reason ?? status2?.underWay ?? "not started";
    screen.say(paint.bad(`${user2} was not onboarded: ${status2?.state ?? "unknown"}, ${why}`));
  }
  const good = lost2.length === 0 && twice.length === 0 && sandbox2.users().length === users2.length;
  const line = `${users2.length - lost2.length} users onboarded, ${lost2.length} lost, ${twice.length} created twice, ${spent.management} management calls`;
  screen.say(good ? paint.good(line) : paint.bad(line));
  return good ? 0 : 1;
}

// src/cli/demo/demo.ts
var demo = {
  name: "demo",
  description: "forty users, one kill -9, no user lost: watch it happen",
  more: [
    "Starts a sandbox and a worker process on this machine, kills the worker in the middle of its",
    "work, and lets a second worker continue. Nothing leaves this machine, and no files are kept.",
    "",
    "With --live: onboards one user at 1upHealth itself, with ONEUP_CLIENT_ID and ONEUP_CLIENT_SECRET",
    "from the environment. This creates a user and a test Patient there. Run it again to continue with",
    "the same user, or with a new one if that one has failed."
  ],
  example: "demo",
  options: {
    keep: { type: "boolean", description: "keep the store's folder and print its path" },
    live: { type: "boolean", description: "use 1upHealth instead of the sandbox" },
    user: {
      type: "string",
      value: "ID",
      description: "with --live: the app_user_id (default: that of the last run, or a random one)"
    },
    store: {
      type: "string",
      value: "DIR",
      description: "with --live: folder of the store (default: ./oneup-lifecycle-demo)"
    },
    api: { type: "string", value: "URL", description: "with --live: as in onboard --help" },
    auth: { type: "string", value: "URL", description: "with --live: as in onboard --help" }
  },
  run: run12
};
async function run12({ texts: texts2, switches }, signal, self) {
  const screen = new Screen(process.stdout);
  if (switches.has("live")) {
    if (switches.has("keep"))
      throw new UsageError("Option --keep cannot be combined with --live: its store is always kept");
    return live(screen, texts2, signal);
  }
  const [stray] = texts2.keys();
  if (stray !== void 0) throw new UsageError(`Option --${stray} is only valid with --live`);
  return tellStory({ screen, self, keep: switches.has("keep"), signal });
}

// src/cli/one-user/act-on-user.ts
var waitOption = {
  wait: { type: "string", value: "TIME", description: "how long to wait for it, e.g. 10m (default: 30s)" }
};
function waitIn({ texts: texts2 }, signal) {
  return { waitMs: duration("wait", texts2.get("wait") ?? "30s"), signal };
}
async function actOnUser(given2, signal, act, isDone) {
  const wait = waitIn(given2, signal);
  const status2 = await withStore(given2, (lifecycle) => act(lifecycle, wait));
  if (given2.switches.has("json")) console.log(JSON.stringify(status2));
  else printProse(standing4(status2));
  return isDone(status2) ? 0 : 1;
}
function standing4(status2) {
  const { state, purge: purge2 } = status2;
  const waits = waitOf(status2, systemClock.now());
  const left = purge2 === null || purge2.left.length === 0 ? "" : `, still to erase: ${purge2.left.join(", ")}`;
  return `${paintFor(process.stdout)[toneOf(state)](state)}${waits === "" ? "" : `, waits: ${waits}`}${left}`;
}
function isUsable2({ usable: usable2, state }) {
  return usable2 || state === "offboarded";
}

// src/cli/one-user/adopt.ts
var variable = "ONEUP_REFRESH_TOKEN";
var adopt2 = {
  name: "adopt",
  description: "take over a user with the refresh token that you have, without a management call",
  more: [
    `ID is the app_user_id. The refresh token is the first line of the standard input, or ${variable}: other`,
    "users of this machine can see command lines. If 1upHealth refuses it, the user is authorized again, for one",
    "management call."
  ],
  takes: ["ID"],
  example: "adopt ada@example.org --number 123456",
  opens: "act",
  json: "object",
  fails: "the user has no token yet",
  options: {
    number: { type: "string", value: "N", description: "the oneup_user_id, which must be given" },
    ...waitOption
  },
  async run(given2, signal) {
    const { argument: id2, texts: texts2 } = given2;
    const number2 = texts2.get("number");
    if (number2 === void 0)
      throw new UsageError("adopt needs the user's oneup_user_id: oneup-lifecycle adopt ID --number N");
    const oneupUserId = whole2("number", number2, 1);
    const grant2 = { oneupUserId, refreshToken: await tokenOf(signal) };
    return actOnUser(given2, signal, (lifecycle, wait) => lifecycle.adopt(id2, grant2, wait), isUsable2);
  }
};
async function tokenOf(signal) {
  const set = process.env[variable] ?? "";
  if (set !== "") return set;
  if (!process.stdin.isTTY)
    for await (const line of idsIn({ path: "-", column: void 0 }, signal)) return line;
  throw new UsageError(`adopt needs the refresh token on the standard input, or in ${variable}`);
}

// src/cli/one-user/forget.ts
var forget2 = {
  name: "forget",
  description: "delete the record of a user that was offboarded",
  more: [
    "ID is the app_user_id. Its state, history and number are deleted; a mark without any facts keeps lists from",
    "adding it again. Do it after a purge is done: a purge needs the record."
  ],
  takes: ["ID"],
  example: "forget ada@example.org",
  opens: "tend",
  json: "object",
  asks: true,
  options: waitOption,
  async run(given2, signal) {
    const id2 = given2.argument;
    const question = `The record of ${escapeControl(id2)} is deleted, with its history and its number at 1upHealth. It cannot be undone.`;
    await confirm(given2, question, signal);
    const wait = waitIn(given2, signal);
    await withStore(given2, (lifecycle) => lifecycle.forget(id2, wait));
    console.log(
      given2.switches.has("json") ? JSON.stringify({ appUserId: id2, forgotten: true }) : "forgotten"
    );
    return 0;
  }
};

// src/cli/one-user/offboard.ts
var offboard2 = {
  name: "offboard",
  description: "let a user go: erase its tokens here, and on request its data at 1upHealth",
  more: [
    "ID is the app_user_id. The tokens are erased at once. With --purge all, or some of dstu2,stu3,r4, the user's",
    "FHIR data at 1upHealth is erased too, also for those it is shared with: it cannot be undone. That may take",
    "longer than --wait; workers continue it. Without --purge a purge that is under way ends. The user stays at",
    "1upHealth; onboarding it again costs one management call."
  ],
  takes: ["ID"],
  example: "offboard ada@example.org --purge all",
  opens: "act",
  json: "object",
  asks: true,
  fails: "data is still to be erased",
  options: {
    purge: { type: "string", value: "WHAT", description: "erase FHIR data: all, or e.g. r4,stu3" },
    ...waitOption
  },
  async run(given2, signal) {
    const { argument: id2, texts: texts2 } = given2;
    const purge2 = texts2.get("purge");
    const data = purge2 === "all" ? "all FHIR data" : `the FHIR data (${purge2})`;
    const erased = purge2 === void 0 ? "" : ` and ${data} at 1upHealth, which cannot be undone`;
    const question = `The tokens of ${escapeControl(id2)} are erased${erased}. Onboarding it again costs one management call.`;
    await confirm(given2, question, signal);
    return actOnUser(
      given2,
      signal,
      (lifecycle, wait) => lifecycle.offboard(id2, { ...wait, purge: versionsIn(purge2) }),
      ({ state }) => state === "offboarded"
    );
  }
};
function versionsIn(text3) {
  if (text3 === void 0 || text3 === "all") return text3 === "all";
  return text3.split(",");
}

// src/cli/one-user/reauthorize.ts
var reauthorize2 = {
  name: "reauthorize",
  description: "discard a user's grant and get a new one, for one management call",
  more: [
    "ID is the app_user_id. For a user whose record is damaged, or whose grant is suspect. The user has no token",
    "until the new one is there."
  ],
  takes: ["ID"],
  example: "reauthorize ada@example.org",
  opens: "act",
  json: "object",
  asks: true,
  fails: "the user has no token yet",
  options: waitOption,
  async run(given2, signal) {
    const id2 = given2.argument;
    const question = `The grant of ${escapeControl(id2)} is discarded, and a new one costs one management call.`;
    await confirm(given2, question, signal);
    return actOnUser(given2, signal, (lifecycle, wait) => lifecycle.reauthorize(id2, wait), isUsable2);
  }
};

// src/cli/one-user/rename.ts
var rename3 = {
  name: "rename",
  description: "give a user another app_user_id, at 1upHealth and here, for one management call",
  more: [
    "ID is the app_user_id until now. Its token works meanwhile. Afterwards the old id is known as renamed;",
    "renaming it back costs a call again."
  ],
  takes: ["ID", "NEW-ID"],
  example: "rename ada ada@example.org",
  opens: "act",
  json: "object",
  options: waitOption,
  run: (given2, signal) => actOnUser(
    given2,
    signal,
    (lifecycle, wait) => lifecycle.rename(given2.argument, given2.second, wait),
    () => true
  )
};

// src/cli/one-user/retry.ts
var retry = {
  name: "retry",
  description: "return a failed user, or all of them, to the step that failed",
  more: [
    "ID is the app_user_id. With --all, e.g. after an outage, all failed users are retried: their calls",
    "wait for slots of the limit in the lane recovery, behind users who sign up, and workers process",
    "them."
  ],
  takes: ["[ID]"],
  example: "retry ada@example.org",
  opens: "act",
  json: "object",
  fails: "the user has not recovered, or a user could not be retried",
  options: {
    all: { type: "boolean", description: "all failed users, instead of ID" },
    ...waitOption
  },
  run: run13
};
async function run13(given2, signal) {
  const { argument, switches } = given2;
  if (switches.has("all") === (argument !== ""))
    throw new UsageError(
      `retry needs an ID or --all${argument === "" ? "" : ", not both"}: oneup-lifecycle retry ada@example.org`
    );
  if (!switches.has("all"))
    return actOnUser(given2, signal, (lifecycle, wait) => lifecycle.retry(argument, wait), isUsable2);
  if (given2.texts.has("wait"))
    throw new UsageError("--wait cannot be combined with --all, which does not wait");
  return retryAll(given2, signal);
}
async function retryAll(given2, signal) {
  let retried = 0;
  const stay = {};
  await withStore(given2, async (lifecycle) => {
    for await (const { appUserId } of lifecycle.users({ state: "failed" })) {
      if (signal.aborted) break;
      const why = await takeBack(lifecycle, appUserId);
      if (why === null) retried++;
      else stay[why] = (stay[why] ?? 0) + 1;
    }
  });
  if (given2.switches.has("json")) console.log(JSON.stringify({ retried, stay }));
  else {
    console.log(retried === 0 ? "No user was retried" : `${plural(retried, "user")} retried`);
    for (const [code2, count] of Object.entries(stay))
      console.log(`${plural(count, "user")} could not be retried [${code2}]`);
  }
  if (signal.aborted) return 130;
  return Object.keys(stay).length > 0 ? 1 : 0;
}
async function takeBack(lifecycle, id2) {
  try {
    await lifecycle.retry(id2, { waitMs: 0, lane: "recovery" });
    return null;
  } catch (error) {
    if (!isLifecycleError(error)) throw error;
    if (error.retryable && error.code !== "USER_NOT_READY") throw error;
    const stays = await lifecycle.inspect(id2).then(
      ({ state }) => state === "failed",
      () => true
    );
    return stays ? error.code : null;
  }
}

// src/cli/sandbox/calls.ts
function describeEntry({ n, at, call: call2, status: status2, outcome, appUserId, fault }, paint) {
  const time = new Date(at).toISOString().slice(11, 19);
  const tone = status2 === "dropped" || status2 >= 400 ? paint.bad : status2 >= 300 ? paint.busy : paint.good;
  const line = columns(
    String(n),
    time,
    call2,
    tone(String(status2).padEnd(statusWidth)),
    outcome,
    appUserId === void 0 ? "" : escapeControl(appUserId)
  );
  return fault === void 0 ? line : `${line} ${paint.busy(`(${fault})`)}`;
}
var statusWidth = 7;
var callTitle = columns("#", "time", "call", "status", "outcome", "user");
function columns(n, time, call2, status2, outcome, user2) {
  return `  ${n.padStart(4)}  ${time.padEnd(8)}  ${call2.padEnd(15)} ${status2.padEnd(statusWidth)} ${outcome.padEnd(13)} ${user2}`.trimEnd();
}

// src/cli/sandbox/introduction.ts
function controlLines(routes, paint) {
  return routes.flatMap(({ method: method2, path: path2, body, description }) => {
    const call2 = `  ${method2.padEnd(6)} ${controlBase}${path2}`.padEnd(callWidth);
    const example = body === void 0 ? "" : JSON.stringify(body);
    const apart = callWidth + example.length + description.length + 3 > width2;
    if (apart)
      return [
        `${call2} ${paint.quiet(description)}`,
        " ".repeat(Math.min(callWidth + 1, width2 - example.length)) + example
      ];
    return [
      example === "" ? `${call2} ${paint.quiet(description)}` : `${call2} ${example}  ${paint.quiet(description)}`
    ];
  });
}
var callWidth = 28;
function introduction(sandbox2, { url }, limit3, paint) {
  const { credentials, clock } = sandbox2;
  const row2 = (name2, value2) => `  ${name2.padEnd(15)} ${value2}`;
  const header3 = (name2, value2) => quoted(`${name2}: ${value2}`);
  const users3 = sandbox2.users().length;
  const faults = sandbox2.faults().length;
  return [
    paint.strong("A local 1upHealth is listening"),
    "",
    row2("api and auth", url),
    row2("client_id", credentials.clientId),
    row2("client_secret", credentials.clientSecret),
    row2("limit", `${limit3.calls} management calls in any ${limit3.window}`),
    row2("clock", `${new Date(clock.now()).toISOString()}${clock.running ? "" : ", stopped"}`),
    ...users3 === 0 ? [] : [row2("users", number(users3))],
    ...faults === 0 ? [] : [row2("faults", `${number(faults)} waiting`)],
    "",
    paint.strong("Create a user"),
    `  curl ${url}/user-management/v1/user -d app_user_id=bilbo \\`,
    `    -H ${header3("client_id", credentials.clientId)} -H ${header3("client_secret", credentials.clientSecret)}`,
    "",
    paint.strong("Exchange the code it returns"),
    `  curl ${url}/oauth2/token -d grant_type=authorization_code \\`,
    `    -d code=\u2026 -d ${quoted(`client_id=${credentials.clientId}`)} -d ${quoted(`client_secret=${credentials.clientSecret}`)}`,
    "",
    paint.strong("Inspect and control") + paint.quiet(` (full list: curl ${url}${controlBase})`),
    ...controlLines(
      controlRoutes.filter(({ isUsual }) => isUsual),
      paint
    ),
    paint.quiet("With curl, as JSON, from this machine:"),
    `  curl ${url}${controlBase}clock \\`,
    `    -H content-type:application/json -d ${quoted(JSON.stringify({ advanceMs: 72e5 }))}`,
    "",
    paint.strong("Incoming calls") + paint.quiet(" (Ctrl-C ends the sandbox)"),
    paint.quiet(callTitle)
  ].join("\n");
}
function quoted(text3) {
  return `'${text3.replaceAll("'", String.raw`'\''`)}'`;
}

// src/cli/sandbox/world.ts
import { readFile as readFile2 } from "node:fs/promises";

// src/cli/sandbox/state-file.ts
import { readFile, rename as rename4, writeFile } from "node:fs/promises";
var StateFile = class {
  #path;
  #limit;
  #written = "";
  /** `limit` names the current limit: a stored quota of another limit is discarded. */
  constructor(path2, limit3) {
    this.#path = path2;
    this.#limit = limit3;
  }
  /** The stored state; `null` if the file does not exist yet. @throws {UsageError} if it holds something else */
  async read() {
    try {
      const kept2 = JSON.parse(await readFile(this.#path, "utf8"));
      if (isKept(kept2)) return kept2;
    } catch (error) {
      if (isSystemError(error)) {
        if (error.code === "ENOENT") return null;
        throw new UsageError(`Cannot read ${this.#path}: ${error.code}`);
      }
    }
    throw this.#strange();
  }
  /** Restores the state. @throws {UsageError} if it is not valid */
  restore(sandbox2, { world, limit: limit3 }) {
    const { quota } = sandbox2.snapshot();
    try {
      restoreFrom(sandbox2, limit3 === this.#limit ? world : { ...world, quota });
    } catch (error) {
      if (isLifecycleError(error)) throw this.#strange();
      throw error;
    }
  }
  /** Saves the state if it has changed: to a draft that is then renamed, so that no reader sees half a file. */
  async keep(sandbox2) {
    const { clock } = sandbox2;
    const now = clock.now();
    const kept2 = {
      // Rounded to a second: the difference between the clocks jitters, and would make an equal state look changed.
      clock: clock.running ? { aheadMs: Math.round((now - systemClock.now()) / 1e3) * 1e3 } : { stoodAt: now },
      limit: this.#limit,
      world: sandbox2.snapshot()
    };
    const text3 = `${JSON.stringify(kept2)}
`;
    if (text3 === this.#written) return;
    const draft = `${this.#path}.new`;
    try {
      await writeFile(draft, text3, { mode: 384 });
      await rename4(draft, this.#path);
    } catch (error) {
      throw new UsageError(`Cannot write ${this.#path}: ${reasonOf2(error)}`);
    }
    this.#written = text3;
  }
  #strange() {
    return new UsageError(`Cannot use ${this.#path}: it must be a file written by --state`);
  }
};
function isKept(value2) {
  if (typeof value2 !== "object" || value2 === null) return false;
  if (!("clock" in value2) || !("world" in value2) || !("limit" in value2)) return false;
  const { clock, limit: limit3 } = value2;
  if (typeof clock !== "object" || clock === null || typeof limit3 !== "string") return false;
  const time = "aheadMs" in clock ? clock.aheadMs : "stoodAt" in clock ? clock.stoodAt : null;
  return Number.isFinite(time);
}

// src/cli/sandbox/world.ts
async function begin({ texts: texts2, switches }, signal) {
  const path2 = texts2.get("state");
  const limit3 = `${texts2.get("limit") ?? "300"} in ${texts2.get("window") ?? "1h"}`;
  const state = path2 === void 0 ? null : new StateFile(path2, limit3);
  const kept2 = await state?.read() ?? null;
  const clock = clockOf(texts2.get("clock"), switches.has("stopped"), kept2?.clock);
  const sandbox2 = createSandbox({ ...optionsOf5(texts2), clock });
  if (kept2 !== null) state?.restore(sandbox2, kept2);
  sandbox2.setCredentials(credentialsOf(texts2));
  for await (const id2 of seeds(texts2.get("seed-users"), signal)) sandbox2.createUser(id2);
  for (const fault of await faultsIn(texts2.get("faults"))) script(sandbox2, fault);
  return { sandbox: sandbox2, state };
}
function optionsOf5(texts2) {
  return {
    ...credentialsOf(texts2),
    limit: {
      calls: whole2("limit", texts2.get("limit") ?? "300", 1),
      windowMs: duration("window", texts2.get("window") ?? "1h")
    },
    latencyMs: latency(texts2.get("latency") ?? "0")
  };
}
function credentialsOf(texts2) {
  const clientId = texts2.get("client-id");
  const clientSecret = texts2.get("client-secret");
  return {
    ...clientId !== void 0 && { clientId },
    ...clientSecret !== void 0 && { clientSecret }
  };
}
function latency(text3) {
  const [, least, most = least] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(text3) ?? [];
  if (least !== void 0 && Number(least) <= Number(most)) return [Number(least), Number(most)];
  throw new UsageError(
    `--latency must be milliseconds such as 80, or a range such as 40-120, got ${JSON.stringify(text3)}`
  );
}
function clockOf(asked2, isStopped, kept2) {
  const now = asked2 === void 0 ? keptTime(kept2 ?? { aheadMs: 0 }) : timeOf2(asked2);
  return createVirtualClock({ now, running: !isStopped });
}
function keptTime(kept2) {
  return "stoodAt" in kept2 ? kept2.stoodAt : systemClock.now() + kept2.aheadMs;
}
function timeOf2(text3) {
  const [, ahead3] = /^\+(.+)$/.exec(text3) ?? [];
  if (ahead3 !== void 0) return systemClock.now() + duration("clock", ahead3);
  const at = /^\d{4}-/.test(text3) ? Date.parse(text3) : NaN;
  if (Number.isFinite(at)) return at;
  throw new UsageError(
    `--clock must be a time such as 2026-01-01T00:00:00Z, or +2h from now, got ${JSON.stringify(text3)}`
  );
}
async function* seeds(text3, signal) {
  if (text3 === void 0) return;
  if (!/^\d+$/.test(text3)) return yield* idsIn({ path: text3, column: void 0 }, signal);
  const count = whole2("seed-users", text3, 1, 1e6);
  for (let n = 1; n <= count; n++) yield `user-${n}`;
}
async function faultsIn(path2) {
  if (path2 === void 0) return [];
  const text3 = await readFile2(path2, "utf8").catch((error) => {
    throw new UsageError(`Cannot read ${path2}: ${reasonOf2(error)}`);
  });
  const list3 = parsed(text3);
  if (list3 === null) throw new UsageError(`Cannot read ${path2}: it must be a JSON list of faults`);
  return list3;
}
function parsed(text3) {
  try {
    const list3 = JSON.parse(text3);
    if (!Array.isArray(list3) || !list3.every((one) => typeof one === "object" && one !== null)) return null;
    return list3;
  } catch {
    return null;
  }
}
function script(sandbox2, fault) {
  try {
    sandbox2.fail(endless(fault));
  } catch (error) {
    if (isLifecycleError(error)) throw new UsageError(`Cannot use a fault of --faults: ${error.message}`);
    throw error;
  }
}

// src/cli/sandbox/sandbox.ts
var sandbox = {
  name: "sandbox",
  description: "a local 1upHealth to develop and test against, in any language",
  more: [
    "Listens on 127.0.0.1 and behaves as 1upHealth's documentation describes: users, codes, tokens, FHIR,",
    "the limit on management calls. Prints every call with secrets masked. Ctrl-C stops it and discards",
    "its data, unless --state is given.",
    "",
    "Programs on this machine can inspect and control it with the calls below, which do not count toward",
    "the limit. Send POST and PUT bodies as JSON, with content-type: application/json:",
    "",
    ...controlLines(controlRoutes, paintFor({}, { NO_COLOR: "1" })),
    "",
    "Control calls from web pages of other origins are refused, and so is any host but localhost,",
    "127.0.0.1 and [::1], because the state contains the client secret."
  ],
  example: "sandbox --port 8080 --seed-users 100",
  options: {
    port: { type: "string", value: "N", description: "port to listen on (default: any free port)" },
    "client-id": { type: "string", value: "ID", description: "accepted client id (default: sandbox-client)" },
    "client-secret": {
      type: "string",
      value: "SECRET",
      description: "accepted client secret (default: sandbox-secret)"
    },
    limit: { type: "string", value: "N", description: "management calls per window (default: 300)" },
    window: {
      type: "string",
      value: "TIME",
      description: "length of the window, e.g. 90s or 30m (default: 1h)"
    },
    latency: {
      type: "string",
      value: "MS",
      description: "delay of each call in ms: 80, or 40-120 (default: 0)"
    },
    "seed-users": {
      type: "string",
      value: "N",
      description: "users to create at start: user-1 to user-N, or the ids in a file"
    },
    clock: {
      type: "string",
      value: "TIME",
      description: "the sandbox's time: 2026-01-01T00:00:00Z, or +2h from now (default: now)"
    },
    stopped: { type: "boolean", description: "start with a stopped clock that moves only when advanced" },
    faults: {
      type: "string",
      value: "FILE",
      description: 'a JSON list of faults, e.g. [{ "call": "createUser", "status": 500 }]'
    },
    state: {
      type: "string",
      value: "FILE",
      description: "save the state and clock to FILE, and load them at the next start"
    }
  },
  run: run14
};
var pollMs4 = 50;
var keepMs = 1e3;
async function run14(given2, signal) {
  const { texts: texts2 } = given2;
  const port = whole2("port", texts2.get("port") ?? "0", 0, 65535);
  const { sandbox: world, state } = await begin(given2, signal);
  const server = await listen2(world, port);
  const paint = paintFor(process.stdout);
  const limit3 = { calls: texts2.get("limit") ?? "300", window: texts2.get("window") ?? "1h" };
  try {
    await state?.keep(world);
    console.log(introduction(world, server, limit3, paint));
    await follow3(world, state, signal, (entry) => console.log(describeEntry(entry, paint)));
  } finally {
    await server.close();
    await state?.keep(world);
  }
  return 0;
}
async function listen2(world, port) {
  try {
    return await world.listen({ port });
  } catch (error) {
    throw new UsageError(
      `Cannot listen on port ${port}: ${reasonOf2(error)}; without --port any free one is taken`
    );
  }
}
async function follow3(world, state, signal, use) {
  let seen2 = 0;
  let keptAt = systemClock.monotonic();
  while (!signal.aborted) {
    const count = world.journal.count();
    if (count < seen2) seen2 = 0;
    if (count > seen2) for (const entry of world.journal.entries().slice(seen2)) use(entry);
    seen2 = count;
    if (state !== null && systemClock.monotonic() - keptAt >= keepMs) {
      await state.keep(world);
      keptAt = systemClock.monotonic();
    }
    await sleep(systemClock, pollMs4, signal).catch(() => {
    });
  }
}

// src/cli/command-table.ts
var commandGroups = [
  { about: "To try it", commands: [demo, sandbox] },
  { about: "To look; nothing is changed", commands: [status, users, inspect, explain, forecast2, diagram] },
  { about: "To work for all users", commands: [onboard2, work2, resume, reconcile2] },
  { about: "To act on one user", commands: [retry, reauthorize2, rename3, adopt2, offboard2, forget2] },
  {
    about: "For the account and the store",
    commands: [limits, reopen, listKeys, rotateKeys, retireKey, backup, migrate]
  }
];
var allCommands = commandGroups.flatMap(({ commands: commands2 }) => commands2);

// src/cli/commands/version.ts
import { readFileSync as readFileSync2 } from "node:fs";
var mostFolders = 5;
function version() {
  for (let folders = 1; folders <= mostFolders; folders++) {
    try {
      const place4 = new URL(`${"../".repeat(folders)}package.json`, import.meta.url);
      const found = JSON.parse(readFileSync2(place4, "utf8"));
      if (typeof found !== "object" || found === null || !("name" in found) || !("version" in found))
        continue;
      if (found.name === "oneup-lifecycle" && typeof found.version === "string") return found.version;
    } catch {
    }
  }
  return "unknown";
}

// src/cli/help.ts
function overview(groups, width3) {
  const title = `oneup-lifecycle ${version()}: onboards users at 1upHealth and keeps their tokens valid`;
  return [
    ...wrapped(title, width3),
    "",
    "Usage: oneup-lifecycle <command> [options]",
    ...groups.flatMap(({ about, commands: commands2 }) => [
      "",
      about,
      ...commands2.flatMap(({ name: name2, description }) => row(name2.padEnd(12), description, width3))
    ]),
    "",
    ...row("help".padEnd(12), "show this help; <command> --help describes one command", width3),
    ...row("--version".padEnd(12), "print the version", width3),
    "",
    "Start with: oneup-lifecycle demo"
  ].join("\n");
}
function describeCommand(command, width3) {
  const rows = Object.entries(optionsOf(command)).flatMap(([option, { value: value2, description: meaning }]) => {
    const left = value2 === void 0 ? `--${option}` : `--${option} ${value2}`;
    return row(left.padEnd(24), meaning, width3);
  });
  const codes2 = Object.entries({ ...exitCodes, 1: failureOf(command) }).map(
    ([code2, meaning]) => `${code2} ${meaning}`
  );
  return [
    ...wrapped(`oneup-lifecycle ${usageOf(command)}: ${command.description}`, width3),
    "",
    ...paragraphs(moreOf(command)).flatMap((text3) => flowing(text3, width3)),
    "",
    ...rows,
    "",
    ...wrapped(`Exit codes: ${codes2.join("; ")}.`, width3),
    "",
    `Example: oneup-lifecycle ${command.example}`
  ].join("\n");
}
function paragraphs(lines) {
  const found = [];
  let isOpen = false;
  for (const line of lines) {
    const isProse = line !== "" && !line.startsWith(" ");
    if (isProse && isOpen) found.push(`${found.pop()} ${line}`);
    else found.push(line);
    isOpen = isProse;
  }
  return found;
}
function flowing(text3, width3) {
  return text3.startsWith(" ") ? [text3] : wrapped(text3, width3);
}
function row(left, meaning, width3) {
  const start = `  ${left} `;
  return wrapped(meaning, width3 - start.length).map(
    (line, index) => (index === 0 ? start : " ".repeat(start.length)) + line
  );
}

// src/cli/perform.ts
function widthOfHelp() {
  return Math.min(100, Math.max(40, process.stdout.columns ?? 80));
}
async function run15(words4, signal, self) {
  const [name2 = "help"] = words4;
  if (name2 === workerCommand) return runWorker(signal);
  if (name2 === "--version" || name2 === "-v") return say(version());
  if (name2 === "help" || name2 === "--help" || name2 === "-h") return help(words4.slice(1));
  const command = commandIn(words4);
  if (command === void 0) {
    if (words4.includes("--help") && actionsOf(name2).length > 0) return help([name2]);
    throw unknown3(words4);
  }
  const given2 = readArguments(command, words4.slice(command.name.split(" ").length));
  return given2.switches.has("help") ? say(describeCommand(command, widthOfHelp())) : command.run(given2, signal, self);
}
function commandIn(words4) {
  return allCommands.find(({ name: name2 }) => name2.split(" ").every((word2, index) => word2 === words4[index]));
}
function actionsOf(name2) {
  return allCommands.filter((command) => command.name.startsWith(`${name2} `));
}
function help(words4) {
  const about = commandIn(words4);
  const described = about === void 0 ? actionsOf(words4[0]) : [about];
  const width3 = widthOfHelp();
  if (described.length === 0) return say(overview(commandGroups, width3));
  return say(described.map((command) => describeCommand(command, width3)).join("\n\n"));
}
function unknown3([name2 = "", action]) {
  const actions2 = actionsOf(name2).map((command) => command.name);
  const known3 = actions2.length > 0 ? actions2 : [...allCommands.map(({ name: one }) => one), "help", "--version"];
  const word2 = actions2.length > 0 ? [name2, ...action === void 0 ? [] : [action]].join(" ") : name2;
  const meant = word2 === name2 && actions2.length > 0 ? void 0 : nearest(word2, known3);
  const kind = name2.startsWith("-") ? "option" : "command";
  const hint = meant === void 0 ? `use one of ${known3.join(", ")}` : `did you mean ${meant}?`;
  return new UsageError(`Unknown ${kind} ${JSON.stringify(word2)}: ${hint}`);
}
function say(text3) {
  console.log(text3);
  return 0;
}
async function perform2(words4, signal, self) {
  try {
    return await run15(words4, signal, self);
  } catch (error) {
    if (error instanceof UsageError) {
      printError(error.message);
      console.error("Try: oneup-lifecycle help");
      return 2;
    }
    if (isLifecycleError(error)) {
      printError(`${error.message} [${error.code}]`);
      return error.code === "INVALID_OPTION" || error.code === "INVALID_ID" ? 2 : 1;
    }
    if (signal.aborted) return 130;
    if (error instanceof Declined) {
      console.error("Nothing was done");
      return 1;
    }
    throw error;
  }
}

// src/cli/main.ts
var stopping = new AbortController();
for (const name2 of ["SIGINT", "SIGTERM"]) {
  process.on(name2, () => {
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort();
  });
}
var isCut = false;
process.stdout.on("error", ({ code: code2 }) => {
  stopping.abort();
  if (code2 === "EPIPE" || isCut) return;
  isCut = true;
  console.error(`Cannot write the output: ${code2}`);
  process.exitCode = 1;
});
var code = await perform2(process.argv.slice(2), stopping.signal, import.meta.url);
process.exitCode = isCut ? 1 : code;
if ("Deno" in globalThis) process.exit();
