/**
 * An application that onboards its users with one of the peers, a given number at a time, reports when it is done, and
 * then prints the token of each user, `null` if it gave up. Arguments: the peer's module, its input (JSON).
 *
 * @module
 */
const [module, words] = process.argv.slice(2);
/** @type {import("./side.ts").Told} */
const told = JSON.parse(words);
/** @type {import("./side.ts").Peer} */
const { open } = await import(module);
const side = await open(told);

/** @type {Record<string, string | null>} */
const tokens = {};
const left = told.users.values();
async function loop() {
  for (const id of left) tokens[id] = (await side.onboard(id)) ? "" : null;
}
await Promise.all(Array.from({ length: told.atATime }, loop));
process.send("done");
for (const id of told.users) if (tokens[id] !== null) tokens[id] = await side.token(id);
process.send(tokens);
process.disconnect();
await side.close();
process.exit(0);
