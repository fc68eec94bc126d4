// A square code as one path: what a camera reads off the screen. Pure.

import { correction, generate } from "lean-qr";

const QUIET = 4; // modules of white around it, which ISO/IEC 18004 asks for

/**
 * side: of the whole square in modules, with its white rim; path: the dark modules, row by row.
 * A screen is neither dirty nor torn, so a medium correction is enough and the modules stay large.
 * @param {string} text
 */
export function squareOf(text) {
  const code = generate(text, { minCorrectionLevel: correction.M });
  let path = "";
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) {
      if (!code.get(x, y)) continue;
      let run = 1;
      while (code.get(x + run, y)) run++;
      path += `M${x + QUIET} ${y + QUIET}h${run}v1h-${run}z`;
      x += run;
    }
  }
  return { side: code.size + 2 * QUIET, path };
}
