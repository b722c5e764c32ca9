/**
 * The demo on the sandbox, act by act. Every number that is printed comes from the store or the sandbox's journal.
 *
 * @module
 */
import { sleep, systemClock } from "../../clock.ts";
import type { UserStatus } from "../../index.ts";
import { settle } from "./doubt.ts";
import { createAndRead, patientSays } from "./patient.ts";
import { picture, spentBar } from "./picture.ts";
import type { Screen } from "./screen.ts";
import { width } from "./screen.ts";
import { users } from "./shire.ts";
import { setStage } from "./stage.ts";
import type { Stage, WorkerProcess } from "./stage.ts";
import { times } from "./worker.ts";

/** What {@link tellStory} takes. */
export interface StoryOptions {
  readonly screen: Screen;
  /** The address of the command's main module. */
  readonly self: string;
  readonly keep: boolean;
  readonly signal: AbortSignal;
}

type Seen = readonly (UserStatus | null)[];

const hourMs = 3_600_000;
const limit = 300;
/** The one whose Patient is created, and whose grant is revoked. */
const hero = "bilbo";

/** Tells the story; gives the exit code. */
export async function tellStory({ screen, self, keep, signal }: StoryOptions): Promise<number> {
  const stage = await setStage(self);
  try {
    return await new Story(stage, screen, signal).tell();
  } catch (error) {
    if (!signal.aborted) throw error;
    screen.say("", "Stopped: the worker processes are gone, and so is everything they wrote");
    return 130;
  } finally {
    await stage.strike({ keep });
    if (keep) console.error(`Kept: ${stage.folder}`);
  }
}
