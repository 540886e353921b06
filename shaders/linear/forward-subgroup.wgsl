// linear/forward-subgroup.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); 8 rows × 8 columns per invocation.
// All invocations of a workgroup have the same rows, so that each subgroup needs the same values of X, whichever invocations
// are in it and however many: its first four load them, two rows each, and pass them on. Sums are never exchanged.
// Shapes, bindings, rows and flags: common/linear-interface.wgsl.
// Grid: ceil(N/8/WORKGROUP), ceil(rowCount/8), 1.  Needs: subgroups, which have at least 4 invocations.
// Reference: test/reference/linear.ts linearForward.  Accumulates in f32 whatever T is.
// Reduction order: one fused multiply-add chain over k = 0…K−1, then the bias: the same for every row and kernel.

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let left = 2u * (group.x * WORKGROUP + index);
  let entry = group.y * 8u;
  let last = params.outputVectors - 1u;
  let near = min(left, last);
  let far = min(left + 1u, last);
  let start = inputStart(entry + lane % 4u);
  let next = inputStart(entry + 4u + lane % 4u);
  var l0: vec4<f32>; var l1: vec4<f32>; var l2: vec4<f32>; var l3: vec4<f32>;
  var l4: vec4<f32>; var l5: vec4<f32>; var l6: vec4<f32>; var l7: vec4<f32>;
  var r0: vec4<f32>; var r1: vec4<f32>; var r2: vec4<f32>; var r3: vec4<f32>;
  var r4: vec4<f32>; var r5: vec4<f32>; var r6: vec4<f32>; var r7: vec4<f32>;

  for (var k = 0u; k < params.inputVectors; k++) {
    let weightRow = 4u * k * params.outputVectors;
    let wl = loadWeights(weightRow + near);
    let wr = loadWeights(weightRow + far);
    let a = X[start + k];
    let b = X[next + k];
    let x0 = subgroupBroadcast(a, 0u); l0 = multiplyAdd(l0, x0, wl); r0 = multiplyAdd(r0, x0, wr);
    let x1 = subgroupBroadcast(a, 1u); l1 = multiplyAdd(l1, x1, wl); r1 = multiplyAdd(r1, x1, wr);
    let x2 = subgroupBroadcast(a, 2u); l2 = multiplyAdd(l2, x2, wl); r2 = multiplyAdd(r2, x2, wr);
    let x3 = subgroupBroadcast(a, 3u); l3 = multiplyAdd(l3, x3, wl); r3 = multiplyAdd(r3, x3, wr);
    let x4 = subgroupBroadcast(b, 0u); l4 = multiplyAdd(l4, x4, wl); r4 = multiplyAdd(r4, x4, wr);
    let x5 = subgroupBroadcast(b, 1u); l5 = multiplyAdd(l5, x5, wl); r5 = multiplyAdd(r5, x5, wr);
    let x6 = subgroupBroadcast(b, 2u); l6 = multiplyAdd(l6, x6, wl); r6 = multiplyAdd(r6, x6, wr);
    let x7 = subgroupBroadcast(b, 3u); l7 = multiplyAdd(l7, x7, wl); r7 = multiplyAdd(r7, x7, wr);
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
