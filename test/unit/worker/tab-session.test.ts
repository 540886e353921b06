// A page's way to the worker of another tab, against hosts that say what a test tells them, also when they should be gone.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DeviceError } from "../../../src/errors.js";
import { recordError } from "../../../src/worker/error-record.js";
import type { Reply } from "../../../src/worker/messages.js";
import type { HallMessage, ToHost, ToSession } from "../../../src/worker/tabs/tab-messages.js";
import { TabSession } from "../../../src/worker/tabs/tab-session.js";
import { FakeLocks } from "../../helpers/fake-locks.js";

vi.setConfig({ testTimeout: 5000 });

/** A host in another tab. It answers nothing by itself but who looks for it, and that only if it is told to. */
class ScriptedHost {
  readonly heard: ToHost["request"][] = [];
  readonly id: string;
  readonly #letGo: () => void;
  readonly #hall = new BroadcastChannel("weft tabs stories");
  #line: BroadcastChannel | undefined;
  /** How often the session has asked who is there. */
  asked = 0;

  constructor(id: string, locks: FakeLocks) {
    this.id = id;
    this.#letGo = locks.hold(id);
    opened.push(() => this.close());
    this.#hall.addEventListener("message", (event) => {
      const data = (event as MessageEvent<HallMessage>).data;
      if (!("session" in data)) return;
      this.asked++;
      if (this.#line) return;
      this.#line = new BroadcastChannel(data.session);
      this.#line.addEventListener("message", (heard) => {
        const message = (heard as MessageEvent<ToHost>).data;
        if (message.host === id) this.heard.push(message.request);
      });
    });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel, no window
    this.#hall.postMessage({ host: id } satisfies HallMessage);
  }

  say(replies: readonly Reply[] = [], isTrained = false): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel, no window
    this.#line!.postMessage({ host: this.id, isTrained, replies } satisfies ToSession);
  }

  /** Its tab is closed; what it says after that comes late. */
  die(): void {
    this.#letGo();
  }

  close(): void {
    this.#hall.close();
    this.#line?.close();
  }
}

const opened: (() => void)[] = [];
let locks: FakeLocks;
/** What came to the page, and what was said to be wrong. */
const replies: Reply[] = [];
const failures: string[] = [];

beforeEach(() => {
  locks = FakeLocks.install();
  vi.stubGlobal(
    "ErrorEvent",
    class extends Event {
      readonly message: string;
      constructor(type: string, { message }: { message: string }) {
        super(type);
        this.message = message;
      }
    },
  );
  replies.length = 0;
  failures.length = 0;
});
afterEach(() => {
  for (const close of opened.splice(0)) close();
  vi.unstubAllGlobals();
});

const noWorker = (): never => {
  throw new Error("this tab was not to have it");
};

/** A session in a tab that is not the next in the queue, whose model is to be loaded. */
function begin(): TabSession {
  locks.hold("weft tabs stories");
  const [heard, scripts] = [new EventTarget(), new EventTarget()];
  heard.addEventListener("message", (event) => replies.push(...(event as MessageEvent<Reply[]>).data));
  scripts.addEventListener("error", (event) => failures.push((event as ErrorEvent).message));
  const session = new TabSession("stories", noWorker, heard, scripts);
  opened.push(() => session.end());
  session.post({ call: 1, method: "load", args: ["a", {}, { ownLock: "page" }], isAborted: false });
  return session;
}

async function isAsked(host: ScriptedHost, more = 0): Promise<void> {
  await vi.waitFor(() => expect(host.asked).toBeGreaterThan(more));
}
const hears = (host: ScriptedHost, ...requests: object[]): Promise<void> =>
  vi.waitFor(() => expect(host.heard).toMatchObject(requests));
const load = { call: 1, method: "load" };
const loaded = { call: 1, value: { info: { queues: 1 }, kept: {} } };
/** So that what is not to come would have come. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

describe("a session with the worker of another tab", () => {
  it("hears the host that it follows and no other, whoever speaks on its line", async () => {
    const session = begin();
    const [first, second] = [new ScriptedHost("first", locks), new ScriptedHost("second", locks)];
    await Promise.all([isAsked(first), isAsked(second)]);
    first.say([loaded]); // of one that it does not follow yet
    first.say();
    await hears(first, load);
    second.say();
    second.say([{ call: 1, value: "wrong" }]);
    first.say([loaded]);
    await vi.waitFor(() => expect(replies).toEqual([loaded]));
    session.post({ call: 2, method: "encode", args: ["b"], isAborted: false });
    await hears(first, load, { call: 2 });
    second.say([{ call: 2, value: "wrong" }]);
    await settle();
    expect(replies).toEqual([loaded]);
    // Once it is gone, the other is asked again, and the first is heard no more.
    const { asked } = second;
    first.die();
    await isAsked(second, asked);
    second.say();
    await hears(second, load);
    session.post({ call: 3, method: "encode", args: ["c"], isAborted: false });
    first.say([{ call: 3, value: "late" }]);
    first.say();
    second.say([loaded]);
    await hears(second, load, { call: 3 });
    second.say([{ call: 3, value: [3] }]);
    await vi.waitFor(() => expect(replies).toContainEqual({ call: 3, value: [3] }));
    expect(replies.slice(1)).toMatchObject([
      { call: 2, error: { name: "WorkerError", fields: { reason: "moved" } } },
      { call: 3 },
    ]);
    expect(failures).toEqual([]);
  });

  it("goes on from one that was gone before it was heard", async () => {
    begin();
    const [first, second] = [new ScriptedHost("first", locks), new ScriptedHost("second", locks)];
    await Promise.all([isAsked(first), isAsked(second)]);
    const { asked } = second;
    first.die();
    first.say();
    await isAsked(second, asked);
    second.say();
    await hears(second, load);
  });

  it("sends what was called meanwhile once the next has loaded, with what was aborted meanwhile, and watches again", async () => {
    const session = begin();
    const first = new ScriptedHost("first", locks);
    await isAsked(first);
    first.say();
    first.say([loaded]);
    await vi.waitFor(() => expect(replies).toHaveLength(1));
    for (const [call, method] of [
      [2, "watchRecovery"],
      [3, "watchSteps"],
      [4, "score"],
    ] as const)
      session.post({ call, method, args: [], isAborted: false });
    await hears(first, load, { call: 2 }, { call: 3 }, { call: 4 });
    first.say([{ call: 3, event: "step" }]);
    await vi.waitFor(() => expect(replies).toHaveLength(2));
    first.die();
    await vi.waitFor(() => expect(replies).toHaveLength(3));
    expect(replies[2]).toMatchObject({ call: 4, error: { fields: { reason: "moved" } } });
    for (const call of [5, 6]) session.post({ call, method: "generate", args: [], isAborted: false });
    session.post({ abort: 5 });
    const second = new ScriptedHost("second", locks);
    await isAsked(second);
    second.say();
    await hears(second, load);
    second.say([loaded]);
    await hears(
      second,
      load,
      { call: 2, method: "watchRecovery" },
      { call: 3, method: "watchSteps" },
      { call: 5, isAborted: true },
      { call: 6, isAborted: false },
    );
    // What the model is like now.
    expect(replies.slice(3)).toEqual([{ call: 2, event: { info: { queues: 1 } } }]);
  });

  it("fails when the next one can't load the model, or can't have what it was trained to", async () => {
    const lost = new DeviceError({ reason: "lost", problem: "Gone", remedy: "Load again." });
    for (const isTrained of [false, true]) {
      failures.length = replies.length = 0;
      begin();
      const first = new ScriptedHost(`first ${isTrained}`, locks);
      await isAsked(first);
      first.say();
      first.say([loaded], isTrained);
      await vi.waitFor(() => expect(replies).toHaveLength(1));
      first.die();
      if (!isTrained) {
        const second = new ScriptedHost("second", locks);
        await isAsked(second);
        second.say();
        second.say([{ call: 1, error: recordError(lost) }]);
      }
      await vi.waitFor(() => expect(failures).toHaveLength(1));
      expect(failures[0]).toMatch(isTrained ? /trained weights, which are gone/ : /can't be loaded: Gone/);
      for (const close of opened.splice(0)) close();
    }
  });

  it("has the worker when it is its turn, and lets it go if it ends before that serves", async () => {
    const terminated = vi.fn();
    const opening: unknown[] = [];
    const worker = Object.assign(new EventTarget(), {
      postMessage: (message: unknown) => void opening.push(message),
      terminate: terminated,
    });
    const session = new TabSession(
      "stories",
      () => worker as unknown as Worker,
      new EventTarget(),
      new EventTarget(),
    );
    const letGo = locks.hold("weft tabs stories");
    session.post({ call: 1, method: "load", args: ["a", {}, { ownLock: "page" }], isAborted: false });
    await settle();
    expect(opening).toEqual([]);
    letGo();
    await vi.waitFor(() => expect(opening).toMatchObject([{ hall: "weft tabs stories", lock: "page" }]));
    session.end();
    await vi.waitFor(() => expect(terminated).toHaveBeenCalledTimes(1));
    // It is the next one's.
    await locks.request("weft tabs stories", () => undefined);
  });
});
