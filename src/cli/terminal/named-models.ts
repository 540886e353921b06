// Which models a command was asked for that takes several, each by the name that requests ask for.
import { existsSync } from "node:fs";
import { chooseModel, expectTokenizer, isHubModel, placeModel, type PlacedModel } from "./model-choice.js";
import { fromCaller, OptionError } from "./option-values.js";

export interface NamedModelValues {
  readonly file?: string | undefined;
  readonly revision?: string | undefined;
}

/** The lines of --help about them, without what is said of none. */
export const namedModelHelp: string = `  MODEL                   a folder in Hugging Face layout, a .gguf file, or owner/name on the Hugging Face hub
                          (HF_ENDPOINT names a mirror, HF_TOKEN opens private models), several if you like;
                          NAME=MODEL names it for requests (default: the name of the folder, the file or the
                          repository). Without any, the embedded model is loaded
  --file NAME             of one model of the hub: a GGUF file of the repository, or a part that only one has, such as Q8_0
  --revision NAME         of one model of the hub: a branch, tag or commit (default main)`;

/** Models as they were given, or the embedded one if none was. @throws OptionError. */
export function readNamedModels(
  given: readonly string[],
  { file, revision }: NamedModelValues,
): ReadonlyMap<string, PlacedModel> {
  if (given.length > 1 && (file ?? revision) !== undefined)
    throw new OptionError(`--${file === undefined ? "revision" : "file"}: expected one model beside it`);
  const models = new Map<string, PlacedModel>();
  for (const text of given.length === 0 ? [undefined] : given) {
    const { name: ownName, source } = splitName(text);
    const choice = chooseModel({ model: source, file, revision }, "MODEL");
    const placed = placeModel(isHubModel(choice) ? choice : expectTokenizer(choice, "MODEL"), "node");
    const name = ownName ?? placed.name.replace(/\.gguf$/i, "");
    if (models.has(name))
      throw new OptionError(`MODEL: two are called "${name}"; name one of them, as in other=${source}`);
    models.set(name, placed);
  }
  return models;
}

/** NAME=MODEL, unless that is a path itself. */
function splitName(text: string | undefined): {
  readonly name?: string;
  readonly source: string | undefined;
} {
  const [, name, source] = /^([^=/\\]+)=(.+)$/s.exec(text ?? "") ?? [];
  if (text === undefined || name === undefined || source === undefined || existsSync(fromCaller(text)))
    return { source: text };
  return { name, source };
}
