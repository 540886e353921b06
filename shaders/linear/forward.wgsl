// linear/forward.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); 8 rows × 8 columns of Y per invocation.
// Shapes, bindings, rows and flags: common/linear-interface.wgsl.
// Grid: ceil(N/8/WORKGROUP_X), ceil(rowCount/8/WORKGROUP_Y), 1.  Needs: core limits, no workgroup memory.
// Reference: test/reference/linear.ts linearForward.  Accumulates in f32 whatever T is.
// Reduction order: that of common/products-float.wgsl over k = 0…K−1, then the bias: the same for every row and kernel.

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

  for (var first = 0u; first < width; first += PRODUCT_BLOCK) {
    var a0 = vec4<f32>(); var a1 = vec4<f32>(); var a2 = vec4<f32>(); var a3 = vec4<f32>();
    var a4 = vec4<f32>(); var a5 = vec4<f32>(); var a6 = vec4<f32>(); var a7 = vec4<f32>();
    var b0 = vec4<f32>(); var b1 = vec4<f32>(); var b2 = vec4<f32>(); var b3 = vec4<f32>();
    var b4 = vec4<f32>(); var b5 = vec4<f32>(); var b6 = vec4<f32>(); var b7 = vec4<f32>();
    for (var group = first; group < min(first + PRODUCT_BLOCK, width); group += SCALED_VECTORS) {
      let sl = columnScaling(group, left);
      let sr = columnScaling(group, right);
      for (var k = group; k < min(group + SCALED_VECTORS, width); k++) {
        let wl = scaledWeights(k, left, sl);
        let wr = scaledWeights(k, right, sr);
        let x0 = X[start0 + k]; a0 = multiplyAdd(a0, x0, wl); b0 = multiplyAdd(b0, x0, wr);
        let x1 = X[start1 + k]; a1 = multiplyAdd(a1, x1, wl); b1 = multiplyAdd(b1, x1, wr);
        let x2 = X[start2 + k]; a2 = multiplyAdd(a2, x2, wl); b2 = multiplyAdd(b2, x2, wr);
        let x3 = X[start3 + k]; a3 = multiplyAdd(a3, x3, wl); b3 = multiplyAdd(b3, x3, wr);
        let x4 = X[start4 + k]; a4 = multiplyAdd(a4, x4, wl); b4 = multiplyAdd(b4, x4, wr);
        let x5 = X[start5 + k]; a5 = multiplyAdd(a5, x5, wl); b5 = multiplyAdd(b5, x5, wr);
        let x6 = X[start6 + k]; a6 = multiplyAdd(a6, x6, wl); b6 = multiplyAdd(b6, x6, wr);
        let x7 = X[start7 + k]; a7 = multiplyAdd(a7, x7, wl); b7 = multiplyAdd(b7, x7, wr);
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
