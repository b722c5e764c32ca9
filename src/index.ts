/**
 * Takes your users through 1upHealth and keeps their access alive.
 *
 * ```ts
 * import { createLifecycle, keyFile } from "oneup-lifecycle";
 * import { lmdb } from "oneup-lifecycle/adapters/lmdb";
 * import { createSandbox } from "oneup-lifecycle/sandbox";
 *
 * const sandbox = createSandbox(); // a local 1upHealth to try it with
 * const server = await sandbox.listen();
 * const lifecycle = await createLifecycle({
 *   credentials: sandbox.credentials, // or your own
 *   endpoints: server.endpoints, // omit for the real one
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
 * The other entry points: `oneup-lifecycle/adapters/lmdb`, `…/redis`, `…/postgres`, `…/keyv` and `…/memory` are stores,
 * `oneup-lifecycle/sandbox` is a local 1upHealth, `oneup-lifecycle/testing` and `oneup-lifecycle/testing/vitest` are
 * for the tests of applications, `oneup-lifecycle/machines` is the lifecycle as pure XState machines.
 *
 * @module
 */
export { createLifecycle } from "./env.ts";
export type { CreateLifecycle } from "./env.ts";
export { isLifecycleError, LifecycleError } from "./errors.ts";
export type { Cause, ErrorCode, LifecycleErrorDetails } from "./errors.ts";
export { systemClock } from "./clock.ts";
export type { Clock } from "./clock.ts";
export { Secret } from "./secret.ts";
export { keyFile } from "./store/sealing/keys.ts";
export type { Encryption, KeyProvider, KeySource, RingKey, WrappedKey } from "./store/sealing/keys.ts";
export { fetchTransport } from "./http/fetch-transport.ts";
export { undiciTransport } from "./http/undici-transport.ts";
export type { UndiciTransportOptions } from "./http/undici-transport.ts";
export { TransportError } from "./http/transport.ts";
export type {
  BatchEntry,
  BatchOptions,
  BatchResult,
  BatchResultOf,
  BatchResults,
  UserBatchEntry,
} from "./fhir/batch/batch.ts";
export type { Transport, TransportRequest, TransportResponse, TransportStream } from "./http/transport.ts";
export { createFhirClient } from "./fhir/create-fhir-client.ts";
export type { FhirClientOptions } from "./fhir/create-fhir-client.ts";
export type { ClientAccess, ClientSource, TokenSource } from "./fhir/auth.ts";
export { digitsOf, parseFhirJson, stringifyFhirJson } from "./fhir/lossless-json.ts";
export type {
  CountOptions,
  CreateOptions,
  FhirCallOptions,
  FhirReadOptions,
  OperationOptions,
  PageOptions,
  SearchOptions,
  UpdateOptions,
  ValidateOptions,
} from "./fhir/fhir-call-options.ts";
export type { ExportOf, FhirClient, PageOf, FhirValidation, PagesOf, WalkOf } from "./fhir/fhir-client.ts";
export type { AttachmentElement, AttachmentOptions, FhirAttachment } from "./fhir/attachment/attachment.ts";
export type {
  BulkExport,
  BulkExportFile,
  BulkExportOptions,
  BulkExportProgress,
} from "./fhir/export/bulk-export.ts";
export type { EnsureOptions, UserFhirClient } from "./fhir/user-fhir-client.ts";
export type { FindBy } from "./fhir/recover-create.ts";
export type { FhirIssue } from "./http/fhir-issue.ts";
export type { FhirPage } from "./fhir/pages/fhir-page.ts";
export type {
  FoundBy,
  Inclusion,
  PartOf,
  SearchParams,
  SearchParamsOf,
  SearchValue,
  Summary,
} from "./fhir/query.ts";
export type { FhirResources, FhirVersion, ResourceOf, ResourceType } from "./fhir/fhir-version.ts";
export type { FhirPages, FhirWalk } from "./fhir/pages/fhir-walk.ts";
export type { Lifecycle } from "./runtime/lifecycle.ts";
export type { UserPage } from "./runtime/list-users.ts";
export type {
  Cancellable,
  FhirOptions,
  ActOptions,
  JoinOptions,
  OffboardOptions,
  OnboardOptions,
  UserFilter,
  RetryOptions,
  TokenOptions,
  WaitOptions,
  WorkOptions,
} from "./runtime/options/call-options.ts";
export type { Budget, BudgetView, RefusedSecret, ShutGate } from "./runtime/operations/budget.ts";
export type { OpenImport } from "./runtime/user/index-key.ts";
export type { Credentials } from "./runtime/options/credentials.ts";
export type { Grant } from "./runtime/operations/adopt.ts";
export type {
  Difference,
  DifferenceCounts,
  ReconcileOptions,
  ReconcileProgress,
  Reconciliation,
  Repair,
  Repaired,
} from "./runtime/bulk/reconciliation.ts";
export type { EndpointHealth } from "./http/endpoints.ts";
export type { Health } from "./runtime/operations/health.ts";
export type { HistoryStep } from "./runtime/user/history-of.ts";
export type {
  AdoptedRow,
  AdoptManyOptions,
  ImportProgress,
  ImportSummary,
  OnboardManyOptions,
  Reject,
  RejectedRow,
  RowCounts,
  RowSummary,
} from "./runtime/bulk/imports.ts";
export type { KeyVerbs } from "./runtime/keys/key-verbs.ts";
export type { RotateKeysOptions, RotateKeysSummary } from "./runtime/keys/rotate-keys-options.ts";
export type {
  AccountLimits,
  Ceiling,
  LaneShares,
  LimitConflict,
  LimitName,
  NewLimits,
} from "./runtime/options/account-limits.ts";
export type { LifecycleOptions, RefreshPolicy } from "./runtime/options/lifecycle-options.ts";
export { exportFolder } from "./runtime/leaving/export-folder.ts";
export type {
  ExportFile,
  ExportManyOptions,
  ExportProgress,
  ExportSummary,
  ExportWriter,
  OpenExportFile,
  UnexportedUser,
  UnlistableTypes,
} from "./runtime/leaving/export-many-options.ts";
export type { LeaveVerbs } from "./runtime/leaving/leave-verbs.ts";
export type {
  DryLeaveOptions,
  LeaveForecast,
  LeaveProgress,
  LeaveSummary,
  OffboardManyOptions,
  ReceiptLog,
} from "./runtime/leaving/offboard-many-options.ts";
export { receiptFile } from "./runtime/leaving/receipt-file.ts";
export { verifyReceipts, type VerifiedReceipts } from "./runtime/leaving/verify-receipts.ts";
export type { LogFields, Logger } from "./runtime/options/logger.ts";
export type { FindQuery, ListOptions, Remote } from "./runtime/operations/remote.ts";
export type { Rows } from "./runtime/bulk/for-each-row.ts";
export type { UserWalk, Walk } from "./runtime/operations/user-walk.ts";
export type { Pager, RemoteUser } from "./http/user-management.ts";
export type { JoinedStatus, UserHold, UserPause, UserStatus } from "./runtime/user/user-status.ts";
export type { AccountAct } from "./runtime/account/account-act.ts";
export type { AccountPause } from "./runtime/account/pauses.ts";
export type {
  AccountVerbs,
  OperatorVerbs,
  PauseOptions,
  UnpauseOptions,
} from "./runtime/operations/operator-verbs.ts";
export type { ExplainVerbs } from "./runtime/operations/explain-verbs.ts";
export type { EventOptions, EventVerbs } from "./runtime/events/event-verbs.ts";
export type { LifecycleEvent, LifecycleEventType } from "./runtime/events/lifecycle-event.ts";
export type { WatchOptions, WatchVerbs } from "./runtime/watching/watch-verbs.ts";
export type { UserActorLogic } from "./runtime/watching/actor-logic.ts";
export type { ActorInput, WatcherInput } from "./runtime/watching/actor-input.ts";
export type { UserSnapshot } from "./runtime/watching/user-snapshot.ts";
export type { WorkSummary } from "./runtime/engine/work.ts";
export type { PauseReason } from "./store/envelope.ts";
export type {
  AccountRecord,
  Batch,
  Claimed,
  Commit,
  Committed,
  Counts,
  EventOutbox,
  Forecast,
  JoinVerb,
  Json,
  Lane,
  LaterLimit,
  Lease,
  LeaseMode,
  Limit,
  Loaded,
  Move,
  NewEvent,
  Slot,
  SlotRequest,
  Store,
  StoreAdapter,
  StoredEvent,
  StoredRecord,
  TransactionClient,
} from "./store/contract.ts";
export type { KeyvView, KeyvViewOptions, KeyvStorage } from "./store/keyv-view.ts";
export type { GateName } from "./guard/gates.ts";
export type { FailureReason, GateReason, GateState, UserState } from "../machines/index.ts";
export { abortMove } from "./runtime/moving/abort-move.ts";
export type { MoveOptions, MoveProgress, MoveSummary } from "./runtime/moving/move-options.ts";
export { moveStore } from "./runtime/moving/move-store.ts";
