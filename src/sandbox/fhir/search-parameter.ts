/**
 * The search parameters that the sandbox evaluates: how each compares, and which elements it reads. The names are
 * FHIR's; `served-types.ts` knows which ones 1upHealth declares for a type.
 */

/** How a parameter compares (FHIR R4, 3.1.1.4.4). */
export type ParameterKind = "token" | "string" | "date" | "reference" | "uri" | "quantity";

/** A parameter of one type. */
export interface SearchParameter {
  readonly kind: ParameterKind;
  /** Paths to the elements; `telecom:phone` takes only contact points of that system. */
  readonly paths: readonly string[];
}

/** Kind, names, and after `=` the elements. An entry with a type in front replaces the others for that type. */
const table = `
token _id id = id
token _language = language
date _lastUpdated = meta.lastUpdated
token _tag = meta.tag
token _security = meta.security
uri _profile = meta.profile
uri _source = meta.source
token identifier = identifier DocumentReference.masterIdentifier DocumentReference.identifier
token status = status
token code = code medicationCodeableConcept
token category = category
token type = type
token priority = priority
token intent = intent
token class = class
token gender = gender
token active = active
token language = communication.language
token severity = severity
token specialty = specialty
token method = method
uri url = url
token version = version
string name = name alias
string family = family name.family
string given = given name.given
string title = title
string description = description
string publisher = publisher
string address = address
string address-city = address.city
string address-state = address.state
string address-country = address.country
string address-postalcode = address.postalCode
token address-use = address.use
token telecom = telecom
token phone = telecom:phone
token email = telecom:email
date birthdate = birthDate
date death-date deathdate = deceasedDateTime
reference patient = patient subject Coverage.beneficiary Appointment.participant.actor Person.link.target
  Group.member.entity AuditEvent.agent.who AuditEvent.entity.what AppointmentResponse.actor
  EnrollmentRequest.candidate ResearchSubject.individual Provenance.target Account.subject
reference subject = subject EnrollmentRequest.subject
reference encounter = encounter context context.encounter
reference performer = performer performer.actor
reference organization = managingOrganization organization
reference general-practitioner careprovider = generalPractitioner careProvider
reference practitioner = practitioner participant.individual participant.actor
reference participant = participant participant.individual participant.member
reference actor = participant.actor actor
reference author = author
reference recorder = recorder
reference asserter = asserter
reference requester = requester requester.agent
reference prescriber = prescriber
reference link = link.other link.target
reference specimen = specimen
reference device = device
reference medication = medicationReference
reference based-on = basedOn
reference part-of = partOf
reference derived-from = derivedFrom
reference has-member = hasMember
reference focus = focus
reference result = result
reference beneficiary = beneficiary
reference subscriber = subscriber
reference payor = payor
reference service-provider = serviceProvider
reference location = location.location location
date date = date effectiveDateTime effectivePeriod effectiveInstant period performedDateTime performedPeriod
  occurrenceDateTime occurrencePeriod recordedDate start started ClinicalImpression.date Consent.dateTime
  Composition.date DocumentReference.date List.date FamilyMemberHistory.date Immunization.date
  Immunization.occurrenceDateTime
date period = period
date issued = issued
date created = created
date authoredon = authoredOn
date authored = authored
date recorded = recorded
date datewritten = dateWritten
date effective = effectiveDateTime effectivePeriod
date recorded-date date-recorded = recordedDate dateRecorded
date asserted-date = assertedDate
date onset-date onset = onsetDateTime onsetPeriod
date abatement-date = abatementDateTime abatementPeriod
string onset-info = onsetString
string abatement-string = abatementString
token clinical-status clinicalstatus = clinicalStatus
token verification-status = verificationStatus
token body-site = bodySite
token stage = stage.summary
token evidence = evidence.code
reference evidence-detail = evidence.detail
token criticality = criticality
token manifestation = reaction.manifestation
token vaccine-code = vaccineCode
string lot-number = lotNumber
token reason-code reason = reasonCode reason
token lifecycle-status = lifecycleStatus
token data-absent-reason = dataAbsentReason
token component-code = component.code
token combo-code = code component.code
token value-concept = valueCodeableConcept
token component-value-concept = component.valueCodeableConcept
token combo-value-concept = valueCodeableConcept component.valueCodeableConcept
string value-string = valueString valueCodeableConcept.text
date value-date = valueDateTime valuePeriod
quantity value-quantity = valueQuantity
quantity component-value-quantity = component.valueQuantity
quantity combo-value-quantity = valueQuantity component.valueQuantity
`;

const parameters: ReadonlyMap<
  string,
  { readonly kind: ParameterKind; readonly elements: readonly string[] }
> = new Map(readTable().flatMap(({ names, ...rest }) => names.map((name) => [name, rest] as const)));

/** The parameter `name` of `type`; `undefined` if the sandbox does not evaluate it. */
export function searchParameter(type: string, name: string): SearchParameter | undefined {
  const found = parameters.get(name);
  if (found === undefined) return undefined;
  const own = found.elements.filter((path) => path.startsWith(`${type}.`));
  const general = found.elements.filter((path) => /^[a-z]/.test(path));
  const paths = own.length === 0 ? general : own.map((path) => path.slice(type.length + 1));
  return { kind: found.kind, paths };
}

function readTable(): { kind: ParameterKind; names: string[]; elements: string[] }[] {
  const lines = table.trim().replaceAll("\n  ", " ").split("\n");
  return lines.map((line) => {
    const [left = "", right = ""] = line.split(" = ");
    const [kind, ...names] = left.split(" ");
    // The table above contains no other kinds.
    return { kind: kind as ParameterKind, names, elements: right.split(" ") };
  });
}
