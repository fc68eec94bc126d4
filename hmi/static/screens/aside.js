// Alarms that wait aside: on the shelf, suppressed by design, out of service. Who put them there, why,
// until when, and bringing them back.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { may } from "../api.js";
import { AlarmActs, BACK, useAlarmAct } from "../elements/alarmacts.js";
import { DisplayLink, TrendLink } from "../elements/alarmlinks.js";
import { useStillOrder } from "../elements/alarms.js";
import { ProblemBox } from "../elements/confirm.js";
import { AlarmSymbol } from "../elements/symbol.js";
import { durationText, momentText } from "../format.js";
import { ofAlarm, t } from "../i18n.js";
import { link, serverT } from "../live.js";
import { openFaceplate } from "../router.js";

/** rows: alarms; view: shelved, suppressed or out. */
export function AsideTable({ rows, view }) {
  const { rows: shown, handlers } = useStillOrder(rows);
  const byPeople = view !== "suppressed";
  const heads = ["priority", "tag", "what", ...(byPeople ? ["who", "why"] : []), "aside_since", ...(byPeople ? ["aside_until"] : []), "open"];
  return html`<p class="note">${t(`alarm.about.${view}`)}</p>
    <div class="scroll" ...${handlers} tabindex="0" role="region" aria-label=${t(`alarm.list.${view}`)}><table class="grid alarm-table aside-table">
      <thead><tr>${heads.map((head) => html`<th scope="col" key=${head}>${t(`alarm.${head}`)}</th>`)}${byPeople && html`<th scope="col"><span class="unseen">${t("alarm.actions")}</span></th>`}</tr></thead>
      <tbody>${shown.map((a) => html`<${Row} key=${a.id} alarm=${a} byPeople=${byPeople} />`)}</tbody></table>
      ${!shown.length && html`<p class="empty">${t(`alarm.none.${view}`)}</p>`}</div>`;
}

function Row({ alarm, byPeople }) {
  const open = useSignal(false);
  const aside = alarm.aside ?? {};
  const since = (aside.since_ns || alarm.since_ns) / 1e6;
  return html`<tr class="alarm" data-alarm=${alarm.id} data-q=${link.value === "live" ? "good" : "stale"}>
    <td><${AlarmSymbol} priority=${alarm.priority} /></td>
    <td><button type="button" class="link tag" onClick=${() => openFaceplate(alarm.tag)}>${alarm.tag}</button></td>
    <td class="words">${ofAlarm(alarm, "text")}${alarm.condition && html` <span class="note">${t("alarm.holds_now")}</span>`}</td>
    ${byPeople && html`<td>${aside.actor ?? ""}</td><td class="why">${aside.reason ?? ""}</td>`}
    <td><time>${momentText(since, serverT.value)}</time></td>
    ${byPeople && html`<td><${Until} aside=${aside} /></td>`}
    <td><span class="ways"><${DisplayLink} station=${alarm.station} tag=${alarm.tag} /><${TrendLink} tag=${alarm.tag} /></span></td>
    ${byPeople && html`<td class="row-actions"><${BringBack} alarm=${alarm} open=${open} /></td>`}</tr>
    ${open.value && html`<tr class="response"><td></td><td colspan="8"><${AlarmActs} alarm=${alarm} /></td></tr>`}`;
}

/** "14:32:10, 12:05 left", and whether it may end before. */
function Until({ aside }) {
  if (!aside.until_ns) return html`<span>${t("alarm.until_returned")}</span>`;
  const until = aside.until_ns / 1e6, left = (until - serverT.value) / 1000;
  return html`<time>${momentText(until, serverT.value)}</time> <span class="note">${t("station.left", { time: durationText(Math.max(0, left)) })}${aside.one_shot ? ` · ${t("alarm.once_short")}` : ""}</span>`;
}

/** From the shelf at once; into service with a reason, in two steps. */
function BringBack({ alarm, open }) {
  const { problem, run, dead } = useAlarmAct(alarm);
  const way = BACK[alarm.state];
  if (!way) return null; // it is back already
  const allowed = way === "unshelve" ? may("acknowledge") : may("bypass");
  if (!allowed) return html`<span class="note">${t(way === "unshelve" ? "alarm.back_not_you" : "alarm.back_engineer")}</span>`;
  if (way === "unshelve") {
    return html`<button type="button" class="act small" disabled=${dead} onClick=${() => run(way, { reason: "" })}>${t("alarm.act.unshelve")}</button><${ProblemBox} problem=${problem.value} />`;
  }
  return html`<button type="button" class="act small" aria-expanded=${open.value} onClick=${() => { open.value = !open.value; }}>${t("alarm.act.in-service")}</button>`;
}
