// attention/backward-query.wgsl — dQ[row] of softmax(scale·q·Kᵀ)·V for one head and up to 4 query rows per invocation.
// Q, A, dA, dQ (rows,H,D) · KV (rows,2,H/GROUP,D), row-major f32; D is padded to a multiple of 4 with zeros.
// The log-sum-exp of a row's scores is formed anew in one pass; it and δ = dA·A go to stats for the keys' kernel.
// dQ = Σ_j p_j·(dA·v_j − δ)·scale·k_j with p_j = exp(score_j − logSumExp)   (arxiv.org/abs/2205.14135, appendix B); of capped
// scores each term is multiplied by 1 − (score_j/cap)².
// A query block is consecutive rows of ONE sentence, so its rows share every key and value they load.
// Params: common/attention-params.wgsl.
// Grid: ceil(blockCount·H / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits, no workgroup memory.
// Reference: test/reference/attention-backward.ts attentionBackward.
// Reduction order: that of common/attention-params.wgsl for the log-sum-exp; then a chain over the keys in order of position.

@group(0) @binding(1) var<storage, read> Q: array<vec4<f32>>;           // (arena rows, H, D/4)
@group(0) @binding(2) var<storage, read> KV: array<vec4<f32>>;          // (arena rows, 2, H/GROUP, D/4)
@group(0) @binding(3) var<storage, read> A: array<vec4<f32>>;           // (arena rows, H, D/4)
@group(0) @binding(4) var<storage, read> dA: array<vec4<f32>>;          // (arena rows, H, D/4)
@group(0) @binding(5) var<storage, read> rowInfo: array<vec4<u32>>;     // token, position, first page, key count
@group(0) @binding(6) var<storage, read> blockTable: array<vec2<u32>>;  // arena row of the first query, queries (1…4)
@group(0) @binding(7) var<storage, read_write> dQ: array<vec4<f32>>;    // (arena rows, H, D/4)
@group(0) @binding(8) var<storage, read_write> stats: array<vec2<f32>>; // (arena rows, H): log-sum-exp, δ

fn load(at: vec4<u32>) -> mat4x4<f32> {
  return mat4x4<f32>(KV[at.x], KV[at.y], KV[at.z], KV[at.w]);
}

// Scores of one row against four keys, those that it does not see masked.
fn masked(scores: vec4<f32>, key: vec4<u32>, seen: vec2<u32>) -> vec4<f32> {
  return select(vec4<f32>(MASKED), capped(scores), (key >= vec4<u32>(seen.x)) & (key < vec4<u32>(seen.y)));
}

// Gradients of one row's scores before the cap: 0 for keys that it does not see.
fn scoreGradient(scores: vec4<f32>, g: vec4<f32>, stat: vec2<f32>, key: vec4<u32>, seen: vec2<u32>) -> vec4<f32> {
  let own = masked(scores, key, seen);
  return exp(own - stat.x) * (g - stat.y) * params.scale * capDerivative(own);
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
  let seen0 = keysSeen(info.y, info.w);
  let seen1 = keysSeen(info.y + rows.y - run.x, info.w);
  let seen2 = keysSeen(info.y + rows.z - run.x, info.w);
  let seen3 = keysSeen(info.y + rows.w - run.x, info.w);
  let keyHeads = params.heads / GROUP;
  let keyStride = 2u * keyHeads * HEAD_VECTORS;
  let valueOffset = keyHeads * HEAD_VECTORS;
  // Rows of a sentence follow one another in the arena.
  let base = (run.x - info.y) * keyStride + head / GROUP * HEAD_VECTORS;
  let firstBlock = seen0.x / KEY_BLOCK * KEY_BLOCK;
  let end = seen3.y;

  var delta = vec4<f32>();
  for (var d = 0u; d < HEAD_VECTORS; d++) {
    delta = vec4<f32>(
      dotInto(delta.x, dA[own.x + d], A[own.x + d]), dotInto(delta.y, dA[own.y + d], A[own.y + d]),
      dotInto(delta.z, dA[own.z + d], A[own.z + d]), dotInto(delta.w, dA[own.w + d], A[own.w + d]));
  }

  var maximum = vec4<f32>(MASKED);
  var total = vec4<f32>();
  var scores = array<vec4<f32>, KEY_BLOCK>(); // of each key, for the four rows
  for (var first = firstBlock; first < end; first += KEY_BLOCK) {
    let count = min(KEY_BLOCK, (end - first + 3u) / 4u * 4u);
    var highest = vec4<f32>(MASKED);
    for (var j = 0u; j < count; j += 4u) {
      let key = first + j + lane;
      let at = base + min(key, vec4<u32>(end - 1u)) * keyStride;
      var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
      for (var d = 0u; d < HEAD_VECTORS; d++) {
        let k = load(at + d);
        s0 = dots(s0, Q[own.x + d] * params.scale, k); s1 = dots(s1, Q[own.y + d] * params.scale, k);
        s2 = dots(s2, Q[own.z + d] * params.scale, k); s3 = dots(s3, Q[own.w + d] * params.scale, k);
      }
      s0 = masked(s0, key, seen0); s1 = masked(s1, key, seen1);
      s2 = masked(s2, key, seen2); s3 = masked(s3, key, seen3);
      highest = max(highest, vec4<f32>(maximumOf(s0), maximumOf(s1), maximumOf(s2), maximumOf(s3)));
      scores[j] = vec4<f32>(s0.x, s1.x, s2.x, s3.x);
      scores[j + 1u] = vec4<f32>(s0.y, s1.y, s2.y, s3.y);
      scores[j + 2u] = vec4<f32>(s0.z, s1.z, s2.z, s3.z);
      scores[j + 3u] = vec4<f32>(s0.w, s1.w, s2.w, s3.w);
    }
    var sum = vec4<f32>();
    for (var j = 0u; j < count; j += 16u) {
      var c0 = vec4<f32>(); var c1 = vec4<f32>(); var c2 = vec4<f32>(); var c3 = vec4<f32>();
      for (var i = j; i < min(j + 16u, count); i += 4u) {
        c0 += exp(scores[i] - highest); c1 += exp(scores[i + 1u] - highest);
        c2 += exp(scores[i + 2u] - highest); c3 += exp(scores[i + 3u] - highest);
      }
      sum += (c0 + c1) + (c2 + c3);
    }
    let m0 = mergeOf(maximum.x, highest.x); let m1 = mergeOf(maximum.y, highest.y);
    let m2 = mergeOf(maximum.z, highest.z); let m3 = mergeOf(maximum.w, highest.w);
    maximum = vec4<f32>(m0.maximum, m1.maximum, m2.maximum, m3.maximum);
    total = fma(sum, vec4<f32>(m0.take, m1.take, m2.take, m3.take),
      total * vec4<f32>(m0.keep, m1.keep, m2.keep, m3.keep));
  }
  let logSumExp = maximum + log(total);
  let stat0 = vec2<f32>(logSumExp.x, delta.x); let stat1 = vec2<f32>(logSumExp.y, delta.y);
  let stat2 = vec2<f32>(logSumExp.z, delta.z); let stat3 = vec2<f32>(logSumExp.w, delta.w);

  var sums0 = HeadRow(); var sums1 = HeadRow(); var sums2 = HeadRow(); var sums3 = HeadRow();
  for (var first = seen0.x / 4u * 4u; first < end; first += 4u) {
    let key = first + lane;
    let at = base + min(key, vec4<u32>(end - 1u)) * keyStride;
    var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
    var g0 = vec4<f32>(); var g1 = vec4<f32>(); var g2 = vec4<f32>(); var g3 = vec4<f32>();
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let k = load(at + d);
      let v = load(at + valueOffset + d);
      s0 = dots(s0, Q[own.x + d] * params.scale, k); g0 = dots(g0, dA[own.x + d], v);
      s1 = dots(s1, Q[own.y + d] * params.scale, k); g1 = dots(g1, dA[own.y + d], v);
      s2 = dots(s2, Q[own.z + d] * params.scale, k); g2 = dots(g2, dA[own.z + d], v);
      s3 = dots(s3, Q[own.w + d] * params.scale, k); g3 = dots(g3, dA[own.w + d], v);
    }
    g0 = scoreGradient(s0, g0, stat0, key, seen0);
    g1 = scoreGradient(s1, g1, stat1, key, seen1);
    g2 = scoreGradient(s2, g2, stat2, key, seen2);
    g3 = scoreGradient(s3, g3, stat3, key, seen3);
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let k = load(at + d);
      sums0[d] = weighted(sums0[d], g0, k); sums1[d] = weighted(sums1[d], g1, k);
      sums2[d] = weighted(sums2[d], g2, k); sums3[d] = weighted(sums3[d], g3, k);
    }
  }

  storeRow(own.x, &sums0);
  stats[rows.x * params.heads + head] = stat0;
  if (last >= 1u) { storeRow(own.y, &sums1); stats[rows.y * params.heads + head] = stat1; }
  if (last >= 2u) { storeRow(own.z, &sums2); stats[rows.z * params.heads + head] = stat2; }
  if (last >= 3u) { storeRow(own.w, &sums3); stats[rows.w * params.heads + head] = stat3; }
}
