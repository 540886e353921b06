// attention/backward-query.wgsl — dQ[row] of softmax(scale·q·Kᵀ)·V for one head and one query row per invocation.
// Q, A, dA, dQ (rows,H,D) · KV (slots,2,H,D), row-major f32; D is padded to a multiple of 4 with zeros.
// The log-sum-exp of the row's scores is formed anew in one pass; it and δ = dA·A go to stats for the keys' kernel.
// dQ = Σ_j p_j·(dA·v_j − δ)·scale·k_j with p_j = exp(score_j − logSumExp)   (arxiv.org/abs/2205.14135, appendix B).
// Grid: ceil(rowCount·H / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits, no workgroup memory.
// Reference: test/reference/attention-backward.ts attentionBackward.  Reduction order: keys in order of position.

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

alias HeadRow = array<vec4<f32>, HEAD_VECTORS>;

fn dotInto(sum: f32, a: vec4<f32>, b: vec4<f32>) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
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

  var maximum = -1e30;
  var total = 0.0;
  for (var key = 0u; key < keyCount; key++) {
    var score = 0.0;
    for (var d = 0u; d < HEAD_VECTORS; d++) { score = dotInto(score, query[d], KV[base + key * keyStride + d]); }
    score *= params.scale;
    let highest = max(maximum, score);
    total = total * exp(maximum - highest) + exp(score - highest);
    maximum = highest;
  }
  let logSumExp = maximum + log(total);

  for (var key = 0u; key < keyCount; key++) {
    let at = base + key * keyStride;
    var score = 0.0;
    var weightGradient = 0.0;
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      score = dotInto(score, query[d], KV[at + d]);
      weightGradient = dotInto(weightGradient, gradient[d], KV[at + valueOffset + d]);
    }
    let weight = exp(score * params.scale - logSumExp);
    let scoreGradient = weight * (weightGradient - delta) * params.scale;
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      result[d] = fma(vec4<f32>(scoreGradient), KV[at + d], result[d]);
    }
  }
  for (var d = 0u; d < HEAD_VECTORS; d++) { dQ[own + d] = result[d]; }
  stats[row * params.heads + head] = vec2<f32>(logSumExp, delta);
}
