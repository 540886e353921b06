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

/** Whether a device with these limits can run a family with these needs. */
export const fitsLimits = (needs: WorkgroupNeeds, limits: WorkgroupLimits): boolean =>
  needs.invocations <= limits.maxComputeInvocationsPerWorkgroup &&
  needs.bytes <= limits.maxComputeWorkgroupStorageSize;
