/** What most tests of the FHIR client need: a sandbox, a lifecycle on it, and a user that exists already. */
import {
  isLifecycleError,
  type FhirClient,
  type FhirOptions,
  type FhirVersion,
  type Lifecycle,
  type LifecycleError,
} from "oneup-lifecycle";
import type { SandboxOptions } from "oneup-lifecycle/sandbox";
import { scene, type Scene } from "../support/scene.ts";

export const ada = "ada@example.org";

/** A scene in which ada is onboarded, and her client. */
export async function withAda<V extends FhirVersion>(
  version: V,
  options: SandboxOptions = {},
  how: FhirOptions = {},
): Promise<Scene & { readonly lifecycle: Lifecycle; readonly fhir: FhirClient<V> }> {
  const here = await scene(options);
  const lifecycle = await here.open();
  await lifecycle.onboard(ada);
  return { ...here, lifecycle, fhir: lifecycle.fhir(ada, version, how) };
}

/** The error of a call that must fail. */
export async function errorOf(promise: Promise<unknown>): Promise<LifecycleError> {
  const error: unknown = await promise.then(
    (value) => new Error("It succeeded", { cause: value }),
    (reason: unknown) => reason,
  );
  if (!isLifecycleError(error)) throw new Error("Not a LifecycleError", { cause: error });
  return error;
}

/** All of what an async iterable gives. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of items) found.push(one);
  return found;
}
