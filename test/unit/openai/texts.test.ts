// POST /v1/embeddings and /v1/rerank, and what the service says of itself.
import { describe, expect, it } from "vitest";
import { DeviceError } from "../../../src/errors.js";
import { createHandler } from "../../../src/openai/index.js";
import { answerTo, get, post, type Json } from "../../helpers/api-calls.js";
import { ScriptedModel } from "../../helpers/scripted-model.js";

const model = (): ScriptedModel => new ScriptedModel(() => ["a"]);

describe("embeddings", () => {
  it("are numbers, or the bytes of float32", async () => {
    const own = model();
    const handler = createHandler({ e: own });
    const body = { model: "e", input: ["cat", "kitten"], dimensions: 2 };
    const { json } = await answerTo(handler, post("/v1/embeddings", body));
    expect(json).toEqual({
      object: "list",
      model: "e",
      data: [
        { object: "embedding", index: 0, embedding: [3, -0.5] },
        { object: "embedding", index: 1, embedding: [6, -0.5] },
      ],
      usage: { prompt_tokens: 9, total_tokens: 9 },
    });
    expect(own.embedded[0]!.options).toMatchObject({ dimensions: 2, tooLong: "refuse" });
    const coded = await answerTo(
      handler,
      post("/v1/embeddings", { input: "cat", encoding_format: "base64" }),
    );
    const bytes = Buffer.from(coded.json.data[0].embedding as string, "base64");
    expect([0, 4, 8].map((at) => bytes.readFloatLE(at))).toEqual([3, -0.5, Math.fround(1 / 3)]);
  });

  it("take token ids, one text or several", async () => {
    const own = model();
    const handler = createHandler(own);
    await answerTo(handler, post("/v1/embeddings", { input: [1, 2] }));
    await answerTo(handler, post("/v1/embeddings", { input: [[1, 2], [3]] }));
    expect(own.embedded.map(({ texts }) => texts)).toEqual([[[1, 2]], [[1, 2], [3]]]);
  });

  it.each([
    [{ input: [] }, "input"],
    [{ input: 5 }, "input"],
    [{ input: "a", encoding_format: "int8" }, "encoding_format"],
    [{ input: "a", dimensions: 0 }, "dimensions"],
  ])("refuse %j", async (body, param) => {
    const { status, json } = await answerTo(createHandler(model()), post("/v1/embeddings", body));
    expect([status, json.error.param]).toEqual([400, param]);
  });
});

describe("rerank", () => {
  const documents = ["short", { text: "the longest of them" }, "middling one"];
  it("puts documents in order", async () => {
    const handler = createHandler(model());
    const all = await answerTo(handler, post("/v1/rerank", { query: "q", documents }));
    expect(all.json.results.map(({ index }: Json) => index as number)).toEqual([1, 2, 0]);
    expect(all.json.results[0]).toEqual({ index: 1, relevance_score: 19 / 20 });
    const body = { query: "q", documents, top_n: 1, return_documents: true };
    const { json } = await answerTo(handler, post("/v1/rerank", body));
    expect(json.results).toEqual([
      { index: 1, relevance_score: 19 / 20, document: { text: "the longest of them" } },
    ]);
  });

  it.each([
    [{ documents }, "query"],
    [{ query: "q" }, "documents"],
    [{ query: "q", documents: [] }, "documents"],
    [{ query: "q", documents: ["a", 2] }, "documents[1]"],
  ])("refuses %j", async (body, param) => {
    const { status, json } = await answerTo(createHandler(model()), post("/v1/rerank", body));
    expect([status, json.error.param]).toEqual([400, param]);
  });
});

describe("the service", () => {
  it("lists its models, and tells of one whose name has slashes", async () => {
    const handler = createHandler(new Map([["owner/name", model()]]));
    const described = { id: "owner/name", object: "model", owned_by: "weft", max_model_len: 1000 };
    const all = await answerTo(handler, get("/v1/models"));
    expect(all.json).toMatchObject({ object: "list", data: [described] });
    for (const name of ["owner/name", "owner%2Fname"])
      expect((await answerTo(handler, get(`/v1/models/${name}`))).json).toMatchObject(described);
    const missing = await answerTo(handler, get("/v1/models/other%"));
    expect([missing.status, missing.json.error.code]).toEqual([404, "model_not_found"]);
  });

  it("asks for a model's name where there are several, and needs none where there is one", async () => {
    const several = createHandler({ a: model(), b: model() });
    const unnamed = await answerTo(several, post("/v1/completions", { prompt: "x" }));
    expect([unnamed.status, unnamed.json.error.param]).toEqual([400, "model"]);
    const other = await answerTo(several, post("/v1/completions", { model: "c", prompt: "x" }));
    expect(other.status).toBe(404);
    expect(other.json.error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(other.json.error.message).toContain("a, b");
    expect(
      (await answerTo(createHandler(model()), post("/v1/completions", { prompt: "x" }))).json.model,
    ).toBe("weft");
  });

  it("is healthy until a model can't answer", async () => {
    const lost = new DeviceError({ reason: "lost", problem: "The device was lost", remedy: "Load again." });
    const handler = createHandler(new ScriptedModel(() => ["a"], { failure: lost }));
    expect((await answerTo(handler, get("/health"))).json).toEqual({ status: "ok" });
    const failed = await answerTo(handler, post("/v1/completions", { prompt: "x" }));
    expect([failed.status, failed.json.error.code]).toEqual([503, "model_unavailable"]);
    expect((await answerTo(handler, get("/health"))).status).toBe(503);
  });

  it("counts in Prometheus' format, without any content", async () => {
    const handler = createHandler({ 'm"1': new ScriptedModel(() => ["a", "b", "c"]) });
    for (const stream of [false, true])
      await (await handler(post("/v1/completions", { prompt: "secret words", stream }))).text();
    await (await handler(get("/nowhere/secret"))).text();
    const response = await handler(get("/metrics"));
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).not.toContain("secret");
    for (const line of [
      "# TYPE weft:time_to_first_token_seconds histogram",
      String.raw`weft:num_requests_running{model_name="m\"1"} 0`,
      String.raw`weft:prompt_tokens_total{model_name="m\"1"} 24`,
      String.raw`weft:generation_tokens_total{model_name="m\"1"} 6`,
      String.raw`weft:request_success_total{model_name="m\"1",finished_reason="stop"} 2`,
      String.raw`weft:time_to_first_token_seconds_count{model_name="m\"1"} 2`,
      String.raw`weft:inter_token_latency_seconds_count{model_name="m\"1"} 4`,
      String.raw`weft:e2e_request_latency_seconds_bucket{model_name="m\"1",le="+Inf"} 2`,
      String.raw`weft:kv_cache_usage_perc{model_name="m\"1"} 0`,
      'weft:http_requests_total{route="/v1/completions",status="200"} 2',
      'weft:http_requests_total{route="other",status="404"} 1',
      "weft:http_requests_waiting 0",
    ])
      expect(text.split("\n")).toContain(line);
    // Every line is a comment, or a name with labels and a number.
    for (const line of text.trimEnd().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) weft:\w+ .+|weft:\w+(\{.*\})? -?[\d.e+-]+)$/);
  });
});
