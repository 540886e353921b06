// What an answer consists of, in the order in which it is written. Types only.

/** A call of a function, whole. */
export interface CallPart {
  readonly type: "call";
  readonly id: string;
  readonly name: string;
  /** JSON of an object. */
  readonly arguments: string;
}

/** A piece of an answer: of its thoughts, of its text, or a call. */
export type AnswerPart = { readonly type: "reasoning" | "text"; readonly text: string } | CallPart;
