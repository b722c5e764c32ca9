/**
 * What the inspector answers, before it becomes JSON. {@link Wire} is what a page receives.
 *
 * @module
 */
import type {
  AccountAct,
  AccountLimits,
  BudgetView,
  Health,
  HistoryStep,
  Lane,
  Lifecycle,
  OpenImport,
  UserState,
  UserStatus,
} from "../index.ts";
import type { InspectorAction, InspectorPermission } from "./actions/permission.ts";

/** A shape as JSON: times are texts in ISO 8601. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer E)[]
    ? readonly Wire<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Wire<T[K]> }
      : T;

/** The account at a glance: `POST api/overview`, and the event `overview`. */
export interface Overview {
  /** The time of the lifecycle's clock. */
  readonly now: Date;
  /** The store's name; `null`: not known. */
  readonly store: string | null;
  readonly basePath: string;
  /** Whether ids are masked for this page. */
  readonly masked: boolean;
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly problem: string | null;
  /** The store cannot be read, or was lost: counts, budget, forecast and imports are those of `budget.at`. */
  readonly isStale: boolean;
  readonly counts: Readonly<Partial<Record<UserState, number>>>;
  readonly total: number;
  readonly budget: BudgetView;
  /** Ms until one more call may leave in that lane. */
  readonly forecast: Readonly<Record<Lane, number>>;
  readonly health: Health;
  /** Whether the calls go to a sandbox on this machine. */
  readonly sandbox: boolean;
  /** Those that are over come last. */
  readonly imports: readonly ImportView[];
  readonly flow: Flow;
  /** The last steps that were seen here, newest first. */
  readonly changes: readonly Change[];
}

/** An import. The inspector learns of it when it looks: what ended before is not shown. */
export interface ImportView extends OpenImport {
  /** The most users without a token that were seen here: the others have one by now. */
  readonly most: number;
  /** When it was first seen here. */
  readonly since: Date;
  readonly isOver: boolean;
  /** When it was first seen to be over; `null`: it is not, or was before. */
  readonly endedAt: Date | null;
}

/** The steps of the last hour: those of all processes where events are on, else those of this process. */
export interface Flow {
  /** From when on they are counted, if that is less than an hour ago. */
  readonly since: Date | null;
  /** Whether there are steps of the hour before `since` that are not counted, or not yet: the numbers are the least. */
  readonly isPartial: boolean;
  /** The transitions that users passed, most often passed first. */
  readonly arrows: readonly Arrow[];
  /** The processes that took them, the last one first. */
  readonly processes: readonly ProcessView[];
}

/** A transition that users passed. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
  /** How often in the last hour. */
  readonly hour: number;
  /** How often in the last five minutes. */
  readonly recent: number;
}

/** A process that took steps in the last hour. */
export interface ProcessView {
  /** Its number on its machine, and a random word. */
  readonly name: string;
  /** Whether it is the process that serves the page. */
  readonly isThis: boolean;
  /** Users that it took on in the last five minutes. */
  readonly users: number;
  /** Steps that it took in the last five minutes. */
  readonly steps: number;
  readonly lastAt: Date;
}

/** One step of a user: the event `change`. */
export interface Change {
  readonly at: Date;
  readonly from: string | null;
  readonly to: string;
  readonly event: string;
  /** Empty: the user was forgotten. */
  readonly key: string;
  readonly alias: string;
}

/** A user in a list. */
export interface UserRow extends Pick<
  UserStatus,
  "state" | "since" | "usable" | "expiresAt" | "oneupUserId" | "pause" | "hold" | "failure"
> {
  /** Names the user in requests and addresses, and reveals nothing. */
  readonly key: string;
  readonly alias: string;
  /** Masked: its first character, and its domain. */
  readonly appUserId: string;
}

/** `POST api/users`. */
export interface UserRows {
  readonly users: readonly UserRow[];
  /** Pass it as `after` to get the next page; `null`: there is none. */
  readonly next: string | null;
  /** Another one as soon as the page shows something else: `POST api/watch` takes it. */
  readonly mark: string;
}

/** One user: `POST api/user`. */
export interface UserView extends UserRow {
  /** Without `appUserId` where ids are masked. */
  readonly status: Omit<UserStatus, "appUserId"> & Partial<Pick<UserStatus, "appUserId">>;
  readonly explanation: string;
  /** Names the user's record: once it was forgotten and has come back, another one. Each act on the user must carry it. */
  readonly record: string;
  /** Of the record that is shown, or an earlier one. */
  readonly revision: number;
  readonly history: readonly HistoryStep[];
  /** When it is due for its next step; `null`: never, or when a slot is free. */
  readonly dueAt: Date | null;
}

/** The account in full: `POST api/account`. */
export interface AccountView {
  readonly health: Health;
  readonly budget: BudgetView;
  /** The origins that the store's users belong to; `null`: not recorded. */
  readonly origins: { readonly api: string; readonly auth: string } | null;
  readonly limits: AccountLimits;
  /** What operators did to it, oldest first. */
  readonly acts: readonly AccountAct[];
  readonly keys: Awaited<ReturnType<Lifecycle["keys"]["list"]>> | null;
  /** The version of this package. */
  readonly version: string;
  /** The format in which users are written. */
  readonly format: number | null;
}

/** The sandbox that the calls go to: `POST api/sandbox`. */
export interface SandboxView {
  readonly url: string;
  /** Its time. */
  readonly now: Date;
  /** Whether its clock moves by itself. */
  readonly running: boolean;
  /** How far its clock is ahead of the lifecycle's, ms: about 0 if the lifecycle follows it. */
  readonly aheadMs: number;
  /** Scripted faults that are still to come. */
  readonly faults: readonly SandboxFault[];
  /** The last calls, newest first. */
  readonly calls: readonly SandboxCall[];
}

/** A scripted fault. */
export interface SandboxFault {
  readonly what: string;
  /** Which calls it hits; `null`: those that it can. */
  readonly call: string | null;
  /** How many it will hit; `null`: all. */
  readonly left: number | null;
}

/** A call that reached the sandbox. */
export interface SandboxCall {
  readonly n: number;
  readonly at: Date;
  readonly call: string;
  /** The `app_user_id`, masked where ids are. */
  readonly user: string | null;
  /** `null`: the connection was cut. */
  readonly status: number | null;
  readonly outcome: string;
  /** The scripted fault that hit it. */
  readonly fault: string | null;
}

/** An answer that is not one of the above. */
export interface Refusal {
  readonly error: {
    readonly code: string;
    readonly message: string;
    /** What to do about it, of an action. */
    readonly next?: string;
  };
}

/** Who looks, and what that person may do: `POST api/me`. */
export interface Me {
  readonly who: string;
  readonly may: readonly InspectorPermission[];
  /** The page sends it with each action, as the header `x-inspector-token`. */
  readonly token: string;
}

/** Something was done: `POST api/act`. */
export interface Acted {
  readonly action: InspectorAction;
  /** The user after it; `null`: the act was about the account. */
  readonly user: UserRow | null;
}
