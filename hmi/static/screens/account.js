// One's own account: who one is here, another password, a second factor, where one is logged in.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { LONG_MS, post, Problem, put, session, withTicket } from "../api.js";
import { ProblemBox } from "../elements/confirm.js";
import { NewPassword, useNewPassword } from "../elements/people.js";
import { Sentence } from "../elements/reasons.js";
import { spareCodes, SpareCodes } from "../elements/spare.js";
import { SquareCode } from "../elements/square.js";
import { PasswordField } from "../elements/twostep.js";
import { t } from "../i18n.js";
import { fresh, link, locked } from "../live.js";
import { OwnSessions } from "./sessions.js";

const FACTOR = "/session/factor";

export default function Account() {
  const me = session.value;
  return html`<h1 class="unseen">${t("screen.account")}</h1><div class="account">
    <section class="panel"><h2>${me.display || me.user}</h2><dl class="fact-list"><div><dt>${t("users.name")}</dt><dd class="tag">${me.user}</dd></div>
      <div><dt>${t("users.roles")}</dt><dd>${me.roles.map((r) => t(`role.${r}`)).join(", ")}</dd></div>
      <div><dt>${t("account.may")}</dt><dd>${me.permissions.map((p) => t(`permission.${p}`)).join(", ")}</dd></div>
      <div><dt>${t("users.factor")}</dt><dd>${t(me.strong ? "account.with_factor" : "account.without_factor")}</dd></div></dl>
      ${me.limited && html`<p class="warned">⚠ <${Sentence} text=${me.limited} /></p>`}</section>
    <section class="panel"><h2>${t("account.password")}</h2><${OtherPassword} /></section>
    <section class="panel"><h2>${t("account.factor")}</h2><${Factor} /></section>
    <section class="panel wide"><h2>${t("account.sessions")}</h2><${OwnSessions} /></section></div>`;
}

/** Doing one thing at a time, with what went wrong. */
function useSending() {
  const busy = useSignal(false), problem = useSignal(/** @type {any} */ (null));
  const send = (work) => async (event) => {
    event.preventDefault();
    if (busy.value || !fresh()) return;
    busy.value = true;
    problem.value = null;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    }
    busy.value = false;
  };
  return { send, problem, dead: busy.value || link.value !== "live" || locked.value };
}

function OtherPassword() {
  const old = useSignal(""), fresher = useNewPassword();
  const { send, problem, dead } = useSending();
  const run = send(() => put("/session/password", { old: old.value, new: fresher.value }, { deadline: LONG_MS }));
  return html`<form class="sub-form" onSubmit=${run}><${PasswordField} value=${old} words=${t("account.old_password")} /><${NewPassword} of=${fresher} />
    <p class="note">${t("account.logs_out")}</p><${ProblemBox} problem=${problem.value} />
    <button type="submit" class="act execute" disabled=${dead || !old.value || !fresher.value}>${t("account.set_password")}</button></form>`;
}

/** Password, then the key for the telephone, then a code of it, then codes for its loss. */
function Factor() {
  const password = useSignal(""), own = useSignal(""), code = useSignal("");
  const key = useSignal(/** @type {any} */ (null));
  const { send, problem, dead } = useSending();
  const ticket = () => withTicket(password.value, "look", FACTOR, own.value.trim());
  const begin = send(async () => {
    key.value = await post(FACTOR, {}, { headers: await ticket(), deadline: LONG_MS });
    password.value = "";
  });
  const finish = send(async () => {
    const headers = await ticket();
    spareCodes.value = (await put(FACTOR, { code: code.value.trim() }, { headers, deadline: LONG_MS })).codes;
    password.value = "";
  });
  if (spareCodes.value) return html`<${SpareCodes} />`;
  if (!key.value) {
    return html`<form class="sub-form" onSubmit=${begin}><p class="note">${t("account.factor_words")}</p><${PasswordField} value=${password} code=${own} words=${t("change.password")} /><${ProblemBox} problem=${problem.value} />
      <button type="submit" class="act" disabled=${dead || !password.value}>${t("account.begin_factor")}</button></form>`;
  }
  return html`<form class="sub-form" onSubmit=${finish}><p>${t("account.scan_words")}</p><${SquareCode} text=${key.value.address} words=${t("account.square")} /><p>${t("account.key_words")}</p><p><code class="secret-text" tabindex="0">${key.value.key.match(/.{1,4}/g).join(" ")}</code></p>
    <details><summary>${t("account.address")}</summary><code class="secret-text" tabindex="0">${key.value.address}</code></details>
    <label class="field">${t("account.code_words")} <input inputmode="numeric" autocomplete="one-time-code" value=${code.value} onInput=${(e) => { code.value = e.currentTarget.value; }} /></label>
    <${PasswordField} value=${password} code=${own} words=${t("change.password")} /><p class="note">${t("account.logs_out")}</p><${ProblemBox} problem=${problem.value} />
    <button type="submit" class="act execute" disabled=${dead || !password.value || !code.value.trim()}>${t("account.finish_factor")}</button></form>`;
}
