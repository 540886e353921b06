// rotary/backward.wgsl — dX[row] = the heads of dY[row], turned back by the row's position: the first `turnedHeads` of them. The
// next `zeroedHeads` are set to 0, as what was turned there came from elsewhere; the others, which are values, are copied.
// dY (rows, inputStride) · dX (rows, outputStride), row-major f32; heads are padded to a multiple of 4 with zeros.
// Grid: ceil(rowCount·outputStride / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/rotary.ts rotaryBackward.

struct Params {
  firstEntry: u32,    // first entry of this dispatch in rowTable
  rowCount: u32,      // rows of this dispatch
  headVectors: u32,   // ceil(D/4)
  turnedVectors: u32, // vec4s of a head that are turned
  inputStride: u32,   // row stride of dY in vec4s
  outputStride: u32,  // row stride of dX in vec4s
  turnedHeads: u32,
  zeroedHeads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dY: array<vec4<f32>>;       // (arena rows, inputStride)
@group(0) @binding(2) var<storage, read> angles: array<vec4<f32>>;   // as common/rotary.wgsl says
@group(0) @binding(3) var<storage, read> rowInfo: array<vec4<u32>>;  // token, position, first page, key count
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;       // arena row of every row
@group(0) @binding(5) var<storage, read_write> dX: array<vec4<f32>>; // (arena rows, outputStride)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.rowCount * params.outputStride) { return; }
  let row = rowTable[params.firstEntry + index / params.outputStride];
  let vector = index % params.outputStride;
  let head = vector / params.headVectors;
  let part = vector % params.headVectors;
  var gradient = dY[row * params.inputStride + vector];
  if (head < params.turnedHeads) {
    if (part < params.turnedVectors) {
      gradient = turn(gradient, angleOf(rowInfo[row].y, part) * vec4<f32>(1.0, -1.0, 1.0, -1.0));
    }
  } else if (head < params.turnedHeads + params.zeroedHeads) {
    gradient = vec4<f32>();
  }
  dX[row * params.outputStride + vector] = gradient;
}
