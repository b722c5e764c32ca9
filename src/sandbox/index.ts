/**
 * A local, stateful 1upHealth for tests, examples and first steps: user management, token endpoint and FHIR, with
 * the 300 calls an hour, a clock that a test moves, scripted faults, and a journal of what reached it.
 *
 * What is documented it does as documented (1upHealth user management guide); what is not is an option with a
 * default. It shares no code with the client.
 *
 * @module
 */

export type { Behaviour } from "./behaviour.ts";
export type { FhirBehaviour } from "./fhir-behaviour.ts";
export type { Fault } from "./fault.ts";
export type { Journal, JournalEntry } from "./journal.ts";
export type { SandboxOptions } from "./options.ts";
export type { CallName, Secrets } from "./plan.ts";
export {
  type ClockReading,
  connectSandboxClock,
  type ConnectClockOptions,
  type RemoteClock,
} from "./remote-clock.ts";
export { createSandbox, type Sandbox } from "./sandbox.ts";
export type { Saying } from "./sayings.ts";
export type { ListenOptions, SandboxServer } from "./server.ts";
export type { SandboxUser } from "./users.ts";
export { createVirtualClock, type VirtualClock, type VirtualClockOptions } from "./virtual-clock.ts";
export type { SandboxCredentials, SandboxSnapshot } from "./world.ts";
