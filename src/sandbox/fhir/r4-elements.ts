/**
 * The top-level elements of the R4 resources that 1upHealth serves, in the format of {@link elementsOf}. Made from
 * `@types/fhir` by `npm run elements`.
 *
 * @module
 */

export const r4Elements = {
  /** The elements that several types have. */
  shared: `
identifier* status$! description$ contact* note* date$ name$ jurisdiction* publisher$ useContext* version$
title$ encounter copyright$ experimental? url$ purpose$ reasonCode* subject basedOn* reasonReference*
category* effectivePeriod type status$ subject! code patient! period approvalDate$ author* lastReviewDate$
partOf* active? relatedArtifact* editor* endorser* reviewer* topic* identifier subtitle$ telecom* author
instantiatesCanonical$* instantiatesUri$* location name$! occurrenceDateTime$ performer* priority$ comment$
created$! supportingInfo* usage$ authoredOn$ code! endpoint* insurance* intent$! occurrencePeriod statusReason
subject* subjectCodeableConcept subjectReference type! type* url$! created$ date$! item* requester specialty*
type$! address* category context disposition$ effectiveDateTime$ enterer groupIdentifier ingredient* issued$
kind$! library$* location* managingOrganization name* occurrenceTiming participant* patient performer quantity
recorder request supportingInformation* alias$* birthDate$ bodySite* code* communication* diagnosis*
doNotPerform? focus* form gender$ insurer! link* medicationCodeableConcept medicationReference owner
parameter* partOf priority property* relevantHistory* replaces* shortTitle$ source account* asserter
availabilityExceptions$ bodySite careTeam* code$! condition* derivedFrom* device end$ eventHistory* facility
formCode fundsReserve group* instance* instantiates$* manufacturer manufacturer* method organization outcome
outcome$ outcome$! parent payee performerType photo* population! population* processNote* provider recipient*
recordedDate$ related* requestor sender serviceCategory* serviceType* statusDate$ statusReason* subType
target* type$ use$! about* accident action* addItem* addresses* adjudication* amount appointmentType authority
availableTime* base$ billablePeriod certainty* characteristic* characteristic*! classification* clinicalStatus
collection comment$* comorbidity* component* content*! contributor* coverage* coverageArea* custodian
dataAbsentReason dataRequirement* deceasedBoolean? definition destination destination* detectedIssue* device*
deviceName* diseaseStatus domain dosage* dosageInstruction* entry* error* eventCoding eventUri$ evidence*
expansion expirationDate$ exposure goal* healthcareService* implementation improvementNotation
instantiatesUri$ insurance*! insurer keyword* legalStatusOfSupply lotNumber$ marketingStatus* masterIdentifier
medium* modelNumber$ network* notAvailable* numberOfSubunits# onsetAge onsetDateTime$ onsetPeriod onsetRange
onsetString$ originalPrescription otherTherapy* outcome! parent* patientInstruction$ payload* payment photo
physicalCharacteristics preAuthRef$ prescription procedure* processing* productCodeableConcept
productReference profile$ provider! purpose$*! quantity! quantity# reaction* receiver* referral relatesTo*
relationship* replaces$* request* response safety* sampleSize sequenceType servicedDate$ servicedPeriod setup
severity site* software source! specialization* specimen specimen* start$ start$! status statusHistory*
studyType substitution subunit* synthesisType teardown test* timingDateTime$ timingPeriod timingTiming total*
unitOfPresentation validityPeriod verificationStatus
`,
  /** One type per line: the places of its elements in `shared` in base 36, a bar, and its other elements. */
  types: `
Resource: | id$ meta implicitRules$ language$
DomainResource = Resource: | text contained* extension* modifierExtension*
Account: 0 1 n 6 1p 56 31 2 33 | servicePeriod guarantor*
ActivityDefinition: f 0 a 6 b 14 1 e 1q 1r 5 8 3 2 9 7 g 1h d t v m 12 u z 11 10 y 2b 6v q 1d 2t 7x 7v 7w 19 2g 6u 6t 2j 5k 2p | kind$ intent$ timingAge timingRange timingDuration specimenRequirement* observationRequirement* observationResultRequirement* transform$ dynamicValue*
AdverseEvent: 13 l p c 5 47 19 7e 3v 2k 55 | actuality$! event detected$ resultingCondition* seriousness suspectEntity* subjectMedicalHistory* referenceDocument* study*
AllergyIntolerance: 0 4z 81 4h q r c 6c 6b 6d 6e 6f 47 2k 3b 4 70 | category$* criticality$ lastOccurrence$
Appointment: 0 1 4b 4c 1z 4q h k 2 2m 7l 3j 1v 1e 6k j | cancelationReason priority# minutesDuration# slot* participant*! requestedPeriod*
AppointmentResponse: 0 7l 3j 1e | appointment! participantType* actor participantStatus$!
AuditEvent: 1s s 3w 7h | subtype* action$ recorded$! outcomeDesc$ purposeOfEvent* agent*! entity*
Basic: 0 1j i 1v 16 |
BiologicallyDerivedProduct: 0 o 76 6z 6j 50 6s | productCategory$ productCode manipulation storage*
BodyStructure: 0 x 19 2 r | morphology locationQualifier* image*
Bundle = Resource: 13 20 2y 5m | timestamp$ total# signature
CapabilityStatement: f a 6 b 1 e 1w 8 3 2 9 7 g d 2a 3q 7g 5w | imports$* fhirVersion$! format$*! patchFormat$* implementationGuide$* rest* messaging* document*
CarePlan: 0 17 18 j 37 w 1 1m l b 2 p c s 1v 16 55 3e 4n 1g 5u 4 | activity*
CareTeam: 0 o l 6 i c s 2g h k 15 4 | managingOrganization*
CatalogEntry: 0 n 4y o 80 | orderable?! referencedItem! additionalIdentifier* validTo$ lastUpdated$ additionalCharacteristic* additionalClassification* relatedEntry*
ChargeItem: 0 1 w 1j p 23 1b 1n 2f 1c 2j 26 6u 6t 3a 4 2m | definitionUri$* definitionCanonical$* performingOrganization requestingOrganization costCenter bodysite* factorOverride# priceOverride overrideReason$ enteredDate$ reason* service*
ChargeItemDefinition: 1u 0 a b 75 1 e 5 8 3 2 9 7 d t v m q 3p | derivedFromUri$* partOf$* applicability* propertyGroup*
Claim: 0 1 1s 4f 4i r 4u 1f 26 60 6w 3n 48 6q 6g 3z 72 3l 3e 1g 2s 6r 5z 4k 1x | priority! total
ClaimResponse: 0 1 1s 4f 4i r 1f 2x 49 2l 3x 24 6p 1x 4m 4o 7y 6m 3n 3m 2v 44 1l 5n | preAuthPeriod payeeType communicationRequest*
ClinicalImpression: 0 1 1o q 2 p c 25 m 5 1g 4 | assessor previous problem* investigation* protocol$* summary$ finding* prognosisCodeableConcept* prognosisReference*
CodeSystem: f 0 a 6 b 1 e 5 8 3 2 9 7 g d 35 | caseSensitive? valueSet$ hierarchyMeaning$ compositional? versionNeeded? content$! supplements$ count# filter* concept*
Communication: 0 17 18 j w 1 1o l 1d 66 i 4j c 46 4a h k 6l 4 | inResponseTo* topic sent$ received$
CommunicationRequest: 0 j 37 27 1 1o l 1d 2t 66 i 4j c 6l 1b 1n 1i 1y 46 4a h k 4 |
CompartmentDefinition: 1u a 1a 1 e 5 8 3 2 9 g 3f | search?! resource*
Composition: 13 1 1s l i c 1w 58 73 | author*! title$! confidentiality$ attester* event* section*
ConceptMap: f 13 a 6 b 1 e 5 8 3 2 9 7 g d 3o | sourceUri$ sourceCanonical$ targetUri$ targetCanonical$
Condition: 0 4z 81 l 7e q 2p p c 6c 6b 6d 6e 6f 47 2k 3b 5q 4 | abatementDateTime$ abatementAge abatementPeriod abatementRange abatementString$ stage*
Consent: 0 1 2h 1c | scope! category*! dateTime$ organization* sourceAttachment sourceReference policy* policyRule verification* provision
Contract: 0 f a o 5y 29 1p 7f 6 b 14 2n 16 n 1g 36 | legalState instantiatesCanonical contentDerivative applies expirationType authority* domain* scope topicCodeableConcept topicReference subType* contentDefinition term* signer* friendly* legal* rule* legallyBindingAttachment legallyBindingReference
Coverage: 0 1 n s | policyHolder subscriber subscriberId$ beneficiary! dependent$ relationship payor*! class* order# network$ costToBeneficiary* subrogation? contract*
CoverageEligibilityRequest: 0 1 34 6x r 7b 7c 1f 26 45 2x 3l 1g 1l 1x |
CoverageEligibilityResponse: 0 1 6x r 7b 7c 1f 49 3x 24 2x 1l 6p 2v 5n | request!
DetectedIssue: 0 1 q 2h 16 5q | severity$ identifiedDateTime$ identifiedPeriod implicated* detail$ reference$ mitigation*
Device: 0 5c o 4e 5s 63 5h 67 n 7i 35 2h 31 3 19 f 4 78 3y | udiCarrier* distinctIdentifier$ manufacturer$ manufactureDate$ serialNumber$ partNumber$ version*
DeviceDefinition: 0 5h 67 n 7i 78 6o 35 31 3 f 4 2j | udiDeviceIdentifier* manufacturerString$ manufacturerReference version$* shelfLifeStorage* languageCode* capability* onlineInformation$ parentDevice material*
DeviceMetric: 0 1s 39 3y | unit operationalStatus$ color$ category$! measurementPeriod calibration*
DeviceRequest: 0 17 18 j 27 o 1m 1d 32 p c 1b 1n 2f 1i 1y 40 2i h k 1l 1g 4 36 | priorRequest* codeReference codeCodeableConcept
DeviceUseStatement: 0 j 1 p 3h 7x 7w 7v 39 h k 3d 4 | recordedOn$ device!
DiagnosticReport: 0 j 1 l 1j i c 25 m 29 1c 7k | resultsInterpreter* result* imagingStudy* media* conclusion$ conclusionCode* presentedForm*
DocumentManifest: 65 0 1 n i 1v u 46 2 54 48 | source$
DocumentReference: 65 0 1 n l i 5 u 58 73 2 54 23 | docStatus$ authenticator securityLabel*
EffectEvidenceSynthesis: f 0 a 6 b 1 5 8 3 2 4 9 7 d t v m 12 u z 11 10 y 7s 7p 42 6i 79 4v | exposure! exposureAlternative! resultsByExposure* effectEstimate*
Encounter: 0 1 7o 1t 34 i j 2g s h k 2s 3a 2c 33 | class! classHistory* serviceType episodeOfCare* appointment* length hospitalization serviceProvider
Endpoint: 0 1 6 2d 3 s | connectionType! payloadType*! payloadMimeType$* address$! header$*
EnrollmentRequest: 0 o 1v 60 45 | candidate coverage
EnrollmentResponse: 0 o 2l 3w 24 1v 3u | requestProvider
EpisodeOfCare: 0 1 7o 1t 2s r 2d s 3a | referralRequest* careManager team*
EventDefinition: f 0 a 6 b 14 1 e 1q 1r 5 8 3 2 9 7 g 1h d t v m 12 u z 11 10 y | trigger*!
Evidence: f 0 a 6 b 38 14 1 5 8 3 2 4 9 7 d t v m 12 u z 11 10 y | exposureBackground! exposureVariant* outcome*
EvidenceVariable: f 0 a 6 b 38 14 1 5 8 3 2 4 9 7 d t v m 12 u z 11 10 y 4h 4x |
ExampleScenario: f 0 a 6 1 e 5 8 3 9 7 d g 3p | actor* process* workflow$*
ExplanationOfBenefit: 0 1 1s 4f 4i r 4u 1f 26 2x 6w 34 3n 48 6q 6g 3z 72 3l 3x 24 3e 1g 2s 6r 5z 4k 1x 4m 4o 7y 6m 3m 2v 44 | fundsReserveRequested claim claimResponse preAuthRef$* preAuthRefPeriod* precedence# benefitPeriod benefitBalance*
FamilyMemberHistory: 0 17 18 1 59 r 5 6 5b h k 4 3g | relationship! sex bornPeriod bornDate$ bornString$ ageAge ageRange ageString$ estimatedAge? deceasedAge deceasedRange deceasedDate$ deceasedString$
Flag: 0 1 l 1j p s c 16 |
Goal: 0 l 34 p 4g 4d 4n 4 | lifecycleStatus$! achievementStatus description! startDate$ startCodeableConcept statusReason$ expressedBy outcomeCode* outcomeReference*
GraphDefinition: f a 1a 1 e 5 8 3 2 9 7 g 7m 6v 2y |
Group: 0 x 20 q 6 6z 4w | actual?! managingEntity member*
GuidanceResponse: 0 1 i c 1b 2i h k 4 5a | requestIdentifier moduleUri$ moduleCanonical$ moduleCodeableConcept evaluationMessage* outputParameters result
HealthcareService: 0 x l 1t 1z 2c 6 1e 6n 15 57 4w 2r 4s 69 3c 1k | providedBy extraDetails$ serviceProvisionCode* eligibility* program* referralMethod* appointmentRequired?
ImagingStudy: 0 1 p c j 1k 19 h k 4 2 | modality* started$ referrer interpreter* numberOfSeries# numberOfInstances# procedureReference procedureCode* series*
Immunization: 0 1 1o r c 1b 19 3r 63 5s 1c 4 h k 70 | vaccineCode! occurrenceString$ recorded$ primarySource? reportOrigin site route doseQuantity isSubpotent? subpotentReason* education* programEligibility* fundingSource protocolApplied*
ImmunizationEvaluation: 0 1 r 5 4r 2 | targetDisease! immunizationEvent! doseStatus! doseStatusReason* series$ doseNumberPositiveInt# doseNumberString$ seriesDosesPositiveInt# seriesDosesString$
ImmunizationRecommendation: 0 r 1w 4r | recommendation*!
ImplementationGuide: 1u a 1a b 1 e 5 8 3 2 9 7 d 5c | packageId$! license$ fhirVersion$*! dependsOn* global* manifest
InsurancePlan: 0 o 1t 6 2n s 57 3 1k 68 56 | ownedBy administeredBy plan*
Invoice: 0 1 n i 5 2g 4 | cancelledReason$ recipient issuer account lineItem* totalPriceComponent* totalNet totalGross paymentTerms$
Library: f 0 a 6 b 14 1 e 1s 1q 1r 5 8 3 2 9 7 g 1h d t v m 12 u z 11 10 y 32 5a | content*
Linkage: x 16 | item*!
List: 0 1 b q i c 5 39 4 5m | mode$! orderedBy emptyReason
Location: 0 o 6 2n 2 1t 15 2d 33 3c 1k | operationalStatus mode$ address physicalType position hoursOfOperation*
Measure: f 0 a 6 b 14 1 e 1q 1r 5 8 3 2 9 7 g 1h d t v m 12 u z 11 10 y 2b 1t 5x 3o | disclaimer$ scoring compositeScoring riskAdjustment$ rateAggregation$ rationale$ clinicalRecommendationStatement$ definition$* guidance$ supplementalData*
MeasureReport: 0 1 20 i 5 5x 3o | measure$! reporter period! evaluatedResource*
Media: 0 j w 1 n i c 29 h 3d 3i 4 | modality view createdDateTime$ createdPeriod operator deviceName$ height# width# frames# duration# content!
Medication: 0 q o 3r 2v 4p 28 | batch
MedicationAdministration: 0 3q w 1 4e 22 2z 30 p 23 2m 25 m 1c h k 2l 5g 4 3k | dosage
MedicationDispense: 0 w 1 22 2z 30 i 23 2m 1c 19 n 2j 5d 71 4 5l 7q 5f 3k | statusReasonCodeableConcept statusReasonReference authorizingPrescription* daysSupply whenPrepared$ whenHandedOver$
MedicationKnowledge: q o 3r 4p 28 | doseForm synonym$* relatedMedicationKnowledge* associatedMedication* productType* monograph* preparationInstruction$ intendedRoute* cost* monitoringProgram* administrationGuidelines* medicineClassification* packaging drugCharacteristic* contraindication* regulatory* kinetics*
MedicationRequest: 0 1 1o 1m l 1d 2t 2z 30 p c 2m 1i 1y 2i 40 2k h k 17 18 j 27 1l 4 5l 7q 5f 3k | reportedBoolean? reportedReference courseOfTherapyType dispenseRequest priorPrescription
MedicationStatement: 0 j w 1 4e 22 2z 30 p 23 25 m 3h h k 4 5k | dateAsserted$ informationSource
MedicinalProduct: 0 n 5j 62 64 3 | combinedPharmaceuticalDoseForm additionalMonitoringIndicator specialMeasures$* paediatricUseIndicator productClassification* pharmaceuticalProduct* packagedMedicinalProduct* attachedDocument* masterFile* clinicalTrial* name*! crossReference* manufacturingBusinessOperation* specialDesignation*
MedicinalProductAuthorization: 0 i 7 7n 4d 80 | country* restoreDate$ dataExclusivityPeriod dateOfFirstAuthorization$ internationalBirthDate$ legalBasis jurisdictionalAuthorization* holder regulator procedure
MedicinalProductContraindication: 1p 5i 52 6h 43 | disease therapeuticIndication*
MedicinalProductIndication: 1p 5i 52 6h 43 | diseaseSymptomProcedure intendedEffect duration undesirableEffect*
MedicinalProductIngredient: 13 3s | role! allergenicIndicator? specifiedSubstance* substance
MedicinalProductInteraction: 1p 2 n | interactant* effect incidence management
MedicinalProductManufactured: 7z 6y 3s 28 6o | manufacturedDoseForm! otherCharacteristics*
MedicinalProductPackaged: 0 1p 2 62 64 3s | marketingAuthorization batchIdentifier* packageItem*!
MedicinalProductPharmaceutical: 0 7z 28 5g | administrableDoseForm! characteristics* routeOfAdministration*!
MedicinalProductUndesirableEffect: 1p 43 | symptomConditionEffect classification frequencyOfOccurrence
MessageDefinition: f 0 a 6 b 75 1 e 1w 8 3 2 9 7 g d 4t 5o 5p 2u | parent$* category$ responseRequired$ allowedResponse* graph$*
MessageHeader: 5o 5p 5e 4a 26 16 7h 77 2u | responsible reason definition$
MolecularSequence: 0 4h 2h 7j 3i 2i 2j | coordinateSystem#! referenceSeq variant* observedSeq$ quality* readCoverage# repository* pointer* structureVariant*
NamingSystem: 1a 1 2a 1w 8 3 n 2 9 7 1h | responsible$ uniqueId*!
NutritionOrder: 0 17 18 3q 1 1m r c 4 | dateTime$! orderer allergyIntolerance* foodPreferenceModifier* excludeFoodModifier* oralDiet supplement* enteralFormula
Observation: 0 j w 1 l 1j i 2u c 25 m 29 1c 59 4 3d 3t 7j 3i 3h 53 | effectiveTiming effectiveInstant$ valueQuantity valueCodeableConcept valueString$ valueBoolean? valueInteger# valueRange valueRatio valueSampledData valueTime$ valueDateTime$ valuePeriod interpretation* referenceRange* hasMember*
ObservationDefinition: l 1j 0 3t | permittedDataType$* multipleResultsAllowed? preferredReportName$ quantitativeDetails qualifiedInterval* validCodedValueSet normalCodedValueSet abnormalCodedValueSet criticalCodedValueSet
OperationDefinition: f a 1a b 1 2a e 5 8 3 2 9 7 g 3f 1e 4t 32 | affectsState? resource$* system?! type?! instance?! inputProfile$ outputProfile$ overload*
Organization: 0 x 1t 6 2n 15 21 33 3 1k |
OrganizationAffiliation: 0 x s 3u 68 2q 1z 2c 5v 15 1k | participatingOrganization
Patient: 0 x 2e 15 2w 2o 5b 21 41 3 2r 2d 2y | deceasedDateTime$ maritalStatus multipleBirthBoolean? multipleBirthInteger# generalPractitioner*
PaymentNotice: 0 1 2l 77 1f 45 3z | payment! paymentDate$ recipient! amount! paymentStatus
PaymentReconciliation: 0 1 s 1f 2l 49 3w 24 3m 44 | paymentIssuer paymentDate$! paymentAmount! paymentIdentifier detail*
Person: 0 2e 15 2w 2o 21 6n 2d x 2y |
PlanDefinition: f 0 a 6 b 14 n 1 e 1q 1r 5 8 3 2 9 7 g 1h d t v m 12 u z 11 10 y 2b 5u 4l |
Practitioner: 0 x 2e 15 21 2w 2o 41 2r | qualification*
PractitionerRole: 0 x s 3u 2q 1z 2c 5v 15 4s 69 3c 1k | practitioner
Procedure: 0 17 18 j w 1 1o 22 q p c 2k 3b 1c 19 h k 2p 3v 4 | performedDateTime$ performedPeriod performedString$ performedAge performedRange report* complication* complicationDetail* followUp* focalDevice* usedReference* usedCode*
Questionnaire: f 0 a 6 b 1 e 5 8 3 2 9 7 g d t v m 2q 1x | derivedFrom$* subjectType$*
QuestionnaireResponse: 13 j w 1 i c 16 39 1x | questionnaire$ authored$
RelatedPerson: 0 x r 74 2e 15 2w 2o 21 41 s 2r |
RequestGroup: 0 17 18 j 37 27 1 1m 1d q i c 1i 16 h k 4 4l |
ResearchDefinition: f 0 a 6 b 38 14 1 e 1q 1r 5 8 3 2 51 9 7 g 1h d t v m 12 u z 11 10 y 2b 42 5t 3v | exposureAlternative
ResearchElementDefinition: f 0 a 6 b 38 14 1 e 1q 1r 5 8 3 2 51 9 7 g 1h d t v m 12 u z 11 10 y 2b 20 4x | variableType$
ResearchStudy: 0 b w 1 l 2u 3g 3 y 61 2c 2 s 7f 4 | protocol* primaryPurposeType phase enrollment* sponsor principalInvestigator reasonStopped arm* objective*
ResearchSubject: 0 1 s | study! individual! assignedArm$ actualArm$ consent
RiskAssessment: 0 3y 1 3t q p c 1b 1n 2i h k 4 | basedOn condition basis* prediction* mitigation$
RiskEvidenceSynthesis: f 0 a 6 b 1 5 8 3 2 4 9 7 d t v m 12 u z 11 10 y 7s 7p 42 5t 6i 79 4v | riskEstimate
Schedule: 0 x 4b 4c 1z 1e | actor*! planningHorizon
SearchParameter: 1u a 1a 1 e 5 8 3 9 7 g 3f 20 53 | derivedFrom$ description$! base$*! expression$ xpath$ xpathUsage$ target$* multipleOr? multipleAnd? comparator$* modifier$* chain$*
ServiceRequest: 0 17 18 j 37 1 1m l 1d 2t q p c 1b 1n 2f 1i 1y 40 1c h k 1l 1g 7k 2p 4 6k 36 | requisition orderDetail* quantityQuantity quantityRatio quantityRange asNeededBoolean? asNeededCodeableConcept locationCode* locationReference*
Slot: 0 4b 4c 1z 4q 1 7m 1e | schedule! end$! overbooked?
Specimen: 0 o n i 6j 76 50 6s 3g 4 | accessionIdentifier receivedTime$ container*
SpecimenDefinition: 13 | typeCollected patientPreparation* timeAspect$ collection* typeTested*
StructureDefinition: 1u 0 a 1a b 1 e 5 8 3 2 9 7 g d 61 2a 20 | fhirVersion$ mapping* abstract?! context* contextInvariant$* baseDefinition$ derivation$ snapshot differential
StructureMap: 1u 0 a 1a b 1 e 5 8 3 2 9 7 g d | structure* import$* group*!
Subscription: 1 3 3j | reason$! criteria$! error$ channel!
Substance: 0 o l 1j 2 3p 28 |
SubstanceNucleicAcid: 7a 6a 7r | areaOfHybridisation$ oligoNucleotideType
SubstancePolymer: | class geometry copolymerConnectivity* modification$* monomerSet* repeat*
SubstanceProtein: 7a 6a 7r | disulfideLinkage$*
SubstanceReferenceInformation: 1e 4y 4g | gene* geneElement*
SubstanceSourceMaterial: | sourceMaterialClass sourceMaterialType sourceMaterialState organismId organismName$ parentSubstanceId* parentSubstanceName$* countryOfOrigin* geographicalLocation$* developmentStage fractionDescription* organism partDescription*
SubstanceSpecification: 13 n 7n 5j 2 1e 35 2q 2e 74 | source* moiety* referenceInformation structure molecularWeight* nucleicAcid polymer protein sourceMaterial
SupplyDelivery: 0 j w o 2h n 1b 1n 2f 5d 71 | suppliedItem supplier
SupplyRequest: 0 o 22 1d 6y 32 1b 1n 2f 1i 1y h k | itemCodeableConcept itemReference supplier* deliverFrom deliverTo
Task: 0 5y j 27 w 1 1o 1m 1d q 2 c 1i 1y 31 19 1l 4 36 | instantiatesCanonical$ businessStatus focus for executionPeriod lastModified$ performerType* reasonCode reasonReference restriction input* output*
TerminologyCapabilities: f a 6 b 1 e 1w 8 3 2 9 7 g d 2a 7g 5w 5r | lockedDate? codeSystem* codeSearch$ validateCode translation closure
TestReport: 13 6 1 29 2g 7d 7u 7t | testScript! result$! score# tester$
TestScript: 1u 13 a 1a b 1 e 5 8 3 2 9 7 g d 5e 7d 7u 7t | origin* metadata fixture* profile* variable*
ValueSet: f 0 a 6 b 1 e 5 8 3 2 9 7 g d 5r | immutable? compose
VerificationResult: 4g 1 4d | targetLocation$* need validationType validationProcess* frequency lastPerformed$ nextScheduled$ failureAction primarySource* attestation validator*
VisionPrescription: 0 1 1f r c | dateWritten$! prescriber! lensSpecification*!
`,
};
