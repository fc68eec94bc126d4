// Whether the line runs on a simulated plant, and what can be broken there. A real line has none.

import { effect, signal } from "@preact/signals";
import { get, LONG_MS, session } from "./api.js";
import { link } from "./live.js";

const AGAIN_MS = 5000;

/** {running, speed, faults: [{id, station, name, level, unit, low, high, effect, active}], plcs}; null before it is known. */
export const simulator = signal(/** @type {any} */ (null));
export const simulated = () => simulator.value?.running === true;

/** Ask for it anew; throws Problem. */
export async function learnSimulator() {
  const found = await get("/simulator", {}, { deadline: LONG_MS });
  simulator.value = found;
}

/** Until it is known, once more. */
function askAgain() {
  if (!session.peek() || link.peek() !== "live") return; // asked anew when both are back
  learnSimulator().catch(() => setTimeout(askAgain, AGAIN_MS));
}

effect(() => { // once a login, and again when the server comes back
  if (session.value && link.value === "live") askAgain();
  else if (session.value === null) simulator.value = null;
});
