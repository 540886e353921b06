// Conversations as text, by templates as tokenizer_config.json has them.
import { describe, expect, it } from "vitest";
import { ArgumentError, FormatError } from "../../../src/errors.js";
import { renderChat, type ChatMessage } from "../../../src/text/chat-template.js";
import { rejection } from "../../helpers/rejection.js";

const messages: readonly ChatMessage[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Who are you?" },
  { role: "assistant", content: "A model." },
  { role: "user", content: "Really?" },
];

const template =
  "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n" +
  "{{ message['content'] | trim }}{{ eos_token }}\n{% endfor %}" +
  "{% if add_generation_prompt %}<|assistant|>\n{% endif %}";

const rendered =
  "<s><|system|>\nBe brief.</s>\n<|user|>\nWho are you?</s>\n<|assistant|>\nA model.</s>\n" +
  "<|user|>\nReally?</s>\n<|assistant|>\n";

describe("renderChat", () => {
  it.each([
    ["texts", { bos_token: "<s>", eos_token: "</s>" }],
    ["objects", { bos_token: { content: "<s>", lstrip: false }, eos_token: { content: "</s>" } }],
  ])("renders roles, contents and the tokens that are named by %s", async (_, tokens) => {
    expect(await renderChat(messages, { tokenizerConfig: { chat_template: template, ...tokens } })).toBe(
      rendered,
    );
  });

  it("takes the default of several templates", async () => {
    const templates = [
      { name: "tool_use", template: "no" },
      { name: "default", template: "{{ messages | length }} messages" },
    ];
    expect(await renderChat(messages, { tokenizerConfig: { chat_template: templates } })).toBe("4 messages");
  });

  it("takes chat_template.jinja before all others, and with tools the template for them", async () => {
    const files = { tokenizerConfig: { chat_template: "config" }, chatTemplate: "{{ messages | length }}" };
    expect(await renderChat(messages, files)).toBe("4");
    const templates = [
      { name: "tool_use", template: "{{ tools[0].name }}" },
      { name: "default", template: "{{ tools is none }}" },
    ];
    const tokenizerConfig = { chat_template: templates };
    expect(await renderChat(messages, { tokenizerConfig }, { tools: [{ name: "add" }] })).toBe("add");
    expect(await renderChat(messages, { tokenizerConfig })).toBe("true");
  });

  it("hands variables to the template, and what messages have beside role and content", async () => {
    const chatTemplate =
      "{{ enable_thinking }} {{ add_generation_prompt }} {{ unk_token }} {{ messages[0].tool_calls[0].name }}";
    const call: ChatMessage = { role: "assistant", content: null, tool_calls: [{ name: "add" }] };
    const files = { tokenizerConfig: { unk_token: { content: "<unk>" } }, chatTemplate };
    const templateVariables = { enable_thinking: false, add_generation_prompt: false };
    expect(await renderChat([call], files, { templateVariables })).toBe("false false <unk> add");
  });

  it.each([
    [{ tools: "add" as never }, /^tools: expected an array of objects/],
    [{ tools: [3 as never] }, /^tools: expected an array of objects/],
    [{ templateVariables: [] as never }, /^templateVariables: expected an object/],
  ])("refuses %j", async (options, words) => {
    const error = await rejection(renderChat(messages, { tokenizerConfig: {}, chatTemplate: "" }, options));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(words);
  });

  it.each([
    [undefined],
    [{}],
    [{ chat_template: null }],
    [{ chat_template: [{ name: "rag", template: "" }] }],
  ])("says that %j has no template", async (config) => {
    const error = await rejection(renderChat(messages, { tokenizerConfig: config }));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(/^messages: expected a text or token ids, .*neither chat_template/);
  });

  it.each([[{ role: "user" }], [{ content: "x" }], [{ role: 1, content: "x" }], [null], ["x"]])(
    "refuses %j as a message",
    async (message) => {
      const given = [messages[0]!, message as ChatMessage];
      const error = await rejection(renderChat(given, { tokenizerConfig: { chat_template: template } }));
      expect(error).toBeInstanceOf(ArgumentError);
      expect(error.message).toMatch(/^messages\[1\]: expected an object with the texts role and content/);
    },
  );

  it.each([
    ["a long loop", "{% for i in range(10000000000) %}{% endfor %}x", /range\(\) for more than/],
    [
      "loops within loops",
      "{% for i in range(90000) %}{% for j in range(2) %}{% endfor %}{% endfor %}",
      /range\(\) for more than/,
    ],
    [
      "a text that doubles",
      `{% set s = 'abcdefgh' %}${"{% set s = s ~ s %}".repeat(40)}{{ s.split('a') }}`,
      /more than \d+ characters/,
    ],
    [
      "calls that double",
      "{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
      /more than \d+ steps/,
    ],
  ])("ends %s within bounds", async (_, endless, message) => {
    await expect(render(endless)).rejects.toThrow(message);
    // What comes after it has bounds of its own.
    await expect(render("{% for i in range(3, 90000) %}x{% endfor %}")).resolves.toHaveLength(89_997);
  });

  it.each([
    [
      "what the template itself refuses",
      "{{ raise_exception('Roles must alternate') }}",
      "Roles must alternate",
    ],
    ["a template that is none", "{% for %}", ""],
  ])("passes on %s", async (_, broken, words) => {
    const error = await rejection(renderChat(messages, { tokenizerConfig: { chat_template: broken } }));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(/^tokenizer_config\.json: chat_template: /);
    expect(error.message).toContain(words);
    expect(error.cause).toBeInstanceOf(Error);
  });
});

const render = (chat_template: string): Promise<string> =>
  renderChat([{ role: "user", content: "hi" }], { tokenizerConfig: { chat_template } });
