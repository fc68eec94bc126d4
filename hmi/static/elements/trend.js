// A trend: uPlot on a canvas, lines that differ by dash as well as colour, a band from minimum to
// maximum, a cursor that reads values, and the same as a table for who cannot see a canvas.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useWatch } from "../bind.js";
import { clockText, dateText, momentText, numberText, screenDecimals, unitText } from "../format.js";
import { language, said, t } from "../i18n.js";
import { cell, link, serverT } from "../live.js";
import { metaOf } from "../plant.js";
import { fetchSeries, Ring } from "../series.js";
import { theme } from "../theme.js";

const DRAW_MS = 500;
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [14, 4], [1, 2], [6, 2, 1, 2]];
export const MOST_PENS = 8;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Texts of a time axis: the clock, and the day where it changes; 24 hours, no am and pm. */
export function axisTexts(splits) {
  let day = "";
  const span = splits.length > 1 ? splits[splits.length - 1] - splits[0] : 0;
  return splits.map((s) => {
    const clock = clockText(s * 1000), own = dateText(s * 1000).slice(5);
    const shown = span > 300 ? clock.slice(0, 5) : clock;
    const text = own !== day && (day !== "" || span > 43200) ? `${shown}\n${own}` : shown;
    day = own;
    return text;
  });
}

/** Pens of one unit share a scale; at most two of them have an axis, left and right. */
export function scalesOf(pens) {
  const units = [];
  for (const pen of pens) {
    const unit = metaOf(pen)?.u ?? "";
    if (!units.includes(unit)) units.push(unit);
  }
  return units;
}

function options(pens, width, height, onRange) {
  const units = scalesOf(pens);
  const text = colour("--dim"), grid = colour("--grid");
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: "13px system-ui, sans-serif" };
  const scales = { x: { time: true } };
  const axes = [{ ...axis, values: (_, splits) => axisTexts(splits), space: 80 }];
  for (const [k, unit] of units.entries()) {
    scales[`u${k}`] = { auto: true };
    if (k < 2) axes.push({ ...axis, scale: `u${k}`, side: k ? 1 : 3, size: 62, label: unitText(unit) || " ", labelSize: 20, labelFont: "13px system-ui, sans-serif", grid: k ? { show: false } : axis.grid });
  }
  const series = [{}], bands = [];
  for (const [k, pen] of pens.entries()) {
    const stroke = colour(`--pen${k % MOST_PENS}`), scale = `u${units.indexOf(metaOf(pen)?.u ?? "")}`;
    const at = 1 + 3 * k;
    const edge = { scale, stroke: "transparent", width: 0, points: { show: false } };
    series.push({ scale, stroke, width: 1.6, dash: DASHES[k % DASHES.length], points: { show: false }, label: pen }, { ...edge, label: "" }, { ...edge, label: "" });
    bands.push({ series: [at + 1, at + 2], fill: `${stroke}2e` });
  }
  return {
    width, height, scales, axes, series, bands, legend: { show: false },
    cursor: { drag: { x: true, y: false }, points: { show: false }, focus: { prox: 30 } },
    hooks: { setSelect: [(u) => onRange(u)], setCursor: [(u) => u.dryline?.(u.cursor.idx)] },
  };
}

/** As the plot takes them: what is no number is a gap. */
function columns(view) {
  const gaps = (column) => Array.from(column, (v) => (Number.isNaN(v) ? null : v));
  return [view.t, ...view.pens.flatMap((p) => [gaps(p.last), gaps(p.high), gaps(p.low)])];
}

/** An empty ring and what history knows of it. */
async function filled(pens, range, points, signal) {
  const windowS = range.stop ? range.stop - range.start : range.minutes * 60;
  const ring = new Ring(pens.length, windowS, points);
  const [start, stop] = range.stop ? [iso(range.start), iso(range.stop)] : [`-${range.minutes}m`, "now"];
  const found = await fetchSeries(pens, start, stop, points, { signal });
  for (let k = 0; k < found.t.length; k += 1) {
    ring.open(found.t[k]);
    for (const [p, name] of pens.entries()) {
      const pen = found.pens.get(name);
      ring.pens[p].last[k] = pen.last[k];
      ring.pens[p].low[k] = pen.low[k];
      ring.pens[p].high[k] = pen.high[k];
    }
  }
  return ring;
}

const iso = (s) => new Date(s * 1000).toISOString();

/** What history knows of some pens, in a ring; its words while there is none. Another question ends it. */
function useHistory(pens, range, points, key) {
  const told = useSignal(""), ring = useSignal(/** @type {Ring|null} */ (null));
  useEffect(() => {
    const over = new AbortController();
    told.value = t("trend.asking");
    filled(pens, range, points, over.signal).then((found) => {
      ring.value = found;
      told.value = "";
    }).catch((error) => {
      if (!over.signal.aborted) told.value = t("trend.failed", { code: error.code ?? error.message });
    });
    return () => over.abort();
  }, [key]);
  return { told, ring };
}

/** Draw a ring into a box as time goes on; while a finger is on it, it stands. */
function startPlot({ box, pens, range, ring, view, cursor, paused, onZoom }) {
  const live = !range.stop;
  const onRange = (u) => {
    const { left, width } = u.select;
    if (width > 8 && onZoom) onZoom({ start: u.posToVal(left, "x"), stop: u.posToVal(left + width, "x") });
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  };
  const plot = new uPlot(options(pens, box.clientWidth, box.clientHeight, onRange), [[], ...pens.flatMap(() => [[], [], []])], box);
  plot.dryline = (idx) => { cursor.value = idx ?? null; };
  const draw = () => {
    if (document.hidden || paused.peek()) return;
    const nowS = live ? serverT.peek() / 1000 : range.stop;
    if (live && link.peek() === "live") ring.add(nowS, pens.map((p) => cell(p).usable ?? NaN));
    view.current = ring.window(nowS);
    plot.setData(columns(view.current), false);
    plot.setScale("x", { min: nowS - ring.windowS, max: nowS });
  };
  const down = () => { paused.value = live; }, up = () => { paused.value = false; };
  box.addEventListener("pointerdown", down);
  addEventListener("pointerup", up);
  addEventListener("pointercancel", up);
  const timer = live ? setInterval(draw, DRAW_MS) : 0;
  const sizes = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: box.clientHeight }));
  sizes.observe(box);
  draw();
  return () => {
    clearInterval(timer);
    box.removeEventListener("pointerdown", down);
    removeEventListener("pointerup", up);
    removeEventListener("pointercancel", up);
    sizes.disconnect();
    plot.destroy();
  };
}

/**
 * pens: names of tags, at most 8; range: {minutes} that end now, or {start, stop} in seconds;
 * onZoom({start, stop}): the user has drawn over a part; onTakeAway(pen); table: in place of the picture.
 */
export function Trend({ pens, range, onZoom, onTakeAway, table = false, points = 600 }) {
  const box = useRef(/** @type {any} */ (null)), view = useRef(/** @type {any} */ (null));
  const paused = useSignal(false), cursor = useSignal(/** @type {number|null} */ (null));
  const live = !range.stop, key = JSON.stringify([pens, range, points]);
  useWatch(live ? pens : []);
  const { told, ring } = useHistory(pens, range, points, key);
  useEffect(() => {
    if (table || !pens.length || !ring.value) return undefined;
    return startPlot({ box: box.current, pens, range, ring: ring.value, view, cursor, paused, onZoom });
  }, [ring.value, table, theme.value, language.value]);
  const words = paused.value ? t("trend.paused") : told.value;
  const nowS = live ? serverT.value / 1000 : range.stop;
  return html`<div class="trend" data-q=${live && link.value !== "live" ? "stale" : "good"}>
    ${table ? html`<${TrendTable} pens=${pens} view=${ring.value?.window(nowS)} />`
      : html`<div class="plot" ref=${box} role="img" aria-label=${t("trend.label", { pens: pens.join(", ") })}></div>`}
    <${Legend} pens=${pens} view=${view.current} index=${cursor.value} live=${live} onTakeAway=${onTakeAway} />
    ${words && html`<p class="trend-told" role="status">${words}</p>`}</div>`;
}

function Legend({ pens, view, index, live, onTakeAway }) {
  const timeS = index !== null && view ? view.t[index] : null;
  if (index === null && live) serverT.value; // once a second
  return html`<ul class="legend"><li class="when">${timeS ? momentText(timeS * 1000, serverT.value) : live ? t("trend.now") : ""}</li>
    ${pens.map((pen, k) => {
      const meta = metaOf(pen), held = timeS && view ? view.pens[k]?.last[index] : live ? cell(pen).usable : null;
      return html`<li key=${pen}><svg class=${`pen pen${k}`} viewBox="0 0 28 4" aria-hidden="true"><path d="M0 2h28" stroke-dasharray=${DASHES[k].join(" ")} /></svg>
        <span class="tag">${pen}</span> <span class="words">${said(meta?.tx)}</span>
        <b>${numberText(held, screenDecimals(meta))}</b> <small>${unitText(meta?.u)}</small>
        ${onTakeAway && html`<button type="button" onClick=${() => onTakeAway(pen)} aria-label=${t("trend.take_away", { tag: pen })}>×</button>`}</li>`;
    })}</ul>`;
}

/** About twenty rows: enough to hear a course, few enough to be read. */
function TrendTable({ pens, view }) {
  if (!view) return null;
  const every = Math.max(1, Math.floor(view.t.length / 20));
  const rows = [];
  for (let k = view.t.length - 1; k >= 0; k -= every) rows.push(k);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("trend.table")}><table class="grid"><caption class="unseen">${t("trend.table")}</caption>
    <thead><tr><th scope="col">${t("trend.time")}</th>${pens.map((p) => html`<th scope="col">${p} <small>${unitText(metaOf(p)?.u)}</small></th>`)}</tr></thead>
    <tbody>${rows.map((k) => html`<tr key=${k}><th scope="row">${momentText(view.t[k] * 1000, serverT.value)}</th>
      ${pens.map((p, n) => html`<td>${numberText(view.pens[n].last[k], screenDecimals(metaOf(p)))}</td>`)}</tr>`)}</tbody></table></div>`;
}
