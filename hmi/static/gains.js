// Gains of a loop as texts, and what a rehearsal says of them. Pure.

/** Six digits that mean something, without the exponents that nobody types. */
export function shownGain(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  const text = String(Number(value.toPrecision(6)));
  return text.includes("e") ? value.toFixed(12).replace(/\.?0+$/, "") : text;
}

/** As the command TUNE takes them. */
export const gainsText = ({ kc, ti_s: ti, td_s: td }) => [kc, ti, td].map(String).join(",");

/** "Kc 20 → 18, Ti 90 → 110 s ?": only what changes. */
export function tuningWords(now, next) {
  const rows = [["Kc", "kc", ""], ["Ti", "ti_s", " s"], ["Td", "td_s", " s"]];
  const changed = rows.filter(([, field]) => now[field] !== next[field]);
  return `${changed.map(([name, field, unit]) => `${name} ${shownGain(now[field])} → ${shownGain(next[field])}${unit}`).join(", ")} ?`;
}

/** Rows of a table: a figure of the loop with the present gains and with the new ones. */
export function loopRows(record, loop) {
  const one = (runs) => runs?.[0]?.loops.find((l) => l.loop === loop) ?? null;
  const present = one(record.against?.runs), next = one(record.runs);
  if (!next) return [];
  const figures = [
    ["iae", (l) => l.iae, next.unit, " min"], ["mean_error", (l) => l.mean_error, next.unit], ["worst", (l) => l.worst, next.unit],
    ["settle", (l) => l.changes[0]?.settle_s, "s"], ["overshoot", (l) => l.changes[0]?.overshoot, next.unit], ["limited", (l) => l.limited_pct, "%"],
  ];
  return figures.map(([key, of, unit, times = ""]) => ({ key, unit, times, present: present ? (of(present) ?? null) : null, next: of(next) ?? null }));
}

/** The extent of some columns with a little room; null when no number is in them. */
export function extentOf(columns) {
  let low = Infinity, high = -Infinity;
  for (const column of columns) {
    for (const v of column ?? []) {
      if (v === null) continue;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  if (low > high) return null;
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - room, high + room];
}
