// POST /v1/rerank: documents in the order of their relevance to a query, in the shape that Cohere, Jina and vLLM share.
import type { FieldTable, Fields } from "../fields/fields.js";
import { badField } from "../http/failure.js";
import type { Exchange } from "../http/exchange.js";
import { findModel } from "../models.js";
import type { Service } from "../service.js";
import { isRecord } from "../../util/json-value.js";
import { harmless } from "./field-reasons.js";
import { newId } from "./new-id.js";

const table: FieldTable = {
  handled: ["model", "query", "documents", "top_n", "return_documents"],
  ignored: harmless,
  refused: {},
};

export async function answerRerank(service: Service, exchange: Exchange, fields: Fields): Promise<Response> {
  fields.expectKnown(table);
  const named = findModel(service.models, fields);
  const query = fields.neededText("query");
  const documents = readDocuments(fields);
  const topK = fields.whole("top_n", { least: 1 });
  const returnsDocuments = fields.flag("return_documents") ?? false;
  await service.expectRoom(named, [query, ...documents], "documents");
  const ranked = await service.run(exchange, named, () =>
    named.model.rerank(query, documents, {
      ...(topK === undefined ? {} : { topK }),
      signal: exchange.signal,
    }),
  );
  return Response.json({
    id: newId("rerank-"),
    model: named.name,
    results: ranked.map(({ index, score }) => ({
      index,
      relevance_score: score,
      ...(returnsDocuments ? { document: { text: documents[index] } } : {}),
    })),
  });
}

function readDocuments(fields: Fields): readonly string[] {
  const documents = fields.list("documents");
  if (!documents || documents.length === 0) throw fields.wrong("documents", "an array of strings");
  return documents.map((document, index) => {
    const text = isRecord(document) ? document["text"] : document;
    if (typeof text === "string") return text;
    const path = `documents[${index}]`;
    throw badField(path, `${path}: expected a string, or an object with "text".`, "invalid_value");
  });
}
