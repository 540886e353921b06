// Shows progress on a terminal: one line that updates. If the output is not a terminal, prints a line per step.

const eraseLine = "\r\u001B[2K";

export class Progress {
  #last = "";

  /** `part`: the part that is done, from 0 to 1, if that is known. */
  show(words: string, part?: number): void {
    if (process.stdout.isTTY) {
      const percent = part === undefined ? "" : ` ${Math.round(100 * part)} %`;
      process.stdout.write(`${eraseLine}${words}${percent} …`);
    } else if (words !== this.#last) {
      process.stdout.write(`${words} …\n`);
    }
    this.#last = words;
  }

  /** Clears the line for what is printed next. */
  end(): void {
    if (this.#last && process.stdout.isTTY) process.stdout.write(eraseLine);
    this.#last = "";
  }
}
