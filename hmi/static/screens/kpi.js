// How good the alarm system is: each figure beside what the standards call good, and which alarms
// to mend first.

import { html } from "htm/preact";
import { get, LONG_MS } from "../api.js";
import { DisplayLink, TrendLink } from "../elements/alarmlinks.js";
import { Answer, AsOf, useAsked } from "../elements/asked.js";
import { AlarmSymbol } from "../elements/symbol.js";
import { durationText, momentText, numberText } from "../format.js";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { stations } from "../plant.js";
import { go, withQuery } from "../router.js";

const HOURS = [8, 24, 168, 720];
const SPLIT = ["low_and_medium", "high", "critical"];
const MOST = 20;

export function Kpi({ query }) {
  const hours = HOURS.includes(Number(query.get("hours"))) ? Number(query.get("hours")) : 168;
  const operators = Math.min(100, Math.max(1, Math.round(Number(query.get("operators"))) || 1));
  const question = { start: `-${hours}h`, stop: "now", station: query.get("station") ?? "", operators };
  const asked = useAsked(JSON.stringify(question), (signal) => get("/alarm-kpi", question, { signal, deadline: LONG_MS }));
  const show = (name) => (event) => go(withQuery({ [name]: event.currentTarget.value || null }), { replace: true });
  return html`<div class="tools"><div class="filters"><label>${t("journal.window")} <select value=${hours} onChange=${show("hours")}>${HOURS.map((h) => html`<option value=${h}>${t(`journal.hours.${h}`)}</option>`)}</select></label>
      <label>${t("alarm.station")} <select value=${question.station} onChange=${show("station")}><option value="">${t("alarm.all")}</option>${stations().map((s) => html`<option value=${s.name}>${said(s.title)}</option>`)}</select></label>
      <label>${t("kpi.operators")} <input type="number" min="1" max="100" value=${operators} onChange=${show("operators")} /></label></div><${AsOf} asked=${asked} /></div>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("alarm.list.kpi")}><${Answer} asked=${asked}>${(found) => html`<${Report} found=${found} old=${asked.old} />`}<//></div>`;
}

function Report({ found, old }) {
  return html`<div class="kpi" data-q=${old ? "stale" : "good"}>
    <section><h2>${t("kpi.figures")}</h2><${Figures} r=${found} /></section>
    <section><h2>${t("kpi.priorities")}</h2><${Split} r=${found} /></section>
    <section><h2>${t("kpi.top", { percent: percent(found.top_share) })}</h2><${Counted} r=${found} /></section>
    <section><h2>${t("kpi.stale")} <small>${Object.keys(found.stale).length}</small></h2><${Listed} r=${found} rows=${Object.entries(found.stale).map(([alarm, h]) => [alarm, durationText(h * 3600)])} none=${t("kpi.no_stale")} />
      <h2>${t("kpi.chattering")} <small>${found.chattering.length}</small></h2><${Listed} r=${found} rows=${found.chattering.map((alarm) => [alarm, ""])} none=${t("kpi.no_chattering")} /></section>
    <section><h2>${t("kpi.floods")} <small>${found.floods}</small></h2><${Floods} r=${found} /></section></div>`;
}

/** With a decimal where it says something. */
const percent = (share) => numberText(100 * share, share < 0.1 && Math.abs(100 * share - Math.round(100 * share)) > 0.05 ? 1 : 0);

/** Name, value, what is good, and by word and shape whether it is. */
function Figures({ r }) {
  const { good } = r;
  const rows = [
    ["alarms", r.alarms, "", true],
    ["per_hour", numberText(r.per_operator_hour, 2), t("kpi.up_to", { good: good.per_operator_hour }), r.per_operator_hour <= good.per_operator_hour],
    ["per_day", numberText(r.per_day, 1), t("kpi.up_to", { good: 24 * good.per_operator_hour }), r.per_day <= 24 * good.per_operator_hour],
    ["peak", r.peak_10_min, t("kpi.up_to", { good: good.peak_10_min }), r.peak_10_min <= good.peak_10_min],
    ["in_flood", `${percent(r.share_in_flood)} %`, t("kpi.up_to", { good: `${percent(good.share_in_flood)} %` }), r.share_in_flood <= good.share_in_flood],
    ["stale", Object.keys(r.stale).length, t("kpi.up_to", { good: good.stale }), Object.keys(r.stale).length <= good.stale],
    ["chattering", r.chattering.length, t("kpi.up_to", { good: good.chattering }), r.chattering.length <= good.chattering],
    ["acknowledged", r.acknowledged, "", true],
    ["ack_p50", r.acknowledge_p50_s === null ? t("kpi.nobody") : durationText(r.acknowledge_p50_s), "", true],
    ["ack_p90", r.acknowledge_p90_s === null ? t("kpi.nobody") : durationText(r.acknowledge_p90_s), "", true],
  ];
  return html`<table class="grid kpi-figures"><thead><tr><th scope="col">${t("kpi.figure")}</th><th scope="col">${t("kpi.value")}</th><th scope="col">${t("kpi.good")}</th><th scope="col">${t("kpi.judged")}</th></tr></thead>
    <tbody>${rows.map(([name, value, wanted, fine]) => html`<tr key=${name} data-kpi=${name}><th scope="row">${t(`kpi.f.${name}`)}</th><td class="number">${value}</td><td class="number">${wanted}</td><td>${wanted && (fine ? t("kpi.fine") : html`<strong>▲ ${t("kpi.over")}</strong>`)}</td></tr>`)}</tbody></table>`;
}

/** Shares of the priorities as bars, each with the share that is advised. */
function Split({ r }) {
  if (!r.alarms) return html`<p class="empty">${t("kpi.no_alarms")}</p>`;
  return html`<table class="grid kpi-figures"><tbody>${SPLIT.map((part) => html`<tr key=${part}><th scope="row">${t(`kpi.split.${part}`)}</th><td class="number">${percent(r.split[part])} %</td>
    <td class="share-cell"><${Share} part=${r.split[part]} /></td><td class="note">${t("kpi.about", { good: `${percent(r.good.split[part])} %` })}</td></tr>`)}
    ${Object.entries(r.priorities).map(([p, n]) => html`<tr key=${p}><th scope="row"><${AlarmSymbol} priority=${Number(p)} /></th><td class="number">${n}</td><td class="share-cell"><${Share} part=${n / r.alarms} /></td><td></td></tr>`)}</tbody></table>`;
}

function Share({ part }) {
  return html`<span class="share-bar" aria-hidden="true"><span style=${{ width: `${Math.round(100 * Math.min(1, part))}%` }}></span></span>`;
}

function Counted({ r }) {
  if (!r.top.length) return html`<p class="empty">${t("kpi.no_alarms")}</p>`;
  const most = r.top[0].count;
  return html`<ol class="alarm-ranks">${r.top.map(({ alarm, count }) => html`<li key=${alarm}><${Alarm} r=${r} alarm=${alarm} /><${Share} part=${count / most} /><b>${count}</b></li>`)}</ol>`;
}

function Listed({ r, rows, none }) {
  if (!rows.length) return html`<p class="empty">${none}</p>`;
  return html`<ul class="alarm-ranks">${rows.slice(0, MOST).map(([alarm, words]) => html`<li key=${alarm}><${Alarm} r=${r} alarm=${alarm} /><b>${words}</b></li>`)}
    ${rows.length > MOST && html`<li class="note">${t("alarm.more", { count: rows.length - MOST })}</li>`}</ul>`;
}

function Alarm({ r, alarm }) {
  const { tag, what, of, grade } = r.alarm_texts[alarm];
  return html`<span class="ranked">${grade && html`<${AlarmSymbol} priority=${grade} />`}<span><span class="tag">${alarm}</span><br />${said(what)}</span></span>
    <span class="ways"><${DisplayLink} station=${of} tag=${tag} /><${TrendLink} tag=${tag} /></span>`;
}

function Floods({ r }) {
  if (!r.flood_spans.length) return html`<p class="empty">${t("kpi.no_floods")}</p>`;
  return html`<ul class="flood-list">${r.flood_spans.slice(-MOST).reverse().map(({ start_ns: a, stop_ns: b }) => html`<li key=${a}><time>${momentText(a / 1e6, serverT.value)}</time> … <time>${momentText(b / 1e6, serverT.value)}</time> <b>${durationText((b - a) / 1e9)}</b></li>`)}</ul>`;
}
