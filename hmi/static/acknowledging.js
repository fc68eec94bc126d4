// Which frames a window acknowledges: every one, but of those that come close together every second.

const CLOSE_MS = 150; // frames come ten times a second while something changes

/**
 * The acknowledgements of one socket. Never is more than one frame owed, and never for longer than
 * CLOSE_MS, so at most three may be on the way as if each were acknowledged.
 */
export class Acknowledging {
  #say;
  #saidMs = -Infinity;
  #owed = null; // timer of the one that is

  /** @param {(position: number) => void} say */
  constructor(say) {
    this.#say = say;
  }

  /** A frame was taken. nowMs: monotonic. */
  took(position, nowMs) {
    const owes = this.#owed !== null;
    this.end();
    if (owes || nowMs - this.#saidMs >= CLOSE_MS) this.atOnce(position, nowMs);
    else this.#owed = setTimeout(() => this.atOnce(position, nowMs + CLOSE_MS), CLOSE_MS);
  }

  /** This one is acknowledged whatever came before. */
  atOnce(position, nowMs) {
    this.end();
    this.#saidMs = nowMs;
    this.#say(position);
  }

  /** Nothing is owed any more. */
  end() {
    clearTimeout(this.#owed);
    this.#owed = null;
  }
}
