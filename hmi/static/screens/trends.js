// Level 3: trends of any tags. The address holds pens and window, so a trend can be passed on.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { AckButton, AlarmRow, ranked, standing } from "../elements/alarms.js";
import { PenPicker } from "../elements/pen_picker.js";
import { MOST_PENS, Trend } from "../elements/trend.js";
import { MARKED, useMarks, useRuns } from "../elements/trend_marks.js";
import { momentText } from "../format.js";
import { said, t } from "../i18n.js";
import { alarms, serverT } from "../live.js";
import { metaOf, plant, stations } from "../plant.js";
import { go, named, route, withQuery } from "../router.js";
import { exportAddress, LONGEST_MIN, moved, widened } from "../trend_window.js";

const SPANS = [10, 60, 480, 1440, 10080, LONGEST_MIN];
const POINTS = 600;
const LAST_S = 253402300800; // the year 10000: no address asks for anything after it
const SETS = {
  dew_point: ["ENC.DP.ZONE", "ENC.L1.WSP", "DHU.TREG.PV", "DHU.FAN.PV"],
  film: ["COAT.LOAD.C", "COAT.THK", "COAT.ENIP", "COAT.V.LINE"],
  nip: ["CAL.THK.C", "CAL.L16.WSP", "CAL.LOAD.PV", "CAL.TROLL.U"],
};

/** Sets of this line: those that are known, then for each station the measured values of its loops. */
function sets() {
  const made = Object.entries(SETS).map(([key, pens]) => ({ words: t(`trend.set.${key}`), pens: pens.filter((p) => metaOf(p)) }));
  const own = stations().map((s) => ({ words: said(s.title), pens: s.faceplates.map((f) => f.pv).filter((p, k, all) => p && all.indexOf(p) === k).slice(0, 6) }));
  return [...made, ...own].filter((set) => set.pens.length);
}

/** What the address asks for: pens, and minutes until now or a start and a stop. */
function asked(query) {
  const known = (query.get("pens") ?? "").split(",").filter((p) => metaOf(p));
  const pens = [...new Set(known.length || query.has("pens") ? known : sets()[0]?.pens ?? [])].slice(0, MOST_PENS);
  const start = Number(query.get("from")), stop = Number(query.get("to"));
  const isWindow = start > 0 && stop > start && stop < LAST_S;
  const range = isWindow ? { start, stop } : { minutes: Math.min(LONGEST_MIN, Math.max(1, Number(query.get("min")) || 60)) };
  return { pens, range, marks: named(MARKED, "marks", "main") };
}

export default function Trends() {
  if (!plant.value) return html`<p class="empty">${t("screen.asking")}</p>`;
  return html`<h1 class="unseen">${t("screen.trends")}</h1><div class="trends panel"><${Asked} ...${asked(route.value.query)} /></div>`;
}

/** The address of a window: until now where it ends there. */
const address = ({ minutes, start, stop }) => (minutes ? { min: minutes, from: null, to: null } : { from: Math.round(start), to: Math.max(Math.round(start) + 1, Math.round(stop)), min: null });

function Asked({ pens, range, marks }) {
  const table = useSignal(false);
  const found = useMarks(pens, range, marks);
  const show = (changes) => go(withQuery(changes));
  const look = (window) => show(address(window));
  const nowS = () => serverT.peek() / 1000;
  return html`<div class="tools"><${PenPicker} pens=${pens} most=${MOST_PENS} onPens=${(list) => show({ pens: list.join(",") })} sets=${sets()} />
      <div class="spans" role="group" aria-label=${t("trend.span")}>${SPANS.map((m) => html`<button type="button" key=${m} aria-pressed=${!range.stop && range.minutes === m} onClick=${() => look({ minutes: m })}>${t(`trend.span.${m}`)}</button>`)}</div>
      <div class="spans" role="group" aria-label=${t("trend.move")}><button type="button" onClick=${() => look(moved(range, -0.5, nowS()))} aria-label=${t("trend.back")}>◀</button>
        <button type="button" aria-pressed=${!range.stop} onClick=${() => look({ minutes: range.minutes ?? Math.max(1, Math.round((range.stop - range.start) / 60)) })}>${t("trend.live")}</button>
        <button type="button" disabled=${!range.stop} onClick=${() => look(moved(range, 0.5, nowS()))} aria-label=${t("trend.on")}>▶</button>
        <button type="button" onClick=${() => look(widened(range, nowS()))}>${t("trend.zoom_out")}</button>
        <button type="button" aria-pressed=${table.value} onClick=${() => { table.value = !table.value; }}>${t("trend.table_short")}</button></div></div>
    <div class="tools"><p class="note">${range.stop ? `${momentText(range.start * 1000, serverT.value)} … ${momentText(range.stop * 1000, serverT.value)}` : t("trend.until_now")} · ${t("trend.band")}${found.told ? ` · ${found.told}` : ""}</p>
      <label>${t("trend.marks")} <select value=${marks} onChange=${(e) => show({ marks: e.currentTarget.value })}>${Object.keys(MARKED).map((name) => html`<option value=${name} key=${name}>${t(`trend.marks.${name}`)}</option>`)}</select></label>
      <${Share} pens=${pens} range=${range} /></div>
    <${PensAlarms} pens=${pens} />
    ${pens.length ? html`<${Trend} pens=${pens} range=${range} table=${table.value} points=${POINTS} marks=${marks === "none" ? undefined : found.marks} onTakeAway=${(pen) => show({ pens: pens.filter((x) => x !== pen).join(",") })} onZoom=${look} />`
      : html`<p class="empty">${t("trend.no_pens")}</p>`}`;
}

/** Alarms that ask about what is drawn, with the acknowledgement at hand. */
function PensAlarms({ pens }) {
  const rows = ranked(standing(alarms.value)).filter((a) => a.asks && pens.includes(a.tag)).slice(0, 3);
  if (!rows.length) return null;
  return html`<div class="pens-alarms"><ul class="alarm-list">${rows.map((a) => html`<${AlarmRow} key=${a.id} alarm=${a} />`)}</ul><${AckButton} list=${rows} /></div>`;
}

/** Taking it away: as a file, as an address, or beside other runs. */
function Share({ pens, range }) {
  const told = useSignal("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(location.origin + withQuery({ fp: null }));
      told.value = t("trend.copied");
    } catch {
      told.value = t("trend.copy_by_hand");
    }
  };
  if (!pens.length) return null;
  return html`<div class="share"><a class="nav-link" download href=${exportAddress("buckets", pens, range, POINTS)}>${t("trend.csv_shown")}</a>
    <a class="nav-link" download href=${exportAddress("raw", pens, range)}>${t("trend.csv_raw")}</a>
    <button type="button" class="nav-link" onClick=${copy}>${t("trend.copy")}</button><${Compare} pens=${pens} range=${range} />
    ${told.value && html`<span role="status" class="note">${told.value}</span>`}</div>`;
}

/** Runs that were under way in the window, on one axis. */
function Compare({ pens, range }) {
  const runs = useRuns(pens, range);
  if (runs.length < 2) return null;
  return html`<a class="nav-link" href=${`/compare?${new URLSearchParams({ runs: runs.join(",") })}`}>${t("trend.compare", { count: runs.length })}</a>`;
}
