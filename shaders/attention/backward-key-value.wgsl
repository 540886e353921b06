// attention/backward-key-value.wgsl — dK[row] and dV[row] for one head and one key row per invocation.
// Q, dA (rows,H,D) · KV, dKV (rows,2,H,D) · stats (rows,H), row-major f32; D is padded to a multiple of 4 with zeros.
// dV = Σ_i p_i·dA_i and dK = Σ_i p_i·(dA_i·v − δ_i)·scale·q_i over the queries i that look at the key.
// Grid: ceil(rowCount·H / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits, no workgroup memory.
// Reference: test/reference/attention-backward.ts attentionBackward.  Reduction order: queries in order of position, in fours from the first.

struct Params {
  firstEntry: u32, // first entry of this dispatch in rowTable
  rowCount: u32,   // key rows of this dispatch
  heads: u32,      // H
  scale: f32,      // 1/sqrt(D)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> Q: array<vec4<f32>>;         // (arena rows, H, D/4)
@group(0) @binding(2) var<storage, read> KV: array<vec4<f32>>;        // (arena rows, 2, H, D/4)
@group(0) @binding(3) var<storage, read> dA: array<vec4<f32>>;        // (arena rows, H, D/4)
@group(0) @binding(4) var<storage, read> stats: array<vec2<f32>>;     // (arena rows, H): log-sum-exp, δ
@group(0) @binding(5) var<storage, read> rowInfo: array<vec4<u32>>;   // token, position, first page, length
@group(0) @binding(6) var<storage, read> rowTable: array<u32>;        // arena row of every row
@group(0) @binding(7) var<storage, read_write> dKV: array<vec4<f32>>; // (arena rows, 2, H, D/4)

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
  let info = rowInfo[row];
  // Rows of a sentence follow one another in the arena.
  let firstRow = row - info.y;
  let valueOffset = params.heads * HEAD_VECTORS;
  let own = row * 2u * valueOffset + head * HEAD_VECTORS;

  var key: HeadRow;
  var value: HeadRow;
  var keyGradient: HeadRow;
  var valueGradient: HeadRow;
  for (var d = 0u; d < HEAD_VECTORS; d++) {
    key[d] = KV[own + d];
    value[d] = KV[own + valueOffset + d];
  }
  // Four queries at a time: what is kept of the key is read once for all of them.
  let stride = params.heads * HEAD_VECTORS;
  for (var first = select(0u, info.y, CAUSAL); first < info.w; first += 4u) {
    let position = first + vec4<u32>(0u, 1u, 2u, 3u);
    let query = firstRow + min(position, vec4<u32>(info.w - 1u));
    let at = query * stride + head * HEAD_VECTORS;
    let stat = query * params.heads + head;
    let logSumExp = vec4<f32>(stats[stat.x].x, stats[stat.y].x, stats[stat.z].x, stats[stat.w].x);
    let delta = vec4<f32>(stats[stat.x].y, stats[stat.y].y, stats[stat.z].y, stats[stat.w].y);
    var scores = vec4<f32>();
    var weightGradients = vec4<f32>();
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let k = key[d];
      let v = value[d];
      scores = vec4<f32>(
        dotInto(scores.x, Q[at.x + d], k), dotInto(scores.y, Q[at.y + d], k),
        dotInto(scores.z, Q[at.z + d], k), dotInto(scores.w, Q[at.w + d], k));
      weightGradients = vec4<f32>(
        dotInto(weightGradients.x, dA[at.x + d], v), dotInto(weightGradients.y, dA[at.y + d], v),
        dotInto(weightGradients.z, dA[at.z + d], v), dotInto(weightGradients.w, dA[at.w + d], v));
    }
    // A query beyond the last one repeats it, with a weight of 0.
    let p = select(vec4<f32>(), exp(scores * params.scale - logSumExp), position < vec4<u32>(info.w));
    let g = p * (weightGradients - delta) * params.scale;
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      valueGradient[d] = fma(vec4<f32>(p.w), dA[at.w + d], fma(vec4<f32>(p.z), dA[at.z + d],
        fma(vec4<f32>(p.y), dA[at.y + d], fma(vec4<f32>(p.x), dA[at.x + d], valueGradient[d]))));
      keyGradient[d] = fma(vec4<f32>(g.w), Q[at.w + d], fma(vec4<f32>(g.z), Q[at.z + d],
        fma(vec4<f32>(g.y), Q[at.y + d], fma(vec4<f32>(g.x), Q[at.x + d], keyGradient[d]))));
    }
  }
  for (var d = 0u; d < HEAD_VECTORS; d++) {
    dKV[own + d] = keyGradient[d];
    dKV[own + valueOffset + d] = valueGradient[d];
  }
}
