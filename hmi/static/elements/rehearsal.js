// Rehearsals of a version on the simulated plant: asked for, followed, and what they came to.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { get, LONG_MS, may, post, Problem, remove } from "../api.js";
import { durationText, momentText, unitText } from "../format.js";
import { said, t } from "../i18n.js";
import { fresh, link, locked, serverT } from "../live.js";
import { useAsked } from "./asked.js";
import { ProblemBox } from "./confirm.js";
import { Course } from "./course.js";
import { Sentence } from "./reasons.js";
import { FaultChoice, faultWords, useFaults } from "./rehearsal_faults.js";
import { AskedWords, recipeName } from "./requested.js";
import { shown } from "./twostep.js";

const OPEN = ["waiting", "running"];
const SOON_MS = 700, LATER_MS = 5000, MOST = 6;
const MINUTES = [5, 15, 30, 60, 240], SEEDS = [1, 3, 5];

/** Rehearsals of a version, newest first, with the records of those that are done. */
export function useRehearsals(recipe) {
  const records = useRef(new Map());
  const own = (job) => job.wanted.kind === recipe.id.kind && job.wanted.recipe === recipe.named;
  const ask = async (ended) => {
    const found = await get("/rehearsals", {}, { deadline: LONG_MS, signal: ended });
    const jobs = found.rehearsals.filter(own).slice(0, MOST);
    for (const job of jobs) {
      if (job.state !== "done" || records.current.has(job.id)) continue;
      records.current.set(job.id, (await get(`/rehearsals/${job.id}`, {}, { deadline: LONG_MS, signal: ended })).record);
    }
    return { possible: found.possible, before: found.rehearsals.filter((j) => OPEN.includes(j.state) && !own(j)).length, jobs: jobs.map((job) => ({ ...job, record: records.current.get(job.id) ?? null })) };
  };
  const asked = useAsked(recipe.recipe, ask, LATER_MS);
  useEffect(() => { // while one is under way its progress is worth more questions
    if (!asked.found?.jobs.some((job) => OPEN.includes(job.state))) return undefined;
    const timer = setTimeout(asked.again, SOON_MS);
    return () => clearTimeout(timer);
  }, [asked.found]);
  return asked;
}

/** Everything about rehearsals of a version. all: what useRehearsals gives; versions: to compare with. */
export function Rehearsals({ recipe, all, versions }) {
  const chosen = useSignal("");
  if (!all.found) return html`<${AskedWords} asked=${all} />`;
  const { jobs, possible, before } = all.found;
  const job = jobs.find((j) => j.id === chosen.value) ?? jobs[0];
  const begun = (made) => {
    chosen.value = made.id;
    all.again();
  };
  return html`<div class="rehearsals"><${AskedWords} asked=${all} />
    ${!possible ? html`<p class="empty">${t("rehearsal.impossible")}</p>` : may("draft") ? html`<${Wish} recipe=${recipe} versions=${versions} onBegun=${begun} />` : html`<p class="note">${t("rehearsal.look_only")}</p>`}
    ${jobs.length > 1 && html`<nav class="tabs" aria-label=${t("rehearsal.list")}>${jobs.map((j) => html`<button type="button" key=${j.id} aria-pressed=${j.id === job.id} onClick=${() => { chosen.value = j.id; }}>${momentText(j.asked_ns / 1e6, serverT.value)} ${stateText(j)}</button>`)}</nav>`}
    ${job ? html`<${Job} key=${job.id} job=${job} recipe=${recipe} before=${before} again=${all.again} />` : html`<p class="empty">${t("rehearsal.none")}</p>`}</div>`;
}

const verdictOf = (record) => record?.passed ?? record?.recovered ?? null;
const stateText = (job) => job.state === "done" && verdictOf(job.record) !== null ? t(verdictOf(job.record) ? "rehearsal.passed" : "rehearsal.failed") : t(`rehearsal.state.${job.state}`);

/** How long, how often, against which version. */
function Wish({ recipe, versions, onBegun }) {
  const minutes = useSignal("30"), seeds = useSignal("1"), told = useSignal(/** @type {any} */ (null)), busy = useSignal(false);
  const base = recipe.base?.split("/")[1] ?? "";
  const against = useSignal(versions.includes(base) ? base : ""), faults = useFaults();
  const begin = async (event) => {
    event.preventDefault();
    if (!fresh()) return;
    busy.value = true;
    try {
      onBegun(await post("/rehearsals", { kind: recipe.id.kind, recipe: recipe.named, against: against.value, faults: faults.text, minutes: Number(minutes.value), seeds: Number(seeds.value) }));
      told.value = null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      told.value = error;
    }
    busy.value = false;
  };
  const choice = (words, of, options) => html`<label class="field">${words}<select value=${of.value} onChange=${(e) => { of.value = e.currentTarget.value; }}>${options.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select></label>`;
  return html`<form class="wish" onSubmit=${begin} aria-label=${t("rehearsal.begin")}>
    ${choice(t("rehearsal.minutes"), minutes, MINUTES.map((m) => [String(m), `${m} min`]))}
    ${choice(t("rehearsal.seeds"), seeds, SEEDS.map((n) => [String(n), String(n)]))}
    ${choice(t("rehearsal.against"), against, [["", t("rehearsal.against_none")], ...versions.filter((v) => v !== recipe.named).map((v) => [v, v.replace("@", " ")])])}
    <${FaultChoice} of=${faults} kind=${recipe.id.kind} minutes=${Number(minutes.value)} />
    <button type="submit" class="act" disabled=${busy.value || link.value !== "live" || locked.value}>${t("rehearsal.begin")}</button>
    <p class="note">${t("rehearsal.what")}</p><${ProblemBox} problem=${told.value} /></form>`;
}

function Job({ job, recipe, before, again }) {
  const open = OPEN.includes(job.state);
  const end = () => remove(`/rehearsals/${job.id}`).catch(() => null).then(again);
  const { minutes, seeds, against, faults } = job.wanted;
  return html`<section class="job" data-state=${job.state}><h3>${stateText(job)} <span class="note">${t("rehearsal.of", { who: job.by, time: momentText(job.asked_ns / 1e6, serverT.value), length: `${minutes} min`, seeds })}${against && ` · ${t("rehearsal.beside", { version: against.replace("@", " ") })}`}${faults && ` · ${t("rehearsal.with_faults", { faults: faultWords(faults) })}`}</span></h3>
    ${open && html`<div class="job-progress"><progress max="100" value=${job.done_pct} aria-label=${t("rehearsal.progress")}></progress> <b>${job.done_pct} %</b>
      <span class="note" role="status">${job.state === "waiting" ? t("rehearsal.waits", { count: before }) : t("rehearsal.runs")}</span>
      ${may("draft") && html`<button type="button" class="act quiet" onClick=${end}>${t("rehearsal.end")}</button>`}</div>`}
    ${job.said.length > 0 && html`<ul class="reasons">${job.said.map((line) => html`<${Sentence} as="li" key=${line} text=${line} />`)}</ul>`}
    ${job.record && html`<${Outcome} job=${job} record=${job.record} recipe=${recipe} />`}</section>`;
}

/** The verdict with its reasons, what it means for the product, the course. */
function Outcome({ job, record, recipe }) {
  const good = verdictOf(record), older = record.content_hash !== recipe.content_hash;
  return html`<div class="verdict-parts"><p class="rehearsal-verdict" data-verdict=${good ? "passed" : "failed"}><span class="mark" aria-hidden="true">${good ? "✓" : "✗"}</span> <strong>${t(good ? "rehearsal.verdict_good" : "rehearsal.verdict_bad")}</strong> ${good && html`<${Sentence} text=${record.summary} />`}</p>
    ${older && html`<p class="differs">${t("rehearsal.older")}</p>`}
    ${record.recovered !== undefined && html`<p class="note">${t("rehearsal.recovery")}</p>`}
    <${Lines} words=${t("rehearsal.reasons")} lines=${record.reasons} open />
    <${Lines} words=${t("rehearsal.warnings")} lines=${record.warnings} />
    <${Course} job=${job} record=${record} limits=${recipe.limits} />
    <div class="two-tables">${record.against ? html`<${Compared} record=${record} own=${recipe.recipe} />` : html`<${Figures} record=${record} />`}<${Phases} record=${record} /></div>
    <${Lines} words=${t("rehearsal.not_modelled")} lines=${Object.entries(record.not_modelled ?? {}).map(([name, why]) => `${name}: ${why}`)} /></div>`;
}

function Lines({ words, lines, open = false }) {
  if (!lines?.length) return null;
  return html`<details class="lines" open=${open}><summary>${words} (${lines.length})</summary><ul class="reasons">${lines.map((line) => html`<${Sentence} as="li" key=${line} text=${line} />`)}</ul></details>`;
}

const figureText = (value) => value === null || value === undefined ? "–" : shown(Number(value.toPrecision(4)));
const isSetup = (row) => row.key.startsWith("phase.");
const isLoop = (row) => /\.(iae|settle_s|overshoot|limited_pct)$/.test(row.key);
/** The product first; how the control loops did comes after it, folded. */
const folded = (rows, table) => html`${table(rows.filter((r) => !isLoop(r) && !isSetup(r)))}
  ${rows.some(isLoop) && html`<details class="lines"><summary>${t("rehearsal.loops")}</summary>${table(rows.filter(isLoop))}</details>`}`;

/** What it came to, over its seeds. */
function Figures({ record }) {
  const several = record.seeds.length > 1;
  const rows = record.figures ?? [];
  if (!rows.length) return null;
  return html`<div>${folded(rows, (some) => html`<div class="scroll" tabindex="0" role="region" aria-label=${t("rehearsal.figures")}><table class="grid"><caption>${t("rehearsal.figures")}</caption><thead><tr><th scope="col">${t("rehearsal.figure")}</th><th scope="col" class="number">${t("recipe.value")}</th>${several && html`<th scope="col" class="number">${t("rehearsal.spread")}</th>`}</tr></thead>
    <tbody>${some.map((r) => html`<tr key=${r.key}><th scope="row">${said(r.text)}</th><td class="number"><b>${figureText(r.mean)}</b> <small>${unitText(r.unit)}</small></td>${several && html`<td class="number">${figureText(r.low)} … ${figureText(r.high)}</td>`}</tr>`)}</tbody></table></div>`)}</div>`;
}

/** What changes for the product: the same figures of two versions on the same seeds. */
export function Compared({ record, own }) {
  return html`<div>${folded(record.against.figures, (some) => html`<div class="scroll" tabindex="0" role="region" aria-label=${t("rehearsal.product")}><table class="grid compared"><caption>${t("rehearsal.product")}</caption>
    <thead><tr><th scope="col">${t("rehearsal.figure")}</th><th scope="col" class="number">${recipeName(record.against.recipe)}</th><th scope="col" class="number">${recipeName(own)}</th><th scope="col" class="number">${t("diff.change")}</th></tr></thead>
    <tbody>${some.map((r) => html`<tr key=${r.key}><th scope="row">${said(r.text)}</th><td class="number">${figureText(r.old)}</td><td class="number"><b>${figureText(r.new)}</b> <small>${unitText(r.unit)}</small></td>
      <td class="number">${r.difference ? `${r.difference > 0 ? "+" : ""}${figureText(r.difference)}` : r.difference === 0 ? "0" : "–"}${r.same_sign && html` <span class="note">${t("rehearsal.same_sign")}</span>`}</td></tr>`)}</tbody></table></div>`)}</div>`;
}

function Phases({ record }) {
  const run = record.runs?.[0];
  if (!run?.phases?.length) return null;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("rehearsal.phases")}><table class="grid"><caption>${t("rehearsal.phases")}</caption><thead><tr><th scope="col">${t("recipe.phase_title")}</th><th scope="col" class="number">${t("rehearsal.from")}</th><th scope="col" class="number">${t("rehearsal.took")}</th><th scope="col" class="number">${t("rehearsal.most")}</th></tr></thead>
    <tbody>${run.phases.map((p) => html`<tr key=${`${p.number} ${p.begun_s}`}><th scope="row">${p.number}. ${said(p.title)}</th><td class="number">${durationText(p.begun_s)}</td><td class="number"><b>${durationText(p.took_s)}</b></td><td class="number">${durationText(p.timeout_s)}</td></tr>`)}</tbody></table></div>`;
}
