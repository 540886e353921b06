// common/activation-derivative.wgsl — derivatives of the activation functions, chosen by the prelude's ACTIVATION.
// Needs common/activation.wgsl.  Reference: test/reference/activation-backward.ts, and central differences.

// 0.5·(1 + tanh(u)) is the logistic function s of 2u. By it and 1 − s small slopes keep their digits, where 1 + tanh(u)
// and 1 − tanh²(u) cancel. Within the clamp exp stays finite; beyond it s·(1 − s)·x³ is 0 in f32.
fn geluTanhDerivative(x: vec4<f32>) -> vec4<f32> {
  let twice = clamp(1.5957691216057308 * (x + 0.044715 * x * x * x), vec4<f32>(-80.0), vec4<f32>(80.0));
  let e = exp(-twice);
  let s = 1.0 / (1.0 + e);
  return s + x * s * (e * s) * (1.5957691216057308 * (1.0 + 0.134145 * x * x));
}

fn geluErfDerivative(x: vec4<f32>) -> vec4<f32> {
  // Below −120 in the exponent f32 has no value but 0.
  let density = 0.3989422804014327 * exp(max(-0.5 * x * x, vec4<f32>(-120.0)));
  return 0.5 * (1.0 + erf(x * 0.7071067811865476)) + x * density;
}

// s + x·s·(1 − s) with the logistic function s; 1 − s without cancellation.
fn siluDerivative(x: vec4<f32>) -> vec4<f32> {
  let e = exp(-clamp(x, vec4<f32>(-80.0), vec4<f32>(80.0)));
  let s = 1.0 / (1.0 + e);
  return s + x * s * (e * s);
}

fn activationDerivative(x: vec4<f32>) -> vec4<f32> {
  if (ACTIVATION == 1u) { return geluTanhDerivative(x); }
  if (ACTIVATION == 2u) { return geluErfDerivative(x); }
  if (ACTIVATION == 3u) { return select(vec4<f32>(0.0), vec4<f32>(1.0), x > vec4<f32>(0.0)); }
  if (ACTIVATION == 4u) { return siluDerivative(x); }
  return vec4<f32>(1.0);
}
