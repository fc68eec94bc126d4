// Writing in two steps: propose (the server says from what to what), then execute. Nothing is shown
// as done before the station has said so; the PLC's read-back has the last word.

import { signal, useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { asleep, DEADLINE_MS, execute, LONG_MS, Problem, propose, session, ticketFor, withdraw } from "../api.js";
import { numberText, screenDecimals, unitText } from "../format.js";
import { problemText, said, t } from "../i18n.js";
import { commands, fresh, link, locked, seenT } from "../live.js";
import { metaOf, settingOf, stationNamed } from "../plant.js";
import { Value } from "./value.js";

/** Proposals that are open in this window: the page is not to be reloaded meanwhile. */
export const openProposals = signal(0);

const IDLE = { step: "idle" };

/**
 * The state of one change. step: idle, proposing, proposed, executing, done, refused.
 * propose(station, wish): first step; make(): another first step that gives a proposal.
 */
export function useChange() {
  const at = useSignal(/** @type {any} */ (IDLE));
  const timer = useRef(0);
  const forget = () => {
    clearTimeout(timer.current);
    if (at.peek().step === "proposed") openProposals.value -= 1;
    if (at.peek().step === "proposed") withdraw(at.peek().proposal.token);
    at.value = IDLE;
  };
  useEffect(() => forget, []);
  const begin = async (make) => {
    forget();
    at.value = { step: "proposing" };
    try {
      const proposal = await make();
      at.value = { step: "proposed", proposal };
      openProposals.value += 1;
      timer.current = setTimeout(() => {
        if (at.peek().step !== "proposed") return;
        openProposals.value -= 1;
        at.value = { step: "refused", problem: new Problem({ code: "gone" }, 410) };
      }, proposal.good_for_s * 1000);
    } catch (error) {
      at.value = refusal(error);
    }
  };
  const commit = async (password = "", code = "") => {
    const { step, proposal } = at.peek();
    if (step !== "proposed" || !fresh()) return;
    clearTimeout(timer.current);
    openProposals.value -= 1;
    at.value = { step: "executing", proposal };
    const { sign } = proposal;
    try {
      const ticket = sign ? await ticketFor(password, sign.purpose, sign.subject, code) : "";
      const command = await execute(proposal.token, seenT(), ticket, sign ? LONG_MS : DEADLINE_MS);
      at.value = { step: "done", proposal, command };
    } catch (error) {
      at.value = refusal(error, proposal);
    }
  };
  return { at, forget, commit, begin, propose: (station, wish) => begin(() => propose(station, wish)) };
}

function refusal(problem, proposal) {
  if (!(problem instanceof Problem)) throw problem;
  return { step: "refused", problem, proposal };
}

/** A value of a proposal as people read it. */
export function shown(value, unit = "", tag = "") {
  if (value === null || value === undefined) return t("value.unknown");
  const meta = metaOf(tag);
  const label = meta?.lb?.[value];
  if (label) return said(label);
  const digits = meta ? screenDecimals(meta) : digitsOf(value);
  const number = typeof value === "number" ? numberText(value, digits) : said(String(value));
  const words = unitText(unit);
  return words ? `${number} ${words}` : number;
}

const digitsOf = (value) => Math.min(4, (String(Number(Number(value).toPrecision(6))).split(".")[1] ?? "").length);

/** What is proposed, Cancel and Execute, and then what became of it. */
export function TwoStep({ change, words }) {
  const place = useRef(/** @type {any} */ (null));
  const { step } = change.at.value;
  useEffect(() => { // for keys and for who listens; Execute itself must be asked for
    if (!place.current?.contains(document.activeElement)) place.current?.focus();
  }, [step]);
  if (step === "idle") return null;
  return html`<div class="twostep-place" tabindex="-1" ref=${place}>${inner({ change, words })}</div>`;
}

function inner({ change, words }) {
  const { step, proposal, command, problem } = change.at.value;
  if (step === "proposing") return html`<p class="twostep-line">${t("change.asking")}</p>`;
  if (step === "refused") return html`<${Refused} change=${change} problem=${problem} />`;
  if (step === "proposed") return html`<${Proposed} change=${change} proposal=${proposal} words=${words} />`;
  return html`<${Outcome} change=${change} proposal=${proposal} command=${command} words=${words} />`;
}

function Proposed({ change, proposal, words }) {
  const password = useSignal(""), code = useSignal("");
  const dead = link.value !== "live" || locked.value || (proposal.sign && !password.value);
  const onKey = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // the faceplate around it stays open
    event.stopPropagation();
    change.forget();
  };
  return html`<div class="twostep" onKeyDown=${onKey}>
    <p class="proposal" role="status">${words ?? proposalText(proposal)}</p>
    ${proposal.sign && html`<${PasswordField} value=${password} code=${code} words=${t("change.sign")} />`}
    <div class="buttons">
      <button type="button" class="act" onClick=${() => change.forget()}>${t("change.cancel")}</button>
      <button type="button" class="act execute" disabled=${dead} onClick=${() => change.commit(password.value, code.value.trim())}>${t("change.execute")}</button>
    </div></div>`;
}

/**
 * The password again: to sign, or for what only its owner may do; with the code of the telephone for
 * who has logged in with one. value, code: signals.
 */
export function PasswordField({ value, code, words }) {
  return html`<label class="field">${words}
    <input type="password" autocomplete="current-password" value=${value.value} onInput=${(e) => { value.value = e.currentTarget.value; }} /></label>
    ${code && session.value?.strong && html`<label class="field">${t("entry.code_words")}
      <input inputmode="numeric" autocomplete="one-time-code" value=${code.value} onInput=${(e) => { code.value = e.currentTarget.value; }} /></label>`}`;
}

/** "-52.0 → -55.0 °C ?", or the command and its station. */
export function proposalText(proposal) {
  if (proposal.to === null || proposal.to === undefined) {
    return t("change.command", { command: t(`verb.${proposal.verb}`), station: said(proposal.station) });
  }
  const { from, to, unit, target } = proposal;
  return `${shown(from, "", target)} → ${shown(to, unit, target)} ?`;
}

function Refused({ change, problem }) {
  return html`<div class="twostep refused" role="alert">
    <p><strong>${problem.code === "unconfirmed" ? t("change.unconfirmed") : t("change.refused")}</strong>
      ${problem.code === "unconfirmed" ? "" : html` ${problemText(problem)}`}</p>
    ${problem.reasons.length > 0 && html`<ul>${problem.reasons.map((reason) => html`<li lang="en">${reason}</li>`)}</ul>`}
    <div class="buttons"><button type="button" class="act" onClick=${() => change.forget()}>${t("change.close")}</button>
    ${asleep.value && html`<span>${t("again.needed")}</span>`}</div></div>`;
}

function Outcome({ change, proposal, command, words }) {
  const now = (command && commands.value.get(command.id)) ?? null;
  const state = now?.state ?? command?.state ?? "sent";
  const reasons = now?.reasons?.length ? now.reasons : (command?.reasons ?? []);
  const bad = ["rejected", "unknown", "mismatch", "timeout"].includes(state);
  const isSet = proposal.verb === "SET";
  return html`<div class=${bad ? "twostep refused" : "twostep"} role=${bad ? "alert" : "status"}>
    <p><strong>${t(`command.${state}`)}</strong> ${isSet ? "" : (typeof words === "string" ? words : proposalText(proposal)).replace(/ \?$/, "")}</p>
    ${isSet && html`<${Three} proposal=${proposal} answered=${Boolean(command)} />`}
    ${reasons.length > 0 && html`<ul>${reasons.map((reason) => html`<li lang="en">${reason}</li>`)}</ul>`}
    ${command && html`<div class="buttons"><button type="button" class="act" onClick=${() => change.forget()}>${t("change.close")}</button></div>`}</div>`;
}

/** What was asked for, what the controller has, what the PLC holds: the last two as they are now. */
function Three({ proposal, answered }) {
  const { station, target, unit, to } = proposal;
  const of = stationNamed(station);
  const back = of && settingOf(of, target)?.read_back;
  return html`<dl class="three"><dt>${t("change.requested")}</dt><dd>${shown(to, unit, target)}</dd>
    <dt>${t("change.accepted")}</dt><dd>${answered ? html`<${Value} tag=${target} />` : "…"}</dd>
    <dt>${t("change.read_back")}</dt><dd>${!answered ? "…" : back ? html`<${Value} tag=${back} />` : t("change.not_sent")}</dd></dl>`;
}
