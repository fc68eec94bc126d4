// Every element in every state, for eyes and for pictures in tests; nothing here is live or commanded.

import { html } from "htm/preact";
import { Confirm } from "../elements/confirm.js";
import { Diff } from "../elements/diff.js";
import { AlarmSymbol } from "../elements/symbol.js";
import { Marks, Strips } from "../elements/trend_parts.js";
import { t } from "../i18n.js";
import { CODES, stateName, underWay } from "../states.js";

const STATES = [["good", ""], ["uncertain", "~"], ["uncertain", "H"], ["bad", "?"], ["stale", ""], ["none", ""]];

function Sample({ state, mark, text = "-48.1", unit = "°C" }) {
  return html`<span class="value" data-q=${state}><b>${state === "none" ? "–" : text}</b><i>${mark}</i><small>${unit}</small></span>`;
}

const DIFF = {
  parameters: [{ parameter: "line_speed", text: "line speed", unit: "m/min", old: 5, new: 5.5, difference: 0.5, percent: 10, risk: "INSIDE_PROVEN", why: [] }],
  limits: [{ tag: "COAT.LOAD.C", limit: "hi", unit: "mg/cm2", old: 32, new: 33.5, risk: "TOUCHES_LIMIT" }],
  phases: [],
};
const PLACE = { left: 34, width: 200, fromS: 0, toS: 600 };
const MARKS = [{ atS: 60, kind: "alarm", subject: "ENC.H2S", text: "high", actor: "" }, { atS: 300, kind: "command", subject: "ENC.L1.SP", text: "-60", actor: "sato" }];
const VIEW = { t: [0, 60, 120, 180, 240, 300, 360, 420, 480, 540], pens: [{ worst: [0, 2, 2, 0, 1, 1, 0, 3, 3, 0] }] };
const nothing = async () => null;

export default function Gallery() {
  return html`<h1 class="unseen">${t("screen.gallery")}</h1><div class="gallery">
    <section class="panel"><h2>${t("gallery.values")}</h2>${STATES.map(([state, mark]) => html`<p key=${state + mark}><${Sample} state=${state} mark=${mark} /> <span class="note">${state} ${mark}</span></p>`)}</section>
    <section class="panel"><h2>${t("gallery.symbols")}</h2>${[1, 2, 3, 4].map((p) => html`<p key=${p}><${AlarmSymbol} priority=${p} /> <${AlarmSymbol} priority=${p} asks /></p>`)}</section>
    <section class="panel"><h2>${t("gallery.states")}</h2>${CODES.map((code) => html`<p key=${code}><span class=${`state ${underWay(code) ? "under-way" : "at-rest"}`}>${t(`state.${stateName(code)}`)}</span></p>`)}</section>
    <section class="panel"><h2>${t("gallery.buttons")}</h2><div class="buttons"><button type="button" class="act">${t("change.change")}</button><button type="button" class="act execute">${t("change.execute")}</button><button type="button" class="act" disabled>${t("change.execute")}</button><button type="button" class="act" aria-pressed="true">AUTO</button></div></section>
    <section class="panel"><h2>${t("change.execute")}</h2><${Confirm} words="-52.0 → -55.0 °C ?" reason password run=${nothing} onDone=${nothing} onCancel=${nothing} /></section>
    <section class="panel"><h2>${t("diff.change")}</h2><div class="scroll" tabindex="0"><${Diff} diff=${DIFF} /></div></section>
    <section class="panel"><h2>${t("trend.marks")}</h2><div class="scroll" tabindex="0"><${Marks} marks=${MARKS} place=${PLACE} /><${Strips} pens=${["ENC.DP.ZONE"]} view=${VIEW} stepS=${60} place=${PLACE} /></div></section></div>`;
}
