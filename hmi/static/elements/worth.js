// What energies cost and emit, by the numbers that the line gives in [energy]; without them nothing.

import { html } from "htm/preact";
import { Words } from "./asking.js";
import { numberText } from "../format.js";
import { t } from "../i18n.js";

const money = (value) => numberText(value, Math.abs(value) < 100 ? 2 : 0);
const mass = (value) => numberText(value, Math.abs(value) < 100 ? 1 : 0);

/** tariff: the numbers of the line; worth: {cost, co2_kg} of a window, either null where not given. */
export function Worth({ tariff, worth }) {
  if (!tariff || !worth) return null;
  const columns = [
    worth.cost && { name: t("energy.cost"), unit: tariff.currency, of: worth.cost, text: money },
    worth.co2_kg && { name: t("energy.co2"), unit: "kg", of: worth.co2_kg, text: mass },
  ].filter(Boolean);
  const rows = [["air", t("energy.air")], ["machines", t("energy.machines")], ["total", t("energy.together")]];
  const saved = columns.every((c) => c.of.saving);
  return html`<div class="worth"><h3>${t("energy.worth")}</h3>
    <table class="grid worth-table"><thead><tr><th scope="col"><span class="unseen">${t("energy.what")}</span></th>${columns.map((c) => html`<th scope="col" key=${c.name}>${c.name} <small>${c.unit}</small></th>`)}</tr></thead>
      <tbody>${rows.map(([key, name]) => html`<tr key=${key} data-worth=${key}><th scope="row">${name}</th>${columns.map((c) => html`<td class="number" key=${c.name}>${c.text(c.of[key])}</td>`)}</tr>`)}
        ${saved && html`<tr class="modelled" data-worth="saving"><th scope="row">${t("energy.saving")} <span class="origin">${t("energy.modelled")}</span></th>${columns.map((c) => html`<td class="number" key=${c.name}><b>${c.text(c.of.saving.mean)}</b> <small>${c.text(c.of.saving.low)} … ${c.text(c.of.saving.high)}</small></td>`)}</tr>`}</tbody></table>
    <p><span class="origin">${t("energy.basis")}</span> ${rates(tariff).join(" · ")}</p><p class="note"><${Words} of=${tariff.basis} /></p></div>`;
}

/** The numbers themselves, so that nobody has to guess what was multiplied. */
function rates({ price_per_kwh: price, currency, co2_g_per_kwh: grams }) {
  return [price !== null && `${price} ${currency}/kWh`, grams !== null && `${grams} g CO₂/kWh`].filter(Boolean);
}
