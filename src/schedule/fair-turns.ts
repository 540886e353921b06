// Whose work a queue takes next when several calls share it. The call that the queue has worked for the least goes first, so
// a short call never waits for all of a long one. Pure: the caller passes the time in.
// After start-time fair queueing (Goyal, Vin and Cheng 1996): time during which a call was idle is not saved up.
import { invariant } from "../util/invariant.js";

/** One member's claim on a queue. */
export interface Turn {
  /** Takes a place in the queue. If it returns false, `wake` is called once it is this member's turn. */
  take(): boolean;
  /** Gives back a place that was taken and not used. */
  cancel(): void;
  /** Whether other members wait for the queue or have work on it. */
  isShared(): boolean;
  /** Gives back the place of work submitted at `submittedMs`, which is done. Returns how long the queue worked on it. */
  giveBack(submittedMs: number, nowMs: number): number;
  /** Ends the membership and frees its places. */
  leave(): void;
}

interface Member {
  readonly wake: () => void;
  /** How long the queue has worked for this member. Time that it was idle counts as if it had been served. */
  givenMs: number;
  inFlight: number;
  isWaiting: boolean;
  /** Whether `wake` is being called. */
  isWoken: boolean;
}

export class FairTurns {
  readonly #places: number;
  readonly #members = new Set<Member>();
  #inFlight = 0;
  #lastDoneMs = -Infinity;
  /** `givenMs` of the member that took a place last: the service clock of the queue. */
  #virtualMs = 0;
  #isOffering = false;

  /** `places`: how many submissions the queue holds at once. */
  constructor(places: number) {
    invariant(places >= 1, `a queue with ${places} places`);
    this.#places = places;
  }

  /** `wake` is called when a member that was refused has its turn. It may call `take` again, or let the turn pass. */
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
    // Until the last completion, the queue worked on what was ahead.
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

  /** Wakes waiting members, the most due first, until no place is free. */
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

  /** The waiting member that was given the least time; among equals the one with least in flight, then the oldest. */
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
