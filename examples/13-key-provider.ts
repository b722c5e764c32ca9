// Keys that never leave a key service: rotate them, retire the old one, and replace the store's own key.
//
//   npm run example 13-key-provider       or       deno run -A examples/13-key-provider.ts
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLifecycle, type KeyProvider } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";

// In production these few lines call your key service. With AWS KMS, for example: wrap() sends
// EncryptCommand({ KeyId, Plaintext: key, EncryptionContext: { context } }) and returns { by: KeyId, wrapped: CiphertextBlob };
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
    if (secret === undefined) throw new Error(`the key ${by} no longer exists`);
    const cipher = createDecipheriv("aes-256-gcm", secret, wrapped.subarray(0, 12), { authTagLength: 16 });
    cipher.setAAD(Buffer.from(context)).setAuthTag(wrapped.subarray(12, 28));
    return Buffer.concat([cipher.update(wrapped.subarray(28)), cipher.final()]);
  },
};

// A local 1upHealth, so that this example runs anywhere.
const sandbox = createSandbox();
const server = await sandbox.listen();
const folder = await mkdtemp(join(tmpdir(), "key-provider-"));

const lifecycle = await createLifecycle({
  credentials: sandbox.credentials,
  endpoints: server.endpoints,
  clock: sandbox.clock, // remove this in production
  store: lmdb(folder),
  encryption: provider,
});

try {
  await lifecycle.onboard("ada@example.org");
  console.log("wrapped by:", (await lifecycle.keys.list()).map(({ id }) => id).join());

  // Every year: a new key in the service, then one small write, whatever the number of users.
  service.set("key-2026", randomBytes(32));
  await lifecycle.rotateKeys();
  console.log("wrapped by:", (await lifecycle.keys.list()).map(({ id }) => id).join());

  // The store no longer needs the old key, which retire() verifies. Older backups do, so keep the key as long as they exist.
  await lifecycle.keys.retire("key-2025");
  service.delete("key-2025");

  // If the store's own key may have leaked: all users are encrypted with a new one while processes keep running. This takes
  // at least ten seconds, until no process can still use the old key; here the clock is moved instead.
  const hurry = setInterval(() => sandbox.clock.advance(10_000), 10);
  const { resealed, dropped } = await lifecycle.rotateKeys({ records: true });
  clearInterval(hurry);
  console.log(`re-encrypted: ${resealed} user, dropped: ${dropped} store key`);
  console.log(`usable: ${(await lifecycle.inspect("ada@example.org")).usable}`);
} finally {
  await lifecycle.close();
  await server.close();
  await rm(folder, { recursive: true });
}
