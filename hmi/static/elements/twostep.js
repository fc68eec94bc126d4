// Writing in two steps: propose (the server says from what to what), then execute. Nothing is shown
// as done before the station has said so; the PLC's read-back has the last word.

import { signal, useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { asleep, DEADLINE_MS, execute, get, LONG_MS, Problem, propose, session, ticketFor, withdraw } from "../api.js";
import { numberText, screenDecimals, unitText } from "../format.js";
import { problemText, said, t } from "../i18n.js";
import { leaves } from "../leaving.js";
import { commands, fresh, link, locked, seenT } from "../live.js";
import { metaOf, settingOf, stationNamed } from "../plant.js";
import { Reasons } from "./reasons.js";
import { Value } from "./value.js";

/** Proposals that are open in this window: the page is not to be reloaded meanwhile. */
export const openProposals = signal(0);

const IDLE = { step: "idle" };
const SECOND_TAP_MS = 400;

/**
 * The state of one change. step: idle, proposing, proposed, executing, done, refused.
 * propose(station, wish): first step; make(): another first step that gives a proposal.
 */
export function useChange() {
  const at = useSignal(/** @type {any} */ (IDLE));
  const timer = useRef(0), turn = useRef(0); // turn: answers of an earlier one are not wanted any more
  const forget = () => {
    clearTimeout(timer.current);
    turn.current += 1;
    if (at.peek().step === "proposed") openProposals.value -= 1;
    if (at.peek().step === "proposed") withdraw(at.peek().proposal.token);
    at.value = IDLE;
  };
  useEffect(() => forget, []);
  const begin = async (make) => {
    forget();
    const mine = turn.current;
    at.value = { step: "proposing" };
    try {
      const proposal = await make();
      if (mine !== turn.current) {
        withdraw(proposal.token);
        return;
      }
      at.value = { step: "proposed", proposal };
      openProposals.value += 1;
      timer.current = setTimeout(() => {
        if (at.peek().step !== "proposed") return;
        openProposals.value -= 1;
        at.value = { step: "refused", problem: new Problem({ code: "gone" }, 410) };
      }, proposal.good_for_s * 1000);
    } catch (error) {
      if (mine === turn.current) at.value = refusal(error);
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
  useEffect(() => { // where the buttons were they are again: who came by keys goes on from there
    const around = place.current?.parentElement;
    return () => setTimeout(() => {
      if (document.activeElement === document.body) around?.querySelector("button:not(:disabled)")?.focus();
    }, 0);
  }, []);
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
  const password = useSignal(""), code = useSignal(""), young = useSignal(true);
  useEffect(() => { // the second tap of two in a row was not meant for Execute, which may stand where the command was
    const timer = setTimeout(() => { young.value = false; }, SECOND_TAP_MS);
    return () => clearTimeout(timer);
  }, []);
  const dead = young.value || link.value !== "live" || locked.value || (proposal.sign && !password.value);
  const onKey = (event) => {
    if (!leaves(event)) return;
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
    <${Reasons} reasons=${problem.reasons} />
    <div class="buttons"><button type="button" class="act" onClick=${() => change.forget()}>${t("change.close")}</button>
    ${asleep.value && html`<span>${t("again.needed")}</span>`}</div></div>`;
}

const UNDER_WAY = ["sent", "accepted"], FOLLOW_MS = 3000;

/** What became of a command: by the socket, and asked for while it is under way, for news may have come while the link was cut. */
function useNews(command) {
  const asked = useSignal(/** @type {any} */ (null));
  const heard = command && commands.value.get(command.id);
  const ended = [heard, asked.value].find((one) => one && !UNDER_WAY.includes(one.state));
  const now = ended ?? heard ?? asked.value ?? command, open = Boolean(command) && !ended && UNDER_WAY.includes(now.state);
  useEffect(() => {
    if (!open) return undefined;
    const over = new AbortController();
    const timer = setInterval(() => {
      if (link.peek() !== "live") return;
      get(`/commands/${encodeURIComponent(command.id)}`, {}, { signal: over.signal }).then((found) => { asked.value = found; })
        .catch((error) => { if (error.status === 404) asked.value = { state: "unknown", reasons: error.reasons }; }); // the server was started anew
    }, FOLLOW_MS);
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, [open, command?.id]);
  return now;
}

function Outcome({ change, proposal, command, words }) {
  const now = useNews(command);
  const state = now?.state ?? "sent";
  const reasons = now?.reasons?.length ? now.reasons : (command?.reasons ?? []);
  const bad = ["rejected", "unknown", "mismatch", "timeout"].includes(state);
  const isSet = proposal.verb === "SET";
  return html`<div class=${bad ? "twostep refused" : "twostep"} role=${bad ? "alert" : "status"}>
    <p><strong>${t(`command.${state}`)}</strong> ${isSet ? "" : (typeof words === "string" ? words : proposalText(proposal)).replace(/ \?$/, "")}</p>
    ${isSet && html`<${Three} proposal=${proposal} answered=${Boolean(command)} />`}
    <${Reasons} reasons=${reasons} />
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
