// Two steps for what has no proposal at the server: administering users, releasing a recipe. First what
// will be done, then reason and password, then Execute.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { Problem } from "../api.js";
import { problemText, t } from "../i18n.js";
import { leaves } from "../leaving.js";
import { fresh, link, locked } from "../live.js";
import { Reasons } from "./reasons.js";
import { PasswordField } from "./twostep.js";

/**
 * words: what will be done, as a sentence; reason, password: ask for them; run({reason, password,
 * code}): does it, throws Problem; onDone(result), onCancel().
 */
export function Confirm({ words, reason = false, password = false, run, onDone, onCancel }) {
  const why = useSignal(""), secret = useSignal(""), code = useSignal(""), busy = useSignal(false), told = useSignal(/** @type {any} */ (null));
  const dead = busy.value || link.value !== "live" || locked.value || (reason && !why.value.trim()) || (password && !secret.value);
  const execute = async () => {
    if (!fresh()) return;
    busy.value = true;
    try {
      onDone(await run({ reason: why.value.trim(), password: secret.value, code: code.value.trim() }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      told.value = error;
    }
    secret.value = code.value = "";
    busy.value = false;
  };
  const onKey = (event) => {
    if (!leaves(event)) return;
    event.preventDefault();
    event.stopPropagation();
    onCancel();
  };
  return html`<div class="twostep" onKeyDown=${onKey}><p class="proposal" role="status">${words}</p>
    ${reason && html`<label class="field">${t("change.reason")} <input value=${why.value} maxlength="2000" onInput=${(e) => { why.value = e.currentTarget.value; }} /></label>`}
    ${password && html`<${PasswordField} value=${secret} code=${code} words=${t("change.password")} />`}
    <${ProblemBox} problem=${told.value} />
    <div class="buttons"><button type="button" class="act" onClick=${onCancel}>${t("change.cancel")}</button>
      <button type="button" class="act execute" disabled=${dead} onClick=${execute}>${t("change.execute")}</button></div></div>`;
}

/** What went wrong, and the reasons of the server. */
export function ProblemBox({ problem }) {
  if (!problem) return null;
  return html`<div class="told" role="alert"><p>${problemText(problem)}</p>
    <${Reasons} reasons=${problem.reasons} /></div>`;
}
