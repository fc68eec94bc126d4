// Faults that a rehearsal is to survive: chosen from what can break in the simulated plant, each with
// its beginning and its length in minutes of production.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { said, t } from "../i18n.js";
import { stations } from "../plant.js";
import { simulator } from "../simulator.js";

const BEGIN_MIN = [0, 1, 2, 5, 10, 20, 30, 60, 120], LASTS_MIN = [1, 2, 5, 10, 30, 60], MOST = 4;

const nameText = (name) => said(name.replaceAll("_", " "));

/** What was asked for, in words. text: as the server has it, "web_break@5+1,fan_slip". */
export function faultWords(text) {
  return text.split(",").map((part) => {
    const [, name, begin, lasts] = /^\s*([^@]+?)(?:@(\d+)\+(\d+))?\s*$/.exec(part) ?? [null, part];
    return begin === undefined ? nameText(name) : t("rehearsal.fault_when", { fault: nameText(name), begin, lasts });
  }).join(" · ");
}

/** chosen: signal of {name, begin, lasts}; text: as the server has it. */
export function useFaults() {
  const chosen = useSignal(/** @type {{name: string, begin: number, lasts: number}[]} */ ([]));
  return { chosen, text: chosen.value.map((f) => `${f.name}@${f.begin}+${f.lasts}`).join(",") };
}

/** of: what useFaults gives; kind: of the station; minutes: of production. Nothing where no simulated plant runs that knows its faults. */
export function FaultChoice({ of: { chosen }, kind, minutes }) {
  const name = useSignal(""), begin = useSignal("1"), lasts = useSignal("1");
  const station = stations().find((s) => s.kind === kind)?.name;
  const known = (simulator.value?.faults ?? []).filter((f) => f.station === station);
  if (!known.length) return null;
  const begins = BEGIN_MIN.filter((m) => m < minutes);
  const add = () => {
    chosen.value = [...chosen.value.filter((f) => f.name !== name.value), { name: name.value, begin: Number(begin.value), lasts: Number(lasts.value) }];
    name.value = "";
  };
  const fits = begins.includes(Number(begin.value));
  const choice = (words, value, options) => html`<label class="field">${words}<select value=${value.value} onChange=${(e) => { value.value = e.currentTarget.value; }}>${options.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}</select></label>`;
  const inMinutes = (list) => list.map((m) => [String(m), `${m} min`]);
  return html`<fieldset class="wish-faults"><legend>${t("rehearsal.faults")}</legend>
    ${choice(t("rehearsal.fault"), name, [["", t("rehearsal.no_fault")], ...known.map((f) => [f.name, nameText(f.name)])])}
    ${name.value && html`${choice(t("rehearsal.fault_begins"), begin, inMinutes(begins))}${choice(t("rehearsal.fault_lasts"), lasts, inMinutes(LASTS_MIN))}
      <button type="button" class="act" disabled=${!fits || chosen.value.length >= MOST} onClick=${add}>${t("rehearsal.add_fault")}</button>
      <p class="note">${said(known.find((f) => f.name === name.value)?.effect)}</p>`}
    ${chosen.value.length > 0 && html`<ul class="chosen-faults">${chosen.value.map((f) => html`<li key=${f.name}><span>${faultWords(`${f.name}@${f.begin}+${f.lasts}`)}</span> <button type="button" class="act small" aria-label=${t("rehearsal.drop_fault", { fault: nameText(f.name) })} onClick=${() => { chosen.value = chosen.value.filter((other) => other !== f); }}>✗</button></li>`)}</ul>
      <p class="note">${t("rehearsal.recovery")}</p>`}</fieldset>`;
}
