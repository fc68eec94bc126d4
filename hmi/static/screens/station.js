// Level 2: one station. What the drawing shows, everything else it measures, its loops, its alarms, its
// procedure, and why it cannot start.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { may } from "../api.js";
import { displayOf, measuredTags, switchTags } from "../displays.js";
import { AlarmList } from "../elements/alarms.js";
import { Indicator } from "../elements/indicator.js";
import { AllInterlocks, Interlocks } from "../elements/interlocks.js";
import { Mimic } from "../elements/mimic.js";
import { Phases } from "../elements/phases.js";
import { Sparkline } from "../elements/sparkline.js";
import { StateChip } from "../elements/state.js";
import { TwoStep, useChange } from "../elements/twostep.js";
import { Value, ValueRow } from "../elements/value.js";
import { said, t } from "../i18n.js";
import { cell, link, locked, pictureOf, procedures } from "../live.js";
import { loopsOf, plant, stationNamed } from "../plant.js";
import { openFaceplate } from "../router.js";
import { enabled, RESTING } from "../states.js";
import { doing, recipeWords } from "./overview.js";

export default function Station({ name }) {
  const found = stationNamed(name);
  if (!plant.value) return html`<p class="empty">${t("screen.asking")}</p>`;
  if (!found) return html`<p class="empty">${t("station.none", { name })}</p>`;
  const display = displayOf(found);
  return html`<h1 class="unseen">${said(found.title)}</h1><div class="station">
    <section class="panel lead"><${Lead} station=${found} /></section>
    <div class="middle"><section class="panel drawing">${display.mimic ? html`<${Mimic} name=${display.mimic} />` : html`<${Values} station=${found} />`}</section>
    <section class="panel sparks">${display.spark.map((tag) => html`<${Sparkline} key=${tag} tag=${tag} />`)}</section>
    <section class="panel loops"><h2>${t("station.loops")}</h2><${Loops} station=${found} /></section></div>
    <div class="side"><section class="panel start"><h2>${t("station.procedure")}</h2><${Phases} station=${found} now=${procedures.value.get(name)} /><${Interlocks} station=${found} now=${procedures.value.get(name)} /></section>
    <section class="panel keys"><h2>${t("station.key_values")}</h2>${display.key.map((k) => html`<${Indicator} key=${k.tag} ...${k} />`)}</section>
    <section class="panel alarms"><h2>${t("alarm.heading")}</h2><${AlarmList} station=${found.name} most=${6} /></section></div>
    <${AllInterlocks} station=${found} />
    ${display.mimic && html`<details class="panel all"><summary>${t("station.all_values")}</summary><${Values} station=${found} /></details>`}
  </div>`;
}

/** State, step, what it waits for, and the commands that are enabled now. */
function Lead({ station: of }) {
  const now = procedures.value.get(of.name);
  const change = useChange();
  const more = useSignal(false);
  const { value, state } = cell(`${of.prefix}.SERVICE.STATE`).now.value;
  const verbs = enabled(value).filter((v) => may(RESTING.includes(v) ? "rest" : "operate"));
  const dead = state !== "good" || link.value !== "live" || locked.value; // they stay where they are
  const busy = change.at.value.step !== "idle";
  const shown = more.value ? verbs : verbs.slice(0, 3);
  return html`<div class="lead-words"><h2>${said(of.title)} <${StateChip} prefix=${of.prefix} /></h2>
      <p class="doing" data-q=${pictureOf(of.name)}>${doing(now)}</p><p class="recipe" data-q=${pictureOf(of.name)}>${recipeWords(now)}</p></div>
    ${now?.prompt && html`<p class="prompt" role="status" data-q=${pictureOf(of.name)}>${t("station.prompt")} <strong>${now.prompt}</strong></p>`}
    ${busy ? html`<${TwoStep} change=${change} words=${actionWords(change, of)} />`
      : html`<div class="buttons commands">${now?.prompt && may("operate") && html`<button type="button" class="act execute" disabled=${dead} onClick=${() => change.propose(of.name, { verb: "CONFIRM" })}>${t("verb.CONFIRM")}…</button>`}${shown.map((verb) => html`<button type="button" key=${verb} class="act" disabled=${dead}
          onClick=${() => change.propose(of.name, { verb })}>${t(`verb.${verb}`)}…</button>`)}
        ${verbs.length > 3 && html`<button type="button" class="act quiet" aria-expanded=${more.value} onClick=${() => { more.value = !more.value; }}>${t(more.value ? "station.fewer" : "station.more")}</button>`}</div>`}
    <${WaitsFor} now=${now} />`;
}

function actionWords(change, of) {
  const { proposal } = change.at.value;
  return proposal && t("change.command", { command: t(`verb.${proposal.verb}`), station: said(of.title) });
}

/** All of what it waits for, for who wants to know. */
function WaitsFor({ now }) {
  if (!(now?.waiting_for?.length > 1)) return null;
  return html`<details class="cannot"><summary>${t("station.waits_all", { count: now.waiting_for.length })}</summary><ul>${now.waiting_for.map((what) => html`<li key=${what}>${said(what)}</li>`)}</ul></details>`;
}

function Loops({ station: of }) {
  if (!loopsOf(of).length) return html`<p class="empty">${t("station.no_loops")}</p>`;
  return html`<table class="grid loops-grid"><thead><tr><th scope="col">${t("loop.loop")}</th><th scope="col">${t("faceplate.sp")}</th><th scope="col">${t("faceplate.pv")}</th><th scope="col">${t("faceplate.op")}</th><th scope="col">${t("faceplate.mode")}</th></tr></thead>
    <tbody>${loopsOf(of).map((loop) => html`<tr key=${loop.name}><th scope="row"><button type="button" class="row" onClick=${() => openFaceplate(loop.name)}><span class="tag">${loop.name}</span> ${said(loop.text)}</button></th>
      <td><${Value} tag=${loop.wsp} unit=${false} /></td><td>${loop.pv && html`<${Value} tag=${loop.pv} />`}</td><td><${Value} tag=${loop.op} /></td><td><${Value} tag=${loop.mode} /></td></tr>`)}</tbody></table>`;
}

/** Everything the station says, from its metadata. */
export function Values({ station: of }) {
  const words = switchTags(of.name), measured = measuredTags(of.name);
  if (!words.length && !measured.length) return html`<p class="empty">${t("station.no_values")}</p>`;
  return html`<div class="values">${[...measured, ...words].map((tag) => html`<${ValueRow} key=${tag.n} tag=${tag.n} />`)}</div>`;
}

