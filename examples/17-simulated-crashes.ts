// Two sign-up handlers are played against crashes, lost responses and a store that refuses. One sends a welcome mail once;
// the other one sends it twice now and then, and the seed that shows it plays the same story again.
//
//   npm run example 17-simulated-crashes
import assert from "node:assert/strict";
import { simulate, SimulationError, type AppProcess, type World } from "oneup-lifecycle/testing/simulate";

/** What outlives a process: the application's own table, and a provider of mails that knows idempotency keys. */
class Outside {
  readonly welcomed = new Set<string>();
  readonly mails: string[] = [];
  readonly #keys = new Set<string>();

  send(to: string, key?: string): void {
    if (key !== undefined && this.#keys.has(key)) return;
    if (key !== undefined) this.#keys.add(key);
    this.mails.push(to);
  }
}

type SignUp = (process: AppProcess, outside: Outside) => Promise<void>;

/** It looks before it sends: not enough for a crash between sending and noting, or for a double click. */
async function careless({ lifecycle, step }: AppProcess, outside: Outside): Promise<void> {
  while (!(await lifecycle.onboard("ada")).usable);
  if (await step("looks whether the mail was sent", () => outside.welcomed.has("ada"))) return;
  await step("sends the mail", () => outside.send("ada"));
  await step("notes that it was sent", () => void outside.welcomed.add("ada"));
}

/** The same, but the provider is told by a key which mail it is. */
async function careful({ lifecycle, step }: AppProcess, outside: Outside): Promise<void> {
  while (!(await lifecycle.onboard("ada")).usable);
  if (await step("looks whether the mail was sent", () => outside.welcomed.has("ada"))) return;
  await step("sends the mail", () => outside.send("ada", "welcome ada"));
  await step("notes that it was sent", () => void outside.welcomed.add("ada"));
}

/** A double click, in two processes. Afterwards the application's own promises are judged. */
function scenario(signUp: SignUp) {
  return async ({ process, sandbox }: World): Promise<void> => {
    const outside = new Outside();
    await Promise.all([process((one) => signUp(one, outside)), process((other) => signUp(other, outside))]);
    assert.equal(outside.mails.length, 1, `${outside.mails.length} mails were sent`);
    assert.deepEqual(sandbox.journal.createdTwice(), []);
  };
}

/** The first seed in which something is wrong. */
async function findingOf(seeds: number | readonly number[], signUp: SignUp): Promise<SimulationError> {
  try {
    await simulate({ seeds, scenario: scenario(signUp) });
  } catch (error) {
    if (error instanceof SimulationError) return error;
    throw error;
  }
  throw new Error("The simulation found nothing");
}

const { seeds, crashes } = await simulate({ seeds: 100, scenario: scenario(careful) });
console.log(
  `careful: one mail in each of ${seeds} seeds${crashes > 100 ? ", with more than 100 crashes" : ""}`,
);

const finding = await findingOf(100, careless);
console.log(finding.message);
const again = await findingOf([finding.seed], careless);
console.log(
  again.message === finding.message ? "the same, step by step, when it is played again" : "another",
);
