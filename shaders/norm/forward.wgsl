// norm/forward.wgsl — Y (+)= (X − mean) / sqrt(variance + epsilon) · (gain + gainOffset) + bias, for rows or heads of rows.
// Y (rows, outputStride) · gain, bias (width), row-major f32; gain and bias are padded with zeros.
// Params and X: common/row-norm.wgsl.  Mean and scale, with their reduction order: common/norm-stats.wgsl.
// Grid: ceil(rowCount·normsPerRow·LANES/64), 1, 1 (folded into y beyond 65,535).  Needs: core limits, 512 bytes of workgroup memory.
// Source: arxiv.org/abs/1607.06450.  Reference: test/reference/norm.ts normForward.

@group(0) @binding(2) var<storage, read> gain: array<vec4<f32>>;    // (vectors)
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;    // (vectors)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;      // arena row of every row
@group(0) @binding(5) var<storage, read_write> Y: array<vec4<f32>>; // (arena rows, outputStride)

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let place = placeOf((group.y * groups.x + group.x) * (THREADS / LANES) + index / LANES);
  let row = rowTable[params.firstEntry + place.row];
  let start = row * params.inputStride + params.inputOffset + place.head * params.vectors;
  let stats = statsOf(start, params.vectors, params.width, index);
  if (!place.exists) { return; }
  let output = row * params.outputStride + place.head * params.vectors;
  for (var v = index % LANES; v < params.vectors; v += LANES) {
    let factor = select(vec4<f32>(), gain[v] + params.gainOffset, inside(v, params.width));
    var y = (X[start + v] - stats.x) * stats.y * factor + bias[v];
    if (params.addToOutput != 0u) { y += Y[output + v]; }
    Y[output + v] = y;
  }
}
