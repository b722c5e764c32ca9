/**
 * The library with everything on: the user and its token are in LMDB.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lmdb } from "../../../dist/lib/adapters-lmdb.js";
import { createLifecycle, keyFile } from "../../../dist/lib/index.js";

/** @type {import("./side.ts").FhirPeer["open"]} */
export async function open({ url }) {
  const folder = await mkdtemp(join(tmpdir(), "oneup-bench-"));
  const lifecycle = await createLifecycle({
    credentials: { clientId: "0123456789abcdef", clientSecret: "fedcba9876543210" },
    store: lmdb(join(folder, "store")),
    encryption: keyFile(join(folder, "key")),
    endpoints: { api: url, auth: url },
  });
  const user = "ada@example.org";
  await lifecycle.onboard(user);
  const fhir = lifecycle.fhir(user, "r4");
  return {
    read: (type, id) => fhir.read(type, id),
    create: (resource) => fhir.create(resource),
    update: (resource) => fhir.update(resource),
    async walk(type) {
      let found = 0;
      for await (const { resources } of fhir.searchPages(type)) {
        for (const { id } of resources) if (id !== undefined) found++;
      }
      return found;
    },
    async close() {
      await lifecycle.close();
      await rm(folder, { recursive: true });
    },
  };
}
