import { thorough } from "../support/effort.ts";
import { anyKey, type Place } from "../support/places.ts";
import { withSharedServer } from "../support/servers.ts";
import { patient, sweeps, workersToo } from "./crash-sweep.ts";

withSharedServer("redis", "on Redis, a process that is killed", (place) => {
  const redis = async (): Promise<Place> => {
    const { where, prefix } = await place();
    return { type: "redis", url: where, prefix, key: anyKey, ...patient };
  };
  sweeps(redis);
  if (thorough) workersToo(redis);
});
