import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { type Transport, type TransportResponse, undiciTransport } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { createActor, toPromise } from "xstate";
import { onDisk } from "../support/on-disk.ts";
import { folder, hurry, scene } from "../support/scene.ts";
import { loggerTo } from "../support/loggers.ts";

/** A transport that notes every secret that passes: codes and tokens of the answers. */
function listening(secrets: Set<string>): Transport {
  const inner = undiciTransport();
  return {
    async send(request): Promise<TransportResponse> {
      const answer = await inner.send(request);
      for (const [, secret] of answer.text.matchAll(/"(?:code|access_token|refresh_token)":"([^"]+)"/g)) {
        if (secret !== undefined) secrets.add(secret);
      }
      return answer;
    },
    close: () => inner.close?.() ?? Promise.resolve(),
  };
}

function filesUnder(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe("a secret", () => {
  it("is found in no file, log line, error, status, printed object or journal", async () => {
    const path = folder("leaks");
    const secrets = new Set<string>(["sandbox-secret"]);
    const said: string[] = [];
    const note = (...things: unknown[]): void => {
      for (const thing of things)
        said.push(inspect(thing, { depth: 20, showHidden: true }), JSON.stringify(thing) ?? "");
    };
    const { sandbox, server, open } = await scene();
    const logger = loggerTo(note);
    const lifecycle = await open({ ...onDisk(path), transport: listening(secrets), logger });
    lifecycle.subscribe(note);

    for (const id of ["ada", "bob", "eve"]) note(await lifecycle.onboard(id));
    const actor = createActor(lifecycle.actor, {
      input: { appUserId: "zoe" },
      inspect: (event) => note("snapshot" in event && event.snapshot, "event" in event && event.event),
    });
    actor.subscribe((snapshot) => note(snapshot, actor.getPersistedSnapshot()));
    note(await toPromise(actor.start()));
    for (const fault of [
      { call: "refreshToken", status: 500, body: { error: "planted" } },
      { call: "refreshToken", drop: "after" },
      {
        call: "exchangeCode",
        status: 400,
        body: { error: "invalid_grant", error_description: "Invalid code" },
      },
    ] as const)
      sandbox.fail(fault);
    sandbox.clock.advance(3 * 3_600_000);
    hurry(sandbox);
    await lifecycle.accessToken("ada", { waitMs: 36_000_000 });
    sandbox.fail({ call: "fhir.read", times: 9, status: 401, body: "" });
    note(
      await lifecycle
        .fhir("ada", "r4")
        .read("Patient", "x")
        .catch((error: unknown) => error),
    );
    note(await lifecycle.rename("bob", "robert"), await lifecycle.reauthorize("eve"));
    note(await lifecycle.onboard("bob").catch((error: unknown) => error));
    await lifecycle.close();
    const wrong = await open({
      ...onDisk(path),
      credentials: { clientId: "sandbox-client", clientSecret: "planted-wrong" },
      logger,
    });
    secrets.add("planted-wrong");
    note(await wrong.onboard("new").catch((error: unknown) => error), wrong);
    await wrong.close();
    await server.close();
    const away = await open({ ...onDisk(path), logger });
    note(
      await away.onboard("later", { waitMs: 50 }),
      await away.remote.find({ appUserId: "x" }).catch((error: unknown) => error),
    );
    await away.close();
    note(sandbox.journal.entries(), sandbox.users());

    expect(secrets.size).toBeGreaterThan(12);
    const key = readFileSync(join(path, "key"), "utf8").trim();
    const files = filesUnder(path)
      .filter((file) => file !== join(path, "key"))
      .map((file) => ({ file, text: readFileSync(file, "latin1") }));
    expect(files.some(({ text }) => text.includes("tokenActive"))).toBe(true);
    for (const secret of [...secrets, key]) {
      const base64 = Buffer.from(secret).toString("base64").replace(/=+$/, "");
      expect(files.filter(({ text }) => text.includes(secret) || text.includes(base64))).toEqual([]);
      expect(said.filter((line) => line.includes(secret))).toEqual([]);
    }
  });

  it("is missing from logs together with the ids of users", async () => {
    const lines: string[] = [];
    const note = (line: object): void => void lines.push(JSON.stringify(line));
    const { sandbox, open } = await scene();
    const lifecycle = await open({ logger: loggerTo(note) });
    await lifecycle.onboard("ada@example.org");
    sandbox.clock.advance(3 * 3_600_000);
    sandbox.fail({ call: "refreshToken", times: 9, status: 401, body: { error: "invalid_client" } });
    const error = await lifecycle
      .accessToken("ada@example.org", { waitMs: 10 })
      .catch((reason: unknown) => reason);
    expect(inspect(error)).toContain(lifecycle.alias("ada@example.org"));
    expect(inspect(error) + lines.join()).not.toContain("example.org");
  });
});
