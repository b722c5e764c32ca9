import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Patient } from "fhir/r2.js";
import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox, type Sandbox, type SandboxServer } from "oneup-lifecycle/sandbox";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { needing } from "../support/needs.ts";
import { all } from "./ada.ts";
import * as guide from "./guide.ts";

/** The guide writes it in two ways. */
const [id, newId] = ["myappsuserid", "newappuserid"];
const user = { oneup_user_id: expect.any(Number), app_user_id: id, active: true };
const bilbo = {
  resourceType: "Patient",
  name: [{ use: "official", text: "Bilbo Baggins", family: ["Baggins"], given: ["Bilbo"] }],
  gender: "male",
  birthDate: "1993-06-20",
} satisfies Patient;
const stored = { ...bilbo, id: expect.stringMatching(/^(?!135375$)\w+$/) };

interface Row {
  /** Where the guide has it. */
  readonly section: string;
  readonly command: string;
  /** What the answer to the command must be. */
  readonly answer: object;
  /** The same with the client. */
  readonly client: (lifecycle: Lifecycle) => Promise<unknown>;
  /** What comes of that. */
  readonly result: unknown;
  /** The requests that the client makes for it. */
  readonly calls: readonly string[];
}

let patient = "";

/** Every example request, in the order in which one needs the other. */
const rows: readonly Row[] = [
  {
    section: "Create Users",
    command: guide.createUser,
    answer: { success: true, code: expect.any(String), ...user },
    client: (lifecycle) => lifecycle.onboard(id),
    result: { appUserId: id, state: "tokenActive" },
    calls: ["POST /user-management/v1/user", "POST /oauth2/token"],
  },
  {
    section: "Generate access token",
    command: guide.exchangeCode,
    answer: {
      access_token: expect.any(String),
      token_type: "Bearer",
      expires_in: 7200,
      refresh_token: expect.any(String),
      scope: "user",
    },
    client: (lifecycle) => lifecycle.accessToken(id),
    result: expect.stringMatching(/^\w+$/),
    calls: [], // onboard() has it
  },
  {
    section: "a new auth code for a user that you already created",
    command: guide.issueAuthCode,
    answer: { success: true, code: expect.any(String), ...user },
    client: (lifecycle) => lifecycle.reauthorize(id),
    result: { usable: true, state: "reauthorized" },
    calls: ["POST /user-management/v1/user/auth-code", "POST /oauth2/token"],
  },
  {
    section: "Read & View User List",
    command: guide.listUsers,
    answer: { success: true, entry: [user] },
    client: (lifecycle) => all(lifecycle.remote.list()),
    result: [{ appUserId: id, active: true }],
    calls: ["GET /user-management/v1/user"],
  },
  {
    section: "a query for individual users",
    command: guide.findUser,
    answer: { success: true, entry: [user] },
    client: (lifecycle) => lifecycle.remote.find({ appUserId: id }),
    result: { appUserId: id, oneupUserId: expect.any(Number) },
    calls: ["GET /user-management/v1/user"],
  },
  {
    section: "Create a FHIR® Resource",
    command: guide.createPatient,
    answer: stored,
    client: async (lifecycle) => {
      const sent = {
        ...bilbo,
        id: "135375",
        meta: { versionId: "1", lastUpdated: "2017-05-26T12:00:41.233-04:00" },
      };
      const created = await lifecycle.fhir(id, "dstu2").create<"Patient">(sent);
      patient = created.id ?? "";
      return created;
    },
    result: stored,
    calls: ["POST /dstu2/Patient"],
  },
  {
    section: "Get the New FHIR® Resource",
    command: guide.readPatient,
    answer: stored,
    client: (lifecycle) => lifecycle.fhir(id, "dstu2").read("Patient", patient),
    result: stored,
    calls: ["GET /dstu2/Patient/"],
  },
  {
    section: "Update Users",
    command: guide.updateUser,
    answer: { success: true },
    client: (lifecycle) => lifecycle.rename(id, newId),
    result: { appUserId: newId, usable: true },
    calls: ["PUT /user-management/v1/user"],
  },
];

let sandbox: Sandbox;
let server: SandboxServer;

beforeAll(async () => {
  sandbox = createSandbox({ clientId: "clientidclientidclientid", clientSecret: "clientsecretclientsecret" });
  server = await sandbox.listen();
});
afterAll(() => server.close());

describe("the client makes every example request of the user management guide", () => {
  let lifecycle: Lifecycle;
  beforeAll(async () => {
    sandbox.reset();
    const { credentials, clock } = sandbox;
    lifecycle = await createLifecycle({ credentials, clock, endpoints: server.endpoints, store: memory() });
  });
  afterAll(() => lifecycle.close());

  it.each(rows)("$section", async ({ client, result, calls }) => {
    const before = sandbox.journal.count();
    expect({ result: await client(lifecycle) }).toMatchObject({ result });
    const made = sandbox.journal.entries().slice(before);
    const requests = new Set(made.map(({ method, path }) => `${method} ${path.replace(/\?.*/, "")}`));
    expect([...requests]).toEqual(calls.map((call) => expect.stringContaining(call)));
    expect(made.every(({ status }) => status === 200 || status === 201)).toBe(true);
  });
});

describe(
  "the sandbox takes the guide's own curl commands, with the host and the values replaced",
  needing(["curl"]),
  () => {
    /** What earlier answers said, for what the guide writes in their place. */
    const values = new Map<string, string>([["myappuserid", id]]);
    beforeAll(() => sandbox.reset());

    it.each(rows)("$section", async ({ command, answer }) => {
      let ours = command.replace(/https:\/\/(?:api|auth)\.1up\.health/, server.url);
      for (const [value, own] of values) ours = ours.replace(value, own);
      const { stdout } = await promisify(execFile)("sh", ["-c", `${ours} --silent --fail`]);
      const said = JSON.parse(stdout) as Record<string, unknown>;
      expect(said).toMatchObject(answer);
      note("accesscodeaccesscodeaccesscode", said["code"]);
      note("accesstokenaccesstokenaccesstoken", said["access_token"]);
      if (typeof said["oneup_user_id"] === "number")
        note("oneup_user_id=123", `oneup_user_id=${said["oneup_user_id"]}`);
      note("oneupresourceid", said["id"]);
    });

    function note(value: string, own: unknown): void {
      if (typeof own === "string") values.set(value, own);
    }
  },
);
