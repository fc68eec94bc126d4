// What stands around the picture of a trend: the pens with their values, the ground strips of bad
// quality, the marks of what happened, and the table for who cannot see a canvas.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { clockText, momentText, numberText, screenDecimals, unitText } from "../format.js";
import { said, t } from "../i18n.js";
import { cell, serverT } from "../live.js";
import { metaOf } from "../plant.js";
import { BAD, clustered, NOTHING, qualityRuns, UNCERTAIN } from "../series.js";
import { PenMark } from "./curves.js";

const NAMES = { [UNCERTAIN]: "uncertain", [BAD]: "bad", [NOTHING]: "nothing" };
export const AXES = 2;
const MARK_PX = 48;
const MOST_TOLD = 40;
const KINDS = { alarm: "!", command: "▸", recipe: "R", run: "R", state: "S", interlock: "I", loop: "L", quality: "?", link: "⊘", device: "P", system: "·" };

/** Units of some pens: those of one unit share a scale, and the first ones have an axis, left and right. */
export function scalesOf(pens) {
  const units = [];
  for (const pen of pens) {
    const unit = metaOf(pen)?.u ?? "";
    if (!units.includes(unit)) units.push(unit);
  }
  return units;
}

/** Pens with their values, now or under the cursor. */
export function Legend({ pens, view, index, live, onTakeAway }) {
  const timeS = index !== null && view ? view.t[index] : null;
  if (index === null && live) serverT.value; // once a second
  const units = scalesOf(pens);
  return html`<ul class="legend"><li class="when">${timeS ? momentText(timeS * 1000, serverT.value) : live ? t("trend.now") : t("trend.cursor")}</li>
    ${pens.map((pen, k) => {
      const meta = metaOf(pen), held = timeS && view ? view.pens[k]?.last[index] : live ? cell(pen).usable : null;
      const wrong = timeS && view ? NAMES[view.pens[k]?.worst[index]] : "";
      return html`<li key=${pen}><${PenMark} pen=${k} />
        <span class="tag">${pen}</span> <span class="words">${said(meta?.tx)}</span>
        <b>${penText(meta, held)}</b> <small>${unitText(meta?.u)}${units.indexOf(meta?.u ?? "") >= AXES ? ` · ${t("trend.no_axis")}` : ""}${wrong ? ` · ${t(`trend.quality.${wrong}`)}` : ""}</small>
        ${onTakeAway && html`<button type="button" onClick=${() => onTakeAway(pen)} aria-label=${t("trend.take_away", { tag: pen })}>×</button>`}</li>`;
    })}</ul>`;
}

/** A value as its tag has it: a label, on or off, a number. */
function penText(meta, value) {
  if (!Number.isFinite(value)) return numberText(null, 0);
  if (meta?.lb?.length) return said(meta.lb[Math.round(value)] ?? String(value));
  return meta?.k === "bool" ? t(value ? "value.on" : "value.off") : numberText(value, screenDecimals(meta));
}

/** About twenty rows: enough to hear a course, few enough to be read. */
export function TrendTable({ pens, view }) {
  if (!view) return null;
  const every = Math.max(1, Math.floor(view.t.length / 20));
  const rows = [];
  for (let k = view.t.length - 1; k >= 0; k -= every) rows.push(k);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("trend.table")}><table class="grid"><caption class="unseen">${t("trend.table")}</caption>
    <thead><tr><th scope="col">${t("trend.time")}</th>${pens.map((p) => html`<th scope="col">${p} <small>${unitText(metaOf(p)?.u)}</small></th>`)}</tr></thead>
    <tbody>${rows.map((k) => html`<tr key=${k}><th scope="row">${momentText(view.t[k] * 1000, serverT.value)}</th>
      ${pens.map((p, n) => html`<td>${penText(metaOf(p), view.pens[n].last[k])}${view.pens[n].worst[k] ? html` <small>${t(`trend.quality.${NAMES[view.pens[n].worst[k]]}`)}</small>` : ""}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** Where a time lies in the picture. place: {left, width, fromS, toS}, as `Trend` gives it. */
const part = (place, atS) => `${(100 * Math.min(1, Math.max(0, (atS - place.fromS) / (place.toS - place.fromS)))).toFixed(2)}%`;
const box = (place) => ({ marginLeft: `${place.left}px`, width: `${place.width}px` });

/** One strip for each pen of which something is wrong: hatched where Bad, light where uncertain. */
export function Strips({ pens, view, stepS, place }) {
  if (!view || !place?.width) return null;
  const rows = pens.map((pen, k) => ({ pen, k, runs: qualityRuns(view.t, view.pens[k].worst, stepS) })).filter((row) => row.runs.length);
  if (!rows.length) return null;
  return html`<div class="strips">${rows.map(({ pen, k, runs }) => html`<div key=${pen} class="strip" style=${box(place)} role="img" aria-label=${`${pen}: ${stripWords(runs)}`}>
    <${PenMark} pen=${k} />${runs.map((run) => html`<span key=${run.fromS} class=${`strip-run ${NAMES[run.worst]}`} title=${stripWords([run])}
      style=${{ left: part(place, run.fromS), width: `max(3px, calc(${part(place, run.toS)} - ${part(place, run.fromS)}))` }}></span>`)}</div>`)}
    <p class="strip-key"><span class="strip-run bad"></span> ${t("trend.quality.bad")} <span class="strip-run uncertain"></span> ${t("trend.quality.uncertain")} <span class="strip-run nothing"></span> ${t("trend.quality.nothing")}</p></div>`;
}

/** Up to three stretches in words. */
function stripWords(runs) {
  const words = runs.slice(0, 3).map((r) => `${t(`trend.quality.${NAMES[r.worst]}`)} ${clockText(r.fromS * 1000)}–${clockText(r.toS * 1000)}`);
  return runs.length > 3 ? `${words.join(", ")}, ${t("trend.more_runs", { count: runs.length - 3 })}` : words.join(", ");
}

/** What happened, as buttons over the time axis; one tap shows the text. marks: {atS, kind, subject, text, actor}. */
export function Marks({ marks, place }) {
  const open = useSignal(/** @type {number|null} */ (null));
  if (!place?.width) return html`<div class="marks"></div>`;
  const inside = marks.filter((m) => m.atS >= place.fromS && m.atS <= place.toS);
  const groups = clustered(inside, (MARK_PX * (place.toS - place.fromS)) / place.width);
  const shown = groups.find((g) => g.atS === open.value) ?? null;
  return html`<div class="marks" style=${box(place)} role="group" aria-label=${t("trend.marks")}>
    ${groups.map((g) => html`<button type="button" key=${g.atS} class="event-mark" aria-expanded=${g === shown} style=${{ left: part(place, g.atS) }}
      aria-label=${t("trend.mark", { count: g.marks.length, time: clockText(g.atS * 1000), what: t(`event.${g.marks[0].kind}`) })}
      data-sign=${(KINDS[g.marks[0].kind] ?? "·") + (g.marks.length > 1 ? ` ×${g.marks.length}` : "")}
      onClick=${() => { open.value = g === shown ? null : g.atS; }}></button>`)}
    ${!groups.length && html`<span class="note">${t("trend.no_marks")}</span>`}</div>
    ${shown && html`<${Told} group=${shown} onClose=${() => { open.value = null; }} />`}`;
}

function Told({ group, onClose }) {
  return html`<div class="mark-told" role="status"><button type="button" class="close" aria-label=${t("change.close")} onClick=${onClose}>×</button>
    <ul>${group.marks.slice(0, MOST_TOLD).map((m, k) => html`<li key=${k}><time>${momentText(m.atS * 1000, serverT.value)}</time> <b>${t(`event.${m.kind}`)}</b> <span class="tag">${m.subject}</span> <span lang=${said(m.text) === m.text ? "en" : undefined}>${said(m.text)}</span>${m.actor ? html` <span class="note">${m.actor}</span>` : ""}</li>`)}</ul>
    ${group.marks.length > MOST_TOLD && html`<p class="note">${t("trend.more_marks", { count: group.marks.length - MOST_TOLD })}</p>`}</div>`;
}
