// The keys there are: "?" shows them, Escape or a tap takes them away.

import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n.js";

export const helpOpen = signal(false);
const KEYS = [["1", "line"], ["2 … 9", "stations"], ["A", "alarms"], ["T", "trends"], ["Tab", "tab"], ["Enter", "enter"], ["Space", "space"], ["Esc", "escape"], ["?", "help"]];

export function KeyHelp() {
  const place = useRef(/** @type {any} */ (null));
  useEffect(() => { if (helpOpen.value) place.current?.showModal?.(); }, [helpOpen.value]);
  if (!helpOpen.value) return null;
  const shut = () => place.current.close(); // which gives the focus back
  return html`<dialog class="key-help" ref=${place} aria-label=${t("keys.title")} onClose=${() => { helpOpen.value = false; }}><h2>${t("keys.title")}</h2>
    <dl>${KEYS.map(([key, name]) => html`<dt key=${name}><kbd>${key}</kbd></dt><dd key=${`${name}-words`}>${t(`keys.${name}`)}</dd>`)}</dl>
    <p class="note">${t("keys.kiosk")} <a href="/?kiosk=1">${t("keys.kiosk_link")}</a></p>
    <button type="button" class="act" onClick=${shut}>${t("change.close")}</button></dialog>`;
}
