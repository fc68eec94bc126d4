// The square code beside a key that is typed into a telephone. Black on white in every theme: cameras
// do not read it the other way round.

import { html } from "htm/preact";
import { squareOf } from "../qr.js";

/** text: what the camera reads; words: what it is, for who does not see it. */
export function SquareCode({ text, words }) {
  const { side, path } = squareOf(text);
  return html`<svg class="square-code" viewBox=${`0 0 ${side} ${side}`} role="img" aria-label=${words} shape-rendering="crispEdges">
    <rect width=${side} height=${side} fill="white" /><path d=${path} fill="black" /></svg>`;
}
