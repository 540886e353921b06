// common/rotary.wgsl — turns pairs of numbers (x₂ᵢ, x₂ᵢ₊₁), two of them in a vec4, by angles that grow with the position.
// The angle of position p is that of p mod 256 plus that of the 256s before it. Cosines and sines of both come from tables that the
// host makes in float64: the tables stay small whatever the context is, and a sum of angles is as exact as f32 products are.
// Reads `angles` and `params.turnedVectors` of the kernel it stands in front of.
// angles (256 + ceil(context/256), turnedVectors): cosine and sine of a vec4's first pair, then of its second; those of 0…255 first.

fn angleOf(position: u32, vector: u32) -> vec4<f32> {
  let fine = angles[(position & 255u) * params.turnedVectors + vector];
  let coarse = angles[(256u + (position >> 8u)) * params.turnedVectors + vector];
  let cosine = fma(coarse.xz, fine.xz, -(coarse.yw * fine.yw));
  let sine = fma(coarse.yw, fine.xz, coarse.xz * fine.yw);
  return vec4<f32>(cosine.x, sine.x, cosine.y, sine.y);
}

fn turn(x: vec4<f32>, angle: vec4<f32>) -> vec4<f32> {
  let first = fma(x.xz, angle.xz, -(x.yw * angle.yw));
  let second = fma(x.yw, angle.xz, x.xz * angle.yw);
  return vec4<f32>(first.x, second.x, first.y, second.y);
}
