// Lots: where one came from and what became of it, through all runs.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { get, LONG_MS } from "../api.js";
import { useAsked } from "../elements/asked.js";
import { Asking } from "../elements/asking.js";
import { lastsS, lotAddress, LotLinks, OutcomeChip, recipeName, RunLink } from "../elements/runs.js";
import { durationText, momentText, numberText } from "../format.js";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { stationNamed } from "../plant.js";
import { go } from "../router.js";

const EVERY_MS = 30000, NEWEST = 500;

/** lot: its name, "" for the list of all that the newest runs name. */
export function Lots({ lot }) {
  const typed = useSignal(lot);
  const look = (event) => {
    event.preventDefault();
    if (typed.value.trim()) go(lotAddress(typed.value.trim()));
  };
  return html`<form class="filters" onSubmit=${look}><label>${t("lots.name")} <input type="search" value=${typed.value} maxlength="200" onInput=${(e) => { typed.value = e.currentTarget.value; }} /></label><button type="submit" class="nav-link">${t("lots.look")}</button>${lot && html`<a class="nav-link" href="/runs?list=lots">${t("lots.all")}</a>`}</form>
    ${lot ? html`<${OneLot} lot=${lot} />` : html`<${AllLots} />`}`;
}

function AllLots() {
  const asked = useAsked("lots", (signal) => get("/history/runs", { limit: NEWEST }, { signal, deadline: LONG_MS }), EVERY_MS);
  const found = lotsOf(asked.found?.runs ?? []);
  return html`<${Asking} asked=${asked} />${asked.found && (found.length ? html`<div class="scroll grow" tabindex="0" role="region" aria-label=${t("runs.list.lots")}><table class="grid"><thead><tr><th scope="col">${t("lots.lot")}</th><th scope="col">${t("lots.made_by")}</th><th scope="col">${t("lots.used_by")}</th><th scope="col">${t("lots.last")}</th></tr></thead>
    <tbody>${found.map((l) => html`<tr key=${l.name}><th scope="row"><a class="cell-link" href=${lotAddress(l.name)}>${l.name}</a></th><td><${RunLinks} heads=${l.made} /></td><td><${RunLinks} heads=${l.used} /></td><td class="number">${momentText(l.atNs / 1e6, serverT.value)}</td></tr>`)}</tbody></table></div>` : html`<p class="empty">${t("lots.none")}</p>`)}`;
}

/** Every lot that some runs name, the newest first. */
export function lotsOf(rows) {
  const found = new Map();
  const note = (name, head, side) => {
    const lot = found.get(name) ?? { name, made: [], used: [], atNs: 0 };
    lot[side].push(head);
    lot.atNs = Math.max(lot.atNs, head.begun_ns);
    found.set(name, lot);
  };
  for (const { head } of rows) {
    for (const name of head.lots_out) note(name, head, "made");
    for (const name of head.lots_in) note(name, head, "used");
  }
  return [...found.values()].sort((a, b) => b.atNs - a.atNs);
}

const RunLinks = ({ heads }) => (heads.length ? html`<span class="lot-links">${heads.map((h) => html`<${RunLink} key=${h.id} id=${h.id} />`)}</span>` : "–");

function OneLot({ lot }) {
  const asked = useAsked(`lot ${lot}`, (signal) => get(`/lots/${encodeURIComponent(lot)}`, {}, { signal, deadline: LONG_MS }), EVERY_MS);
  const found = asked.found;
  return html`<h2>${t("lots.one", { lot })}</h2><${Asking} asked=${asked} />
    ${found && html`<div class="scroll grow" tabindex="0" role="region" aria-label=${t("lots.one", { lot })}><div class="genealogy">
      <${Stage} title=${t("lots.from")} lots=${found.from} heads=${found.before} empty=${t("lots.from_nothing")} /><span class="arrow" aria-hidden="true">→</span>
      <${Stage} title=${t("lots.made_by")} heads=${found.made_by} empty=${t("lots.made_elsewhere")} /><span class="arrow" aria-hidden="true">→</span>
      <section class="stage own"><h3>${t("lots.lot")}</h3><p class="lot-name">${found.lot}</p></section><span class="arrow" aria-hidden="true">→</span>
      <${Stage} title=${t("lots.used_by")} heads=${found.used_by} empty=${t("lots.used_nowhere")} /><span class="arrow" aria-hidden="true">→</span>
      <${Stage} title=${t("lots.into")} lots=${found.into} heads=${found.after} empty=${t("lots.into_nothing")} /></div></div>`}`;
}

function Stage({ title, lots = [], heads, empty }) {
  return html`<section class="stage"><h3>${title}</h3>${lots.length > 0 && html`<p><${LotLinks} lots=${lots} /></p>`}
    ${heads.map((h) => html`<article key=${h.id} class="stage-run"><${RunLink} id=${h.id} /><small>${said(stationNamed(h.station)?.title ?? h.station)}</small><small>${recipeName(h.recipe)}</small>
      <small class="number">${momentText(h.begun_ns / 1e6, serverT.value)} · ${durationText(lastsS(h))}${h.metres ? ` · ${numberText(h.metres, 1)} m` : ""}</small><${OutcomeChip} outcome=${h.outcome} /></article>`)}
    ${!heads.length && !lots.length && html`<p class="note">${empty}</p>`}</section>`;
}
