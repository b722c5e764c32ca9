import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ServerTime } from "../../src/store/server-time.ts";
import { stepMs } from "../../src/store/slot-log.ts";
import { manualClock } from "../../src/testing/index.ts";

const second = 1_000;

/** A request: how long after the last, its way there and back, ms; and by how much the server's clock was set before. */
const request = fc.record({
  afterMs: fc.integer({ min: 0, max: 600 * second }),
  thereMs: fc.integer({ min: 0, max: 9 * second }),
  backMs: fc.integer({ min: 0, max: 9 * second }),
});

/** A server and a process. `rate`: by how much of its speed the server's clock is too fast. */
function scene(rate: number) {
  const clock = manualClock();
  let [setMs, suspendedMs] = [0, 0];
  const time = new ServerTime(clock, () => suspendedMs);
  const server = (): number => Math.floor(1e12 + clock.monotonic() * (1 + rate) + setMs);
  return {
    time,
    server,
    set: (ms: number) => (setMs += ms),
    /** The machine of the process sleeps: its monotonic clock stands still. */
    sleep(ms: number) {
      setMs += ms;
      suspendedMs += ms;
    },
    async play({ afterMs, thereMs, backMs }: { afterMs: number; thereMs: number; backMs: number }) {
      await clock.advance(afterMs);
      const [sentAt, known] = [clock.monotonic(), time.known()];
      const before = server();
      await clock.advance(thereMs);
      const at = server();
      await clock.advance(backMs);
      time.observe(at, sentAt);
      return { known, before, at };
    },
  };
}

describe("store/server-time", () => {
  it("observe() takes no slow answer for a step, nor that the machine slept", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(request, fc.constantFrom(0, 0, 60 * second))),
        fc.constantFrom(-0.000_4, 0),
        async (requests, rate) => {
          const { time, play, sleep } = scene(rate);
          for (const [each, sleptMs] of requests) {
            sleep(sleptMs);
            const { known, before } = await play(each);
            expect(time.past.steps?.ms).toBe(0);
            if (known !== null) expect(known.latest + sleptMs).toBeGreaterThanOrEqual(before - 1);
          }
        },
      ),
    ));

  it("observe() notices a step forward, at once or where its answer was slow with the next", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1 }),
        request,
        fc.integer({ min: 2 * stepMs, max: 60 * second }),
        async (requests, slow, step) => {
          const { time, set, play } = scene(0);
          for (const each of requests) await play(each);
          await play({ afterMs: 10, thereMs: 1, backMs: 1 });
          set(step);
          await play({ ...slow, afterMs: 10 });
          await play({ afterMs: 10, thereMs: 1, backMs: 1 });
          expect(time.past.steps?.ms).toBeGreaterThanOrEqual(step - 1);
          expect(time.past.steps?.ms).toBeLessThanOrEqual(step + slow.thereMs + 2);
        },
      ),
    ));

  it("known() expects no slow answer for long because one was slow", async () => {
    const { time, play } = scene(0);
    await play({ afterMs: 0, thereMs: 1, backMs: 30 * second });
    for (let answers = 0; answers < 8; answers++) await play({ afterMs: second, thereMs: 1, backMs: 1 });
    expect(time.known()?.slackMs).toBeLessThan(stepMs + second);
  });

  it("known() lets a request that was too slow pass the second time", () =>
    fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1 }), request, async (requests, slow) => {
        const { time, play } = scene(0);
        for (const each of requests) await play(each);
        const isSure = ({ known, at }: Awaited<ReturnType<typeof play>>): boolean =>
          known === null || at - known.latest <= known.slackMs;
        await play(slow);
        expect(isSure(await play({ ...slow, afterMs: 0 }))).toBe(true);
        expect(time.past.steps?.ms).toBe(0);
      }),
    ));
});
