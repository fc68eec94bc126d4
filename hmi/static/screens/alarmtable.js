// Every alarm that there is, normal or not: what it means, and putting it aside before work begins.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { get, LONG_MS } from "../api.js";
import { AlarmActs, Response } from "../elements/alarmacts.js";
import { Filters } from "../elements/alarmfilters.js";
import { DisplayLink, TrendLink } from "../elements/alarmlinks.js";
import { stateWords } from "../elements/alarms.js";
import { Answer, useAsked } from "../elements/asked.js";
import { AlarmSymbol } from "../elements/symbol.js";
import { ofAlarm, t } from "../i18n.js";
import { alarms, link } from "../live.js";

const MOST = 100;
const HEADS = ["priority", "id", "what", "state", "open"];

export function AlarmTable({ query }) {
  const asked = useAsked("/alarm-table", (signal) => get("/alarm-table", {}, { signal, deadline: LONG_MS }));
  return html`<div class="tools"><${Filters} query=${query} /></div>
    <${Answer} asked=${asked}>${(found) => html`<${Rows} all=${found.alarms} query=${query} />`}<//>`;
}

function Rows({ all, query }) {
  const wanted = all.filter(fits(query)), shown = wanted.slice(0, MOST);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("alarm.list.table")}><table class="grid alarm-table">
      <thead><tr>${HEADS.map((head) => html`<th scope="col" key=${head}>${t(`alarm.${head}`)}</th>`)}<th scope="col"><span class="unseen">${t("alarm.actions")}</span></th></tr></thead>
      <tbody>${shown.map((d) => html`<${Row} key=${d.id} defined=${d} />`)}</tbody></table>
      ${!shown.length && html`<p class="empty">${t("alarm.none_fits")}</p>`}</div>
    <p class="note">${t("alarm.shown", { shown: shown.length, all: wanted.length })}</p>`;
}

function fits(query) {
  const station = query.get("station") ?? "", priority = Number(query.get("priority") ?? 0), text = (query.get("text") ?? "").toLowerCase();
  return (d) => (!station || d.station === station) && (!priority || d.priority === priority)
    && (!text || `${d.id} ${d.text} ${ofAlarm(d, "text")}`.toLowerCase().includes(text));
}

function Row({ defined }) {
  const open = useSignal(false);
  const now = alarms.value.get(defined.id);
  const alarm = now ? { ...now, shelvable: defined.shelvable } : { ...defined, state: "normal", asks: false };
  return html`<tr class="alarm" data-alarm=${defined.id} data-q=${link.value === "live" ? "good" : "stale"}>
    <td><${AlarmSymbol} priority=${defined.priority} asks=${alarm.asks} /></td><td><span class="tag">${defined.id}</span></td>
    <td class="words">${ofAlarm(defined, "text")}</td><td class="state-words">${stateWords(alarm)}</td>
    <td><span class="ways"><${DisplayLink} station=${defined.station} tag=${defined.tag} /><${TrendLink} tag=${defined.tag} /></span></td>
    <td class="row-actions"><button type="button" class="act small quiet" aria-expanded=${open.value} aria-label=${t(open.value ? "alarm.less_about" : "alarm.more_about", { id: defined.id })} onClick=${() => { open.value = !open.value; }}>${t(open.value ? "alarm.less_actions" : "alarm.more_actions")}</button></td></tr>
    ${open.value && html`<tr class="response"><td></td><td colspan="5"><${Response} alarm=${alarm} /><${AlarmActs} alarm=${alarm} /></td></tr>`}`;
}
