// What a family of kernels asks of an adapter, beyond what every one has.

/** Of one workgroup. */
export interface WorkgroupNeeds {
  readonly invocations: number;
  /** Of workgroup memory. */
  readonly bytes: number;
}

type WorkgroupLimits = Pick<
  GPUSupportedLimits,
  "maxComputeInvocationsPerWorkgroup" | "maxComputeWorkgroupStorageSize"
>;

/** The dispatches in which a family can be the fastest: those of few rows, as in decoding, or of many. */
export type SuitableRows = "few" | "many" | "any";

/** Whether a device with these limits can run a family with these needs. */
export const fitsLimits = (needs: WorkgroupNeeds, limits: WorkgroupLimits): boolean =>
  needs.invocations <= limits.maxComputeInvocationsPerWorkgroup &&
  needs.bytes <= limits.maxComputeWorkgroupStorageSize;
