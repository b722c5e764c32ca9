/**
 * A local, stateful 1upHealth for tests, examples and first steps: user management, token endpoint and FHIR, with the
 * limit of 300 calls an hour, a clock that tests can move, scripted faults, and a journal of all calls.
 *
 * It implements 1upHealth's documentation (1upHealth user management guide); undocumented behaviour is an option with a
 * default. It shares no code with the client.
 *
 * @module
 */

export type { Behaviour } from "./options/behaviour.ts";
export type { FhirBehaviour } from "./options/fhir-behaviour.ts";
export type { Fault } from "./faults/fault.ts";
export type { Journal, JournalEntry } from "./journal.ts";
export type { SandboxOptions } from "./options/sandbox-options.ts";
export type { CallName, Secrets } from "./base/plan.ts";
export {
  type ClockReading,
  connectSandboxClock,
  type ConnectClockOptions,
  type RemoteClock,
} from "./clock/remote-clock.ts";
export { type Sandbox } from "./sandbox.ts";
export { createSandbox } from "./create-sandbox.ts";
export type { FaultResponse } from "./faults/fault-responses.ts";
export type { ListenOptions, SandboxServer } from "./sandbox.ts";
export type { SandboxUser } from "./state/users.ts";
export { createVirtualClock, type VirtualClock, type VirtualClockOptions } from "./clock/virtual-clock.ts";
export type { SandboxCredentials, SandboxSnapshot } from "./state/snapshot.ts";
