// Level 4: the audit trail. Who did what, from what to what, where, when, why, and whether anything of
// it was changed afterwards.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { get, LONG_MS, may, Problem, queryOf } from "../api.js";
import { Answer, AsOf, Needs, useAsked } from "../elements/asked.js";
import { ProblemBox } from "../elements/confirm.js";
import { Sentence } from "../elements/reasons.js";
import { HOURS, momentNs, TimeWindow } from "../elements/timewindow.js";
import { clockText, dateText, momentText, numberText } from "../format.js";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { stations } from "../plant.js";
import { go, route, withQuery } from "../router.js";

const CATEGORIES = ["login", "user", "token", "command", "alarm", "recipe", "deploy", "signature", "setting", "export", "clock", "process", "trail"];
const PAGE = 100;
const VERIFY_MS = 120000;

export default function AuditLog() {
  return html`<h1 class="unseen">${t("screen.audit")}</h1><${Needs} permission="read_audit"><${Log} /><//>`;
}

function questionOf(query) {
  const hours = HOURS.includes(Number(query.get("hours"))) ? Number(query.get("hours")) : 0;
  const free = query.has("from") || query.has("to");
  return {
    actor: (query.get("actor") ?? "").trim(), category: query.get("category") ?? "", station: query.get("station") ?? "",
    target: (query.get("target") ?? "").trim(),
    start: free ? momentNs(query.get("from")) : hours ? `-${hours}h` : "", stop: free ? momentNs(query.get("to")) : "",
  };
}

function Log() {
  const query = route.value.query, question = questionOf(query), key = JSON.stringify(question);
  const asked = useAsked(key, (signal) => get("/audit", { ...question, limit: PAGE }, { signal, deadline: LONG_MS }));
  return html`<div class="audit panel"><${Verify} />
    <div class="tools"><${Filters} query=${query} /><${AsOf} asked=${asked} /></div>
    <${Answer} asked=${asked}>${(found) => html`<${Pages} key=${`${key} ${asked.at}`} question=${question} first=${found.records} old=${asked.old} />`}<//></div>`;
}

const show = (changes) => go(withQuery(changes), { replace: true });

function Filters({ query }) {
  const set = (name) => (event) => show({ [name]: event.currentTarget.value || null });
  const field = (name) => html`<label>${t(`audit.${name}`)} <input type="search" value=${query.get(name) ?? ""} onChange=${set(name)} /></label>`;
  const choice = (name, words, options) => html`<label>${words} <select value=${query.get(name) ?? ""} onChange=${set(name)}><option value="">${t("alarm.all")}</option>${options.map(([value, text]) => html`<option value=${value}>${text}</option>`)}</select></label>`;
  return html`<div class="filters">${field("actor")}${choice("category", t("audit.category"), CATEGORIES.map((c) => [c, t(`category.${c}`)]))}
    ${choice("station", t("alarm.station"), stations().map((s) => [s.name, said(s.title)]))}${field("target")}<${TimeWindow} query=${query} any /></div>`;
}

/** Records come oldest first; people read the newest first. */
function Pages({ question, first, old }) {
  const more = useSignal({ records: [], end: first.length < PAGE, busy: false, problem: null });
  const rows = [...[...first].reverse(), ...more.value.records];
  const older = async () => {
    more.value = { ...more.value, busy: true, problem: null };
    try {
      const { records } = await get("/audit", { ...question, limit: PAGE, before: rows[rows.length - 1].number }, { deadline: LONG_MS });
      more.value = { records: [...more.value.records, ...records.reverse()], end: records.length < PAGE, busy: false, problem: null };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      more.value = { ...more.value, busy: false, problem: error };
    }
  };
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("screen.audit")}><table class="grid audit-table" data-q=${old ? "stale" : "good"}>
      <thead><tr>${["number", "time", "actor", "action", "where", "change", "reason", "result", "source"].map((head) => html`<th scope="col" key=${head}>${t(`audit.${head}`)}</th>`)}</tr></thead>
      <tbody>${rows.map((r) => html`<${Row} key=${r.number} record=${r} />`)}</tbody></table>
      ${!rows.length && html`<p class="empty">${t("audit.none")}</p>`}</div>
    <div class="buttons below">${!more.value.end ? html`<button type="button" class="act" disabled=${more.value.busy} onClick=${older}>${t("journal.older")}</button>` : html`<span class="note">${rows.length > 0 && t("audit.no_older")}</span>`}
      <${ProblemBox} problem=${more.value.problem} /><${Export} question=${question} /><span class="note">${t("journal.shown", { count: rows.length })}</span></div>`;
}

function Row({ record: r }) {
  const open = useSignal(false);
  const bad = r.result === "refused" || r.result === "failed";
  return html`<tr class=${bad ? "not-done" : undefined}><td class="number"><button type="button" class="link" aria-expanded=${open.value} aria-label=${t("audit.more", { number: r.number })} onClick=${() => { open.value = !open.value; }}>${r.number}</button></td>
    <td><time>${momentText(r.utc_ns / 1e6, serverT.value)}</time>${r.late && html` <span class="note">${t("audit.late")}</span>`}</td>
    <td class="who">${r.actor || t("audit.program")}</td><td><span class="note">${t(`category.${r.category}`)}</span><br /><span lang="en">${r.action}</span></td>
    <td>${r.station && html`${stationTitle(r.station)}<br />`}<span class="target">${r.target}</span></td><td class="change">${fromTo(r)}</td><td class="why">${r.reason}</td>
    <td>${bad && html`<strong>⊘ </strong>`}${t(`result.${r.result}`)}${bad && r.code !== "ok" && html`<br /><span class="note">${r.code}</span>`}</td><td class="source">${r.source}</td></tr>
    ${open.value && html`<tr class="response"><td></td><td colspan="8"><${Detail} record=${r} /></td></tr>`}`;
}

const stationTitle = (name) => said(stations().find((s) => s.name === name)?.title ?? name);

const plain = (value) => (value === null || value === "" ? "" : typeof value === "boolean" ? t(value ? "value.on" : "value.off") : typeof value === "number" ? numberText(value, Number.isInteger(value) ? 0 : 3) : String(value));

/** "5 → 6", or what there is of it. */
function fromTo({ old, new: now }) {
  if (old === null && now === null) return "";
  return old === null ? plain(now) : html`${plain(old)} <span aria-hidden="true">→</span><span class="unseen">${t("audit.to")}</span> ${plain(now)}`;
}

function Detail({ record: r }) {
  const rows = [["time", `${dateText(r.utc_ns / 1e6)} ${clockText(r.utc_ns / 1e6)}`], ["detail", r.detail], ["code", r.code], ["command", r.command],
    ["signed", r.signature && `${r.signature.meaning ?? ""} ${r.signature.content_hash ?? ""}`], ["hash", r.hash], ["previous", r.previous]];
  return html`<dl class="response-words">${rows.filter(([, words]) => words).map(([name, words]) => html`<dt>${t(`audit.${name}`)}</dt><dd class="words">${words}</dd>`)}</dl>`;
}

/** Reading all of it again and comparing every hash; names the first record that is not as it was. */
function Verify() {
  const state = useSignal({ busy: false, found: null, problem: null, at: 0 });
  const run = async () => {
    state.value = { ...state.value, busy: true, problem: null };
    try {
      state.value = { busy: false, found: await get("/audit/verify", {}, { deadline: VERIFY_MS }), problem: null, at: serverT.peek() };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      state.value = { ...state.value, busy: false, problem: error };
    }
  };
  const { busy, found, problem, at } = state.value;
  return html`<section class="verify" aria-label=${t("audit.chain")}><div role="status">${busy ? html`<p>${t("audit.verifying")}</p>` : found ? html`<${Verdict} found=${found} at=${at} />` : html`<p class="note">${t("audit.not_verified")}</p>`}</div>
    <${ProblemBox} problem=${problem} /><button type="button" class="act" disabled=${busy} onClick=${run}>${t("audit.verify")}</button></section>`;
}

function Verdict({ found, at }) {
  const time = clockText(at);
  if (found.intact) {
    return html`<p class="verdict"><strong>✓ ${t("audit.intact", { records: found.records, time })}</strong></p>
      <p class="note">${t(`anchor.${found.anchor}`)}${found.head ? html` · <span class="hash">${found.head}</span>` : ""}</p>${found.notes.map((note) => html`<${Sentence} as="p" class="note" key=${note} text=${note} />`)}`;
  }
  return html`<p class="verdict bad" role="alert"><strong>⊘ ${found.first_bad === null ? t("audit.bad_whole", { time }) : t("audit.bad_at", { number: found.first_bad, time })}</strong> ${found.damage ? t(`damage.${found.damage}`) : ""}</p>
    <${Sentence} as="p" text=${found.text || found.broken} />`;
}

function Export({ question }) {
  if (!may("export") && !may("administer")) return html`<span class="note">${t("journal.no_export")}</span>`;
  const address = (format) => `/api/v1/audit/export?${queryOf({ ...question, format })}`;
  return html`<a class="nav-link" download href=${address("csv")}>${t("audit.csv")}</a><a class="nav-link" download href=${address("json")}>${t("audit.json")}</a>`;
}
