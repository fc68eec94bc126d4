// What this window does to the machine it runs on: long tasks, memory, frames, the age of the picture.

import { counts, seenT } from "./live.js";

const LEAST_S = 0.8;

export const longTasks = { count: 0, longestMs: 0, known: false };

if (globalThis.PerformanceObserver?.supportedEntryTypes?.includes("longtask")) {
  longTasks.known = true;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      longTasks.count += 1;
      longTasks.longestMs = Math.max(longTasks.longestMs, duration);
    }
  }).observe({ type: "longtask", buffered: true });
}

/** Used memory in MB; null where the browser does not say. */
export const heapMb = () => (performance.memory ? performance.memory.usedJSHeapSize / 1e6 : null);

/** How much the clock of this browser is ahead of plant time (s). */
export const aheadS = () => (seenT() ? (Date.now() - seenT()) / 1000 : null);

/** Frames and bytes a second between two looks. */
export function rates() {
  let at = performance.now(), frames = counts.frames, bytes = counts.bytes, found = { frames: 0, bytes: 0 };
  return () => {
    const now = performance.now(), s = (now - at) / 1000;
    if (s < LEAST_S) return found; // drawn for another reason: too short to say
    found = { frames: (counts.frames - frames) / s, bytes: (counts.bytes - bytes) / s };
    [at, frames, bytes] = [now, counts.frames, counts.bytes];
    return found;
  };
}
