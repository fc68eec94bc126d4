// Level 3: trends of any tags. The address holds pens and window, so a trend can be passed on.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { MOST_PENS, Trend } from "../elements/trend.js";
import { momentText } from "../format.js";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { metaOf, plant, stations, tagsOf } from "../plant.js";
import { go, route, withQuery } from "../router.js";

export const trends = { id: "trends", path: "/trends", title: "screen.trends", page: true, component: Trends };

const SPANS = [10, 60, 480, 1440, 10080, 43200];
const SETS = {
  dew_point: ["ENC.DP.ZONE", "ENC.L1.WSP", "DHU.TREG.PV", "DHU.FAN.PV"],
  film: ["COAT.LOAD.C", "COAT.THK", "COAT.ENIP", "COAT.V.LINE"],
  nip: ["CAL.THK.C", "CAL.L16.WSP", "CAL.LOAD.PV", "CAL.TROLL.U"],
};

/** What the address asks for: pens, and minutes until now or a start and a stop. */
function asked(query) {
  const named = (query.get("pens") ?? "").split(",").filter((p) => metaOf(p));
  const pens = (named.length || query.has("pens") ? named : SETS.dew_point.filter((p) => metaOf(p))).slice(0, MOST_PENS);
  const start = Number(query.get("from")), stop = Number(query.get("to"));
  const range = start && stop > start ? { start, stop } : { minutes: Number(query.get("min")) || 60 };
  return { pens, range };
}

function Trends() {
  const table = useSignal(false);
  if (!plant.value) return html`<p class="empty">${t("screen.asking")}</p>`;
  const { pens, range } = asked(route.value.query);
  const show = (changes) => go(withQuery(changes));
  const span = (minutes) => show({ min: minutes, from: null, to: null });
  const move = (by) => {
    const width = range.stop ? range.stop - range.start : range.minutes * 60;
    const stop = (range.stop ?? serverT.peek() / 1000) + by * width;
    if (stop >= serverT.peek() / 1000) span(Math.max(1, Math.round(width / 60)));
    else show({ from: Math.round(stop - width), to: Math.round(stop), min: null });
  };
  const zoomOut = () => {
    const width = 2 * (range.stop ? range.stop - range.start : range.minutes * 60);
    if (range.stop) show({ from: Math.round(range.start - width / 4), to: Math.round(range.stop + width / 4), min: null });
    else span(Math.round(width / 60));
  };
  return html`<h1 class="unseen">${t("screen.trends")}</h1><div class="trends panel">
    <div class="tools"><label>${t("trend.set")} <select value="" onChange=${(e) => show({ pens: SETS[e.currentTarget.value].join(",") })}><option value="" disabled>${t("trend.choose")}</option>
        ${Object.keys(SETS).filter((s) => SETS[s].some((p) => metaOf(p))).map((s) => html`<option value=${s}>${t(`trend.set.${s}`)}</option>`)}</select></label>
      <${AddPen} pens=${pens} onAdd=${(name) => show({ pens: [...pens, name].join(",") })} />
      <div class="spans" role="group" aria-label=${t("trend.span")}>${SPANS.map((m) => html`<button type="button" key=${m} aria-pressed=${!range.stop && range.minutes === m} onClick=${() => span(m)}>${t(`trend.span.${m}`)}</button>`)}</div>
      <div class="spans"><button type="button" onClick=${() => move(-0.5)} aria-label=${t("trend.back")}>◀</button>
        <button type="button" aria-pressed=${!range.stop} onClick=${() => span(range.minutes ?? Math.max(1, Math.round((range.stop - range.start) / 60)))}>${t("trend.live")}</button>
        <button type="button" disabled=${!range.stop} onClick=${() => move(0.5)} aria-label=${t("trend.on")}>▶</button>
        <button type="button" onClick=${zoomOut}>${t("trend.zoom_out")}</button>
        <button type="button" aria-pressed=${table.value} onClick=${() => { table.value = !table.value; }}>${t("trend.table_short")}</button></div></div>
    <p class="note">${range.stop ? `${momentText(range.start * 1000, serverT.value)} … ${momentText(range.stop * 1000, serverT.value)}` : t("trend.until_now")} · ${t("trend.band")}</p>
    ${pens.length ? html`<${Trend} pens=${pens} range=${range} table=${table.value} onTakeAway=${(pen) => show({ pens: pens.filter((x) => x !== pen).join(",") })} onZoom=${({ start, stop }) => show({ from: Math.round(start), to: Math.max(Math.round(start) + 1, Math.round(stop)), min: null })} />` : html`<p class="empty">${t("trend.no_pens")}</p>`}</div>`;
}

function AddPen({ pens, onAdd }) {
  const full = pens.length >= MOST_PENS;
  return html`<label>${t("trend.add")} <select value="" disabled=${full} onChange=${(e) => e.currentTarget.value && onAdd(e.currentTarget.value)}><option value="">${full ? t("trend.full") : t("trend.choose")}</option>
    ${stations().map((s) => html`<optgroup label=${said(s.title)} key=${s.name}>${tagsOf(s.name).filter((tag) => !pens.includes(tag.n)).map((tag) => html`<option value=${tag.n} key=${tag.n}>${tag.n} ${said(tag.tx)}</option>`)}</optgroup>`)}</select></label>`;
}
