// The Vercel AI SDK's specification of models, by what weft takes of it and gives: versions 3 and 4 agree in it. Types only, and
// weft's own, so that no package is needed for them. A test holds them to @ai-sdk/provider's.

/** The versions of the specification that models can say they have. */
export type Specification = "v3" | "v4";

/** A part of a message: "text", "reasoning", "tool-call", "tool-result" and others. */
export interface PromptPart {
  readonly type: string;
}

export interface PromptMessage {
  readonly role: string;
  readonly content: string | readonly PromptPart[];
}

/** What is asked of a language model. */
export interface CallOptions {
  readonly prompt: readonly PromptMessage[];
  readonly maxOutputTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly stopSequences?: readonly string[] | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly seed?: number | undefined;
  readonly responseFormat?: { readonly type: string; readonly schema?: unknown } | undefined;
  readonly tools?: readonly { readonly type: string; readonly name: string }[] | undefined;
  readonly toolChoice?: { readonly type: string; readonly toolName?: string } | undefined;
  readonly abortSignal?: AbortSignal | undefined;
  /** Of version 4. */
  readonly reasoning?: string | undefined;
  readonly providerOptions?: Readonly<Record<string, unknown>> | undefined;
}

export type Warning =
  { type: "unsupported"; feature: string; details?: string } | { type: "other"; message: string };

export interface FinishReason {
  unified: "stop" | "length" | "tool-calls";
  raw: string | undefined;
}

export interface Usage {
  inputTokens: {
    total: number | undefined;
    noCache: number | undefined;
    cacheRead: number | undefined;
    cacheWrite: number | undefined;
  };
  outputTokens: { total: number | undefined; text: number | undefined; reasoning: number | undefined };
}

export interface ToolCall {
  type: "tool-call";
  toolCallId: string;
  toolName: string;
  /** JSON. */
  input: string;
}

export type Content = { type: "text"; text: string } | { type: "reasoning"; text: string } | ToolCall;

export interface ResponseMetadata {
  timestamp: Date;
  modelId: string;
}

export interface GenerateResult {
  content: Content[];
  finishReason: FinishReason;
  usage: Usage;
  warnings: Warning[];
  response: ResponseMetadata;
}

export type StreamPart =
  | { type: "stream-start"; warnings: Warning[] }
  | ({ type: "response-metadata" } & ResponseMetadata)
  | { type: "text-start" | "text-end" | "reasoning-start" | "reasoning-end"; id: string }
  | { type: "text-delta" | "reasoning-delta"; id: string; delta: string }
  | { type: "tool-input-start"; id: string; toolName: string }
  | { type: "tool-input-delta"; id: string; delta: string }
  | { type: "tool-input-end"; id: string }
  | ToolCall
  | { type: "finish"; finishReason: FinishReason; usage: Usage };

/** A language model as the AI SDK calls it. */
export interface WeftLanguageModel<Version extends Specification = Specification> {
  readonly specificationVersion: Version;
  readonly provider: string;
  readonly modelId: string;
  /** None: weft's models read no files. */
  readonly supportedUrls: Record<string, RegExp[]>;
  doGenerate(options: CallOptions): Promise<GenerateResult>;
  doStream(options: CallOptions): Promise<{ stream: ReadableStream<StreamPart> }>;
}

/** An embedding model as the AI SDK calls it. */
export interface WeftEmbeddingModel<Version extends Specification = Specification> {
  readonly specificationVersion: Version;
  readonly provider: string;
  readonly modelId: string;
  /** Undefined: any number. */
  readonly maxEmbeddingsPerCall: number | undefined;
  readonly supportsParallelCalls: boolean;
  doEmbed(options: {
    readonly values: readonly string[];
    /** Of version 4. */
    readonly dimensions?: number | undefined;
    readonly abortSignal?: AbortSignal | undefined;
    readonly providerOptions?: Readonly<Record<string, unknown>> | undefined;
  }): Promise<{ embeddings: number[][]; usage: { tokens: number }; warnings: Warning[] }>;
}
