// Before anybody is logged in: the form, and on the first start setting up the first administrator.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { get, login, LONG_MS, post } from "../api.js";
import { Reasons } from "../elements/reasons.js";
import { SpareCodes } from "../elements/spare.js";
import { LANGUAGES, language, problemText, speak, t } from "../i18n.js";

/** why: "ended" or "roles" when a session was ended, else "". */
export function Entry({ why }) {
  const needed = useSignal(/** @type {boolean|null} */ (null));
  useEffect(() => { ask(needed); }, []);
  return html`<main id="screen" class="entry-screen"><div class="panel entry-box"><h1>Dryline</h1>
    ${why && html`<p class="note" role="status">${t(`entry.${why}`)}</p>`}
    <${SpareCodes} />
    ${needed.value ? html`<${FirstStart} onDone=${() => { needed.value = false; }} />` : html`<${Known} />`}
    <p class="languages">${Object.entries(LANGUAGES).map(([code, words]) => html`<button type="button" key=${code} lang=${code} aria-pressed=${language.value === code} onClick=${() => speak(code)}>${words}</button>`)}</p></div></main>`;
}

async function ask(needed) {
  try {
    needed.value = (await get("/setup")).needed;
  } catch {
    needed.value = false; // whoever tries to log in is told what is wrong
  }
}

function useForm(send) {
  const told = useSignal(/** @type {any} */ (null)), busy = useSignal(false);
  const submit = async (event) => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    const fields = Object.fromEntries(new FormData(event.currentTarget));
    try {
      await send(fields);
      told.value = null;
    } catch (error) {
      told.value = error;
    }
    busy.value = false;
  };
  return { submit, told, busy };
}

/** A form that comes in the place of another takes the focus with it. */
function useFirstField() {
  const form = useRef(/** @type {HTMLFormElement|null} */ (null));
  useEffect(() => form.current?.querySelector("input")?.focus(), []);
  return form;
}

function Told({ problem }) {
  if (!problem) return null;
  return html`<div class="told" role="alert"><p>${problemText(problem)}</p><${Reasons} reasons=${problem.reasons} /></div>`;
}

/** Logging in, or choosing another password in the place of a lost one. */
function Known() {
  const lost = useSignal(false), chosen = useSignal(false);
  const leave = (done) => {
    lost.value = false;
    chosen.value = done;
  };
  if (lost.value) return html`<${LostPassword} onDone=${() => leave(true)} onCancel=${() => leave(false)} />`;
  return html`${chosen.value && html`<p class="note" role="status">${t("entry.password_chosen")}</p>`}<${Login} />
    <p><button type="button" class="act" onClick=${() => { lost.value = true; }}>${t("entry.have_code")}</button></p>`;
}

/** An administrator handed over a code. The second factor is asked for as at a login. */
function LostPassword({ onDone, onCancel }) {
  const { submit, told, busy } = useForm(async ({ name, code, password, again, factor }) => {
    if (password !== again) throw { code: "twice", reasons: [] };
    await post("/session/reset", { name: name.trim(), code: code.trim(), password, factor: factor.trim() }, { deadline: LONG_MS });
    onDone();
  });
  return html`<form ref=${useFirstField()} onSubmit=${submit}><h2>${t("entry.choose")}</h2><p>${t("entry.choose_words")}</p>
    <label>${t("entry.name")} <input name="name" autocomplete="username" required autofocus /></label>
    <label>${t("entry.reset_code")} <input name="code" autocomplete="off" required /></label>
    <label>${t("entry.new_password")} <input name="password" type="password" autocomplete="new-password" required /></label>
    <label>${t("entry.password_again")} <input name="again" type="password" autocomplete="new-password" required /></label>
    <p class="note">${t("users.password_words")}</p>
    <details><summary>${t("entry.code")}</summary><label>${t("entry.code_words")} <input name="factor" inputmode="numeric" autocomplete="one-time-code" /></label></details>
    <${Told} problem=${told.value} /><div class="buttons"><button type="button" class="act" onClick=${onCancel}>${t("change.cancel")}</button><button type="submit" class="act execute" disabled=${busy.value}>${t("entry.choose_it")}</button></div></form>`;
}

function Login() {
  const { submit, told, busy } = useForm(({ name, password, code }) => login(name.trim(), password, (code ?? "").trim()));
  const factor = told.value?.body?.factor === true || told.value?.reasons?.some((r) => r.includes("code"));
  return html`<form ref=${useFirstField()} onSubmit=${submit}><h2>${t("entry.login")}</h2>
    <label>${t("entry.name")} <input name="name" autocomplete="username" required autofocus /></label>
    <label>${t("entry.password")} <input name="password" type="password" autocomplete="current-password" required /></label>
    <details open=${factor}><summary>${t("entry.code")}</summary><label>${t("entry.code_words")} <input name="code" inputmode="numeric" autocomplete="one-time-code" /></label></details>
    <${Told} problem=${told.value} /><button type="submit" class="act execute" disabled=${busy.value}>${t("entry.log_in")}</button></form>`;
}

function FirstStart({ onDone }) {
  const { submit, told, busy } = useForm(async ({ code, name, display, password, again }) => {
    if (password !== again) throw { code: "twice", reasons: [] };
    await post("/setup", { code: code.trim(), name: name.trim(), display: display.trim(), password }, { deadline: LONG_MS });
    await login(name.trim(), password);
    onDone();
  });
  return html`<form onSubmit=${submit}><h2>${t("entry.first")}</h2><p>${t("entry.first_words")}</p><p><code>dryline user invite</code></p>
    <label>${t("entry.invitation")} <input name="code" autocomplete="off" required autofocus /></label>
    <label>${t("entry.name")} <input name="name" autocomplete="username" required maxlength="32" /></label><p class="note">${t("users.name_words")}</p>
    <label>${t("entry.display")} <input name="display" autocomplete="name" /></label>
    <label>${t("entry.password")} <input name="password" type="password" autocomplete="new-password" required /></label>
    <label>${t("entry.password_again")} <input name="again" type="password" autocomplete="new-password" required /></label>
    <p class="note">${t("users.password_words")}</p>
    <${Told} problem=${told.value} /><button type="submit" class="act execute" disabled=${busy.value}>${t("entry.set_up")}</button></form>`;
}
