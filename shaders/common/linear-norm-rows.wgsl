// common/linear-norm-rows.wgsl — gain and bias of the norm of X, behind the bindings of common/linear-rows.wgsl or linear-gated.wgsl.

@group(0) @binding(7) var<storage, read> gain: array<vec4<f32>>;     // (K/4)
@group(0) @binding(8) var<storage, read> normBias: array<vec4<f32>>; // (K/4)
