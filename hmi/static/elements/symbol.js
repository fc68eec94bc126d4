// The symbol of an alarm's priority: shape, number and colour, so that no colour is needed.

import { html } from "htm/preact";
import { t } from "../i18n.js";

const SHAPES = {
  1: "M2 2h20v20H2z",
  2: "M12 1l11.5 21H.5z",
  3: "M.5 2h23L12 23z",
  4: "M12 1a11 11 0 1 0 .001 0z",
};
/** States in which an alarm waits aside. */
export const ASIDE = ["shelved", "suppressed-by-design", "out-of-service"];
const BASELINES = { 1: 17, 2: 19.5, 3: 14, 4: 16.5 };

/** priority: 1 to 4; asks: nobody has acknowledged it. */
export function AlarmSymbol({ priority, asks = false, count = 0 }) {
  const words = t(asks ? "alarm.symbol_asks" : "alarm.symbol", { priority });
  return html`<svg class=${`symbol p${priority}${asks ? " asks" : ""}`} viewBox="0 0 24 24" role="img" aria-label=${count > 1 ? `${words} ×${count}` : words}>
    <path d=${SHAPES[priority]} /><text x="12" y=${BASELINES[priority]} text-anchor="middle">${priority}</text></svg>`;
}

/** The gravest of some alarms: unacknowledged ones first. */
export function worst(alarms) {
  let found = null;
  for (const alarm of alarms) {
    if (!alarm.asks && !alarm.condition) continue;
    if (ASIDE.includes(alarm.state)) continue;
    const better = !found || (alarm.asks && !found.asks) || (alarm.asks === found.asks && alarm.priority < found.priority);
    if (better) found = alarm;
  }
  return found;
}
