// The dry room that the enclosure is compared with: a number somebody answers for, with its method.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { may, put } from "../api.js";
import { Words } from "./asking.js";
import { dateText, numberText, typedNumber } from "../format.js";
import { t } from "../i18n.js";
import { Confirm } from "./confirm.js";
import { Fact } from "./runs.js";

const MOST_METHOD = 2000;

/** baseline: as the server gives it; onChanged: another one holds. */
export function Baseline({ baseline: b, onChanged }) {
  const open = useSignal(false);
  return html`<dl class="facts modelled-facts"><${Fact} name=${t("energy.power")}><b class="modelled-number">${numberText(b.kw, 1)} kW</b><//><${Fact} name=${t("energy.uncertainty")}>± ${numberText(b.uncertainty_pct, 1)} %<//><${Fact} name=${t("energy.limit_name")}>${numberText(b.limit_degc, 1)} °C<//>
      <${Fact} name=${t("energy.version")}>${b.version}<//><${Fact} name=${t("energy.by")}>${b.by || t("energy.shipped")}<//>${b.since_ns > 0 && html`<${Fact} name=${t("energy.since")}>${dateText(b.since_ns / 1e6)}<//>`}</dl>
    <p><span class="origin">${t("energy.method")}</span> <${Words} of=${b.method} /></p>${b.reason && html`<p><span class="origin">${t("change.reason")}</span> ${b.reason}</p>`}
    ${may("tune") && (open.value ? html`<${Replace} baseline=${b} onEnd=${(changed) => { open.value = false; if (changed) onChanged(); }} />` : html`<button type="button" class="act" onClick=${() => { open.value = true; }}>${t("energy.replace")}</button>`)}`;
}

/** Another dry room, from now on and for all the past. */
function Replace({ baseline: b, onEnd }) {
  const kw = useSignal(String(b.kw)), pct = useSignal(String(b.uncertainty_pct)), limit = useSignal(String(b.limit_degc)), method = useSignal("");
  const wish = { kw: typedNumber(kw.value), uncertainty_pct: typedNumber(pct.value), limit_degc: typedNumber(limit.value), method: method.value.trim() };
  const whole = wish.kw !== null && wish.kw > 0 && wish.uncertainty_pct !== null && wish.limit_degc !== null && wish.method;
  const field = (name, value, unit) => html`<label class="field">${name} (${unit}) <input inputmode="decimal" value=${value.value} onInput=${(e) => { value.value = e.currentTarget.value; }} /></label>`;
  const run = ({ reason }) => put("/energy/baseline", { ...wish, expected: b.version, reason });
  return html`<div class="replace-form">${field(t("energy.power"), kw, "kW")}${field(t("energy.uncertainty"), pct, "± %")}${field(t("energy.limit_name"), limit, "°C")}
    <label class="field wide">${t("energy.method")} <input maxlength=${MOST_METHOD} value=${method.value} onInput=${(e) => { method.value = e.currentTarget.value; }} /></label>
    ${whole ? html`<${Confirm} words=${t("energy.replace_words", { old: numberText(b.kw, 1), kw: numberText(wish.kw, 1), pct: numberText(wish.uncertainty_pct, 1) })} reason run=${run} onDone=${() => onEnd(true)} onCancel=${() => onEnd(false)} />` : html`<p class="note">${t("energy.replace_hint")}</p><button type="button" class="act" onClick=${() => onEnd(false)}>${t("change.cancel")}</button>`}</div>`;
}
