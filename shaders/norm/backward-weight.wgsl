// norm/backward-weight.wgsl — dGain (+)= Σ dY·x̂, dBias (+)= Σ dY over a slab of norms, four numbers of each per invocation.
// A norm is over a row, or over a head of a row.
// X (rows, inputStride) · dY (rows, outputStride) · stats (rows, normsPerRow): mean and s of norm/backward-input.wgsl ·
// dGain, dBias (slabs, width), row-major f32, padded.
// With several slabs the results are partial sums, which linear/backward-weight-sum.wgsl adds.
// Grid: ceil(vectors/16), slabs, 1.  Needs: core limits.
// Reference: test/reference/norm-backward.ts normBackward.
// Reduction order: norms in the order of the table, in sums of 64, which are added in order; then added to what is there.

struct Params {
  firstEntry: u32,   // first entry of this dispatch in rowTable
  normCount: u32,    // rows · normsPerRow
  normsPerRow: u32,  // 1, or how many heads of a row are normalised
  vectors: u32,      // ceil(width/4)
  inputStride: u32,  // row stride of X in vec4s
  inputOffset: u32,  // where the first norm of a row of X begins, in vec4s
  outputStride: u32, // row stride of dY in vec4s
  slabNorms: u32,    // norms of a slab, the last one's may be fewer
  addToOutput: u32,  // 1: += instead of =
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;           // (arena rows, inputStride)
@group(0) @binding(2) var<storage, read> dY: array<vec4<f32>>;          // (arena rows, outputStride), padding zero
@group(0) @binding(3) var<storage, read> stats: array<vec2<f32>>;       // (arena rows, normsPerRow)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;          // arena row of every row
@group(0) @binding(5) var<storage, read_write> dGain: array<vec4<f32>>; // (slabs, vectors)
@group(0) @binding(6) var<storage, read_write> dBias: array<vec4<f32>>; // (slabs, vectors)

const NORMS_PER_SUM = 64u;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.vectors) { return; }
  var gain = vec4<f32>();
  var bias = vec4<f32>();
  let begin = id.y * params.slabNorms;
  let slabEnd = min(begin + params.slabNorms, params.normCount);
  for (var first = begin; first < slabEnd; first += NORMS_PER_SUM) {
    var gainPart = vec4<f32>();
    var biasPart = vec4<f32>();
    let end = min(first + NORMS_PER_SUM, slabEnd);
    for (var norm = first; norm < end; norm++) {
      let row = rowTable[params.firstEntry + norm / params.normsPerRow];
      let head = norm % params.normsPerRow;
      let at = head * params.vectors + id.x;
      let gradient = dY[row * params.outputStride + at];
      let own = stats[row * params.normsPerRow + head];
      let normal = (X[row * params.inputStride + params.inputOffset + at] - own.x) * own.y;
      gainPart = fma(gradient, normal, gainPart);
      biasPart += gradient;
    }
    gain += gainPart;
    bias += biasPart;
  }
  let at = id.y * params.vectors + id.x;
  if (params.addToOutput != 0u) {
    gain += dGain[at];
    bias += dBias[at];
  }
  dGain[at] = gain;
  dBias[at] = bias;
}
