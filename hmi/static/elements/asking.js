// Beside an answer of the server: that it is asked, what went wrong, that what is shown is old; and the
// words of people and of the plant.

import { html } from "htm/preact";
import { momentText } from "../format.js";
import { language, said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { ProblemBox } from "./confirm.js";

/** asked: of useAsked. Nothing when all is well: what was found is drawn by the screen itself. */
export function Asking({ asked }) {
  if (asked.problem) {
    return html`<div class="asking" role="status">${asked.found && html`<strong>${t("asking.old", { time: momentText(asked.at, serverT.value) })}</strong>`}
      <${ProblemBox} problem=${asked.problem} /><button type="button" class="nav-link" onClick=${asked.again}>${t("asked.again")}</button></div>`;
  }
  return asked.found ? null : html`<p class="empty" role="status">${t("screen.asking")}</p>`;
}

/** A sentence of the plant or of a person: translated where there is a translation, else as it is. */
export function Words({ of }) {
  const text = said(of);
  return html`<span lang=${language.value !== "en" && text === of ? "en" : undefined}>${text}</span>`;
}
