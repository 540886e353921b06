// Runs in Node 22 or later: the newest clients over a model of weft, from the built module. Prints what they get, and what the model
// itself gives, as JSON. `node node.js CLIENTS`
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [clients] = process.argv.slice(2);
const { resolve } = createRequire(join(clients, "index.js"));
const bring = (name) => import(pathToFileURL(resolve(name)));
const root = new URL("../../../", import.meta.url);
const own = (name) => import(new URL(`dist/${name}.js`, root));

const [ai, { default: OpenAI }, { Model }, { createWeft }, { createHandler, toFetch }] = await Promise.all([
  bring("ai"),
  bring("openai"),
  own("index"),
  own("ai-sdk"),
  own("openai"),
]);

const plain = await Model.load(decodeURI(new URL("src/demo/models/tinystories-gpt2", root).pathname));
const chatTemplate = "{% for message in messages %}{{ message.content }}{% endfor %}";
const model = await Model.load({ ...(await plain.save()), chatTemplate });
plain.dispose();
const prompt = "Once upon a time there was a";
const found = {};
found.expected = (await model.chat([{ role: "user", content: prompt }], { seed: 5, maxTokens: 30 })).text;

const weft = createWeft({ models: { stories: model }, specification: "v4" });
const call = { model: weft("stories"), prompt, seed: 5, maxOutputTokens: 30 };
const whole = await ai.generateText(call);
found.whole = whole.text;
found.warnings = whole.warnings ?? [];
found.streamed = "";
for await (const piece of ai.streamText(call).textStream) found.streamed += piece;
const schema = ai.jsonSchema({
  type: "object",
  properties: { animal: { enum: ["cat", "dog"] } },
  required: ["animal"],
  additionalProperties: false,
});
found.object = (
  await ai.generateText({ ...call, maxOutputTokens: 80, output: ai.Output.object({ schema }) })
).output;

const client = new OpenAI({
  baseURL: "http://weft/v1",
  apiKey: "none",
  maxRetries: 0,
  fetch: toFetch(createHandler({ stories: model })),
});
const messages = [{ role: "user", content: prompt }];
const stream = await client.chat.completions.create({
  model: "stories",
  messages,
  seed: 5,
  max_completion_tokens: 30,
  stream: true,
});
found.chat = "";
for await (const { choices } of stream) found.chat += choices[0].delta.content ?? "";
const greedy = { temperature: 0, maxTokens: 20 };
found.greedy = (await model.chat(messages, greedy)).text;
found.response = (
  await client.responses.create({ model: "stories", input: prompt, temperature: 0, max_output_tokens: 20 })
).output_text;
found.refused = await client.chat.completions.create({ model: "other", messages }).then(
  () => "answered",
  ({ status, code }) => [status, code],
);
found.running = model.stats().running;
model.dispose();
found.buffers = model.memory().map(({ buffers }) => buffers);
console.log(JSON.stringify(found));
process.exit(0);
