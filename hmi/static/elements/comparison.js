// Two sides of a comparison, measure by measure: figures, the difference with its interval, and what
// may be said of it. The words follow from the numbers, so that they are there in every language.

import { html } from "htm/preact";
import { besideSpread, fourDigits, percentText, spreadText } from "../courses.js";
import { unitText } from "../format.js";
import { said, t } from "../i18n.js";

/** comparison: as the server gives it; names: of its two sides. */
export function Comparison({ comparison, names }) {
  const { stretch, level, notes } = comparison;
  return html`<p class="note">${t("compare.stretch", { low: fourDigits(stretch.low), high: fourDigits(stretch.high), unit: stretch.unit })}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("compare.quality")}><table class="grid figures"><thead><tr><th scope="col">${t("quality_table.measure")}</th><th scope="col">${names[0]}</th><th scope="col">${names[1]}</th>
      <th scope="col">${t("compare.difference")}</th><th scope="col">${t("quality_table.interval", { level: Math.round(level * 100) })}</th><th scope="col" class="verdict">${t("compare.verdict")}</th></tr></thead>
      <tbody>${Object.entries(comparison.measures).map(([name, row]) => html`<${Row} key=${name} row=${row} level=${level} />`)}</tbody></table></div>
    <${EnergySides} energy=${comparison.energy} names=${names} />
    ${notes.length > 0 && html`<ul class="plain-list note">${notes.map((n) => html`<li key=${n}>${said(n)}</li>`)}</ul>`}`;
}

function Row({ row, level }) {
  const { interval, unit } = row;
  return html`<tr><th scope="row">${said(row.text)} <small>${unitText(unit)}</small></th><td class="number"><${Side} side=${row.trial} /></td><td class="number"><${Side} side=${row.base} /></td>
    <td class="number">${signed(row.difference, interval)}</td><td class="number">${interval ? html`<${IntervalBar} interval=${interval} /><small class="number">${signed(interval.low, interval)} … ${signed(interval.high, interval)}</small>` : "–"}</td>
    <td class="verdict"><b>${verdict(row, level)}</b><br /><small class="note">${said(row.method)}</small></td></tr>`;
}

function Side({ side }) {
  return html`<b>${besideSpread(side.mean, side.sd)}</b>${side.sd !== null && html` <small>± ${spreadText(side.sd)}</small>`}<br /><small class="note">${t("compare.rests", { units: side.units_of_evidence, known: percentText(side.known) })}${side.cpk !== null && ` · Cpk ${side.cpk.toFixed(2)}`}</small>`;
}

function signed(value, interval) {
  if (value === null || value === undefined) return "–";
  const text = interval ? besideSpread(value, interval.high - interval.low) : fourDigits(value);
  return value > 0 ? `+${text}` : text;
}

/** What may be said: a difference, none that was seen, or why it cannot be judged. */
export function verdict(row, level) {
  const { interval } = row;
  if (!interval) return t("compare.cannot", { why: said(row.why_no_interval) });
  const unit = unitText(row.unit);
  if (interval.low <= 0 && interval.high >= 0) return t("compare.none", { least: fourDigits(interval.detectable), unit });
  const [near, far] = [Math.abs(interval.low), Math.abs(interval.high)].sort((a, b) => a - b);
  const width = interval.high - interval.low;
  return t(interval.difference > 0 ? "compare.higher" : "compare.lower", { size: besideSpread(Math.abs(interval.difference), width), near: besideSpread(near, width), far: besideSpread(far, width), unit, level: Math.round(level * 100) });
}

/** The interval beside zero: whether it holds zero is seen before it is read. */
function IntervalBar({ interval }) {
  const most = Math.max(Math.abs(interval.low), Math.abs(interval.high)) * 1.1 || 1;
  const x = (v) => 60 + (v / most) * 56;
  return html`<svg class="interval" viewBox="0 0 120 18" aria-hidden="true"><path class="zero" d="M60 1V17" /><path class="reach" d=${`M${x(interval.low).toFixed(1)} 9H${x(interval.high).toFixed(1)}`} /><circle class="middle" cx=${x(interval.difference).toFixed(1)} cy="9" r="4" /></svg>`;
}

const ENERGIES = { run_kwh: "kWh", execute_kwh: "kWh", mean_kw: "kW", per_metre_kwh: "kWh/m" };

function EnergySides({ energy, names }) {
  return html`<h3>${t("compare.energy")}</h3><div class="scroll" tabindex="0" role="region" aria-label=${t("compare.energy")}><table class="grid figures"><thead><tr><th scope="col">${t("compare.energy")}</th><th scope="col">${names[0]}</th><th scope="col">${names[1]}</th></tr></thead>
    <tbody>${Object.entries(ENERGIES).map(([key, unit]) => html`<tr key=${key}><th scope="row">${t(`energy_of_run.${key}`)} <small>${unit}</small></th><td class="number"><b>${fourDigits(energy.trial[key])}</b></td><td class="number"><b>${fourDigits(energy.base[key])}</b></td></tr>`)}
      <tr><th scope="row">${t("quality_table.known")}</th><td class="number">${percentText(energy.trial.known)}</td><td class="number">${percentText(energy.base.known)}</td></tr></tbody></table></div>`;
}
