// Every open window by itself: does it keep up with what it is sent?

import { html } from "htm/preact";
import { may } from "../api.js";
import { durationText, numberText } from "../format.js";
import { t } from "../i18n.js";

const LATE_S = 3; // there is something to acknowledge every second

/** rows: of the server, all windows for who administers users, else those of one's own session. */
export function Windows({ rows }) {
  const words = html`<p class="note">${t("health.conflated_words")} ${t(may("administer") ? "health.windows_all" : "health.windows_own")}</p>`;
  if (!rows.length) return html`<p class="empty">${t("health.no_windows")}</p>${words}`;
  const heads = ["who", "address", "window_number", "open_for", "last_ack", "on_the_way", "conflated", "stalls"];
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("health.each_window")}><table class="grid windows-table">
    <thead><tr>${heads.map((h) => html`<th scope="col" key=${h}>${t(`health.${h}`)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<${Row} key=${row.number} row=${row} />`)}</tbody></table></div>${words}`;
}

function Row({ row }) {
  const age = row.acknowledged_age_s, late = age === null ? row.open_s > LATE_S : age > LATE_S;
  const acknowledged = age === null ? t("health.never") : `${numberText(age, 1)} s`;
  return html`<tr data-window=${row.number}><th scope="row">${row.user}${row.own && html` <span class="note">${t("health.own_session")}</span>`}</th>
    <td>${row.address}</td><td class="number">${row.number}</td><td class="number">${durationText(row.open_s)}</td>
    <td class="number">${late ? html`<strong>⊘ ${acknowledged}</strong>` : acknowledged}</td>
    <td class="number">${row.waiting}</td><td class="number">${row.conflated}</td><td class="number">${row.stalls}</td></tr>`;
}
