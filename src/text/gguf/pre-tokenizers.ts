// How texts are cut before byte pairs are merged, by the names that GGUF files give: tokenizers are named after the model that
// had them first. A name that is not here is refused, as a text that is cut otherwise becomes other ids.
// Patterns as the tokenizer.json of these models have them, with upper and lower case spelt out.

/** One kind of cutting, in the form of tokenizer.json. */
export interface PreTokenizer {
  /** Applied one after the other: what a pattern matches, and what is between, becomes a piece. */
  readonly patterns: readonly string[];
  /** Texts are composed (Unicode NFC) before they are cut. */
  readonly composes?: boolean;
  /** A piece that is a token as a whole is that token, whatever the merges. */
  readonly ignoresMerges?: boolean;
  /** The begin token is put in front if the file does not say. */
  readonly addsBegin?: boolean;
}

const words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const endings = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
const lines = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** Words with the character in front of them, and numbers of at most so many digits. */
const numbered = (digits: string): string =>
  `(?:${endings})|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${lines}`;

/** Words are also cut where lower case becomes upper case. */
function cased(ending: string, digits: string): string {
  const [upper, lower] = ["\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}", "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}"];
  const front = "[^\\r\\n\\p{L}\\p{N}]?";
  const symbols = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*";
  return `${front}[${upper}]*[${lower}]+${ending}|${front}[${upper}]+[${lower}]*${ending}|${digits}|${symbols}|${lines}`;
}

const plain: PreTokenizer = { patterns: [words] };
const composed: PreTokenizer = { patterns: [words], composes: true };
const digits: PreTokenizer = { patterns: ["\\p{N}", words] };
const threes: PreTokenizer = { patterns: [numbered("\\p{N}{1,3}")] };
const beginning: PreTokenizer = { ...threes, ignoresMerges: true, addsBegin: true };
const ones: PreTokenizer = { patterns: [numbered("\\p{N}")] };
const onesComposed: PreTokenizer = { ...ones, composes: true };
const casedThrees: PreTokenizer = { patterns: [cased(`(?:${endings})?`, "\\p{N}{1,3}")] };

export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map([
  ["gpt-2", plain],
  ["phi-2", plain],
  ["mpt", plain],
  ["jais", plain],
  ["roberta-bpe", plain],
  ["jina-es", plain],
  ["jina-de", plain],
  ["jina-v1-en", plain],
  ["jina-v2-es", plain],
  ["jina-v2-de", plain],
  ["jina-v2-code", plain],
  ["gigachat", plain],
  ["exaone4", plain],
  ["mellum", plain],
  ["modern-bert", composed],
  ["olmo", composed],
  ["smollm", digits],
  ["starcoder", digits],
  ["refact", digits],
  ["command-r", digits],
  ["codeshell", digits],
  ["exaone", digits],
  ["minerva-7b", digits],
  ["llama-bpe", beginning],
  ["llama3", beginning],
  ["llama-v3", beginning],
  ["falcon3", beginning],
  ["pixtral", beginning],
  ["lfm2", beginning],
  ["dbrx", threes],
  ["smaug-bpe", threes],
  ["glm4", threes],
  ["chatglm-bpe", threes],
  ["qwen2", onesComposed],
  ["deepseek-r1-qwen", onesComposed],
  ["megrez", onesComposed],
  ["stablelm2", ones],
  ["gpt-4o", casedThrees],
  ["llama4", casedThrees],
  ["tekken", { patterns: [cased("", "\\p{N}")], ignoresMerges: true, addsBegin: true }],
]);
