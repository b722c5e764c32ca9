/**
 * What 1upHealth declares for STU3, one resource type per line. Source: its capability statement of 2020-06-09
 * ("1up FHIR Server" 3.0.2).
 *
 * @module
 */
import type { Declared } from "./declared.ts";

export const declared: Declared = {
  interactions: "create delete history-instance history-type patch read search-type update vread",
  operations: `
    document everything expand export export-poll-status expunge get-resource-counts lookup
    mark-all-resources-for-reindexing meta meta-add meta-delete perform-reindexing-pass process-message
    snapshot subsumes suggest-keywords translate validate validate-code
  `,
  typeOperations: "",
  serverInteractions: "history-system transaction",
  searchParams: `
    _id _language
  `,
  types: `
Account: balance identifier name owner patient period status subject type
ActivityDefinition: composed-of date depends-on derived-from description effective identifier jurisdiction name predecessor publisher status successor title topic url version
AdverseEvent: category date location reaction recorder seriousness study subject substance type
AllergyIntolerance: asserter category clinical-status code criticality date identifier last-date manifestation onset patient recorder route severity type verification-status
Appointment: actor appointment-type date identifier incomingreferral location part-status patient practitioner service-type status
AppointmentResponse: actor appointment identifier location part-status patient practitioner
AuditEvent: action address agent agent-name agent-role altid date entity entity-id entity-name entity-role entity-type outcome patient policy site source subtype type user
Basic: author code created identifier patient subject
Binary: contenttype
BodySite: code identifier patient
Bundle: composition identifier message type
CapabilityStatement: date description event fhirversion format guide jurisdiction mode name publisher resource resource-profile security-service software status supported-profile title url version
CarePlan: activity-code activity-date activity-reference based-on care-team category condition context date definition encounter goal identifier intent part-of patient performer replaces status subject
CareTeam: category context date encounter identifier participant patient status subject
ChargeItem: account code context entered-date enterer factor-override identifier occurrence participant-actor participant-role patient performing-organization price-override quantity requesting-organization service subject
Claim: care-team created encounter enterer facility identifier insurer organization patient payee priority provider use
ClaimResponse: created disposition identifier insurer outcome patient payment-date request request-provider
ClinicalImpression: action assessor context date finding-code finding-ref identifier investigation patient previous problem status subject
CodeSystem: code content-mode date description identifier jurisdiction language name publisher status system title url version
Communication: based-on category context definition encounter identifier medium part-of patient received recipient sender sent status subject
CommunicationRequest: authored based-on category context encounter group-identifier identifier medium occurrence patient priority recipient replaces requester sender status subject
CompartmentDefinition: code date description jurisdiction name publisher resource status title url
Composition: attester author class confidentiality context date encounter entry identifier patient period related-id related-ref section status subject title type
ConceptMap: date dependson description identifier jurisdiction name other product publisher source source-code source-system source-uri status target target-code target-system target-uri title url version
Condition: abatement-age abatement-boolean abatement-date abatement-string asserted-date asserter body-site category clinical-status code context encounter evidence evidence-detail identifier onset-age onset-date onset-info patient severity stage subject verification-status
Consent: action actor category consentor data date identifier organization patient period purpose securitylabel source status
Contract: agent authority domain identifier issued patient signer subject term-topic
Coverage: beneficiary class dependent group identifier payor plan policy-holder sequence subclass subgroup subplan subscriber type
DataElement: code date description identifier jurisdiction name publisher status stringency title url version
DetectedIssue: author category date identifier implicated patient
Device: device-name identifier location manufacturer model organization patient status type udi-carrier udi-di url
DeviceComponent: identifier parent source type
DeviceMetric: category identifier parent source type
DeviceRequest: authored-on based-on code definition device encounter event-date group-identifier identifier intent patient performer priorrequest requester status subject
DeviceUseStatement: device identifier patient subject
DiagnosticReport: based-on category code context date diagnosis encounter identifier image issued patient performer result specimen status subject
DocumentManifest: author content-ref created description identifier patient recipient related-id related-ref source status subject type
DocumentReference: authenticator author class created custodian description encounter event facility format identifier indexed language location patient period related-id related-ref relatesto relation relationship securitylabel setting status subject type
EligibilityRequest: created enterer facility identifier organization patient provider
EligibilityResponse: created disposition identifier insurer outcome request request-organization request-provider
Encounter: appointment class date diagnosis episodeofcare identifier incomingreferral length location location-period part-of participant participant-type patient practitioner reason service-provider special-arrangement status subject type
Endpoint: connection-type identifier name organization payload-type status
EnrollmentRequest: identifier organization patient subject
EnrollmentResponse: identifier organization request
EpisodeOfCare: care-manager condition date identifier incomingreferral organization patient status type
ExpansionProfile: date description identifier jurisdiction name publisher status url version
ExplanationOfBenefit: care-team claim coverage created disposition encounter enterer facility identifier organization patient payee provider
FamilyMemberHistory: code date definition gender identifier patient relationship status
Flag: author date encounter identifier patient subject
Goal: category identifier patient start-date status subject target-date
GraphDefinition: date description jurisdiction name publisher start status url version
Group: actual characteristic characteristic-value code exclude identifier member type value
GuidanceResponse: identifier patient request subject
HealthcareService: active category characteristic endpoint identifier location name organization programname type
ImagingManifest: author authoring-time endpoint identifier imaging-study patient selected-study
ImagingStudy: accession basedon bodysite context dicom-class endpoint identifier modality patient performer reason series started study uid
Immunization: date dose-sequence identifier location lot-number manufacturer notgiven patient practitioner reaction reaction-date reason reason-not-given status vaccine-code
ImmunizationRecommendation: date dose-number dose-sequence identifier information patient status support target-disease vaccine-type
ImplementationGuide: date dependency description experimental jurisdiction name publisher resource status url version
Library: composed-of date depends-on derived-from description effective identifier jurisdiction name predecessor publisher status successor title topic url version
Linkage: author item source
List: code date empty-reason encounter identifier item notes patient source status subject title
Location: address address-city address-country address-postalcode address-state address-use endpoint identifier name near near-distance operational-status organization partof status type
Measure: composed-of date depends-on derived-from description effective identifier jurisdiction name predecessor publisher status successor title topic url version
MeasureReport: identifier patient status
Media: based-on context created date device identifier operator patient site subject subtype type view
Medication: code container form ingredient ingredient-code manufacturer over-the-counter package-item package-item-code status
MedicationAdministration: code context device effective-time identifier medication not-given patient performer prescription reason-given reason-not-given status subject
MedicationDispense: code context destination identifier medication patient performer prescription receiver responsibleparty status subject type whenhandedover whenprepared
MedicationRequest: authoredon category code context date identifier intended-dispenser intent medication patient priority requester status subject
MedicationStatement: category code context effective identifier medication part-of patient source status subject
MessageDefinition: category date description event focus identifier jurisdiction name publisher status title url version
MessageHeader: author code destination destination-uri enterer event focus receiver response-id responsible sender source source-uri target timestamp
NamingSystem: contact date description id-type jurisdiction kind name period publisher replaced-by responsible status telecom type value
NutritionOrder: additive datetime encounter formula identifier oraldiet patient provider status supplement
Observation: based-on category code code-value-concept code-value-date code-value-quantity code-value-string combo-code combo-code-value-concept combo-code-value-quantity combo-data-absent-reason combo-value-concept combo-value-quantity component-code component-code-value-concept component-code-value-quantity component-data-absent-reason component-value-concept component-value-quantity context data-absent-reason date device encounter identifier method patient performer related related-target related-type specimen status subject value-concept value-date value-quantity value-string
OperationDefinition: base code date description instance jurisdiction kind name param-profile publisher status system type url version
OperationOutcome:
Organization: active address address-city address-country address-postalcode address-state address-use endpoint identifier name partof phonetic type
Parameters:
Patient: active address address-city address-country address-postalcode address-state address-use animal-breed animal-species birthdate death-date deceased email family gender general-practitioner given identifier language link name organization phone phonetic telecom
PaymentNotice: created identifier organization payment-status provider request response statusdate
PaymentReconciliation: created disposition identifier organization outcome request request-organization request-provider
Person: address address-city address-country address-postalcode address-state address-use birthdate email gender identifier link name organization patient phone phonetic practitioner relatedperson telecom
PlanDefinition: composed-of date depends-on derived-from description effective identifier jurisdiction name predecessor publisher status successor title topic url version
Practitioner: active address address-city address-country address-postalcode address-state address-use communication email family gender given identifier name phone phonetic telecom
PractitionerRole: active date email endpoint identifier location organization phone practitioner role service specialty telecom
Procedure: based-on category code context date definition encounter identifier location part-of patient performer status subject
ProcedureRequest: authored based-on body-site code context definition encounter identifier intent occurrence patient performer performer-type priority replaces requester requisition specimen status subject
ProcessRequest: action identifier organization provider
ProcessResponse: identifier organization request request-organization request-provider
Provenance: agent agent-role end entity-id entity-ref location patient recorded signature-type start target
Questionnaire: code date description effective identifier jurisdiction name publisher status title url version
QuestionnaireResponse: author authored based-on context identifier parent patient questionnaire source status subject
ReferralRequest: authored-on based-on context definition encounter group-identifier identifier intent occurrence-date patient priority recipient replaces requester service specialty status subject type
RelatedPerson: active address address-city address-country address-postalcode address-state address-use birthdate email gender identifier name patient phone phonetic telecom
RequestGroup: author authored context definition encounter group-identifier identifier intent participant patient priority status subject
ResearchStudy: category date focus identifier jurisdiction keyword partof principalinvestigator protocol site sponsor status title
ResearchSubject: date identifier individual patient status
RiskAssessment: condition date encounter identifier method patient performer probability risk subject
Schedule: active actor date identifier type
SearchParameter: base code component date derived-from description jurisdiction name publisher status target type url version
Sequence: chromosome coordinate end identifier patient start type
ServiceDefinition: composed-of date depends-on derived-from description effective identifier jurisdiction name predecessor publisher status successor title topic url version
Slot: identifier schedule slot-type start status
Specimen: accession bodysite collected collector container container-id identifier parent patient status subject type
StructureDefinition: abstract base base-path context-type date derivation description experimental ext-context identifier jurisdiction keyword kind name path publisher status title type url valueset version
StructureMap: date description identifier jurisdiction name publisher status title url version
Subscription: add-tag contact criteria payload status type url
Substance: category code container-identifier expiry identifier quantity status substance-reference
SupplyDelivery: identifier patient receiver status supplier
SupplyRequest: category date identifier requester status supplier
Task: authored-on based-on business-status code context focus group-identifier identifier intent modified organization owner part-of patient performer period priority requester status subject
TestReport: identifier issued participant result tester testscript
TestScript: date description identifier jurisdiction name publisher status testscript-capability title url version
ValueSet: date description expansion identifier jurisdiction name publisher reference status title url version
VisionPrescription: datewritten encounter identifier patient prescriber
`,
};
