/** The resource types of each FHIR version, as 1upHealth declares them in its capability statements. */

/** The FHIR versions that 1upHealth serves. */
export type FhirVersion = "dstu2" | "stu3" | "r4";

const common = names(`
  Account AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic Binary Bundle CarePlan
  Claim ClaimResponse ClinicalImpression Communication CommunicationRequest Composition ConceptMap
  Condition Contract Coverage DetectedIssue Device DeviceMetric DeviceUseStatement DiagnosticReport
  DocumentManifest DocumentReference Encounter EnrollmentRequest EnrollmentResponse EpisodeOfCare
  ExplanationOfBenefit FamilyMemberHistory Flag Goal Group HealthcareService ImagingStudy Immunization
  ImmunizationRecommendation ImplementationGuide List Location Media Medication
  MedicationAdministration MedicationDispense MedicationStatement MessageHeader NamingSystem
  NutritionOrder Observation OperationDefinition Organization Patient PaymentNotice
  PaymentReconciliation Person Practitioner Procedure Provenance Questionnaire QuestionnaireResponse
  RelatedPerson RiskAssessment Schedule SearchParameter Slot Specimen StructureDefinition Subscription
  Substance SupplyDelivery SupplyRequest TestScript ValueSet VisionPrescription
`);

const types: Readonly<Record<FhirVersion, ReadonlySet<string>>> = {
  dstu2: new Set([
    ...common,
    ...names(`
  BodySite Conformance DataElement DeviceComponent DeviceUseRequest DiagnosticOrder EligibilityRequest
  EligibilityResponse ImagingObjectSelection MedicationOrder OperationOutcome Order OrderResponse
  Parameters ProcedureRequest ProcessRequest ProcessResponse ReferralRequest
`),
  ]),
  stu3: new Set([
    ...common,
    ...names(`
  ActivityDefinition AdverseEvent BodySite CapabilityStatement CareTeam ChargeItem CodeSystem
  CompartmentDefinition Consent DataElement DeviceComponent DeviceRequest EligibilityRequest
  EligibilityResponse Endpoint ExpansionProfile GraphDefinition GuidanceResponse ImagingManifest
  Library Linkage Measure MeasureReport MedicationRequest MessageDefinition OperationOutcome Parameters
  PlanDefinition PractitionerRole ProcedureRequest ProcessRequest ProcessResponse ReferralRequest
  RequestGroup ResearchStudy ResearchSubject Sequence ServiceDefinition StructureMap Task TestReport
`),
  ]),
  r4: new Set([
    ...common,
    ...names(`
  ActivityDefinition AdverseEvent BiologicallyDerivedProduct BodyStructure CapabilityStatement CareTeam
  CatalogEntry ChargeItem ChargeItemDefinition CodeSystem CompartmentDefinition Consent
  CoverageEligibilityRequest CoverageEligibilityResponse DeviceDefinition DeviceRequest
  EffectEvidenceSynthesis Endpoint EventDefinition Evidence EvidenceVariable ExampleScenario
  GraphDefinition GuidanceResponse ImmunizationEvaluation InsurancePlan Invoice Library Linkage Measure
  MeasureReport MedicationKnowledge MedicationRequest MedicinalProduct MedicinalProductAuthorization
  MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
  MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
  MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MolecularSequence
  ObservationDefinition OrganizationAffiliation PlanDefinition PractitionerRole RequestGroup
  ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject RiskEvidenceSynthesis
  ServiceRequest SpecimenDefinition StructureMap SubstanceNucleicAcid SubstancePolymer SubstanceProtein
  SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification Task
  TerminologyCapabilities TestReport VerificationResult
`),
  ]),
};

/** R4 types that can be created and read but not searched. */
const unsearchable = new Set(
  names(`
  BiologicallyDerivedProduct CatalogEntry MedicinalProductIngredient MedicinalProductManufactured
  ObservationDefinition SubstanceNucleicAcid SubstancePolymer SubstanceProtein
  SubstanceReferenceInformation SubstanceSourceMaterial
`),
);

/** Is this the name of a FHIR version? */
export function isFhirVersion(name: string): name is FhirVersion {
  return Object.hasOwn(types, name);
}

/** Does 1upHealth serve `type` in `version`? */
export function isServed(version: FhirVersion, type: string): boolean {
  return types[version].has(type);
}

/** Can `type` be searched in `version`? */
export function isSearchable(version: FhirVersion, type: string): boolean {
  return version !== "r4" || !unsearchable.has(type);
}

function names(text: string): string[] {
  return text.trim().split(/\s+/);
}
