/**
 * The public types of a batch: its entries, and their results.
 *
 * @module
 */
import type { LifecycleError } from "../../errors.ts";
import type { FhirResources, FhirVersion, ResourceOf, ResourceType } from "../fhir-version.ts";
import type { FindBy } from "../recover-create.ts";

/** The most entries of a batch: "a maximum of 20" (1upHealth documentation, bundles). */
export const mostEntries = 20;

/** One entry of a batch. 1upHealth carries each out by itself, in no order that you can rely on. */
export type BatchEntry<V extends FhirVersion> =
  | {
      readonly type: "create";
      readonly resource: FhirResources[V];
      /** Finds the resource if the answer is lost, as for `create()`. */
      readonly findBy?: FindBy | undefined;
    }
  | { readonly type: "read"; readonly resourceType: ResourceType<V>; readonly id: string }
  | {
      readonly type: "update";
      readonly resource: FhirResources[V];
      /** @default as for `update()`: on for `r4` if the resource has a `meta.versionId` */
      readonly ifMatch?: boolean | undefined;
    }
  | { readonly type: "delete"; readonly resourceType: ResourceType<V>; readonly id: string };

/** An entry of a batch of a lifecycle's user. */
export type UserBatchEntry<V extends FhirVersion> =
  | BatchEntry<V>
  | {
      /** Is carried out by `ensure()`, beside the batch. */
      readonly type: "ensure";
      readonly resource: FhirResources[V];
      /** As for `ensure()`. */
      readonly by: { readonly identifier: string };
    };

/** Options of {@link FhirClient.batch}. */
export interface BatchOptions {
  /** Aborts the wait. The call then rejects with the signal's reason; entries may have been carried out. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of one entry: `error` is `null`, or tells why the entry failed. */
export type BatchResult<R = unknown> =
  | {
      readonly error: null;
      /** The status that the answer gives this entry; `undefined` if it was found out in another way. */
      readonly status: number | undefined;
      /** The id of the resource, if it is known. */
      readonly id: string | undefined;
      /** The resource; `null` if the answer has none, as after a delete. */
      readonly resource: R;
    }
  | {
      readonly error: LifecycleError;
      readonly status: number | undefined;
      readonly id?: undefined;
      readonly resource: null;
    };

/** The result of an entry, by the type of its resource. */
export type BatchResultOf<V extends FhirVersion, E> = E extends {
  readonly type: "read";
  readonly resourceType: infer T extends ResourceType<V>;
}
  ? BatchResult<ResourceOf<V, T>>
  : E extends {
        readonly type: "ensure";
        readonly resource: { readonly resourceType: infer T extends ResourceType<V> };
      }
    ? BatchResult<ResourceOf<V, T>>
    : E extends { readonly resource: { readonly resourceType: infer T extends ResourceType<V> } }
      ? BatchResult<ResourceOf<V, T> | null>
      : BatchResult<null>;

/** The results of all entries, in their order. */
export type BatchResults<V extends FhirVersion, E extends readonly unknown[]> = {
  readonly [K in keyof E]: BatchResultOf<V, E[K]>;
};

/** A result without its static type. */
export type AnyResult = BatchResult<object | null>;
