// Keys that never leave a key service: rotate them, retire the old one, and replace the store's own key.
//
//   npm run example 13-key-provider       or       deno run -A examples/13-key-provider.ts
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLifecycle } from "oneup-lifecycle";
import type { KeyProvider } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";

// In production these few lines are calls of your key service. With AWS KMS, say: wrap() sends
// EncryptCommand({ KeyId, Plaintext: key, EncryptionContext: { context } }) and gives { by: KeyId, wrapped: CiphertextBlob };
// unwrap() sends DecryptCommand({ KeyId: by, CiphertextBlob: wrapped, EncryptionContext: { context } }).
const service = new Map([["key-2025", randomBytes(32)]]);
const newest = (): [string, Buffer] => [...service].at(-1) ?? ["none", Buffer.alloc(0)];

const provider: KeyProvider = {
  async wrap(key, context) {
    const [by, secret] = newest();
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", secret, nonce).setAAD(Buffer.from(context));
    const text = Buffer.concat([cipher.update(key), cipher.final()]);
    return { by, wrapped: Buffer.concat([nonce, cipher.getAuthTag(), text]) };
  },
  async unwrap({ by, wrapped }, context) {
    const secret = service.get(by);
    if (secret === undefined) throw new Error(`there is no ${by} any more`);
    const cipher = createDecipheriv("aes-256-gcm", secret, wrapped.subarray(0, 12), { authTagLength: 16 });
    cipher.setAAD(Buffer.from(context)).setAuthTag(wrapped.subarray(12, 28));
    return Buffer.concat([cipher.update(wrapped.subarray(28)), cipher.final()]);
  },
};

// A local 1upHealth, so that this runs anywhere.
const sandbox = createSandbox();
const server = await sandbox.listen();
const folder = await mkdtemp(join(tmpdir(), "key-provider-"));

const lifecycle = await createLifecycle({
  credentials: sandbox.credentials,
  endpoints: server.endpoints,
  clock: sandbox.clock, // in production leave it out
  store: lmdb(folder),
  encryption: provider,
});

try {
  await lifecycle.onboard("ada@example.org");
  console.log("wrapped by:", (await lifecycle.keys.list()).map(({ id }) => id).join());

  // Every year: a new key in the service, then one small write, however many users there are.
  service.set("key-2026", randomBytes(32));
  await lifecycle.rewrap();
  console.log("wrapped by:", (await lifecycle.keys.list()).map(({ id }) => id).join());

  // The store needs the old key no more: retire() makes sure of it. Older backups do, so keep it as long as them.
  await lifecycle.keys.retire("key-2025");
  service.delete("key-2025");

  // If the store's own key may be known to somebody: every user is sealed anew while everybody works. It takes ten
  // seconds at least, until no process can have the old key in hand; here the clock is moved instead.
  await lifecycle.upgradeFormat(); // once every process runs this release
  const hurry = setInterval(() => sandbox.clock.advance(10_000), 10);
  const { resealed, dropped } = await lifecycle.rewrap({ records: true });
  clearInterval(hurry);
  console.log(`sealed anew: ${resealed} user, dropped: ${dropped} store key`);
  console.log(`usable: ${(await lifecycle.inspect("ada@example.org")).usable}`);
} finally {
  await lifecycle.close();
  await server.close();
  await rm(folder, { recursive: true });
}
