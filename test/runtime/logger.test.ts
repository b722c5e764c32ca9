import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import type { Logger } from "oneup-lifecycle";
import { loggerTo, type LogLine } from "../support/loggers.ts";
import { onDisk } from "../support/on-disk.ts";
import { folder, scene } from "../support/scene.ts";

const id = "ada@example.org";

/** An answer that is about another user. */
const another = { success: true, code: "x", app_user_id: "bob@example.org", oneup_user_id: 99, active: true };

describe("logger", () => {
  it("may be a logger of pino, as it is: each line is an object with the fields and the message", async () => {
    const lines: Record<string, unknown>[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>); // pino writes one object a line
        done();
      },
    });
    const logger = pino({ base: null, timestamp: false }, stream);
    const { lifecycle, sandbox, close } = await createTestLifecycle({ lifecycle: { logger } });
    sandbox.fail({ call: "createUser", status: 429, headers: { "retry-after": "60" } });
    await lifecycle.onboard(id, { waitMs: 3_600_000 });
    const [shut, open] = lines.filter(({ gate }) => gate === "management");
    expect(shut).toEqual({
      level: 40,
      gate: "management",
      reason: "throttled",
      retryAt: expect.stringMatching(/^2\d{3}-\d\d-\d\dT.*Z$/) as string,
      call: "createUser",
      host: expect.any(String) as string,
      code: "http_429",
      msg: expect.stringMatching(
        /^The account's management gate is shut \(throttled\): createUser at \S+ failed: http_429; next try in 60 s; what to do: if the limit of 1upHealth is lower/,
      ) as string,
    });
    expect(open).toEqual({
      level: 30,
      gate: "management",
      msg: "The account's management gate is open again",
    });
    await close();
  });

  it("may be console", () => {
    const logger: Logger = console;
    expect(typeof logger.error).toBe("function");
  });

  it("names a user by its alias and state, and the call by its name", async () => {
    const lines: LogLine[] = [];
    const { lifecycle, sandbox, close } = await createTestLifecycle({
      lifecycle: { logger: loggerTo((line) => lines.push(line)) },
    });
    sandbox.fail({ call: "createUser", status: 200, body: another });
    await lifecycle.onboard(id, { waitMs: 3_600_000 });
    const user = lifecycle.alias(id);
    expect(lines.find(({ call }) => call === "createUser")).toEqual({
      level: "warn",
      user,
      state: "created",
      call: "createUser",
      message: `The answer to createUser for user ${user} is about another user of 1upHealth: it is not used, and the call is in doubt`,
    });
    expect(JSON.stringify(lines)).not.toMatch(/example\.org|sandbox-client/);
    await close();
  });

  it.each(["debug", "info", "warn", "error"])("needs the method %s", async (level) => {
    const logger = { ...loggerTo(() => {}), [level]: undefined };
    await expect(createTestLifecycle({ lifecycle: { logger } })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("debug, info, warn, error") as string,
    });
  });
});

describe("a store that is used for the first time", () => {
  it("is named in the log, once, because a mistyped place begins one as well", async () => {
    const lines: LogLine[] = [];
    const { open } = await scene();
    const path = folder("a-new-store");
    const options = { ...onDisk(path), logger: loggerTo((line) => lines.push(line)) };
    await (await open(options)).close();
    await (await open(options)).close();
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ["info", `Began a new store (lmdb in ${join(path, "store")}): no user of this client id is in it yet`],
    ]);
  });

  it("is refused where it must exist, before and after it was there, and nothing is begun", async () => {
    const { open } = await scene();
    const path = folder("must-exist");
    const options = { ...onDisk(path), storeMustExist: true };
    const refused = {
      code: "STORE_UNUSABLE",
      message: expect.stringContaining("restore its backup") as string,
    };
    await expect(open(options)).rejects.toMatchObject(refused);
    await expect(open(options)).rejects.toMatchObject(refused);
    await (await open({ ...options, storeMustExist: false })).close();
    await (await open(options)).close();
    await rm(join(path, "store"), { recursive: true });
    await expect(open(options)).rejects.toMatchObject(refused);
  });
});
