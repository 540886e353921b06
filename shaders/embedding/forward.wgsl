// embedding/forward.wgsl — X[row] = scale·tokenEmbedding[token] + positionEmbedding[position] + typeEmbedding[type], four channels
// per invocation. The second is left out unless POSITIONS, the third unless TOKEN_TYPES.
// The token embedding is stored (C/4,V,4), the layout of the output head that shares it, in shards of consecutive tokens
// where the whole exceeds a binding: a dispatch writes only the rows whose token lies in its shard.
// Grid: ceil(rowCount·C/4 / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/embedding.ts embeddingForward.

struct Params {
  firstEntry: u32,     // first entry of this dispatch in rowTable
  rowCount: u32,       // rows of this dispatch
  channelVectors: u32, // ceil(C/4)
  firstToken: u32,     // first token of the shard
  tokenCount: u32,     // tokens of the shard
  shardStride: u32,    // row stride of the shard in vec4s: tokenCount padded to a multiple of 4
  scale: f32,          // of the token's row
  firstPosition: u32,  // row of positionEmbedding of a sentence's first token
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> W: array<WeightVector>;                 // tokens (C/4, shardStride), or blocks: common/weights-blocks.wgsl
@group(0) @binding(2) var<storage, read> positionEmbedding: array<vec4<f32>>;    // (positions, C/4); read if POSITIONS only
@group(0) @binding(3) var<storage, read> typeEmbedding: array<vec4<f32>>;        // (types, C/4); read if TOKEN_TYPES only
@group(0) @binding(4) var<storage, read> rowInfo: array<vec4<u32>>;            // token, position, first page, key count
@group(0) @binding(5) var<storage, read> rowTable: array<u32>;                 // arena row of every row
@group(0) @binding(6) var<storage, read> sampled: array<u32>;                  // newest token of each sequence
@group(0) @binding(7) var<storage, read> scales: array<u32>;                   // of quantised weights; else unused
@group(0) @binding(8) var<storage, read_write> X: array<vec4<f32>>;            // (arena rows, C/4)

// If this bit is set in a row's token, the other bits are an index into sampled.
const SAMPLED = 0x80000000u;

// In a model with types of tokens, the type is above the 24 bits of the id.
const ID = 0x00ffffffu;

fn inputVectors() -> u32 {
  return params.channelVectors;
}

fn outputs() -> u32 {
  return params.shardStride;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.rowCount * params.channelVectors) { return; }
  let row = rowTable[params.firstEntry + index / params.channelVectors];
  let vector = index % params.channelVectors;
  let info = rowInfo[row];
  var newest = info.x;
  // The host does not know this token yet. It was just sampled for the sequence.
  if ((newest & SAMPLED) != 0u) { newest = sampled[newest & ~SAMPLED]; }
  var tokenType = 0u;
  if (TOKEN_TYPES) {
    tokenType = newest >> 24u;
    newest &= ID;
  }
  let token = newest - params.firstToken; // wraps to a large number below the shard
  if (token >= params.tokenCount) { return; }
  var x = params.scale * weightsAt(vector, token);
  if (POSITIONS) { x += positionEmbedding[(params.firstPosition + info.y) * params.channelVectors + vector]; }
  if (TOKEN_TYPES) { x += typeEmbedding[tokenType * params.channelVectors + vector]; }
  X[row * params.channelVectors + vector] = x;
}
