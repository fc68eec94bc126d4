// The alarm journal: every change of state of every alarm, newest first, a page at a time.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { get, LONG_MS, may, Problem, queryOf } from "../api.js";
import { Filters } from "../elements/alarmfilters.js";
import { DisplayLink, TrendLink } from "../elements/alarmlinks.js";
import { measured } from "../elements/alarms.js";
import { Answer, AsOf, useAsked } from "../elements/asked.js";
import { ProblemBox } from "../elements/confirm.js";
import { AlarmSymbol } from "../elements/symbol.js";
import { HOURS, momentNs, TimeWindow } from "../elements/timewindow.js";
import { momentText } from "../format.js";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { metaOf } from "../plant.js";
import { go, openFaceplate, withQuery } from "../router.js";

const PAGE = 100;
/** What a person looks for, and the moves of an alarm that belong to it. */
const KINDS = {
  came: ["raise"], went: ["clear", "latch"], acknowledged: ["acknowledge", "reset"],
  aside: ["shelve", "unshelve", "remove", "return"], suppressed: ["suppress", "release"],
};

const MEASURED = ["raise", "clear", "latch"];

/** What the address asks for, as the API takes it. */
export function journalQuestion(query) {
  const hours = HOURS.includes(Number(query.get("hours"))) ? Number(query.get("hours")) : 8;
  const at = (name) => momentNs(query.get(name));
  return {
    start: at("from") || `-${hours}h`, stop: at("to") || "now", station: query.get("station") ?? "",
    text: query.get("text") ?? "", priority: query.get("priority") ?? "", move: KINDS[query.get("kind")] ?? [],
  };
}

export function Journal({ query }) {
  const question = journalQuestion(query), key = JSON.stringify(question);
  const asked = useAsked(key, (signal) => get("/journal", { ...question, limit: PAGE }, { signal, deadline: LONG_MS }));
  return html`<div class="tools"><${Filters} query=${query}>
      <label>${t("journal.kind")} <select value=${query.get("kind") ?? ""} onChange=${(e) => go(withQuery({ kind: e.currentTarget.value || null }), { replace: true })}><option value="">${t("alarm.all")}</option>${Object.keys(KINDS).map((k) => html`<option value=${k}>${t(`journal.kind.${k}`)}</option>`)}</select></label><//>
      <${TimeWindow} query=${query} /></div>
    <${Answer} asked=${asked}>${(found) => html`<${Pages} key=${`${key} ${asked.at}`} question=${question} first=${found} asked=${asked} />`}<//>`;
}

/** The first page and those that were asked for after it. */
function Pages({ question, first, asked }) {
  const more = useSignal({ entries: [], next: first.next, busy: false, problem: null });
  useEffect(() => { more.value = { entries: [], next: first.next, busy: false, problem: null }; }, [first]);
  const older = async () => {
    more.value = { ...more.value, busy: true, problem: null };
    try {
      const found = await get("/journal", { ...question, limit: PAGE, cursor: more.value.next }, { deadline: LONG_MS });
      more.value = { entries: [...more.value.entries, ...found.entries], next: found.next, busy: false, problem: null };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      more.value = { ...more.value, busy: false, problem: error };
    }
  };
  const rows = [...first.entries, ...more.value.entries];
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("alarm.list.journal")}><table class="grid journal-table" data-q=${asked.old ? "stale" : "good"}>
      <thead><tr>${["time", "priority", "tag", "what", "change", "measured", "who", "why", "open"].map((head) => html`<th scope="col" key=${head}>${t(`alarm.${head}`)}</th>`)}</tr></thead>
      <tbody>${rows.map((entry, k) => html`<${Entry} key=${`${entry.time_ns} ${entry.alarm} ${entry.move} ${k}`} entry=${entry} />`)}</tbody></table>
      ${!rows.length && html`<p class="empty">${t("journal.none")}</p>`}</div>
    <div class="buttons below">${more.value.next ? html`<button type="button" class="act" disabled=${more.value.busy} onClick=${older}>${t("journal.older")}</button>` : html`<span class="note">${rows.length > 0 && t("journal.no_older")}</span>`}
      <${AsOf} asked=${asked} /><${ProblemBox} problem=${more.value.problem} /><${Download} question=${question} /><span class="note">${t("journal.shown", { count: rows.length })}</span></div>`;
}

/** What is shown, all of it, as a file. */
function Download({ question }) {
  if (!may("export")) return html`<span class="note">${t("journal.no_export")}</span>`;
  return html`<a class="nav-link" download href=${`/api/v1/journal.csv?${queryOf(question)}`}>${t("journal.csv")}</a>`;
}

function Entry({ entry }) {
  const ms = entry.time_ns / 1e6;
  return html`<tr><td><time>${momentText(ms, serverT.value)}</time></td><td><${AlarmSymbol} priority=${entry.priority} /></td>
    <td>${metaOf(entry.tag) ? html`<button type="button" class="link tag" onClick=${() => openFaceplate(entry.tag)}>${entry.alarm}</button>` : html`<span class="tag">${entry.alarm}</span>`}</td>
    <td class="words">${said(entry.what) || entry.text}</td><td>${t(`move.${entry.move}`)}</td><td class="measured">${MEASURED.includes(entry.move) ? measured({ value: entry.value, limit: entry.limit, tag: entry.tag }) : ""}</td>
    <td>${entry.actor}</td><td class="why">${said(entry.reason)}</td>
    <td><span class="ways"><${DisplayLink} station=${entry.station} tag=${entry.tag} /><${TrendLink} tag=${entry.tag} at=${ms} /></span></td></tr>`;
}
