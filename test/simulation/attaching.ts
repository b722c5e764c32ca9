/**
 * The application reads attachments, some of which name an address elsewhere, and a Binary that 1upHealth redirects. No call
 * of the library, and so no token, leaves for another address than 1upHealth's.
 */
import { isLifecycleError, type AttachmentElement } from "oneup-lifecycle";
import type { Person } from "./people.ts";
import type { Stage } from "./stage.ts";
import { Dice, hour, minute } from "./time.ts";

/** Addresses that are not under the base of a client for R4. */
export const elsewhere: readonly string[] = [
  "https://elsewhere.example/r4/Binary/1",
  "//elsewhere.example/r4/Binary/1",
  "https://api.1up.health.elsewhere.example/r4/Binary/1",
  "http://api.1up.health/r4/Binary/1",
];

/** Errors that are no refusal of an address or a redirect, and that no fault causes. */
const unfair: readonly string[] = ["INVALID_OPTION", "NOT_DECLARED"];

export class Attaching {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  begin(people: readonly Person[]): void {
    const { scenario, time } = this.#stage;
    if (!scenario.kinds.includes("attachments")) return;
    for (const person of people) {
      const dice = new Dice(scenario.seed, `attachments of ${person.id}`);
      time.after(dice.between(minute, hour), () => this.#visit(person, dice));
    }
  }

  #visit(person: Person, dice: Dice): void {
    const { fit, isOver, time } = this.#stage;
    if (isOver) return;
    time.after(dice.between(minute, hour), () => this.#visit(person, dice));
    if (!person.hasArrived || fit.length === 0) return;
    const { life, lifecycle } = dice.pick(fit);
    const fhir = lifecycle.fhir(person.id, "r4");
    const read = async (source: string | AttachmentElement): Promise<unknown> =>
      (await fhir.attachment(source)).bytes();
    const kept = async (): Promise<unknown> => {
      const binary = { resourceType: "Binary", contentType: "text/plain", data: "aGVsbG8=" } as const;
      const { id = "" } = await fhir.create(binary);
      return read(id);
    };
    const asked = dice.hits(0.5) ? kept() : read({ url: dice.pick(elsewhere) });
    const { judge, trace } = this.#stage;
    trace.note(life.name, `an attachment of ${person.id}?`);
    asked.then(
      () => judge.blame(`P7: an attachment of ${person.id} is read from elsewhere`),
      (error: unknown) => {
        trace.note(life.name, `an attachment of ${person.id}: ${String(error)}`);
        judge.read(`an error of ${life.name}`, `${String(error)} ${JSON.stringify(error)}`);
        if (!isLifecycleError(error) || unfair.includes(error.code))
          judge.blame(`P7: an attachment of ${person.id} rejected with ${String(error)}`);
      },
    );
  }
}
