// common/attention-params.wgsl — the parameters of every kernel of attention, forward and backward, and which keys a query sees.
// They work on blocks of at most four consecutive rows of ONE sentence. GROUP heads of queries share a head of keys and values.
// An interface fragment: it has a binding of its kernels.

struct Params {
  firstEntry: u32, // first entry of this dispatch in blockTable
  blockCount: u32, // blocks of this dispatch: of queries, or in backward-key-value of keys
  heads: u32,      // H, of queries
  scale: f32,      // of scores, as 1/sqrt(D)
  window: u32,     // a query sees this many keys; 0: all of its sentence
  cap: f32,        // scores s become cap·tanh(s/cap), if CAPPED
  keyBlocks: u32,  // the most blocks of keys that a row of this dispatch has; for attention in two dispatches
}

@group(0) @binding(0) var<uniform> params: Params;

// One row of one head.
alias HeadRow = array<vec4<f32>, HEAD_VECTORS>;

// Score of a key that a row does not see. Finite, because WGSL may assume that infinities do not occur;
// exp(MASKED − maximum) is exactly 0.
const MASKED = -1e30;

// The order in which a row's sums over its keys are formed: keys are cut into blocks of KEY_BLOCK, counted from position 0. Of each
// block maximum, sum of exponentials and weighted sum of values are formed, and blocks are merged in order of position. In a block,
// products are chains over channels and weighted values chains over keys; exponentials are added 16 at a time by `sumOf`, over four
// chains of every fourth key. Where a window begins inside a block, the keys before it are masked.

// The keys that the query at `position` of a sentence of `length` tokens sees: from x up to, not including, y.
fn keysSeen(position: u32, length: u32) -> vec2<u32> {
  if (CAUSAL) {
    let end = position + 1u;
    let isWindowed = params.window > 0u;
    return vec2<u32>(select(0u, end - min(end, params.window), isWindowed), end);
  }
  if (params.window == 0u) { return vec2<u32>(0u, length); }
  let half = params.window / 2u;
  return vec2<u32>(position - min(position, half), min(position + half + 1u, length));
}

// tanh overflows on some adapters for large arguments; beyond ±15 it is ±1 in f32.
fn capped(scores: vec4<f32>) -> vec4<f32> {
  if (!CAPPED) { return scores; }
  return params.cap * tanh(clamp(scores / params.cap, vec4<f32>(-15.0), vec4<f32>(15.0)));
}

// The derivative of `capped`, by its result.
fn capDerivative(scores: vec4<f32>) -> vec4<f32> {
  if (!CAPPED) { return vec4<f32>(1.0); }
  let part = clamp(scores / params.cap, vec4<f32>(-1.0), vec4<f32>(1.0));
  return 1.0 - part * part;
}

// How two parts of a softmax are merged: what is there is multiplied by `keep`, the block that follows by `take`.
struct Merge {
  keep: f32,
  take: f32,
  maximum: f32,
}

fn mergeOf(before: f32, added: f32) -> Merge {
  // A block without a visible key must count nothing.
  if (added <= MASKED) { return Merge(1.0, 0.0, before); }
  // exp(0) must be exactly 1.
  if (added > before) { return Merge(exp(before - added), 1.0, added); }
  return Merge(1.0, exp(added - before), before);
}
