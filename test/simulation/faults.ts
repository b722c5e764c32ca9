/** What 1upHealth itself may get wrong, by the call it is asked for. */
import type { Fault } from "oneup-lifecycle/sandbox";
import type { Incoming } from "../../src/sandbox/base/message.ts";
import type { Stage } from "./stage.ts";
import type { Dice } from "./time.ts";

/** The part of a call that faults depend on. */
export type Asked =
  | "createUser"
  | "issueAuthCode"
  | "listUsers"
  | "updateUser"
  | "exchangeCode"
  | "refreshToken"
  | "fhir";

const login = { status: 302, headers: { location: "/login" } } as const;
const loginPage = { status: 200, body: "<!doctype html><title>Log in</title><input type=password>" } as const;
const gatewayPage = { status: 502, body: "<html><body>Bad Gateway</body></html>" } as const;
const forbidden = { status: 403, body: { message: "Forbidden" } } as const;
const customPage = { status: 404, body: "<html><body>Sorry, nothing here</body></html>" } as const;
const gatewayLogin = { status: 401, body: "<html><body>Log in to the gateway</body></html>" } as const;
const serverError = { status: 503, body: { error: "server_error" } } as const;

/** What hides a rename that was carried out. */
export const hidden: readonly Fault[] = [
  { ...login, commit: true },
  { ...loginPage, commit: true },
  { ...forbidden, commit: true },
  { status: 401, body: "", commit: true },
  { status: 400, body: "", commit: true },
  { status: 429, body: "", commit: true },
  { response: "alreadyExists", commit: true },
];

/** A success that names no user: the rename was not carried out. */
export const nameless = { status: 200, body: { success: true } } as const;

/** For every call. */
const always: readonly Fault[] = [
  { status: 500 },
  { status: 500, commit: true },
  { status: 503, body: { message: "Service Unavailable" } },
  { ...gatewayPage },
  { ...gatewayPage, commit: true },
  { drop: "before" },
  { drop: "after" },
  { drop: "body" },
  { status: 200, commit: true, body: '{"success":tr' },
  { status: 200, commit: true, body: "" },
  { status: 200, commit: true, body: "[".repeat(2_000) },
  { status: 504, commit: true },
];

/** Refusals of the account rather than of the call; rarer, for they shut gates. */
const refusals: readonly Fault[] = [
  { ...login },
  { ...loginPage },
  { status: 401, body: { message: "Unauthorized" } },
  { status: 401, body: { error: "invalid_client" } },
  { ...forbidden },
  { status: 429, body: { message: "Too Many Requests" } },
  { status: 429, headers: { "retry-after": "90" } },
  { status: 429, headers: { "retry-after": "Tue, 24 Nov 2026 02:00:00 GMT" } },
];

/** What only one call can get wrong. */
const special: Readonly<Record<Asked | "fhirCreate", readonly Fault[]>> = {
  createUser: [
    { omit: ["code"] },
    { omit: ["oneup_user_id"] },
    { status: 200, body: { success: false, error: "this user already exists" } },
    { status: 404, body: { success: false, error: "This user already exists" } },
    { ...login, commit: true },
    { ...loginPage, commit: true },
    { ...forbidden, commit: true },
  ],
  issueAuthCode: [{ omit: ["code"] }, { status: 200, body: { success: false, code: null } }],
  listUsers: [],
  updateUser: [{ ...nameless }],
  exchangeCode: [
    { omit: ["expires_in"] },
    { omit: ["refresh_token"] },
    { omit: ["scope", "token_type"] },
    { ...serverError },
    { ...serverError, commit: true },
  ],
  refreshToken: [
    { omit: ["expires_in"] },
    { omit: ["refresh_token"] },
    { omit: ["scope"] },
    { ...serverError },
    { ...serverError, commit: true },
  ],
  fhir: [{ status: 401 }, { ...gatewayLogin }, { response: "incompletePage" }],
  fhirCreate: [
    { status: 401 },
    { ...gatewayLogin },
    { ...gatewayLogin, commit: true },
    { ...customPage, commit: true },
  ],
};

/** The fault that affects this call, if any. */
export function faultFor(stage: Stage, incoming: Incoming, dice: Dice): Fault | undefined {
  const call = askedBy(incoming);
  const token = call === "exchangeCode" || call === "refreshToken";
  if (token && stage.isOn("tokenDown")) return serverError;
  if (call !== "fhir" && stage.isOn("forbidden")) return forbidden;
  if (call !== "fhir" && stage.isOn("loginPage")) return login;
  const drawn = stage.kinds.answer(incoming, stage);
  if (drawn !== undefined) return drawn;
  if (!dice.hits(stage.rates.fault)) return undefined;
  if (dice.hits(0.2)) return dice.pick(refusals);
  const own = special[isFhirCreate(incoming) ? "fhirCreate" : call];
  return own.length > 0 && dice.hits(0.4) ? dice.pick(own) : dice.pick(always);
}

/** Answers that fail a call although nothing is wrong with the user. */
export const failing: ReadonlySet<string> = new Set(["rate_limited", "unauthorized", "invalid_client"]);

/** Is it a call that the account's limit counts? */
export function isManagement(asked: string): boolean {
  return (
    asked === "createUser" || asked === "issueAuthCode" || asked === "listUsers" || asked === "updateUser"
  );
}

/** The user that a call is about. */
export function userOf(
  { handler: { world }, judge }: Stage,
  { path, query, headers, body }: Incoming,
): string | undefined {
  const fields = new URLSearchParams(body === "" ? query : body);
  const named = fields.get("app_user_id");
  const [code, refreshToken] = [fields.get("code"), fields.get("refresh_token")];
  const bearer = /^Bearer (.+)$/.exec(String(headers["authorization"]))?.[1];
  const owner =
    bearer !== undefined
      ? world.grants.ownerOf("accessToken", bearer)
      : path.endsWith("/oauth2/token")
        ? (world.grants.ownerOf("code", code ?? "") ??
          world.grants.ownerOf("refreshToken", refreshToken ?? ""))
        : Number(fields.get("oneup_user_id") ?? NaN);
  const claimant = judge.numbers.claimantOf(owner)?.id;
  const misled = judge.numbers.ownerOfDead(code)?.id;
  return misled ?? claimant ?? world.users.byId(owner ?? NaN)?.appUserId ?? named ?? undefined;
}

/** Whether it creates a FHIR resource. */
function isFhirCreate({ method, path }: Incoming): boolean {
  return method === "POST" && /\/(?:dstu2|stu3|r4)\/[A-Z]\w+$/.test(path);
}

/** What a request asks for. */
export function askedBy({ method, path, body }: Incoming): Asked {
  if (path.endsWith("/oauth2/token"))
    return body.includes("grant_type=refresh_token") ? "refreshToken" : "exchangeCode";
  if (path.endsWith("/user/auth-code")) return "issueAuthCode";
  if (!path.endsWith("/user-management/v1/user")) return "fhir";
  return method === "GET" ? "listUsers" : method === "PUT" ? "updateUser" : "createUser";
}
