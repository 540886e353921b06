// `weft serve` as clients meet it: over HTTP, by OpenAI's client and by fetch, until it is asked to end.
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { NotFoundError } from "openai";
import { afterEach, describe, expect, it } from "vitest";
import { parseEvents } from "../helpers/api-calls.js";
import { clientOf, endServers, post, start, until } from "./start-server.js";

afterEach(endServers);

/** Stories go on: the end token is banned. */
const long = { prompt: "Once upon a time", max_tokens: 200, seed: 1, logit_bias: { "0": -100 } };

describe("weft serve", () => {
  it("answers OpenAI's client and fetch, logs without texts, and ends when it is asked to", async () => {
    const { child, url, events, ended } = await start([
      "stories=src/demo/models/tinystories-gpt2",
      "test/fixtures/gguf/models/gpt2-Q4_K_M.gguf",
    ]);
    const client = clientOf(url);
    const names: string[] = [];
    for await (const { id } of client.models.list()) names.push(id);
    expect(names).toEqual(["stories", "gpt2-Q4_K_M"]);
    const body = { model: "stories", prompt: "Once upon a time", seed: 7, max_tokens: 30 };
    const whole = await client.completions.create(body);
    expect(whole.usage!.completion_tokens).toBe(30);
    let text = "";
    const stream = await client.completions.create({ ...body, stream: true });
    for await (const { choices } of stream) text += choices[0]!.text;
    expect(text).toBe(whole.choices[0]!.text);
    await expect(client.completions.create({ ...body, model: "other" })).rejects.toBeInstanceOf(
      NotFoundError,
    );
    const health = await fetch(`${url}/health`);
    expect([health.status, await health.json()]).toEqual([200, { status: "ok" }]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('weft:generation_tokens_total{model_name="stories"} 60\n');
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect(
      (await fetch(`${url}/health`, { headers: { origin: "https://a.test" } })).headers.get(
        "access-control-allow-origin",
      ),
    ).toBeNull();
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(JSON.stringify(events)).not.toContain("Once upon");
    const requests = events.filter(({ event }) => event === "request");
    expect(requests.filter(({ path }) => path === "/v1/completions")).toMatchObject([
      { status: 200, model: "stories", completionTokens: 30 },
      { status: 200, model: "stories", completionTokens: 30 },
      { status: 404 },
    ]);
    expect(events.at(-1)).toMatchObject({ event: "ended", isComplete: true });
  });

  it("loses nothing of a stream when it is asked to end in its middle, and takes no new requests", async () => {
    const { child, url, events, ended } = await start([]);
    const alone = await (await post(url, long)).json();
    const expected = alone.choices[0].text as string;
    const response = await post(url, { ...long, stream: true });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let received = (await reader.read()).value!;
    child.kill("SIGTERM");
    await until(() => events.some(({ event }) => event === "ending"));
    // The port is closed to others, or a connection from before is told so.
    const refused = await post(url, long).then(
      ({ status }) => status,
      () => "no connection",
    );
    expect([503, "no connection"]).toContain(refused);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      received += value;
    }
    const chunks = parseEvents(received);
    expect(chunks.at(-1)!.data).toBe("[DONE]");
    const choices = chunks.slice(0, -1).map(({ data }) => data.choices[0]);
    expect(choices.map(({ text }) => text as string).join("")).toBe(expected);
    expect(choices.at(-1).finish_reason).toBe("length");
    expect(await ended).toBe(0);
    expect(events.at(-1)).toMatchObject({ event: "ended", isComplete: true });
  });

  it("breaks off what takes longer than it may, when it is asked to end", async () => {
    const { child, url, events, ended } = await start(["--drain", "0"]);
    const response = await post(url, { ...long, n: 8, stream: true });
    child.kill("SIGINT");
    await expect(response.text()).rejects.toThrow();
    expect(await ended).toBe(0);
    expect(events).toContainEqual(expect.objectContaining({ event: "ended", isComplete: false }));
  });

  it("ends the answer of a client that has gone", async () => {
    const { url, events } = await start([]);
    const running = async (): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/weft:num_requests_running\{[^}]*\} (\d+)/.exec(text)![1]);
    };
    const leaving = new AbortController();
    const whole = post(url, { ...long, n: 4 }, { signal: leaving.signal });
    whole.catch(() => undefined); // it is aborted below, as it should be
    const stream = await post(url, { ...long, n: 4, stream: true }, { signal: leaving.signal });
    expect(stream.status).toBe(200);
    await until(async () => (await running()) === 8);
    leaving.abort();
    await until(async () => (await running()) === 0);
    await until(() => events.filter(({ status }) => status === 499).length === 2);
  });

  it("serves 64 clients at once, of whom a third leave: the others get what they would get alone", async () => {
    const { child, url, events, ended } = await start(["--concurrent", "32"]);
    const body = { prompt: "The little dog", max_tokens: 24, logit_bias: { "0": -100 } };
    const alone = await Promise.all(
      [0, 1, 2, 3].map(async (seed) => (await (await post(url, { ...body, seed })).json()).choices[0].text),
    );
    const client = clientOf(url);
    const outcomes = await Promise.all(
      Array.from({ length: 64 }, async (_, index) => {
        const seed = index % 4;
        const stream = await client.completions.create({
          model: "tinystories-gpt2",
          ...body,
          seed,
          stream: true,
        });
        let text = "";
        for await (const { choices } of stream) {
          text += choices[0]!.text;
          if (index % 3 === 0 && text.length > index % 20) return "left";
        }
        return text === alone[seed] ? "same" : text;
      }),
    );
    expect(outcomes.filter((own) => own === "left")).toHaveLength(22);
    expect(outcomes.filter((own) => own !== "left" && own !== "same")).toEqual([]);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    const statuses = events.filter(({ event }) => event === "request").map(({ status }) => status as number);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(4 + 42);
    expect(statuses.filter((status) => status !== 200 && status !== 499)).toEqual([]);
    expect(statuses).toHaveLength(4 + 64);
  });

  it("asks for a key, from the environment too, and keeps to its limits", async () => {
    const { url } = await start(
      ["--concurrent", "1", "--queue", "0", "--max-body", "500", "--cors", "https://a.test"],
      {
        WEFT_API_KEY: "own-key",
      },
    );
    expect((await post(url, long)).status).toBe(401);
    const client = clientOf(url, "own-key");
    const body = { model: "tinystories-gpt2", ...long };
    const first = client.completions.create(body);
    await until(async () => /running\{[^}]*\} 1/.test(await (await fetch(`${url}/metrics`)).text()));
    const second = await post(url, long, {
      headers: { authorization: "Bearer own-key", origin: "https://a.test" },
    });
    expect(second.status).toBe(429);
    expect(second.headers.get("retry-after")).toBe("1");
    expect(second.headers.get("access-control-allow-origin")).toBe("https://a.test");
    expect((await first).choices).toHaveLength(1);
    await expect(client.completions.create({ ...body, prompt: "x".repeat(600) })).rejects.toMatchObject({
      status: 413,
    });
  });

  it("says in one line why it can't begin", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    try {
      await expect(start(["--port", String(port)])).rejects.toThrow(
        `ended with 1: weft: --port: another program listens at 127.0.0.1:${port}; pass another, or 0 for any\n`,
      );
      await expect(start(["nowhere"])).rejects.toThrow(/ended with 2: weft: MODEL: there is no folder .*\n$/);
    } finally {
      taken.close();
    }
  });
});
