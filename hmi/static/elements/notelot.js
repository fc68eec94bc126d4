// Noting a lot that goes into an open run or comes out of it: two steps, as everything that is recorded.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { may } from "../api.js";
import { t } from "../i18n.js";
import { link, locked } from "../live.js";
import { TwoStep, useChange } from "./twostep.js";

const LONGEST = 80;

/** station: name; onNoted: its proposal is over, the run is to be asked for again. */
export function NoteLot({ station, onNoted }) {
  const name = useSignal(""), way = useSignal("in");
  const change = useChange();
  if (!may("operate")) return null;
  const { step } = change.at.value;
  const dead = link.value !== "live" || locked.value || !name.value.trim();
  const propose = (event) => {
    event.preventDefault();
    if (!dead) change.propose(station, { verb: "LOT", target: way.value, value: name.value.trim() });
  };
  const words = t(`lots.note_${way.value}`, { lot: name.value.trim() });
  if (step !== "idle") return html`<${TwoStep} change=${{ ...change, forget: () => { change.forget(); onNoted(); } }} words=${words} />`;
  return html`<form class="filters note-lot" onSubmit=${propose}><label>${t("lots.note")} <select value=${way.value} onChange=${(e) => { way.value = e.currentTarget.value; }}><option value="in">${t("run.lots_in")}</option><option value="out">${t("run.lots_out")}</option></select></label>
    <label>${t("lots.name")} <input value=${name.value} maxlength=${LONGEST} onInput=${(e) => { name.value = e.currentTarget.value; }} /></label><button type="submit" class="act" disabled=${dead}>${t("lots.note_it")}</button></form>`;
}
