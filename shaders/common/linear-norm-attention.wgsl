// common/linear-norm-attention.wgsl — gain and bias of the norm of X, behind the bindings of common/linear-attention.wgsl.

@group(0) @binding(9) var<storage, read> gain: array<vec4<f32>>;      // (K/4)
@group(0) @binding(10) var<storage, read> normBias: array<vec4<f32>>; // (K/4)
