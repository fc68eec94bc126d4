// Parts that every screen about runs shows: how one ended, its recipe, its lots, facts by name.

import { html } from "htm/preact";
import { t } from "../i18n.js";
import { serverT } from "../live.js";

/** Seconds from START to the end, or until now. */
export const lastsS = (head) => ((head.ended_ns ?? serverT.value * 1e6) - head.begun_ns) / 1e9;
export const recipeName = (recipe) => (recipe === "built-in" ? t("recipe.built_in") : recipe);
export const runAddress = (id) => `/runs/${encodeURIComponent(id)}`;
export const lotAddress = (lot) => `/runs?list=lots&lot=${encodeURIComponent(lot)}`;

/** How a run ended: a word in a frame, filled while it is under way. */
export function OutcomeChip({ outcome }) {
  return html`<span class=${`state ${outcome === "open" ? "under-way" : "at-rest"}`}>${t(`outcome.${outcome}`)}</span>`;
}

export const RunLink = ({ id }) => html`<a class="cell-link" href=${runAddress(id)}>${id}</a>`;

export function LotLinks({ lots }) {
  if (!lots.length) return "–";
  return html`<span class="lot-links">${lots.map((lot, k) => html`<a key=${`${lot}${k}`} class="cell-link" href=${lotAddress(lot)}>${lot}</a>`)}</span>`;
}

/** A name and what stands there. */
export const Fact = ({ name, children }) => html`<div><dt>${name}</dt><dd>${children}</dd></div>`;
