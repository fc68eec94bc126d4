// Level 3: one run. Its course on one time axis, its quality and how sure that is, what left its
// limits, what changed in the recipe, what it led to, and everything that happened. Prints as a report.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { get, LONG_MS, may } from "../api.js";
import { alarmSpans, fourDigits, percentText, withPresent } from "../courses.js";
import { useAsked } from "../elements/asked.js";
import { Asking, Words } from "../elements/asking.js";
import { TakeBundle } from "../elements/bundle.js";
import { Curves, useCursor } from "../elements/curves.js";
import { Diff } from "../elements/diff.js";
import { NoteLot } from "../elements/notelot.js";
import { Excursions, QualityTable } from "../elements/quality.js";
import { Fact, lastsS, LotLinks, OutcomeChip, recipeName } from "../elements/runs.js";
import { AlarmSymbol } from "../elements/symbol.js";
import { CourseTable, Timeline } from "../elements/timeline.js";
import { clockText, dateText, durationText, momentText, numberText } from "../format.js";
import { said, t } from "../i18n.js";
import { cell, pictureOf, serverT } from "../live.js";
import { plant, stationNamed } from "../plant.js";
import { stateName } from "../states.js";
import { LeadTable, useLeads } from "./leads.js";

const EVERY_MS = 15000, CURVES_MS = 60000, MOST_ALARMS = 2000, CURVES = 4, BINS = 400;
const wide = { deadline: LONG_MS };

export default function Run({ run: id }) {
  const own = encodeURIComponent(id);
  const asked = useAsked(`run ${id}`, (signal) => get(`/runs/${own}`, {}, { signal, ...wide }));
  const found = asked.found, open = found?.head.ended_ns === null;
  useEffect(() => { // what has ended does not change any more
    if (!open && !asked.problem) return undefined;
    const timer = setTimeout(asked.again, EVERY_MS);
    return () => clearTimeout(timer);
  }, [open, asked.at, asked.problem]);
  if (!found) return html`<div class="page-column panel"><h1>${t("run.one", { run: id })}</h1><${Asking} asked=${asked} /></div>`;
  const { head, summary, confidence } = found;
  return html`<article class="page-column run-page">
    <${Head} head=${head} summary=${summary} asked=${asked} />
    <section class="panel"><h2>${t("run.course")}</h2><${Course} id=${id} head=${head} figures=${summary.figures} /></section>
    <section class="panel"><h2>${t("run.quality")}</h2><p class="note">${t("run.quality_words")}</p><${QualityTable} figures=${summary.figures} confidence=${confidence} />${summary.notes.length > 0 && html`<ul class="plain-list note">${summary.notes.map((n) => html`<li key=${n}><${Words} of=${n} /></li>`)}</ul>`}</section>
    <div class="side-by-side"><section class="panel"><h2>${t("run.excursions")}</h2><${Excursions} figures=${summary.figures} /></section><section class="panel"><h2>${t("run.energy")}</h2><${RunEnergy} energy=${summary.energy} /></section></div>
    <section class="panel"><h2>${t("run.changes")}</h2><p class="note"><${Words} of=${found.difference_to_run_before.told} /></p>${found.difference_to_run_before.diff && html`<div class="scroll" tabindex="0" role="region" aria-label=${t("run.changes")}><${Diff} diff=${found.difference_to_run_before.diff} /></div>`}</section>
    <${LedTo} head=${head} /><${Log} entries=${found.entries} begunNs=${head.begun_ns} /></article>`;
}

const instant = (ns) => (ns === null ? "–" : `${dateText(ns / 1e6)} ${clockText(ns / 1e6)}`);

function Head({ head, summary, asked }) {
  const line = said(plant.value?.line?.title ?? "");
  return html`<section class="panel run-head"><div class="tools"><div><h1>${t("run.one", { run: head.id })}</h1><p class="note">${said(stationNamed(head.station)?.title ?? head.station)} <span class="only-print">· ${line} · ${t("run.printed", { time: instant(serverT.value * 1e6) })}</span></p></div>
      <div class="buttons"><${OutcomeChip} outcome=${head.outcome} /><button type="button" class="nav-link" onClick=${() => print()}>${t("run.print")}</button>${may("export") && html`<${TakeBundle} id=${head.id} />`}<${Before} head=${head} /></div></div>
    <${Asking} asked=${asked} />
    <dl class="facts"><${Fact} name=${t("runs.recipe")}>${recipeName(head.recipe)}<//><${Fact} name=${t("runs.begun")}>${instant(head.begun_ns)}<//><${Fact} name=${t("run.ended")}>${instant(head.ended_ns)}<//><${Fact} name=${t("runs.duration")}>${durationText(lastsS(head))}<//>
      <${Fact} name=${t("run.ready")}>${summary.ready_s === null || summary.ready_s === undefined ? t("run.never_ready") : durationText(summary.ready_s)}<//><${Fact} name=${t("run.execute")}>${durationText(summary.execute_s ?? NaN)}<//>
      <${Fact} name=${t("runs.metres")}>${summary.metres === null || summary.metres === undefined ? "–" : `${numberText(summary.metres, 1)} m`}<//><${Fact} name=${t("runs.by")}>${head.begun_by}<//>
      ${head.reason && html`<${Fact} name=${t("run.reason")}>${head.reason}<//>`}${head.why_ended && html`<${Fact} name=${t("run.why_ended")}><${Words} of=${head.why_ended} /><//>`}
      <${Fact} name=${t("run.lots_in")}><${LotLinks} lots=${head.lots_in} /><//><${Fact} name=${t("run.lots_out")}><${LotLinks} lots=${head.lots_out} /><//>
      ${head.trial && html`<${Fact} name=${t("runs.trial")}><a class="cell-link" href=${`/trials/${encodeURIComponent(head.trial)}`}>${head.trial}</a><//>`}<${Fact} name=${t("run.software")}>${head.software}<//>
      ${head.content_hash && html`<${Fact} name=${t("run.hash")}><code>${head.content_hash.slice(0, 16)}</code><//>`}</dl>
    ${head.ended_ns === null && html`<${NoteLot} station=${head.station} onNoted=${asked.again} />`}</section>`;
}

/** The run before it on the same station, to compare with. */
function Before({ head }) {
  const asked = useAsked(`before ${head.id}`, (signal) => get("/history/runs", { station: head.station, stop: new Date(head.begun_ns / 1e6).toISOString(), limit: 1 }, { signal, ...wide }));
  const before = asked.found?.runs[0]?.head;
  if (!before || before.id === head.id) return null;
  return html`<a class="nav-link" href=${`/compare?runs=${encodeURIComponent(head.id)},${encodeURIComponent(before.id)}`}>${t("run.compare_before")}</a>`;
}

/** States, phases, alarms, commands and the curves of the first measures, on one axis. */
function Course({ id, head, figures }) {
  const cursor = useCursor(), own = encodeURIComponent(id);
  const open = head.ended_ns === null, every = open ? EVERY_MS : 0;
  const asked = useAsked(`course ${id} ${open}`, (signal) => get(`/runs/${own}/timeline`, {}, { signal, ...wide }), every);
  const line = asked.found;
  const window = line && { start: iso(line.begun_ns), stop: open ? "now" : iso(line.stop_ns + 1e9) };
  const journal = useAsked(line ? `alarms ${id} ${open}` : "", (signal) => get("/history/events", { ...window, station: line.station, kind: "alarm", limit: MOST_ALARMS }, { signal, ...wide }), every);
  if (!line) return html`<${Asking} asked=${asked} />`;
  const present = open ? presentOf(head) : null;
  const endS = Math.max((line.stop_ns - line.begun_ns) / 1e9, present ? lastsS(head) : 0, 1);
  const shown = present ? { ...line, states: withPresent(line.states, line.marks, present, endS) } : line;
  const alarms = alarmSpans(journal.found?.events ?? [], line.begun_ns, endS);
  const what = Object.entries(figures ?? {}).filter(([, f]) => f.n > 0).slice(0, CURVES).map(([name]) => name);
  return html`<${Timeline} timeline=${shown} alarms=${alarms} lastsS=${endS} cursor=${cursor} below=${html`<${OwnCurves} id=${id} what=${what} figures=${figures} endS=${endS} open=${open} cursor=${cursor} />`} />
    ${journal.problem && html`<${Asking} asked=${journal} />`}<${AlarmTable} alarms=${alarms} />
    <details class="fold"><summary>${t("run.course_table")}</summary><${CourseTable} timeline=${shown} /></details>`;
}

/** The state that the station is in, where that is seen now. */
function presentOf(head) {
  const tag = `${stationNamed(head.station)?.prefix}.SERVICE.STATE`;
  const { value, state } = cell(tag).now.value;
  return state === "good" && pictureOf(head.station) === "good" ? stateName(value) : null;
}

const iso = (ns) => new Date(ns / 1e6).toISOString();

function OwnCurves({ id, what, figures, endS, open, cursor }) {
  const key = what.length ? `curves ${id} ${what.join()} ${open}` : "";
  const asked = useAsked(key, (signal) => get("/runs/curves", { run: id, what, axis: "start", bins: BINS, low: 0, high: open ? null : endS }, { signal, ...wide }), open ? CURVES_MS : 0);
  if (!what.length) return html`<p class="note">${t("run.no_curves")}</p>`;
  if (!asked.found) return html`<${Asking} asked=${asked} />`;
  return asked.found.what.map((w) => html`<${Curves} key=${w.name} bare title=${said(w.text)} unit=${w.unit} position=${asked.found.position} low=${0} high=${endS} axisUnit="s" limits=${figures[w.name]?.spec} cursor=${cursor} lines=${[{ name: w.name, values: asked.found.runs[0].values[w.name], pen: 0 }]} />`);
}

function AlarmTable({ alarms }) {
  if (!alarms.length) return null;
  return html`<details class="fold" open><summary>${t("run.alarm_list", { count: alarms.length })}</summary><div class="scroll" tabindex="0" role="region" aria-label=${t("run.alarms")}><table class="grid"><thead><tr><th scope="col">${t("alarm.priority")}</th><th scope="col">${t("run.after_start")}</th><th scope="col">${t("run.lasts")}</th><th scope="col">${t("alarm.tag")}</th><th scope="col">${t("alarm.what")}</th></tr></thead>
    <tbody>${alarms.map((a) => html`<tr key=${`${a.alarm}${a.begin_s}`}><td><${AlarmSymbol} priority=${a.priority} /></td><td class="number">${a.before ? t("run.before_start") : durationText(a.begin_s)}</td><td class="number">${durationText(a.end_s - a.begin_s)}${a.open ? ` ${t("run.still")}` : ""}</td><td class="tag">${a.subject}</td><td><${Words} of=${a.text} /></td></tr>`)}</tbody></table></div></details>`;
}

const ENERGIES = { run_kwh: "kWh", execute_kwh: "kWh", mean_kw: "kW", per_metre_kwh: "kWh/m" };

function RunEnergy({ energy }) {
  if (!energy) return html`<p class="empty">${t("run.no_energy")}</p>`;
  return html`<dl class="facts metered">${Object.entries(ENERGIES).map(([key, unit]) => html`<${Fact} key=${key} name=${t(`energy_of_run.${key}`)}><b>${fourDigits(energy[key])}</b> ${unit}<//>`)}<${Fact} name=${t("quality_table.known")}>${percentText(energy.known)}<//></dl>`;
}

/** Deployments that name this run as their reason. */
function LedTo({ head }) {
  const asked = useLeads("");
  const found = asked.found?.deployments.filter((d) => d.run === head.id) ?? [];
  return html`<section class="panel"><h2>${t("run.led_to")}</h2>${!asked.found ? html`<${Asking} asked=${asked} />` : found.length ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("run.led_to")}><${LeadTable} leads=${found} /></div>` : html`<p class="empty">${t("run.led_to_nothing")}</p>`}</section>`;
}

const SHOWN = 200;

function Log({ entries, begunNs }) {
  const kind = useSignal(""), all = useSignal(false);
  const kinds = [...new Set(entries.map((e) => e.kind))].sort();
  const fit = entries.filter((e) => !kind.value || e.kind === kind.value);
  const rows = all.value ? fit : fit.slice(-SHOWN);
  return html`<section class="panel log"><div class="tools"><h2>${t("run.log", { count: entries.length })}</h2><label>${t("run.kind")} <select value=${kind.value} onChange=${(e) => { kind.value = e.currentTarget.value; }}><option value="">${t("runs.all")}</option>${kinds.map((k) => html`<option value=${k}>${t(`event.${k}`)}</option>`)}</select></label></div>
    ${rows.length < fit.length && html`<button type="button" class="nav-link" onClick=${() => { all.value = true; }}>${t("run.all_entries", { count: fit.length })}</button>`}
    <div class="scroll" tabindex="0" role="region" aria-label=${t("run.log", { count: entries.length })}><table class="grid log-table"><thead><tr><th scope="col">${t("alarm.time")}</th><th scope="col">${t("run.after_start")}</th><th scope="col">${t("run.kind")}</th><th scope="col">${t("run.text")}</th><th scope="col">${t("run.who")}</th></tr></thead>
    <tbody>${rows.map((e) => html`<tr key=${e.number}><td class="number">${momentText(e.time_ns / 1e6, serverT.value)}</td><td class="number">${durationText(Math.max(0, (e.time_ns - begunNs) / 1e9))}</td><td>${t(`event.${e.kind}`)}</td><td class="free"><${Words} of=${e.text} />${e.data?.reason ? html` <small class="note">“${e.data.reason}”</small>` : ""}</td><td>${e.actor}</td></tr>`)}</tbody></table></div></section>`;
}
