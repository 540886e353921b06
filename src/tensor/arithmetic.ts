/** What products of linear layers are computed in. */
export type Arithmetic = "f32" | "f16";
