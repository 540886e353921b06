// What tabs say to each other where no worker can be shared. All hear the hall, by which sessions and the host find each other; then
// each session has a line of its own, so that none hears what is said to another: a MessagePort in the tab that has the worker, and
// from other tabs, to which no port can be passed, a BroadcastChannel.
import type { Reply, Request } from "../messages.js";

/**
 * In the hall: a session looks for the host, or the host that serves from now on tells all. A host's name is also that of the lock that
 * it holds as long as it lives.
 */
export type HallMessage = Seeking | { readonly host: string };

/** A session, by the name of its line, and the lock that its page holds as long as it is there. */
export interface Seeking {
  readonly session: string;
  readonly lock: string;
}

/** To the worker, from its tab: the names of the hall and its own, and the session whose port comes along. */
export interface Opening extends Seeking {
  readonly hall: string;
  readonly host: string;
}

/** To the host with this name, and to none after it. */
export interface ToHost {
  readonly host: string;
  readonly request: Request;
}

/** To a session. Without replies it says that the host listens, or that `isTrained` has changed. */
export interface ToSession {
  readonly host: string;
  /** Whether weights were trained, which a host after it would not have. */
  readonly isTrained: boolean;
  readonly replies: readonly Reply[];
}
