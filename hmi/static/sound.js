// How alarms sound: which pattern, and when. Pure; horn.js makes it heard.

/** priority -> tones of a pattern: hertz, and seconds from one beginning to the next (0: once). */
export const PATTERNS = { 1: { hz: 880, everyS: 0.8 }, 2: { hz: 660, everyS: 2.5 }, 3: { hz: 520, everyS: 0 }, 4: null };

/** Alarms that ask and make a sound, by id and occurrence, the gravest first. */
export function sounding(alarms) {
  return [...alarms].filter((a) => a.asks && PATTERNS[a.priority])
    .sort((a, b) => a.priority - b.priority)
    .map((a) => ({ key: `${a.id} ${a.occurrence}`, priority: a.priority }));
}

/** The pattern that is heard now; silenced: keys that somebody has silenced, heard: those of which the single tone was given. */
export function heardNow(asking, silenced, heard) {
  const [first] = asking.filter((a) => !silenced.has(a.key) && !(PATTERNS[a.priority].everyS === 0 && heard.has(a.key)));
  return first ?? null;
}
