// attention/backward-key-value.wgsl — dK[row] and dV[row] for one head of keys and up to 4 key rows per invocation.
// Q, dA (rows,H,D) · KV, dKV (rows,2,H/GROUP,D) · stats (rows,H), row-major f32; D is padded to a multiple of 4 with zeros.
// dV = Σ_i p_i·dA_i and dK = Σ_i p_i·(dA_i·v − δ_i)·scale·q_i over the queries i that look at the key, of all heads that
// share it; of capped scores each term of dK is multiplied by 1 − (score/cap)².
// A key block is consecutive rows of ONE sentence, so its rows share every query and gradient they load.
// Params: common/attention-params.wgsl.
// Grid: ceil(blockCount·H/GROUP / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits, no workgroup memory.
// Reference: test/reference/attention-backward.ts attentionBackward.
// Reduction order: one fused multiply-add chain over the heads that share the key, and over the queries in order of position. Queries that do not look at a key
// add 0, so that its bits do not depend on its block.

@group(0) @binding(1) var<storage, read> Q: array<vec4<f32>>;          // (arena rows, H, D/4)
@group(0) @binding(2) var<storage, read> KV: array<vec4<f32>>;         // (arena rows, 2, H/GROUP, D/4)
@group(0) @binding(3) var<storage, read> dA: array<vec4<f32>>;         // (arena rows, H, D/4)
@group(0) @binding(4) var<storage, read> stats: array<vec2<f32>>;      // (arena rows, H): log-sum-exp, δ
@group(0) @binding(5) var<storage, read> rowInfo: array<vec4<u32>>;    // token, position, first page, key count
@group(0) @binding(6) var<storage, read> blockTable: array<vec2<u32>>; // arena row of the first key, keys (1…4)
@group(0) @binding(7) var<storage, read_write> dKV: array<vec4<f32>>;  // (arena rows, 2, H/GROUP, D/4)

fn loadQueries(at: vec4<u32>) -> mat4x4<f32> {
  return mat4x4<f32>(Q[at.x], Q[at.y], Q[at.z], Q[at.w]) * params.scale;
}

fn loadGradients(at: vec4<u32>) -> mat4x4<f32> {
  return mat4x4<f32>(dA[at.x], dA[at.y], dA[at.z], dA[at.w]);
}

// Scores that four queries give one key, masked for those beyond the sentence and those that do not see it.
fn masked(scores: vec4<f32>, query: vec4<u32>, key: u32, length: u32) -> vec4<f32> {
  var looks = query < vec4<u32>(length);
  if (CAUSAL) { looks = looks & (query >= vec4<u32>(key)); }
  if (params.window > 0u) {
    if (CAUSAL) { looks = looks & (query < vec4<u32>(key + params.window)); }
    else {
      let half = params.window / 2u;
      looks = looks & (query <= vec4<u32>(key + half)) & (query + half >= vec4<u32>(key));
    }
  }
  return select(vec4<f32>(MASKED), capped(scores), looks);
}

fn storeRow(at: u32, gradient: ptr<function, HeadRow>) {
  for (var d = 0u; d < HEAD_VECTORS; d++) { dKV[at + d] = (*gradient)[d]; }
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 32u + id.x;
  let keyHeads = params.heads / GROUP;
  if (index >= params.blockCount * keyHeads) { return; }
  let run = blockTable[params.firstEntry + index / keyHeads];
  let keyHead = index % keyHeads;
  let info = rowInfo[run.x];
  let last = run.y - 1u; // rows beyond the block repeat its last one, and are not stored
  let lane = vec4<u32>(0u, 1u, 2u, 3u);
  let stride = params.heads * HEAD_VECTORS; // of Q and dA
  let key = ((run.x + min(lane, vec4<u32>(last))) * 2u * keyHeads + keyHead) * HEAD_VECTORS;
  let value = key + keyHeads * HEAD_VECTORS;
  // Rows of a sentence follow one another in the arena.
  let firstRow = run.x - info.y;

  // The queries that may look at one of the keys.
  let reach = select(params.window / 2u, params.window - 1u, CAUSAL);
  let lastQuery = select(min(info.y + last + reach, info.w - 1u), info.w - 1u, params.window == 0u);
  var firstQuery = select(0u, info.y, CAUSAL);
  if (!CAUSAL && params.window > 0u) { firstQuery = info.y - min(info.y, reach); }

  var dk0 = HeadRow(); var dk1 = HeadRow(); var dk2 = HeadRow(); var dk3 = HeadRow();
  var dv0 = HeadRow(); var dv1 = HeadRow(); var dv2 = HeadRow(); var dv3 = HeadRow();
  for (var head = keyHead * GROUP; head < (keyHead + 1u) * GROUP; head++) {
  for (var first = firstQuery; first <= lastQuery; first += 4u) {
    let position = first + lane;
    let query = firstRow + min(position, vec4<u32>(info.w - 1u));
    let at = query * stride + head * HEAD_VECTORS;
    var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
    var g0 = vec4<f32>(); var g1 = vec4<f32>(); var g2 = vec4<f32>(); var g3 = vec4<f32>();
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let q = loadQueries(at + d);
      let a = loadGradients(at + d);
      s0 = dots(s0, KV[key.x + d], q); g0 = dots(g0, KV[value.x + d], a);
      s1 = dots(s1, KV[key.y + d], q); g1 = dots(g1, KV[value.y + d], a);
      s2 = dots(s2, KV[key.z + d], q); g2 = dots(g2, KV[value.z + d], a);
      s3 = dots(s3, KV[key.w + d], q); g3 = dots(g3, KV[value.w + d], a);
    }
    let stat = query * params.heads + head;
    let logSumExp = vec4<f32>(stats[stat.x].x, stats[stat.y].x, stats[stat.z].x, stats[stat.w].x);
    let delta = vec4<f32>(stats[stat.x].y, stats[stat.y].y, stats[stat.z].y, stats[stat.w].y);
    s0 = masked(s0, position, info.y, info.w); s1 = masked(s1, position, info.y + 1u, info.w);
    s2 = masked(s2, position, info.y + 2u, info.w); s3 = masked(s3, position, info.y + 3u, info.w);
    let p0 = exp(s0 - logSumExp); let p1 = exp(s1 - logSumExp);
    let p2 = exp(s2 - logSumExp); let p3 = exp(s3 - logSumExp);
    g0 = p0 * (g0 - delta) * capDerivative(s0); g1 = p1 * (g1 - delta) * capDerivative(s1);
    g2 = p2 * (g2 - delta) * capDerivative(s2); g3 = p3 * (g3 - delta) * capDerivative(s3);
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let q = loadQueries(at + d);
      let a = loadGradients(at + d);
      dk0[d] = weighted(dk0[d], g0, q); dv0[d] = weighted(dv0[d], p0, a);
      dk1[d] = weighted(dk1[d], g1, q); dv1[d] = weighted(dv1[d], p1, a);
      dk2[d] = weighted(dk2[d], g2, q); dv2[d] = weighted(dv2[d], p2, a);
      dk3[d] = weighted(dk3[d], g3, q); dv3[d] = weighted(dv3[d], p3, a);
    }
  }
  }

  storeRow(key.x, &dk0); storeRow(value.x, &dv0);
  if (last >= 1u) { storeRow(key.y, &dk1); storeRow(value.y, &dv1); }
  if (last >= 2u) { storeRow(key.z, &dk2); storeRow(value.z, &dv2); }
  if (last >= 3u) { storeRow(key.w, &dk3); storeRow(value.w, &dv3); }
}
