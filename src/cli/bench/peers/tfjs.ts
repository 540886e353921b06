// The peer TensorFlow.js on WebGPU: https://js.tensorflow.org/api/latest/.
import { transpose } from "./onnx-gpt2.js";
import { causalMask, type LoadPeer } from "./peer.js";

interface Tensor {
  readonly shape: readonly number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** The part of its API that is used. */
interface Tf {
  readonly version_core: string;
  readonly fused: {
    matMul(options: { readonly a: Tensor; readonly b: Tensor; readonly bias?: Tensor }): Tensor;
  };
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tidy(work: () => Tensor): Tensor;
  tensor(values: Float32Array | Int32Array, shape: readonly number[], type?: string): Tensor;
  gather(from: Tensor, rows: Tensor): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor | number): Tensor;
  mean(a: Tensor, axis: number, keep: boolean): Tensor;
  square(a: Tensor): Tensor;
  rsqrt(a: Tensor): Tensor;
  tanh(a: Tensor): Tensor;
  softmax(a: Tensor): Tensor;
  matMul(a: Tensor, b: Tensor, turnA?: boolean, turnB?: boolean): Tensor;
  reshape(a: Tensor, shape: readonly number[]): Tensor;
  transpose(a: Tensor, order: readonly number[]): Tensor;
  split(a: Tensor, parts: number, axis: number): Tensor[];
  scalar(value: number): Tensor;
}

export const loadTfjs: LoadPeer = async (model, address) => {
  for (const file of ["tfjs-core/dist/tf-core.min.js", "tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js"])
    await loadScript(`${address}@tensorflow/${file}`);
  const { tf } = globalThis as unknown as { tf: Tf };
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js found no WebGPU");
  await tf.ready();
  const { n_layer: layers, n_head: heads, n_embd: C, layer_norm_epsilon: epsilon } = model.config;
  const weights = new Map(
    [...model.tensors].map(([name, { shape, values }]) => [name, tf.tensor(values, shape)]),
  );
  const turned = transpose(model.tensors.get("wte.weight")!);
  weights.set("head", tf.tensor(turned.values, turned.shape));
  const weight = (name: string): Tensor => weights.get(name)!;

  const norm = (x: Tensor, name: string): Tensor => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const normal = tf.mul(centred, tf.rsqrt(tf.add(variance, tf.scalar(epsilon))));
    return tf.add(tf.mul(normal, weight(`${name}.weight`)), weight(`${name}.bias`));
  };
  const linear = (a: Tensor, name: string): Tensor =>
    tf.fused.matMul({ a, b: weight(`${name}.weight`), bias: weight(`${name}.bias`) });
  // x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))
  const gelu = (x: Tensor): Tensor => {
    const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), tf.scalar(1)));
  };

  return {
    name: `TensorFlow.js ${tf.version_core}`,
    async run({ sentences: B, length: T, ids, lastRows }) {
      const logits = tf.tidy(() => {
        const mask = tf.tensor(causalMask(T), [T, T]);
        const tokens = tf.gather(weight("wte.weight"), tf.tensor(ids, [B, T], "int32"));
        const places = tf.gather(
          weight("wpe.weight"),
          tf.tensor(Int32Array.from(Array(T).keys()), [T], "int32"),
        );
        let x = tf.reshape(tf.add(tokens, places), [B * T, C]);
        for (let layer = 0; layer < layers; layer++) {
          const h = `h.${layer}`;
          const all = linear(norm(x, `${h}.ln_1`), `${h}.attn.c_attn`);
          const [q, k, v] = tf
            .split(all, 3, -1)
            .map((part) => tf.transpose(tf.reshape(part, [B, T, heads, C / heads]), [0, 2, 1, 3]));
          const scores = tf.add(tf.mul(tf.matMul(q!, k!, false, true), 1 / Math.sqrt(C / heads)), mask);
          const mixed = tf.transpose(tf.matMul(tf.softmax(scores), v!), [0, 2, 1, 3]);
          x = tf.add(x, linear(tf.reshape(mixed, [B * T, C]), `${h}.attn.c_proj`));
          const up = gelu(linear(norm(x, `${h}.ln_2`), `${h}.mlp.c_fc`));
          x = tf.add(x, linear(up, `${h}.mlp.c_proj`));
        }
        const last = tf.gather(x, tf.tensor(lastRows, [B], "int32"));
        return tf.matMul(norm(last, "ln_f"), weight("head"));
      });
      const values = await logits.data();
      logits.dispose();
      return values;
    },
    async dispose() {
      for (const own of weights.values()) own.dispose();
    },
  };
};

async function loadScript(address: string): Promise<void> {
  const script = document.createElement("script");
  script.src = address;
  await new Promise((resolve, reject) => {
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error(`${address} could not be loaded`)));
    document.head.append(script);
  });
}
