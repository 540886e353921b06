// attention/backward-key-value-workgroup.wgsl — as attention/backward-key-value.wgsl, with the same bits, for GPUs: a block of up to 4
// key rows of one head of keys per workgroup. A lane has a query while weights are formed, then channels of dK and dV.
// Shapes, tables and formulas: attention/backward-key-value.wgsl.  Params: common/attention-params.wgsl.
// Grid: blockCount·H/GROUP, 1, 1 (folded into y beyond 65,535).
// Needs: 64 invocations, 128·HEAD_VECTORS + 2,048 bytes of workgroup memory.  Loads: of queries and gradients, a lane has a row; for
// dK and dV, neighbouring lanes read neighbouring channels.
// Reference: test/reference/attention-backward.ts attentionBackward.

@group(0) @binding(1) var<storage, read> Q: array<vec4<f32>>;          // (arena rows, H, D/4)
@group(0) @binding(2) var<storage, read> KV: array<vec4<f32>>;         // (arena rows, 2, H/GROUP, D/4)
@group(0) @binding(3) var<storage, read> dA: array<vec4<f32>>;         // (arena rows, H, D/4)
@group(0) @binding(4) var<storage, read> stats: array<vec2<f32>>;      // (arena rows, H): log-sum-exp, δ
@group(0) @binding(5) var<storage, read> rowInfo: array<vec4<u32>>;    // token, position, first page, key count
@group(0) @binding(6) var<storage, read> blockTable: array<vec2<u32>>; // arena row of the first key, keys (1…4)
@group(0) @binding(7) var<storage, read_write> dKV: array<f32>;        // (arena rows, 2, H/GROUP, D)

const KEYS = 4u;
const THREADS = 64u; // one per query of those that are looked at together
const CHANNELS = 4u * HEAD_VECTORS;
const LANE_CHANNELS = (CHANNELS + THREADS - 1u) / THREADS;

var<workgroup> keys: array<vec4<f32>, KEYS * HEAD_VECTORS>;
var<workgroup> values: array<vec4<f32>, KEYS * HEAD_VECTORS>;
var<workgroup> weights: array<f32, KEYS * THREADS>;
var<workgroup> gradients: array<f32, KEYS * THREADS>;

// The score that a query gives a key, unless it does not see it.
fn masked(score: f32, query: u32, key: u32, length: u32) -> f32 {
  let seen = keysSeen(query, length);
  return select(MASKED, capped(vec4<f32>(score)).x, query < length && key >= seen.x && key < seen.y);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let task = group.y * groups.x + group.x;
  let keyHeads = params.heads / GROUP;
  if (task >= params.blockCount * keyHeads) { return; }
  let run = blockTable[params.firstEntry + task / keyHeads];
  let keyHead = task % keyHeads;
  let info = rowInfo[run.x];
  let last = run.y - 1u; // rows beyond the block repeat its last one, and are not stored
  let stride = params.heads * HEAD_VECTORS; // of Q and dA
  let valueOffset = keyHeads * HEAD_VECTORS;
  // Rows of a sentence follow one another in the arena.
  let firstRow = run.x - info.y;
  // The queries that may look at one of the keys.
  let reach = select(params.window / 2u, params.window - 1u, CAUSAL);
  let lastQuery = select(min(info.y + last + reach, info.w - 1u), info.w - 1u, params.window == 0u);
  var firstQuery = select(0u, info.y, CAUSAL);
  if (!CAUSAL && params.window > 0u) { firstQuery = info.y - min(info.y, reach); }

  for (var at = index; at < KEYS * HEAD_VECTORS; at += THREADS) {
    let origin = ((run.x + min(at / HEAD_VECTORS, last)) * 2u * keyHeads + keyHead) * HEAD_VECTORS + at % HEAD_VECTORS;
    keys[at] = KV[origin];
    values[at] = KV[origin + valueOffset];
  }
  var dk = array<f32, KEYS * LANE_CHANNELS>();
  var dv = array<f32, KEYS * LANE_CHANNELS>();
  for (var head = keyHead * GROUP; head < (keyHead + 1u) * GROUP; head++) {
    for (var first = firstQuery; first <= lastQuery; first += THREADS) {
      workgroupBarrier();
      let position = first + index;
      let row = firstRow + min(position, info.w - 1u);
      let at = row * stride + head * HEAD_VECTORS;
      var s = array<f32, KEYS>();
      var g = array<f32, KEYS>();
      for (var d = 0u; d < HEAD_VECTORS; d++) {
        let q = Q[at + d] * params.scale;
        let a = dA[at + d];
        for (var k = 0u; k < KEYS; k++) {
          s[k] = dotInto(s[k], keys[k * HEAD_VECTORS + d], q);
          g[k] = dotInto(g[k], values[k * HEAD_VECTORS + d], a);
        }
      }
      let stat = stats[row * params.heads + head];
      for (var k = 0u; k < KEYS; k++) {
        let own = masked(s[k], position, info.y + k, info.w);
        let p = exp(own - stat.x);
        weights[k * THREADS + index] = p;
        gradients[k * THREADS + index] = p * (g[k] - stat.y) * capDerivative(vec4<f32>(own)).x;
      }
      workgroupBarrier();
      for (var j = 0u; j < min(THREADS, lastQuery + 1u - first); j++) {
        let origin = (firstRow + first + j) * stride + head * HEAD_VECTORS;
        for (var c = 0u; c < LANE_CHANNELS; c++) {
          let channel = min(index + c * THREADS, CHANNELS - 1u);
          let q = Q[origin + channel / 4u][channel % 4u] * params.scale;
          let a = dA[origin + channel / 4u][channel % 4u];
          for (var k = 0u; k < KEYS; k++) {
            let sum = k * LANE_CHANNELS + c;
            dk[sum] = fma(gradients[k * THREADS + j], q, dk[sum]);
            dv[sum] = fma(weights[k * THREADS + j], a, dv[sum]);
          }
        }
      }
    }
  }

  for (var k = 0u; k <= last; k++) {
    let to = ((run.x + k) * 2u * keyHeads + keyHead) * CHANNELS;
    for (var c = 0u; c < LANE_CHANNELS; c++) {
      let channel = index + c * THREADS;
      if (channel < CHANNELS) {
        dKV[to + channel] = dk[k * LANE_CHANNELS + c];
        dKV[to + 4u * valueOffset + channel] = dv[k * LANE_CHANNELS + c];
      }
    }
  }
}
