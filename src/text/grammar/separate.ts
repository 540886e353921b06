// XGrammar 0.1.27 makes a machine of states of each rule and merges some of them wrongly where a character leads to several places
// (its issues 618 and 911: a text that need be "aaa" or "aaaaa" may have any odd number then, and of 1000 words not one may be right).
// Written so that a character leads to one place only, rules mean the same and are merged as they should be.
import { ArgumentError } from "../../errors.js";
import {
  ascii,
  beyond,
  beyondAscii,
  expectedBeyond,
  intersect,
  subtract,
  union,
  type CodePoints,
} from "./code-points.js";
import { readRules, writeRules, type Part, type Rule, type Sequence } from "./rules.js";

/**
 * A grammar, in the form that the library writes, whose rules have no two ways on with one character.
 * @throws ArgumentError for a class of characters that the library can't have.
 */
export const separate = (grammar: string): string =>
  writeRules([...new Separation(readRules(grammar)).rules.values()]);

/** Where one of these characters leads. */
interface Way {
  set: CodePoints;
  readonly rests: Sequence[];
}

class Separation {
  readonly rules = new Map<string, Rule>();
  readonly #sources: ReadonlyMap<string, Rule>;
  /** Names of rules that were added, by what they derive. */
  readonly #added = new Map<string, string>();
  #prefix = "sep_";

  constructor(sources: readonly Rule[]) {
    this.#sources = new Map(sources.map((own) => [own.name, own]));
    while (sources.some(({ name }) => name.startsWith(this.#prefix))) this.#prefix += "_";
    for (const own of sources) this.#rule(own);
  }

  #rule(source: Rule): Rule {
    const { name, alternatives } = source;
    const own =
      this.rules.get(name) ??
      (alternatives ? { ...source, alternatives: this.#separate(alternatives) } : source);
    this.rules.set(name, own);
    return own;
  }

  /** The name of the rule which is known by `key`, made if there is none yet. */
  #add(key: string, derive: (name: string) => readonly Sequence[]): string {
    const known = this.#added.get(key);
    if (known !== undefined) return known;
    const name = `${this.#prefix}${this.#added.size}`;
    this.#added.set(key, name);
    this.rules.set(name, { name, alternatives: derive(name), text: "" });
    return name;
  }

  #separate(alternatives: readonly Sequence[]): readonly Sequence[] {
    const heads = alternatives.flatMap((own) => this.#expand(own));
    const ways: Way[] = [];
    const far = new Map<"all" | number, Sequence[]>();
    const references = new Map<string, Sequence[]>();
    for (const [head, ...rest] of heads) {
      if (head === undefined) continue;
      if ("rule" in head) addTo(references, head.rule, rest);
      else {
        addWay(ways, intersect(head.set, ascii), rest);
        const others = beyondOf(head.set);
        if (others === "all") addTo(far, others, rest);
        else for (const code of others) addTo(far, code, rest);
      }
    }
    joinAll(ways, far);
    // Characters beyond ASCII share bytes: each that is not alone has a rule of its own.
    const isAlone = far.size + (ways.some(({ set }) => beyondOf(set) === "all") ? 1 : 0) === 1;
    const found: Sequence[] = [
      ...ways.map(({ set, rests }) => [{ set }, ...this.#oneOf(rests)]),
      ...Array.from(far, ([code, rests]) => {
        const set: CodePoints = code === "all" ? beyondAscii : [[code, code]];
        return [isAlone || code === "all" ? { set } : this.#apart(set), ...this.#oneOf(rests)];
      }),
      ...Array.from(references, ([rule, rests]) => [{ rule }, ...this.#oneOf(rests)]),
    ];
    const written = found.map(([head, ...rest]) => [head!, ...rest.map((own) => this.#inside(own))]);
    return heads.some((own) => own.length === 0) ? [[], ...written] : written;
  }

  /** Sequences by what they begin with: a character, or a rule but for simple ones, which the library puts in their names' places. */
  #expand(sequence: Sequence): readonly Sequence[] {
    const [head, ...rest] = sequence;
    if (head === undefined) return [sequence];
    if ("set" in head)
      return head.isRepeated ? [[{ set: head.set }, head, ...rest], ...this.#expand(rest)] : [sequence];
    const source = this.#sources.get(head.rule);
    if (!source?.alternatives || !isSimple(source.alternatives)) return [sequence];
    const own = this.#rule(source).alternatives!;
    return isSimple(own) ? own.map((parts) => [...parts, ...rest]) : [sequence];
  }

  /** Any of these, as what follows a character. */
  #oneOf(rests: readonly Sequence[]): Sequence {
    const others = new Map(rests.map((own) => [JSON.stringify(own), own]));
    const [only] = others.values();
    if (others.size === 1) return only!;
    return [
      { rule: this.#add(JSON.stringify([...others.keys()]), () => this.#separate([...others.values()])) },
    ];
  }

  /** A part behind another. One with characters that share bytes, or that a class can't have, is a rule. */
  #inside(part: Part): Part {
    if ("rule" in part) return part;
    const { set, isRepeated } = part;
    const others = beyondOf(set);
    if (others === "all" || others.length === 0) return part;
    if (set.length === 1 && others.length === 1 && set[0]![0] === others[0] && !isRepeated) return part;
    const one = { rule: this.#add(JSON.stringify(set), () => this.#separate([[{ set }]])) };
    if (!isRepeated) return one;
    return { rule: this.#add(`${one.rule}*`, (name) => [[], [one, { rule: name }]]) };
  }

  /** A rule that is kept apart from those which name it, since it names another one, of nothing. */
  #apart(set: CodePoints): Part {
    const nothing = { rule: this.#add("nothing", () => [[]]) };
    return { rule: this.#add(`${JSON.stringify(set)} apart`, () => [[{ set }, nothing]]) };
  }
}

function addTo<Key>(map: Map<Key, Sequence[]>, key: Key, rest: Sequence): void {
  const known = map.get(key);
  if (known) known.push(rest);
  else map.set(key, [rest]);
}

/** Adds where the characters of `set` lead; those that led elsewhere before lead to both. */
function addWay(ways: Way[], set: CodePoints, rest: Sequence): void {
  let left = set;
  for (const way of ways.slice()) {
    const both = intersect(way.set, left);
    if (both.length === 0) continue;
    const others = subtract(way.set, both);
    if (others.length > 0) ways.push({ set: others, rests: [...way.rests] });
    way.set = both;
    way.rests.push(rest);
    left = subtract(left, both);
  }
  if (left.length > 0) ways.push({ set: left, rests: [rest] });
}

/** Characters that lead to one place are one class, those beyond ASCII too if they are all. */
function joinAll(ways: Way[], far: Map<"all" | number, Sequence[]>): void {
  const places = new Map<string, Way>();
  for (const way of ways.splice(0)) {
    const place = JSON.stringify(way.rests);
    const known = places.get(place);
    if (known) known.set = union([...known.set, ...way.set]);
    else places.set(place, way);
  }
  const all = far.get("all");
  const known = all && places.get(JSON.stringify(all));
  if (known) {
    known.set = union([...known.set, ...beyondAscii]);
    far.delete("all");
  }
  ways.push(...places.values());
}

const isSimple = (alternatives: readonly Sequence[]): boolean =>
  alternatives.every((own) => own.length > 0 && own.every((part) => "set" in part));

function beyondOf(set: CodePoints): "all" | readonly number[] {
  const own = beyond(set);
  if (own !== undefined) return own;
  throw new ArgumentError({
    argument: "responseFormat.grammar",
    expected: expectedBeyond,
    received: "more",
    remedy: "Take all of them, as [^a-z] does, or name fewer.",
  });
}
