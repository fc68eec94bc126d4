// The order of stations in menus.

const PLACES = { coater: 1, calender: 2, enclosure: 3 };
const LAST = 99;

/** Along the web, by their kinds; kinds that nobody has placed come last. */
export const alongWeb = (a, b) => (PLACES[a.kind] ?? LAST) - (PLACES[b.kind] ?? LAST);
