// How matrices of weights are stored on the GPU; biases and norms are always float32.

/** As stored on the GPU: four bytes or two for each weight of a matrix. */
export type WeightFormat = "f32" | "f16";

/** Bytes of one stored weight. */
export const weightElementBytes: Readonly<Record<WeightFormat, number>> = { f32: 4, f16: 2 };
