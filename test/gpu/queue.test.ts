// A queue by itself, at its end: waits that begin afterwards, and what may still be asked of it.
import { expect, it } from "vitest";
import { DisposedError } from "../../src/errors.js";
import { BufferUsage } from "../../src/gpu/flags.js";
import { openQueues } from "../../src/gpu/open-queues.js";
import { rejection } from "../helpers/rejection.js";

it("rejects what is waited for on a disposed queue, and leaves no promise unhandled", async () => {
  const [queue] = await openQueues({ gpu: undefined, count: 1 });
  const buffer = queue!.createBuffer("test", 64, BufferUsage.storage);
  const waiting = queue!.guard(new Promise<void>(() => undefined));
  queue!.dispose();
  expect(await rejection(waiting)).toBeInstanceOf(DisposedError);
  // It rejects later than the wait for it, as a mapping does whose buffer is destroyed.
  const broken = queue!.guard(new Promise((_, reject) => setTimeout(() => reject(new Error("late")), 5)));
  expect(await rejection(broken)).toBeInstanceOf(DisposedError);
  expect(await rejection(queue!.fence())).toBeInstanceOf(DisposedError);
  expect(() => queue!.createBuffer("test", 64, BufferUsage.storage)).toThrow(DisposedError);
  expect(queue!.memory).toMatchObject({ buffers: 0, bytes: 0 });
  buffer.dispose();
  queue!.dispose();
  expect(queue!.memory).toMatchObject({ buffers: 0, bytes: 0 });
  await new Promise((resolve) => setTimeout(resolve, 20));
});
