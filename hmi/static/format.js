// Numbers, units and times as people read them. Pure: nothing here knows the page.

const UNITS = {
  degC: "°C", um: "µm", "m3/h": "m³/h", "mg/cm2": "mg/cm²", "g/cm3": "g/cm³", "1/min": "min⁻¹",
  "kg/h": "kg/h", "-": "", "kJ/kg": "kJ/kg", cm2: "cm²", "um/h": "µm/h",
};

/** The unit as it is written beside a number. @param {string} unit */
export function unitText(unit) {
  return UNITS[unit] ?? unit ?? "";
}

/**
 * A number with as many decimals as its instrument earns, and never a minus zero.
 * @param {number|null|undefined} value @param {number} decimals
 */
export function numberText(value, decimals) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = value.toFixed(Math.min(decimals, 6));
  return text.startsWith("-") && Number(text) === 0 ? text.slice(1) : text;
}

/** Decimals for a tag on a screen: at most five digits that mean something. */
export function screenDecimals(meta) {
  if (!meta) return 1;
  if (meta.k !== "real") return 0;
  const span = Math.max(Math.abs(meta.lo), Math.abs(meta.hi));
  const most = span >= 1000 ? 1 : span >= 100 ? 1 : span >= 10 ? 2 : 3;
  return Math.min(meta.d, most);
}

const two = (n) => String(n).padStart(2, "0");

/** 14:02:33 in the zone of this browser. @param {number} ms */
export function clockText(ms) {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** 2026-11-22. @param {number} ms */
export function dateText(ms) {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

/** 11-22 14:02:33, with its year when that is another one, or the clock alone when it is the same day as now. */
export function momentText(ms, nowMs) {
  const day = dateText(ms), today = dateText(nowMs);
  if (day === today) return clockText(ms);
  return `${day.slice(0, 4) === today.slice(0, 4) ? day.slice(5) : day} ${clockText(ms)}`;
}

/** A length of time: 12 s, 4:05, 2:04:05. @param {number} s */
export function durationText(s) {
  if (!Number.isFinite(s) || s < 0) return "–";
  const whole = Math.round(s);
  if (whole < 60) return `${whole} s`;
  const h = Math.floor(whole / 3600), m = Math.floor((whole % 3600) / 60);
  return h ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`;
}

/** A number as people type it, or null: "1 234.5", "−3", "2,5". */
export function typedNumber(text) {
  const plain = String(text).trim().replace(/[−–]/g, "-").replace(/[０-９．－]/g, (c) =>
    String.fromCharCode(c.charCodeAt(0) - 0xfee0)).replace(",", ".").replace(/\s/g, "");
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain)) return null;
  return Number(plain);
}

/** Where a value lies between two limits, 0 to 1, held inside. */
export function fraction(value, low, high) {
  if (!Number.isFinite(value) || !(high > low)) return 0;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}
