// Windows of a trend: {minutes} that end now, or {start, stop} in seconds. Pure.

export const LONGEST_MIN = 43_200; // 30 days
const SHORTEST_MIN = 1;

const widthS = (range) => (range.stop ? range.stop - range.start : range.minutes * 60);
const untilNow = (s) => ({ minutes: Math.min(LONGEST_MIN, Math.max(SHORTEST_MIN, Math.round(s / 60))) });

/** Moved by a share of its width; what would reach into the future ends now. */
export function moved(range, by, nowS) {
  const width = widthS(range), stop = (range.stop ?? nowS) + by * width;
  return stop >= nowS ? untilNow(width) : { start: stop - width, stop };
}

/** Twice as wide about its middle, at most 30 days, and never into the future. */
export function widened(range, nowS) {
  const width = Math.min(2 * widthS(range), LONGEST_MIN * 60);
  if (!range.stop) return untilNow(width);
  const stop = (range.start + range.stop) / 2 + width / 2;
  return stop >= nowS ? untilNow(width) : { start: stop - width, stop };
}

/** Where the samples of a window lie as a file. what: buckets or raw. */
export function exportAddress(what, pens, range, n) {
  const query = new URLSearchParams(pens.map((pen) => ["tag", pen]));
  const [start, stop] = range.stop ? [iso(range.start), iso(range.stop)] : [`-${range.minutes}m`, "now"];
  query.set("start", start);
  query.set("stop", stop);
  query.set("zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  if (n) query.set("n", n);
  query.set("format", "csv");
  return `/api/v1/history/${what}?${query}`;
}

export const iso = (s) => new Date(s * 1000).toISOString();
