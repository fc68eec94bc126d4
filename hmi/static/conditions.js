// Permissives and trips of a station as a person reads them. Pure.

/** What the rows of a station mean to who wants to start: {blocking, tripped, bypassed}, what came first first. */
export function sorted(rows) {
  return {
    blocking: rows.filter((row) => row.kind === "permissive" && !row.ok && !row.bypass),
    tripped: rows.filter((row) => row.kind === "trip" && (row.latched || !row.ok)).sort((a, b) => Number(b.first_out) - Number(a.first_out)),
    bypassed: rows.filter((row) => row.bypass),
  };
}
