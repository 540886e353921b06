// linear/forward.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); 8 rows × 8 columns of Y per invocation.
// Shapes, bindings, rows and flags: common/linear-interface.wgsl.
// Grid: ceil(N/8/WORKGROUP_X), ceil(rowCount/8/WORKGROUP_Y), 1.  Needs: core limits, no workgroup memory.
// Reference: test/reference/linear.ts linearForward.  Accumulates in f32 whatever T is.
// Reduction order: one fused multiply-add chain over k = 0…K−1, then the bias: the same for every row and tile.

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let left = id.x * 2u;
  let entry = id.y * 8u;
  if (left >= params.outputVectors || entry >= params.rowCount) { return; }
  let right = min(left + 1u, params.outputVectors - 1u);

  let start0 = inputStart(entry);
  let start1 = inputStart(entry + 1u);
  let start2 = inputStart(entry + 2u);
  let start3 = inputStart(entry + 3u);
  let start4 = inputStart(entry + 4u);
  let start5 = inputStart(entry + 5u);
  let start6 = inputStart(entry + 6u);
  let start7 = inputStart(entry + 7u);
  var l0: vec4<f32>; var l1: vec4<f32>; var l2: vec4<f32>; var l3: vec4<f32>;
  var l4: vec4<f32>; var l5: vec4<f32>; var l6: vec4<f32>; var l7: vec4<f32>;
  var r0: vec4<f32>; var r1: vec4<f32>; var r2: vec4<f32>; var r3: vec4<f32>;
  var r4: vec4<f32>; var r5: vec4<f32>; var r6: vec4<f32>; var r7: vec4<f32>;
  let width = params.inputVectors;

  for (var k = 0u; k < width; k++) {
    let weightRow = 4u * k * params.outputVectors;
    let wl = loadWeights(weightRow + left);
    let wr = loadWeights(weightRow + right);
    let x0 = X[start0 + k]; l0 = multiplyAdd(l0, x0, wl); r0 = multiplyAdd(r0, x0, wr);
    let x1 = X[start1 + k]; l1 = multiplyAdd(l1, x1, wl); r1 = multiplyAdd(r1, x1, wr);
    let x2 = X[start2 + k]; l2 = multiplyAdd(l2, x2, wl); r2 = multiplyAdd(r2, x2, wr);
    let x3 = X[start3 + k]; l3 = multiplyAdd(l3, x3, wl); r3 = multiplyAdd(r3, x3, wr);
    let x4 = X[start4 + k]; l4 = multiplyAdd(l4, x4, wl); r4 = multiplyAdd(r4, x4, wr);
    let x5 = X[start5 + k]; l5 = multiplyAdd(l5, x5, wl); r5 = multiplyAdd(r5, x5, wr);
    let x6 = X[start6 + k]; l6 = multiplyAdd(l6, x6, wl); r6 = multiplyAdd(r6, x6, wr);
    let x7 = X[start7 + k]; l7 = multiplyAdd(l7, x7, wl); r7 = multiplyAdd(r7, x7, wr);
  }

  store(entry, left, l0); store(entry, left + 1u, r0);
  store(entry + 1u, left, l1); store(entry + 1u, left + 1u, r1);
  store(entry + 2u, left, l2); store(entry + 2u, left + 1u, r2);
  store(entry + 3u, left, l3); store(entry + 3u, left + 1u, r3);
  store(entry + 4u, left, l4); store(entry + 4u, left + 1u, r4);
  store(entry + 5u, left, l5); store(entry + 5u, left + 1u, r5);
  store(entry + 6u, left, l6); store(entry + 6u, left + 1u, r6);
  store(entry + 7u, left, l7); store(entry + 7u, left + 1u, r7);
}
