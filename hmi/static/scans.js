// How punctual the scans of a station are, as this window sees it: the last minute, counted.

import { signal } from "@preact/signals";
import { cell, watch } from "./live.js";
import { spread } from "./spread.js";

const MOST = 600; // a minute at ten frames a second
const EACH_MS = 1000;

/** Begin counting; `spreads` changes once a second: {late, took} as `spread` gives it. end(): stop. */
export function countScans(prefix) {
  const late = [], took = [], spreads = signal({ late: null, took: null });
  const scan = cell(`${prefix}.SCAN.COUNT`), of = [[`${prefix}.SCAN.LATE`, late], [`${prefix}.SCAN.TOOK`, took]];
  let seen = null;
  const listener = () => {
    if (scan.state !== "good" || scan.value === seen) return;
    seen = scan.value;
    for (const [name, found] of of) {
      const { usable } = cell(name);
      if (usable !== null) found.push(usable);
      if (found.length > MOST) found.shift();
    }
  };
  scan.listeners.add(listener);
  const release = watch(of.map(([name]) => name));
  const timer = setInterval(() => { spreads.value = { late: spread(late), took: spread(took) }; }, EACH_MS);
  const end = () => {
    scan.listeners.delete(listener);
    release();
    clearInterval(timer);
  };
  return { spreads, end };
}
