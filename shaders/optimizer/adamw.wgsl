// optimizer/adamw.wgsl — one AdamW step of one tensor, four elements per invocation.
// weight, gradient, first, second (n) f32, n padded to a multiple of 4; padding has no gradient and stays zero.
// g ← gradient·min(1, maxNorm/(norm + 1e-6)); m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²;
// w ← w − rate·(m·c₁/(sqrt(v·c₂) + ε) + decay·w), cᵢ = 1/(1 − βᵢᵗ)   (arxiv.org/abs/1711.05101, algorithm 2).
// Grid: ceil(vectorCount/64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/optimizer.ts adamwStep.

struct Params {
  vectorCount: u32,      // n/4
  rate: f32,             // learning rate of this step
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  decay: f32,            // weight decay; 0 for tensors without
  firstCorrection: f32,  // 1/(1 − β₁ᵗ)
  secondCorrection: f32, // 1/(1 − β₂ᵗ)
  maxNorm: f32,          // clipping threshold; a huge one for none
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;      // (n/4)
@group(0) @binding(2) var<storage, read> squares: array<f32>;             // element 0: the squared global norm
@group(0) @binding(3) var<storage, read_write> weight: array<vec4<f32>>;  // (n/4)
@group(0) @binding(4) var<storage, read_write> first: array<vec4<f32>>;   // (n/4): m
@group(0) @binding(5) var<storage, read_write> second: array<vec4<f32>>;  // (n/4): v

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= params.vectorCount) { return; }
  let clip = min(1.0, params.maxNorm / (sqrt(squares[0]) + 1e-6));
  let g = gradient[at] * clip;
  let m = params.beta1 * first[at] + (1.0 - params.beta1) * g;
  let v = params.beta2 * second[at] + (1.0 - params.beta2) * g * g;
  let w = weight[at];
  first[at] = m;
  second[at] = v;
  let step = m * params.firstCorrection / (sqrt(v * params.secondCorrection) + params.epsilon);
  weight[at] = w - params.rate * (step + params.decay * w);
}
