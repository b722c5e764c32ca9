/**
 * In the end all users leave: some process exports them and purges them with receipts, while it and the others die, and
 * another one goes on, until every user has its receipt. Then the files and the receipts are judged.
 */
import {
  isLifecycleError,
  LifecycleError,
  verifyReceipts,
  type ExportWriter,
  type Lifecycle,
  type OpenExportFile,
  type ReceiptLog,
} from "oneup-lifecycle";
import type { Dossier } from "./dossier.ts";
import { never, type Life } from "./life.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";
import { Dice, hour, minute, second } from "./time.ts";

/** A file of the export, as it is on the disk. */
interface Kept {
  lines: readonly string[];
  cursor: string | null;
  isWhole: boolean;
  /** The opening that may write. */
  owner: number;
}

/** What is exported of each user. No search lists a Binary of r4. */
const versions = ["dstu2", "r4"] as const;
const types = ["Patient", "Binary"] as const;

/** The picture in each scan, base64. */
const scanned = "aGk=";

/** Signs up once the leave is over, while a process that has begun it stands still. */
const newcomer = "newcomer";

type Leaving = (lifecycle: Lifecycle, life: Life) => Promise<unknown>;

export class Leaves {
  readonly #stage: Stage;
  readonly #processes: readonly Process[];
  readonly #dice: Dice;
  readonly #files = new Map<string, Kept>();
  readonly #receipts: string[] = [];
  /** Binaries that only the photo of a patient leads to, by the number of their user. */
  readonly #scans = new Map<unknown, string>();
  #openings = 0;
  /** The opening of the receipts that may write. */
  #owner = 0;
  #deaths = 0;
  /** Until then a rival stands still. */
  #rivalUntil = 0;

  constructor(stage: Stage, processes: readonly Process[]) {
    this.#stage = stage;
    this.#processes = processes;
    this.#dice = new Dice(stage.scenario.seed, "leaves");
  }

  async play(broken: () => boolean): Promise<void> {
    const { judge, scenario, time } = this.#stage;
    if (!scenario.kinds.includes("leaves")) return;
    for (const { id } of judge.all()) {
      judge.expects(id, 3); // its number is confirmed, which user it is, and a fresh code if it signs up again
      judge.of(id).wasLetGo = true;
    }
    this.#scan();
    judge.leaving.onPurge = (dossier) => this.#mayPurge(dossier);
    let step = 0;
    let publicKey = "";
    let count = 0;
    const name = "leave";
    const leave = { name, onlyAfterExport: "export", allowPartialExport: true, everyMs: 30 * second };
    const steps: readonly ((lifecycle: Lifecycle, life: Life) => Promise<boolean>)[] = [
      async (lifecycle) => (count = (await lifecycle.offboardMany("all", leave)).count) > 0,
      // Nothing is exported yet, so no user may leave.
      async (lifecycle, life) => {
        const { receipts, waiting } = await lifecycle.offboardMany("all", {
          ...leave,
          count,
          receipts: this.#log(life),
        });
        if (receipts > 0 || waiting !== count)
          judge.blame(`P7: ${receipts} of ${count} users left that were not exported`);
        return true;
      },
      async (lifecycle, life) => {
        const options = {
          name: "export",
          write: this.#writer(life),
          versions,
          types,
        };
        const { waiting, failed } = await lifecycle.exportMany("all", options);
        // A gateway that loses its way for minutes outlives the repetitions of a call: the export is made again.
        if (failed > 0 && !scenario.kinds.includes("lostWays"))
          judge.blame(`P7: ${failed} users with a token are not exported`);
        return waiting + failed === 0;
      },
      // The export is of two types only.
      async (lifecycle, life) => {
        const another = { name: "export", write: this.#writer(life), types: ["Observation"] };
        const asks = [
          () => lifecycle.offboardMany("all", { name, onlyAfterExport: "export" }),
          () => lifecycle.exportMany("all", another),
        ];
        for (const ask of asks) {
          const refusal: unknown = await ask().catch((error: unknown) => error);
          if (isLifecycleError(refusal) && refusal.code !== "INVALID_OPTION") throw refusal;
          if (!isLifecycleError(refusal))
            judge.blame("P7: an export of patients only passes for one of everything");
        }
        return true;
      },
      async (lifecycle, life) => {
        const leaves = (other: Lifecycle, its: Life) =>
          other.offboardMany("all", { ...leave, count, receipts: this.#log(its) });
        this.#rival(life, leaves);
        const summary = await leaves(lifecycle, life);
        publicKey = summary.publicKey;
        if (!summary.closed)
          judge.blame(
            `P7: ${summary.receipts} of ${count} users have a receipt: ${JSON.stringify(summary.unfinished)}`,
          );
        return summary.closed;
      },
    ];
    const next = (): void => {
      const task = steps[step];
      if (task !== undefined) this.#ask(task, () => (step++, next()), next);
    };
    // A clock that is behind takes a user that has just signed up for one that came after the leave began, and so does
    // each process where the clock was ahead when the user signed up.
    await time.run(time.now + (scenario.kinds.includes("wrongDays") ? 80 * hour : 5 * minute), broken);
    next();
    await time.run(time.now + 96 * hour, () => broken() || step === steps.length);
    if (broken()) return;
    if (step < steps.length) return judge.blame(`P2: the users do not come to leave: step ${step}`);
    await this.#comesLate(broken);
    if (!broken()) await this.#judge(publicKey, count);
  }

  /** Each user gets a patient with a photo, unless 1upHealth redirects every Binary elsewhere. */
  #scan(): void {
    const { handler, scenario } = this.#stage;
    const { world } = handler;
    if (scenario.kinds.includes("attachments")) return;
    const { users, resources } = world;
    for (const { id } of this.#stage.judge.all()) {
      const { oneupUserId } = users.find(id) ?? {};
      if (oneupUserId === undefined) continue;
      const add = (type: string, resource: object): string =>
        resources.create(
          oneupUserId,
          "r4",
          type,
          JSON.stringify({ resourceType: type, ...resource }),
          world.now(),
          { atOnce: true },
        ).id;
      const scan = add("Binary", { contentType: "image/png", data: scanned });
      add("Patient", { photo: [{ url: `Binary/${scan}` }] });
      this.#scans.set(oneupUserId, scan);
    }
  }

  /** Another process begins the same leave, and stands still somewhere in it. */
  #rival(life: Life, leaves: Leaving): void {
    const { fit, judge, scenario, time, trace } = this.#stage;
    const others = fit.filter((one) => one.life !== life);
    if (!scenario.kinds.includes("rivalLeaves") || this.#rivalUntil > 0 || others.length === 0) return;
    const rival = this.#dice.pick(others);
    time.after(this.#dice.between(0, 3 * second), () => {
      if (!rival.life.alive) return;
      this.#rivalUntil = time.now + this.#dice.between(2 * hour, 8 * hour);
      time.after(this.#dice.between(0, 2 * second), () => {
        trace.note(rival.life.name, "leaves: it stands still, as a rival");
        rival.life.hasStalled = true;
        rival.life.stalledUntil = this.#rivalUntil;
      });
      leaves(rival.lifecycle, rival.life).then(
        () => trace.note(rival.life.name, "leaves: done, as a rival"),
        (error: unknown) => {
          trace.note(rival.life.name, `leaves: ${String(error)}, as a rival`);
          if (!isFair(error) && !isLifecycleError(error, "INVALID_OPTION"))
            judge.blame(`P7: leaving rejected with ${String(error)}`);
        },
      );
    });
  }

  /** A newcomer signs up after the leave; the rival goes on; then she is still there. */
  async #comesLate(broken: () => boolean): Promise<void> {
    const { judge, time } = this.#stage;
    if (this.#rivalUntil === 0) return;
    judge.expects(newcomer, 1);
    let isHere = false;
    const signUp = (): void =>
      this.#ask(
        async (lifecycle) => (await lifecycle.onboard(newcomer, { waitMs: minute })).usable,
        () => (isHere = true),
        signUp,
      );
    signUp();
    await time.run(time.now + 24 * hour, () => broken() || isHere);
    if (broken()) return;
    if (!isHere) return judge.blame("P2: a newcomer after a leave never has a token");
    await time.run(Math.max(time.now, this.#rivalUntil) + 2 * hour, broken);
    const { state = "gone" } = judge.of(newcomer).envelope ?? {};
    if (/offboard|identif|gone/.test(state))
      judge.blame(`P2: a newcomer is ${state} after a leave that was over`);
  }

  /** Some process does it; if it dies meanwhile, another one does. */
  #ask(
    task: (lifecycle: Lifecycle, life: Life) => Promise<boolean>,
    done: () => void,
    again: () => void,
  ): void {
    const { fit, judge, time, trace } = this.#stage;
    const later = (): void => void time.after(this.#dice.between(second, 5 * minute), again);
    if (fit.length === 0) return later();
    const { life, lifecycle } = this.#dice.pick(fit);
    let isOpen = true;
    const close = (how: string, then: () => void): void => {
      if (!isOpen) return;
      isOpen = false;
      trace.note(life.name, `leaves: ${how}`);
      then();
    };
    const watch = (): void => {
      if (!isOpen) return;
      if (life.alive) time.after(minute, watch);
      else close("died", later);
    };
    watch();
    task(lifecycle, life).then(
      (isDone) => close("done", isDone ? done : later),
      (error: unknown) => {
        judge.read(`an error of ${life.name}`, `${String(error)} ${JSON.stringify(error)}`);
        if (isOpen && !isFair(error)) judge.blame(`P7: leaving rejected with ${String(error)}`);
        close(String(error), later);
      },
    );
  }

  /** A request of this process to its disk: it takes time, and may be its last. */
  async #onDisk<T>(life: Life, effect: () => T): Promise<T> {
    this.#stage.judge.lookUps.exports(life);
    await new Promise<void>((resolve) => void life.hear(this.#dice.between(1, 200), resolve));
    const dies = this.#deaths < 12 ? this.#dice.next() : 1;
    const die = (): void => {
      this.#deaths++;
      // A look-up whose answer was not stored is made again.
      for (const { id } of this.#stage.judge.all()) this.#stage.judge.expects(id, 1);
      this.#processes.find((process) => process.life === life)?.crash(life);
    };
    if (dies < 0.03) die();
    if (!life.alive) return never();
    const answer = effect();
    if (dies >= 0.03 && dies < 0.06) die();
    return life.alive ? answer : never();
  }

  #log(life: Life): ReceiptLog {
    const own = ++this.#openings;
    const lines = this.#receipts;
    const opened = (): Promise<readonly string[]> =>
      this.#onDisk(life, () => {
        this.#owner = own;
        return [...lines];
      });
    return {
      async *open() {
        yield* await opened();
      },
      append: (added) =>
        this.#onDisk(life, () => {
          // A log refuses a process that stood still, see ReceiptLog; none was to get so far without one.
          if (this.#owner !== own && this.#rivalUntil === 0)
            this.#stage.judge.blame("P7: two processes write receipts");
          if (this.#owner !== own)
            throw new LifecycleError("TAKEN_OVER", "Cannot write: it was opened since");
          lines.push(...added);
        }),
      close: async () => {},
    };
  }

  #writer(life: Life): ExportWriter {
    return {
      begin: () => this.#onDisk(life, () => "here"),
      open: ({ oneupUserId, version, type, restarted }) =>
        this.#onDisk(life, () => this.#opened(life, fileName(oneupUserId, version, type, restarted))),
    };
  }

  #opened(life: Life, name: string): OpenExportFile {
    const owner = ++this.#openings;
    const kept = this.#files.get(name) ?? { lines: [], cursor: null, isWhole: false, owner };
    kept.owner = owner;
    this.#files.set(name, kept);
    const { cursor, isWhole } = kept;
    // What was written behind the last cursor is not on the disk.
    let written: readonly string[] = cursor === null && !isWhole ? [] : kept.lines;
    return {
      isWhole,
      cursor,
      async *lines() {
        yield* written;
      },
      append: (text, at) =>
        this.#onDisk(life, () => {
          written = [...written, ...text.split("\n").slice(0, -1)];
          if (at !== null) [kept.lines, kept.cursor] = [written, at];
        }),
      restart: () => this.#onDisk(life, () => void ([written, kept.cursor] = [[], null])),
      finish: () => this.#onDisk(life, () => void ([kept.lines, kept.isWhole] = [written, true])),
      close: async () => {},
    };
  }

  async #judge(publicKey: string, count: number): Promise<void> {
    const { judge } = this.#stage;
    const { ok, receipts, problem } = await verifyReceipts(this.#receipts, { publicKey });
    if (!ok) judge.blame(`P7: the receipts do not verify: ${JSON.stringify(problem)}`);
    const dossiers = judge.all().filter(({ id }) => id !== newcomer);
    if (receipts !== count || count !== dossiers.length)
      judge.blame(`P7: ${receipts} receipts of ${count} users, and they are ${dossiers.length}`);
    for (const line of this.#receipts) judge.read("a receipt", line);
    for (const { id, envelope } of dossiers) {
      const done = envelope?.leaving?.done ?? null;
      if (done === null) judge.blame(`P7: ${id} has a receipt, and its record does not tell what was erased`);
      if (this.#receipts.some((line) => line.includes(`"${id}"`))) judge.blame(`P5: a receipt names ${id}`);
    }
    for (const [name, { lines }] of this.#files) {
      const ids = lines.map((line) => (JSON.parse(line) as { readonly id: string }).id); // of the sandbox
      if (new Set(ids).size !== ids.length) judge.blame(`P7: a resource is twice in the file ${name}`);
    }
  }

  /** A purge arrived: the files of the user that it now is are whole. */
  #mayPurge({ id, envelope }: Dossier): void {
    const { oneupUserId } = envelope?.context ?? {};
    const fileOf = (version: string, type: string): Kept | undefined =>
      this.#files.get(fileName(oneupUserId, version, type, envelope?.restarted ?? null));
    for (const version of versions)
      for (const type of types)
        if (fileOf(version, type)?.isWhole !== true)
          this.#stage.judge.blame(`P7: ${id} is purged, and its ${version} file of ${type} is not whole`);
    const scan = this.#scans.get(oneupUserId);
    const scans = fileOf("r4", "Binary")?.lines ?? [];
    const isScan = (line: string): boolean => line.includes(`"${scan}"`) && line.includes(`"${scanned}"`);
    if (scan !== undefined && !scans.some(isScan))
      this.#stage.judge.blame(`P7: ${id} is purged, and its scan is not exported`);
  }
}

/** A rival takes a leave over; everything else passes, or is the end of a process. */
function isFair(error: unknown): boolean {
  return isLifecycleError(error) && (error.retryable || ["CLOSED", "TAKEN_OVER"].includes(error.code));
}

/** Each time that a user starts over, it gets files of its own. */
function fileName(oneupUserId: unknown, version: string, type: string, restarted: number | null): string {
  return `${String(oneupUserId)} ${version} ${type} ${restarted}`;
}
