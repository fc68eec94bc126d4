// The password again, after a pause in which only looking was possible.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { asleep, session, wake } from "../api.js";
import { problemText, t } from "../i18n.js";

/** A strip over the screen, not a wall before it. */
export function Again() {
  const password = useSignal(""), told = useSignal(""), busy = useSignal(false);
  if (!asleep.value || !session.value) return null;
  const enter = async (event) => {
    event.preventDefault();
    busy.value = true;
    try {
      await wake(password.value);
      told.value = "";
    } catch (error) {
      told.value = problemText(error);
    }
    password.value = "";
    busy.value = false;
  };
  return html`<form class="again" onSubmit=${enter} aria-label=${t("again.title")}>
    <label for="again-password">${t("again.words", { user: session.value.display })}</label>
    <input id="again-password" type="password" autocomplete="current-password" value=${password.value} onInput=${(e) => { password.value = e.currentTarget.value; }} />
    <button type="submit" class="act" disabled=${busy.value || !password.value}>${t("again.go_on")}</button>
    <button type="button" class="act" onClick=${() => { asleep.value = false; }}>${t("change.cancel")}</button>
    <span role="alert">${told.value}</span></form>`;
}
