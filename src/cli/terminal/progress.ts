// Tells a person at a terminal how far something is: one line that updates, or where output is no terminal, a line per
// step.

const eraseLine = "\r\u001B[2K";

export class Progress {
  #last = "";

  /** `part`: how much of it is done, from 0 to 1, where that is known. */
  show(words: string, part?: number): void {
    if (process.stdout.isTTY) {
      const percent = part === undefined ? "" : ` ${Math.round(100 * part)} %`;
      process.stdout.write(`${eraseLine}${words}${percent} …`);
    } else if (words !== this.#last) {
      process.stdout.write(`${words} …\n`);
    }
    this.#last = words;
  }

  /** Leaves the terminal's line free for what is printed next. */
  end(): void {
    if (this.#last && process.stdout.isTTY) process.stdout.write(eraseLine);
    this.#last = "";
  }
}
