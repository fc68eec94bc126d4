// Choosing tags for a trend: ready sets, and a field that finds any tag by name or by words.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { said, t } from "../i18n.js";
import { leaves } from "../leaving.js";
import { stations, tagsOf } from "../plant.js";
import { matching } from "../tag_search.js";

const MOST_SHOWN = 60;

/** pens: chosen ones; sets: [{words, pens}]; onPens(list). */
export function PenPicker({ pens, most, sets, onPens }) {
  const open = useSignal(false), typed = useSignal(""), station = useSignal("");
  const full = pens.length >= most;
  const found = open.value ? matching(tagsOf(station.value), typed.value, said) : [];
  const toggle = (name) => onPens(pens.includes(name) ? pens.filter((p) => p !== name) : [...pens, name]);
  const onKey = (event) => {
    if (!leaves(event) || !open.value) return;
    event.preventDefault();
    open.value = false;
  };
  return html`<div class="pen-picker" onKeyDown=${onKey}><label>${t("trend.set")} <select value="" onChange=${(e) => onPens(sets[Number(e.currentTarget.value)].pens)}><option value="" disabled selected>${t("trend.choose")}</option>
      ${sets.map((set, k) => html`<option value=${k} key=${k}>${set.words}</option>`)}</select></label>
    <button type="button" class="nav-link" aria-expanded=${open.value} onClick=${() => { open.value = !open.value; }}>${t("trend.pens", { count: pens.length, most })}</button>
    ${open.value && html`<div class="menu pen-menu"><label class="field">${t("trend.search")} <input type="search" value=${typed.value} onInput=${(e) => { typed.value = e.currentTarget.value; }} /></label>
      <label class="field">${t("alarm.station")} <select value=${station.value} onChange=${(e) => { station.value = e.currentTarget.value; }}><option value="">${t("alarm.all")}</option>${stations().map((s) => html`<option value=${s.name} key=${s.name}>${said(s.title)}</option>`)}</select></label>
      <p class="note" role="status">${full ? t("trend.full") : t("trend.found", { count: found.length })}</p>
      <ul class="scroll pen-list">${found.slice(0, MOST_SHOWN).map((tag) => html`<li key=${tag.n}><button type="button" class="row" aria-pressed=${pens.includes(tag.n)} disabled=${full && !pens.includes(tag.n)} onClick=${() => toggle(tag.n)}><span class="tag">${tag.n}</span> <span class="note">${said(tag.tx)}</span></button></li>`)}</ul>
      <button type="button" class="nav-link" onClick=${() => { open.value = false; }}>${t("change.close")}</button></div>`}</div>`;
}
