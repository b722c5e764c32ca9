/** What the processes of one story know of seals, so that none is made or opened twice. */
import type { SealMemory } from "../../src/store/sealing/sealer.ts";
import type { Scenario } from "./scenario.ts";

/** Secrets are really enciphered only where keys are replaced: a cipher costs more than all else that a write does. */
export function memoryOf({ rekey }: Pick<Scenario, "rekey">): SealMemory {
  let sealed = 0;
  const memory = { opened: new Map<string, string>(), names: new Map<string, string>() };
  return rekey === null ? { ...memory, text: () => `seal ${++sealed}` } : memory;
}
