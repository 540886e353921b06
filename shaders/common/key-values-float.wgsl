// common/key-values-float.wgsl — keys and values that are stored as they are: in the arena, and in a cache in f32.

alias KeyValueVector = vec4<f32>;

fn storedOf(x: vec4<f32>) -> KeyValueVector {
  return x;
}

fn keyValueOf(stored: KeyValueVector) -> vec4<f32> {
  return stored;
}

// Number `component` of a vector, so that lanes with neighbouring numbers read no more than theirs.
fn keyValueComponent(stored: KeyValueVector, component: u32) -> f32 {
  return stored[component];
}
