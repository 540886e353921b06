// What config.json says of weights that other software has quantised: the scheme by which groups of weights are packed.
import { ConfigReader } from "../../families/config-reader.js";
import { isRecord } from "../../util/json-value.js";

/** Schemes that weft reads. */
export type Grouping = "mlx" | "gptq" | "gptq_v2" | "awq";

/** The keys that say it. */
const groupingKeys: readonly string[] = ["quantization", "quantization_config"];

const remedy =
  "weft reads safetensors that GPTQ, AWQ (its GEMM version) or MLX (affine) quantised, and GGUF. Choose one of them, or plain weights.";

/**
 * Reads the scheme from the parsed content of a config.json. Undefined for plain weights.
 * @throws FormatError for a scheme that weft does not read.
 */
export function readGrouping(config: unknown, fileName: string = "config.json"): Grouping | undefined {
  const whole = new ConfigReader(config, fileName);
  if (whole.has("quantization")) return readMlx(whole);
  if (!whole.has("quantization_config")) return undefined;
  const own = whole.keys["quantization_config"];
  const fail = (): never => whole.fail("quantization_config", "a scheme that weft reads", remedy);
  if (!isRecord(own)) return fail();
  const { quant_method: method, checkpoint_format: checkpoint = "gptq", version = "gemm" } = own;
  if (method === "gptq" && (checkpoint === "gptq" || checkpoint === "gptq_v2")) return checkpoint;
  if (method === "awq" && String(version).toLowerCase() === "gemm") return "awq";
  return fail();
}

function readMlx(whole: ConfigReader): "mlx" {
  const own = whole.keys["quantization"];
  if (isRecord(own) && (own["mode"] ?? "affine") === "affine") return "mlx";
  return whole.fail("quantization", 'an object whose mode is "affine"', remedy);
}

/** The same content for plain weights, as they are saved. */
export function withoutGrouping(
  config: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !groupingKeys.includes(key)));
}
