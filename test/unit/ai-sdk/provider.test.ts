// The provider for the Vercel AI SDK, by the SDK itself.
import type { EmbeddingModelV3, LanguageModelV3, ProviderV3 } from "@ai-sdk/provider";
import type { EmbeddingModelV4, LanguageModelV4 } from "@ai-sdk/provider-v4";
import { embedMany, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { describe, expect, it } from "vitest";
import { createWeft } from "../../../src/ai-sdk/index.js";
import type { CallOptions } from "../../../src/ai-sdk/specification.js";
import { ScriptedModel, turn, type AskedFor } from "../../helpers/scripted-model.js";

const template = "{{ tools }}{{ '<tool_call>' }}";

const weather = tool({
  description: "Tells the weather.",
  inputSchema: jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } } }),
  execute: async ({ city }) => `sunny in ${city}`,
});

/** Calls the tool, and says what it gave. */
function callsTool({ prompt }: AskedFor): readonly string[] {
  const last = (prompt as readonly { role: string; content: string }[]).at(-1)!;
  return last.role === "tool"
    ? ["It is ", last.content, "."]
    : [
        "<think>I ask.</think>",
        "Let me see.\n",
        '<tool_call>{"name": "weather", "arguments": {"city": "Köln"}}</tool_call>',
      ];
}

describe("the AI SDK", () => {
  it("generates text, with the options that it has", async () => {
    const model = new ScriptedModel(() => ["<think>Hm.", "</think>Hel", "lo."]);
    const weft = createWeft({ models: { m: model } });
    const { text, reasoningText, finishReason, usage, warnings, response } = await generateText({
      model: weft("m"),
      system: "Be brief.",
      prompt: "Hi",
      maxOutputTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      topK: 5,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      seed: 3,
      stopSequences: ["END"],
      providerOptions: { weft: { minP: 0.1, templateVariables: { enable_thinking: true } } },
    });
    expect({ text, reasoningText, finishReason, warnings }).toEqual({
      text: "Hello.",
      reasoningText: "Hm.",
      finishReason: "stop",
      warnings: [],
    });
    expect(usage).toMatchObject({ inputTokens: 2, outputTokens: 24, totalTokens: 26 });
    expect(response.modelId).toBe("m");
    const [{ prompt, options }] = model.asked as [AskedFor];
    expect(prompt).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
    ]);
    const { signal: _, ...others } = options;
    expect(others).toEqual({
      maxTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      topK: 5,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      seed: 3,
      stop: ["END"],
      minP: 0.1,
      templateVariables: { enable_thinking: true },
    });
  });

  it("streams text and thoughts", async () => {
    const model = new ScriptedModel(() => ["<think>Hm", ".</think>", "Hel", "lo."]);
    const result = streamText({ model: createWeft({ models: model })("weft"), prompt: "Hi" });
    const parts: string[] = [];
    for await (const part of result.fullStream)
      parts.push("text" in part ? `${part.type} ${part.text}` : part.type);
    expect(parts).toEqual([
      "start",
      "start-step",
      "reasoning-start",
      "reasoning-delta Hm",
      "reasoning-delta .",
      "reasoning-end",
      "text-start",
      "text-delta Hel",
      "text-delta lo.",
      "text-end",
      "finish-step",
      "finish",
    ]);
    expect(await result.finishReason).toBe("stop");
    expect(await result.usage).toMatchObject({ inputTokens: 1, outputTokens: 24 });
  });

  it("says that a text was cut", async () => {
    const model = new ScriptedModel(() => ["Hel", "lo."]);
    const { text, finishReason } = await generateText({
      model: createWeft({ models: model })("weft"),
      prompt: "Hi",
      maxOutputTokens: 3,
    });
    expect([text, finishReason]).toEqual(["Hel", "length"]);
  });

  it.each(["generated", "streamed"])("runs tools until there is an answer, %s", async (how) => {
    const model = new ScriptedModel(callsTool, { template });
    const call = {
      model: createWeft({ models: { m: model } }).languageModel("m"),
      prompt: "How is it in Köln?",
      tools: { weather },
      stopWhen: stepCountIs(3),
    };
    const { text, steps } = how === "generated" ? await generateText(call) : streamText(call);
    expect(await text).toBe("It is sunny in Köln.");
    const [first] = await steps;
    expect(first).toMatchObject({ text: "Let me see.", reasoningText: "I ask.", finishReason: "tool-calls" });
    expect(first!.toolCalls).toMatchObject([{ toolName: "weather", input: { city: "Köln" } }]);
    const { prompt, options } = model.asked[1]!;
    expect(options.tools).toMatchObject([
      { type: "function", function: { name: "weather", description: "Tells the weather." } },
    ]);
    const id = first!.toolCalls[0]!.toolCallId;
    expect((prompt as readonly object[]).slice(1)).toEqual([
      {
        role: "assistant",
        content: "Let me see.",
        reasoning_content: "I ask.",
        tool_calls: [{ id, type: "function", function: { name: "weather", arguments: { city: "Köln" } } }],
      },
      { role: "tool", tool_call_id: id, name: "weather", content: "sunny in Köln" },
    ]);
  });

  it.each(["required", { type: "tool", toolName: "weather" } as const] as const)(
    "holds a model to calling a tool: %j",
    async (toolChoice) => {
      const model = new ScriptedModel((asked) => callsTool(asked).slice(2), { template });
      const { toolCalls, finishReason } = await generateText({
        model: createWeft({ models: { m: model } })("m"),
        prompt: "How is it in Köln?",
        tools: { weather, other: tool({ inputSchema: weather.inputSchema, strict: false }) },
        toolChoice,
      });
      expect(toolCalls).toMatchObject([{ toolName: "weather", input: { city: "Köln" } }]);
      expect(finishReason).toBe("tool-calls");
      const { responseFormat } = model.asked[0]!.options;
      const isAny = toolChoice === "required";
      expect(responseFormat).toMatchObject({
        type: "grammar",
        schemas: {
          arguments0: { type: "object", properties: { city: { type: "string" } } },
          ...(isAny ? { arguments1: { type: "object" } } : {}),
        },
      });
      expect(JSON.stringify(responseFormat).includes("arguments1")).toBe(isAny);
    },
  );

  it("holds the arguments of strict tools to their schema", async () => {
    const model = new ScriptedModel(() => ["Sunny."], { template });
    await generateText({
      model: createWeft({ models: { m: model } })("m"),
      prompt: "How is it?",
      tools: { weather: tool({ inputSchema: weather.inputSchema, strict: true }) },
    });
    expect(model.asked[0]!.options.responseFormat).toMatchObject({
      type: "grammar",
      schemas: { arguments0: {} },
    });
  });

  it("embeds any number of texts in one call", async () => {
    const model = new ScriptedModel(() => []);
    const values = Array.from({ length: 300 }, (_, index) => "x".repeat(1 + (index % 7)));
    const { embeddings, usage } = await embedMany({
      model: createWeft({ models: { e: model } }).embeddingModel("e"),
      values,
    });
    expect(model.embedded).toHaveLength(1);
    expect(embeddings.map(([length]) => length)).toEqual(values.map(({ length }) => length));
    expect(usage.tokens).toBe(values.join("").length);
  });

  it("ends a generation by aborting, whole and streamed", async () => {
    const model = new ScriptedModel(() => Array.from({ length: 500 }, () => "a"));
    const weft = createWeft({ models: { m: model } });
    const leaving = new AbortController();
    const whole = generateText({ model: weft("m"), prompt: "Hi", abortSignal: leaving.signal });
    const failure = expect(whole).rejects.toMatchObject({ name: "AbortError" });
    await turn();
    leaving.abort();
    await failure;
    const again = new AbortController();
    const { fullStream } = streamText({ model: weft("m"), prompt: "Hi", abortSignal: again.signal });
    const types: string[] = [];
    for await (const { type } of fullStream) {
      types.push(type);
      if (type === "text-delta") again.abort();
    }
    expect(types.at(-1)).toBe("abort");
    for (let waited = 0; model.running > 0 && waited < 1000; waited++) await turn();
    expect(model.ended).toEqual(["abort", "abort"]);
    expect(model.written).toBeLessThan(50);
  });

  it("ends a generation by cancelling its stream", async () => {
    const model = new ScriptedModel(() => Array.from({ length: 500 }, () => "a"));
    const { stream } = await createWeft({ models: { m: model } })("m").doStream({ prompt: [] });
    await stream.cancel();
    for (let waited = 0; model.running > 0 && waited < 1000; waited++) await turn();
    expect(model.ended).toEqual(["abort"]);
  });
});

/** What is warned of. */
const ask = async (call: Partial<CallOptions>, ownTemplate = template): Promise<unknown> => {
  const model = new ScriptedModel(() => ["a"], { template: ownTemplate });
  const { warnings } = await createWeft({ models: { m: model } })("m").doGenerate({
    prompt: [{ role: "user", content: [{ type: "text", text: "Hi" }] as never }],
    ...call,
  });
  return warnings.map((own) => ("feature" in own ? own.feature : own.message));
};

describe("the provider", () => {
  const functionTool = { type: "function", name: "f", inputSchema: { type: "object" } };

  it("warns of what weft can't do", async () => {
    expect(await ask({})).toEqual([]);
    expect(await ask({ responseFormat: { type: "json" } })).toEqual([]);
    expect(await ask({ responseFormat: { type: "json" }, tools: [functionTool] })).toEqual([
      "tools beside responseFormat",
    ]);
    expect(await ask({ responseFormat: { type: "text" }, reasoning: "provider-default" })).toEqual([]);
    expect(await ask({ reasoning: "high" })).toEqual(["reasoning"]);
    expect(await ask({ tools: [functionTool], toolChoice: { type: "required" } })).toEqual([]);
    expect(
      await ask({
        responseFormat: { type: "json" },
        tools: [functionTool],
        toolChoice: { type: "required" },
      }),
    ).toEqual([]);
    expect(await ask({ toolChoice: { type: "required" } })).toEqual(["toolChoice required"]);
    expect(await ask({ tools: [{ type: "provider", name: "web.search" }] })).toEqual(["tool web.search"]);
    expect(await ask({ providerOptions: { weft: { temprature: 1 }, other: { x: 1 } } })).toEqual([
      "providerOptions.weft.temprature",
    ]);
  });

  it("refuses what would be left out unseen", async () => {
    const file = { type: "file", mediaType: "image/png", data: "" } as never;
    await expect(ask({ prompt: [{ role: "user", content: [file] }] })).rejects.toThrow(
      'prompt[0].content[0]: expected text, which is all that weft\'s models read, received "file".',
    );
    await expect(ask({ tools: [functionTool] }, "{{ messages }}")).rejects.toThrow(/toolFormat/);
    await expect(ask({ tools: [functionTool], toolChoice: { type: "tool", toolName: "g" } })).rejects.toThrow(
      'toolChoice: expected the name of a tool that is given, received "g".',
    );
  });

  it("knows its models, and no others", () => {
    const weft = createWeft({ models: { m: new ScriptedModel(() => []) } });
    expect(weft.languageModel("m")).toMatchObject({
      specificationVersion: "v3",
      provider: "weft",
      modelId: "m",
    });
    expect(() => weft("x")).toThrow("modelId: expected one of m");
    expect(() => weft.embeddingModel("x")).toThrow("modelId: expected one of m");
    expect(() => weft.imageModel("m")).toThrow(/makes images/);
    expect(() => createWeft({ models: {} })).toThrow(/models: expected a Model/);
  });

  it("has the types of both versions of the specification", () => {
    const models = { m: new ScriptedModel(() => []) };
    const v3: ProviderV3 = createWeft({ models });
    const language: LanguageModelV3 = createWeft({ models })("m");
    const embedding: EmbeddingModelV3 = createWeft({ models }).embeddingModel("m");
    const weft4 = createWeft({ models, specification: "v4" });
    const language4: LanguageModelV4 = weft4("m");
    const embedding4: EmbeddingModelV4 = weft4.embeddingModel("m");
    expect([v3, language, embedding].map((own) => own.specificationVersion)).toEqual(["v3", "v3", "v3"]);
    expect([weft4, language4, embedding4].map((own) => own.specificationVersion)).toEqual(["v4", "v4", "v4"]);
  });
});
