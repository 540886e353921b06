// What a kernel asks of an adapter, beyond what every one has.

export interface WorkgroupNeeds {
  /** How many a workgroup has. */
  readonly invocations: number;
  /** Workgroup memory. */
  readonly bytes: number;
  readonly feature?: "subgroups" | "shader-f16";
}

/** What a device has of it. */
interface WorkgroupOffer {
  readonly limits: Pick<
    GPUSupportedLimits,
    "maxComputeInvocationsPerWorkgroup" | "maxComputeWorkgroupStorageSize"
  >;
  readonly features: ReadonlySet<string>;
}

/** The dispatches in which a kernel can be the fastest: those of few rows, as in decoding, or of many. */
export type SuitableRows = "few" | "many" | "any";

/** Whether a device can run a kernel with these needs. */
export const fitsDevice = (
  { invocations, bytes, feature }: WorkgroupNeeds,
  { limits, features }: WorkgroupOffer,
): boolean =>
  invocations <= limits.maxComputeInvocationsPerWorkgroup &&
  bytes <= limits.maxComputeWorkgroupStorageSize &&
  (feature === undefined || features.has(feature));
