// What a station was asked to run and what it runs: the recipe, who asked for it, what drifted from it.

import { signal, useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { get, may, post, PROPOSE_MS } from "../api.js";
import { momentText } from "../format.js";
import { said, t } from "../i18n.js";
import { pictureOf, serverT } from "../live.js";
import { recipeAddress, recipeParts } from "../recipe_names.js";
import { openFaceplate } from "../router.js";
import { Answer, useAsked } from "./asked.js";
import { SignedChange } from "./signed.js";
import { StateChip } from "./state.js";
import { shown } from "./twostep.js";

const EVERY_MS = 5000, MOST_BEFORE = 10;

/** A recipe as people say it. */
export function recipeName(title) {
  const parts = recipeParts(title);
  return parts ? `${parts.name} ${parts.version}` : t("recipe.built_in");
}

/** A recipe that a tap opens. */
export function RecipeLink({ title }) {
  const parts = recipeParts(title);
  return parts ? html`<a class="link" href=${recipeAddress(parts)}>${recipeName(title)}</a>` : html`<span>${t("recipe.built_in")}</span>`;
}

/** What each station follows, as it was last heard: {requested, current, pending, run, ...} by name. */
export const follows = signal(new Map());

/** What a station follows, asked anew every few seconds. */
export function useRequested(station) {
  const ask = async (ended) => {
    const found = await get(`/stations/${encodeURIComponent(station)}/deployments`, {}, { deadline: PROPOSE_MS, signal: ended });
    follows.value = new Map(follows.value).set(station, found);
    return found;
  };
  return useAsked(station, ask, EVERY_MS);
}

/** Words while there is no answer, or none that is good. asked: as useAsked gives it. */
export const AskedWords = ({ asked }) => html`<${Answer} asked=${asked}>${() => null}<//>`;

/** One station: requested against current, and the way back. */
export function Requested({ station, onChanged }) {
  const asked = useRequested(station.name);
  const acting = useSignal("");
  const { found } = asked;
  const done = () => {
    asked.again();
    onChanged?.();
  };
  return html`<section class="panel requested" data-station=${station.name} data-q=${asked.problem ? "stale" : pictureOf(station.name)}>
    <h2><a href=${`/station/${station.name}`}>${said(station.title)}</a> <${StateChip} prefix=${station.prefix} /></h2>
    ${found && html`<${Facts} now=${found} /><${Drift} now=${found} /><${Before} now=${found} />`}
    <${AskedWords} asked=${asked} />
    ${found && acting.value && html`<${Way} what=${acting.value} station=${station} now=${found} onDone=${done} onClose=${() => { acting.value = ""; }} />`}
    ${found && !acting.value && html`<${Buttons} now=${found} onAct=${(what) => { acting.value = what; }} />`}</section>`;
}

function Facts({ now }) {
  const { requested, current, run } = now;
  const runs = run ? html`<${RecipeLink} title=${current?.recipe} /> <span class="note">${t("recipe.run", { run })}${now.phase ? ` · ${t("recipe.phase", { phase: now.phase })}` : ""}</span>` : t("recipe.no_run");
  return html`<dl class="recipe-facts"><dt>${t("recipes.current")}</dt><dd class="current">${runs}</dd>
    <dt>${t("recipes.requested")}</dt><dd class="asked-for"><${RecipeLink} title=${requested?.recipe} /> ${requested?.trial && html`<span class="risk">${t("recipes.trial")}</span>`}
      ${requested ? html`<span class="note">${who(requested)}</span>` : html`<span class="note">${t("recipes.never")}</span>`}</dd></dl>
    <p class=${now.pending ? "differs" : "note same"} role="status">${now.pending ? t("recipes.pending") : run ? t("recipes.equal") : t("recipes.waits")}</p>
    ${now.pending && html`<${WhatDiffers} now=${now} />`}`;
}

/** Where what runs is compared with what was asked for; the built-in procedure has nothing to compare. */
function WhatDiffers({ now }) {
  const old = recipeParts(now.current?.recipe), next = recipeParts(now.requested?.recipe);
  if (!old || !next) return null;
  return html`<p><a class="link" href=${`${recipeAddress(next)}&tab=changes&against=${encodeURIComponent(`${old.name}@${old.version}`)}`}>${t("recipes.what_differs")}</a></p>`;
}

/** What was deployed before, newest first. */
function Before({ now }) {
  const found = [...now.deployments].reverse().slice(0, MOST_BEFORE);
  if (!found.length) return null;
  return html`<details class="lines"><summary>${t("recipes.deployments", { count: now.deployments.length })}</summary>
    <ol class="deployments">${found.map((d) => html`<li key=${d.number}><${RecipeLink} title=${d.recipe} /> ${d.trial && html`<span class="risk">${t("recipes.trial")}</span>`} <span class="note">${who(d)}${d.because && ` · ${t("recipes.because", { run: d.because })}`}</span></li>`)}</ol></details>`;
}

const who = ({ number, actor, time_ns, reason }) => `${t("recipes.deployed_by", { number, actor, time: momentText(time_ns / 1e6, serverT.value) })}${reason ? `: ${reason}` : ""}`;

/** What stands in the PLC otherwise than the recipe says. */
function Drift({ now }) {
  const found = now.drift ?? [];
  if (!found.length) return null;
  return html`<details class="drift"><summary><strong>${t("recipes.drift", { count: found.length })}</strong></summary>
    <ul>${found.map((d) => html`<li key=${d.tag}><button type="button" class="link tag" onClick=${() => openFaceplate(d.tag)}>${d.tag}</button> ${shown(d.recipe, d.unit, d.tag)} → <b>${shown(d.found, d.unit, d.tag)}</b> <span class="note">${d.changed_by}</span></li>`)}</ul></details>`;
}

function Buttons({ now, onAct }) {
  const trial = now.requested?.trial;
  const back = may("deploy") && now.deployments.length > 0, end = trial && may("operate");
  if (!back && !end) return null;
  return html`<div class="buttons">${back && html`<button type="button" class="act" onClick=${() => onAct("rollback")}>${t("recipes.rollback")}…</button>`}
    ${end && html`<button type="button" class="act" onClick=${() => onAct("end")}>${t("recipes.end_trial")}…</button>`}</div>`;
}

/** Back to what was deployed before, or out of a trial. */
function Way({ what, station, now, onDone, onClose }) {
  const path = `/stations/${encodeURIComponent(station.name)}`, expected = now.requested?.number ?? 0;
  const make = (reason) => what === "rollback"
    ? post(`${path}/rollback`, { expected, reason }, { deadline: PROPOSE_MS })
    : post(`${path}/trials/end`, { reason }, { deadline: PROPOSE_MS });
  const words = (p) => what === "rollback" ? deployWords(station, p) : t("recipes.end_words", { station: said(station.title) });
  return html`<${SignedChange} title=${t(`recipes.${what === "end" ? "end_trial" : what}`)} make=${make} words=${words} onDone=${onDone} onClose=${onClose} />`;
}

/** What a proposal of a deployment comes to. */
export const deployWords = (station, proposal) =>
  t("recipe.deploy_words", { station: said(station.title), from: recipeName(proposal.from), to: recipeName(proposal.recipe) });
