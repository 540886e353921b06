// attention/backward-query.wgsl — dQ[row] of softmax(scale·q·Kᵀ)·V for one head and one query row per invocation.
// Q, A, dA, dQ (rows,H,D) · KV (slots,2,H,D), row-major f32; D is padded to a multiple of 4 with zeros.
// The log-sum-exp of the row's scores is formed anew in one pass; it and δ = dA·A go to stats for the keys' kernel.
// dQ = Σ_j p_j·(dA·v_j − δ)·scale·k_j with p_j = exp(score_j − logSumExp)   (arxiv.org/abs/2205.14135, appendix B).
// Grid: ceil(rowCount·H / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits, no workgroup memory.
// Reference: test/reference/attention-backward.ts attentionBackward.  Reduction order: keys in order of position, in fours from key 0.

struct Params {
  firstEntry: u32, // first entry of this dispatch in rowTable
  rowCount: u32,   // query rows of this dispatch
  heads: u32,      // H
  scale: f32,      // 1/sqrt(D)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> Q: array<vec4<f32>>;           // (arena rows, H, D/4)
@group(0) @binding(2) var<storage, read> KV: array<vec4<f32>>;          // (arena rows, 2, H, D/4)
@group(0) @binding(3) var<storage, read> A: array<vec4<f32>>;           // (arena rows, H, D/4)
@group(0) @binding(4) var<storage, read> dA: array<vec4<f32>>;          // (arena rows, H, D/4)
@group(0) @binding(5) var<storage, read> rowInfo: array<vec4<u32>>;     // token, position, first page, length
@group(0) @binding(6) var<storage, read> rowTable: array<u32>;          // arena row of every row
@group(0) @binding(7) var<storage, read_write> dQ: array<vec4<f32>>;    // (arena rows, H, D/4)
@group(0) @binding(8) var<storage, read_write> stats: array<vec2<f32>>; // (arena rows, H): log-sum-exp, δ

// Finite, because WGSL may assume that infinities do not occur.
const MASKED = -1e30;

alias HeadRow = array<vec4<f32>, HEAD_VECTORS>;

fn dotInto(sum: f32, a: vec4<f32>, b: vec4<f32>) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// Dot products of one vector with those of four keys.
fn dots(sums: vec4<f32>, a: vec4<f32>, at: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(
    dotInto(sums.x, a, KV[at.x]), dotInto(sums.y, a, KV[at.y]), dotInto(sums.z, a, KV[at.z]), dotInto(sums.w, a, KV[at.w]));
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 32u + id.x;
  if (index >= params.rowCount * params.heads) { return; }
  let row = rowTable[params.firstEntry + index / params.heads];
  let head = index % params.heads;
  let own = (row * params.heads + head) * HEAD_VECTORS;
  let info = rowInfo[row];
  // Rows of a sentence follow one another in the arena.
  let firstRow = row - info.y;
  let keyCount = select(info.w, info.y + 1u, CAUSAL);
  let keyStride = 2u * params.heads * HEAD_VECTORS;
  let valueOffset = params.heads * HEAD_VECTORS;
  let base = firstRow * keyStride + head * HEAD_VECTORS;

  var query: HeadRow;
  var gradient: HeadRow;
  var result: HeadRow;
  var delta = 0.0;
  for (var d = 0u; d < HEAD_VECTORS; d++) {
    query[d] = Q[own + d];
    gradient[d] = dA[own + d];
    delta = dotInto(delta, gradient[d], A[own + d]);
  }

  // Four keys at a time: what is kept per row is read once for all of them.
  let lane = vec4<u32>(0u, 1u, 2u, 3u);
  var maximum = MASKED;
  var total = 0.0;
  for (var first = 0u; first < keyCount; first += 4u) {
    let key = first + lane;
    let at = base + min(key, vec4<u32>(keyCount - 1u)) * keyStride;
    var scores = vec4<f32>();
    for (var d = 0u; d < HEAD_VECTORS; d++) { scores = dots(scores, query[d], at + d); }
    scores = select(vec4<f32>(MASKED), scores * params.scale, key < vec4<u32>(keyCount));
    let highest = max(maximum, max(max(scores.x, scores.y), max(scores.z, scores.w)));
    let weights = exp(scores - highest);
    total = total * exp(maximum - highest) + ((weights.x + weights.y) + (weights.z + weights.w));
    maximum = highest;
  }
  let logSumExp = maximum + log(total);

  for (var first = 0u; first < keyCount; first += 4u) {
    let key = first + lane;
    let at = base + min(key, vec4<u32>(keyCount - 1u)) * keyStride;
    var scores = vec4<f32>();
    var weightGradients = vec4<f32>();
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      scores = dots(scores, query[d], at + d);
      weightGradients = dots(weightGradients, gradient[d], at + valueOffset + d);
    }
    let weights = exp(scores * params.scale - logSumExp);
    // A key beyond the last one repeats it, with a gradient of 0.
    let g = select(vec4<f32>(), weights * (weightGradients - delta) * params.scale, key < vec4<u32>(keyCount));
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      result[d] = fma(vec4<f32>(g.w), KV[at.w + d], fma(vec4<f32>(g.z), KV[at.z + d],
        fma(vec4<f32>(g.y), KV[at.y + d], fma(vec4<f32>(g.x), KV[at.x + d], result[d]))));
    }
  }
  for (var d = 0u; d < HEAD_VECTORS; d++) { dQ[own + d] = result[d]; }
  stats[row * params.heads + head] = vec2<f32>(logSumExp, delta);
}
