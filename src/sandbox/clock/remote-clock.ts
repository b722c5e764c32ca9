/** Follows the sandbox's clock from another process. */

import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { onAbort } from "../../abort.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { LifecycleError } from "../../errors.ts";
import { parseObject } from "../base/message.ts";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.ts";

/** One reading of the sandbox's clock: a line of `GET /_sandbox/clock?follow`. */
export interface ClockReading {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How far it is ahead of the machine's clock, in milliseconds. */
  readonly offset: number;
  /** Whether it moves by itself. */
  readonly running: boolean;
}

/** Options of {@link connectSandboxClock}. */
export interface ConnectClockOptions {
  /** Cancels the connection attempt, and later the following. */
  readonly signal?: AbortSignal | undefined;
}

/** A clock that follows another process's sandbox. */
export interface RemoteClock extends Clock {
  /**
   * Stops following; the clock runs on from its current time.
   *
   * @example
   * ```ts
   * import { connectSandboxClock, createSandbox } from "oneup-lifecycle/sandbox";
   *
   * const server = await createSandbox().listen();
   * const clock = await connectSandboxClock(server.url);
   * clock.close();
   * await server.close();
   * ```
   */
  close(): void;
}

/**
 * Follows the clock of a sandbox that listens at `url` (its {@link SandboxServer.url}) on this machine. Timers of this
 * clock fire early when the sandbox's clock jumps past them. The connection does not keep the process alive.
 *
 * @throws {LifecycleError} `UNAVAILABLE` if no sandbox responds at `url`
 * @throws the signal's reason when `signal` aborts before the first reading
 * @example
 * ```ts
 * import { connectSandboxClock, createSandbox } from "oneup-lifecycle/sandbox";
 *
 * const sandbox = createSandbox();
 * const server = await sandbox.listen();
 * const clock = await connectSandboxClock(server.url); // in a process of its own
 * sandbox.clock.advance(7_200_000);
 * clock.close();
 * await server.close();
 * ```
 */
export function connectSandboxClock(url: string, options: ConnectClockOptions = {}): Promise<RemoteClock> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    let clock: VirtualClock | undefined;
    const call: ClientRequest = request(new URL("/_sandbox/clock?follow", url), { agent: false });
    function close(): void {
      unhear?.();
      call.destroy();
      if (clock === undefined) reject(signal?.aborted ? signal.reason : refuse(url));
    }
    const unhear = signal && onAbort(signal, close);
    call.on("error", (cause) => reject(refuse(url, cause)));
    call.on("response", (answer: IncomingMessage) => {
      const lines = createInterface({ input: answer });
      for (const each of [answer, lines]) each.on("error", () => {}); // the sandbox is gone: the clock runs on from its current time
      answer.on("close", close);
      lines.on("line", (line) => {
        const reading = readReading(line);
        if (reading === undefined) return close();
        if (clock !== undefined) return follow(clock, reading);
        clock = createVirtualClock({ now: reading.now, running: reading.running });
        follow(clock, reading);
        answer.socket.unref();
        const { now, monotonic, timer, random } = clock;
        resolve({ now, monotonic, timer, random, close });
      });
    });
    call.end();
  });
}

function follow(clock: VirtualClock, reading: ClockReading): void {
  clock.set(reading.running ? systemClock.now() + reading.offset : reading.now);
}

function readReading(line: string): ClockReading | undefined {
  const { now, offset, running } = parseObject(line) ?? {};
  if (typeof now !== "number" || typeof offset !== "number" || typeof running !== "boolean") return undefined;
  return { now, offset, running };
}

function refuse(url: string, cause?: unknown): LifecycleError {
  return new LifecycleError(
    "UNAVAILABLE",
    `Cannot follow the sandbox's clock: no sandbox answers at ${url}`,
    cause === undefined ? { retryable: true } : { retryable: true, cause },
  );
}
