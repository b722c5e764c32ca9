/**
 * Takes your users through 1upHealth and keeps them there.
 *
 * ```ts
 * import { createLifecycle, keyFile } from "oneup-lifecycle";
 * import { lmdb } from "oneup-lifecycle/adapters/lmdb";
 * import { createSandbox } from "oneup-lifecycle/sandbox";
 *
 * const sandbox = createSandbox(); // a local 1upHealth, to try it
 * const server = await sandbox.listen();
 * const lifecycle = await createLifecycle({
 *   credentials: sandbox.credentials, // or your own
 *   endpoints: server.endpoints, // or none, for the real one
 *   store: lmdb("./first/lifecycle"),
 *   encryption: keyFile("./first/lifecycle.key"),
 * });
 *
 * await lifecycle.onboard("ada@example.org"); // resumes if it was interrupted
 * const fhir = lifecycle.fhir("ada@example.org", "dstu2");
 * await fhir.create({ resourceType: "Patient", gender: "female" });
 *
 * await lifecycle.close();
 * await server.close();
 * ```
 *
 * The other doors: `oneup-lifecycle/adapters/lmdb`, `…/redis`, `…/postgres`, `…/keyv` and `…/memory` are stores,
 * `oneup-lifecycle/sandbox` is a local 1upHealth, `oneup-lifecycle/testing` and `oneup-lifecycle/testing/vitest` are for
 * the tests of applications, `oneup-lifecycle/machines` is the lifecycle as pure XState machines.
 *
 * @module
 */
export { createLifecycle } from "./env.ts";
export type { CreateLifecycle } from "./env.ts";
export { isLifecycleError, LifecycleError } from "./errors.ts";
export type { ErrorCode, LifecycleErrorDetails } from "./errors.ts";
export { systemClock } from "./clock.ts";
export type { Clock } from "./clock.ts";
export { Secret } from "./secret.ts";
export { keyFile } from "./store/keys.ts";
export type { Encryption, KeyProvider, KeySource, RingKey, WrappedKey } from "./store/keys.ts";
export { fetchTransport } from "./http/fetch-transport.ts";
export { undiciTransport } from "./http/undici-transport.ts";
export type { UndiciTransportOptions } from "./http/undici-transport.ts";
export { TransportError } from "./http/transport.ts";
export type { Transport, TransportRequest, TransportResponse } from "./http/transport.ts";
export { createFhirClient } from "./fhir/client.ts";
export type { FhirClientOptions } from "./fhir/client.ts";
export type { ClientAccess, ClientSource, TokenSource } from "./fhir/access.ts";
export { digitsOf, parseFhirJson, stringifyFhirJson } from "./fhir/digits.ts";
export type {
  CountOptions,
  CreateOptions,
  FhirCallOptions,
  FhirClient,
  FindBy,
  OperationOptions,
  PageOf,
  PageOptions,
  UpdateOptions,
  WalkOf,
} from "./fhir/fhir-client.ts";
export type { FhirIssue } from "./fhir/issues.ts";
export type { FhirPage } from "./fhir/page.ts";
export type { SearchParams, SearchValue } from "./fhir/query.ts";
export type { FhirResources, FhirVersion, ResourceOf, ResourceType } from "./fhir/versions.ts";
export type { FhirWalk } from "./fhir/walk.ts";
export type { Lifecycle } from "./runtime/lifecycle.ts";
export type {
  Cancellable,
  FhirOptions,
  OffboardOptions,
  OnboardOptions,
  UserFilter,
  RetryOptions,
  WaitOptions,
  WorkOptions,
} from "./runtime/call-options.ts";
export type { Budget, BudgetView, ShutGate } from "./runtime/budget.ts";
export type { Credentials } from "./runtime/credentials.ts";
export type { Grant } from "./runtime/adopt.ts";
export type { AdoptedRow } from "./runtime/adopt-many.ts";
export type {
  Difference,
  DifferenceCounts,
  ReconcileOptions,
  ReconcileProgress,
  Reconciliation,
  Repair,
  Repaired,
} from "./runtime/differences.ts";
export type { Health } from "./runtime/health.ts";
export type { HistoryStep } from "./runtime/history.ts";
export type {
  AdoptManyOptions,
  ImportProgress,
  ImportSummary,
  OnboardManyOptions,
  RejectedRow,
  RowCounts,
  RowSummary,
} from "./runtime/imports.ts";
export type { KeyVerbs, RewrapOptions, RewrapSummary } from "./runtime/key-verbs.ts";
export type { Ceiling, LifecycleOptions, Logger, RefreshPolicy } from "./runtime/options.ts";
export type { FindQuery, ListOptions, Remote } from "./runtime/remote.ts";
export type { Rows } from "./runtime/rows.ts";
export type { UserWalk, Walk } from "./runtime/walk.ts";
export type { Pager, RemoteUser } from "./http/user-management.ts";
export type { UserStatus } from "./runtime/status.ts";
export type { ExplainVerbs } from "./runtime/explain-verbs.ts";
export type { WatchOptions, WatchVerbs } from "./runtime/watch-verbs.ts";
export type { UserActorLogic } from "./runtime/actor.ts";
export type { ActorInput, WatcherInput } from "./runtime/actor-input.ts";
export type { UserSnapshot } from "./runtime/actor-snapshot.ts";
export type { WorkSummary } from "./runtime/worker.ts";
export type { PauseReason } from "./store/envelope.ts";
export type {
  AccountRecord,
  Batch,
  Claimed,
  Commit,
  Committed,
  Counts,
  Forecast,
  Json,
  Lane,
  Lease,
  LeaseMode,
  Limit,
  Loaded,
  Move,
  Slot,
  SlotRequest,
  Store,
  StoreAdapter,
  StoredRecord,
} from "./store/contract.ts";
export type { KeyvDoor, KeyvDoorOptions, KeyvStorage } from "./store/keyv-door.ts";
export type { GateName } from "./guard/gates.ts";
export type { FailureReason, GateReason, GateState, UserState } from "../machines/index.ts";
