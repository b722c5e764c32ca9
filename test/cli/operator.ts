/** A store with users in it, and commands on it, as the operator on call runs them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createLifecycle, type Lifecycle, type LifecycleOptions, type UserStatus } from "oneup-lifecycle";
import { createSandbox, type Sandbox, type SandboxServer } from "oneup-lifecycle/sandbox";
import { vi } from "vitest";
import { perform } from "../../src/cli/perform.ts";
import { at, type Place } from "../support/places.ts";
import { afterwards, folder } from "../support/scene.ts";
import { start, type Ended, type Started } from "../support/started.ts";

/** How a command ended. */
export type Performed = Pick<Ended, "out" | "err"> & { readonly code: number };

/** The words of a command, and the environment. */
export interface Operator {
  /** Starts a command as a process; see {@link start} for `input`. */
  begin(words: readonly string[], input?: string): Started;
  /** Runs a command in this process, until `signal` aborts; `env` goes before the usual environment. One at a time. */
  run(
    words: readonly string[],
    env?: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Performed>;
  /** A lifecycle of this process on the same store. */
  open(more?: Partial<LifecycleOptions>): Promise<Lifecycle>;
  /** Everything that must stand in no output. */
  secrets(): readonly string[];
}

/** The operator on call for the users at this place, and this 1upHealth. */
export function operatorAt(place: Place, sandbox: Sandbox, server: SandboxServer): Operator {
  const { clientId, clientSecret } = sandbox.credentials;
  const where =
    place.type === "lmdb"
      ? { ONEUP_STORE: join(place.path, "store"), ONEUP_KEY_FILE: join(place.path, "key") }
      : { ONEUP_STORE: "url" in place ? place.url : "", ONEUP_KEY: place.key };
  const usual = { ONEUP_CLIENT_ID: clientId, ONEUP_CLIENT_SECRET: clientSecret, ...where };
  return {
    begin: (words, input) => start("src/cli/main.ts", words, usual, undefined, input),
    run: (words, env = {}, signal) => performed(words, { ...usual, ...env }, signal),
    open: (more = {}) =>
      createLifecycle({
        credentials: sandbox.credentials,
        endpoints: server.endpoints,
        ...at(place),
        ...more,
      }),
    secrets() {
      const { codes, accessTokens, refreshTokens } = sandbox.snapshot().grants;
      const tokens = [...accessTokens, ...refreshTokens].map(({ token }) => token);
      const key = place.type === "lmdb" ? readFileSync(join(place.path, "key"), "utf8").trim() : place.key;
      return [clientSecret, key, ...codes.map(({ code }) => code), ...tokens];
    },
  };
}

/** A store on LMDB in which Ada and Bob have tokens, and its operator. */
export interface OperatorStage {
  readonly sandbox: Sandbox;
  readonly server: SandboxServer;
  readonly operator: Operator;
  /** The folder of the store and its key. */
  readonly path: string;
  /** Runs a command with the words that reach the sandbox. */
  act(...words: readonly string[]): Promise<Performed>;
  inspect(id: string): Promise<UserStatus>;
}

/** See {@link OperatorStage}. */
export async function operatorStage(): Promise<OperatorStage> {
  const sandbox = createSandbox({ clientSecret: "a-secret-of-its-own" });
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const path = folder("cli-operator");
  const operator = operatorAt({ type: "lmdb", path }, sandbox, server);
  const lifecycle = await operator.open();
  for (const id of ["ada", "bob"]) await lifecycle.onboard(id);
  await lifecycle.close();
  return {
    sandbox,
    server,
    operator,
    path,
    act: (...words) => operator.run(words, { ONEUP_API: server.url }),
    async inspect(id) {
      const looking = await operator.open();
      const found = await looking.inspect(id);
      await looking.close();
      return found;
    },
  };
}

/** Runs a command in this process, one at a time: what it prints, and its exit code. */
export async function performed(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Performed> {
  let [out, err] = ["", ""];
  const log = vi.spyOn(console, "log").mockImplementation((line: string) => void (out += `${line}\n`));
  const error = vi.spyOn(console, "error").mockImplementation((line: string) => void (err += `${line}\n`));
  for (const name of ["ONEUP_KEY", "ONEUP_KEY_FILE"]) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries({ NO_COLOR: "1", ...env })) vi.stubEnv(name, value);
  try {
    const code = await perform(words, signal, import.meta.url);
    return { code, out, err };
  } finally {
    vi.unstubAllEnvs();
    log.mockRestore();
    error.mockRestore();
  }
}
