/** Dispatches FHIR calls by name, once the caller is known. */

import type { FhirCall } from "./fhir-call.ts";
import { history, read, readVersion } from "./fhir-reads.ts";
import { everything, search } from "./fhir-search.ts";
import { create, erase, permit, purge, update } from "./fhir-writes.ts";
import type { Carried, FhirCallName } from "../base/plan.ts";

/** Carries out `name`. */
export function carryOutFhir(name: FhirCallName, call: FhirCall): Carried {
  switch (name) {
    case "fhir.create":
      return create(call);
    case "fhir.read":
      return read(call);
    case "fhir.vread":
      return readVersion(call);
    case "fhir.history":
      return history(call);
    case "fhir.search":
      return search(call);
    case "fhir.update":
      return update(call);
    case "fhir.delete":
      return erase(call);
    case "fhir.everything":
      return everything(call);
    case "fhir.share":
    case "fhir.unshare":
      return permit(call, name === "fhir.share");
    case "fhir.purge":
      return purge(call);
    default:
      return name satisfies never;
  }
}
