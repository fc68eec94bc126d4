// How numbers spread: what half of them and all but one of a hundred do not exceed.

const LEAST = 10;

/** The value at a share of an ordered list (nearest rank). */
export const rank = (ordered, share) => ordered[Math.max(0, Math.ceil(share * ordered.length) - 1)];

/** {p50, p99, max} of numbers, or null where there are too few to say. @param {number[]} found */
export function spread(found) {
  if (found.length < LEAST) return null;
  const ordered = [...found].sort((a, b) => a - b);
  return { p50: rank(ordered, 0.5), p99: rank(ordered, 0.99), max: ordered[ordered.length - 1] };
}
