// Level 1: the whole line at a glance. Is anything abnormal, where, since when, what runs, what next?

import { html } from "htm/preact";
import { useWatch } from "../bind.js";
import { AlarmList, AsideCounts } from "../elements/alarms.js";
import { Indicator } from "../elements/indicator.js";
import { Mimic } from "../elements/mimic.js";
import { Sparkline } from "../elements/sparkline.js";
import { StateChip } from "../elements/state.js";
import { Value } from "../elements/value.js";
import { durationText } from "../format.js";
import { said, t } from "../i18n.js";
import { cell, pictureOf, procedures, serverT } from "../live.js";
import { metaOf, plant, stations } from "../plant.js";
import { displayOf } from "../displays.js";

/** Kinds that the drawing of the line shows; a line without them has cards only. */
const DRAWN = ["coater", "calender", "enclosure"];

export default function Overview() {
  if (!plant.value) return html`<p class="empty">${t("screen.asking")}</p>`;
  return html`<h1 class="unseen">${t("screen.overview")}</h1><div class="overview">
    ${DRAWN.every((kind) => stations().some((s) => s.kind === kind)) && html`<section class="panel path" aria-label=${t("overview.path")}><${Mimic} name="line" /></section>`}
    <div class="station-cards">${stations().map((s) => html`<${Card} key=${s.name} station=${s} />`)}</div>
    <section class="panel alarms"><h2>${t("alarm.heading")} <${AsideCounts} /></h2><div class="scroll" tabindex="0" role="region" aria-label=${t("alarm.heading")}><${AlarmList} most=${40} /></div></section>
    <${Energy} />
  </div>`;
}

function Card({ station }) {
  const display = displayOf(station);
  const now = procedures.value.get(station.name);
  return html`<section class="panel card">
    <h2><a href=${`/station/${station.name}`}>${said(station.title)}</a><${StateChip} prefix=${station.prefix} /></h2>
    <p class="doing" data-q=${pictureOf(station.name)}>${doing(now)}</p>
    <p class="recipe" data-q=${pictureOf(station.name)}>${recipeWords(now)}</p>
    <div class="indicators">${display.key.map((k) => html`<${Indicator} key=${k.tag} ...${k} />`)}</div>
    ${display.spark.map((tag) => html`<${Sparkline} key=${tag} tag=${tag} />`)}
  </section>`;
}

// The reason of a state that was entered because the one before had done its work: beside "running" it
// would read as if the run were over.
const ENDED_BY_ITSELF = "complete";

/** What a station does now and what it waits for. */
export function doing(now) {
  if (!now) return t("station.unknown");
  if (!now.controlled) return t("station.uncontrolled");
  const step = now.step ? said(now.step) : "";
  const left = now.until_t ? t("station.left", { time: durationText(Math.max(0, (now.until_t - serverT.value) / 1000)) }) : "";
  const [first, ...others] = now.waiting_for ?? [];
  const more = others.length ? ` ${t("station.and_more", { count: others.length })}` : "";
  const waits = first ? t("station.waits", { what: said(first) }) + more : "";
  const reason = now.reason && now.reason !== ENDED_BY_ITSELF ? said(now.reason) : "";
  const text = [step, left, waits || reason].filter(Boolean).join(" · ");
  return text || t(now.state === "EXECUTE" ? "station.goes_on" : "station.nothing");
}

/** Which recipe runs, in which phase, and which comes next. */
export function recipeWords(now) {
  if (!now) return "";
  const name = (one) => (!one || one.recipe === "built-in" ? t("recipe.built_in") : one.recipe);
  const next = now.pending ? ` → ${name(now.requested)}` : "";
  const run = now.run ? t("recipe.run", { run: now.run }) : t("recipe.no_run");
  const phase = now.phase ? ` · ${t("recipe.phase", { phase: now.phase })}` : "";
  return `${name(now.current)}${next} · ${run}${phase}`;
}

const POWERS = ["DHU.PWR.REG", "DHU.PWR.FAN", "DHU.PWR.COOL"];

function Energy() {
  const there = metaOf("DHU.KWH");
  useWatch(there ? POWERS : []);
  if (!there) return null;
  const parts = POWERS.map((tag) => cell(tag).now.value);
  const good = parts.every((p) => p.state === "good" || p.state === "uncertain");
  const sum = good ? parts.reduce((a, p) => a + p.value, 0).toFixed(1) : "–";
  return html`<section class="panel energy"><h2>${t("overview.energy")}</h2>
    <dl class="energy-strip"><div><dt>${t("overview.power")}</dt><dd data-q=${good ? "good" : "stale"} class="value"><b>${sum}</b><small>kW</small></dd></div>
    ${POWERS.map((tag) => html`<div key=${tag}><dt>${said(metaOf(tag)?.tx)}</dt><dd><${Value} tag=${tag} digits=${1} /></dd></div>`)}
    <div><dt>${said(metaOf("DHU.KWH")?.tx)}</dt><dd><${Value} tag="DHU.KWH" digits=${0} /></dd></div></dl></section>`;
}
