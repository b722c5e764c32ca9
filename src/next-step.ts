/**
 * What an operator does next: after a failed call, and about an error. One clause without a full stop, for the log,
 * `health()`, `explain()` and the commands.
 *
 * @module
 */
import { isLifecycleError, type Cause, type ErrorCode, type LifecycleError } from "./errors.ts";
import { tlsFaultOf } from "./tls-fault.ts";

const steps = {
  name: "check the host name (endpoints, ONEUP_API, ONEUP_AUTH) and the DNS of this machine; if only a proxy reaches the host, set HTTPS_PROXY",
  refused:
    "check host and port (endpoints, ONEUP_API, ONEUP_AUTH), and that a firewall lets this machine reach them, or the proxy if HTTPS_PROXY names one",
  network:
    "check this machine's network, and that a firewall lets it reach the host; if only a proxy reaches it, set HTTPS_PROXY",
  permission: "let this process reach the host: --allow-net, of Deno or of Node's --permission",
  cut: "check the proxies and firewalls on the way if it goes on; it is tried again",
  expired:
    "check the clock of this machine, and a proxy that opens TLS; otherwise the host's owner must renew its certificate",
  certificate:
    "check the host (endpoints, ONEUP_API, ONEUP_AUTH); if a proxy of yours opens TLS, name its authority in NODE_EXTRA_CA_CERTS",
  clientCertificate:
    "check the client certificate of this process: a gateway on the way asks for one, and gets none or does not accept it; give undiciTransport() a valid one, in tls or in its dispatcher",
  protocol:
    "check host and port (endpoints, ONEUP_API, ONEUP_AUTH), and the proxies on the way: what answers there speaks no TLS, or shares no version or cipher of it with this process; a gateway that asks for a client certificate may refuse in the same way",
  proxy: "give the proxy its user and password, in HTTPS_PROXY, or in undiciTransport()",
  unreachedProxy:
    "check the proxy that HTTPS_PROXY or undiciTransport() names: its host, its port, its certificate if the URL begins with https:, and that this machine reaches it; it is tried again",
  undici:
    "install undici, and keep it out of the application's bundle (esbuild: --external:undici), or give createLifecycle() the transport fetchTransport()",
  wasm: "start this process without --jitless: undici, and Node's own fetch, need WebAssembly",
  dispatcher:
    "give undiciTransport() a dispatcher of the same undici as this package's, version 7: one of another version, such as that of Node's own fetch, may not take its calls",
  closed:
    "find what closes the transport, or the dispatcher of undiciTransport(), in this process: it must stay open until each lifecycle and FHIR client that uses it has ended; then start the process again",
  crowded:
    "send fewer calls at once, or raise connections of undiciTransport() above its 64; it is tried again",
  interceptor: "take interceptors.responseError() out of the dispatcher of undiciTransport()",
  transport:
    "correct the transport that createLifecycle() was given: it must resolve with { status, headers, text }, a number, an object and a string",
  reading:
    "find what this process lacks or has replaced, such as TextDecoder or JSON (options of the runtime, polyfills, mocks of tests): a response came, and could not be read; it is tried again",
  garbled:
    "call the host from this machine with curl -v: what came cannot be read as a response, so look for a proxy or gateway on the way that sends it; it is tried again",
  continues:
    "find the proxy or gateway on the way that sends 100 Continue without being asked, and switch that off there; it is tried again",
  files: "let this process open more files (ulimit -n), or find what keeps them open; it is tried again",
  slow: "check the way to the host if it goes on, and raise timeoutMs if the host is known to be slow; give a dispatcher of undiciTransport() allowH2: false; it is tried again",
  slowExport:
    "raise kickOffMs of bulkExport() if there is much to export, or ask for less (types, since); an export may have begun, and the next start begins another one",
  credentials:
    "compare client id and secret (credentials, ONEUP_CLIENT_ID, ONEUP_CLIENT_SECRET) with 1upHealth's console, then call account.reopen()",
  token:
    "if FHIR accepts the tokens of other users, call reauthorize() for this one; if it refuses those of all, check that endpoints (ONEUP_API, ONEUP_AUTH) name one environment of 1upHealth, and ask its support; refused tokens are replaced by themselves, ever more rarely",
  blocked:
    "call the host from this machine with curl: if a proxy or a login page answers, fix that; if 1upHealth blocks this address, ask its support; then call account.reopen()",
  elsewhere:
    "check the base URL (endpoints, ONEUP_API, ONEUP_AUTH): another server may answer there; it is tried again",
  keyOrder:
    "put the new key first (encryption, ONEUP_KEY_FILE, ONEUP_KEY), start every process again, and rotate once more",
  keyFile:
    "give the process what the message names, and start it again; no key was made, and nothing is sealed",
  throttled:
    "if the limit of 1upHealth is lower than the recorded one, or something else calls with this client id, lower it with account.setLimits(); the gate opens by itself",
  failing: "wait, and ask 1upHealth's support if it goes on; it is tried again",
  size: "raise maxAnswerBytes if such a response is wanted",
  code: "wait: a fresh code is requested by itself",
  transaction:
    "end the application's transaction that onboards a user: pg_stat_activity shows it, mostly as idle in transaction; then start the move again, which goes on where it stopped",
  lock: "end the transaction that holds the lock: pg_stat_activity shows it, mostly as idle in transaction; nothing is lost, and work continues by itself",
  folder:
    "put the folder, or the volume that holds it, back where it was, and work continues by itself; if it is lost, stop every process that uses it, and restore the newest backup",
  right:
    "give the store's user the right that the message names; nothing is lost, and work continues by itself",
  log: "restore the store from a backup, in the order of docs/deployment.md, or update this process if a newer release uses the store",
  whileOpen:
    "do what the message names, and work continues by itself; only where the URL or an option must change, start the process again with it",
  odd: "compare with 1upHealth's own list: call reconcile(); it is tried again",
} as const;

/** The codes of a cause that have a step of their own. The status decides about others. */
const ofCode: Readonly<Record<string, keyof typeof steps>> = {
  ENOTFOUND: "name",
  EAI_AGAIN: "name",
  EAI_FAIL: "name",
  ECONNREFUSED: "refused",
  NotCapable: "permission",
  ERR_ACCESS_DENIED: "permission",
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "expired",
  ECONNRESET: "cut",
  EPIPE: "cut",
  UND_ERR_SOCKET: "cut",
  SENT_AGAIN: "cut",
  TIMEOUT: "slow",
  DEADLINE_PASSED: "failing",
  process_died: "failing",
  proxy_407: "proxy",
  UNDICI_MISSING: "undici",
  WASM_MISSING: "wasm",
  UND_ERR_INVALID_ARG: "dispatcher",
  CONNECTIONS_BUSY: "crowded",
  UND_ERR_CLOSED: "closed",
  UND_ERR_DESTROYED: "closed",
  ANSWER_INTERCEPTED: "interceptor",
  TRANSPORT_BROKEN: "transport",
  READING_FAILED: "reading",
  HTTPParserError: "garbled",
  UND_ERR_HEADERS_OVERFLOW: "garbled",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "garbled",
  CONTINUE_UNASKED: "continues",
  EMFILE: "files",
  ENFILE: "files",
  http_407: "proxy",
  invalid_client: "credentials",
  unauthorized_client: "credentials",
  html_page: "blocked",
  invalid_grant: "code",
  invalid_code: "code",
  no_code: "code",
  no_refresh_token: "code",
  former_token: "code",
  another_user: "odd",
  mixed_up: "failing",
  unnamed_user: "odd",
  other_users: "odd",
  user_missing: "odd",
  app_user_id_taken: "odd",
  ANSWER_TOO_BIG: "size",
};

/** The steps where one user's calls alone meet it, and those of other users succeed. */
const ofOne: Readonly<Partial<Record<keyof typeof steps, string>>> = {
  blocked:
    "find out what stops the calls about this user alone, such as a firewall that refuses its app_user_id; then call retry()",
  credentials: "ask 1upHealth's support why it refuses the client for this user alone; then call retry()",
  throttled: "ask 1upHealth's support why it throttles this user alone, if it goes on; retry() tries at once",
};

/** What to do after this failed call. `alone`: calls of other users succeed. */
export function nextStepAfter(
  {
    code,
    status,
    endpoint,
    call,
  }: Pick<Cause, "code" | "status"> & Partial<Pick<Cause, "endpoint" | "call">>,
  { alone = false }: { readonly alone?: boolean } = {},
): string {
  if (code === "TIMEOUT" && call === "fhirExport") return steps.slowExport;
  const name = Object.hasOwn(ofCode, code)
    ? (ofCode[code] ?? "failing")
    : stepAfterStatus(code, status, endpoint);
  return (alone ? ofOne[name] : undefined) ?? steps[name];
}

/**
 * Whether a user that waits for this reason is refused alone. A refusal of all shuts a gate, also after the first user
 * was paused for it.
 */
export function isRefusedAlone(
  reason: string | undefined,
  shut: readonly { readonly reason: string | null }[],
): boolean {
  const isRefused = reason === "forbidden" || reason === "credentials";
  return isRefused && !shut.some((gate) => gate.reason === reason);
}

function stepAfterStatus(
  code: string,
  status: number | null,
  endpoint: Cause["endpoint"] | undefined,
): keyof typeof steps {
  if (status === null) {
    if (code.startsWith("HPE_")) return "garbled"; // of the parser of HTTP
    if (/^proxy_\d/.test(code)) return "cut";
    return code.startsWith("proxy_") ? "unreachedProxy" : (tlsFaultOf(code) ?? "network");
  }
  if (status === 401) return endpoint === "fhir" ? "token" : "credentials";
  if (status === 429) return "throttled";
  if (status === 404 || status === 405 || status === 410) return "elsewhere";
  const isBlocked = [403, 406, 451, 511].includes(status) || (status >= 300 && status < 400);
  return isBlocked ? "blocked" : "failing";
}

/** What to do about an error with this code. */
export const nextSteps: Readonly<Record<ErrorCode, string>> = {
  INVALID_OPTION: "correct the option, flag or variable that the message names",
  INVALID_ID: "pass an id of 1 to 512 bytes of UTF-8 without control characters",
  INVALID_RESOURCE: "correct the FHIR resource, type, version or id that the message names",
  CREDENTIALS_REFUSED: `${steps.credentials}, or retry() for one user alone`,
  FORBIDDEN: `${steps.blocked}, or retry() for one user alone`,
  RATE_LIMITED: steps.throttled,
  UNAVAILABLE: "look at the failed call in the message, and at health(); it may be tried again",
  BAD_ANSWER: "look at the status in the message; if it goes on, ask 1upHealth's support about that call",
  ANSWER_TOO_BIG: "raise maxAnswerBytes, or ask for less: a smaller _count, fewer _include",
  IN_DOUBT: "find out before you repeat it: read the resource, or search for it",
  USER_UNKNOWN: "check the id and the store, or call onboard()",
  USER_NOT_READY: "wait for retryAfterMs, and look at explain() if it goes on",
  USER_FAILED: "look at explain(), fix what it names, then call retry()",
  USER_CONFLICT: "choose another id, or look at both users with explain()",
  PAUSED: "wait for the end of the pause, or call account.unpause() or unhold()",
  USER_OFFBOARDED: "call onboard() to start over, or forget() to remove what is left",
  RENAMED:
    "if the same person asks, use the id in facts.renamedTo, or, where that is missing, remote.find() by its oneupUserId; if the id has passed to another person, onboard() that one under an id of its own; never return facts.renamedTo to a caller",
  FHIR_REFUSED: "look at status, and at the issues in facts; correct the request",
  FHIR_CONFLICT: "read the resource again, apply the change to it, and update it once more",
  FHIR_AMBIGUOUS:
    "decide which of the resources in facts.ids is the right one; delete the others, or take their identifier away",
  NOT_DECLARED: "use another operation or FHIR version, or pass strict: false if you know better",
  STORE_UNAVAILABLE:
    "check that the store runs, can be reached from this machine and takes writes; nothing is lost, and work continues by itself",
  STORE_UNUSABLE: "do what the message names, and start the process again",
  STORE_MOVED: "stop this process, and start it with the store that the users were moved to",
  KEY_REFUSED:
    "give the key that the message names (encryption, ONEUP_KEY_FILE, ONEUP_KEY), from where you keep keys; oneup-lifecycle keys fingerprint FILE names the keys of a file",
  RECORD_TOO_NEW: "update this process to the release that wrote the record",
  RECORD_DAMAGED: "call reauthorize(), which gets a new grant",
  TAKEN_OVER:
    "let the other process go on; to go on here instead, end it first and start again by the same name",
  CURSOR_EXPIRED: "read all users once (users()), then follow the events without a cursor",
  CLOSED: "open a new lifecycle",
};

/** What to do about this error. */
export function nextStepOf(error: LifecycleError): string {
  // FHIR refuses the client: its call has no token.
  if (error.code === "CREDENTIALS_REFUSED" && error.failedCall?.endpoint === "fhir") return steps.credentials;
  if (error.failedCall) return nextStepAfter(error.failedCall, { alone: error.facts["alone"] === true });
  if (error.facts["reason"] === "noRight") return steps.right;
  if (error.facts["reason"] === "noFolder") return steps.folder;
  if (error.facts["reason"] === "log") return steps.log;
  if (error.facts["reason"] === "whileOpen") return steps.whileOpen;
  if (error.facts["reason"] === "keyOrder") return steps.keyOrder;
  if (error.facts["reason"] === "noKeyFile") return steps.keyFile;
  const { waitsFor } = error.facts;
  if (waitsFor === "row" || waitsFor === "lock") return steps.lock;
  return waitsFor === "transaction" ? steps.transaction : nextSteps[error.code];
}

/** The end of a log line about an error that is met again: `; what to do: …`. */
export function todoAbout(error: unknown): string {
  return isLifecycleError(error) ? `; what to do: ${nextStepOf(error)}` : "";
}
