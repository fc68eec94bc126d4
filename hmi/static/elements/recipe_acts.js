// What a person does with a version: deploy it, try it, release it, retire it, make a draft of it.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { get, LONG_MS, may, post, PROPOSE_MS, session, ticketFor, withTicket } from "../api.js";
import { momentText, numberText, typedNumber, unitText } from "../format.js";
import { said, t } from "../i18n.js";
import { fresh, link, locked, serverT } from "../live.js";
import { nextVersion, recipePath } from "../recipe_names.js";
import { useAsked } from "./asked.js";
import { Confirm, ProblemBox } from "./confirm.js";
import { Diff } from "./diff.js";
import { Sentence } from "./reasons.js";
import { AskedWords, deployWords, RecipeLink, recipeName, useRequested } from "./requested.js";
import { SignedChange } from "./signed.js";
import { shown as valueText } from "./twostep.js";

const person = (name) => (name ?? "").trim().replace(/\s+/g, " ").toLowerCase();

/** Whether whoever is logged in wrote it: then another person has to release it. */
export const ownWork = (recipe) => [session.value?.user, session.value?.display].some((n) => n && person(n) === person(recipe.author));

/**
 * What may be done with a version, by whom, in which status; why not otherwise.
 * @returns {{id: string, why: string}[]} why: "" when it may be done
 */
export function actsOf(recipe, stations) {
  const acts = [], nowhere = stations.length ? "" : t("recipe.no_station", { kind: said(recipe.id.kind) });
  if (recipe.status === "released" && may("deploy")) acts.push({ id: "deploy", why: nowhere }, { id: "try", why: nowhere || (recipe.base ? "" : t("recipe.no_way_back")) });
  if (recipe.status === "draft" && may("approve")) acts.push({ id: "release", why: ownWork(recipe) ? t("recipe.own_work") : "" });
  if (may("draft")) acts.push({ id: "derive", why: "" });
  if (recipe.status === "released" && may("approve")) acts.push({ id: "retire", why: "" });
  return acts;
}

const isLive = () => link.value === "live" && !locked.value;

/** Which station; a line may have several of a kind. */
function Stations({ of, chosen }) {
  return html`<label class="field">${t("recipe.station")}<select value=${chosen.value} onChange=${(e) => { chosen.value = e.currentTarget.value; }}>${of.map((s) => html`<option key=${s.name} value=${s.name}>${said(s.title)}</option>`)}</select></label>`;
}

/** What the station follows now, and what would change. */
function Before({ recipe, now }) {
  const old = now.requested?.recipe ?? "built-in";
  const parts = /^[^/]+\/(.+)$/.exec(old);
  const asked = useAsked(`${old} ${recipe.recipe}`, async (ended) => (parts && old !== recipe.recipe ? get(`/recipes/${recipe.id.kind}/diff`, { old: parts[1], new: recipe.named }, { deadline: LONG_MS, signal: ended }) : null));
  return html`<p>${t("recipes.requested")}: <${RecipeLink} title=${old} /> → <b>${recipeName(recipe.recipe)}</b></p>
    ${old === recipe.recipe ? html`<p class="note">${t("recipe.already")}</p>` : !parts ? html`<p class="note">${t("recipe.from_built_in")}</p>`
      : asked.found ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("recipe.changes")}><${Diff} diff=${asked.found} /></div>` : html`<${AskedWords} asked=${asked} />`}`;
}

/** Deploy it to a station of its kind; it runs from the next START on. */
export function Deploy({ recipe, stations, onDone, onClose }) {
  const chosen = useSignal(stations[0]?.name ?? "");
  const station = stations.find((s) => s.name === chosen.value) ?? stations[0];
  return html`<${DeployTo} key=${station.name} recipe=${recipe} station=${station} onDone=${onDone} onClose=${onClose}>${stations.length > 1 && html`<${Stations} of=${stations} chosen=${chosen} />`}<//>`;
}

function DeployTo({ recipe, station, onDone, onClose, children }) {
  const asked = useRequested(station.name), because = useSignal("");
  const now = asked.found;
  const make = (reason) => post(`/stations/${encodeURIComponent(station.name)}/deployments`,
    { recipe: recipe.named, expected: now.requested?.number ?? 0, reason, because: because.value }, { deadline: PROPOSE_MS });
  return html`<${SignedChange} title=${t("recipe.deploy_to", { recipe: recipeName(recipe.recipe), station: said(station.title) })} ready=${now !== null} make=${make} words=${(p) => deployWords(station, p)} onDone=${onDone} onClose=${onClose}>
    ${children}${now ? html`<${Before} recipe=${recipe} now=${now} />` : html`<${AskedWords} asked=${asked} />`}
    <p class="note">${t("recipe.others_go_on")}</p><${Because} station=${station} chosen=${because} /><//>`;
}

/** The run whose result led to it: from there the lead time counts. */
function Because({ station, chosen }) {
  const asked = useAsked(station.name, (ended) => get("/runs", { station: station.name, limit: 20 }, { deadline: LONG_MS, signal: ended }));
  const runs = asked.found?.runs ?? [];
  if (!runs.length) return null;
  return html`<label class="field">${t("recipe.because")}<select value=${chosen.value} onChange=${(e) => { chosen.value = e.currentTarget.value; }}><option value="">${t("recipe.because_none")}</option>${runs.map((r) => html`<option key=${runId(r)} value=${runId(r)}>${runId(r)}</option>`)}</select></label>`;
}

const runId = (run) => run.run ?? run.id;

/** For a while, with a question; what ran before comes back by itself. */
export function Try({ recipe, stations, onDone, onClose }) {
  const [station] = stations;
  const unit = useSignal("minutes"), length = useSignal("30"), question = useSignal("");
  const asked = useRequested(station.name), now = asked.found, size = typedNumber(length.value);
  const wrong = size === null || size <= 0;
  const make = (why) => post(`/stations/${encodeURIComponent(station.name)}/trials`,
    { recipe: recipe.named, question: why, expected: now.requested?.number ?? 0, [unit.value]: size }, { deadline: PROPOSE_MS });
  const words = (p) => `${deployWords(station, p)} ${t(`recipe.trial_words.${unit.value}`, { length: length.value })} ${t("recipe.trial_signed", { base: recipeName(p.returns.split(" ")[0]) })}`;
  return html`<${SignedChange} title=${t("recipe.try_on", { recipe: recipeName(recipe.recipe), station: said(station.title) })} ready=${now !== null && !wrong} reasonWords=${t("recipe.question")} make=${make} words=${words} onDone=${onDone} onClose=${onClose}>
    ${now ? html`<${Before} recipe=${recipe} now=${now} />` : html`<${AskedWords} asked=${asked} />`}
    <p>${t("recipe.trial_note", { base: recipeName(recipe.base) })}</p>
    <div class="pair"><label class="field">${t("recipe.window")}<input inputmode="decimal" value=${length.value} aria-invalid=${wrong} onInput=${(e) => { length.value = e.currentTarget.value; }} /></label>
      <label class="field">${t("recipe.window_unit")}<select value=${unit.value} onChange=${(e) => { unit.value = e.currentTarget.value; }}><option value="minutes">${t("recipe.minutes")}</option><option value="metres">${t("recipe.metres")}</option></select></label></div><//>`;
}

/** Release it: signed by another person than its author, after a rehearsal or with a reason why without. */
export function Release({ recipe, rehearsals, onDone, onClose }) {
  const override = useSignal("");
  const whole = (r) => r.state === "done" && !r.wanted.faults && !r.wanted.tune; // with faults or other gains it proves something else
  const proof = rehearsals.find((r) => whole(r) && r.record?.passed === true && r.record.content_hash === recipe.content_hash);
  const run = async ({ reason, password, code }) => {
    const signing = await get(`${recipePath(recipe.id)}/signing`);
    const ticket = await ticketFor(password, signing.purpose, signing.subject, code);
    return post(`${recipePath(recipe.id)}/release`, { content_hash: recipe.content_hash, reason, ticket, rehearsed: proof?.id ?? "", override: proof ? "" : override.value.trim() }, { deadline: LONG_MS });
  };
  return html`<div class="acting"><h3>${t("recipe.release_of", { recipe: recipeName(recipe.recipe) })}</h3>
    <p>${t("recipe.release_note", { author: recipe.author })}</p>
    ${proof ? html`<p>${t("recipe.proof")} <${Sentence} text=${proof.record.summary} /> <span class="note">${proof.by}, ${momentText(proof.ended_ns / 1e6, serverT.value)}</span></p>`
      : html`<p><strong>${t("recipe.no_proof")}</strong></p><label class="field">${t("recipe.override")}<input class="why" value=${override.value} maxlength="2000" onInput=${(e) => { override.value = e.currentTarget.value; }} /></label>`}
    <${Confirm} words=${t("recipe.release_words", { recipe: recipeName(recipe.recipe) })} reason password run=${run} onDone=${onDone} onCancel=${onClose} /></div>`;
}

/** Retire it: it stays readable and can no longer be deployed. */
export function Retire({ recipe, onDone, onClose }) {
  const run = async ({ reason, password, code }) => {
    const where = `${recipePath(recipe.id)}/obsolete`;
    return post(where, { reason }, { headers: await withTicket(password, "release", where, code), deadline: LONG_MS });
  };
  return html`<div class="acting"><h3>${t("recipe.retire")}</h3><${Confirm} words=${t("recipe.retire_words", { recipe: recipeName(recipe.recipe) })} reason password run=${run} onDone=${onDone} onCancel=${onClose} /></div>`;
}

/** A draft with other values. known: versions there are; onDone(version). */
export function Derive({ recipe, known, onDone, onClose }) {
  const version = useSignal(nextVersion(recipe.id.version, known)), why = useSignal(""), busy = useSignal(false);
  const values = useSignal(/** @type {Record<string, string>} */ ({})), told = useSignal(/** @type {any} */ (null));
  const rows = recipe.parameters.filter((p) => recipe.formula[p.parameter]);
  const wrong = rows.filter((p) => values.value[p.parameter] !== undefined && outside(p, values.value[p.parameter]));
  const submit = async (event) => {
    event.preventDefault();
    if (!fresh()) return;
    busy.value = true;
    try {
      await post(`/recipes/${recipe.id.kind}/${encodeURIComponent(recipe.id.name)}/versions`, { base: recipe.named, version: version.value.trim(), reason: why.value.trim(), values: asTyped(rows, values.value) }, { deadline: LONG_MS });
      onDone(version.value.trim());
    } catch (error) {
      told.value = error;
    }
    busy.value = false;
  };
  const set = (name) => (event) => {
    const next = { ...values.value };
    if (event.currentTarget.value === startText(recipe.formula[name])) delete next[name];
    else next[name] = event.currentTarget.value;
    values.value = next;
  };
  return html`<form class="acting" onSubmit=${submit} aria-label=${t("recipe.derive")}><h3>${t("recipe.derive_of", { recipe: recipeName(recipe.recipe) })}</h3>
    <p class="note">${t("recipe.derive_note")}</p>
    <div class="pair"><label class="field">${t("recipe.version")}<input value=${version.value} maxlength="30" onInput=${(e) => { version.value = e.currentTarget.value; }} /></label>
      <label class="field wide">${t("recipe.why_version")}<input class="why" value=${why.value} maxlength="500" onInput=${(e) => { why.value = e.currentTarget.value; }} /></label></div>
    <div class="draft-values">${rows.map((p) => html`<${DraftValue} key=${p.parameter} row=${p} start=${startText(recipe.formula[p.parameter])} typed=${values.value[p.parameter]} onInput=${set(p.parameter)} />`)}</div>
    <${ProblemBox} problem=${told.value} />
    <div class="buttons"><button type="button" class="act" onClick=${onClose}>${t("change.cancel")}</button>
      <button type="submit" class="act execute" disabled=${busy.value || !isLive() || wrong.length > 0 || !why.value.trim() || !version.value.trim()}>${t("recipe.make_draft", { count: Object.keys(values.value).length })}</button></div></form>`;
}

const startText = (q) => q.label || String(q.value);
const outside = (p, text) => {
  if (p.labels.length) return false;
  const value = typedNumber(text);
  return value === null || value < p.low || value > p.high;
};
/** As they shall stand in the file: numbers as we write them, whatever the keyboard was. */
const asTyped = (rows, values) => Object.fromEntries(rows.filter((p) => values[p.parameter] !== undefined)
  .map((p) => [p.parameter, p.labels.length ? values[p.parameter] : String(typedNumber(values[p.parameter]))]));

function DraftValue({ row, start, typed, onInput }) {
  const text = typed ?? start, wrong = typed !== undefined && outside(row, typed);
  const hint = row.labels.length ? "" : `${valueText(row.low)} … ${valueText(row.high, row.unit)}`;
  return html`<label class=${typed === undefined ? "field" : "field changed"}><span>${said(row.text)} <small>${unitText(row.unit)}</small></span>
    ${row.labels.length ? html`<select value=${text} onChange=${onInput}>${row.labels.map((l) => html`<option key=${l} value=${l}>${said(l)}</option>`)}</select>`
      : html`<input inputmode="decimal" value=${text} aria-invalid=${wrong} onInput=${onInput} />`}
    <small class="note">${wrong ? t("faceplate.outside", { range: hint }) : typed === undefined ? hint : t("recipe.was", { value: row.labels.length ? said(start) : numberText(Number(start), Math.min(4, (start.split(".")[1] ?? "").length)) })}</small></label>`;
}
