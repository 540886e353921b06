// Whose work a queue takes next, where several calls share it: each gets its turn by how long the queue has worked for
// it, so that a call with little to do never waits for all of a long one. Pure: the caller tells the time.
// After start-time fair queueing (Goyal, Vin and Cheng 1996): who was idle does not save up time.
import { invariant } from "../util/invariant.js";

/** One member's claim on a queue. */
export interface Turn {
  /** A place in the queue, or false: then the member is woken once it is its turn. */
  take(): boolean;
  /** The place that was just taken is not needed after all. */
  cancel(): void;
  /** Whether others wait for the queue, or have work on it. */
  isShared(): boolean;
  /** What was submitted at `submittedMs` is done. Answers how long the queue worked on it. */
  giveBack(submittedMs: number, nowMs: number): number;
  /** Ends the membership; places still taken are free again. */
  leave(): void;
}

interface Member {
  readonly wake: () => void;
  /** How long the queue has worked for it, or as if it had while it was idle. */
  givenMs: number;
  inFlight: number;
  isWaiting: boolean;
  /** It is its turn just now. */
  isWoken: boolean;
}

export class FairTurns {
  readonly #places: number;
  readonly #members = new Set<Member>();
  #inFlight = 0;
  #lastDoneMs = -Infinity;
  /** What whoever was given a place last had been given before. */
  #virtualMs = 0;
  #isOffering = false;

  /** `places`: how many submissions the queue holds at once. */
  constructor(places: number) {
    invariant(places >= 1, `a queue with ${places} places`);
    this.#places = places;
  }

  /** `wake` is called when it is the member's turn after it was refused: it then tries again, or lets it pass. */
  join(wake: () => void): Turn {
    const member: Member = { wake, givenMs: 0, inFlight: 0, isWaiting: false, isWoken: false };
    this.#members.add(member);
    return {
      take: () => this.#take(member),
      cancel: () => this.#free(member),
      isShared: () =>
        [...this.#members].some((other) => other !== member && (other.isWaiting || other.inFlight > 0)),
      giveBack: (submittedMs, nowMs) => this.#giveBack(member, submittedMs, nowMs),
      leave: () => this.#leave(member),
    };
  }

  #take(member: Member): boolean {
    const wasIdle = member.inFlight === 0 && !member.isWaiting && !member.isWoken;
    if (wasIdle) member.givenMs = Math.max(member.givenMs, this.#virtualMs);
    member.isWaiting = true;
    if (this.#inFlight >= this.#places || this.#mostDue() !== member) return false;
    member.isWaiting = false;
    member.inFlight++;
    this.#inFlight++;
    this.#virtualMs = Math.max(this.#virtualMs, member.givenMs);
    return true;
  }

  #giveBack(member: Member, submittedMs: number, nowMs: number): number {
    // What was ahead of it in the queue ran until the last completion.
    const elapsedMs = Math.max(0, nowMs - Math.max(submittedMs, this.#lastDoneMs));
    this.#lastDoneMs = nowMs;
    member.givenMs += elapsedMs;
    this.#free(member);
    return elapsedMs;
  }

  #free(member: Member): void {
    if (!this.#members.has(member)) return; // it left, which freed its places
    invariant(member.inFlight > 0, "a place is given back that was not taken");
    member.inFlight--;
    this.#inFlight--;
    this.#offer();
  }

  #leave(member: Member): void {
    if (!this.#members.delete(member)) return;
    this.#inFlight -= member.inFlight;
    this.#offer();
  }

  /** Wakes those that wait, the most due first, until they leave no place free. */
  #offer(): void {
    if (this.#isOffering) return;
    this.#isOffering = true;
    try {
      while (this.#inFlight < this.#places) {
        const next = this.#mostDue();
        if (!next) return;
        next.isWaiting = false;
        next.isWoken = true;
        next.wake();
        next.isWoken = false;
      }
    } finally {
      this.#isOffering = false;
    }
  }

  /** Of those that wait, the one that was given least; among equals, the one with least in flight, then the eldest. */
  #mostDue(): Member | undefined {
    let most: Member | undefined;
    for (const member of this.#members)
      if (member.isWaiting && (!most || isMoreDue(member, most))) most = member;
    return most;
  }
}

function isMoreDue(a: Member, b: Member): boolean {
  return a.givenMs < b.givenMs || (a.givenMs === b.givenMs && a.inFlight < b.inFlight);
}
