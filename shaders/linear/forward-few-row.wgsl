// linear/forward-few-row.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); up to 8 rows × 4 columns per invocation.
// For decoding, where a dispatch has 1 to 8 rows: computes only rows that exist, and has many loads in flight.
// Shapes, bindings, rows and flags: common/linear-interface.wgsl.
// Grid: ceil(N/4/32), ceil(rowCount/8), 1.  Needs: core limits, no workgroup memory.
// Reference: test/reference/linear.ts linearForward.  Accumulates in f32 whatever T is.
// Reduction order: one fused multiply-add chain over k = 0…K−1, then the bias: the same for every row and kernel.

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x;
  let entry = id.y * 8u;
  if (column >= params.outputVectors || entry >= params.rowCount) { return; }
  let rows = params.rowCount - entry;
  let x0 = inputStart(entry);
  let x1 = inputStart(entry + 1u);
  let x2 = inputStart(entry + 2u);
  let x3 = inputStart(entry + 3u);
  let x4 = inputStart(entry + 4u);
  let x5 = inputStart(entry + 5u);
  let x6 = inputStart(entry + 6u);
  let x7 = inputStart(entry + 7u);
  var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
  var s4 = vec4<f32>(); var s5 = vec4<f32>(); var s6 = vec4<f32>(); var s7 = vec4<f32>();
  let width = params.inputVectors;
  let stride = params.outputVectors;

  if (rows == 1u) {
    // Two vec4s of K at a time, for twice as many loads in flight.
    let even = width & ~1u;
    for (var k = 0u; k < even; k += 2u) {
      let w = loadWeights(4u * k * stride + column);
      let next = loadWeights(4u * (k + 1u) * stride + column);
      s0 = multiplyAdd(multiplyAdd(s0, X[x0 + k], w), X[x0 + k + 1u], next);
    }
    if (even < width) { s0 = multiplyAdd(s0, X[x0 + even], loadWeights(4u * even * stride + column)); }
  } else {
    for (var k = 0u; k < width; k++) {
      let w = loadWeights(4u * k * stride + column);
      s0 = multiplyAdd(s0, X[x0 + k], w);
      s1 = multiplyAdd(s1, X[x1 + k], w);
      if (rows > 2u) { s2 = multiplyAdd(s2, X[x2 + k], w); s3 = multiplyAdd(s3, X[x3 + k], w); }
      if (rows > 4u) {
        s4 = multiplyAdd(s4, X[x4 + k], w); s5 = multiplyAdd(s5, X[x5 + k], w);
        s6 = multiplyAdd(s6, X[x6 + k], w); s7 = multiplyAdd(s7, X[x7 + k], w);
      }
    }
  }

  store(entry, column, s0); store(entry + 1u, column, s1);
  store(entry + 2u, column, s2); store(entry + 3u, column, s3);
  store(entry + 4u, column, s4); store(entry + 5u, column, s5);
  store(entry + 6u, column, s6); store(entry + 7u, column, s7);
}
