import { describe } from "vitest";
import { draw } from "../support/effort.ts";
import { folder } from "../support/scene.ts";
import { doubleClicks } from "./double-clicks.ts";

describe("processes on one LMDB store", () => {
  doubleClicks(async () => ({ type: "lmdb", path: folder("double-clicks") }), draw);
});
