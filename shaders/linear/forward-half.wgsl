// linear/forward-half.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); products in f16, ROWS × 4·VECTORS per invocation.
// Shapes, bindings, rows and flags: common/linear-interface.wgsl.
// Grid: ceil(N/4/VECTORS/WORKGROUP_X), ceil(rowCount/ROWS/WORKGROUP_Y), 1.  Needs: f16, no workgroup memory.
// Reference: test/reference/linear.ts linearForward, within the error of common/products-half.wgsl.
// Reduction order: that of common/products-half.wgsl, over k = 0…K−1, then the bias: the same for every row and kernel.

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x * VECTORS;
  let entry = id.y * ROWS;
  if (column >= params.outputVectors || entry >= params.rowCount) { return; }
  let rows = params.rowCount - entry;
  let width = params.inputVectors;
  var starts: array<u32, ROWS>;
  for (var r = 0u; r < ROWS; r++) { starts[r] = inputStart(entry + r); }
  var sums: array<vec4<f32>, ROWS * VECTORS>;

  for (var first = 0u; first < width; first += PRODUCT_BLOCK) {
    var parts = array<vec4<Factor>, ROWS * VECTORS>();
    for (var k = first; k < min(first + PRODUCT_BLOCK, width); k++) {
      var w = array<mat4x4<Factor>, VECTORS>();
      for (var v = 0u; v < VECTORS; v++) {
        w[v] = loadWeights(k, min(column + v, params.outputVectors - 1u));
      }
      for (var r = 0u; r < ROWS; r++) {
        if (r < rows) {
          let x = vec4<Factor>(X[starts[r] + k]);
          for (var v = 0u; v < VECTORS; v++) {
            parts[r * VECTORS + v] = multiplyAdd(parts[r * VECTORS + v], x, w[v]);
          }
        }
      }
    }
    for (var i = 0u; i < ROWS * VECTORS; i++) { sums[i] = addBlock(sums[i], parts[i]); }
  }

  for (var r = 0u; r < ROWS; r++) {
    for (var v = 0u; v < VECTORS; v++) { store(entry + r, column + v, sums[r * VECTORS + v]); }
  }
}
