// Who may ask, how much, and for how long: keys, sizes, places, time, and clients that leave.
import { describe, expect, it } from "vitest";
import { createHandler, type RequestRecord } from "../../../src/openai/index.js";
import { answerTo, get, parseEvents, post } from "../../helpers/api-calls.js";
import { ScriptedModel, turn } from "../../helpers/scripted-model.js";

const path = "/v1/completions";
const slow = (pieces = 1000): ScriptedModel =>
  new ScriptedModel(() => Array.from({ length: pieces }, () => "a"));
const body = { prompt: "x", max_tokens: 2000 };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

const withKey = (authorization: string): RequestInit => ({ headers: { authorization } });

describe("keys", () => {
  const handler = createHandler(slow(1), { apiKeys: ["key-one", "schlüssel"] });

  it.each(["Bearer key-one", "bearer  key-one"])("let in who has one: %s", async (authorization) => {
    expect((await answerTo(handler, post(path, body, withKey(authorization)))).status).toBe(200);
  });

  it.each(["", "Bearer ", "Bearer key-on", "Bearer key-onee", "Bearer key-two", "Basic key-one", "key-one"])(
    "keep out who has none: %j",
    async (authorization) => {
      for (const request of [
        post(path, body, withKey(authorization)),
        get("/v1/models", withKey(authorization)),
        get("/v1/nothing", withKey(authorization)),
      ]) {
        const { status, json, headers } = await answerTo(handler, request);
        expect(status).toBe(401);
        expect(json.error).toMatchObject({ type: "authentication_error", code: "invalid_api_key" });
        expect(headers.get("www-authenticate")).toBe("Bearer");
      }
    },
  );

  it("are not needed for what says whether the service is there", async () => {
    expect((await handler(get("/health"))).status).toBe(200);
    expect((await handler(get("/metrics"))).status).toBe(200);
  });

  it("must not be empty", () => {
    expect(() => createHandler(slow(), { apiKeys: [""] })).toThrow(
      /apiKeys: expected texts that are not empty/,
    );
  });
});

/** What a browser asks before a page may call. */
const preflight = (): Request =>
  new Request(`http://weft.test${path}`, {
    method: "OPTIONS",
    headers: { origin: "https://app.test", "access-control-request-headers": "authorization,x-own" },
  });

describe("pages of other origins", () => {
  const headers = { origin: "https://app.test" };

  it("may not call unless an option says so", async () => {
    const handler = createHandler(slow(1));
    expect((await handler(preflight())).status).toBe(405);
    const response = await handler(post(path, body, { headers }));
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("may call where they are named, also where the answer is a failure", async () => {
    const handler = createHandler(slow(1), { cors: "https://app.test", apiKeys: ["k"] });
    const asked = await handler(preflight());
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-headers")).toBe("authorization,x-own");
    const failed = await handler(post(path, body, { headers }));
    expect(failed.status).toBe(401);
    expect(failed.headers.get("access-control-allow-origin")).toBe("https://app.test");
    const other = await handler(post(path, body, { headers: { origin: "https://other.test" } }));
    expect(other.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("may all call with a star", async () => {
    const handler = createHandler(slow(1), { cors: "*" });
    expect((await handler(post(path, body, { headers }))).headers.get("access-control-allow-origin")).toBe(
      "*",
    );
  });
});

describe("places", () => {
  it("are given in order; who finds none waits, and who finds no place to wait is sent away", async () => {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const model = new ScriptedModel(() => ["a"], { beforePiece: () => opened });
    const handler = createHandler(model, { limits: { concurrent: 2, queue: 1 } });
    const first = handler(post(path, { prompt: "1", n: 2 }));
    const second = handler(post(path, { prompt: "2" }));
    await until(() => model.asked.length === 2);
    const third = await answerTo(handler, post(path, { prompt: "3" }));
    expect(third.status).toBe(429);
    expect(third.json.error).toMatchObject({ type: "rate_limit_error", code: "queue_full" });
    expect(Number(third.headers.get("retry-after"))).toBeGreaterThan(0);
    const metrics = await (await handler(get("/metrics"))).text();
    expect(metrics).toContain("weft:http_requests_waiting 1\n");
    expect(model.asked).toHaveLength(2);
    open();
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(200);
    expect(model.asked.map(({ prompt }) => prompt)).toEqual(["1", "1", "2"]);
  });

  it("are free again when a client that waits leaves", async () => {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const model = new ScriptedModel(() => ["a"], { beforePiece: () => opened });
    const handler = createHandler(model, { limits: { concurrent: 1, queue: 1 } });
    const first = handler(post(path, { prompt: "1" }));
    await until(() => model.asked.length === 1);
    const leaving = new AbortController();
    const second = handler(post(path, { prompt: "2" }, { signal: leaving.signal }));
    await turn();
    leaving.abort();
    expect((await second).status).toBe(499);
    const third = handler(post(path, { prompt: "3" }));
    open();
    expect([(await first).status, (await third).status]).toEqual([200, 200]);
    expect(model.asked.map(({ prompt }) => prompt)).toEqual(["1", "3"]);
  });

  it("are for more answers than there are places taken by one request alone", async () => {
    const handler = createHandler(slow(1), { limits: { concurrent: 2 } });
    const { json } = await answerTo(handler, post(path, { ...body, n: 5 }));
    expect(json.choices).toHaveLength(5);
  });
});

describe("a client that leaves", () => {
  it("ends its answer, whole", async () => {
    const model = slow();
    const leaving = new AbortController();
    const answer = createHandler(model)(post(path, { ...body, n: 3 }, { signal: leaving.signal }));
    await until(() => model.written > 6);
    leaving.abort();
    const response = await answer;
    expect(response.status).toBe(499);
    expect((await response.json()).error.code).toBe("request_cancelled");
    await until(() => model.running === 0);
    expect(model.ended).toEqual(["abort", "abort", "abort"]);
    expect(model.written).toBeLessThan(100);
  });

  it("ends its answer by cancelling the stream", async () => {
    const model = slow();
    const records: RequestRecord[] = [];
    const handler = createHandler(model, { onRequest: (record) => records.push(record) });
    const response = await handler(post(path, { ...body, stream: true }));
    const reader = response.body!.getReader();
    await reader.read();
    expect(records).toEqual([]);
    await reader.cancel();
    await until(() => model.running === 0);
    expect(model.ended).toEqual(["abort"]);
    expect(records).toMatchObject([{ path, status: 499, model: "weft" }]);
  });

  it("ends its stream by its signal: the stream breaks off, and has no end that looks like one", async () => {
    const model = slow();
    const leaving = new AbortController();
    const request = post(path, { ...body, stream: true }, { signal: leaving.signal });
    const response = await createHandler(model)(request);
    const reader = response.body!.getReader();
    await reader.read();
    leaving.abort();
    const drained = (async () => {
      for (;;) if ((await reader.read()).done) return;
    })();
    await expect(drained).rejects.toMatchObject({ name: "AbortError" });
    await until(() => model.running === 0);
    expect(model.ended).toEqual(["abort"]);
  });

  it("does not end others", async () => {
    const model = slow(40);
    const handler = createHandler(model);
    const leaving = new AbortController();
    const left = handler(post(path, body, { signal: leaving.signal }));
    const stays = answerTo(handler, post(path, body));
    await until(() => model.written > 5);
    leaving.abort();
    expect((await left).status).toBe(499);
    expect((await stays).json.choices[0].text).toBe("a".repeat(40));
  });

  it("before it has begun asks nothing of the model", async () => {
    const model = slow();
    const response = await createHandler(model)(post(path, body, { signal: AbortSignal.abort() }));
    expect(response.status).toBe(499);
    expect(model.asked).toEqual([]);
  });
});

/** Writes a token at once, and the next one late. */
const late = (): ScriptedModel =>
  new ScriptedModel(() => ["a", "b"], {
    beforePiece: (index) => (index === 0 ? turn() : new Promise((resolve) => setTimeout(resolve, 300))),
  });

describe("time", () => {
  it("ends a request that takes too long, and its generation", async () => {
    const model = late();
    const { status, json, headers } = await answerTo(
      createHandler(model, { timeoutMs: 30 }),
      post(path, body),
    );
    expect([status, json.error.code]).toEqual([503, "timeout"]);
    expect(headers.get("x-should-retry")).toBe("false");
    await until(() => model.running === 0);
    expect(model.ended).toEqual(["abort"]);
  });

  it("ends a stream with an event that says so, and without an end that looks like one", async () => {
    const response = await createHandler(late(), { timeoutMs: 30 })(post(path, { ...body, stream: true }));
    const events = parseEvents(await response.text());
    expect(events[0]!.data.choices[0].text).toBe("a");
    expect(events.at(-1)!.data.error).toMatchObject({ code: "timeout", type: "server_error" });
  });
});

describe("what is known of a request", () => {
  it("is told when it is over, without its texts", async () => {
    const records: RequestRecord[] = [];
    const handler = createHandler({ m: slow(3) }, { onRequest: (record) => records.push(record) });
    await answerTo(handler, post(path, { model: "m", prompt: "secret" }));
    await (await handler(post(path, { model: "m", prompt: "secret", stream: true }))).text();
    await handler(get("/v1/models?secret"));
    await handler(get("/secret"));
    await handler(post(path, { model: "m", prompt: "secret", top_p: 5 }));
    expect(JSON.stringify(records)).not.toContain("secret");
    const written = { method: "POST", path, status: 200, model: "m", promptTokens: 6, completionTokens: 3 };
    expect(records).toMatchObject([
      written,
      written,
      { method: "GET", path: "/v1/models", status: 200 },
      { method: "GET", path: "other", status: 404 },
      { method: "POST", path, status: 400 },
    ]);
    for (const { totalMs, firstTextMs, error } of records.slice(0, 2)) {
      expect(firstTextMs).toBeLessThanOrEqual(totalMs);
      expect(error).toBeUndefined();
    }
  });
});

describe("a listener that throws", () => {
  it("changes no answer, and is reported", async () => {
    const uncaught: unknown[] = [];
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => uncaught.push(error));
    try {
      const handler = createHandler(slow(1), {
        onRequest() {
          throw new Error("full disk");
        },
      });
      expect((await answerTo(handler, post(path, body))).status).toBe(200);
      await turn();
      expect(uncaught).toMatchObject([{ message: "full disk" }]);
    } finally {
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});

describe("options that cannot be used", () => {
  it.each<[object, RegExp]>([
    [{ limits: { concurrent: 0 } }, /limits\.concurrent/],
    [{ limits: { bytes: 5 } }, /bytes/],
    [{ timeout: 5 }, /Perhaps timeoutMs/],
    [{ toolFormat: "hermes" }, /toolFormat/],
  ])("%j", (options, message) => {
    expect(() => createHandler(slow(), options)).toThrow(message);
  });

  it("are those of models that are none", () => {
    expect(() => createHandler({})).toThrow(/models: expected a Model/);
    expect(() => createHandler({ a: {} as ScriptedModel })).toThrow(/models\["a"\]/);
    expect(() => createHandler(undefined as unknown as ScriptedModel)).toThrow(/models/);
  });
});
