// History of some pens in a ring, and what comes live after it. What a window has missed (it was hidden,
// the link was lost) is a gap at once and is asked for a little later, when it has been recorded.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "./i18n.js";
import { cell, link, serverT } from "./live.js";
import { BAD, copyPoint, fetchSeries, GOOD, NOTHING, Ring, UNCERTAIN } from "./series.js";
import { iso } from "./trend_window.js";

const FEED_MS = 500, HOLE_MS = 3000, AGAIN_MS = 5000, REFUSED_MS = 60000;
const SETTLE_MS = 3000; // the newest seconds are not recorded yet when they are asked for
const SPREAD_MS = 3000; // many windows find their way back at once
const TAIL = 20, FINE_S = 60; // buckets that are asked for a second time, where they are fine enough to matter
const WORST = { good: GOOD, uncertain: UNCERTAIN, bad: BAD, stale: NOTHING, none: GOOD };

/**
 * {ring, told}, signals: null until there is an answer, and words while there is none. Another question
 * ends it. mended: the newest buckets are asked for a second time, where a moment of Bad quality is to be seen.
 */
export function useHistory(pens, range, points, { mended = true } = {}) {
  const key = JSON.stringify([pens, range, points]);
  const told = useSignal(""), ring = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    if (!pens.length) return undefined;
    const over = new AbortController();
    let timer = 0;
    const later = (work, ms) => {
      clearTimeout(timer);
      timer = setTimeout(work, ms);
    };
    const ask = async () => {
      try {
        const found = await filled(pens, range, points, over.signal);
        ring.value = found;
        told.value = "";
        if (mended && !range.stop && found.stepS <= FINE_S) later(mending(found, over.signal), SETTLE_MS);
      } catch (error) {
        if (over.signal.aborted) return;
        told.value = t("trend.failed", { code: error.code ?? error.message });
        if (ring.peek()?.key !== key) ring.value = range.stop ? null : emptyRing(pens, range, points); // it begins now
        later(ask, error.status >= 400 && error.status < 500 ? REFUSED_MS : AGAIN_MS);
      }
    };
    told.value = t("trend.asking");
    ask();
    const feeding = range.stop ? 0 : setInterval(feeder(ring, key, () => later(ask, SETTLE_MS + SPREAD_MS * Math.random())), FEED_MS);
    return () => {
      over.abort();
      clearTimeout(timer);
      clearInterval(feeding);
    };
  }, [key]);
  return { told, ring };
}

/** key: what it answers; at: when it was made, by the clock of this window. */
function emptyRing(pens, range, points) {
  const windowS = range.stop ? range.stop - range.start : range.minutes * 60;
  return Object.assign(new Ring(pens.length, windowS, points), { names: pens, key: JSON.stringify([pens, range, points]), at: performance.now() });
}

/** A ring with what history knows. */
async function filled(pens, range, points, signal) {
  const [start, stop] = range.stop ? [iso(range.start), iso(range.stop)] : [`-${range.minutes}m`, "now"];
  const found = await fetchSeries(pens, start, stop, points, { signal });
  const ring = emptyRing(pens, range, points);
  for (let k = 0; k < found.t.length; k += 1) {
    ring.open(found.t[k]);
    for (const [p, name] of pens.entries()) copyPoint(ring.pens[p], k, found.pens.get(name), k);
  }
  return ring;
}

/** What asks for the newest buckets of a ring once more. */
function mending(ring, signal) {
  const last = ring.length - 1, first = Math.max(0, last - TAIL + 1), names = ring.names;
  const start = iso(ring.t[first]), stop = iso(ring.t[last] + ring.stepS);
  return async () => {
    const found = await fetchSeries(names, start, stop, last - first + 1, { signal }).catch(() => null); // then it stays as it is
    if (found) ring.mend(found, names);
  };
}

/** What adds the values of now. key: of the ring it is for; onHole(): something was missed. */
function feeder(ring, key, onHole) {
  let fed = null, fedAt = 0, lost = false;
  return () => {
    const own = ring.peek(), now = performance.now();
    if (document.hidden || own?.key !== key) return;
    if (own !== fed) [fed, fedAt, lost] = [own, own.at, false];
    if (link.peek() !== "live") {
      lost = true;
      return;
    }
    const nowS = serverT.peek() / 1000;
    if (lost || now - fedAt > HOLE_MS) {
      own.gap(nowS);
      onHole();
    }
    [fedAt, lost] = [now, false];
    own.add(nowS, own.names.map((name) => cell(name).usable ?? NaN), own.names.map((name) => WORST[cell(name).state]));
  };
}
