// Why can't I start? What must hold, what has tripped and which came first, and what is bypassed by
// whom until when. From the live picture; the whole list is asked for when somebody wants it.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { get, may, post, PROPOSE_MS } from "../api.js";
import { sorted } from "../conditions.js";
import { momentText } from "../format.js";
import { problemText, said, t } from "../i18n.js";
import { link, locked, pictureOf, serverT } from "../live.js";
import { openFaceplate } from "../router.js";
import { TwoStep, useChange } from "./twostep.js";

/** States in which somebody asks why a station does not start. */
const AT_REST = ["IDLE", "STOPPED", "ABORTED", "COMPLETED", "HELD", "PAUSED"];
const ASK_MS = 2000, BYPASS_MIN = [10, 30, 60, 240, 480];

/** station: of the plant; now: what it says of itself. */
export function Interlocks({ station, now }) {
  const { blocking, tripped, bypassed } = sorted(now?.unmet ?? []);
  const q = pictureOf(station.name), rests = AT_REST.includes(now?.state), idle = rests && blocking.length > 0;
  return html`<div class="interlocks" data-q=${q}>
    ${tripped.length > 0 && html`<section><h3>${t("interlock.tripped", { count: tripped.length })}</h3><ul>${tripped.map((row) => html`<${Row} key=${row.name} row=${row} sign="✕" />`)}</ul><p class="note">${t("interlock.reset")}</p></section>`}
    ${idle && html`<section><h3>${t("station.cannot_start")} <small>${t("interlock.unmet", { count: blocking.length })}</small></h3><ul>${blocking.map((row) => html`<${Row} key=${row.name} row=${row} sign="✕" />`)}</ul></section>`}
    ${bypassed.length > 0 && html`<section><h3>${t("interlock.bypassed", { count: bypassed.length })}</h3><ul>${bypassed.map((row) => html`<${Row} key=${row.name} row=${row} sign="B" station=${station} />`)}</ul></section>`}
    ${!idle && !tripped.length && html`<p class="note">${!now ? t("station.unknown") : t(rests ? "interlock.all_met" : "interlock.under_way")}</p>`}</div>`;
}

/** One condition: what it is, its value and the wanted one, and what to do. */
function Row({ row, sign, station }) {
  return html`<li class="interlock"><span class="sign" aria-hidden="true">${sign}</span>
    <div><button type="button" class="link" onClick=${() => openFaceplate(row.tag)}>${said(row.text)}</button>${row.first_out && html` <strong class="first-out">${t("interlock.first_out")}</strong>`}
      <p class="note">${t("interlock.is", { shown: said(row.shown), wanted: said(row.wanted) })} <span class="tag">${row.tag}</span></p>
      ${row.remedy && html`<p class="remedy"><b>${t("interlock.remedy")}</b> ${said(row.remedy)}</p>`}
      ${row.bypass && html`<p class="note">${t("interlock.by", { who: row.bypass.actor, until: momentText(row.bypass.until_ns / 1e6, serverT.value), why: row.bypass.reason })}</p>`}
      ${row.bypass && station && html`<${BypassAct} station=${station} row=${row} />`}</div></li>`;
}

/** Every condition, met or not; engineers may put one out of force for a time. */
export function AllInterlocks({ station }) {
  const open = useSignal(false), rows = useSignal(/** @type {any[]|null} */ (null)), told = useSignal("");
  useEffect(() => {
    if (!open.value) return undefined;
    const over = new AbortController();
    const ask = () => get(`/stations/${encodeURIComponent(station.name)}/interlocks`, {}, { signal: over.signal })
      .then((found) => { rows.value = found.interlocks; told.value = ""; })
      .catch((error) => { if (!over.signal.aborted) told.value = problemText(error); });
    ask();
    const timer = setInterval(ask, ASK_MS);
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, [open.value, station.name]);
  return html`<details class="panel all" open=${open.value} onToggle=${(e) => { open.value = e.currentTarget.open; }}><summary>${t("interlock.all")}</summary>
    ${open.value && told.value && html`<p class="note" role="status">${told.value}</p>`}
    ${open.value && (rows.value ? html`<div class="scroll" data-q=${told.value ? "stale" : pictureOf(station.name)} tabindex="0" role="region" aria-label=${t("interlock.all")}><table class="grid interlock-table"><thead><tr><th scope="col">${t("interlock.condition")}</th><th scope="col">${t("interlock.value")}</th><th scope="col">${t("interlock.wanted")}</th><th scope="col">${t("interlock.state")}</th><th scope="col"><span class="unseen">${t("alarm.actions")}</span></th></tr></thead>
      <tbody>${rows.value.map((row) => html`<${TableRow} key=${row.kind + row.name} row=${row} station=${station} />`)}</tbody></table></div>` : !told.value && html`<p class="note">${t("screen.asking")}</p>`)}</details>`;
}

function TableRow({ row, station }) {
  const state = row.bypass ? "bypassed" : row.latched ? "latched" : row.ok ? "met" : "unmet";
  return html`<tr class=${state}><th scope="row"><button type="button" class="link" onClick=${() => openFaceplate(row.tag)}>${said(row.text)}</button> <small>${t(`interlock.kind.${row.kind}`)}</small></th>
    <td>${said(row.shown)}</td><td>${said(row.wanted)}</td><td>${t(`interlock.state.${state}`)}${row.first_out ? ` · ${t("interlock.first_out")}` : ""}</td>
    <td><${BypassAct} station=${station} row=${row} /></td></tr>`;
}

/** Out of force for a time, or in force again: two steps with a reason. */
function BypassAct({ station, row }) {
  const open = useSignal(false), why = useSignal(""), minutes = useSignal(BYPASS_MIN[1]);
  const change = useChange();
  if (!may("bypass")) return null;
  if (!row.bypassable && !row.bypass) return html`<span class="note">${t("interlock.never")}</span>`;
  const dead = link.value !== "live" || locked.value;
  const path = `/stations/${encodeURIComponent(station.name)}/interlocks/${encodeURIComponent(row.name)}`;
  const send = (event) => {
    event.preventDefault();
    const reason = why.value.trim();
    if (!reason || dead) return;
    change.begin(() => (row.bypass ? post(`${path}/restore`, { reason }, { deadline: PROPOSE_MS }) : post(`${path}/bypass`, { reason, for_s: 60 * minutes.value }, { deadline: PROPOSE_MS })));
  };
  if (change.at.value.step !== "idle") {
    const words = t(row.bypass ? "interlock.restore_ask" : "interlock.bypass_ask", { what: said(row.text), time: t(`alarm.span.${minutes.value}`) });
    return html`<${TwoStep} change=${change} words=${words} />`;
  }
  if (!open.value) return html`<button type="button" class="act small quiet" onClick=${() => { open.value = true; }}>${t(row.bypass ? "interlock.restore" : "interlock.bypass")}</button>`;
  return html`<form class="bypass" onSubmit=${send}>
    ${!row.bypass && html`<label class="field">${t("interlock.for")} <select onChange=${(e) => { minutes.value = Number(e.currentTarget.value); }}>${BYPASS_MIN.map((m) => html`<option value=${m} key=${m} selected=${m === minutes.value}>${t(`alarm.span.${m}`)}</option>`)}</select></label>`}
    <label class="field">${t("change.reason")} <input value=${why.value} maxlength="2000" onInput=${(e) => { why.value = e.currentTarget.value; }} /></label>
    <div class="buttons"><button type="button" class="act" onClick=${() => { open.value = false; }}>${t("change.cancel")}</button><button type="submit" class="act" disabled=${dead || !why.value.trim()}>${t("change.change")}</button></div></form>`;
}
