// common/attention-params.wgsl — the parameters of every kernel of attention, forward and backward. They work on blocks of at most
// four consecutive rows of ONE sentence, for every head.  An interface fragment: it has a binding of its kernels.

struct Params {
  firstEntry: u32, // first entry of this dispatch in blockTable
  blockCount: u32, // blocks of this dispatch: of queries, or in backward-key-value of keys
  heads: u32,      // H
  scale: f32,      // 1/sqrt(D)
}

@group(0) @binding(0) var<uniform> params: Params;

// One row of one head.
alias HeadRow = array<vec4<f32>, HEAD_VECTORS>;

// Score of a key that a row does not see. Finite, because WGSL may assume that infinities do not occur;
// exp(MASKED − maximum) is exactly 0.
const MASKED = -1e30;
