// common/activation-derivative.wgsl — derivatives of the activation functions, chosen by the prelude's ACTIVATION.
// Needs common/activation.wgsl.  Reference: test/reference/activation-backward.ts, and central differences.

fn geluTanhDerivative(x: vec4<f32>) -> vec4<f32> {
  let inner = clamp(0.7978845608028654 * (x + 0.044715 * x * x * x), vec4<f32>(-15.0), vec4<f32>(15.0));
  let t = tanh(inner);
  let slope = 0.7978845608028654 * (1.0 + 0.134145 * x * x);
  // Where the argument is clamped 1 − t² is 0, so that the slope does not matter.
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope;
}

fn geluErfDerivative(x: vec4<f32>) -> vec4<f32> {
  // Below −120 in the exponent f32 has no value but 0.
  let density = 0.3989422804014327 * exp(max(-0.5 * x * x, vec4<f32>(-120.0)));
  return 0.5 * (1.0 + erf(x * 0.7071067811865476)) + x * density;
}

fn activationDerivative(x: vec4<f32>) -> vec4<f32> {
  if (ACTIVATION == 1u) { return geluTanhDerivative(x); }
  if (ACTIVATION == 2u) { return geluErfDerivative(x); }
  if (ACTIVATION == 3u) { return select(vec4<f32>(0.0), vec4<f32>(1.0), x > vec4<f32>(0.0)); }
  return vec4<f32>(1.0);
}
