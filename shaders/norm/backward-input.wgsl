// norm/backward-input.wgsl — dX[row] (+)= the gradient through a norm, for rows or heads of rows.
// X, dX (rows, inputStride) · dY (rows, outputStride) · gain (width), row-major f32, padded to multiples of 4 with zeros.
// dX (+)= s·(g − mean(g) − x̂·mean(g·x̂)) with x̂ = s·(X − mean), s = 1/sqrt(variance + epsilon), g = dY·(gain + gainOffset);
// mean(g) is left out if RMS.
// Params and X: common/row-norm.wgsl.  Mean and s, with the reduction order of all sums here: common/norm-stats.wgsl.
// Grid: ceil(rowCount·normsPerRow·LANES/64), 1, 1 (folded into y beyond 65,535).  Needs: core limits, 512 bytes of workgroup memory.
// Reference: test/reference/norm-backward.ts normBackward.
// Writes mean and s of each norm for norm/backward-weight.wgsl.

@group(0) @binding(2) var<storage, read> dY: array<vec4<f32>>;          // (arena rows, outputStride)
@group(0) @binding(3) var<storage, read> gain: array<vec4<f32>>;        // (vectors)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;          // arena row of every row
@group(0) @binding(5) var<storage, read_write> dX: array<vec4<f32>>;    // (arena rows, inputStride)
@group(0) @binding(6) var<storage, read_write> stats: array<vec2<f32>>; // (arena rows, normsPerRow): mean, s

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let place = placeOf((group.y * groups.x + group.x) * (THREADS / LANES) + index / LANES);
  let row = rowTable[params.firstEntry + place.row];
  let start = row * params.inputStride + params.inputOffset + place.head * params.vectors;
  let output = row * params.outputStride + place.head * params.vectors;
  let lane = index % LANES;
  let own = statsOf(start, params.vectors, params.width, index);

  var gradients = vec4<f32>();
  var products = vec4<f32>();
  for (var v = lane; v < params.vectors; v += LANES) {
    let gradient = select(vec4<f32>(), dY[output + v] * (gain[v] + params.gainOffset), inside(v, params.width));
    gradients += gradient;
    products = fma(gradient, (X[start + v] - own.x) * own.y, products);
  }
  // Banks in turn: that of the squares was bank 1.
  let meanProduct = sumOverLanes(0u, index, sumOf(products)) / f32(params.width);
  var meanGradient = 0.0;
  if (!RMS) { meanGradient = sumOverLanes(1u, index, sumOf(gradients)) / f32(params.width); }
  if (!place.exists) { return; }
  for (var v = lane; v < params.vectors; v += LANES) {
    let normal = (X[start + v] - own.x) * own.y;
    let gradient = own.y * (dY[output + v] * (gain[v] + params.gainOffset) - meanGradient - normal * meanProduct);
    var sum = select(vec4<f32>(), gradient, inside(v, params.width));
    if (params.addToOutput != 0u) { sum += dX[start + v]; }
    dX[start + v] = sum;
  }
  if (lane == 0u) { stats[row * params.normsPerRow + place.head] = own; }
}
