// linear/forward-few-row.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); up to 8 rows × 4 columns per invocation.
// For decoding on software adapters, where a dispatch has 1 to 8 rows: computes only rows that exist.
// Shapes, bindings, rows and flags: common/linear-interface.wgsl.
// Grid: ceil(N/4/32), ceil(rowCount/8), 1.  Needs: core limits, no workgroup memory.
// Reference: test/reference/linear.ts linearForward.  Accumulates in f32 whatever T is.
// Reduction order: that of common/products-float.wgsl over k = 0…K−1, then the bias: the same for every row and kernel.

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

  for (var first = 0u; first < width; first += PRODUCT_BLOCK) {
    let end = min(first + PRODUCT_BLOCK, width);
    var p0 = vec4<f32>();
    if (rows == 1u) {
      // Two vec4s of K at a time, for twice as many loads in flight.
      for (var group = first; group < end; group += SCALED_VECTORS) {
        let s = columnScaling(group, column);
        let last = min(group + SCALED_VECTORS, end);
        let even = group + ((last - group) & ~1u);
        for (var k = group; k < even; k += 2u) {
          let w = scaledWeights(k, column, s);
          let next = scaledWeights(k + 1u, column, s);
          p0 = multiplyAdd(multiplyAdd(p0, X[x0 + k], w), X[x0 + k + 1u], next);
        }
        if (even < last) { p0 = multiplyAdd(p0, X[x0 + even], scaledWeights(even, column, s)); }
      }
    } else {
      var p1 = vec4<f32>(); var p2 = vec4<f32>(); var p3 = vec4<f32>();
      var p4 = vec4<f32>(); var p5 = vec4<f32>(); var p6 = vec4<f32>(); var p7 = vec4<f32>();
      for (var group = first; group < end; group += SCALED_VECTORS) {
        let s = columnScaling(group, column);
        for (var k = group; k < min(group + SCALED_VECTORS, end); k++) {
          let w = scaledWeights(k, column, s);
          p0 = multiplyAdd(p0, X[x0 + k], w);
          p1 = multiplyAdd(p1, X[x1 + k], w);
          if (rows > 2u) { p2 = multiplyAdd(p2, X[x2 + k], w); p3 = multiplyAdd(p3, X[x3 + k], w); }
          if (rows > 4u) {
            p4 = multiplyAdd(p4, X[x4 + k], w); p5 = multiplyAdd(p5, X[x5 + k], w);
            p6 = multiplyAdd(p6, X[x6 + k], w); p7 = multiplyAdd(p7, X[x7 + k], w);
          }
        }
      }
      s1 = addBlock(s1, p1); s2 = addBlock(s2, p2); s3 = addBlock(s3, p3); s4 = addBlock(s4, p4);
      s5 = addBlock(s5, p5); s6 = addBlock(s6, p6); s7 = addBlock(s7, p7);
    }
    s0 = addBlock(s0, p0);
  }

  store(entry, column, s0); store(entry + 1u, column, s1);
  store(entry + 2u, column, s2); store(entry + 3u, column, s3);
  store(entry + 4u, column, s4); store(entry + 5u, column, s5);
  store(entry + 6u, column, s6); store(entry + 7u, column, s7);
}
