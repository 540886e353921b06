// The log beside a checkpoint: whenever a run is killed, the checkpoint that is there has a log with all steps before it.
import { expect, it } from "vitest";
import { addWithLog } from "../../../src/cli/train/log-order.js";

/** Files by name, as they are after each write. */
function record(): {
  readonly states: Readonly<Record<string, string>>[];
  readonly sink: Parameters<typeof addWithLog>[0];
} {
  const states: Record<string, string>[] = [];
  const write = async (name: string, content: string | Uint8Array): Promise<void> =>
    void states.push({ ...states.at(-1), [name]: String(content) });
  const add = async (name: string, piece: Uint8Array, isLast: boolean): Promise<void> => {
    if (isLast) await write(name, new TextDecoder().decode(piece));
  };
  return { states, sink: { add, write } };
}

it("is never behind its checkpoint", async () => {
  const { states, sink } = record();
  for (const step of [1, 2, 3])
    for (const file of ["checkpoint.safetensors", "config.json", "model.safetensors"])
      for (const isLast of [false, true])
        await addWithLog(sink, { file, piece: new TextEncoder().encode(String(step)), isLast }, () =>
          String(step),
        );
  expect(states.length).toBeGreaterThan(9);
  for (const { "train_log.json": log = "0", "checkpoint.safetensors": checkpoint = "0" } of states)
    expect(Number(log)).toBeGreaterThanOrEqual(Number(checkpoint));
});

it("is written beside a model without a checkpoint", async () => {
  const { states, sink } = record();
  await addWithLog(sink, { file: "model.safetensors", piece: new Uint8Array(), isLast: true }, () => "whole");
  expect(states.at(-1)).toMatchObject({ "train_log.json": "whole" });
});
