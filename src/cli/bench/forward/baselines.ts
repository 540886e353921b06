// What weft's ragged batch is compared with, in the same run: weft with one sentence at a time, weft with every sentence padded
// to the longest, and on request other runtimes with the same weights and sentences.
import type { Model } from "../../../index.js";
import { timed, timeInTurns } from "../../../util/take-turns.js";
import type { Measurement, Report } from "../case.js";
import { loadOnnxRuntime } from "../peers/onnxruntime.js";
import { padSentences, runPeer, type LoadPeer, type PaddedBatch, type Peer } from "../peers/peer.js";
import { loadTfjs } from "../peers/tfjs.js";
import { spreadOf } from "../statistics.js";
import type { SyntheticModel } from "../peers/synthetic-model.js";

/** Throws when logits after the last tokens of the sentences are wrong. Returns how right they are, in words. */
export type CheckLogits = (logits: readonly Float32Array[], of: string) => string;

interface Contestant {
  readonly name: string;
  readonly run: () => Promise<readonly Float32Array[]>;
}

export interface Baselines {
  readonly checks: readonly string[];
  readonly measurements: readonly Measurement[];
}

/** Sentences per batch when those of a peer are sorted by length. */
const SORTED_SIZE = 8;

const loaders: readonly LoadPeer[] = [loadOnnxRuntime, loadTfjs];

export async function measureBaselines(options: {
  readonly model: Model;
  readonly synthetic: SyntheticModel;
  readonly sentences: readonly number[][];
  /** The address of the peers' packages; undefined leaves peers out. */
  readonly peers: string | undefined;
  readonly repeats: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly check: CheckLogits;
  readonly report: Report;
}): Promise<Baselines> {
  const { model, synthetic, sentences, repeats, parameters, check, report } = options;
  const longest = Math.max(...sentences.map(({ length }) => length));
  const padded = sentences.map((own) => [...own, ...Array<number>(longest - own.length).fill(0)]);
  const contestants: Contestant[] = [
    { name: "weft", run: async () => (await model.forward(sentences, { queues: 1 })).logits },
    {
      name: "weft, one sentence at a time",
      async run() {
        const logits: Float32Array[] = [];
        for (const own of sentences) logits.push((await model.forward([own], { queues: 1 })).logits[0]!);
        return logits;
      },
    },
    // These logits belong to padding, but cost as much as those of the last tokens.
    { name: "weft, padded", run: async () => (await model.forward(padded, { queues: 1 })).logits },
  ];
  const checks = [
    await checkPadded(model, sentences, padded),
    check(await contestants[1]!.run(), contestants[1]!.name),
  ];
  const peers: Peer[] = [];
  try {
    if (options.peers !== undefined)
      for (const load of loaders) {
        report("Loading other runtimes");
        const peer = await load(synthetic, options.peers);
        peers.push(peer);
        const { run, words } = await bestOf(peer, sentences, check, report);
        checks.push(words);
        contestants.push({ name: peer.name, run });
      }
    for (const { run } of contestants) await run();
    const times = await timeInTurns(
      contestants.map(({ run }) => run),
      repeats,
      (part) => report(`Comparing with ${contestants.length - 1} others`, part),
    );
    const tokens = sentences.reduce((sum, { length }) => sum + length, 0);
    const weft = times[0]!;
    const measurements = contestants.flatMap(({ name }, index): Measurement[] => {
      const own = times[index]!;
      const measured = (metric: string, unit: string, values: readonly number[]): Measurement => {
        const { median, p10, p90 } = spreadOf(values);
        return { metric, value: median, unit, parameters: { ...parameters, contestant: name, p10, p90 } };
      };
      return [
        measured(
          "contestantTokens",
          "tokens/s",
          own.map((ms) => (1000 * tokens) / ms),
        ),
        measured(
          "weftAhead",
          "× of the contestant",
          own.map((ms, repeat) => ms / weft[repeat]!),
        ),
      ];
    });
    const ratio = (sentences.length * longest) / tokens;
    measurements.push({
      metric: "paddingRatio",
      value: ratio,
      unit: "padded tokens per token",
      parameters,
    });
    return { checks, measurements };
  } finally {
    for (const peer of peers) await peer.dispose();
  }
}

/** @throws unless the rows of padded sentences have the same bits as without padding. */
async function checkPadded(
  model: Model,
  sentences: readonly number[][],
  padded: readonly number[][],
): Promise<string> {
  const ragged = await model.forward(sentences, { output: "hidden" });
  const { hidden } = await model.forward(padded, { output: "hidden" });
  for (const [index, own] of ragged.hidden.entries())
    for (const [at, value] of own.entries())
      if (hidden[index]![at] !== value)
        throw new Error(`the results are wrong, nothing was measured: padding changes sentence ${index}`);
  return "rows of padded sentences have the bits of those without padding";
}

/** Checks a peer's results, then measures it with the batching that suits it best. */
async function bestOf(
  peer: Peer,
  sentences: readonly number[][],
  check: CheckLogits,
  report: Report,
): Promise<{ readonly run: Contestant["run"]; readonly words: string }> {
  const ways = [
    { words: "padded to one length", batches: padSentences(sentences, Infinity) },
    { words: `sorted, in batches of ${SORTED_SIZE}`, batches: padSentences(sentences, SORTED_SIZE) },
  ];
  let best:
    { readonly batches: readonly PaddedBatch[]; readonly ms: number; readonly words: string } | undefined;
  for (const { words, batches } of ways) {
    report(`Checking ${peer.name}`);
    const checked = check(await runPeer(peer, batches), peer.name);
    const ms = await timed(() => runPeer(peer, batches));
    if (!best || ms < best.ms) best = { batches, ms, words: `${checked}; fastest ${words}` };
  }
  const { batches, words } = best!;
  return { run: () => runPeer(peer, batches), words };
}
