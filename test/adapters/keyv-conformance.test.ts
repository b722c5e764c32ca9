import { Keyv } from "keyv";
import { describe, it } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { storeConformance } from "../../src/testing/index.ts";

describe("adapters/keyv", () => {
  let beneath = new Map<string, unknown>();
  storeConformance(it, {
    open: () => keyv(new Keyv({ store: (beneath = new Map()) })),
    empty: () => beneath.clear(),
  });
});
