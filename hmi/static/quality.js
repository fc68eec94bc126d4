// Quality of values: one byte, as OPC UA sorts it.

export const FIRST_UNCERTAIN = 64;
export const FIRST_BAD = 128;
/** Ours: this window has not been told anything of the tag. */
export const NOT_THERE = 256;

const NAMES = {
  0: "good", 64: "uncertain", 65: "held", 66: "range", 67: "suspect", 128: "bad", 129: "no_data",
  130: "link", 131: "stale", 132: "sensor", 133: "not_a_number", 134: "protocol", 135: "station",
  256: "not_there",
};
const MARKS = { good: "", uncertain: "~", bad: "?", stale: "", none: "" };

/** Key of the words for a quality. @param {number} quality */
export const qualityKey = (quality) => `quality.${NAMES[quality] ?? (quality < 128 ? "uncertain" : "bad")}`;

/** The mark behind a value: ~ uncertain, H held, ? bad. */
export const qualityMark = (state, quality) => (quality === 65 && state === "uncertain" ? "H" : MARKS[state]);
