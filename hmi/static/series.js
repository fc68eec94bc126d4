// History for pictures: buckets with minimum and maximum from the server, then what comes live, in a
// ring of twice the window. Pure but for `fetchSeries`.

import { get, LONG_MS } from "./api.js";

/** Columns of a trend: t (s), and for each pen last, low and high. One point a bucket. */
export class Ring {
  /** pens: how many; windowS: seconds that are shown; points: in them. */
  constructor(pens, windowS, points) {
    this.windowS = windowS;
    this.stepS = windowS / points;
    this.room = points * 2;
    this.t = new Float64Array(this.room);
    this.pens = Array.from({ length: pens }, () => ({
      last: new Float64Array(this.room), low: new Float64Array(this.room), high: new Float64Array(this.room),
    }));
    this.length = 0;
  }

  /** Drop the older half when there is no more room: one copy a window, not one a point. */
  make() {
    if (this.length < this.room) return;
    const half = this.room / 2;
    for (const column of [this.t, ...this.pens.flatMap((p) => [p.last, p.low, p.high])]) column.copyWithin(0, half);
    this.length -= half;
  }

  /** A new point with no values in it. */
  open(timeS) {
    this.make();
    const k = this.length++;
    this.t[k] = timeS;
    for (const pen of this.pens) pen.last[k] = pen.low[k] = pen.high[k] = NaN;
    return k;
  }

  /** Live values (NaN where there is none) at a time; opens a new point when the last one is full. */
  add(timeS, values) {
    const newest = this.length - 1;
    if (newest >= 0 && timeS < this.t[newest]) return;
    const k = newest >= 0 && timeS - this.t[newest] < this.stepS ? newest : this.open(timeS);
    for (const [p, value] of values.entries()) {
      if (!Number.isFinite(value)) continue;
      const pen = this.pens[p];
      pen.last[k] = value;
      pen.low[k] = Number.isFinite(pen.low[k]) ? Math.min(pen.low[k], value) : value;
      pen.high[k] = Number.isFinite(pen.high[k]) ? Math.max(pen.high[k], value) : value;
    }
  }

  /** Views of what is in the window that ends at a time. */
  window(endS) {
    let from = 0, to = this.length;
    while (from < to && this.t[from] < endS - this.windowS) from += 1;
    return {
      t: this.t.subarray(from, to),
      pens: this.pens.map((p) => ({ last: p.last.subarray(from, to), low: p.low.subarray(from, to), high: p.high.subarray(from, to) })),
    };
  }
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
    bad: Float64Array.from(one.bad), uncertain: Float64Array.from(one.uncertain),
  }]));
  for (const [name, one] of pens) hold(one, found.series.find((s) => s.tag.name === name).known);
  return { t, stepS, pens };
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
