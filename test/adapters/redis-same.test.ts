/** The scripts of Redis say in Lua what `src/store` says in TypeScript; here both play the same random sequences. */
import { createHash } from "node:crypto";
import { createClient } from "@keyv/redis";
import { expect, it, onTestFinished } from "vitest";
import { redis } from "../../adapters/redis.ts";
import type { RedisClient } from "../../adapters/redis.ts";
import { scripts } from "../../adapters/redis/scripts.ts";
import { systemClock } from "../../src/clock.ts";
import { withServer } from "../support/servers.ts";
import { player, search } from "./same.ts";
import type { Play } from "./same.ts";

/** Where a script takes its time from, and where its copy does: a key of the account, which the test sets. */
const serversTime = "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n";
const testsTime = "local now = tonumber(redis.call('GET', prefix .. 'time'))\n";

/** Texts and sums of the scripts, and those of their copies. */
const copies = new Map(
  Object.values(scripts).flatMap(({ text, sha }) => {
    const copy = text.replace(serversTime, testsTime);
    return [[text, copy] as const, [sha, createHash("sha1").update(copy).digest("hex")] as const];
  }),
);

/** A client in whose commands the copies take the place of the scripts, which stay as they are. */
function sendingCopies(client: RedisClient): RedisClient {
  return {
    get isOpen() {
      return client.isOpen;
    },
    connect: () => client.connect(),
    destroy: () => client.destroy(),
    on: (event, listener) => client.on(event, listener),
    sendCommand(command, options) {
      const copied = command.map((word) => copies.get(word) ?? word);
      return client.sendCommand(copied, options);
    },
  };
}

/** Plays on an empty server. */
async function playerOn(url: string): Promise<Play> {
  const client = await createClient({ url }).connect();
  onTestFinished(() => client.destroy());
  const adapter = redis(sendingCopies(client));
  return player({
    name: "redis",
    open: (account) => adapter.open({ account, clock: systemClock }),
    tellTime: (account, now) => client.set(`oneup:{${account}}:time`, now),
  });
}

withServer("redis", "adapters/redis beside adapters/memory", (server) => {
  it("redis() asks the server for the time in one place of every script, where a test can set it", () => {
    for (const { text } of Object.values(scripts)) expect(text.split(serversTime)).toHaveLength(2);
  });

  it("commit(), move() and claim() answer and keep the same as in memory", async () => {
    await search({ records: 3, slots: 1 }, await playerOn((await server({ appendonly: "no" })).url));
  });

  it("grant(), take(), settle(), giveBack() and forecast() answer and keep the same as in memory", async () => {
    await search({ records: 1, slots: 1 }, await playerOn((await server({ appendonly: "no" })).url));
  });
});
