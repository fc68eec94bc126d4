// Why the server said no: its own sentences, in the language of the user as far as there are words for them.

import { html } from "htm/preact";
import { saidIn } from "../i18n.js";

/** One sentence of the server, marked as English where it stays so. */
export function Sentence({ text, as = "span", ...more }) {
  const { words, lang } = saidIn(text);
  return html`<${as} lang=${lang} ...${more}>${words}<//>`;
}

/** A list of them; nothing when there are none. */
export function Reasons({ reasons }) {
  if (!reasons?.length) return null;
  return html`<ul>${reasons.map((reason) => html`<${Sentence} as="li" key=${reason} text=${reason} />`)}</ul>`;
}
