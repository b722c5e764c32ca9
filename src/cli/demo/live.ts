/**
 * `oneup-lifecycle demo --live`: one user at 1upHealth itself.
 *
 * @module
 */
import { join } from "node:path";
import { randomName, systemClock } from "../../clock.ts";
import { credentialsFromEnv } from "../../env.ts";
import { createLifecycle, isLifecycleError, keyFile, type Lifecycle } from "../../index.ts";
import { folderStore } from "./worker.ts";
import { createAndRead, patientSays, headline, lineOfLife } from "./prose.ts";
import { plural } from "../format.ts";
import { endpointsIn } from "../open-store.ts";
import type { Screen } from "../screen.ts";

const prefix = "oneup-lifecycle-demo-";

/** How long to wait for the user, in ms: 1upHealth may throttle, and a code may take a second to register. */
const waitMs = 90_000;

/** Runs against 1upHealth and returns the exit code. @throws {LifecycleError} `INVALID_OPTION` without credentials */
export async function live(
  screen: Screen,
  texts: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<number> {
  const credentials = credentialsFromEnv();
  const { paint } = screen;
  const folder = texts.get("store") ?? "./oneup-lifecycle-demo";
  const endpoints = endpointsIn(texts);
  const lifecycle = await createLifecycle({
    credentials,
    endpoints,
    store: await folderStore(join(folder, "store")),
    encryption: keyFile(join(folder, "lifecycle.key")),
  });
  try {
    const { user, known } = await choose(lifecycle, texts.get("user"));
    const api = endpoints.api ?? "https://api.1up.health";
    screen.say("", headline(1, `${known ? "Continuing with" : "Onboarding"} ${user} at ${api}`, paint));
    const began = systemClock.monotonic();
    let last = "";
    const leave = lifecycle.subscribe(({ state, pause }) => {
      const now = pause === null ? state : `${state}, waiting (${pause.reason})`;
      if (now === last) return;
      last = now;
      const seconds = ((systemClock.monotonic() - began) / 1_000).toFixed(1).padStart(6);
      screen.say(`     ${paint.quiet(`${seconds} s`)}  ${now}`);
    });
    const status = await lifecycle.onboard(user, { waitMs, signal }).finally(leave);
    if (!status.usable) {
      const until = status.pause?.until?.toISOString() ?? "it is checked again";
      screen.say(
        "",
        paint.busy(`${user} is ${status.state} and waits until ${until}; run this again to continue`),
      );
      return 1;
    }
    screen.say(`     ${paint.good("●")} ${status.state}, usable until ${status.expiresAt?.toISOString()}`);

    screen.say("", headline(2, "Create the Patient from 1upHealth's guide (FHIR DSTU2)", paint));
    const patient = await createAndRead(lifecycle, user, signal);
    const delay = (patient.tookMs / 1_000).toFixed(1);
    screen.say(
      `     ${paint.good("●")} Patient/${patient.id}`,
      `       ${patientSays}: created and read back in ${delay} s.`,
    );

    const { calls, history, state } = await lifecycle.inspect(user);
    screen.say("", ...lineOfLife("so far", history).map((line) => `     ${line}`));
    screen.say(`     The store is kept in ${folder}; run this again to continue with the same user.`, "");
    screen.say(paint.good(`${user} is ${state} after ${plural(calls.management, "management call")}`));
    return 0;
  } catch (error) {
    if (signal.aborted) return 130;
    if (!isLifecycleError(error)) throw error;
    screen.say("", paint.bad(`${error.message} [${error.code}]`));
    return 1;
  } finally {
    await lifecycle.close();
  }
}

/** The user given by `--user`; else the user of the last run, so that runs do not pile up users; else a new one. */
async function choose(
  lifecycle: Lifecycle,
  asked: string | undefined,
): Promise<{ readonly user: string; readonly known: boolean }> {
  for await (const { appUserId, state } of lifecycle.users()) {
    if (state === "offboarded" || state === "failed") continue;
    if (asked === undefined ? appUserId.startsWith(prefix) : appUserId === asked) {
      return { user: appUserId, known: true };
    }
  }
  return { user: asked ?? prefix + randomName(systemClock), known: false };
}
