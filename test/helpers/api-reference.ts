// Reads the API reference from the source: what the public modules export, with signatures and docstrings.
import { join, relative } from "node:path";
import ts from "typescript";

/** One public name, as the page shows it. */
export interface ApiEntry {
  readonly name: string;
  readonly kind: "value" | "error" | "type";
  /** Markdown. */
  readonly docs: string;
  /** TypeScript without bodies. */
  readonly signature: string;
  /** Methods of a class. */
  readonly members: readonly { readonly name: string; readonly docs: string; readonly signature: string }[];
}

/** What each module exports, in the order of its source. Paths are relative to `root`. */
export function readApi(root: string, modules: readonly string[]): ApiEntry[][] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    root,
  );
  const files = modules.map((module) => join(root, module));
  const program = ts.createProgram(files, options);
  const checker = program.getTypeChecker();
  return files.map((file) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
    return checker.getExportsOfModule(module).map((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const [declaration] = target.declarations ?? [];
      if (!declaration) throw new Error(`${relative(root, file)}: ${symbol.name} is declared nowhere`);
      return entryOf(symbol.name, declaration);
    });
  });
}

function entryOf(name: string, declaration: ts.Declaration): ApiEntry {
  const docs = docsOf(declaration);
  if (ts.isClassDeclaration(declaration)) return classEntry(name, docs, declaration);
  if (ts.isFunctionDeclaration(declaration))
    return { name, kind: "value", docs, signature: signatureOf(declaration), members: [] };
  // Interfaces and types have no body, so they are shown as they are, with the comments on members.
  const signature = declaration.getText().replace(/^export /, "");
  return { name, kind: "type", docs, signature, members: [] };
}

/** Constructors are left out, because weft creates these objects. */
function classEntry(name: string, docs: string, declaration: ts.ClassDeclaration): ApiEntry {
  const members = declaration.members.filter(isPublic);
  const methods = members.filter((member) => ts.isMethodDeclaration(member));
  const fields = members.filter((member) => ts.isPropertyDeclaration(member) || ts.isGetAccessor(member));
  const shown = fields.filter((field) => field.name.getText() !== "name");
  const head = headOf(declaration);
  const signature =
    shown.length === 0
      ? `${head} {}`
      : `${head} {\n${shown.map((field) => `  ${fieldOf(field)}`).join("\n")}\n}`;
  const names = [...new Set(methods.map((method) => method.name.getText()))];
  return {
    name,
    kind: name.endsWith("Error") ? "error" : "value",
    docs,
    signature,
    members: names.map((own) => {
      const all = methods.filter((method) => method.name.getText() === own);
      // The implementation's signature of an overloaded method is not public.
      const overloads = all.length > 1 ? all.filter(({ body }) => !body) : all;
      return {
        name: own,
        docs: all.map(docsOf).find(Boolean) ?? "",
        signature: overloads.map(signatureOf).join("\n"),
      };
    }),
  };
}

function isPublic(member: ts.ClassElement): boolean {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return (
    member.name !== undefined &&
    !ts.isPrivateIdentifier(member.name) &&
    (ts.getCombinedModifierFlags(member) & hidden) === 0
  );
}

function headOf({ name, typeParameters, heritageClauses }: ts.ClassDeclaration): string {
  const generic = typeParameters ? `<${typeParameters.map((one) => one.getText()).join(", ")}>` : "";
  const heritage = heritageClauses?.map((clause) => ` ${clause.getText()}`).join("") ?? "";
  return `class ${name!.text}${generic}${heritage}`;
}

/** A field, with its comment if it has one. */
function fieldOf(field: ts.PropertyDeclaration | ts.GetAccessorDeclaration): string {
  const comment = field.getFullText().match(/\/\*\*.*?\*\/\n\s*/s)?.[0] ?? "";
  const kind = ts.isGetAccessor(field) ? "readonly " : "";
  return comment + kind + textWithoutBody(field).replace(/^get (\w+)\(\)/, "$1");
}

function signatureOf(declaration: ts.FunctionDeclaration | ts.MethodDeclaration): string {
  return (
    textWithoutBody(declaration)
      .replace(/\b(export|async) /g, "")
      // How a method destructures its options is not part of its signature.
      .replaceAll(/\{[^{}]*\}(?=: \w+Options)/g, "options")
      .replace(/^\*/, "")
  );
}

function textWithoutBody(node: ts.FunctionLikeDeclaration | ts.PropertyDeclaration): string {
  const end = "body" in node && node.body ? node.body.getStart() : node.getEnd();
  const indent = ts.isClassElement(node) ? 2 : 0;
  const text = node.getSourceFile().text.slice(node.getStart(), end);
  return `${text
    .trim()
    .replace(/;$/, "")
    .replaceAll(new RegExp(`\\n {${indent}}`, "g"), "\n")};`;
}

/** The docstring as Markdown: its text, what it throws, its examples. */
function docsOf(node: ts.Node): string {
  return ts
    .getJSDocCommentsAndTags(node)
    .filter(ts.isJSDoc)
    .flatMap(({ comment, tags = [] }) => [
      plain(comment),
      ...tags.map((tag) =>
        tag.tagName.text === "throws" ? `Throws ${plain(tag.comment)}` : plain(tag.comment),
      ),
    ])
    .filter(Boolean)
    .join("\n\n");
}

const plain = (comment: Parameters<typeof ts.getTextOfJSDocComment>[0]): string =>
  ts.getTextOfJSDocComment(comment)?.trim() ?? "";
