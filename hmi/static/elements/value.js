// A live number (or state of a tag) with its unit and quality; used wherever a value is shown.

import { html } from "htm/preact";
import { attribute, cellText, useCells, write } from "../bind.js";
import { unitText } from "../format.js";
import { said, t } from "../i18n.js";
import { qualityKey, qualityMark } from "../quality.js";
import { openFaceplate } from "../router.js";

/** Draw a value into an element with parts b (number), i (mark) and small (unit). */
export function drawValue(element, one, digits, unit = true) {
  const [number, mark, small] = element.children;
  attribute(element, "data-q", one.state);
  write(number, cellText(one, digits));
  const sign = qualityMark(one.state, one.quality);
  write(mark, sign);
  if (unit) write(small, unitText(one.meta?.u));
  const words = one.state === "good" ? "" : t(one.state === "stale" ? "quality.stale_here" : qualityKey(one.quality));
  if (element.title !== words) element.title = words;
}

/** tag: name; digits: other decimals than those of the tag; unit: false leaves it away. */
export function Value({ tag, digits, unit = true, large = false }) {
  const ref = useCells([tag], (element, one) => drawValue(element, one, digits, unit));
  return html`<span class=${large ? "value large" : "value"} data-tag=${tag} data-q="none" ref=${ref}
    ><b>–</b><i></i><small></small></span>`;
}

/** The description of a tag in the language of the user, as soon as it is known. */
export function TagText({ tag, short }) {
  const ref = useCells([tag], (element, one) => write(element, short ?? tagWords(one)));
  return html`<span class="tagtext" ref=${ref}>${short ?? ""}</span>`;
}

/** Words for a tag: its description, else its name. */
export const tagWords = (one) => (one.meta?.tx ? said(one.meta.tx) : one.name);

/** A row with description and value; a tap opens the faceplate. */
export function ValueRow({ tag, of, label, digits }) {
  return html`<button type="button" class="row value-row" onClick=${() => openFaceplate(of ?? tag)}>
    <${TagText} tag=${tag} short=${label} /><${Value} tag=${tag} digits=${digits} />
  </button>`;
}
