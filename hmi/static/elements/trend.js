// A trend: uPlot on a canvas, lines that differ by dash as well as colour, a band from minimum to
// maximum, a cursor that reads values, and the same as a table for who cannot see a canvas.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useWatch } from "../bind.js";
import { clockText, dateText, unitText } from "../format.js";
import { useHistory } from "../history_ring.js";
import { language, t } from "../i18n.js";
import { link, serverT } from "../live.js";
import { metaOf } from "../plant.js";
import { theme } from "../theme.js";
import { DASHES } from "./curves.js";
import { AXES, Legend, Marks, scalesOf, Strips, TrendTable } from "./trend_parts.js";

const DRAW_MS = 500;
export const MOST_PENS = 8;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Texts of a time axis: the clock, and the day where it changes; 24 hours, no am and pm. */
export function axisTexts(splits) {
  let day = "";
  const span = splits.length > 1 ? splits[splits.length - 1] - splits[0] : 0, step = splits.length > 1 ? splits[1] - splits[0] : 0;
  return splits.map((s) => {
    const clock = clockText(s * 1000), own = dateText(s * 1000).slice(5);
    const shown = step >= 60 ? clock.slice(0, 5) : clock;
    const text = own !== day && (day !== "" || span > 43200) ? `${shown}\n${own}` : shown;
    day = own;
    return text;
  });
}

function options(pens, width, height, onRange) {
  const units = scalesOf(pens);
  const text = colour("--dim"), grid = colour("--grid");
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: "13px system-ui, sans-serif" };
  const scales = { x: { time: true } };
  const axes = [{ ...axis, values: (_, splits) => axisTexts(splits), space: 80 }];
  for (const [k, unit] of units.entries()) {
    scales[`u${k}`] = { auto: true };
    if (k < AXES) axes.push({ ...axis, scale: `u${k}`, side: k ? 1 : 3, size: 62, label: unitText(unit) || " ", labelSize: 20, labelFont: "13px system-ui, sans-serif", grid: k ? { show: false } : axis.grid });
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

/** Draw a ring into a box as time goes on; while a finger is on it, it stands. */
function startPlot({ box, pens, range, ring, view, cursor, paused, onZoom, place }) {
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
    if (!nowS) return; // nothing has been heard yet
    view.current = ring.window(nowS);
    plot.setData(columns(view.current), false);
    plot.setScale("x", { min: nowS - ring.windowS, max: nowS });
    where(nowS);
  };
  const where = (nowS) => {
    const left = plot.bbox.left / devicePixelRatio, width = plot.bbox.width / devicePixelRatio, was = place.peek();
    if (was && was.left === left && was.width === width && Math.abs(nowS - was.toS) < ring.stepS / 2) return;
    place.value = { left, width, fromS: nowS - ring.windowS, toS: nowS };
  };
  const down = () => { paused.value = live; }, up = () => { paused.value = false; };
  box.addEventListener("pointerdown", down);
  addEventListener("pointerup", up);
  addEventListener("pointercancel", up);
  const timer = live ? setInterval(draw, DRAW_MS) : 0;
  const sizes = new ResizeObserver(() => {
    plot.setSize({ width: box.clientWidth, height: box.clientHeight });
    if (place.peek()) where(place.peek().toS);
  });
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
 * onZoom({start, stop}): the user has drawn over a part; onTakeAway(pen); table: in place of the picture;
 * marks: what happened, {atS, kind, subject, text, actor}; without it there is no row of marks.
 */
export function Trend({ pens, range, onZoom, onTakeAway, table = false, points = 600, marks }) {
  const box = useRef(/** @type {any} */ (null)), view = useRef(/** @type {any} */ (null));
  const paused = useSignal(false), cursor = useSignal(/** @type {number|null} */ (null));
  const place = useSignal(/** @type {any} */ (null));
  const live = !range.stop;
  useWatch(live ? pens : []);
  const { told, ring } = useHistory(pens, range, points);
  useEffect(() => {
    if (table || !pens.length || !ring.value) return undefined;
    return startPlot({ box: box.current, pens: ring.value.names, range, ring: ring.value, view, cursor, paused, onZoom, place });
  }, [ring.value, table, theme.value, language.value]);
  const words = paused.value ? t("trend.paused") : told.value;
  const nowS = live ? serverT.value / 1000 : range.stop;
  const own = ring.value?.names.join() === pens.join() ? ring.value : null; // other pens have been asked for
  const current = own && view.current;
  const seen = current?.pens.length === pens.length ? current : null; // else it shows the pens of a moment ago
  return html`<div class="trend" data-q=${live && link.value !== "live" ? "stale" : "good"}>
    ${!table && marks && html`<${Marks} marks=${marks} place=${place.value} />`}
    ${table ? html`<${TrendTable} pens=${pens} view=${own?.window(nowS)} />`
      : html`<div class="plot" ref=${box} role="img" aria-label=${t("trend.label", { pens: pens.join(", ") })}></div>`}
    ${!table && html`<${Strips} pens=${pens} view=${seen} stepS=${own?.stepS ?? 1} place=${place.value} />`}
    <${Legend} pens=${pens} view=${seen} index=${cursor.value} live=${live} onTakeAway=${onTakeAway} />
    ${words && html`<p class="trend-told" role="status">${words}</p>`}</div>`;
}
