// A chosen core of what weft promises, as a module for any implementation of WebGPU that can import it: a page, or Deno. It returns
// plain values, which the test holds against float64 and against each other.

const json = async (url) => (await fetch(url)).json();
const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
const bitsOf = (rows) => rows.map((row) => [...new Uint32Array(row.slice().buffer)].join()).join(";");

/** The doors for other programs, beside the module. */
const doorsAt = (origin) => import(`${origin}/openai.js`);

/** `origin` serves the built module at its root, and test/fixtures at /fixtures/. `families` are
 * those of test/fixtures/decoders that run, `weft` and `doors` the modules if they can't be imported from there. `report` is told
 * what runs. */
export async function runCore(origin, families, weft, doors, report = () => undefined) {
  const { Model } = weft ?? (await import(`${origin}/index.js`));
  const found = { families: {} };
  for (const name of families) {
    report(name);
    found.families[name] = await runFamily(Model, `${origin}/fixtures/decoders/${name}`);
  }
  report("embedding");
  found.embedding = await embed(Model, `${origin}/fixtures/encoders/bert-mean-dense-normalize/`);
  report("stories");
  const { createHandler } = doors ?? (await doorsAt(origin));
  found.stories = await write(Model, createHandler, `${origin}/tinystories-gpt2/`);
  return found;
}

async function runFamily(Model, folder) {
  const parts = {
    config: await json(`${folder}/config.json`),
    weights: await bytes(`${folder}/model.safetensors`),
  };
  const { sentences, greedy } = await json(`${folder}/expected.json`);
  const model = await Model.load(parts, { queues: 2, cachePageTokens: 4 });
  const all = { output: "all" };
  const { logits } = await model.forward(sentences, {
    ...all,
    queues: 1,
    sliceTokens: model.info.config.contextLength,
  });
  const whole = bitsOf(logits);
  /** Whatever must have the same bits, by name. */
  const same = {};
  for (const [fence, sliceTokens, queues] of [
    ["sentence", 3, 2],
    ["prefix", 3, 1],
    ["prefix", 16, 2],
  ]) {
    const again = await model.forward(sentences, { ...all, fence, sliceTokens, queues });
    same[`${fence} fence, k = ${sliceTokens}, ${queues} queues`] = bitsOf(again.logits) === whole;
  }
  const alone = await model.forward([sentences[2]], all);
  same["alone"] = bitsOf(alone.logits) === bitsOf([logits[2]]);
  const texts = await Promise.all(
    greedy.map(({ tokens }, index) =>
      model.generate(sentences[index], { temperature: 0, maxTokens: tokens.length, stopTokens: [] }),
    ),
  );
  const train = async (own, sliceTokens) => {
    const losses = [];
    const options = { steps: 3, batchTokens: 16, shares: 2, seed: 3, sliceTokens };
    for await (const { loss } of own.train(sentences.slice(1, 6), options)) losses.push(loss);
    return { losses, weights: (await own.save()).weights };
  };
  const first = await train(model, 5);
  model.dispose();
  const other = await Model.load(parts, { queues: 1 });
  const second = await train(other, 64);
  other.dispose();
  same["weights after training"] = first.weights.every((value, index) => value === second.weights[index]);
  return {
    adapter: model.info.adapter,
    logits: logits.map((row) => [...row]),
    texts: texts.map(({ tokens }) => [...tokens]),
    losses: first.losses,
    same,
    left: [...model.memory(), ...other.memory()].map(({ buffers }) => buffers),
  };
}

async function embed(Model, folder) {
  const model = await Model.load(folder, { queues: 1 });
  const { texts } = await json(`${folder}expected.json`);
  const { vectors } = await model.embed(texts);
  const [alone] = (await model.embed([texts[3]])).vectors;
  model.dispose();
  return { vectors: vectors.map((own) => [...own]), same: bitsOf([alone]) === bitsOf([vectors[3]]) };
}

async function write(Model, createHandler, folder) {
  const model = await Model.load(folder, { queues: 1 });
  const prompts = ["Once upon a time", "The little dog", "A girl named Lily"];
  const options = { temperature: 0, maxTokens: 24 };
  const pieces = [];
  for await (const piece of model.generate(prompts[0], options)) pieces.push(piece);
  const together = await Promise.all(model.generate([...prompts, ...prompts, ...prompts], options));
  const answered = await ask(createHandler(new Map([["stories", model]])), prompts[0], options);
  model.dispose();
  return { streamed: pieces.join(""), together: together.map(({ text }) => text), answered };
}

/** The same as OpenAI's API has it, streamed. */
async function ask(handler, prompt, { temperature, maxTokens: max_tokens }) {
  const response = await handler(
    new Request("http://127.0.0.1/v1/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "stories", prompt, temperature, max_tokens, stream: true }),
    }),
  );
  const events = (await response.text()).split("\n").filter((line) => line.startsWith("data: {"));
  return events.map((line) => JSON.parse(line.slice(6)).choices[0].text).join("");
}
