/**
 * Who uses a transport. An application may give one to several lifecycles, and the first that closes must not end the calls
 * of the others.
 *
 * @module
 */
import type { Transport } from "./transport.ts";

/** How many use each transport. */
const users = new WeakMap<Transport, number>();

/** Returns what ends this use. The end of the last one closes the transport. */
export function holdTransport(transport: Transport): () => Promise<void> {
  users.set(transport, (users.get(transport) ?? 0) + 1);
  let isHeld = true;
  return async () => {
    if (!isHeld) return;
    isHeld = false;
    const others = (users.get(transport) ?? 1) - 1;
    users.set(transport, others);
    if (others === 0) await transport.close?.();
  };
}
