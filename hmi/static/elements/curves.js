// Curves on one axis, drawn in SVG: they print as they are seen. Lines differ by dash as well as by
// colour; a cursor reads them; what is not known is a gap.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { durationText, numberText, unitText } from "../format.js";
import { t } from "../i18n.js";

const W = 1000, H = 100;
export const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [14, 4], [1, 2], [6, 2, 1, 2]];
const dashOf = (pen) => DASHES[pen % DASHES.length].join(" ");

/** Of some columns and limits: lowest and highest (least, most), and a little wider (low, high), what is
 * drawn; null when nothing is known. */
export function spanOf(columns, limits = []) {
  let low = Infinity, high = -Infinity;
  for (const column of columns) {
    for (const v of column) {
      if (v === null || !Number.isFinite(v)) continue;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  if (!(high >= low)) return null;
  for (const v of limits) if (Number.isFinite(v ?? NaN)) { low = Math.min(low, v); high = Math.max(high, v); }
  const more = (high - low) * 0.06 || Math.abs(high) * 0.02 || 1;
  return { low: low - more, high: high + more, least: low, most: high };
}

/** Digits after the point that tell a span apart. */
export const decimalsOf = ({ low, high }) => Math.max(0, Math.min(4, 2 - Math.floor(Math.log10(high - low))));

/** A path with a gap where a value is null. x(position), y(value): in the drawing. */
export function pathOf(position, values, x, y) {
  let text = "", pen = false;
  for (let k = 0; k < values.length; k += 1) {
    const v = values[k];
    if (v === null || !Number.isFinite(v)) { pen = false; continue; }
    const before = !pen && (values[k + 1] ?? null) === null;
    text += `${pen ? "L" : "M"}${x(position[k]).toFixed(1)} ${y(v).toFixed(2)}${before ? "h.5" : ""}`;
    pen = true;
  }
  return text;
}

/** The ground between two columns, broken where one is not known. */
export function bandOf(position, lows, highs, x, y) {
  let text = "", run = [];
  const close = () => {
    if (run.length > 1) text += `M${run.map((k) => `${x(position[k]).toFixed(1)} ${y(highs[k]).toFixed(2)}`).join("L")}L${run.reverse().map((k) => `${x(position[k]).toFixed(1)} ${y(lows[k]).toFixed(2)}`).join("L")}Z`;
    run = [];
  };
  for (let k = 0; k < position.length; k += 1) {
    if (lows[k] === null || highs[k] === null) close();
    else run.push(k);
  }
  close();
  return text;
}

/** Round steps of an axis in s or m: about `most` of them. */
export function ticksOf(low, high, unit, most = 8) {
  const steps = unit === "s" ? [1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 604800]
    : [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
  const step = steps.find((s) => (high - low) / s <= most) ?? steps[steps.length - 1];
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step) found.push(Math.round(v * 10) / 10);
  return found;
}

/** A place on an axis in words: 4:05 or -0:20 of seconds, 12.5 m of metres. */
export const placeText = (value, unit) => (unit === "m" ? `${numberText(value, 1)} m` : `${value < 0 ? "−" : ""}${durationText(Math.abs(value))}`);

/**
 * One panel. position: of the columns; lines: [{name, values, pen, base}]; band: {mean, sd} of base;
 * limits: {low, high}; low, high: of the axis; cursor: signal of a place on the axis, shared by panels.
 */
export function Curves({ title, unit, position, lines, band, limits, low, high, axisUnit, cursor, bare = false }) {
  const edges = band ? { low: band.mean.map((m, k) => (m === null || band.sd[k] === null ? null : m - 2 * band.sd[k])), high: band.mean.map((m, k) => (m === null || band.sd[k] === null ? null : m + 2 * band.sd[k])) } : null;
  const columns = [...lines.map((l) => l.values), ...(edges ? [edges.low, edges.high] : [])];
  const span = spanOf(columns, [limits?.low, limits?.high]);
  const heading = html`<figcaption><span>${title}</span> <small>${unitText(unit)}</small></figcaption>`;
  if (!span) return html`<figure class="curves">${heading}<p class="note">${t("curves.nothing")}</p></figure>`;
  const x = (p) => ((p - low) / (high - low)) * W, y = (v) => H - ((v - span.low) / (span.high - span.low)) * H;
  const digits = decimalsOf(span), at = cursor?.value ?? null;
  return html`<figure class=${bare ? "curves bare" : "curves"}>${heading}
    <div class="curves-box"><span class="axis-high">${numberText(span.most, digits)}</span><span class="axis-low">${numberText(span.least, digits)}</span>
      <svg viewBox=${`0 0 ${W} ${H}`} preserveAspectRatio="none" role="img" aria-label=${t("curves.label", { what: title, names: lines.map((l) => l.name).join(", ") })} ...${handlersOf(cursor, low, high)}>
        ${ticksOf(low, high, axisUnit).map((v) => html`<path key=${v} class="tickline" d=${`M${x(v).toFixed(1)} 0V${H}`} />`)}
        ${edges && html`<path class="spread" d=${bandOf(position, edges.low, edges.high, x, y)} />`}
        ${["low", "high"].filter((e) => Number.isFinite(limits?.[e] ?? NaN)).map((e) => html`<path key=${e} class="limit" d=${`M0 ${y(limits[e]).toFixed(2)}H${W}`} />`)}
        ${lines.map((l) => html`<path key=${l.name} class=${`curve line${l.pen % 8}${l.base ? " base" : ""}`} stroke-dasharray=${dashOf(l.pen)} d=${pathOf(position, l.values, x, y)} />`)}
        ${at !== null && html`<path class="cursor" d=${`M${x(at).toFixed(1)} 0V${H}`} />`}</svg></div>
    ${at !== null && html`<p class="reading">${lines.map((l) => html`<span key=${l.name}><${PenMark} pen=${l.pen} /> <b>${numberText(valueAt(position, l.values, at), digits)}</b></span>`)}</p>`}</figure>`;
}

/** A line as a pen draws it. */
export const PenMark = ({ pen }) => html`<svg class=${`pen pen${pen % DASHES.length}`} viewBox="0 0 28 4" aria-hidden="true"><path d="M0 2h28" stroke-dasharray=${dashOf(pen)} /></svg>`;

/** The value whose place is nearest. */
export function valueAt(position, values, place) {
  let best = -1;
  for (let k = 0; k < position.length; k += 1) {
    if (best < 0 || Math.abs(position[k] - place) < Math.abs(position[best] - place)) best = k;
  }
  return best < 0 ? null : values[best];
}

function handlersOf(cursor, low, high) {
  if (!cursor) return {};
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    cursor.value = low + ((event.clientX - box.left) / box.width) * (high - low);
  };
  return { onPointerMove: move, onPointerDown: move, onPointerLeave: () => { cursor.value = null; } };
}

/** The axis below some panels. */
export function AxisBelow({ low, high, unit, text, cursor }) {
  return html`<div class="axis-below"><div class="axis-ticks" aria-hidden="true">${ticksOf(low, high, unit).map((v) => html`<span key=${v} style=${{ left: `${((v - low) / (high - low)) * 100}%` }}>${placeText(v, unit)}</span>`)}</div>
    <p class="note">${text}${cursor?.value != null && html` · <b>${placeText(cursor.value, unit)}</b>`}</p></div>`;
}

/** Whether a cursor is wanted: one signal for all panels of a picture. */
export const useCursor = () => useSignal(/** @type {number|null} */ (null));
