// Renders the API reference as one page of Markdown.
import type { ApiEntry } from "./api-reference.js";

/** `main` are the exports of "weft-webgpu" and "weft-webgpu/static", the others those of "weft-webgpu/worker", "/openai" and "/ai-sdk". */
export function renderApiPage(
  main: readonly ApiEntry[],
  worker: readonly ApiEntry[],
  openai: readonly ApiEntry[],
  aiSdk: readonly ApiEntry[],
): string {
  const known = new Set(main.map(({ name }) => name));
  const sections = [
    ["Classes and functions", main.filter(({ kind }) => kind === "value")],
    ["In a worker", worker.filter(({ name }) => !known.has(name))],
    ["OpenAI's API", openai],
    ["The AI SDK", aiSdk],
    ["Errors", main.filter(({ kind }) => kind === "error")],
    ["Types", main.filter(({ kind }) => kind === "type").toSorted((a, b) => (a.name < b.name ? -1 : 1))],
  ] as const;
  return [
    "# API",
    "Made from the source by a test: change the docstrings there, then run " +
      "`npx vitest run --project unit test/unit/api-reference.test.ts -u`.",
    "`await using`, in the examples, disposes of the model where its block ends. Engines that do not know it, such as Node " +
      "before 24, need a compiler, or a call of `dispose`.",
    sections
      .map(([title, entries]) => `- **${title}**: ${entries.map(({ name }) => linkTo(name)).join(", ")}`)
      .join("\n"),
    ...sections.flatMap(([title, entries]) => [
      `## ${title}`,
      ...introduction(title),
      ...entries.flatMap(render),
    ]),
    "",
  ].join("\n\n");
}

function introduction(title: string): string[] {
  if (title === "Classes and functions")
    return [
      "From `weft-webgpu`, which loads parts of itself when they are needed, or from `weft-webgpu/static`, which has the same exports " +
        "in one file. A module service worker, such as that of an extension, needs the latter, as `import()` is not allowed there. " +
        "A program should use one of the two: their classes differ.",
    ];
  if (title === "In a worker")
    return ["From `weft-webgpu/worker`, which exports the errors too: the same classes as those of `weft`."];
  if (title === "OpenAI's API") return ["From `weft-webgpu/openai`."];
  if (title === "The AI SDK") return ["From `weft-webgpu/ai-sdk`."];
  if (title !== "Errors") return [];
  return [
    "Each says in its message what was expected, what came, and what to do; `name` is the class's name.",
  ];
}

function render({ name, docs, signature, members }: ApiEntry): string[] {
  return [
    `### ${name}`,
    docs,
    code(signature),
    ...members.flatMap((member) => [
      `#### ${name}: ${titleOf(member.name)}`,
      ...(member.docs ? [member.docs] : []),
      code(member.signature),
    ]),
  ];
}

/** Escapes "[Symbol.dispose]", which Markdown would take for a link. */
const titleOf = (member: string): string => (member.startsWith("[") ? `\`${member}\`` : member);
const code = (text: string): string => `\`\`\`ts\n${text}\n\`\`\``;
const linkTo = (name: string): string => `[${name}](#${name.toLowerCase()})`;
