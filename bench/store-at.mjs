/**
 * The store for an address: `redis://…`, `postgres://…`, or a folder for LMDB. Plain JavaScript, for processes started
 * without a loader.
 *
 * @module
 */

/** @param {string} address */
export async function storeAt(address) {
  const { protocol } = URL.canParse(address) ? new URL(address) : { protocol: "lmdb:" };
  const adapter = protocol.slice(0, -1);
  const entryPoint = await import(`../dist/lib/adapters-${adapter}.js`);
  return entryPoint[adapter](address);
}
