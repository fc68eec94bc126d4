// A catalogue of phrases: whole ones, and patterns as "{a} set point" whose parts are looked up again.
// Pure, so that tests can ask it what has no translation.

const SIGNS = /[.*+?^$|()[\]\\/]/g;

/** @param {Record<string, string>} catalogue */
export function phrases(catalogue) {
  const whole = new Map(), patterns = [];
  for (const [key, text] of Object.entries(catalogue)) {
    if (/\{\w+\}/.test(key)) patterns.push(pattern(key, text));
    else whole.set(key, text);
  }
  patterns.sort((a, b) => b.weight - a.weight);
  const found = new Map();

  /** The translation, or undefined. */
  function look(words, depth = 0) {
    if (whole.has(words)) return whole.get(words);
    if (found.has(words)) return found.get(words);
    let text;
    if (depth < 5) for (const one of patterns) if ((text = fill(one, words, depth)) !== undefined) break;
    if (found.size > 5000) found.clear(); // values within sentences never end
    found.set(words, text);
    return text;
  }

  function fill(one, words, depth) {
    const match = one.fits.exec(words);
    if (!match) return undefined;
    return one.text.replace(/\{(\w+)\}/g, (_, name) => look(match.groups[name], depth + 1) ?? match.groups[name]);
  }
  return look;
}

// What a part may be, by its name; others may be anything.
const KINDS = { tag: "[A-Z][A-Z0-9_.]*", n: "\\d+", verb: "[A-Z]+", machine_mode: "[^(]+?", clock: "\\d+:\\d\\d:\\d\\d" };

/** What says more itself is tried first: a whole sentence before what could be a part of it. */
function pattern(key, text) {
  const source = key.replace(SIGNS, "\\$&").replace(/\{(\w+)\}/g, (_, name) => `(?<${name}>${KINDS[name] ?? ".+?"})`);
  return { fits: new RegExp(`^${source}$`, "s"), text, weight: key.replace(/\{\w+\}/g, "").length };
}
