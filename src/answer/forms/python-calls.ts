// Reads calls that are written in Python, with the names of their arguments and with literals as values: add(a=1, b=[2, 3]). It
// reads no other Python and executes none.
import type { ParsedCall } from "./call-form.js";

/** Lists within lists that are read. */
const MOST_DEPTH = 64;

const constants: Readonly<Record<string, boolean | null>> = {
  True: true,
  False: false,
  None: null,
  true: true,
  false: false,
  null: null,
};

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\n": "" };

/** The calls of a text: one per line or in a list, each alone or within print(…). Undefined if there is anything else. */
export function pythonCalls(text: string): readonly ParsedCall[] | undefined {
  try {
    return new PythonReader(text).readCalls();
  } catch (error) {
    if (error instanceof NotPython) return undefined;
    throw error;
  }
}

/** Thrown where the text is none of what is read here, and caught above. */
class NotPython extends Error {
  override name = "NotPython";
}

class PythonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readCalls(): readonly ParsedCall[] {
    const calls: ParsedCall[] = [];
    const isList = this.#take("[");
    do {
      if (isList && this.#peek() === "]") break;
      calls.push(this.#readCall());
    } while (isList ? this.#take(",") : this.#take(";") || this.#peek() !== "");
    if (isList) this.#expect("]");
    if (this.#peek() !== "" || calls.length === 0) throw new NotPython();
    return calls;
  }

  #readCall(): ParsedCall {
    const name = this.#name();
    this.#expect("(");
    if (name === "print") {
      const call = this.#readCall();
      this.#expect(")");
      return call;
    }
    const given: [string, unknown][] = [];
    while (!this.#take(")")) {
      const key = this.#name();
      this.#expect("=");
      given.push([key, this.#value(0)]);
      if (!this.#take(",") && this.#peek() !== ")") throw new NotPython();
    }
    return { name, arguments: JSON.stringify(Object.fromEntries(given)) };
  }

  #value(depth: number): unknown {
    if (depth > MOST_DEPTH) throw new NotPython();
    const sign = this.#peek();
    if (sign === '"' || sign === "'") return this.#string(sign);
    if (this.#take("[")) return this.#items("]", () => this.#value(depth + 1));
    if (this.#take("{")) {
      const entry = (): readonly [string, unknown] => {
        const quote = this.#peek();
        if (quote !== '"' && quote !== "'") throw new NotPython();
        const key = this.#string(quote);
        this.#expect(":");
        return [key, this.#value(depth + 1)];
      };
      return Object.fromEntries(this.#items("}", entry));
    }
    const [found] = /^(-?\d+(\.\d+)?([eE][+-]?\d+)?|\w+)/.exec(this.#text.slice(this.#at)) ?? [];
    if (found === undefined) throw new NotPython();
    this.#at += found.length;
    if (Object.hasOwn(constants, found)) return constants[found];
    if (!/^-?\d/.test(found) || !Number.isFinite(Number(found))) throw new NotPython();
    return Number(found);
  }

  #items<T>(close: string, read: () => T): T[] {
    const items: T[] = [];
    while (!this.#take(close)) {
      items.push(read());
      if (!this.#take(",") && this.#peek() !== close) throw new NotPython();
    }
    return items;
  }

  #string(quote: string): string {
    this.#expect(quote);
    let text = "";
    for (;;) {
      const sign = this.#text[this.#at++];
      if (sign === undefined) throw new NotPython();
      if (sign === quote) return text;
      if (sign === "\\") {
        const escaped = this.#text[this.#at++] ?? "";
        text += escapes[escaped] ?? escaped;
      } else text += sign;
    }
  }

  #name(): string {
    this.#skipSpace();
    const [name] = /^[A-Za-z_][\w.]*/.exec(this.#text.slice(this.#at)) ?? [];
    if (name === undefined) throw new NotPython();
    this.#at += name.length;
    return name;
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  /** The next sign behind white space, "" at the end. */
  #peek(): string {
    this.#skipSpace();
    return this.#text[this.#at] ?? "";
  }

  #take(sign: string): boolean {
    if (this.#peek() !== sign) return false;
    this.#at++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw new NotPython();
  }
}
