// From an alarm to its display and to its trend, one click each.

import { html } from "htm/preact";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { metaOf, stationNamed, stationOf } from "../plant.js";
import { shortTitle } from "../titles.js";

const AROUND_S = 1800;

/** The display of an alarm with the faceplate of its tag; the overview for what belongs to no station. */
export function displayAddress(station, tag) {
  const of = stationNamed(station) ?? stationOf(tag);
  return `${of ? `/station/${of.name}` : "/"}?fp=${encodeURIComponent(tag)}`;
}

/** The trend of a tag around a moment (ms); until now where that is not long ago. */
export function trendAddress(tag, aroundMs = 0) {
  const pens = `/trends?pens=${encodeURIComponent(tag)}`;
  const ageS = (serverT.peek() - aroundMs) / 1000;
  if (!aroundMs || ageS < AROUND_S) return `${pens}&min=60`;
  const s = Math.round(aroundMs / 1000);
  return `${pens}&from=${s - AROUND_S}&to=${s + AROUND_S}`;
}

/** Leads to the display; named by its station. */
export function DisplayLink({ station, tag }) {
  const of = stationNamed(station);
  return html`<a class="nav-link" href=${displayAddress(station, tag)}>${of ? shortTitle(of) : said(station) || t("frame.line")}</a>`;
}

/** Leads to the trend; nothing for what has none. */
export function TrendLink({ tag, at = 0 }) {
  if (!metaOf(tag)) return null;
  return html`<a class="nav-link" href=${trendAddress(tag, at)} aria-label=${t("alarm.trend_of", { tag })}>${t("alarm.trend")}</a>`;
}
