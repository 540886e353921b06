// Turns on a queue in simulation: members come and go, with work of random length, and the queue runs it in order.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairTurns, type Turn } from "../../../src/schedule/fair-turns.js";

const places = 2;

interface Client {
  readonly arrivalMs: number;
  /** How long each submission takes, one after another. */
  readonly works: readonly number[];
  /** How many it has in flight at most. */
  readonly window: number;
}

interface Served {
  readonly client: Client;
  readonly beganMs: number;
  readonly endMs: number;
}

/** Runs clients on one queue that executes submissions in order. Checks that no place is free while someone waits. */
function simulate(clients: readonly Client[]): Served[] {
  const turns = new FairTurns(places);
  const served: Served[] = [];
  const queue: { readonly endMs: number; readonly done: () => void }[] = [];
  const arrivals = clients.toSorted((a, b) => a.arrivalMs - b.arrivalMs);
  let nowMs = 0;
  let busyUntilMs = 0;
  const refused = new Set<Client>();

  const arrive = (client: Client): void => {
    let next = 0;
    let inFlight = 0;
    const pump = (): void => {
      while (next < client.works.length && inFlight < client.window) {
        if (!turn.take()) {
          refused.add(client);
          return;
        }
        refused.delete(client);
        inFlight++;
        const submittedMs = nowMs;
        const beganMs = Math.max(nowMs, busyUntilMs);
        busyUntilMs = beganMs + client.works[next++]!;
        served.push({ client, beganMs, endMs: busyUntilMs });
        const done = (): void => {
          inFlight--;
          turn.giveBack(submittedMs, nowMs);
          pump();
          if (next === client.works.length && inFlight === 0) turn.leave();
        };
        queue.push({ endMs: busyUntilMs, done });
        expect(queue.length).toBeLessThanOrEqual(places);
      }
    };
    const turn: Turn = turns.join(pump);
    pump();
  };

  while (arrivals.length > 0 || queue.length > 0) {
    const arrivesNext = (arrivals[0]?.arrivalMs ?? Infinity) < (queue[0]?.endMs ?? Infinity);
    nowMs = arrivesNext ? arrivals[0]!.arrivalMs : queue[0]!.endMs;
    if (arrivesNext) arrive(arrivals.shift()!);
    else queue.shift()!.done();
    if (queue.length < places) expect(refused.size).toBe(0);
  }
  return served;
}

const client: fc.Arbitrary<Client> = fc.record({
  arrivalMs: fc.integer({ min: 0, max: 200 }),
  works: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 30 }),
  window: fc.integer({ min: 1, max: 3 }),
});

describe("turns on a queue", () => {
  it("serves everybody's work, all of it, and never leaves a place free while someone waits", () => {
    fc.assert(
      fc.property(fc.array(client, { minLength: 1, maxLength: 8 }), (clients) => {
        const served = simulate(clients);
        for (const own of clients)
          expect(
            served.filter((one) => one.client === own).map(({ beganMs, endMs }) => endMs - beganMs),
          ).toEqual(own.works);
      }),
      { numRuns: 1000, seed: 3 },
    );
  });

  it("gives those who always have work the same time, up to a few submissions", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 60, maxLength: 60 }), {
          minLength: 2,
          maxLength: 6,
        }),
        (all) => {
          const clients = all.map((works): Client => ({ arrivalMs: 0, works, window: 2 }));
          const served = simulate(clients);
          // As long as all have work.
          const untilMs = Math.min(
            ...clients.map((own) => served.findLast((one) => one.client === own)!.beganMs),
          );
          const given = clients.map((own) =>
            served
              .filter((one) => one.client === own && one.endMs <= untilMs)
              .reduce((sum, { beganMs, endMs }) => sum + endMs - beganMs, 0),
          );
          expect(Math.max(...given) - Math.min(...given)).toBeLessThanOrEqual((places + 1) * 30);
        },
      ),
      { numRuns: 300, seed: 4 },
    );
  });

  it("serves a newcomer with little work right after what is in flight, however many have much", () => {
    const busy = Array.from({ length: 10 }, (): Client => ({
      arrivalMs: 0,
      works: Array.from({ length: 50 }, () => 10),
      window: 2,
    }));
    const newcomer: Client = { arrivalMs: 1003, works: [1], window: 1 };
    const [own] = simulate([...busy, newcomer]).filter((one) => one.client === newcomer);
    // Two are in flight, and each of those that were there may be as due as it is, once.
    expect(own!.beganMs - newcomer.arrivalMs).toBeLessThanOrEqual((places + busy.length) * 10);
  });

  it("does not let who was idle save up time", () => {
    const works = Array.from({ length: 40 }, () => 10);
    const early: Client = { arrivalMs: 0, works: [...works, ...works], window: 2 };
    const late: Client = { arrivalMs: 405, works, window: 2 };
    const served = simulate([early, late]);
    const during = served.filter((one) => one.beganMs >= 430 && one.endMs <= 630);
    expect(during.filter((one) => one.client === early).length).toBeGreaterThanOrEqual(8);
  });
});
