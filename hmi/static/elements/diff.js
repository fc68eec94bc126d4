// The difference of two recipe versions in process words: what, from, to, how much, how risky.

import { html } from "htm/preact";
import { numberText, unitText } from "../format.js";
import { said, t } from "../i18n.js";

const shown = (value) => (typeof value === "number" ? numberText(value, decimals(value)) : value === null ? "–" : said(String(value)));
const decimals = (value) => Math.min(4, (String(Number(value.toPrecision(6))).split(".")[1] ?? "").length);

function change(row) {
  if (row.percent !== null && row.percent !== undefined) return `${row.percent > 0 ? "+" : ""}${numberText(row.percent, 1)} %`;
  return row.difference === null || row.difference === undefined ? "" : `${row.difference > 0 ? "+" : ""}${shown(row.difference)}`;
}

/** How risky, as a word and a frame; never as a colour of an alarm. */
export function Risk({ risk, why = [] }) {
  return html`<span class=${`risk ${risk.toLowerCase()}`}>${t(`risk.${risk}`)}</span>${why.map((w) => html` <small key=${w}>${said(w)}</small>`)}`;
}

/** diff: as the server gives it ({parameters, phases, limits}). */
export function Diff({ diff }) {
  if (!diff) return html`<p class="empty">${t("diff.nothing")}</p>`;
  const { parameters, phases, limits } = diff;
  if (!parameters.length && !phases.length && !limits.length) return html`<p class="empty">${t("diff.same")}</p>`;
  return html`<table class="grid diff"><thead><tr><th scope="col">${t("diff.what")}</th><th scope="col">${t("diff.old")}</th><th scope="col">${t("diff.new")}</th><th scope="col">${t("diff.change")}</th><th scope="col">${t("diff.risk")}</th></tr></thead><tbody>
    ${parameters.map((p) => html`<tr key=${`p${p.parameter}`}><th scope="row">${said(p.text)} <span class="note">${p.parameter}</span></th><td>${shown(p.old)}</td><td><b>${shown(p.new)}</b> <small>${unitText(p.unit)}</small></td><td>${change(p)}</td><td><${Risk} risk=${p.risk} why=${p.why} /></td></tr>`)}
    ${limits.map((l) => html`<tr key=${`l${l.tag}${l.limit}`}><th scope="row"><span class="tag">${l.tag}</span> ${l.limit.toUpperCase()}</th><td>${shown(l.old)}</td><td><b>${shown(l.new)}</b> <small>${unitText(l.unit)}</small></td><td></td><td><${Risk} risk=${l.risk} /></td></tr>`)}
    ${phases.map((p) => html`<tr key=${`f${p.phase}${p.change}`}><th scope="row">${t("diff.phase")} ${said(p.phase)}</th><td colspan="3">${said(p.text)}</td><td><${Risk} risk=${p.risk} why=${p.why} /></td></tr>`)}</tbody></table>`;
}
