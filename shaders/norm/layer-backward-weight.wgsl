// norm/layer-backward-weight.wgsl — dGain (+)= Σ dY·x̂, dBias (+)= Σ dY over a slab of rows, four channels per invocation.
// X, dY (rows,C) · stats (rows): mean and s of norm/layer-backward-input.wgsl · dGain, dBias (slabs,C), row-major f32, padded.
// With several slabs the results are partial sums, which linear/backward-weight-sum.wgsl adds.
// Grid: ceil(C/4 / 16), slabs, 1.  Needs: core limits.
// Reference: test/reference/layer-norm-backward.ts layerNormBackward.
// Reduction order: rows in the order of the table, in sums of 64, which are added in order; then added to what is there.

struct Params {
  firstEntry: u32,     // first entry of this dispatch in rowTable
  rowCount: u32,       // rows of this dispatch
  channelVectors: u32, // ceil(C/4)
  slabRows: u32,       // rows of a slab, the last one's may be fewer
  addToOutput: u32,    // 1: += instead of =
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;           // (arena rows, C/4)
@group(0) @binding(2) var<storage, read> dY: array<vec4<f32>>;          // (arena rows, C/4), padding zero
@group(0) @binding(3) var<storage, read> stats: array<vec2<f32>>;       // (arena rows)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;          // arena row of every row
@group(0) @binding(5) var<storage, read_write> dGain: array<vec4<f32>>; // (slabs, C/4)
@group(0) @binding(6) var<storage, read_write> dBias: array<vec4<f32>>; // (slabs, C/4)

const ROWS_PER_SUM = 64u;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.channelVectors) { return; }
  var gain = vec4<f32>();
  var bias = vec4<f32>();
  let begin = id.y * params.slabRows;
  let slabEnd = min(begin + params.slabRows, params.rowCount);
  for (var first = begin; first < slabEnd; first += ROWS_PER_SUM) {
    var gainPart = vec4<f32>();
    var biasPart = vec4<f32>();
    let end = min(first + ROWS_PER_SUM, slabEnd);
    for (var entry = first; entry < end; entry++) {
      let row = rowTable[params.firstEntry + entry];
      let gradient = dY[row * params.channelVectors + id.x];
      let normal = (X[row * params.channelVectors + id.x] - stats[row].x) * stats[row].y;
      gainPart = fma(gradient, normal, gainPart);
      biasPart += gradient;
    }
    gain += gainPart;
    bias += biasPart;
  }
  let at = id.y * params.channelVectors + id.x;
  if (params.addToOutput != 0u) {
    gain += dGain[at];
    bias += dBias[at];
  }
  dGain[at] = gain;
  dBias[at] = bias;
}
