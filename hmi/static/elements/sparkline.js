// The last minutes of a tag as a small line; history first, then what comes.

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { useWatch } from "../bind.js";
import { useHistory } from "../history_ring.js";
import { t } from "../i18n.js";
import { cell, serverT } from "../live.js";
import { openFaceplate } from "../router.js";
import { TagText } from "./value.js";

const POINTS = 180, DRAW_MS = 1000, WIDTH = 300, HEIGHT = 40;
const NOTHING = { t: [], pens: [{ last: [] }] };

/** The path of a line in a box of 300 by 40; gaps stay gaps. */
export function linePath(times, values, fromS, toS, low, high) {
  const span = high - low || 1;
  let path = "", pen = false;
  for (let k = 0; k < times.length; k += 1) {
    if (!Number.isFinite(values[k])) {
      pen = false;
      continue;
    }
    const x = ((times[k] - fromS) / (toS - fromS)) * WIDTH;
    const y = HEIGHT - 2 - ((values[k] - low) / span) * (HEIGHT - 4);
    path += `${pen ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  }
  return path;
}

function extent(values, least) {
  let low = Infinity, high = -Infinity;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  if (low > high) return null;
  const middle = (low + high) / 2, half = Math.max((high - low) / 2, least / 2) * 1.1;
  return [middle - half, middle + half];
}

/** tag; minutes of plant time; of: what a tap opens. */
export function Sparkline({ tag, minutes = 30, of, label }) {
  const svg = useRef(/** @type {any} */ (null));
  useWatch([tag]);
  const { ring } = useHistory([tag], { minutes }, POINTS, { mended: false });
  useEffect(() => {
    const draw = () => drawLine(svg.current, ring.peek(), cell(tag));
    draw();
    const timer = setInterval(draw, DRAW_MS);
    return () => clearInterval(timer);
  }, [tag, ring.value]);
  return html`<button type="button" class="sparkline" onClick=${() => openFaceplate(of ?? tag)}>
    <span class="name">${label ?? html`<${TagText} tag=${tag} />`}<small>${t("trend.minutes", { minutes })}</small></span>
    <svg ref=${svg} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true"><path class="line" /></svg>
    </button>`;
}

function drawLine(svg, ring, one) {
  const nowS = serverT.peek() / 1000;
  if (!svg || !nowS || document.hidden) return;
  svg.setAttribute("data-q", one.state);
  const { t: times, pens: [{ last }] } = ring?.window(nowS) ?? NOTHING;
  const meta = one.meta;
  const box = extent(last, meta ? (meta.hi - meta.lo) / 200 : 1);
  const path = svg.querySelector("path");
  path.setAttribute("d", box ? linePath(times, last, nowS - ring.windowS, nowS, ...box) : "");
}
