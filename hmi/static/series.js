// History for pictures: buckets with minimum and maximum from the server, then what comes live, in a
// ring of twice the window. Pure but for `fetchSeries`.

import { get, LONG_MS } from "./api.js";

/** What is known of a point: worse ones are greater. */
export const GOOD = 0;
export const UNCERTAIN = 1;
export const BAD = 2;
export const NOTHING = 3;

const COLUMNS = ["last", "low", "high", "worst"]; // of a pen

/** Columns of a trend: t (s), and for each pen last, low, high and quality. One point a bucket. */
export class Ring {
  /** pens: how many; windowS: seconds that are shown; points: in them. */
  constructor(pens, windowS, points) {
    this.windowS = windowS;
    this.stepS = windowS / points;
    this.room = points * 2;
    this.t = new Float64Array(this.room);
    this.pens = Array.from({ length: pens }, () => ({
      last: new Float64Array(this.room), low: new Float64Array(this.room), high: new Float64Array(this.room),
      worst: new Uint8Array(this.room),
    }));
    this.length = 0;
  }

  /** Drop the older half when there is no more room: one copy a window, not one a point. */
  make() {
    if (this.length < this.room) return;
    const half = this.room / 2;
    for (const column of [this.t, ...this.pens.flatMap((p) => COLUMNS.map((name) => p[name]))]) column.copyWithin(0, half);
    this.length -= half;
  }

  /** A new point with no values in it. */
  open(timeS) {
    this.make();
    const k = this.length++;
    this.t[k] = timeS;
    for (const pen of this.pens) {
      pen.last[k] = pen.low[k] = pen.high[k] = NaN;
      pen.worst[k] = GOOD;
    }
    return k;
  }

  /** Live values (NaN where there is none) at a time, and what is known of each; opens a new point when the last one is full. */
  add(timeS, values, worst = []) {
    const newest = this.length - 1;
    if (newest >= 0 && timeS < this.t[newest]) return;
    const k = newest >= 0 && timeS - this.t[newest] < this.stepS ? newest : this.open(timeS);
    for (const [p, value] of values.entries()) {
      const pen = this.pens[p];
      pen.worst[k] = Math.max(pen.worst[k], worst[p] ?? GOOD);
      if (!Number.isFinite(value)) continue;
      pen.last[k] = value;
      pen.low[k] = Number.isFinite(pen.low[k]) ? Math.min(pen.low[k], value) : value;
      pen.high[k] = Number.isFinite(pen.high[k]) ? Math.max(pen.high[k], value) : value;
    }
  }

  /** Nothing is known from the newest point to a time: the line is broken, not drawn across. */
  gap(untilS) {
    const newest = this.length - 1;
    if (newest < 0) return;
    const k = untilS - this.t[newest] < 2 * this.stepS ? newest : this.open(this.t[newest] + this.stepS);
    for (const pen of this.pens) pen.worst[k] = NOTHING;
  }

  /** Buckets as history knows them by now, in place of those that were asked for too early. names: of the pens. */
  mend(found, names) {
    const newest = found.t.length - 1;
    for (const [k, timeS] of found.t.entries()) {
      const i = this.t.subarray(0, this.length).findLastIndex((own) => Math.abs(own - timeS) < this.stepS / 2);
      if (i < 0) continue;
      for (const [p, pen] of this.pens.entries()) (k < newest ? copyPoint : mergePoint)(pen, i, found.pens.get(names[p]), k);
    }
  }

  /** Views of what is in the window that ends at a time. */
  window(endS) {
    let from = 0, to = this.length;
    while (from < to && this.t[from] < endS - this.windowS) from += 1;
    return {
      t: this.t.subarray(from, to),
      pens: this.pens.map((p) => Object.fromEntries(COLUMNS.map((name) => [name, p[name].subarray(from, to)]))),
    };
  }
}

/** Point k of a pen in place of point i of another. */
export function copyPoint(pen, i, found, k) {
  for (const column of COLUMNS) pen[column][i] = found[column][k];
}

/** The same where live values may have come into the point already. */
function mergePoint(pen, i, found, k) {
  pen.worst[i] = Math.max(pen.worst[i], found.worst[k]);
  if (!Number.isFinite(found.last[k])) return;
  if (!Number.isFinite(pen.last[i])) pen.last[i] = pen.low[i] = pen.high[i] = found.last[k];
  pen.low[i] = Math.min(pen.low[i], found.low[k]);
  pen.high[i] = Math.max(pen.high[i], found.high[k]);
}

/** Numbers with NaN where the server had none. */
const numbers = (column) => Float64Array.from(column, (v) => (v === null ? NaN : v));

/**
 * Buckets of tags in a window. start, stop: as the server reads them.
 * @returns {Promise<{t: Float64Array, stepS: number, pens: Map<string, {last, low, high, quality}>}>}
 */
export async function fetchSeries(tags, start, stop, n, more = {}) {
  const found = await get("/history/buckets", { tag: tags, start, stop, n }, { deadline: LONG_MS, ...more });
  return bucketsOf(found);
}

/** An answer of history/buckets in columns; a bucket of which nothing is known is a gap. */
export function bucketsOf(found) {
  const n = found.edges_ns.length - 1;
  const stepS = (found.stop_ns - found.start_ns) / n / 1e9;
  const t = Float64Array.from({ length: n }, (_, k) => found.start_ns / 1e9 + k * stepS);
  const pens = new Map(found.series.map((one) => [one.tag.name, {
    last: numbers(one.last), low: numbers(one.min), high: numbers(one.max), tag: one.tag,
    worst: worstOf(one),
  }]));
  for (const [name, one] of pens) hold(one, found.series.find((s) => s.tag.name === name).known);
  return { t, stepS, pens };
}

/**
 * What is known of each bucket. A quality lasts until the next sample: after one that is not
 * Good nothing is known until there is a Good one again.
 */
export function worstOf({ bad, uncertain, known, count }) {
  let lasts = GOOD;
  return Uint8Array.from(bad, (bads, k) => {
    const there = known[k] > 0.5;
    if (bads + uncertain[k] + count[k] > 0) lasts = bads > 0 ? BAD : uncertain[k] > 0 ? UNCERTAIN : GOOD;
    else if (there) lasts = GOOD;
    else if (lasts === GOOD) return NOTHING;
    return lasts;
  });
}

/** Stretches of a pen of which something is wrong, each until the next point: {fromS, toS, worst}. */
export function qualityRuns(t, worst, stepS) {
  const runs = [];
  for (let k = 0; k < t.length; k += 1) {
    if (worst[k] === GOOD) continue;
    const before = runs[runs.length - 1], toS = Math.max(t[k] + stepS, t[k + 1] ?? 0);
    if (before?.worst === worst[k] && t[k] - before.toS < stepS) before.toS = toS;
    else runs.push({ fromS: t[k], toS, worst: worst[k] });
  }
  return runs;
}

/** Marks that would lie closer than leastS on the time axis, together: {atS, marks}. Oldest first. */
export function clustered(marks, leastS) {
  const found = [];
  for (const mark of [...marks].sort((a, b) => a.atS - b.atS)) {
    const before = found[found.length - 1];
    if (before && mark.atS - before.atS < leastS) before.marks.push(mark);
    else found.push({ atS: mark.atS, marks: [mark] });
  }
  return found;
}

/** Between samples that are stored only on change the last value holds; where nothing is known not. */
function hold(pen, known) {
  let before = NaN;
  for (let k = 0; k < pen.last.length; k += 1) {
    if (Number.isFinite(pen.last[k])) before = pen.last[k];
    else if (known[k] > 0.5) pen.last[k] = pen.low[k] = pen.high[k] = before;
    else before = NaN;
  }
}
