/** The commands of the 1upHealth user management guide, as it prints them. */

const asClient = `-H "client_id: clientidclientidclientid" \\
-H "client_secret: clientsecretclientsecret"`;

/** "Create Users" */
export const createUser = `curl -X POST "https://api.1up.health/user-management/v1/user" \\
${asClient} \\
-d "app_user_id=myappsuserid"`;

/** "Generate access token" */
export const exchangeCode = `curl -X POST "https://auth.1up.health/oauth2/token" \\
-d "code=accesscodeaccesscodeaccesscode" \\
-d "client_id=clientidclientidclientid" \\
-d "client_secret=clientsecretclientsecret" \\
-d "grant_type=authorization_code"`;

/** "If you need a new auth code" */
export const issueAuthCode = `curl -X POST "https://api.1up.health/user-management/v1/user/auth-code" \\
${asClient} \\
-d "app_user_id=myappuserid"`;

/** "Read & View User List", with and without its parameters */
export const listUsers = `curl -X GET "https://api.1up.health/user-management/v1/user" \\
${asClient}`;
export const findUser = `${listUsers} \\
-d "oneup_user_id=123" \\
-d "app_user_id=myappuserid"`;

/** "Update Users" */
export const updateUser = `curl -X PUT "https://api.1up.health/user-management/v1/user" \\
${asClient} \\
-d "oneup_user_id=123" \\
-d "app_user_id=newappuserid"`;

/** "Create a FHIR® Resource" */
export const createPatient = `curl -X POST https://api.1up.health/dstu2/Patient \\
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
}'`;

/** "Get the New FHIR® Resource" */
export const readPatient = `curl -X GET https://api.1up.health/dstu2/Patient/oneupresourceid \\
-H "Authorization: Bearer accesstokenaccesstokenaccesstoken"`;
