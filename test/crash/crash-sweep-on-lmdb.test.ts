import { describe } from "vitest";
import { folder } from "../support/scene.ts";
import { sweeps, workersToo } from "./crash-sweep.ts";

describe.concurrent("on LMDB, a process that is killed", () => {
  sweeps(async (test) => ({ type: "lmdb", path: folder("sweep", test) }));
  workersToo(async (test) => ({ type: "lmdb", path: folder("sweep", test) }));
});
