// common/activation.wgsl — the activation functions of the MLP, chosen by the prelude's ACTIVATION.
// 0 none · 1 GELU, tanh form · 2 GELU, erf form · 3 ReLU · 4 SiLU.  Reference: test/reference/activation.ts.

// Hendrycks & Gimpel 2016 (arxiv.org/abs/1606.08415), tanh form. The argument is clamped because tanh of large
// values is NaN on some adapters; tanh(±15) is ±1 in f32, so the clamp changes no result.
fn geluTanh(x: vec4<f32>) -> vec4<f32> {
  let inner = 0.7978845608028654 * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1.0 + tanh(clamp(inner, vec4<f32>(-15.0), vec4<f32>(15.0))));
}

// erf as an odd rational function of x on [-4, 4] (coefficients published with Eigen's float erf), within 4 ulp of 1.
fn erf(value: vec4<f32>) -> vec4<f32> {
  let x = clamp(value, vec4<f32>(-4.0), vec4<f32>(4.0));
  let s = x * x;
  var p = s * -2.72614225801306e-10 + 2.77068142495902e-08;
  p = p * s - 2.10102402082508e-06;
  p = p * s - 5.69250639462346e-05;
  p = p * s - 7.34990630326855e-04;
  p = p * s - 2.95459980854025e-03;
  p = p * s - 1.60960333262415e-02;
  var q = s * -1.45660718464996e-05 - 2.13374055278905e-04;
  q = q * s - 1.68282697438203e-03;
  q = q * s - 7.37332916720468e-03;
  q = q * s - 1.42647390514189e-02;
  return clamp(x * p / q, vec4<f32>(-1.0), vec4<f32>(1.0));
}

// x·s(x) with the logistic function s (arxiv.org/abs/1702.03118). Within the clamp exp stays finite; beyond it x·s(x) is below
// what f32 keeps beside 1.
fn silu(x: vec4<f32>) -> vec4<f32> {
  return x / (1.0 + exp(-clamp(x, vec4<f32>(-80.0), vec4<f32>(80.0))));
}

fn activate(x: vec4<f32>) -> vec4<f32> {
  if (ACTIVATION == 1u) { return geluTanh(x); }
  if (ACTIVATION == 2u) { return 0.5 * x * (1.0 + erf(x * 0.7071067811865476)); }
  if (ACTIVATION == 3u) { return max(x, vec4<f32>(0.0)); }
  if (ACTIVATION == 4u) { return silu(x); }
  return x;
}
