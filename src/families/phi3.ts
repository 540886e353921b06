// Phi 3, 3.5 and 4 mini: as Llama, with queries, keys and values in one tensor, gates and ups in another, and positions that
// turn a part of each head. arxiv.org/abs/2404.14219.
import { decoderRecipe, fusedProjections } from "./decoder.js";
import { decoderGguf } from "./gguf/decoder.js";
import { readDecoderSizes, readLayers } from "./decoder-config.js";
import { tensor, type Family } from "./family.js";
import { decoderNames } from "./decoder-names.js";

export const phi3: Family = {
  name: "phi3",
  modelTypes: ["phi3"],
  architectures: ["Phi3ForCausalLM", "Phi3Model"],

  readConfig(own) {
    const keys = own.withDefaults({ rms_norm_eps: 1e-5, max_position_embeddings: 4096 });
    const config = readDecoderSizes(keys, { activation: "silu" });
    const originalLength = keys.optionalSize("original_max_position_embeddings");
    return {
      ...config,
      ...readLayers(keys, config, {
        isWindowed: () => true,
        window: keys.optionalSize("sliding_window"),
        rotary: { base: 10000, originalLength },
      }),
      biases: { attention: false, projection: false, mlp: false },
    };
  },

  recipe: (config) => decoderRecipe(config, { norms: "before" }),

  tensors(config) {
    const names = decoderNames(config, false);
    return {
      ...names,
      roles: {
        ...names.roles,
        queryKeyValue: fusedProjections(config, "model.layers.{l}.self_attn.qkv_proj"),
        gateUp: tensor("model.layers.{l}.mlp.gate_up_proj"),
      },
    };
  },

  gguf: decoderGguf({
    architecture: "phi3",
    modelType: "phi3",
    class: "Phi3ForCausalLM",
    isFused: true,
    // A window of 0 is none.
    more: (own) => ({ sliding_window: own("attention.sliding_window") || null }),
  }),
};
