// Choosing alarms by station, priority and words; kept in the address.

import { html } from "htm/preact";
import { said, t } from "../i18n.js";
import { stations } from "../plant.js";
import { go, withQuery } from "../router.js";

/** children: more of them. */
export function Filters({ query, children }) {
  const set = (name) => (event) => go(withQuery({ [name]: event.currentTarget.value || null }), { replace: true });
  return html`<div class="filters"><label>${t("alarm.station")} <select onChange=${set("station")} value=${query.get("station") ?? ""}><option value="">${t("alarm.all")}</option>${stations().map((s) => html`<option value=${s.name}>${said(s.title)}</option>`)}</select></label>
    <label>${t("alarm.priority")} <select onChange=${set("priority")} value=${query.get("priority") ?? ""}><option value="">${t("alarm.all")}</option>${[1, 2, 3, 4].map((p) => html`<option value=${p}>${p}</option>`)}</select></label>
    <label>${t("alarm.search")} <input type="search" value=${query.get("text") ?? ""} onInput=${set("text")} /></label>${children}</div>`;
}
