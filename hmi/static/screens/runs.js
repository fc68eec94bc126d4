// Level 3: runs, trials, lots, lead times. What was made, by which recipe, how it ended; several runs
// are chosen here to be compared.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { get, LONG_MS, Problem } from "../api.js";
import { useAsked } from "../elements/asked.js";
import { Asking, Words } from "../elements/asking.js";
import { ProblemBox } from "../elements/confirm.js";
import { lastsS, LotLinks, OutcomeChip, recipeName, RunLink } from "../elements/runs.js";
import { durationText, momentText, numberText } from "../format.js";
import { said, t } from "../i18n.js";
import { procedures, serverT } from "../live.js";
import { stationNamed, stations } from "../plant.js";
import { go, route, withQuery } from "../router.js";
import { Leads } from "./leads.js";
import { Lots } from "./lots.js";
import { TrialList } from "./trials.js";

const LISTS = ["runs", "trials", "lots", "leads"];
const OUTCOMES = ["open", "completed", "stopped", "aborted"];
const SPANS = { day: "-1d", week: "-7d", month: "-30d" };
const PAGE = 50, EVERY_MS = 15000;
export const MOST_COMPARED = 10;

export default function Runs() {
  const query = route.value.query;
  const which = LISTS.includes(query.get("list")) ? query.get("list") : "runs";
  return html`<h1 class="unseen">${t("screen.runs")}</h1><div class="page-column panel">
    <div class="tools"><nav class="tabs" aria-label=${t("runs.lists")}>${LISTS.map((name) => html`<a key=${name} href=${name === "runs" ? "/runs" : `/runs?list=${name}`} aria-current=${name === which ? "page" : undefined}>${t(`runs.list.${name}`)}</a>`)}</nav>
      ${which === "runs" && html`<${Filters} query=${query} />`}</div>
    ${which === "runs" && html`<${RunList} query=${query} />`}${which === "trials" && html`<${TrialList} />`}
    ${which === "lots" && html`<${Lots} lot=${query.get("lot") ?? ""} />`}${which === "leads" && html`<${Leads} station=${query.get("station") ?? ""} />`}</div>`;
}

function Filters({ query }) {
  const set = (name) => (event) => go(withQuery({ [name]: event.currentTarget.value || null }), { replace: true });
  const choice = (name, label, options) => html`<label>${label} <select onChange=${set(name)} value=${query.get(name) ?? ""}><option value="">${t("runs.all")}</option>${options.map(([value, text]) => html`<option value=${value}>${text}</option>`)}</select></label>`;
  return html`<div class="filters">${choice("station", t("runs.station"), stations().map((s) => [s.name, said(s.title)]))}
    ${choice("outcome", t("runs.outcome"), OUTCOMES.map((o) => [o, t(`outcome.${o}`)]))}${choice("span", t("runs.span"), Object.keys(SPANS).map((s) => [s, t(`runs.span.${s}`)]))}
    <label>${t("runs.recipe")} <input type="search" value=${query.get("recipe") ?? ""} onChange=${set("recipe")} /></label>
    <label>${t("runs.lot")} <input type="search" value=${query.get("lot") ?? ""} onChange=${set("lot")} /></label></div>`;
}

/** The question that an address asks. */
function question(query) {
  return {
    station: query.get("station"), outcome: query.get("outcome"), recipe: query.get("recipe"), lot: query.get("lot"),
    start: SPANS[query.get("span")] ?? null, limit: PAGE,
  };
}

function RunList({ query }) {
  const chosen = useSignal(/** @type {any[]} */ ([]));
  const ask = question(query);
  const open = [...procedures.value.values()].map((p) => p.run ?? "").join(); // a run begins, a run ends
  const key = JSON.stringify(ask), before = useRef(open);
  const asked = useAsked(key, (signal) => get("/history/runs", ask, { signal, deadline: LONG_MS }), EVERY_MS);
  useEffect(() => {
    if (before.current !== open) asked.again();
    before.current = open;
  }, [open]);
  const { rows, next, problem, load } = useOlder(key, ask, asked.found);
  return html`<${Asking} asked=${asked} />
    ${asked.found && html`<div class="scroll grow" tabindex="0" role="region" aria-label=${t("screen.runs")}><table class="grid run-table">
      <thead><tr><th scope="col">${t("runs.choose")}</th><th scope="col">${t("runs.run")}</th><th scope="col">${t("runs.outcome")}</th><th scope="col">${t("runs.recipe")}</th><th scope="col">${t("runs.begun")}</th>
        <th scope="col">${t("runs.duration")}</th><th scope="col">${t("runs.by")}</th><th scope="col">${t("runs.metres")}</th><th scope="col">${t("runs.lots")}</th></tr></thead>
      <tbody>${rows.map(({ head }) => html`<${Row} key=${head.id} head=${head} chosen=${chosen} />`)}</tbody></table>
      ${!rows.length && html`<p class="empty">${t("runs.none")}</p>`}</div>
    <div class="buttons below"><${CompareButton} chosen=${chosen} />${next && html`<button type="button" class="nav-link" onClick=${load}>${t("runs.older")}</button>`}<${ProblemBox} problem=${problem} />
      <span class="note">${t("runs.shown", { count: rows.length })}</span></div>`}`;
}

/** What the newest page has, and older ones that were asked for; a run that was seen is kept. */
function useOlder(key, ask, newest) {
  const state = useSignal({ key: "", next: null, problem: null }), seen = useRef({ key: "", rows: new Map() });
  if (seen.current.key !== key) seen.current = { key, rows: new Map() };
  const note = (found) => { for (const row of found) seen.current.rows.set(row.head.id, row); };
  note(newest?.runs ?? []);
  const own = state.value.key === key ? state.value : { next: null, problem: null };
  const next = own.next ?? newest?.next ?? "";
  const load = async () => {
    try {
      const found = await get("/history/runs", { ...ask, cursor: next }, { deadline: LONG_MS });
      if (seen.current.key !== key) return;
      note(found.runs);
      state.value = { key, next: found.next, problem: null };
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      state.value = { key, next, problem };
    }
  };
  const rows = [...seen.current.rows.values()].sort((a, b) => b.head.begun_ns - a.head.begun_ns);
  return { rows, next, problem: own.problem, load };
}

function Row({ head, chosen }) {
  const marked = chosen.value.some((h) => h.id === head.id);
  const other = chosen.value.length > 0 && chosen.value[0].kind !== head.kind;
  const full = chosen.value.length >= MOST_COMPARED;
  const mark = () => { chosen.value = marked ? chosen.value.filter((h) => h.id !== head.id) : [...chosen.value, head]; };
  return html`<tr><td><label class="check"><input type="checkbox" checked=${marked} disabled=${!marked && (other || full)} onChange=${mark} /><span class="unseen">${t("runs.choose_one", { run: head.id })}</span></label></td>
    <th scope="row"><${RunLink} id=${head.id} /><small class="note">${said(stationNamed(head.station)?.title ?? head.station)}</small>${head.trial && html` <small class="chip">${t("runs.trial")}</small>`}</th>
    <td><${OutcomeChip} outcome=${head.outcome} />${head.why_ended && html`<br /><small class="note"><${Words} of=${head.why_ended} /></small>`}</td><td>${recipeName(head.recipe)}</td>
    <td class="number">${momentText(head.begun_ns / 1e6, serverT.value)}</td><td class="number">${durationText(lastsS(head))}</td><td>${head.begun_by}</td>
    <td class="number">${head.metres ? numberText(head.metres, 1) : "–"}</td><td><${LotLinks} lots=${[...head.lots_in, ...head.lots_out]} /></td></tr>`;
}

function CompareButton({ chosen }) {
  const count = chosen.value.length;
  const ids = [...chosen.value].sort((a, b) => b.begun_ns - a.begun_ns).map((h) => h.id);
  if (count < 2) return html`<span class="note">${t("runs.choose_two")}</span>`;
  return html`<a class="nav-link strong" href=${`/compare?runs=${ids.map(encodeURIComponent).join(",")}`}>${t("runs.compare", { count })}</a>
    <button type="button" class="nav-link" onClick=${() => { chosen.value = []; }}>${t("runs.choose_none")}</button>`;
}
