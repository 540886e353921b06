// linear/forward-subgroup.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); 8 rows × 8 columns per invocation.
// All invocations of a workgroup have the same rows, so that each subgroup needs the same values of X, whichever invocations
// are in it and however many: its first four load them, two rows each, and pass them on. Sums are never exchanged.
// Shapes, bindings, rows and flags: common/linear-interface.wgsl.
// Grid: ceil(N/8/WORKGROUP), ceil(rowCount/8), 1.  Needs: subgroups, which have at least 4 invocations.
// Reference: test/reference/linear.ts linearForward.  Accumulates in f32 whatever T is.
// Reduction order: that of common/products-float.wgsl over k = 0…K−1, then the bias: the same for every row and kernel.

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) place: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let left = 2u * (place.x * WORKGROUP + index);
  let entry = place.y * 8u;
  let last = params.outputVectors - 1u;
  let near = min(left, last);
  let far = min(left + 1u, last);
  let start = inputStart(entry + lane % 4u);
  let next = inputStart(entry + 4u + lane % 4u);
  var l0: vec4<f32>; var l1: vec4<f32>; var l2: vec4<f32>; var l3: vec4<f32>;
  var l4: vec4<f32>; var l5: vec4<f32>; var l6: vec4<f32>; var l7: vec4<f32>;
  var r0: vec4<f32>; var r1: vec4<f32>; var r2: vec4<f32>; var r3: vec4<f32>;
  var r4: vec4<f32>; var r5: vec4<f32>; var r6: vec4<f32>; var r7: vec4<f32>;

  for (var first = 0u; first < params.inputVectors; first += PRODUCT_BLOCK) {
    var a0 = vec4<f32>(); var a1 = vec4<f32>(); var a2 = vec4<f32>(); var a3 = vec4<f32>();
    var a4 = vec4<f32>(); var a5 = vec4<f32>(); var a6 = vec4<f32>(); var a7 = vec4<f32>();
    var b0 = vec4<f32>(); var b1 = vec4<f32>(); var b2 = vec4<f32>(); var b3 = vec4<f32>();
    var b4 = vec4<f32>(); var b5 = vec4<f32>(); var b6 = vec4<f32>(); var b7 = vec4<f32>();
    for (var group = first; group < min(first + PRODUCT_BLOCK, params.inputVectors); group += SCALED_VECTORS) {
      let sl = columnScaling(group, near);
      let sr = columnScaling(group, far);
      for (var k = group; k < min(group + SCALED_VECTORS, params.inputVectors); k++) {
        let wl = scaledWeights(k, near, sl);
        let wr = scaledWeights(k, far, sr);
        let upper = X[start + k];
        let lower = X[next + k];
        let x0 = subgroupBroadcast(upper, 0u); a0 = multiplyAdd(a0, x0, wl); b0 = multiplyAdd(b0, x0, wr);
        let x1 = subgroupBroadcast(upper, 1u); a1 = multiplyAdd(a1, x1, wl); b1 = multiplyAdd(b1, x1, wr);
        let x2 = subgroupBroadcast(upper, 2u); a2 = multiplyAdd(a2, x2, wl); b2 = multiplyAdd(b2, x2, wr);
        let x3 = subgroupBroadcast(upper, 3u); a3 = multiplyAdd(a3, x3, wl); b3 = multiplyAdd(b3, x3, wr);
        let x4 = subgroupBroadcast(lower, 0u); a4 = multiplyAdd(a4, x4, wl); b4 = multiplyAdd(b4, x4, wr);
        let x5 = subgroupBroadcast(lower, 1u); a5 = multiplyAdd(a5, x5, wl); b5 = multiplyAdd(b5, x5, wr);
        let x6 = subgroupBroadcast(lower, 2u); a6 = multiplyAdd(a6, x6, wl); b6 = multiplyAdd(b6, x6, wr);
        let x7 = subgroupBroadcast(lower, 3u); a7 = multiplyAdd(a7, x7, wl); b7 = multiplyAdd(b7, x7, wr);
      }
    }
    l0 = addBlock(l0, a0); r0 = addBlock(r0, b0); l1 = addBlock(l1, a1); r1 = addBlock(r1, b1);
    l2 = addBlock(l2, a2); r2 = addBlock(r2, b2); l3 = addBlock(l3, a3); r3 = addBlock(r3, b3);
    l4 = addBlock(l4, a4); r4 = addBlock(r4, b4); l5 = addBlock(l5, a5); r5 = addBlock(r5, b5);
    l6 = addBlock(l6, a6); r6 = addBlock(r6, b6); l7 = addBlock(l7, a7); r7 = addBlock(r7, b7);
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
