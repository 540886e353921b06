// Which tensors a GPT-2 model consists of, under which names files hold them, and what a file lacks.
import { FormatError, ShapeError } from "../errors.js";
import { isDtype, type Dtype } from "../tensor/formats.js";
import type { ModelConfig } from "./gpt2-config.js";

/** A tensor outside the layers. */
export type Gpt2ModelRole =
  "wte.weight" | "wpe.weight" | "ln_f.weight" | "ln_f.bias" | "lm_head.weight" | "lm_head.bias";

type LayerPart = "ln_1" | "attn.c_attn" | "attn.c_proj" | "ln_2" | "mlp.c_fc" | "mlp.c_proj";

/** A tensor of one layer. */
export type Gpt2LayerRole = `${LayerPart}.${"weight" | "bias"}`;

/** One tensor of a GPT-2 model. */
export interface Gpt2Tensor {
  /** The name in Hugging Face's files, without the prefix "transformer.": "h.0.attn.c_attn.weight". */
  readonly key: string;
  /** The layer, and undefined for a tensor outside the layers. */
  readonly layer: number | undefined;
  readonly role: Gpt2ModelRole | Gpt2LayerRole;
  /** The shape in a file. */
  readonly fileShape: readonly number[];
  readonly isRequired: boolean;
}

/** All tensors of a model, by key. */
export function listGpt2Tensors(config: ModelConfig): Map<string, Gpt2Tensor> {
  const { vocabularySize: V, channels: C, hidden: F, contextLength, tiedHead } = config;
  const tensors = new Map<string, Gpt2Tensor>();
  const add = (
    role: Gpt2Tensor["role"],
    fileShape: readonly number[],
    { layer, isRequired = true }: Partial<Gpt2Tensor> = {},
  ): void => {
    const key = layer === undefined ? role : `h.${layer}.${role}`;
    tensors.set(key, { key, layer, role, fileShape, isRequired });
  };
  add("wte.weight", [V, C]);
  add("wpe.weight", [contextLength, C]);
  for (let layer = 0; layer < config.layers; layer++) {
    const addLinear = (part: LayerPart, inputs: number, outputs: number): void => {
      add(`${part}.weight`, [inputs, outputs], { layer });
      add(`${part}.bias`, [outputs], { layer });
    };
    const addNorm = (part: LayerPart): void => {
      add(`${part}.weight`, [C], { layer });
      add(`${part}.bias`, [C], { layer });
    };
    addNorm("ln_1");
    addLinear("attn.c_attn", C, 3 * C);
    addLinear("attn.c_proj", C, C);
    addNorm("ln_2");
    addLinear("mlp.c_fc", C, F);
    addLinear("mlp.c_proj", F, C);
  }
  add("ln_f.weight", [C]);
  add("ln_f.bias", [C]);
  if (!tiedHead) add("lm_head.weight", [V, C]);
  add("lm_head.bias", [V], { isRequired: false });
  return tensors;
}

/** Matches the tensors of files with those of one model, one by one. */
export class Gpt2NameMap {
  readonly #expected: ReadonlyMap<string, Gpt2Tensor>;
  readonly #nameByKey = new Map<string, string>();
  readonly #unexpected: string[] = [];
  readonly #tiedHead: boolean;

  constructor(config: ModelConfig) {
    this.#expected = listGpt2Tensors(config);
    this.#tiedHead = config.tiedHead;
  }

  /** Names of tensors that belong to no GPT-2 model. */
  get unexpected(): readonly string[] {
    return this.#unexpected;
  }

  /**
   * The model's tensor that a file holds as `stored`; undefined for one the model does not use: a mask buffer, the
   * copy of a tied head, an unexpected one.
   * @throws ShapeError for another shape or number format; FormatError when the model has that tensor already.
   */
  match(stored: {
    readonly name: string;
    readonly dtype: string;
    readonly shape: readonly number[];
  }): { readonly tensor: Gpt2Tensor; readonly dtype: Dtype } | undefined {
    const key = stored.name.replace(/^transformer\./, "");
    const tensor = this.#expected.get(key);
    if (!tensor) {
      if (!this.#isUnused(key)) this.#unexpected.push(stored.name);
      return undefined;
    }
    const { dtype, shape } = stored;
    if (!isDtype(dtype) || shape.join() !== tensor.fileShape.join()) {
      throw new ShapeError({
        tensor: stored.name,
        expected: `F32, F16 or BF16 [${tensor.fileShape.join(", ")}]`,
        received: `${dtype} [${shape.join(", ")}]`,
        remedy:
          "The weights and config.json are of different models, or in a number format weft does not read.",
      });
    }
    const earlier = this.#nameByKey.get(key);
    if (earlier !== undefined) {
      throw new FormatError({
        file: "model.safetensors",
        problem: `expected each tensor once, received "${earlier}" and "${stored.name}"`,
        remedy: "Export the model again.",
      });
    }
    this.#nameByKey.set(key, stored.name);
    return { tensor, dtype };
  }

  /** @throws FormatError naming the required tensors that have not been matched. */
  expectComplete(): void {
    const missing = [...this.#expected.values()].filter(
      ({ key, isRequired }) => isRequired && !this.#nameByKey.has(key),
    );
    if (missing.length === 0) return;
    const names = missing.map(({ key }) => key).join(", ");
    const unexpected = this.#unexpected.length === 0 ? "" : `; unexpected: ${this.#unexpected.join(", ")}`;
    throw new FormatError({
      file: "model.safetensors",
      problem: `expected ${this.#expected.size} tensors, received none of ${names}${unexpected}`,
      remedy: "The weights and config.json are of different models, or the export is incomplete.",
    });
  }

  /** Old exports hold the causal mask as a buffer; many hold the tied head a second time. */
  #isUnused(key: string): boolean {
    return /^h\.\d+\.attn\.(masked_)?bias$/.test(key) || (this.#tiedHead && key === "lm_head.weight");
  }
}
