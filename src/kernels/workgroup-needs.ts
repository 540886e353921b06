// The needs of a kernel that not every adapter meets.

export interface WorkgroupNeeds {
  /** Invocations of a workgroup. */
  readonly invocations: number;
  /** Bytes of workgroup memory. */
  readonly bytes: number;
  readonly feature?: "subgroups" | "shader-f16";
}

/** What a device offers. */
interface WorkgroupOffer {
  readonly limits: Pick<
    GPUSupportedLimits,
    "maxComputeInvocationsPerWorkgroup" | "maxComputeWorkgroupStorageSize"
  >;
  readonly features: ReadonlySet<string>;
}

/** The dispatches in which a kernel can be the fastest: those of few rows, as in decoding, or of many. */
export type SuitableRows = "few" | "many" | "any";

/**
 * What a kernel is made for. CPUs have caches and few registers' worth of state to lose; a kernel for them may keep more sums than a
 * GPU has registers. A GPU wants many small workgroups with workgroup memory, whose barriers a CPU pays dearly for.
 */
export type AdapterKind = "software" | "gpu";

export const adapterKindOf = ({ isSoftware }: { readonly isSoftware: boolean }): AdapterKind =>
  isSoftware ? "software" : "gpu";

/** Whether a device can run a kernel with these needs. */
export const fitsDevice = (
  { invocations, bytes, feature }: WorkgroupNeeds,
  { limits, features }: WorkgroupOffer,
): boolean =>
  invocations <= limits.maxComputeInvocationsPerWorkgroup &&
  bytes <= limits.maxComputeWorkgroupStorageSize &&
  (feature === undefined || features.has(feature));
