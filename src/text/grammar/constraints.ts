// Holds texts to a format with XGrammar, a library that compiles grammars to masks over the tokens of a vocabulary. It is WebAssembly,
// the only part of weft that is, and is loaded when the first such text is asked for.
import {
  CompiledGrammar,
  Grammar,
  GrammarCompiler,
  GrammarMatcher,
  TokenizerInfo,
} from "@mlc-ai/web-xgrammar";
import { ArgumentError } from "../../errors.js";
import { byteTokens, Completion } from "./completion.js";
import { checkResponseFormat, type CheckedFormat, type ResponseFormat } from "./response-format.js";
import { separate } from "./separate.js";
import { readSpellings, specialTokensAmong } from "./vocabulary.js";

/** Spaces and line ends between the parts of a JSON text, at most: a model must not get lost in them. */
const MOST_WHITESPACE = 8;
/** Grammars that are kept compiled, the latest. */
const MOST_KEPT = 32;

/** Makes constraints for the texts of one model. */
export class Constraints {
  readonly #tokenizer: object;
  readonly #vocabularySize: number;
  #bytes: readonly (number | undefined)[] | undefined;
  /** By the special tokens that are text for them. */
  readonly #compilers = new Map<string, Promise<GrammarCompiler>>();
  readonly #compiled = new Map<string, Promise<CompiledGrammar>>();

  constructor(tokenizer: object, vocabularySize: number) {
    this.#tokenizer = tokenizer;
    this.#vocabularySize = vocabularySize;
  }

  /**
   * A constraint for one text, which ends with one of `endTokens`; with `budget`, within so many tokens.
   * @throws ArgumentError for a format that is none, or that texts of this model can't be held to, and for a budget that is too small.
   */
  async make(
    format: ResponseFormat,
    endTokens: readonly number[],
    budget?: number,
  ): Promise<GrammarConstraint> {
    const checked = checkResponseFormat(format);
    const grammar = await this.#compile(checked);
    const hasEnd = endTokens.length > 0;
    // Without a token for the end, a text ends as soon as it may.
    const matcher = await GrammarMatcher.createGrammarMatcher(
      grammar,
      hasEnd ? [...endTokens] : undefined,
      !hasEnd,
    );
    const completion = budget === undefined ? undefined : this.#completionOf(matcher, endTokens);
    const constraint = new GrammarConstraint(matcher, endTokens, completion);
    try {
      if (budget !== undefined) constraint.begin(budget);
      await constraint.prepare();
      return constraint;
    } catch (error) {
      constraint.dispose();
      throw error;
    }
  }

  #completionOf(matcher: GrammarMatcher, endTokens: readonly number[]): Completion {
    this.#bytes ??= byteTokens(readSpellings(this.#tokenizer, this.#vocabularySize, []));
    return new Completion(matcher, endTokens, this.#bytes);
  }

  async #compile(format: CheckedFormat): Promise<CompiledGrammar> {
    const { key } = format;
    const known = this.#compiled.get(key);
    const compiling = known ?? this.#compileNew(format);
    this.#compiled.delete(key);
    this.#compiled.set(key, compiling);
    const [oldest] = this.#compiled;
    if (this.#compiled.size > MOST_KEPT) this.#drop(...oldest!);
    try {
      return await compiling;
    } catch (error) {
      this.#compiled.delete(key);
      throw error;
    }
  }

  /** Memory of WebAssembly is collected by nobody. Whoever waits for the grammar gets a matcher first, which has what it needs of it. */
  #drop(key: string, compiling: Promise<CompiledGrammar>): void {
    this.#compiled.delete(key);
    void compiling.then(
      (grammar) => setTimeout(() => grammar.dispose()),
      () => undefined, // told to whoever asked for it
    );
  }

  async #compileNew({ source }: CheckedFormat): Promise<CompiledGrammar> {
    const compiler = await this.#compilerFor("specialTokens" in source ? source.specialTokens : []);
    try {
      return await compiler.compileGrammar(separate(await writeGrammar(source)));
    } catch (error) {
      if (error instanceof ArgumentError) throw error;
      // What a library in WebAssembly aborts with is of no use to anybody.
      throw new ArgumentError({
        argument: "responseFormat",
        expected: "a format that can be compiled to a grammar",
        received: Object.values(source)[0],
        remedy: "Simplify it, or check the result instead.",
      });
    }
  }

  #compilerFor(specialTokens: readonly string[]): Promise<GrammarCompiler> {
    const written = specialTokensAmong(this.#tokenizer, specialTokens);
    const key = JSON.stringify(written);
    const compiler = this.#compilers.get(key) ?? this.#open(written);
    this.#compilers.set(key, compiler);
    return compiler;
  }

  async #open(written: readonly string[]): Promise<GrammarCompiler> {
    const { spellings, kind } = readSpellings(this.#tokenizer, this.#vocabularySize, written);
    const info = await TokenizerInfo.createTokenizerInfo(
      [...spellings],
      kind,
      false,
      this.#vocabularySize,
      [],
    );
    // Its own cache would keep all that was ever compiled.
    return GrammarCompiler.createGrammarCompiler(info, false);
  }
}

/** The rules that a format means, as the library writes them. */
async function writeGrammar(source: CheckedFormat["source"]): Promise<string> {
  if ("schema" in source) return textOf(await grammarOfSchema(source.schema, source.isStrict));
  if ("pattern" in source) {
    const format = { type: "regex", pattern: source.pattern };
    return textOf(await Grammar.fromStructuralTag({ type: "structural_tag", format }));
  }
  // The names of a schema's rules begin with that of the rule which they are for.
  const rules = source.schemas.map(async ({ rule, schema }) =>
    textOf(await grammarOfSchema(schema, true)).replaceAll(
      /"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|[A-Za-z_][\w.-]*/g,
      (part) => (/^["[]/.test(part) ? part : part === "root" ? rule : `${rule}_${part}`),
    ),
  );
  return textOf(await Grammar.fromEBNF([source.grammar, ...(await Promise.all(rules))].join("\n")));
}

const grammarOfSchema = (schema: string, isStrict: boolean): Promise<Grammar> =>
  Grammar.fromJSONSchema(schema, true, undefined, undefined, isStrict, MOST_WHITESPACE);

function textOf(grammar: Grammar): string {
  const text = grammar.toString();
  grammar.dispose();
  return text;
}

/** Tokens that are refused at one place before the next one of a completion is the only one: each costs a step. */
const MOST_REFUSED = 3;

/** Follows one text. */
export class GrammarConstraint {
  readonly #matcher: GrammarMatcher;
  readonly #ends: readonly number[];
  readonly #completion: Completion | undefined;
  #allowed = new Uint32Array();
  /** What completes the text from here, and from behind the token that was last looked at, where it has a budget. */
  #rest: readonly number[] = [];
  #restAfter: readonly number[] | undefined;
  #refused = 0;

  constructor(matcher: GrammarMatcher, ends: readonly number[], completion?: Completion) {
    this.#matcher = matcher;
    this.#ends = ends;
    this.#completion = completion;
  }

  /** A bit per token that may come next, the lowest first. */
  get allowed(): Uint32Array {
    return this.#allowed;
  }

  get mayEnd(): boolean {
    return this.#ends.some((token) => (this.#allowed[token >> 5]! >>> (token & 31)) & 1);
  }

  /** Whether nothing may follow but an end. */
  get isComplete(): boolean {
    if (this.#matcher.isTerminated()) return true;
    const others = this.#allowed.slice();
    for (const token of this.#ends) others[token >> 5]! &= ~(1 << (token & 31));
    return others.every((word) => word === 0);
  }

  /** @throws ArgumentError if no text of at most `budget` tokens is found. */
  begin(budget: number): void {
    const rest = this.#completion!.find(budget);
    if (rest) this.#rest = rest;
    else
      throw new ArgumentError({
        argument: "maxTokens",
        expected: "tokens for a text that the format allows, with finishInBudget",
        received: budget,
        remedy: "Allow more tokens, or simplify the format.",
      });
  }

  /** Finds out what may come next. */
  async prepare(): Promise<void> {
    this.#allowed = new Uint32Array((await this.#matcher.getNextTokenBitmask()).buffer as ArrayBuffer);
    // Where nearly every token may follow, the library leaves out the ends, which it has for tokens without a text.
    const [end] = this.#ends;
    if (end === undefined || this.mayEnd || !this.#matcher.acceptToken(end)) return;
    this.#matcher.rollBack(1);
    for (const token of this.#ends) this.#allowed[token >> 5]! |= 1 << (token & 31);
  }

  /** Whether the text could not be completed by `left` more tokens after this one, which is no longer allowed then. */
  refuses(token: number, left: number): boolean {
    if (!this.#completion || this.#ends.includes(token)) return false;
    if (!this.#matcher.acceptToken(token)) return false; // advance says so
    this.#restAfter = token === this.#rest[0] ? this.#rest.slice(1) : this.#completion.find(left, this.#rest);
    this.#matcher.rollBack(1);
    if (this.#restAfter) return false;
    if (++this.#refused < MOST_REFUSED) this.#allowed[token >> 5]! &= ~(1 << (token & 31));
    else {
      this.#allowed.fill(0);
      // Where nothing is missing, it ends.
      const next = this.#rest.length > 0 ? this.#rest.slice(0, 1) : this.#ends;
      for (const own of next) this.#allowed[own >> 5]! |= 1 << (own & 31);
    }
    return true;
  }

  async advance(token: number): Promise<void> {
    if (!this.#matcher.acceptToken(token))
      throw new ArgumentError({
        argument: "responseFormat",
        expected: "a token that the format allows and that is not banned",
        received: "none",
        remedy: "Leave out bans and biases that forbid what the format asks for.",
      });
    this.#rest = this.#restAfter ?? [];
    this.#refused = 0;
    if (!this.#matcher.isTerminated()) await this.prepare();
  }

  dispose(): void {
    this.#matcher.dispose();
  }
}
