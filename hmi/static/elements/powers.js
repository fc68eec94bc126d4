// Where each kW goes now: metered consumers, the modelled dry room beside them, and the difference.

import { html } from "htm/preact";
import { numberText } from "../format.js";
import { said, t } from "../i18n.js";
import { stationNamed } from "../plant.js";
import { openFaceplate } from "../router.js";
import { Value } from "./value.js";

const kw = (value) => (value === null ? "–" : numberText(value, 1));
const percent = (share) => `${numberText(share * 100, 1)} %`;

/** now, baseline: as the server gives them; old: they are not of now. */
export function Powers({ now, baseline, old }) {
  const span = baseline.kw * (1 + baseline.uncertainty_pct / 100);
  const most = Math.max(span, now.air_kw ?? 0, now.machines_kw ?? 0);
  const low = baseline.kw * (1 - baseline.uncertainty_pct / 100);
  const q = old ? "stale" : "good";
  const dry = now.frost_point_degc !== null && now.frost_point_degc <= baseline.limit_degc;
  return html`<div class="now-figures">
      <${Big} kind="metered" name=${t("energy.frost_point")} value=${numberText(now.frost_point_degc, 1)} unit="°C" q=${q} more=${t("energy.limit", { limit: numberText(baseline.limit_degc, 0) })} />
      <${Big} kind="metered" name=${t("energy.air")} value=${kw(now.air_kw)} unit="kW" q=${q} id="air_kw" />
      <${Big} kind="metered" name=${t("energy.machines")} value=${kw(now.machines_kw)} unit="kW" q=${q} id="machines_kw" />
      <${Big} kind="modelled" name=${t("energy.baseline")} value=${kw(now.baseline_kw)} unit="kW" q=${q} id="baseline_kw" more=${`${kw(low)} … ${kw(span)} kW`} />
      <${Big} kind="modelled saving" name=${t("energy.saving_now")} value=${kw(now.saving_kw)} unit="kW" q=${q} id="saving_kw" more=${now.saving ? `${percent(now.saving.share)} (${percent(now.saving.low)} … ${percent(now.saving.high)})` : t("energy.no_saving")} /></div>
    ${now.saving && !dry && html`<p class="not-counted">${t("energy.not_counted", { limit: numberText(baseline.limit_degc, 0) })}</p>`}
    ${now.saving && html`<details class="fold formula"><summary>${t("energy.formula")}</summary><p class="equation">${t("energy.saving_now")} = ${kw(now.baseline_kw)} kW − ${kw(now.air_kw)} kW = <b>${kw(now.saving_kw)} kW</b></p><p class="equation">${t("energy.share")} = 1 − ${kw(now.air_kw)} ÷ ${kw(now.baseline_kw)} = <b>${percent(now.saving.share)}</b>; ${t("energy.interval")}: 1 − ${kw(now.air_kw)} ÷ (${kw(now.baseline_kw)} × (1 ± ${numberText(baseline.uncertainty_pct / 100, 2)}))</p></details>`}
    <h3>${t("energy.where")}</h3><ul class="powers">${now.consumers.map((c) => html`<li key=${c.tag} class=${c.air ? "air" : "machine"}><button type="button" class="row" onClick=${() => openFaceplate(c.tag)}><span class="name">${said(c.text)} <small class="note">${c.air ? t("energy.air_short") : said(stationNamed(c.station)?.title ?? c.station)}</small></span><${Bar} kind="metered" part=${(c.kw ?? 0) / most} /><${Value} tag=${c.tag} digits=${1} /></button></li>`)}
      <li class="sum"><span class="name">${t("energy.baseline")} <small class="note">${t("energy.modelled")}</small></span><span class="power-bar"><span class="fill modelled" style=${{ width: `${(baseline.kw / most) * 100}%` }}></span><span class="whisker" style=${{ left: `${(low / most) * 100}%`, width: `${((span - low) / most) * 100}%` }}></span></span><span class="modelled-number">${kw(baseline.kw)} <small>kW</small></span></li></ul>`;
}

const Bar = ({ kind, part }) => html`<span class="power-bar" aria-hidden="true"><span class=${`fill ${kind}`} style=${{ width: `${Math.max(0, Math.min(1, part)) * 100}%` }}></span></span>`;

function Big({ kind, name, value, unit, more, q, id }) {
  return html`<div class=${`figure ${kind}`} data-q=${q} data-energy=${id}><span class="name">${name} <span class="origin">${t(kind === "metered" ? "energy.metered" : "energy.modelled")}</span></span><span class="big"><b>${value}</b> <small>${unit}</small></span>${more && html`<small>${more}</small>`}</div>`;
}
