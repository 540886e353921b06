// optimizer/sgd.wgsl — one step of stochastic gradient descent with momentum of one tensor, four elements per invocation.
// weight, gradient, velocity (n) f32, n padded to a multiple of 4; padding has no gradient and stays zero.
// g ← gradient·min(1, maxNorm/(norm + 1e-6)) + decay·w; u ← momentum·u + g; w ← w − rate·u   (as PyTorch's SGD).
// Grid: ceil(vectorCount/64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/optimizer.ts sgdStep.

struct Params {
  vectorCount: u32, // n/4
  rate: f32,        // learning rate of this step
  momentum: f32,
  decay: f32,       // weight decay; 0 for tensors without
  maxNorm: f32,     // clipping threshold; a huge one for none
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;       // (n/4)
@group(0) @binding(2) var<storage, read> squares: array<f32>;              // element 0: the squared global norm
@group(0) @binding(3) var<storage, read_write> weight: array<vec4<f32>>;   // (n/4)
@group(0) @binding(4) var<storage, read_write> velocity: array<vec4<f32>>; // (n/4): u

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= params.vectorCount) { return; }
  let clip = min(1.0, params.maxNorm / (sqrt(squares[0]) + 1e-6));
  let w = weight[at];
  let u = params.momentum * velocity[at] + (gradient[at] * clip + params.decay * w);
  velocity[at] = u;
  weight[at] = w - params.rate * u;
}
