import { draw } from "../support/effort.ts";
import { anyKey } from "../support/places.ts";
import { withServer } from "../support/servers.ts";
import { doubleClicks } from "./double-clicks.ts";

withServer("redis", "processes on one Redis store", (server) => {
  doubleClicks(async () => ({ type: "redis", url: (await server()).url, key: anyKey }), draw + 1);
});
