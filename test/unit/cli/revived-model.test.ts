// A model that is loaded again when its device is lost, on a model that loses it when it is told to.
import { describe, expect, it } from "vitest";
import { RevivedModel, type OwnedModel, type RevivalOptions } from "../../../src/cli/serve/revived-model.js";
import { ArgumentError, DeviceError } from "../../../src/errors.js";
import { rejection } from "../../helpers/rejection.js";
import { ScriptedModel, turn } from "../../helpers/scripted-model.js";

const lost = (): DeviceError =>
  new DeviceError({ reason: "lost", problem: "The device was lost", remedy: "Load the model again." });

interface Told {
  readonly loaded: ScriptedModel[];
  readonly disposed: number[];
  readonly events: string[];
  readonly waits: number[];
}

/** `losesAt`: for each model in turn, the piece before which its device is lost; none for those that follow. */
async function revived(
  losesAt: readonly number[],
  load?: (count: number) => void,
): Promise<Told & { readonly model: RevivedModel }> {
  const told: Told = { loaded: [], disposed: [], events: [], waits: [] };
  let tries = 0;
  const options: RevivalOptions = {
    async load(): Promise<OwnedModel> {
      load?.(tries++);
      const own = told.loaded.length;
      const model = new ScriptedModel(({ options: { seed } }) => ["a", "b ", String(seed), " c", "d"], {
        async beforePiece(index) {
          await turn();
          if (index === losesAt[own]) throw lost();
        },
      });
      told.loaded.push(model);
      return Object.assign(model, { [Symbol.asyncDispose]: async () => void told.disposed.push(own) });
    },
    onLost: () => told.events.push("lost"),
    onRevived: () => told.events.push("revived"),
    wait: async (ms) => void told.waits.push(ms),
  };
  return { ...told, model: await RevivedModel.load(options) };
}

async function piecesOf(generation: AsyncIterable<string>): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of generation) pieces.push(piece);
  return pieces;
}

describe("a model whose device is lost", () => {
  it("is loaded again, and goes on where it was: no text twice, and none is missing", async () => {
    const { model, loaded, disposed, events } = await revived([3]);
    const generations = [5, 6].map((seed) => model.generate("x", { seed }));
    const pieces = await Promise.all(generations.map(piecesOf));
    expect(pieces).toEqual([5, 6].map((seed) => ["a", "b ", String(seed), " c", "d"]));
    expect((await generations[0]!).text).toBe("ab 5 cd");
    expect(loaded).toHaveLength(2);
    expect(disposed).toEqual([0]);
    expect(events).toEqual(["lost", "revived"]);
    await model[Symbol.asyncDispose]();
    expect(disposed).toEqual([0, 1]);
  });

  it("writes the same text on where no seed was given: it has one of its own", async () => {
    const { model, loaded } = await revived([4]);
    const text = (await piecesOf(model.chat([{ role: "user", content: "x" }]))).join("");
    const seeds = loaded.map(({ asked }) => asked[0]!.options.seed);
    expect(seeds[0]).toBe(seeds[1]);
    expect(text).toBe(`ab ${seeds[0]} cd`);
  });

  it("embeds once more", async () => {
    const { model, loaded } = await revived([0]);
    expect((await model.embed(["abc"])).vectors[0]![0]).toBe(3);
    expect(loaded).toHaveLength(2);
  });

  it("is given up where it is lost whenever it computes", async () => {
    const { model, loaded } = await revived([1, 1, 1, 1, 1]);
    expect(await rejection(model.generate("x"))).toMatchObject({ reason: "lost" });
    expect(loaded).toHaveLength(3);
  });

  it("is loaded in several tries; where all fail, those who wait hear why, and the next call tries anew", async () => {
    const { model, events, waits } = await revived([1], (count) => {
      if (count >= 1 && count <= 8)
        throw new DeviceError({ reason: "no-adapter", problem: "None", remedy: "Wait." });
    });
    expect(await rejection(model.generate("x", { seed: 1 }))).toMatchObject({ reason: "no-adapter" });
    expect(waits).toEqual([500, 1000, 2000, 4000]);
    expect((await model.generate("x", { seed: 1 })).text).toBe("ab 1 cd");
    expect(events).toEqual(["lost", "lost", "revived"]);
  });

  it("ends what is cancelled meanwhile", async () => {
    const { model, loaded } = await revived([2]);
    const generation = model.generate("x", { seed: 1 });
    for await (const _ of generation) break; // which cancels
    expect((await generation).finishReason).toBe("abort");
    expect(loaded).toHaveLength(1);
  });

  it("is left as it is by other failures", async () => {
    const { model, loaded } = await revived([]);
    expect(await rejection(model.generate("x".repeat(501)))).toBeInstanceOf(ArgumentError);
    expect(loaded).toHaveLength(1);
  });
});
