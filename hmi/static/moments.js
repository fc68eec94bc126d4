// Moments that the API writes as text ("2026-11-22T10:45:00.123Z"), in the zone of this browser.

import { dateText, momentText } from "./format.js";
import { serverT } from "./live.js";

/** The day. */
export const dayOf = (text) => (text ? dateText(Date.parse(text)) : "");

/** The moment, short where it is today. */
export const momentOf = (text) => (text ? momentText(Date.parse(text), serverT.value) : "");
