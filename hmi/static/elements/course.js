// The course that a rehearsal predicts: panels one above the other on one axis of time since START.

import { html } from "htm/preact";
import { get, LONG_MS } from "../api.js";
import { durationText } from "../format.js";
import { said, t } from "../i18n.js";
import { metaOf } from "../plant.js";
import { useAsked } from "./asked.js";
import { AxisBelow, Curves, PenMark, useCursor } from "./curves.js";
import { AskedWords } from "./requested.js";

const TRUTH = "truth.";
const NOTHING = { time_s: [] };
const MOST_COLUMNS = 20; // of one question

/** limits: of the recipe, by tags as it names them. */
export function Course({ job, record, limits }) {
  const panels = record.curves ?? [];
  const columns = [...new Set(panels.flatMap((p) => p.columns))].slice(0, MOST_COLUMNS);
  const asked = useAsked(`${job.id} ${columns.join(" ")}`, async (ended) => (columns.length ? get(`/rehearsals/${job.id}/trajectory`, { tag: columns }, { deadline: LONG_MS, signal: ended }) : NOTHING));
  const cursor = useCursor();
  if (!columns.length) return html`<p class="note">${t("rehearsal.no_course")}</p>`;
  const { found } = asked;
  if (!found?.time_s.length) return found ? html`<p class="note">${t("rehearsal.no_course")}</p>` : html`<${AskedWords} asked=${asked} />`;
  const high = found.time_s[found.time_s.length - 1];
  return html`<section class="predicted" aria-label=${t("rehearsal.course")}><h4>${t("rehearsal.course")}</h4>
    <${Strip} phases=${record.runs?.[0]?.phases ?? []} high=${high} />
    <div class="course-panels">${panels.map((p) => html`<${Panel} key=${p.title} panel=${p} found=${found} limits=${limits} high=${high} cursor=${cursor} />`)}</div>
    <${AxisBelow} low=${0} high=${high} unit="s" text=${t("rehearsal.since_start")} cursor=${cursor} /></section>`;
}

function Panel({ panel, found, limits, high, cursor }) {
  const names = panel.columns.filter((name) => found.values[name]);
  const unit = names.map((name) => metaOf(name)?.u).find(Boolean) ?? (names[0]?.endsWith("_kw") ? "kW" : "");
  const lines = names.map((name, pen) => ({ name, values: found.values[name], pen }));
  const of = names.map((name) => limitOf(limits, name)).find(Boolean);
  return html`<div><${Curves} title=${said(panel.title)} unit=${unit} position=${found.time_s} lines=${lines} limits=${of} low=${0} high=${high} axisUnit="s" cursor=${cursor} bare />
    <ul class="course-pens">${names.map((name, pen) => html`<li key=${name}><${PenMark} pen=${pen} /> ${wordsOf(name)}</li>`)}</ul></div>`;
}

/** What an instrument shows, or what the model knows and no instrument does. */
function wordsOf(name) {
  if (name.startsWith(TRUTH)) return t("rehearsal.truth");
  const meta = metaOf(name);
  return meta ? said(meta.tx) : html`<span class="tag">${name}</span>`;
}

/** The alarm limits of a recipe for a tag; in a recipe its name may begin with a point. */
function limitOf(limits, name) {
  const key = Object.keys(limits ?? {}).find((k) => (k.startsWith(".") ? name.endsWith(k) && !name.startsWith(TRUTH) : k === name));
  return key && { low: limits[key].lo, high: limits[key].hi };
}

/** Which phase when. */
function Strip({ phases, high }) {
  if (!phases.length) return null;
  return html`<ol class="phase-strip" aria-label=${t("rehearsal.phases")}>${phases.map((p) => html`<li key=${`${p.number} ${p.begun_s}`} title=${`${said(p.title)} ${durationText(p.took_s)}`}
    style=${{ left: `${(100 * p.begun_s) / high}%`, width: `${(100 * Math.min(p.took_s, high - p.begun_s)) / high}%` }}>${p.number}</li>`)}</ol>`;
}
