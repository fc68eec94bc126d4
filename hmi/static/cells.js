// Cells: one for each tag, with its value, its quality, and whether it is of now.
//
// Everything that shows a live value draws from a cell. A cell says itself whether its value may be
// believed, so nothing that shows one can forget to.

import { batch, signal } from "@preact/signals";
import { FIRST_BAD, FIRST_UNCERTAIN, NOT_THERE } from "./quality.js";

/** connecting | live | stale | closed (the session has ended) */
export const link = signal("connecting");
/** Names of stations whose controller stands still, though the socket lives. */
export const frozen = signal(new Set());

const isStale = (meta) => link.peek() !== "live" || (meta !== null && frozen.peek().has(meta.s));

/** One tag as this window knows it. */
class Cell {
  constructor(name) {
    this.name = name;
    this.meta = null;
    this.value = null;
    this.quality = NOT_THERE;
    this.timeMs = 0;
    this.listeners = new Set();
    this.kept = null;
  }

  /** good | uncertain | bad | stale | none */
  get state() {
    if (this.quality === NOT_THERE) return "none";
    if (isStale(this.meta)) return "stale";
    if (this.quality >= FIRST_BAD) return "bad";
    return this.quality >= FIRST_UNCERTAIN ? "uncertain" : "good";
  }

  /** The value, when it may be used, else null. */
  get usable() {
    const state = this.state;
    return state === "good" || state === "uncertain" ? this.value : null;
  }

  /** As a signal, for what is drawn as a whole; changes with value and state. */
  get now() {
    if (!this.kept) this.kept = signal(this.look());
    return this.kept;
  }

  look() {
    return { value: this.value, quality: this.quality, state: this.state, meta: this.meta };
  }

  tell() {
    for (const listener of this.listeners) listener(this);
    if (this.kept) {
      const was = this.kept.peek(), is = this.look();
      const same = was.value === is.value && was.quality === is.quality && was.state === is.state;
      if (!same || was.meta !== is.meta) this.kept.value = is;
    }
  }
}

/** All cells by name. */
export const cells = new Map();

/** The cell of a tag; it is filled while somebody watches it. */
export function cell(name) {
  let found = cells.get(name);
  if (!found) cells.set(name, (found = new Cell(name)));
  return found;
}

/** Every cell draws itself again: what may be believed has changed. */
export const tellAll = () => batch(() => { for (const one of cells.values()) one.tell(); });
