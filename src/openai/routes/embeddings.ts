// POST /v1/embeddings: texts as vectors. platform.openai.com/docs/api-reference/embeddings
import type { FieldTable, Fields } from "../fields/fields.js";
import { readTokenTexts } from "../fields/token-texts.js";
import type { Exchange } from "../http/exchange.js";
import { findModel } from "../models.js";
import type { Service } from "../service.js";
import { harmless } from "./field-reasons.js";

const table: FieldTable = {
  handled: ["model", "input", "dimensions", "encoding_format"],
  ignored: harmless,
  refused: {},
};

export async function answerEmbeddings(
  service: Service,
  exchange: Exchange,
  fields: Fields,
): Promise<Response> {
  fields.expectKnown(table);
  const named = findModel(service.models, fields);
  const texts = readTokenTexts(fields, "input");
  const dimensions = fields.whole("dimensions", { least: 1 });
  const format = fields.choice("encoding_format", ["float", "base64"]) ?? "float";
  await service.expectRoom(named, texts, "input");
  const { vectors, tokens } = await service.run(exchange, named, () =>
    named.model.embed(texts, {
      // As with OpenAI, a text that is too long is an error, and not another text's vector.
      tooLong: "refuse",
      ...(dimensions === undefined ? {} : { dimensions }),
      signal: exchange.signal,
    }),
  );
  exchange.addUsage({ promptTokens: tokens, completionTokens: 0 });
  return Response.json({
    object: "list",
    model: named.name,
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: format === "base64" ? toBase64(vector) : [...vector],
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

/** The bytes of the numbers, as float32 with the lowest byte first. */
function toBase64(vector: Float32Array): string {
  const bytes = new Uint8Array(4 * vector.length);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of vector.entries()) view.setFloat32(4 * index, value, true);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
