// Level 3: alarms. What stands, what waits aside, what was, and how good the alarm system is.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { AlarmActs, Response } from "../elements/alarmacts.js";
import { DisplayLink, TrendLink } from "../elements/alarmlinks.js";
import { Filters } from "../elements/alarmfilters.js";
import { AckButton, measured, ranked, stateWords, useStillOrder } from "../elements/alarms.js";
import { AlarmSymbol, ASIDE } from "../elements/symbol.js";
import { momentText } from "../format.js";
import { ofAlarm, said, t } from "../i18n.js";
import { alarms, floods, link, serverT } from "../live.js";
import { named, openFaceplate, route } from "../router.js";
import { AsideTable } from "./aside.js";
import { Journal } from "./journal.js";
import { Kpi } from "./kpi.js";
import { AlarmTable } from "./alarmtable.js";

const LISTS = {
  active: (a) => !ASIDE.includes(a.state),
  shelved: (a) => a.state === "shelved",
  suppressed: (a) => a.state === "suppressed-by-design",
  out: (a) => a.state === "out-of-service",
};
const PAST = { journal: Journal, kpi: Kpi, table: AlarmTable };
const PAGE = 100;

export default function AlarmSummary() {
  const query = route.value.query, view = named({ ...LISTS, ...PAST }, "view", "active");
  const all = [...alarms.value.values()];
  const tab = (name) => html`<a key=${name} href=${`/alarms?view=${name}`} aria-current=${name === view ? "page" : undefined}>${t(`alarm.list.${name}`)} ${name in LISTS ? all.filter(LISTS[name]).length : ""}</a>`;
  const wanted = view in LISTS ? ranked(all.filter(LISTS[view]).filter(fits(query))) : [];
  return html`<h1 class="unseen">${t("screen.alarms")}</h1><div class="alarm-summary panel">
    <div class="tools"><nav class="tabs" aria-label=${t("alarm.lists")}>${[...Object.keys(LISTS), ...Object.keys(PAST)].map(tab)}</nav>
      ${view in LISTS && html`<${Filters} query=${query} />`}</div>
    ${view === "active" && html`<${Flood} /><${Standing} wanted=${wanted} />`}
    ${view !== "active" && view in LISTS && html`<${AsideTable} rows=${wanted} view=${view} key=${view} />`}
    ${view in PAST && html`<${PAST[view]} query=${query} />`}</div>`;
}

function Standing({ wanted }) {
  const marked = useSignal(new Set());
  const { rows, handlers } = useStillOrder(wanted.slice(0, PAGE));
  const chosen = rows.filter((a) => marked.value.has(a.id));
  const { place, ids, look } = useInView(), inView = rows.filter((a) => ids.has(a.id));
  return html`<div class="scroll" ref=${place} onScroll=${look} ...${handlers} tabindex="0" role="region" aria-label=${t("alarm.list.active")}><table class="grid alarm-table">
      <thead><tr><th scope="col"><span class="unseen">${t("alarm.mark")}</span></th><th scope="col">${t("alarm.priority")}</th><th scope="col">${t("alarm.time")}</th><th scope="col">${t("alarm.tag")}</th><th scope="col">${t("alarm.what")}</th><th scope="col">${t("alarm.measured")}</th><th scope="col">${t("alarm.state")}</th><th scope="col">${t("alarm.open")}</th><th scope="col"><span class="unseen">${t("alarm.actions")}</span></th></tr></thead>
      <tbody>${rows.map((a) => html`<${Row} key=${a.id} alarm=${a} marked=${marked} />`)}</tbody></table>
      ${!rows.length && html`<p class="empty">${t("alarm.none")}</p>`}</div>
    <div class="buttons below"><${AckButton} list=${chosen} onDone=${() => { marked.value = new Set(); }} words=${t("alarm.ack_marked", { count: chosen.filter((a) => a.asks).length })} />
      <${AckButton} list=${inView} words=${t("alarm.ack_page", { count: inView.filter((a) => a.asks).length })} />
      <span class="note">${t("alarm.shown", { shown: rows.length, all: wanted.length })}</span></div>`;
}

/** Ids of the rows that can be seen: nobody acknowledges with one tap what lies below the edge. */
function useInView() {
  const place = useRef(/** @type {any} */ (null)), ids = useSignal(new Set());
  const look = () => {
    const { top, bottom } = place.current.getBoundingClientRect(), end = Math.min(bottom, innerHeight);
    const seen = [...place.current.querySelectorAll("tr[data-alarm]")].filter((row) => {
      const box = row.getBoundingClientRect(), middle = (box.top + box.bottom) / 2;
      return middle > top && middle < end;
    }).map((row) => row.dataset.alarm);
    if (seen.length !== ids.peek().size || seen.some((id) => !ids.peek().has(id))) ids.value = new Set(seen);
  };
  useEffect(look);
  useEffect(() => {
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, []);
  return { place, ids: ids.value, look };
}

/** Station, priority and words that the address names. */
function fits(query) {
  const station = query.get("station") ?? "", priority = Number(query.get("priority") ?? 0), text = (query.get("text") ?? "").toLowerCase();
  return (a) => (!station || a.station === station) && (!priority || a.priority === priority)
    && (!text || `${a.tag} ${a.text} ${ofAlarm(a, "text")}`.toLowerCase().includes(text));
}

function Flood() {
  return floods.value.map((f) => html`<p class="flood" key=${f.operator} role="status"><strong>${t("alarm.flood", { count: f.count })}</strong> ${t("alarm.since", { time: momentText(f.since_ns / 1e6, serverT.value) })}
    ${Object.entries(f.stations).map(([name, one]) => html` · ${said(name)} ${one.count} (${t("alarm.first")}: <span class="tag">${one.first}</span>)`)}</p>`);
}

function Row({ alarm, marked }) {
  const open = useSignal(false);
  const toggle = () => {
    const next = new Set(marked.value);
    if (!next.delete(alarm.id)) next.add(alarm.id);
    marked.value = next;
  };
  const since = (alarm.raised_ns || alarm.since_ns) / 1e6;
  const unfold = () => { open.value = !open.value; };
  return html`<tr class=${`alarm${alarm.asks ? " asks" : ""}`} data-alarm=${alarm.id} data-q=${link.value === "live" ? "good" : "stale"}>
    <td><label class="check"><input type="checkbox" checked=${marked.value.has(alarm.id)} onChange=${toggle} aria-label=${t("alarm.mark_one", { id: alarm.id })} /></label></td>
    <td><${AlarmSymbol} priority=${alarm.priority} asks=${alarm.asks} /></td>
    <td><time>${momentText(since, serverT.value)}</time></td>
    <td><button type="button" class="link tag" onClick=${() => openFaceplate(alarm.tag)}>${alarm.tag}</button></td>
    <td class="words"><button type="button" class="link" aria-expanded=${open.value} onClick=${unfold}>${ofAlarm(alarm, "text")}</button>${marks(alarm)}</td>
    <td class="measured">${measured(alarm)}</td><td class="state-words">${stateWords(alarm)}</td>
    <td><span class="ways"><${DisplayLink} station=${alarm.station} tag=${alarm.tag} /><${TrendLink} tag=${alarm.tag} at=${since} /></span></td>
    <td class="row-actions"><${AckButton} list=${[alarm]} cls="act small" />
      <button type="button" class="act small quiet" aria-expanded=${open.value} aria-label=${t(open.value ? "alarm.less_about" : "alarm.more_about", { id: alarm.id })} onClick=${unfold}>${t(open.value ? "alarm.less_actions" : "alarm.more_actions")}</button></td></tr>
    ${open.value && html`<tr class="response"><td></td><td colspan="8"><${Response} alarm=${alarm} /><${AlarmActs} alarm=${alarm} /></td></tr>`}`;
}

/** Others came after it, of the same cause. */
const leads = (alarm) => [...alarms.value.values()].some((a) => a.first === alarm.id && a.id !== alarm.id);

function marks(alarm) {
  const found = [alarm.first_out && leads(alarm) && t("alarm.first_out"), alarm.chattering && t("alarm.chattering", { count: alarm.burst }), alarm.stale && t("alarm.stale")];
  return found.filter(Boolean).map((words) => html` <span class="note" key=${words}>${words}</span>`);
}
