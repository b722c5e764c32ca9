/**
 * The library as shipped: the built JavaScript. Run from source, it would contain the loader's wrappers around its
 * functions, which users do not run.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const built = new URL("../dist/lib/", import.meta.url);

/** The built entry point. */
export const frontDoor: URL = new URL("index.js", built);

if (!existsSync(fileURLToPath(frontDoor))) {
  throw new Error("Cannot measure: the library is not built; run `npm run build` first");
}

/** An application's imports, from the built files. The types are those of the source. */
export const { createLifecycle, isLifecycleError, keyFile }: typeof import("oneup-lifecycle") = await import(
  frontDoor.href
);
export const { createSandbox }: typeof import("oneup-lifecycle/sandbox") = await import(
  new URL("sandbox.js", built).href
);
export const { createInspector }: typeof import("oneup-lifecycle/inspector") = await import(
  new URL("inspector.js", built).href
);
export const { createTestLifecycle }: typeof import("oneup-lifecycle/testing") = await import(
  new URL("testing.js", built).href
);
export const { redis }: typeof import("oneup-lifecycle/adapters/redis") = await import(
  new URL("adapters-redis.js", built).href
);
export const { postgres }: typeof import("oneup-lifecycle/adapters/postgres") = await import(
  new URL("adapters-postgres.js", built).href
);
export const { lmdb }: typeof import("oneup-lifecycle/adapters/lmdb") = await import(
  new URL("adapters-lmdb.js", built).href
);
