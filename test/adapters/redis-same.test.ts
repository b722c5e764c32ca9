/** The scripts of Redis say in Lua what `src/store` says in TypeScript; here both play the same random sequences. */
import { expect, it, onTestFinished } from "vitest";
import { redis } from "../../adapters/redis.ts";
import * as scripts from "../../adapters/redis/scripts.ts";
import { clientAt, withServer } from "../support/servers.ts";
import { serversTime, steered } from "../support/steered-redis.ts";
import { player, search, type Play, type Tested } from "./same.ts";

/** Plays on an empty server. */
async function playerOn(url: string, together = 1): Promise<Play> {
  const client = await clientAt(url);
  onTestFinished(() => client.destroy());
  let time = 0;
  const adapter = redis(steered(client, () => time));
  const tested: Tested = {
    name: "redis",
    open: (account, clock) => adapter.open({ account, clock }),
    tellTime: async (_, now) => void (time = now),
  };
  return player(tested, together);
}

withServer("redis", "adapters/redis beside adapters/memory", (server) => {
  it("redis() asks the server for the time in one place of every script, where a test can set it", () => {
    for (const { text } of Object.values(scripts)) expect(text.split(serversTime)).toHaveLength(2);
  });

  it("commit(), move() and claim() answer and keep the same as in memory", async () => {
    await search({ records: 3, slots: 1 }, await playerOn((await server({ appendonly: "no" })).url));
  });

  it("commit() of many that travel together answers and keeps the same as one after the other", async () => {
    await search({ records: 4, slots: 1 }, await playerOn((await server({ appendonly: "no" })).url, 8));
  });

  it("grant(), take(), settle(), giveBack() and forecast() answer and keep the same as in memory", async () => {
    await search({ records: 1, slots: 1 }, await playerOn((await server({ appendonly: "no" })).url));
  });
});
