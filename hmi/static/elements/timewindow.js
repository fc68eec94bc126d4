// The window of time that a list is asked for: the last hours, or from and to; kept in the address.

import { html } from "htm/preact";
import { t } from "../i18n.js";
import { serverT } from "../live.js";
import { go, withQuery } from "../router.js";

export const HOURS = [1, 8, 24, 168, 720];

/** "2026-11-22T14:00" of this zone as nanoseconds; "" for what is no moment. */
export function momentNs(text) {
  const ms = text ? new Date(text).getTime() : NaN;
  return Number.isFinite(ms) ? `${ms}000000` : "";
}

const show = (changes) => go(withQuery(changes), { replace: true });

/** The window: until now, or from and to. any: or all there is, which is what an address without one means. */
export function TimeWindow({ query, any = false }) {
  const free = query.has("from") || query.has("to");
  const choose = (event) => (event.currentTarget.value === "free" ? show({ hours: null, from: localText(serverT.peek() - 3600e3), to: localText(serverT.peek()) })
    : show({ hours: event.currentTarget.value || null, from: null, to: null }));
  const edge = (name) => html`<label>${t(`journal.${name}`)} <input type="datetime-local" value=${query.get(name) ?? ""} onChange=${(e) => show({ [name]: e.currentTarget.value || null })} /></label>`;
  return html`<div class="filters"><label>${t("journal.window")} <select value=${free ? "free" : query.get("hours") ?? (any ? "" : "8")} onChange=${choose}>${any && html`<option value="">${t("journal.always")}</option>`}${HOURS.map((h) => html`<option value=${h}>${t(`journal.hours.${h}`)}</option>`)}<option value="free">${t("journal.free")}</option></select></label>
    ${free && html`${edge("from")}${edge("to")}`}</div>`;
}

/** As the field for moments wants it, in this zone. */
function localText(ms) {
  const d = new Date(ms), two = (n) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;
}
