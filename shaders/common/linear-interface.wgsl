// common/linear-interface.wgsl — the inputs of every forward kernel of a linear layer, and how it loads them.
// X (rows,K) · W (K/4,N,4) · b (N), row-major; K and N are padded to multiples of 4 with zeros. W is interleaved: a vec4
// has four consecutive k's of one output, and the next vec4 those of the next output, so that neighbouring lanes with neighbouring
// outputs read neighbouring bytes.
// A row table lists the rows of X, so slices of any sentences and lengths share one dispatch.
// What becomes of the sums is in the fragment that follows it, with the parameters: common/linear-rows.wgsl, linear-gated.wgsl or
// linear-attention.wgsl. Each of them has store(), so that a kernel need not know which one it is.
// An interface fragment: it has the bindings of its kernels, so that they cannot differ in them.
// Needs a reader of weights, one of the two kinds of products, and one of these three.

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;    // (arena rows, K/4)
@group(0) @binding(2) var<storage, read> W: array<WeightVector>; // (K/4, N), or blocks: common/weights-blocks.wgsl
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>; // (N/4)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;   // rows of X, then of the output
@group(0) @binding(5) var<storage, read> scales: array<u32>;     // of quantised weights; else unused

// Returns where a row of X begins. Rows beyond the last one read it again, and are not stored.
fn inputStart(entry: u32) -> u32 {
  return rowTable[params.firstEntry + min(entry, params.rowCount - 1u)] * params.inputVectors;
}

fn inputVectors() -> u32 {
  return params.inputVectors;
}

fn outputs() -> u32 {
  return 4u * params.outputVectors;
}

// Returns the weights of the four outputs of a vec4 column for the four k's of vec4 `k`, as the columns of a matrix value.
fn loadWeights(k: u32, column: u32) -> mat4x4<Factor> {
  let n = 4u * column;
  return mat4x4<Factor>(vec4<Factor>(weightsAt(k, n)), vec4<Factor>(weightsAt(k, n + 1u)),
    vec4<Factor>(weightsAt(k, n + 2u)), vec4<Factor>(weightsAt(k, n + 3u)));
}
