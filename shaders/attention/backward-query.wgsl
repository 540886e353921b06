// attention/backward-query.wgsl — dQ[row] of softmax(scale·q·Kᵀ)·V for one head and up to 4 query rows per invocation.
// Q, A, dA, dQ (rows,H,D) · KV (rows,2,H,D), row-major f32; D is padded to a multiple of 4 with zeros.
// The log-sum-exp of a row's scores is formed anew in one pass; it and δ = dA·A go to stats for the keys' kernel.
// dQ = Σ_j p_j·(dA·v_j − δ)·scale·k_j with p_j = exp(score_j − logSumExp)   (arxiv.org/abs/2205.14135, appendix B).
// A query block is consecutive rows of ONE sentence, so its rows share every key and value they load.
// Params: common/attention-params.wgsl.
// Grid: ceil(blockCount·H / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits, no workgroup memory.
// Reference: test/reference/attention-backward.ts attentionBackward.
// Reduction order: keys in order of position, in fours from key 0: it depends on the row's position alone.

@group(0) @binding(1) var<storage, read> Q: array<vec4<f32>>;           // (arena rows, H, D/4)
@group(0) @binding(2) var<storage, read> KV: array<vec4<f32>>;          // (arena rows, 2, H, D/4)
@group(0) @binding(3) var<storage, read> A: array<vec4<f32>>;           // (arena rows, H, D/4)
@group(0) @binding(4) var<storage, read> dA: array<vec4<f32>>;          // (arena rows, H, D/4)
@group(0) @binding(5) var<storage, read> rowInfo: array<vec4<u32>>;     // token, position, first page, key count
@group(0) @binding(6) var<storage, read> blockTable: array<vec2<u32>>;  // arena row of the first query, queries (1…4)
@group(0) @binding(7) var<storage, read_write> dQ: array<vec4<f32>>;    // (arena rows, H, D/4)
@group(0) @binding(8) var<storage, read_write> stats: array<vec2<f32>>; // (arena rows, H): log-sum-exp, δ

fn load(at: vec4<u32>) -> mat4x4<f32> {
  return mat4x4<f32>(KV[at.x], KV[at.y], KV[at.z], KV[at.w]);
}

// Scores of one row against four keys; those beyond its `count` keys are masked.
fn masked(scores: vec4<f32>, key: vec4<u32>, count: u32) -> vec4<f32> {
  return select(vec4<f32>(MASKED), scores * params.scale, key < vec4<u32>(count));
}

// Gradients of one row's scores: 0 beyond its `count` keys.
fn scoreGradient(scores: vec4<f32>, g: vec4<f32>, logSumExp: f32, delta: f32, key: vec4<u32>, count: u32) -> vec4<f32> {
  let p = exp(masked(scores, key, count) - logSumExp);
  return p * (g - delta) * params.scale;
}

fn storeRow(at: u32, gradient: ptr<function, HeadRow>) {
  for (var d = 0u; d < HEAD_VECTORS; d++) { dQ[at + d] = (*gradient)[d]; }
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 32u + id.x;
  if (index >= params.blockCount * params.heads) { return; }
  let run = blockTable[params.firstEntry + index / params.heads];
  let head = index % params.heads;
  let info = rowInfo[run.x];
  let last = run.y - 1u; // rows beyond the block repeat its last one, and are not stored
  let lane = vec4<u32>(0u, 1u, 2u, 3u);
  let rows = run.x + min(lane, vec4<u32>(last));
  let own = (rows * params.heads + head) * HEAD_VECTORS;
  let keys = select(vec4<u32>(info.w), info.y + 1u + rows - run.x, vec4<bool>(CAUSAL));
  let keyStride = 2u * params.heads * HEAD_VECTORS;
  let valueOffset = params.heads * HEAD_VECTORS;
  // Rows of a sentence follow one another in the arena.
  let base = (run.x - info.y) * keyStride + head * HEAD_VECTORS;

  var delta = vec4<f32>();
  for (var d = 0u; d < HEAD_VECTORS; d++) {
    delta = vec4<f32>(
      dotInto(delta.x, dA[own.x + d], A[own.x + d]), dotInto(delta.y, dA[own.y + d], A[own.y + d]),
      dotInto(delta.z, dA[own.z + d], A[own.z + d]), dotInto(delta.w, dA[own.w + d], A[own.w + d]));
  }

  var maximum = vec4<f32>(MASKED);
  var total = vec4<f32>();
  for (var first = 0u; first < keys.w; first += 4u) {
    let key = first + lane;
    let at = base + min(key, vec4<u32>(keys.w - 1u)) * keyStride;
    var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let k = load(at + d);
      s0 = dots(s0, Q[own.x + d], k); s1 = dots(s1, Q[own.y + d], k);
      s2 = dots(s2, Q[own.z + d], k); s3 = dots(s3, Q[own.w + d], k);
    }
    s0 = masked(s0, key, keys.x); s1 = masked(s1, key, keys.y);
    s2 = masked(s2, key, keys.z); s3 = masked(s3, key, keys.w);
    let highest = max(maximum, vec4<f32>(maximumOf(s0), maximumOf(s1), maximumOf(s2), maximumOf(s3)));
    total = total * exp(maximum - highest) + vec4<f32>(
      sumOf(exp(s0 - highest.x)), sumOf(exp(s1 - highest.y)), sumOf(exp(s2 - highest.z)), sumOf(exp(s3 - highest.w)));
    maximum = highest;
  }
  let logSumExp = maximum + log(total);

  var sums0: HeadRow;
  var sums1: HeadRow;
  var sums2: HeadRow;
  var sums3: HeadRow;
  for (var first = 0u; first < keys.w; first += 4u) {
    let key = first + lane;
    let at = base + min(key, vec4<u32>(keys.w - 1u)) * keyStride;
    var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
    var g0 = vec4<f32>(); var g1 = vec4<f32>(); var g2 = vec4<f32>(); var g3 = vec4<f32>();
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let k = load(at + d);
      let v = load(at + valueOffset + d);
      s0 = dots(s0, Q[own.x + d], k); g0 = dots(g0, dA[own.x + d], v);
      s1 = dots(s1, Q[own.y + d], k); g1 = dots(g1, dA[own.y + d], v);
      s2 = dots(s2, Q[own.z + d], k); g2 = dots(g2, dA[own.z + d], v);
      s3 = dots(s3, Q[own.w + d], k); g3 = dots(g3, dA[own.w + d], v);
    }
    g0 = scoreGradient(s0, g0, logSumExp.x, delta.x, key, keys.x);
    g1 = scoreGradient(s1, g1, logSumExp.y, delta.y, key, keys.y);
    g2 = scoreGradient(s2, g2, logSumExp.z, delta.z, key, keys.z);
    g3 = scoreGradient(s3, g3, logSumExp.w, delta.w, key, keys.w);
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let k = load(at + d);
      sums0[d] = weighted(sums0[d], g0, k); sums1[d] = weighted(sums1[d], g1, k);
      sums2[d] = weighted(sums2[d], g2, k); sums3[d] = weighted(sums3[d], g3, k);
    }
  }

  storeRow(own.x, &sums0);
  stats[rows.x * params.heads + head] = vec2<f32>(logSumExp.x, delta.x);
  if (last >= 1u) { storeRow(own.y, &sums1); stats[rows.y * params.heads + head] = vec2<f32>(logSumExp.y, delta.y); }
  if (last >= 2u) { storeRow(own.z, &sums2); stats[rows.z * params.heads + head] = vec2<f32>(logSumExp.z, delta.z); }
  if (last >= 3u) { storeRow(own.w, &sums3); stats[rows.w * params.heads + head] = vec2<f32>(logSumExp.w, delta.w); }
}
