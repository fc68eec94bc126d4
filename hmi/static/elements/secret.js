// What is shown once: it is nowhere else, and gone when this is closed.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { t } from "../i18n.js";

/** title: what it is; words: what to do with it; secret; onClose(): the person has kept it. */
export function ShownOnce({ title, words, secret, onClose }) {
  const copied = useSignal("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      copied.value = t("tokens.copied");
    } catch {
      copied.value = t("tokens.copy_by_hand"); // a page without TLS has no clipboard
    }
  };
  return html`<section class="panel secret" aria-label=${title}><p><strong>${words}</strong></p>
    <p><code class="secret-text" tabindex="0">${secret}</code></p>
    <div class="buttons"><button type="button" class="act" onClick=${copy}>${t("tokens.copy")}</button><button type="button" class="act" onClick=${onClose}>${t("tokens.kept")}</button><span role="status">${copied.value}</span></div></section>`;
}
