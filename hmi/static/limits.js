// Alarm limits as a recipe has them. Pure.

const LEVELS = ["lolo", "lo", "hi", "hihi"];

/** Limits by full tag names; a recipe names its tags without the prefix of the station. */
export function limitsByTag(limits, prefix) {
  return new Map(Object.entries(limits ?? {}).map(([tag, found]) => [
    tag.startsWith(".") ? prefix + tag : tag,
    Object.fromEntries(LEVELS.filter((level) => Number.isFinite(found[level])).map((level) => [level, found[level]])),
  ]));
}
