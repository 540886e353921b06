// attention/backward-key-value.wgsl — dK[row] and dV[row] for one head and up to 4 key rows per invocation.
// Q, dA (rows,H,D) · KV, dKV (rows,2,H,D) · stats (rows,H), row-major f32; D is padded to a multiple of 4 with zeros.
// dV = Σ_i p_i·dA_i and dK = Σ_i p_i·(dA_i·v − δ_i)·scale·q_i over the queries i that look at the key.
// A key block is consecutive rows of ONE sentence, so its rows share every query and gradient they load.
// Params: common/attention-params.wgsl.
// Grid: ceil(blockCount·H / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits, no workgroup memory.
// Reference: test/reference/attention-backward.ts attentionBackward.
// Reduction order: one fused multiply-add chain over the queries in order of position. Queries that do not look at a key
// add 0, so that its bits do not depend on its block.

@group(0) @binding(1) var<storage, read> Q: array<vec4<f32>>;          // (arena rows, H, D/4)
@group(0) @binding(2) var<storage, read> KV: array<vec4<f32>>;         // (arena rows, 2, H, D/4)
@group(0) @binding(3) var<storage, read> dA: array<vec4<f32>>;         // (arena rows, H, D/4)
@group(0) @binding(4) var<storage, read> stats: array<vec2<f32>>;      // (arena rows, H): log-sum-exp, δ
@group(0) @binding(5) var<storage, read> rowInfo: array<vec4<u32>>;    // token, position, first page, key count
@group(0) @binding(6) var<storage, read> blockTable: array<vec2<u32>>; // arena row of the first key, keys (1…4)
@group(0) @binding(7) var<storage, read_write> dKV: array<vec4<f32>>;  // (arena rows, 2, H, D/4)

fn loadQueries(at: vec4<u32>) -> mat4x4<f32> {
  return mat4x4<f32>(Q[at.x], Q[at.y], Q[at.z], Q[at.w]);
}

fn loadGradients(at: vec4<u32>) -> mat4x4<f32> {
  return mat4x4<f32>(dA[at.x], dA[at.y], dA[at.z], dA[at.w]);
}

// Weights that four queries give one key: 0 for those beyond the sentence, or before the key.
fn weights(scores: vec4<f32>, logSumExp: vec4<f32>, query: vec4<u32>, key: u32, length: u32) -> vec4<f32> {
  let looks = (query < vec4<u32>(length)) & ((query >= vec4<u32>(key)) | vec4<bool>(!CAUSAL));
  return exp(select(vec4<f32>(MASKED), scores * params.scale - logSumExp, looks));
}

fn storeRow(at: u32, gradient: ptr<function, HeadRow>) {
  for (var d = 0u; d < HEAD_VECTORS; d++) { dKV[at + d] = (*gradient)[d]; }
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
  let stride = params.heads * HEAD_VECTORS; // of Q and dA; half of that of KV
  let key = (run.x + min(lane, vec4<u32>(last))) * 2u * stride + head * HEAD_VECTORS;
  let value = key + stride;
  // Rows of a sentence follow one another in the arena.
  let firstRow = run.x - info.y;

  var dk0: HeadRow; var dk1: HeadRow; var dk2: HeadRow; var dk3: HeadRow;
  var dv0: HeadRow; var dv1: HeadRow; var dv2: HeadRow; var dv3: HeadRow;
  for (var first = select(0u, info.y, CAUSAL); first < info.w; first += 4u) {
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
    let p0 = weights(s0, logSumExp, position, info.y, info.w);
    let p1 = weights(s1, logSumExp, position, info.y + 1u, info.w);
    let p2 = weights(s2, logSumExp, position, info.y + 2u, info.w);
    let p3 = weights(s3, logSumExp, position, info.y + 3u, info.w);
    g0 = p0 * (g0 - delta) * params.scale; g1 = p1 * (g1 - delta) * params.scale;
    g2 = p2 * (g2 - delta) * params.scale; g3 = p3 * (g3 - delta) * params.scale;
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let q = loadQueries(at + d);
      let a = loadGradients(at + d);
      dk0[d] = weighted(dk0[d], g0, q); dv0[d] = weighted(dv0[d], p0, a);
      dk1[d] = weighted(dk1[d], g1, q); dv1[d] = weighted(dv1[d], p1, a);
      dk2[d] = weighted(dk2[d], g2, q); dv2[d] = weighted(dv2[d], p2, a);
      dk3[d] = weighted(dk3[d], g3, q); dv3[d] = weighted(dv3[d], p3, a);
    }
  }

  storeRow(key.x, &dk0); storeRow(value.x, &dv0);
  if (last >= 1u) { storeRow(key.y, &dk1); storeRow(value.y, &dv1); }
  if (last >= 2u) { storeRow(key.z, &dk2); storeRow(value.z, &dv2); }
  if (last >= 3u) { storeRow(key.w, &dk3); storeRow(value.w, &dv3); }
}
