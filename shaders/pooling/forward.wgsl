// pooling/forward.wgsl — one row for each sentence of the rows of its tokens, four channels per invocation.
// X (arena rows,C/4) · table: first row, row count and left-out rows of each sentence · Y (sentences,outputStride).
// Grid: ceil(sentenceCount·C/4 / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Loads: neighbouring lanes read neighbouring 16 bytes of a row.
// Source: the poolings of github.com/huggingface/sentence-transformers.  Reference: test/reference/pooling.ts.
// Reduction order: sums of 64 rows, counted from the first of the sentence, in order, and these in order.

struct Params {
  firstWord: u32,      // of the first sentence in table
  sentenceCount: u32,
  channelVectors: u32, // ceil(C/4)
  poolingMethod: u32,  // see below
  outputStride: u32,   // vec4s of a row of Y
  outputOffset: u32,   // vec4s before the result in a row of Y
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;       // (arena rows, C/4)
@group(0) @binding(2) var<storage, read> table: array<u32>;         // (sentences, 3)
@group(0) @binding(3) var<storage, read_write> Y: array<vec4<f32>>; // (sentences, outputStride)

const FIRST = 0u;         // the row of the first token, whatever is left out
const LAST = 1u;          // of the last one
const MAXIMUM = 2u;
const MEAN = 3u;
const MEAN_ROOT = 4u;     // Σ x / √n
const WEIGHTED_MEAN = 5u; // Σ i·x / Σ i, i = 1 for the first token

const BLOCK = 64u;

fn rowAt(row: u32, vector: u32) -> vec4<f32> {
  return X[row * params.channelVectors + vector];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.sentenceCount * params.channelVectors) { return; }
  let sentence = index / params.channelVectors;
  let vector = index % params.channelVectors;
  let word = params.firstWord + 3u * sentence;
  let first = table[word];
  let count = table[word + 1u];
  let skipped = table[word + 2u]; // fewer than count
  let method = params.poolingMethod;

  var result = rowAt(first, vector);
  if (method == LAST) { result = rowAt(first + count - 1u, vector); }
  if (method == MAXIMUM) {
    result = rowAt(first + skipped, vector);
    for (var i = skipped + 1u; i < count; i++) { result = max(result, rowAt(first + i, vector)); }
  }
  if (method >= MEAN) {
    var sum = vec4<f32>();
    var weights = 0.0; // whole numbers, exact up to 2^24
    for (var begin = 0u; begin < count; begin += BLOCK) {
      var part = vec4<f32>();
      for (var i = max(begin, skipped); i < min(begin + BLOCK, count); i++) {
        let weight = select(1.0, f32(i + 1u), method == WEIGHTED_MEAN);
        part = fma(vec4<f32>(weight), rowAt(first + i, vector), part);
        weights += weight;
      }
      sum += part;
    }
    result = sum / select(weights, sqrt(weights), method == MEAN_ROOT);
  }
  Y[sentence * params.outputStride + params.outputOffset + vector] = result;
}
