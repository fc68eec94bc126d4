// Codes for a lost telephone. The session ends with the set-up of the second factor, so they outlive
// the screen that asked for them: they stay, also before logging in, until the person has kept them.

import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { t } from "../i18n.js";

export const spareCodes = signal(/** @type {string[]|null} */ (null));

/** The codes, once. */
export function SpareCodes() {
  if (!spareCodes.value) return null;
  return html`<section class="secret" aria-label=${t("account.spare")}><p><strong>${t("account.spare_words")}</strong></p>
    <ul class="spare">${spareCodes.value.map((one) => html`<li key=${one}><code class="secret-text">${one}</code></li>`)}</ul>
    <button type="button" class="act" onClick=${() => { spareCodes.value = null; }}>${t("tokens.kept")}</button></section>`;
}
