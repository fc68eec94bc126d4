// Level 2: energy, the reason for the enclosure. What is metered, what a dry room would take (modelled),
// and what is saved, never without its interval. Metered and modelled never look alike.

import { html } from "htm/preact";
import { get, LONG_MS } from "../api.js";
import { percentText } from "../courses.js";
import { useAsked } from "../elements/asked.js";
import { Asking } from "../elements/asking.js";
import { Baseline } from "../elements/baseline.js";
import { AxisBelow, Curves, useCursor } from "../elements/curves.js";
import { Powers } from "../elements/powers.js";
import { Worth } from "../elements/worth.js";
import { dateText, clockText, durationText, momentText, numberText } from "../format.js";
import { t } from "../i18n.js";
import { link, serverT } from "../live.js";
import { metaOf, stations } from "../plant.js";
import { go, named, withQuery } from "../router.js";

const NOW_MS = 5000, WINDOW_MS = 60000, OLD_MS = 15000, COLUMNS = 240;
const SPANS = { "8h": 8, "24h": 24, "7d": 168, "30d": 720 };
const wide = { deadline: LONG_MS };

export default function Energy() {
  const span = named(SPANS, "span", "24h");
  const asked = useAsked("energy now", (signal) => get("/energy", { start: "-1m" }, { signal, ...wide }), NOW_MS);
  const past = useAsked(`energy ${span}`, (signal) => get("/energy", { start: `-${span}` }, { signal, ...wide }), WINDOW_MS);
  const found = asked.found;
  // Looked at with each frame, but by the time of the browser: a simulated plant's may run at another speed.
  const old = link.value !== "live" || Boolean(asked.problem) || (serverT.value > 0 && performance.now() - asked.cameMs > OLD_MS);
  return html`<h1 class="unseen">${t("screen.energy")}</h1><div class="energy-page">
    <section class="panel energy-now"><h2>${t("energy.now")} ${found && html`<small class="note">${t("energy.as_of", { time: clockText(found.t) })}</small>`}</h2><${Asking} asked=${asked} />${found && html`<${Powers} now=${found.now} baseline=${found.baseline} old=${old} />`}</section>
    <section class="panel energy-window"><div class="tools"><h2>${t("energy.window")}</h2><div class="spans" role="group" aria-label=${t("trend.span")}>${Object.keys(SPANS).map((s) => html`<button type="button" key=${s} aria-pressed=${s === span} onClick=${() => go(withQuery({ span: s }), { replace: true })}>${t(`energy.span.${s}`)}</button>`)}</div></div>
      <${Asking} asked=${past} />${past.found && (past.found.window ? html`<${Saved} window=${past.found.window} baseline=${past.found.baseline} /><${Worth} tariff=${past.found.tariff} worth=${past.found.window.worth} />` : html`<p class="empty">${t("energy.no_history")}</p>`)}</section>
    ${found && html`<section class="panel energy-course"><h2>${t("energy.course")}</h2><${Course} span=${span} consumers=${found.now.consumers} baseline=${found.baseline} /></section>`}
    ${past.found?.window && html`<section class="panel energy-frost"><h2>${t("energy.frost")}</h2><${Frost} frost=${past.found.window.frost_point} limit=${past.found.baseline.limit_degc} /></section>`}
    ${found && html`<section class="panel energy-baseline"><h2>${t("energy.baseline")}</h2><${Baseline} baseline=${found.baseline} onChanged=${() => { asked.again(); past.again(); }} /></section>`}</div>`;
}

const kwh = (value) => (value === null || value === undefined ? "–" : numberText(value, Math.abs(value) < 100 ? 1 : 0));
const hours = (seconds) => `${numberText(seconds / 3600, 2)} h`;

/** The energies of a window: all that was metered, then what counts, beside the dry room. */
function Saved({ window: w, baseline }) {
  const spanS = (w.stop_ns - w.start_ns) / 1e9;
  return html`<p class="note">${instant(w.start_ns)} … ${instant(w.stop_ns)} · ${t("energy.known", { share: percentText(w.known_s / spanS) })}</p>
    <div class="energy-figures"><${Figure} kind="metered" name=${t("energy.air")} value=${kwh(w.air_kwh)} unit="kWh" /><${Figure} kind="metered" name=${t("energy.machines")} value=${kwh(w.machines_kwh)} unit="kWh" />
      <${Figure} kind="modelled" name=${t("energy.baseline_energy")} value=${kwh(w.baseline_kwh)} unit="kWh" more=${w.baseline_kwh === null ? "" : `± ${numberText(baseline.uncertainty_pct, 0)} %`} />
      ${w.saving_kwh ? html`<${Figure} kind="modelled saving" name=${t("energy.saving")} value=${kwh(w.saving_kwh.mean)} unit="kWh" more=${`${kwh(w.saving_kwh.low)} … ${kwh(w.saving_kwh.high)} kWh`} share=${w.saving} /><${Formula} w=${w} baseline=${baseline} />` : html`<p class="empty">${t("energy.nothing_counts", { limit: numberText(baseline.limit_degc, 0) })}</p>`}</div>`;
}

const instant = (ns) => `${dateText(ns / 1e6)} ${clockText(ns / 1e6)}`;

/** One figure, and beside it what it is: metered or modelled. */
function Figure({ kind, name, value, unit, more, share }) {
  return html`<div class=${`figure ${kind}`}><span class="name">${name} <span class="origin">${t(kind === "metered" ? "energy.metered" : "energy.modelled")}</span></span><span class="big"><b>${value}</b> <small>${unit}</small></span>
    ${share && html`<span class="big"><b>${percent(share.share)}</b> <small>(${percent(share.low)} … ${percent(share.high)})</small></span>`}${more && html`<small>${more}</small>`}</div>`;
}

export const percent = (share) => `${numberText(share * 100, 1)} %`;

/** How the saving comes about, with its own numbers in it. */
function Formula({ w, baseline }) {
  const u = baseline.uncertainty_pct;
  return html`<details class="fold formula"><summary>${t("energy.formula")}</summary><p>${t("energy.formula_words", { limit: numberText(baseline.limit_degc, 0), counted: hours(w.counted_s), all: hours((w.stop_ns - w.start_ns) / 1e9) })}</p>
    <p class="equation">${t("energy.saving")} = ${numberText(baseline.kw, 1)} kW × ${hours(w.counted_s)} − ${kwh(w.counted_air_kwh)} kWh = <b>${kwh(w.saving_kwh.mean)} kWh</b></p>
    <p class="equation">${t("energy.interval")} = ${numberText(baseline.kw, 1)} kW × (1 ± ${numberText(u / 100, 2)}) × ${hours(w.counted_s)} − ${kwh(w.counted_air_kwh)} kWh = <b>${kwh(w.saving_kwh.low)} … ${kwh(w.saving_kwh.high)} kWh</b></p>
    <p class="equation">${t("energy.share")} = 1 − ${kwh(w.counted_air_kwh)} kWh ÷ ${kwh(w.baseline_kwh)} kWh = <b>${percent(w.saving.share)}</b> (${percent(w.saving.low)} … ${percent(w.saving.high)})</p></details>`;
}

/** Metered power of the air treatment and of the machines over time, and the dry room beside it. */
function Course({ span, consumers, baseline }) {
  const cursor = useCursor(), hoursBack = SPANS[span];
  const tags = consumers.map((c) => c.tag);
  const asked = useAsked(tags.length ? `course ${span} ${tags.join()}` : "", (signal) => get("/history/buckets", { tag: tags, start: `-${span}`, stop: "now", n: COLUMNS }, { signal, ...wide }), WINDOW_MS);
  if (!asked.found) return html`<${Asking} asked=${asked} />`;
  const low = -hoursBack * 3600, step = -low / COLUMNS;
  const position = Array.from({ length: COLUMNS }, (_, k) => low + (k + 0.5) * step);
  const sum = (wanted) => position.map((_, k) => together(asked.found.series.filter((s) => wanted.includes(s.tag.name)), k, wanted.length));
  const of = (air) => consumers.filter((c) => c.air === air).map((c) => c.tag);
  const flat = (v) => position.map(() => v);
  const lines = [{ name: t("energy.air"), values: sum(of(true)), pen: 0 }, { name: t("energy.machines"), values: sum(of(false)), pen: 1 }, { name: t("energy.baseline"), values: flat(baseline.kw), pen: 2, base: true }];
  return html`<${Curves} title=${t("energy.course_title")} unit="kW" position=${position} low=${low} high=${0} axisUnit="s" cursor=${cursor} limits=${{ low: 0 }} lines=${lines} band=${{ mean: flat(baseline.kw), sd: flat((baseline.kw * baseline.uncertainty_pct) / 200) }} />
    <${AxisBelow} low=${low} high=${0} unit="s" text=${t("energy.before_now")} cursor=${cursor} />
    <ul class="legend"><li><span class="swatch metered"></span>${t("energy.air")} (${t("energy.metered")})</li><li><span class="swatch machines"></span>${t("energy.machines")} (${t("energy.metered")})</li><li><span class="swatch modelled"></span>${t("energy.baseline")} (${t("energy.modelled")}) ± ${numberText(baseline.uncertainty_pct, 0)} %</li></ul>`;
}

/** A sum that is known only where every part is. */
function together(series, k, wanted) {
  if (!wanted || series.length !== wanted) return null;
  let total = 0;
  for (const one of series) {
    if (one.mean[k] === null) return null;
    total += one.mean[k];
  }
  return total;
}

function Frost({ frost, limit }) {
  const most = Math.max(...frost.histogram.map(([, s]) => s), 1);
  const tag = stations().map((s) => `${s.prefix}.DP.ZONE`).find(metaOf);
  if (!frost.known_s) return html`<p class="empty">${t("energy.frost_unknown")}</p>`;
  return html`<p>${t("energy.frost_words", { known: durationText(frost.known_s), above: durationText(frost.above_s), limit: numberText(limit, 0) })}</p>
    ${frost.histogram.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label=${t("energy.histogram")}><table class="grid histogram"><thead><tr><th scope="col">${t("energy.frost_from")}</th><th scope="col">${t("energy.time")}</th><th scope="col"><span class="unseen">${t("energy.share_of_time")}</span></th></tr></thead>
      <tbody>${frost.histogram.map(([from, s]) => html`<tr key=${from}><th scope="row" class="number">${numberText(from, 0)} … ${numberText(from + frost.width, 0)} °C</th><td class="number">${durationText(s)}</td><td class="bar-cell"><span class=${from + frost.width > limit ? "time-bar above" : "time-bar"} style=${{ width: `${(s / most) * 100}%` }}></span></td></tr>`)}</tbody></table></div>`}
    <h3>${t("energy.above", { limit: numberText(limit, 0) })}</h3>${frost.above.length ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("energy.above", { limit: numberText(limit, 0) })}><table class="grid"><thead><tr><th scope="col">${t("runs.begun")}</th><th scope="col">${t("run.lasts")}</th><th scope="col">${t("energy.worst")}</th><th scope="col"><span class="unseen">${t("energy.look")}</span></th></tr></thead>
      <tbody>${[...frost.above].reverse().map((a) => html`<tr key=${a.begin_ns}><th scope="row" class="number">${momentText(a.begin_ns / 1e6, serverT.value)}</th><td class="number">${durationText((a.end_ns - a.begin_ns) / 1e9)}</td><td class="number">${numberText(a.worst, 1)} °C</td><td>${tag && html`<a class="cell-link" href=${`/trends?pens=${tag}&from=${Math.floor(a.begin_ns / 1e9) - 600}&to=${Math.ceil(a.end_ns / 1e9) + 600}`}>${t("energy.look")}</a>`}</td></tr>`)}</tbody></table></div>` : html`<p class="empty">${t("energy.never_above")}</p>`}`;
}
