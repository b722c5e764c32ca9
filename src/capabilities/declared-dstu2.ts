/**
 * What 1upHealth declares for DSTU2, one resource type per line. Source: its capability statement of 2020-06-09
 * ("1up FHIR Server" 1.0.2).
 *
 * @module
 */
import type { Declared } from "./declared.ts";

export const declared: Declared = {
  interactions: "create delete history-instance history-type read search-type update vread",
  operations: `
    document everything expand export export-poll-status expunge get-resource-counts lookup
    mark-all-resources-for-reindexing meta meta-add meta-delete perform-reindexing-pass process-message
    suggest-keywords validate validate-code
  `,
  typeOperations: "",
  serverInteractions: "history-system transaction",
  searchParams: `
    _content _filter _has _id _language _lastUpdated _profile _security _source _tag _text
  `,
  types: `
Account: balance identifier name owner patient period status subject type
AllergyIntolerance: category criticality date identifier last-date manifestation onset patient recorder reporter route severity status substance type
Appointment: actor date identifier location part-status patient practitioner status
AppointmentResponse: actor appointment identifier location part-status patient practitioner
AuditEvent: action address altid date desc identity name object-type participant patient policy reference site source subtype type user
Basic: author code created identifier patient subject
Binary: contenttype
BodySite: code identifier patient
Bundle: composition message type
CarePlan: activitycode activitydate activityreference condition date goal participant patient performer relatedcode relatedcode-relatedplan relatedplan subject
Claim: identifier patient priority provider use
ClaimResponse: identifier
ClinicalImpression: action assessor date finding investigation patient plan previous problem resolved ruledout status trigger trigger-code
Communication: category encounter identifier medium patient received recipient request sender sent status subject
CommunicationRequest: category encounter identifier medium patient priority recipient requested requester sender status subject time
Composition: attester author class confidentiality context date encounter entry identifier patient period section status subject title type
ConceptMap: context date dependson description identifier name product publisher source sourcecode sourcesystem sourceuri status target targetcode targetsystem url version
Condition: asserter body-site category clinicalstatus code date-recorded encounter evidence identifier onset onset-info patient severity stage
Conformance: date description event fhirversion format mode name profile publisher resource security software status supported-profile url version
Contract: actor identifier patient signer subject
Coverage: dependent group identifier issuer plan sequence subplan type
DataElement: code context date description identifier name publisher status stringency url version
DetectedIssue: author category date identifier implicated patient
Device: identifier location manufacturer model organization patient type udi url
DeviceComponent: parent source type
DeviceMetric: category identifier parent source type
DeviceUseRequest: device patient subject
DeviceUseStatement: device patient subject
DiagnosticOrder: actor bodysite code encounter event-date event-status event-status-event-date identifier item-date item-past-status item-past-status-item-date item-status orderer patient specimen status subject
DiagnosticReport: category code date diagnosis encounter identifier image issued patient performer request result specimen status subject
DocumentManifest: author content-ref created description identifier patient recipient related-id related-ref source status subject type
DocumentReference: authenticator author class created custodian description encounter event facility format identifier indexed language location patient period related-id related-ref relatesto relatesto-relation relation securitylabel setting status subject type
EligibilityRequest: identifier
EligibilityResponse: identifier
Encounter: appointment condition date episodeofcare identifier incomingreferral indication length location location-period part-of participant participant-type patient practitioner procedure reason special-arrangement status type
EnrollmentRequest: identifier patient subject
EnrollmentResponse: identifier
EpisodeOfCare: care-manager condition date identifier incomingreferral organization patient status team-member type
ExplanationOfBenefit: identifier
FamilyMemberHistory: code date gender identifier patient relationship
Flag: author date encounter patient subject
Goal: category identifier patient status subject targetdate
Group: actual characteristic characteristic-value code exclude identifier member type value
HealthcareService: characteristic identifier location name organization programname servicecategory servicetype
ImagingObjectSelection: author authoring-time identifier patient selected-study title
ImagingStudy: accession bodysite dicom-class modality order patient series started study uid
Immunization: date dose-sequence identifier location lot-number manufacturer notgiven patient performer reaction reaction-date reason reason-not-given requester status vaccine-code
ImmunizationRecommendation: date dose-number dose-sequence identifier information patient status support vaccine-type
ImplementationGuide: context date dependency description experimental name publisher status url version
List: code date empty-reason encounter item notes patient source status subject title
Location: address address-city address-country address-postalcode address-state address-use identifier name near near-distance organization partof status type
Media: created identifier operator patient subject subtype type view
Medication: code container content form ingredient manufacturer
MedicationAdministration: code device effectivetime encounter identifier medication notgiven patient practitioner prescription status
MedicationDispense: code destination dispenser identifier medication patient prescription receiver responsibleparty status type whenhandedover whenprepared
MedicationOrder: code datewritten encounter identifier medication patient prescriber status
MedicationStatement: code effectivedate identifier medication patient source status
MessageHeader: author code data destination destination-uri enterer event receiver response-id responsible source source-uri target timestamp
NamingSystem: contact context date id-type kind name period publisher replaced-by responsible status telecom type value
NutritionOrder: additive datetime encounter formula identifier oraldiet patient provider status supplement
Observation: category code code-value-concept code-value-date code-value-quantity code-value-string component-code component-code-component-value-concept component-code-component-value-quantity component-code-component-value-string component-data-absent-reason component-value-concept component-value-quantity component-value-string data-absent-reason date device encounter identifier patient performer related-target related-target-related-type related-type specimen status subject value-concept value-date value-quantity value-string
OperationDefinition: base code date instance kind name profile publisher status system type url version
OperationOutcome:
Order: date detail identifier patient source subject target when when_code
OrderResponse: code date fulfillment identifier request who
Organization: active address address-city address-country address-postalcode address-state address-use identifier name partof phonetic type
Parameters:
Patient: active address address-city address-country address-postalcode address-state address-use animal-breed animal-species birthdate careprovider deathdate deceased email family gender given identifier language link name organization phone phonetic telecom
PaymentNotice: identifier
PaymentReconciliation: identifier
Person: address address-city address-country address-postalcode address-state address-use birthdate email gender identifier link name organization patient phone phonetic practitioner relatedperson telecom
Practitioner: address address-city address-country address-postalcode address-state address-use communication email family gender given identifier location name organization phone phonetic role specialty telecom
Procedure: code date encounter identifier location patient performer subject
ProcedureRequest: encounter identifier orderer patient performer subject
ProcessRequest: action identifier organization provider
ProcessResponse: identifier organization request requestorganization requestprovider
Provenance: agent end entity entitytype location patient sigtype start target userid
Questionnaire: code date identifier publisher status title version
QuestionnaireResponse: author authored encounter patient questionnaire source status subject
ReferralRequest: date patient priority recipient requester specialty status type
RelatedPerson: address address-city address-country address-postalcode address-state address-use birthdate email gender identifier name patient phone phonetic telecom
RiskAssessment: condition date encounter identifier method patient performer subject
Schedule: actor date identifier type
SearchParameter: base code description name target type url
Slot: fb-type identifier schedule slot-type start
Specimen: accession bodysite collected collector container container-id identifier parent patient subject type
StructureDefinition: abstract base base-path code context context-type date description display experimental ext-context identifier kind name path publisher status type url valueset version
Subscription: contact criteria payload status tag type url
Substance: category code container-identifier expiry identifier quantity substance
SupplyDelivery: identifier patient receiver status supplier
SupplyRequest: date identifier kind patient source status supplier
TestScript: description identifier name testscript-capability testscript-setup-capability testscript-test-capability url
ValueSet: code context date description expansion identifier name publisher reference status system url version
VisionPrescription: datewritten encounter identifier patient prescriber
`,
};
