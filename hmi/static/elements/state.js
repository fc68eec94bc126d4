// State of a station: filled and with a word while it is under way, outlined at rest. No red, no green.

import { html } from "htm/preact";
import { useWatch } from "../bind.js";
import { t } from "../i18n.js";
import { cell } from "../live.js";
import { stateName, underWay } from "../states.js";

/** prefix: of the station. */
export function StateChip({ prefix }) {
  const tag = `${prefix}.SERVICE.STATE`;
  useWatch([tag]);
  const { value, state } = cell(tag).now.value;
  const name = state === "none" || state === "bad" ? "UNKNOWN" : stateName(value) || "UNKNOWN";
  return html`<span class=${`state ${underWay(value) ? "under-way" : "at-rest"}`} data-tag=${tag} data-q=${state}>${t(`state.${name}`)}</span>`;
}
