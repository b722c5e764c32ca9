/**
 * All commands, in the order of the help and the guide.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { backup } from "./commands/backup.ts";
import { diagram } from "./commands/diagram.ts";
import { events } from "./commands/events.ts";
import { explain } from "./commands/explain.ts";
import { forecast } from "./commands/forecast.ts";
import { inspect } from "./commands/inspect.ts";
import { fingerprintKeys, listKeys, retireKey, rotateKeys } from "./commands/keys.ts";
import { limits } from "./commands/limits.ts";
import { migrate } from "./commands/migrate.ts";
import { move } from "./commands/move.ts";
import { pause, unpause } from "./commands/pause.ts";
import { reconcile } from "./commands/reconcile.ts";
import { reopen } from "./commands/reopen.ts";
import { resume } from "./commands/resume.ts";
import { status } from "./commands/status.ts";
import { users } from "./commands/users.ts";
import { work } from "./commands/work.ts";
import { demo } from "./demo/demo.ts";
import { onboard } from "./importing/onboard.ts";
import { inspector } from "./inspector/inspector.ts";
import { exportUsers } from "./leaving/export.ts";
import { leave } from "./leaving/leave.ts";
import { receipts } from "./leaving/receipts.ts";
import { adopt } from "./one-user/adopt.ts";
import { forget, offboard, reauthorize } from "./one-user/offboard.ts";
import { hold, rename, unhold } from "./one-user/hold.ts";
import { retry } from "./one-user/retry.ts";
import { sandbox } from "./sandbox/sandbox.ts";

/** Commands with one purpose. */
export interface CommandGroup {
  readonly about: string;
  readonly commands: readonly Command[];
}

export const commandGroups: readonly CommandGroup[] = [
  { about: "To try it", commands: [demo, sandbox] },
  {
    about: "To look; nothing is changed",
    commands: [status, users, inspect, explain, inspector, forecast, diagram],
  },
  { about: "To work for all users", commands: [onboard, work, resume, reconcile] },
  { about: "To leave with everything", commands: [exportUsers, leave, receipts] },
  {
    about: "To act on one user",
    commands: [retry, reauthorize, rename, adopt, hold, unhold, offboard, forget],
  },
  {
    about: "For the account and the store",
    commands: [
      events,
      limits,
      reopen,
      pause,
      unpause,
      listKeys,
      fingerprintKeys,
      rotateKeys,
      retireKey,
      backup,
      migrate,
      move,
    ],
  },
];

export const allCommands: readonly Command[] = commandGroups.flatMap(({ commands }) => commands);
