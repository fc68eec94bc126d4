// What is done to an alarm beside acknowledging it: shelve, take out of service, bring back, reset.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { may, post, Problem, PROPOSE_MS } from "../api.js";
import { clockText, durationText } from "../format.js";
import { ofAlarm, t } from "../i18n.js";
import { fresh, link, locked, serverT } from "../live.js";
import { ASIDE } from "./symbol.js";
import { ProblemBox } from "./confirm.js";
import { TwoStep, useChange } from "./twostep.js";

const SPANS_MIN = [10, 30, 60, 240, 480];

/** Which routes bring an alarm back from where it is aside. */
export const BACK = { shelved: "unshelve", "out-of-service": "in-service" };

/** Doing something to an alarm: at once, or as a proposal where the server asks for two steps. */
export function useAlarmAct(alarm) {
  const change = useChange(), problem = useSignal(/** @type {any} */ (null)), busy = useSignal(false);
  const run = async (what, body) => {
    if (!fresh() || busy.value) return false;
    busy.value = true;
    problem.value = null;
    let done = true;
    try {
      const found = await post(`/alarms/${encodeURIComponent(alarm.id)}/${what}`, body, { deadline: PROPOSE_MS });
      if (found?.token) await change.begin(async () => found);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
      done = false;
    }
    busy.value = false;
    return done;
  };
  return { change, problem, run, dead: busy.value || link.value !== "live" || locked.value };
}

/** What asks for more than a tap. */
const ASKED = { shelve: ShelveForm, "out-of-service": WhyForm, "in-service": WhyForm };

/** The acts that make sense for an alarm as it stands, each with what it must be told. */
export function AlarmActs({ alarm }) {
  const chosen = useSignal(""), sent = useSignal("act");
  const { change, problem, run: ask, dead } = useAlarmAct(alarm);
  const run = async (what, body) => {
    sent.value = what in ASKED ? what : "act";
    if (await ask(what, body)) chosen.value = ""; // the form is done with; what can be done next is another thing
  };
  if (change.at.value.step !== "idle") return html`<${TwoStep} change=${change} words=${t(`alarm.do.${sent.value}`, { id: alarm.id })} />`;
  const offered = offeredFor(alarm);
  if (!offered.length) return html`<p class="note">${t(alarm.state === "suppressed-by-design" ? "alarm.by_design" : "alarm.nothing_to_do")}</p>`;
  const leave = () => { chosen.value = ""; };
  const needs = ASKED[chosen.value];
  const press = (what) => () => (["unshelve", "reset"].includes(what) ? run(what, { reason: "" }) : (chosen.value = what));
  return html`<div class="alarm-acts">${needs ? html`<${needs} what=${chosen.value} run=${run} dead=${dead} onCancel=${leave} />`
    : html`<div class="buttons">${offered.map((what) => html`<button type="button" key=${what} class="act" disabled=${dead} onClick=${press(what)}>${t(`alarm.act.${what}`)}</button>`)}</div>`}
    <${ProblemBox} problem=${problem.value} /></div>`;
}

/** reset, shelve, unshelve, out-of-service, in-service: what this person may do now. */
function offeredFor(alarm) {
  const aside = ASIDE.includes(alarm.state), { state } = alarm;
  return [
    state.startsWith("latched") && may("acknowledge") && "reset",
    !aside && alarm.shelvable !== false && may("shelve") && "shelve",
    state === "shelved" && may("acknowledge") && "unshelve",
    state !== "out-of-service" && may("bypass") && "out-of-service",
    state === "out-of-service" && may("bypass") && "in-service",
  ].filter(Boolean);
}

function ShelveForm({ run, dead, onCancel }) {
  const minutes = useSignal(30), once = useSignal(false), why = useSignal("");
  const send = (event) => {
    event.preventDefault();
    run("shelve", { for_s: minutes.value * 60, one_shot: once.value, reason: why.value.trim() });
  };
  const until = clockText(serverT.value + minutes.value * 60000).slice(0, 5);
  return html`<form class="act-form" onSubmit=${send}>
    <label class="field">${t("alarm.shelve_for")} <select value=${minutes.value} onChange=${(e) => { minutes.value = Number(e.currentTarget.value); }}>${SPANS_MIN.map((m) => html`<option value=${m}>${t(`alarm.span.${m}`)}</option>`)}</select></label>
    <p class="until">${t("alarm.until", { time: until })}</p>
    <label class="tick-box"><input type="checkbox" checked=${once.value} onChange=${(e) => { once.value = e.currentTarget.checked; }} /> ${t("alarm.once")}</label>
    <${Why} why=${why} />
    <${SendOrNot} words=${t("alarm.act.shelve_now")} dead=${dead || !why.value.trim()} onCancel=${onCancel} /></form>`;
}

function WhyForm({ what, run, dead, onCancel }) {
  const why = useSignal("");
  const send = (event) => {
    event.preventDefault();
    run(what, { reason: why.value.trim() });
  };
  return html`<form class="act-form" onSubmit=${send}><p class="note">${t(`alarm.about.${what}`)}</p><${Why} why=${why} />
    <${SendOrNot} words=${t(`alarm.act.${what}`)} dead=${dead || !why.value.trim()} onCancel=${onCancel} /></form>`;
}

function Why({ why }) {
  return html`<label class="field grow">${t("alarm.reason")} <input value=${why.value} required maxlength="500" onInput=${(e) => { why.value = e.currentTarget.value; }} /></label>`;
}

function SendOrNot({ words, dead, onCancel }) {
  return html`<div class="buttons"><button type="button" class="act" onClick=${onCancel}>${t("change.cancel")}</button>
    <button type="submit" class="act execute" disabled=${dead}>${words}</button></div>`;
}

/** What to do, why, and how much time there is. */
export function Response({ alarm }) {
  return html`<dl class="response-words">${["action", "cause", "consequence"].map((part) => html`<dt>${t(`alarm.${part}`)}</dt><dd>${ofAlarm(alarm, part)}</dd>`)}
    <dt>${t("alarm.respond")}</dt><dd>${durationText(alarm.respond_s)}</dd></dl>`;
}
