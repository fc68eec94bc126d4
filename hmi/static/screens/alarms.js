// Level 3: the alarm summary. What stands, what waits aside; acknowledge one, the marked ones, the page.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { may, post } from "../api.js";
import { AckButton, measured, ranked, standing, stateWords, useStillOrder } from "../elements/alarms.js";
import { AlarmSymbol, ASIDE } from "../elements/symbol.js";
import { TwoStep, useChange } from "../elements/twostep.js";
import { durationText, momentText } from "../format.js";
import { ofAlarm, problemText, said, t } from "../i18n.js";
import { alarms, floods, fresh, link, locked, serverT } from "../live.js";
import { stations } from "../plant.js";
import { go, openFaceplate, route, withQuery } from "../router.js";

export const alarmSummary = { id: "alarms", path: "/alarms", title: "screen.alarms", page: true, component: AlarmSummary };

const LISTS = {
  active: (a) => !ASIDE.includes(a.state),
  shelved: (a) => a.state === "shelved",
  suppressed: (a) => a.state === "suppressed-by-design",
  out: (a) => a.state === "out-of-service",
};
const PAGE = 100;

function AlarmSummary() {
  const query = route.value.query;
  const which = query.get("list") in LISTS ? query.get("list") : "active";
  const marked = useSignal(new Set());
  const all = [...alarms.value.values()];
  const wanted = ranked(all.filter(LISTS[which]).filter(fits(query)));
  const { rows, handlers } = useStillOrder(wanted.slice(0, PAGE));
  const chosen = rows.filter((a) => marked.value.has(a.id));
  return html`<h1 class="unseen">${t("screen.alarms")}</h1><div class="alarm-summary panel">
    <div class="tools"><nav class="tabs" aria-label=${t("alarm.lists")}>${Object.keys(LISTS).map((name) => html`<a key=${name} href=${withQuery({ list: name })} aria-current=${name === which ? "page" : undefined}>${t(`alarm.list.${name}`)} ${all.filter(LISTS[name]).length}</a>`)}</nav>
      <${Filters} query=${query} /></div>
    <${Flood} />
    <div class="scroll" ...${handlers} tabindex="0" role="region" aria-label=${t("screen.alarms")}><table class="grid alarm-table">
      <thead><tr><th scope="col"><span class="unseen">${t("alarm.mark")}</span></th><th scope="col">${t("alarm.priority")}</th><th scope="col">${t("alarm.time")}</th><th scope="col">${t("alarm.tag")}</th><th scope="col">${t("alarm.what")}</th><th scope="col">${t("alarm.measured")}</th><th scope="col">${t("alarm.state")}</th><th scope="col"><span class="unseen">${t("alarm.actions")}</span></th></tr></thead>
      <tbody>${rows.map((a) => html`<${Row} key=${a.id} alarm=${a} marked=${marked} />`)}</tbody></table>
      ${!rows.length && html`<p class="empty">${t("alarm.none")}</p>`}</div>
    <div class="buttons below"><${AckButton} list=${chosen} words=${t("alarm.ack_marked", { count: chosen.filter((a) => a.asks).length })} />
      <${AckButton} list=${rows} words=${t("alarm.ack_page", { count: rows.filter((a) => a.asks).length })} />
      <span class="note">${t("alarm.shown", { shown: rows.length, all: wanted.length })}</span></div></div>`;
}

/** Station, priority and words that the address names. */
function fits(query) {
  const station = query.get("station") ?? "", priority = Number(query.get("priority") ?? 0), text = (query.get("text") ?? "").toLowerCase();
  return (a) => (!station || a.station === station) && (!priority || a.priority === priority)
    && (!text || `${a.tag} ${a.text} ${ofAlarm(a, "text")}`.toLowerCase().includes(text));
}

function Filters({ query }) {
  const set = (name) => (event) => go(withQuery({ [name]: event.currentTarget.value || null }), { replace: true });
  return html`<div class="filters"><label>${t("alarm.station")} <select onChange=${set("station")} value=${query.get("station") ?? ""}><option value="">${t("alarm.all")}</option>${stations().map((s) => html`<option value=${s.name}>${said(s.title)}</option>`)}</select></label>
    <label>${t("alarm.priority")} <select onChange=${set("priority")} value=${query.get("priority") ?? ""}><option value="">${t("alarm.all")}</option>${[1, 2, 3, 4].map((p) => html`<option value=${p}>${p}</option>`)}</select></label>
    <label>${t("alarm.search")} <input type="search" value=${query.get("text") ?? ""} onInput=${set("text")} /></label></div>`;
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
  const since = alarm.raised_ns || alarm.since_ns;
  return html`<tr class=${`alarm${alarm.asks ? " asks" : ""}`} data-q=${link.value === "live" ? "good" : "stale"}>
    <td><input type="checkbox" checked=${marked.value.has(alarm.id)} onChange=${toggle} aria-label=${t("alarm.mark_one", { id: alarm.id })} /></td>
    <td><${AlarmSymbol} priority=${alarm.priority} asks=${alarm.asks} /></td>
    <td><time>${momentText(since / 1e6, serverT.value)}</time></td>
    <td><button type="button" class="link tag" onClick=${() => openFaceplate(alarm.tag)}>${alarm.tag}</button></td>
    <td class="words"><button type="button" class="link" aria-expanded=${open.value} onClick=${() => { open.value = !open.value; }}>${ofAlarm(alarm, "text")}</button>${marks(alarm)}</td>
    <td class="measured">${measured(alarm)}</td><td>${stateWords(alarm)}</td>
    <td class="row-actions"><${AckButton} list=${[alarm]} cls="act small" /><${More} alarm=${alarm} /></td></tr>
    ${open.value && html`<tr class="response"><td></td><td colspan="7"><${Response} alarm=${alarm} /></td></tr>`}`;
}

/** Others came after it, of the same cause. */
const leads = (alarm) => [...alarms.value.values()].some((a) => a.first === alarm.id && a.id !== alarm.id);

function marks(alarm) {
  const found = [alarm.first_out && leads(alarm) && t("alarm.first_out"), alarm.chattering && t("alarm.chattering", { count: alarm.burst }), alarm.stale && t("alarm.stale"), alarm.aside && t("alarm.aside_by", { who: alarm.aside.actor, why: alarm.aside.reason })];
  return found.filter(Boolean).map((words) => html` <span class="note" key=${words}>${words}</span>`);
}

/** What to do, why, and how much time there is. */
export function Response({ alarm }) {
  return html`<dl class="response-words">${["action", "cause", "consequence"].map((part) => html`<dt>${t(`alarm.${part}`)}</dt><dd>${ofAlarm(alarm, part)}</dd>`)}
    <dt>${t("alarm.respond")}</dt><dd>${durationText(alarm.respond_s)}</dd></dl>`;
}

/** Shelving, unshelving, resetting: behind one button, for they are rare. */
function More({ alarm }) {
  const open = useSignal(false), why = useSignal(""), minutes = useSignal("30"), told = useSignal("");
  const change = useChange();
  const id = encodeURIComponent(alarm.id);
  const run = async (what, body) => {
    if (!fresh()) return;
    try {
      const found = await post(`/alarms/${id}/${what}`, body);
      if (found?.token) await change.begin(async () => found);
      else open.value = false;
      told.value = "";
    } catch (error) {
      told.value = `${problemText(error)} ${error.reasons[0] ?? ""}`;
    }
  };
  if (!may("shelve") && !may("acknowledge")) return null;
  const latched = alarm.state.startsWith("latched"), shelved = alarm.state === "shelved";
  const dead = link.value !== "live" || locked.value;
  const shelve = (event) => {
    event.preventDefault();
    run("shelve", { for_s: Number(minutes.value) * 60, reason: why.value });
  };
  return html`<span class="more-actions"><button type="button" class="act small quiet" aria-expanded=${open.value} onClick=${() => { open.value = !open.value; }}>${t("alarm.more_actions")}</button>
    ${open.value && html`<div class="menu">${change.at.value.step === "idle" ? html`
      ${shelved && html`<button type="button" class="act" disabled=${dead} onClick=${() => run("unshelve", { reason: "" })}>${t("alarm.unshelve")}</button>`}
      ${latched && html`<button type="button" class="act" disabled=${dead} onClick=${() => run("reset", { reason: "" })}>${t("alarm.reset")}</button>`}
      ${!ASIDE.includes(alarm.state) && html`<form onSubmit=${shelve}><label>${t("alarm.shelve_for")} <select value=${minutes.value} onChange=${(e) => { minutes.value = e.currentTarget.value; }}>${[10, 30, 60, 240, 480].map((m) => html`<option value=${m}>${durationText(m * 60)}</option>`)}</select></label>
        <label>${t("alarm.reason")} <input value=${why.value} required onInput=${(e) => { why.value = e.currentTarget.value; }} /></label>
        <button type="submit" class="act" disabled=${dead || !why.value.trim()}>${t("alarm.shelve")}</button></form>`}` : html`<${TwoStep} change=${change} words=${`${t("alarm.shelve")}: ${alarm.id}`} />`}
      ${told.value && html`<p role="alert">${told.value}</p>`}</div>`}</span>`;
}
