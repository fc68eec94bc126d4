// Trials: a small change for a while, with a question, a way back by itself, and an answer.

import { html } from "htm/preact";
import { get, LONG_MS } from "../api.js";
import { fourDigits } from "../courses.js";
import { useAsked } from "../elements/asked.js";
import { Asking, Words } from "../elements/asking.js";
import { Comparison } from "../elements/comparison.js";
import { Fact, RunLink } from "../elements/runs.js";
import { momentText } from "../format.js";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { stationNamed } from "../plant.js";

const EVERY_MS = 15000;
const address = (id) => `/trials/${encodeURIComponent(id)}`;

export function TrialList() {
  const asked = useAsked("trials", (signal) => get("/trials", {}, { signal, deadline: LONG_MS }), EVERY_MS);
  const rows = [...(asked.found?.trials ?? [])].reverse();
  return html`<${Asking} asked=${asked} />${asked.found && (rows.length ? html`<div class="scroll grow" tabindex="0" role="region" aria-label=${t("runs.list.trials")}><table class="grid"><thead><tr><th scope="col">${t("trials.trial")}</th><th scope="col">${t("trials.question")}</th><th scope="col">${t("trials.state")}</th><th scope="col">${t("trials.change")}</th><th scope="col">${t("trials.window")}</th><th scope="col">${t("runs.begun")}</th><th scope="col">${t("runs.by")}</th><th scope="col">${t("leads.hours")}</th></tr></thead>
    <tbody>${rows.map((r) => html`<tr key=${r.id}><th scope="row"><a class="cell-link" href=${address(r.id)}>${r.id}</a><small class="note">${said(stationNamed(r.station)?.title ?? r.station)}</small></th><td class="free">${r.question}</td><td><${TrialState} trial=${r} /></td><td>${r.base} → <b>${r.recipe}</b></td><td>${windowText(r)}</td>
      <td class="number">${momentText(r.begun_ns / 1e6, serverT.value)}</td><td>${r.actor}</td><td class="number">${leadText(r.lead_h)}</td></tr>`)}</tbody></table></div>` : html`<p class="empty">${t("trials.none")}</p>`)}`;
}

const windowText = (r) => (r.minutes !== null ? `${r.minutes} min` : `${r.metres} m`);
const leadText = (hours) => (hours === null || hours === undefined ? "–" : `${fourDigits(hours)} h`);

/** Waits for START, runs, has ended and why. */
function TrialState({ trial: r }) {
  const name = r.ended_ns !== null ? "ended" : r.from_ns !== null ? "running" : r.run ? "starting" : "waiting";
  return html`<span class=${`state ${name === "running" ? "under-way" : "at-rest"}`}>${t(`trials.state.${name}`)}</span>${r.how && html`<br /><small class="note"><${Words} of=${r.how} /></small>`}`;
}

export default function TrialPage({ trial: id }) {
  const asked = useAsked(`trial ${id}`, (signal) => get(`/trials/${encodeURIComponent(id)}`, {}, { signal, deadline: LONG_MS }), EVERY_MS);
  const r = asked.found;
  return html`<div class="page-column"><section class="panel run-head"><h1>${t("trials.one", { trial: id })}</h1><${Asking} asked=${asked} />
      ${r && html`<p class="question">${r.question}</p><dl class="facts"><${Fact} name=${t("runs.station")}>${said(stationNamed(r.station)?.title ?? r.station)}<//><${Fact} name=${t("trials.state")}><${TrialState} trial=${r} /><//><${Fact} name=${t("trials.change")}>${r.base} → <b>${r.recipe}</b><//>
        <${Fact} name=${t("trials.window")}>${windowText(r)}<//><${Fact} name=${t("runs.begun")}>${momentText(r.begun_ns / 1e6, serverT.value)}<//><${Fact} name=${t("runs.by")}>${r.actor}<//>
        <${Fact} name=${t("runs.run")}>${r.run ? html`<${RunLink} id=${r.run} />` : "–"}<//><${Fact} name=${t("leads.hours")}>${leadText(r.lead_h)}<//></dl>`}</section>
    ${r?.run && html`<section class="panel"><h2>${t("trials.answer")}</h2><${Answer} id=${id} /></section>`}</div>`;
}

function Answer({ id }) {
  const asked = useAsked(`answer ${id}`, (signal) => get(`/trials/${encodeURIComponent(id)}/compare`, {}, { signal, deadline: LONG_MS }));
  return html`<${Asking} asked=${asked} />${asked.found && html`<${Comparison} comparison=${asked.found.comparison} names=${[t("trials.trial"), t("compare.base")]} />`}`;
}
