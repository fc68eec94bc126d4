// Figures of a run: means with how sure they are, limits, how much is known.

import { html } from "htm/preact";
import { besideSpread, excursions, fourDigits, percentText, spreadText } from "../courses.js";
import { unitText } from "../format.js";
import { said, t } from "../i18n.js";

/** Limits as a pair; what has none says so. */
export const limitsText = (spec) => (!spec ? "–" : `${fourDigits(spec.low)} … ${fourDigits(spec.high)}`);

/** figures: of a run's summary; confidence: intervals of their means, by name. */
export function QualityTable({ figures, confidence = {} }) {
  const rows = Object.entries(figures ?? {});
  if (!rows.length) return html`<p class="empty">${t("quality_table.none")}</p>`;
  const level = Object.values(confidence)[0]?.level ?? 0.95;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("quality_table.title")}><table class="grid figures"><thead><tr><th scope="col">${t("quality_table.measure")}</th><th scope="col">${t("quality_table.mean")}</th>
    <th scope="col">${t("quality_table.interval", { level: Math.round(level * 100) })}</th><th scope="col">${t("quality_table.sd")}</th><th scope="col">${t("quality_table.range")}</th><th scope="col">${t("quality_table.limits")}</th>
    <th scope="col">${t("quality_table.inside")}</th><th scope="col">${t("quality_table.known")}</th><th scope="col">${t("quality_table.cpk")}</th></tr></thead>
    <tbody>${rows.map(([name, f]) => html`<${Row} key=${name} figure=${f} sure=${confidence[name]} />`)}</tbody></table></div>`;
}

function Row({ figure: f, sure }) {
  const notes = [...f.notes, f.cpk === null && f.spec ? f.why_no_cpk : ""].filter(Boolean);
  const out = f.inside !== null && f.inside < 1;
  return html`<tr><th scope="row">${said(f.text)} <small>${unitText(f.unit)}</small>${f.dose !== null && html`<br /><small>${t("quality_table.dose", { dose: fourDigits(f.dose), unit: f.dose_unit ?? "" })}</small>`}${notes.map((n) => html`<br key=${`b${n}`} /><small class="note" key=${n}>${said(n)}</small>`)}</th>
    <td class="number"><b>${besideSpread(f.mean, f.sd)}</b></td><td class="number">${sure?.low != null ? `${besideSpread(sure.low, sure.high - sure.low)} … ${besideSpread(sure.high, sure.high - sure.low)}` : html`<small class="note">${said(sure?.why_not ?? "") || "–"}</small>`}</td>
    <td class="number">${spreadText(f.sd)}</td><td class="number">${fourDigits(f.minimum)} … ${fourDigits(f.maximum)}</td><td class="number">${limitsText(f.spec)}</td>
    <td class=${out ? "number out" : "number"}>${percentText(f.inside)}</td><td class="number">${percentText(f.known)}</td><td class="number">${f.cpk === null ? "–" : f.cpk.toFixed(2)}</td></tr>`;
}

/** What was outside its limits, and by how much. */
export function Excursions({ figures }) {
  const found = excursions(figures);
  const judged = Object.values(figures ?? {}).some((f) => f.spec && f.inside !== null);
  if (!found.length) return html`<p class="empty">${t(judged ? "run.no_excursions" : "run.no_limits")}</p>`;
  return html`<ul class="plain-list">${found.map((e) => html`<li key=${e.name}><b>${said(e.text)}</b> ${t("run.excursion", { share: percentUp(e.outside), worst: fourDigits(e.worst), limit: fourDigits(e.limit), unit: unitText(e.unit) })}</li>`)}</ul>`;
}

/** Never 0 % of what happened. */
const percentUp = (share) => `${Math.max(0.1, Math.ceil(1000 * share) / 10)} %`;
