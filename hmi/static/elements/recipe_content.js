// What a version of a recipe says, in words of the process: parameters with their ranges, phases, limits.

import { html } from "htm/preact";
import { durationText, fraction, unitText } from "../format.js";
import { said, t } from "../i18n.js";
import { metaOf } from "../plant.js";
import { fullName } from "../recipe_names.js";
import { shown } from "./twostep.js";

const quantityText = (q) => (q ? q.label ? said(q.label) : shown(q.value, q.unit) : "–");
const rangeText = ({ low, high, labels, unit }) => labels.length ? labels.map(said).join(` ${t("recipe.or")} `) : `${shown(low)} … ${shown(high, unit)}`;

/** Parameters: value, where it lies in what is allowed, what good runs had. rows: as the server tells. */
export function Formula({ formula, rows }) {
  const given = rows.filter((p) => formula[p.parameter]);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("recipe.parameters")}><table class="grid formula"><caption class="unseen">${t("recipe.parameters")}</caption>
    <thead><tr><th scope="col">${t("recipe.parameter")}</th><th scope="col" class="number">${t("recipe.value")}</th><th scope="col">${t("recipe.allowed")}</th><th scope="col">${t("recipe.proven")}</th></tr></thead>
    <tbody>${given.map((p) => html`<${Parameter} key=${p.parameter} row=${p} quantity=${formula[p.parameter]} />`)}</tbody></table></div>`;
}

function Parameter({ row, quantity }) {
  const proven = row.proven;
  return html`<tr><th scope="row"><span>${said(row.text)}</span> <span class="note">${row.parameter}</span>${row.interlock && html`<div class="note watched">${t("recipe.interlock", { what: said(row.interlock) })}</div>`}</th>
    <td class="number"><b>${quantityText(quantity)}</b></td>
    <td><span class="range">${rangeText(row)}</span>${!row.labels.length && html`<${Place} row=${row} value=${quantity.value} />`}</td>
    <td>${proven ? `${shown(proven[0])} … ${shown(proven[1], row.unit)}` : html`<span class="note">${t("recipe.unproven")}</span>`}</td></tr>`;
}

const percent = (part) => `${(100 * part).toFixed(1)}%`;

/** Where a value lies in what is allowed; the band is what good runs had. */
function Place({ row, value }) {
  const at = (v) => fraction(v, row.low, row.high);
  const [from, to] = row.proven ? row.proven.map(at) : [0, 0];
  return html`<span class="bar" aria-hidden="true"><span class="band" hidden=${!row.proven} style=${{ transform: `translateX(${percent(from)}) scaleX(${Math.max(0.01, to - from).toFixed(4)})` }}></span>
    <span class="pointer" style=${{ transform: `translateX(${percent(at(value))})` }}></span></span>`;
}

/** The phases one after another. prefix: of the station's tags; rows: parameters. */
export function Procedure({ phases, prefix, rows }) {
  const words = new Map(rows.map((p) => [p.parameter, p]));
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("recipe.procedure")}><table class="grid procedure"><caption class="unseen">${t("recipe.procedure")}</caption>
    <thead><tr><th scope="col">${t("recipe.phase_title")}</th><th scope="col">${t("recipe.sets")}</th><th scope="col">${t("recipe.goes_on")}</th><th scope="col">${t("recipe.too_long")}</th></tr></thead>
    <tbody>${phases.map((p, k) => html`<tr key=${p.name}><th scope="row">${k + 1}. ${said(p.title)} <span class="note">${p.name}</span></th>
      <td><ul>${Object.entries(p.set).map(([tag, target]) => html`<li key=${tag}><${What} tag=${fullName(tag, prefix)} /> → <${Target} tag=${fullName(tag, prefix)} target=${target} words=${words} /></li>`)}
        ${p.ramps.map((r) => html`<li key=${r.tag}><${What} tag=${fullName(r.tag, prefix)} /> ↗ <${Target} tag=${fullName(r.tag, prefix)} target=${r.target} words=${words} /> <span class="note">${t("recipe.rate", { rate: shown(r.rate_per_min, unitOf(fullName(r.tag, prefix))) })}</span></li>`)}</ul></td>
      <td><ul>${p.until.map((u) => html`<li key=${u.tag + u.op}><${What} tag=${fullName(u.tag, prefix)} /> ${condition(u, fullName(u.tag, prefix))}${u.for_s > 0 && html` <span class="note whole">${t("recipe.for", { time: durationText(u.for_s) })}</span>`}</li>`)}
        ${p.prompt && html`<li>${t(p.prompt.confirm ? "recipe.confirms" : "recipe.tells")} <q>${p.prompt.text}</q></li>`}
        ${!p.until.length && !p.prompt?.confirm && html`<li class="note">${t(p.ramps.length ? "recipe.ramps_done" : "recipe.at_once")}</li>`}</ul></td>
      <td>${t(`recipe.timeout.${p.on_timeout}`, { time: durationText(p.timeout_s) })}</td></tr>`)}</tbody></table></div>`;
}

const unitOf = (tag) => metaOf(tag)?.u ?? "";

function What({ tag }) {
  const meta = metaOf(tag);
  return html`<span title=${tag}>${meta ? said(meta.tx) : html`<span class="tag">${tag}</span>`}</span>`;
}

/** A number, a word or a switch, and the parameter it comes from where the tag does not say it already. */
function Target({ tag, target, words }) {
  const from = said(words?.get(target.parameter)?.text), of = said(metaOf(tag)?.tx);
  return html`<b class="whole">${targetText(tag, target)}</b>${from && !of.includes(from) && html` <span class="note">(${from})</span>`}`;
}

function targetText(tag, target) {
  const meta = metaOf(tag);
  if (meta?.k === "bool") return t(target.value ? "value.on" : "value.off");
  const label = meta?.lb?.[target.value] || target.label;
  return label ? said(label) : shown(target.value, meta?.u ?? "");
}

const SIGNS = { "<=": "≤", ">=": "≥", is: "=" };

function condition(u, tag) {
  const target = html`<${Target} tag=${tag} target=${u.target} />`;
  if (u.op === "within") return html`= ${target} <span class="whole">± ${shown(u.band, unitOf(tag))}</span>`;
  return html`${SIGNS[u.op] ?? u.op} ${target}`;
}

const LIMITS = ["lolo", "lo", "hi", "hihi"];

/** Alarm limits that the recipe brings. */
export function LimitTable({ limits, prefix }) {
  const rows = Object.entries(limits);
  if (!rows.length) return html`<p class="empty">${t("recipe.no_limits")}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("recipe.limits")}><table class="grid"><caption class="unseen">${t("recipe.limits")}</caption>
    <thead><tr><th scope="col">${t("recipe.limit_of")}</th>${LIMITS.map((l) => html`<th scope="col" class="number" key=${l}>${l.toUpperCase()}</th>`)}<th scope="col" class="number">${t("recipe.deadband")}</th><th scope="col" class="number">${t("recipe.delay")}</th></tr></thead>
    <tbody>${rows.map(([tag, l]) => html`<tr key=${tag}><th scope="row"><${What} tag=${fullName(tag, prefix)} /> <span class="note tag">${fullName(tag, prefix)}</span> <small>${unitText(unitOf(fullName(tag, prefix)))}</small></th>
      ${LIMITS.map((name) => html`<td class="number" key=${name}>${l[name] === null ? "–" : shown(l[name])}</td>`)}<td class="number">${shown(l.deadband)}</td><td class="number">${durationText(l.delay_s)}</td></tr>`)}</tbody></table></div>`;
}
