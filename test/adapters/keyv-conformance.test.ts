import { Keyv } from "keyv";
import { Keyv as Keyv6 } from "keyv6";
import { describe, it } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { storeConformance } from "../../src/testing/index.ts";
import { bridged, Naming } from "../support/keyv-storages.ts";

describe("adapters/keyv", () => {
  describe("on Keyv 5", () => {
    let beneath = new Map<string, unknown>();
    storeConformance(it, {
      open: () => keyv(new Keyv({ store: (beneath = new Map()) })),
      empty: () => beneath.clear(),
    });
  });

  describe("on Keyv 6, over a storage adapter made for Keyv 5", () => {
    let beneath = new Naming();
    storeConformance(it, {
      open: () => keyv(new Keyv6({ store: bridged((beneath = new Naming())) }), { durable: false }),
      empty: () => beneath.clear(),
    });
  });

  describe("on Keyv 6, over a Map", () => {
    let beneath = new Map<string, unknown>();
    storeConformance(it, {
      open: () => keyv(new Keyv6({ store: (beneath = new Map()) })),
      empty: () => beneath.clear(),
    });
  });
});
