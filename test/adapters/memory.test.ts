import { describe, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import { storeConformance } from "../../src/testing/index.ts";

describe("adapters/memory", () => storeConformance(it, { open: memory }));
