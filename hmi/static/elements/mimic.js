// A drawing out of a file, alive: it is fetched, taken over without anything that could run, and bound.

import { html } from "htm/preact";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { bindDrawing } from "../bind.js";
import { has, language, said, t } from "../i18n.js";
import { cell } from "../live.js";
import { go, openFaceplate } from "../router.js";

/** What a drawing may contain; a test holds the files to the same lists. */
export const ELEMENTS = ["svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "title", "desc", "defs", "clipPath"];
export const ATTRIBUTES = /^(viewBox|id|class|d|x|y|x1|x2|y1|y2|cx|cy|r|rx|ry|dx|dy|width|height|points|transform|text-anchor|clip-path|visibility|preserveAspectRatio|xmlns|role|aria-[a-z]+|data-[a-z-]+)$/;

const SVG = "http://www.w3.org/2000/svg";
const AGAIN_MS = 5000;

/** A copy that holds nothing but what is on the lists. */
function taken(node) {
  const made = document.createElementNS(SVG, node.localName);
  for (const { name, value } of node.attributes) {
    if (ATTRIBUTES.test(name) && name !== "xmlns") made.setAttribute(name, value);
  }
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) made.append(child.data);
    else if (child.nodeType === Node.ELEMENT_NODE && ELEMENTS.includes(child.localName)) made.append(taken(child));
  }
  return made;
}

/** Texts with data-text are words of the catalogue or of the plant. */
function translate(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    const key = element.getAttribute("data-text");
    element.textContent = has(key) ? t(key) : said(key);
  }
}

/** name: of a file in mimics/. A tap on an element with data-open shows that faceplate or address. */
export function Mimic({ name }) {
  const place = useRef(/** @type {any} */ (null)), failed = useSignal(false);
  useEffect(() => {
    let end = () => {}, over = false, timer = 0;
    const load = () => fetch(new URL(`../mimics/${name}.svg`, import.meta.url)).then(async (answer) => {
      if (!answer.ok) throw new Error(String(answer.status));
      const read = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
      if (over || read.querySelector("parsererror")) throw new Error("drawing");
      const drawing = taken(read.documentElement);
      drawing.setAttribute("aria-hidden", "true"); // every value of it stands in a list beside it, too
      drawing.setAttribute("focusable", "false");
      place.current.replaceChildren(drawing);
      translate(drawing);
      end = bindDrawing(drawing);
      failed.value = false;
    }).catch(() => {
      if (over) return;
      failed.value = true;
      timer = setTimeout(load, AGAIN_MS);
    });
    load();
    return () => {
      over = true;
      clearTimeout(timer);
      end();
    };
  }, [name]);
  useEffect(() => { // words of the drawing, and those that are values
    if (!place.current) return;
    translate(place.current);
    for (const element of place.current.querySelectorAll("[data-tag]")) cell(element.getAttribute("data-tag")).tell();
  }, [language.value]);
  const open = (event) => {
    const target = event.target.closest?.("[data-open]")?.getAttribute("data-open");
    if (!target) return;
    if (target.startsWith("/")) go(target);
    else openFaceplate(target);
  };
  return html`<div class="mimic" ref=${place} onClick=${open}></div>${failed.value && html`<p class="empty">${t("mimic.failed")}</p>`}`;
}
