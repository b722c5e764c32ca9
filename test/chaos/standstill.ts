/** A process that stands still for so long that its calls may time out, or those that reach it, for want of a processor. */

/** How long is too long, in milliseconds: a third of the time a call may take. */
const tooLongMs = 500;
const pollMs = 50;

/** Tells how long this process stood still, each time that it was too long, until the function it returns is called. */
export function onStandstill(tell: (ms: number) => void): () => void {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - last > pollMs + tooLongMs) tell(now - last);
    last = now;
  }, pollMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Lets this process stand still. */
export function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
