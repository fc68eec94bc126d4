// Feedback lead time: from the last sample of a run to the deployment that its result led to.

import { html } from "htm/preact";
import { get, LONG_MS } from "../api.js";
import { fourDigits } from "../courses.js";
import { useAsked } from "../elements/asked.js";
import { Asking } from "../elements/asking.js";
import { recipeName, RunLink } from "../elements/runs.js";
import { momentText } from "../format.js";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { stationNamed, stations } from "../plant.js";
import { go, withQuery } from "../router.js";

const EVERY_MS = 60000;
const title = (station) => said(stationNamed(station)?.title ?? station);

export const useLeads = (station) => useAsked(`lead ${station}`, (signal) => get("/lead-time", { station }, { signal, deadline: LONG_MS }), EVERY_MS);

export function Leads({ station }) {
  const asked = useLeads(station);
  const set = (event) => go(withQuery({ station: event.currentTarget.value || null }), { replace: true });
  return html`<p class="note">${t("leads.words")}</p><div class="filters"><label>${t("runs.station")} <select onChange=${set} value=${station}><option value="">${t("runs.all")}</option>${stations().map((s) => html`<option value=${s.name}>${said(s.title)}</option>`)}</select></label></div>
    <${Asking} asked=${asked} />${asked.found && html`<div class="scroll grow" tabindex="0" role="region" aria-label=${t("runs.list.leads")}>
      ${asked.found.deployments.length ? html`<${Months} months=${asked.found.months} /><${LeadTable} leads=${asked.found.deployments} />` : html`<p class="empty">${t("leads.none")}</p>`}</div>`}`;
}

function Months({ months }) {
  return html`<h2>${t("leads.months")}</h2><table class="grid figures"><thead><tr><th scope="col">${t("leads.month")}</th><th scope="col">${t("runs.station")}</th><th scope="col">${t("leads.number")}</th><th scope="col">${t("leads.median")}</th><th scope="col">${t("leads.mean")}</th><th scope="col">${t("leads.longest")}</th></tr></thead>
    <tbody>${months.map((m) => html`<tr key=${`${m.month}${m.station}`}><th scope="row">${m.month}</th><td>${title(m.station)}</td><td class="number">${m.n}</td><td class="number"><b>${fourDigits(m.median)}</b> h</td><td class="number">${fourDigits(m.mean)} h</td><td class="number">${fourDigits(m.longest)} h</td></tr>`)}</tbody></table>`;
}

/** leads: deployments with the run they came of, newest first as they are shown. */
export function LeadTable({ leads }) {
  return html`<h2>${t("leads.each")}</h2><table class="grid figures"><thead><tr><th scope="col">${t("leads.deployed")}</th><th scope="col">${t("runs.station")}</th><th scope="col">${t("runs.recipe")}</th><th scope="col">${t("leads.because")}</th><th scope="col">${t("leads.hours")}</th></tr></thead>
    <tbody>${[...leads].reverse().map((l) => html`<tr key=${`${l.station}${l.number}`}><th scope="row" class="number">${momentText(l.time_ns / 1e6, serverT.value)}</th><td>${title(l.station)}</td><td>${recipeName(l.recipe)} <small class="note">#${l.number}</small></td><td><${RunLink} id=${l.run} /></td><td class="number"><b>${fourDigits(l.hours)}</b> h</td></tr>`)}</tbody></table>`;
}
