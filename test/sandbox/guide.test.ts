import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { open } from "./support.ts";

/** The commands of the 1upHealth user management guide, as it prints them. */
const guide = {
  createUser: `curl -X POST "https://api.1up.health/user-management/v1/user" \\
-H "client_id: clientidclientidclientid" \\
-H "client_secret: clientsecretclientsecret" \\
-d "app_user_id=myappsuserid"`,
  token: `curl -X POST "https://auth.1up.health/oauth2/token" \\
-d "code=accesscodeaccesscodeaccesscode" \\
-d "client_id=clientidclientidclientid" \\
-d "client_secret=clientsecretclientsecret" \\
-d "grant_type=authorization_code"`,
  authCode: `curl -X POST "https://api.1up.health/user-management/v1/user/auth-code" \\
-H "client_id: clientidclientidclientid" \\
-H "client_secret: clientsecretclientsecret" \\
-d "app_user_id=myappsuserid"`,
  find: `curl -X GET "https://api.1up.health/user-management/v1/user" \\
-H "client_id: clientidclientidclientid" \\
-H "client_secret: clientsecretclientsecret" \\
-d "oneup_user_id=123" \\
-d "app_user_id=myappsuserid"`,
  rename: `curl -X PUT "https://api.1up.health/user-management/v1/user" \\
-H "client_id: clientidclientidclientid" \\
-H "client_secret: clientsecretclientsecret" \\
-d "oneup_user_id=123" \\
-d "app_user_id=newappuserid"`,
  createPatient: `curl -X POST https://api.1up.health/dstu2/Patient \\
-H "Content-Type: application/json" \\
-H "Authorization: Bearer accesstokenaccesstokenaccesstoken" \\
-d '{
"resourceType": "Patient",
"id": "135375",
"meta": {
"versionId": "1",
"lastUpdated": "2017-05-26T12:00:41.233-04:00"
},
"name": [
{
"use": "official",
"text": "Bilbo Baggins",
"family": [
"Baggins"
],
"given": [
"Bilbo"
]
}
],
"gender": "male",
"birthDate": "1993-06-20"
}'`,
  readPatient: `curl -X GET https://api.1up.health/dstu2/Patient/oneupresourceid \\
-H "Authorization: Bearer accesstokenaccesstokenaccesstoken"`,
} as const;

describe("sandbox/guide", () => {
  it("every command of the user management guide works, with the host and the values replaced", async () => {
    const { url } = await open({
      clientId: "clientidclientidclientid",
      clientSecret: "clientsecretclientsecret",
    });
    const curl = async (name: keyof typeof guide, values: Readonly<Record<string, string>> = {}) => {
      let command: string = guide[name].replace(/https:\/\/(?:api|auth)\.1up\.health/, url);
      for (const [value, ours] of Object.entries(values)) command = command.replace(value, ours);
      const { stdout } = await promisify(execFile)("sh", ["-c", `${command} --silent --fail`]);
      return JSON.parse(stdout);
    };
    const user = await curl("createUser");
    expect(user).toEqual({
      success: true,
      code: expect.any(String),
      oneup_user_id: expect.any(Number),
      app_user_id: "myappsuserid",
      active: true,
    });
    const { code } = await curl("authCode");
    const pair = await curl("token", { accesscodeaccesscodeaccesscode: code });
    expect(pair).toEqual({
      access_token: expect.any(String),
      token_type: "Bearer",
      expires_in: 7200,
      refresh_token: expect.any(String),
      scope: "user",
    });
    const { oneup_user_id, app_user_id, active } = user;
    const id = { "oneup_user_id=123": `oneup_user_id=${oneup_user_id}` };
    expect(await curl("find", id)).toEqual({
      success: true,
      entry: [{ oneup_user_id, app_user_id, active }],
    });
    expect(await curl("rename", id)).toMatchObject({ success: true });
    const bearer = { accesstokenaccesstokenaccesstoken: pair.access_token };
    const patient = await curl("createPatient", bearer);
    expect(patient).toMatchObject({ name: [{ family: ["Baggins"] }], birthDate: "1993-06-20" });
    expect(patient.id).toMatch(/^[0-9a-f]{12}$/);
    expect(await curl("readPatient", { ...bearer, oneupresourceid: patient.id })).toEqual(patient);
  });
});
