/**
 * The application exports the data of people in bulk and stores the cursor with each resource. Its processes die, stand
 * still or leave the loop meanwhile, and another one goes on from the cursor. Each resource comes once; none is skipped, and
 * only the one at the cursor comes again. Files at another host are read without credentials. What something on the way
 * answers in place of a list or of a file ends no export for good.
 */
import { isLifecycleError } from "oneup-lifecycle";
import type { Fault, SandboxOptions } from "oneup-lifecycle/sandbox";
import type { Incoming } from "../../src/sandbox/base/message.ts";
import { latest } from "../../src/sandbox/resources/stored-resource.ts";
import type { Person } from "./people.ts";
import type { Fit, Stage } from "./stage.ts";
import { Dice, hour, minute, second } from "./time.ts";

/** The host that exports. */
export const analyticsHost = "https://analytics.1up.health";
/** Where files are in some stories. */
export const filesHost = "https://files.example.com";

/** Errors that no fault causes. */
const unfair: readonly string[] = ["INVALID_OPTION", "INVALID_RESOURCE", "NOT_DECLARED"];
/** Longer than an attempt takes, with all its repetitions and waits, ms. */
const patienceMs: number = 2 * hour;

/** How a server exports in this story. */
export function exportBehaviour(dice: Dice): SandboxOptions {
  return {
    exportFileSize: dice.between(1, 6),
    exportKickOff: dice.pick(["files", "job"] as const),
    exportMs: dice.pick([0, 20 * second, 5 * minute]),
    exportRanges: dice.hits(0.7),
    exportLinks: dice.pick(["usual", { origin: filesHost }] as const),
    exportLinkMs: dice.pick([Infinity, minute]),
  };
}

/** What comes in place of a list or of a file. */
const instead: readonly Fault[] = [
  {
    status: 200,
    headers: { "content-type": "text/html" },
    body: "<!DOCTYPE html>\n<html><head><title>Back soon</title></head>\n<body>Try again</body>\n</html>\n",
  },
  { status: 200, body: "\n\n<html>\n<body>Bad Gateway</body>\n</html>" },
  { status: 200, body: "" },
  { status: 200, body: '{"output":[{"type":"Obser' },
];

/** What something on the way answers in place of the server, once. */
export function insteadOfExports({ method, path }: Incoming, dice: Dice): Fault | undefined {
  const isOfExport = method === "GET" && /^\/(?:bulk-data|signed)\//.test(path);
  return isOfExport && dice.hits(0.1) ? dice.pick(instead) : undefined;
}

export class BulkExports {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  begin(people: readonly Person[]): void {
    const { scenario, time } = this.#stage;
    if (!scenario.kinds.includes("bulkExports")) return;
    for (const person of people) {
      const dice = new Dice(scenario.seed, `exports of ${person.id}`);
      // The application may have the wrong number of a person that it had connected before.
      if (!person.wasConnected) time.after(dice.between(minute, 2 * hour), () => this.#visit(person, dice));
    }
  }

  #visit(person: Person, dice: Dice): void {
    const { handler, isOver, time } = this.#stage;
    if (isOver) return;
    const { oneupUserId } = handler.world.users.find(person.id) ?? {};
    if (person.hasArrived && oneupUserId !== undefined)
      new OneExport(this.#stage, person, oneupUserId, dice).goOn();
    else time.after(dice.between(minute, hour), () => this.#visit(person, dice));
  }
}

/** Is it the end of an export over an answer? One that nests too deep is not a page, and may stay so. */
function isFinal(error: unknown): boolean {
  if (!isLifecycleError(error, "BAD_ANSWER") || error.retryable) return false;
  return error.failedCall?.code !== "ANSWER_TOO_DEEP";
}

/** The export of one person, through all processes that read it. */
class OneExport {
  readonly #stage: Stage;
  readonly #person: Person;
  readonly #owner: number;
  readonly #dice: Dice;
  readonly #added: readonly string[];
  #read: string[] = [];
  /** What the application has stored. */
  #cursor: string | undefined;
  /** Only the latest attempt may store. */
  #attempt = 0;
  #failures = 0;

  constructor(stage: Stage, person: Person, owner: number, dice: Dice) {
    this.#stage = stage;
    this.#person = person;
    this.#owner = owner;
    this.#dice = dice;
    const { world } = stage.handler;
    this.#added = Array.from({ length: dice.between(0, 40) }, () => {
      const text = "ü€😀".repeat(dice.between(0, 100));
      const resource = { resourceType: "Observation", status: "final", code: { text } };
      const written = JSON.stringify(resource);
      return world.resources.create(owner, "r4", "Observation", written, world.now(), { atOnce: true }).id;
    });
  }

  goOn(): void {
    const { fit, isOver, time } = this.#stage;
    if (isOver) return;
    if (fit.length === 0) return void time.after(minute, () => this.goOn());
    const one = this.#dice.pick(fit);
    const attempt = ++this.#attempt;
    const isCurrent = (): boolean => attempt === this.#attempt;
    const end = (isWhole: boolean): void => {
      stop();
      if (!isCurrent()) return;
      if (isWhole) this.#judge(one);
      else time.after(this.#dice.between(second, 20 * minute), () => this.goOn());
    };
    const stop = this.#watch(one, isCurrent, () => end(false));
    const failed = (error: unknown): boolean => {
      if (isCurrent()) this.#failed(one, error);
      return false;
    };
    void this.#attend(one, isCurrent).catch(failed).then(end);
  }

  /** Another process goes on for one that has died, or stands still. */
  #watch({ life }: Fit, isCurrent: () => boolean, goOn: () => void): () => void {
    const { judge, time } = this.#stage;
    let isOn = true;
    const begunAt = time.now;
    const look = (): void => {
      if (!isOn || !isCurrent()) return;
      if (!life.alive) return goOn();
      if (time.now - begunAt > patienceMs && !life.hasStalled)
        judge.blame(`P2: an export of ${this.#person.id} by ${life.name} never ends`);
      time.after(minute, look);
    };
    time.after(minute, look);
    return () => (isOn = false);
  }

  /** Reads on from the cursor, and stores it with each resource. Resolves with whether all has been read. */
  async #attend({ life, lifecycle }: Fit, isCurrent: () => boolean): Promise<boolean> {
    const { trace } = this.#stage;
    const fhir = lifecycle.fhir(this.#person.id, "r4", { analytics: `${analyticsHost}/bulk-data` });
    let known = this.#cursor === undefined ? undefined : this.#read.at(-1);
    trace.note(life.name, `an export of ${this.#person.id} from ${this.#read.length}?`);
    const exported = fhir.bulkExport({ types: ["Observation"], cursor: this.#cursor });
    for await (const { id = "" } of exported) {
      if (!isCurrent()) return false;
      if (known === undefined) this.#read.push(id);
      else if (known !== id) this.#blame(`goes on with ${id} behind ${known}`);
      known = undefined;
      this.#cursor = exported.cursor;
      this.#failures = 0;
      if (this.#dice.hits(0.1)) return false; // the application leaves the loop
      if (this.#dice.hits(0.4))
        await new Promise<void>((resolve) => life.hear(this.#dice.between(1, minute), resolve));
    }
    return true;
  }

  /** After some failures without progress it begins anew. */
  #failed({ life }: Fit, error: unknown): void {
    const { judge, trace } = this.#stage;
    judge.read(`an error of ${life.name}`, `${String(error)} ${JSON.stringify(error)}`);
    trace.note(life.name, `an export of ${this.#person.id}: ${String(error)}`);
    const isUnfair = !isLifecycleError(error) || unfair.includes(error.code);
    const isOther = isLifecycleError(error, "CURSOR_EXPIRED") || isFinal(error);
    if (isUnfair || (isOther && this.#isThere())) this.#blame(`rejected with ${String(error)}`);
    if (++this.#failures < 4 && !isLifecycleError(error, "CURSOR_EXPIRED")) return;
    [this.#failures, this.#read, this.#cursor] = [0, [], undefined];
  }

  /** Nothing was erased meanwhile, and 1upHealth knows the person by the same number. */
  #isThere(): boolean {
    const { world } = this.#stage.handler;
    const isReadable = (id: string): boolean => {
      const stored = world.resources.readable(this.#owner, "r4", "Observation", id, world.now());
      return stored !== undefined && latest(stored)?.text !== undefined;
    };
    return world.users.find(this.#person.id)?.oneupUserId === this.#owner && this.#added.every(isReadable);
  }

  #judge({ life }: Fit): void {
    this.#stage.trace.note(life.name, `an export of ${this.#person.id}: ${this.#read.length} resources`);
    const [read, added] = [this.#read, this.#added].map((ids) => ids.toSorted().join(" "));
    if (this.#isThere() && read !== added)
      this.#blame(`has ${this.#read.length} resources, of ${this.#added.length}`);
  }

  #blame(what: string): void {
    this.#stage.judge.blame(`P7: an export of ${this.#person.id} ${what}`);
  }
}
