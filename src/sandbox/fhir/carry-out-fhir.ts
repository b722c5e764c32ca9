/** Dispatches FHIR calls by name, once the caller is known. */

import { batch } from "./batch.ts";
import type { FhirCall } from "./fhir-call.ts";
import { history, read, readVersion } from "./read.ts";
import { everything, search } from "./search.ts";
import { create, erase, permit, purge, update, validate } from "./fhir-writes.ts";
import type { Carried, FhirCallName } from "../base/plan.ts";

/** How each call is carried out. */
export const carryOutFhir: Readonly<Record<FhirCallName, (call: FhirCall) => Carried>> = {
  "fhir.create": create,
  "fhir.read": read,
  "fhir.vread": readVersion,
  "fhir.history": history,
  "fhir.search": search,
  "fhir.update": update,
  "fhir.delete": erase,
  "fhir.everything": everything,
  "fhir.batch": batch,
  "fhir.validate": validate,
  "fhir.share": (call) => permit(call, true),
  "fhir.unshare": (call) => permit(call, false),
  "fhir.purge": purge,
};
