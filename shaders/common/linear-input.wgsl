// common/linear-input.wgsl — the rows of X as they are, for kernels that may also normalise them (common/linear-input-normed.wgsl).
// Behind common/linear-interface.wgsl.

// Nothing is to be known of a workgroup's rows.
fn prepareRows(firstEntry: u32, rows: u32, index: u32) {}

// Returns vec4 `k` of the workgroup's row `r`, which begins at `start`.
fn inputAt(r: u32, start: u32, k: u32) -> vec4<f32> {
  return X[start + k];
}
