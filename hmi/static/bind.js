// The hot path: from a cell straight to text nodes and transforms, past every template.
//
// What is drawn here is drawn ten times a second. Nothing is created or removed, and nothing is
// written that is there already.

import { useEffect, useRef } from "preact/hooks";
import { fraction, numberText, screenDecimals, unitText } from "./format.js";
import { said, t } from "./i18n.js";
import { cell, watch } from "./live.js";
import { qualityMark } from "./quality.js";

/** Write a text only when it differs. */
export function write(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

export function attribute(node, name, value) {
  if (node && node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** The value of a cell as people read it, without its unit. */
export function cellText(one, digits) {
  if (one.quality === 256 || one.value === null) return "–";
  const meta = one.meta;
  if (meta?.lb?.length) return said(meta.lb[Math.round(one.value)] ?? String(one.value));
  if (meta?.k === "bool") return t(one.value ? "value.on" : "value.off");
  return numberText(one.value, digits ?? screenDecimals(meta));
}

/**
 * Draw with every change of some tags, for as long as the element is there.
 * @param {string[]} tags @param {(element: Element, ...cells: any[]) => void} draw
 */
export function useCells(tags, draw) {
  const ref = useRef(/** @type {any} */ (null));
  const drawn = useRef(draw);
  drawn.current = draw;
  const key = tags.join(" ");
  useEffect(() => {
    const found = tags.map(cell);
    const listener = () => ref.current && drawn.current(ref.current, ...found);
    for (const one of found) one.listeners.add(listener);
    const release = watch(tags.filter(Boolean));
    listener();
    return () => {
      for (const one of found) one.listeners.delete(listener);
      release();
    };
  }, [key]);
  useEffect(() => { // texts of another language, other limits
    if (ref.current) drawn.current(ref.current, ...tags.map(cell));
  });
  return ref;
}

/** Watch tags while a component is shown; for those that draw from signals. */
export function useWatch(tags) {
  useEffect(() => watch(tags), [tags.join(" ")]);
}

// -- drawings (SVG of a file): every element says by attributes what it shows ----------------------

const BINDERS = {
  /** The number itself. data-digits: decimals. */
  text(element, one) {
    const digits = element.dataset.digits === undefined ? undefined : Number(element.dataset.digits);
    const mark = qualityMark(one.state, one.quality);
    write(element, cellText(one, digits) + (mark ? ` ${mark}` : ""));
  },
  /** Filled from the bottom, or by data-axis="x" from the left; what is not known is the whole of it, dashed, and never looks empty. */
  level(element, one) {
    const known = one.usable ?? (one.state === "stale" ? one.value : null);
    const part = known === null ? 1 : fraction(known, Number(element.dataset.low ?? one.meta.lo), Number(element.dataset.high ?? one.meta.hi));
    element.style.transform = element.dataset.axis === "x" ? `scaleX(${part})` : `scaleY(${part})`;
  },
  /** Shown while the value is not 0; data-equals: while it is that. */
  show(element, one) {
    const wanted = element.dataset.equals;
    const on = one.usable !== null && (wanted === undefined ? one.usable !== 0 : one.usable === Number(wanted));
    attribute(element, "visibility", on ? "visible" : "hidden");
  },
  /** Filled while running (the value is above data-above, 0 if it says none). */
  running(element, one) {
    const on = one.usable !== null && one.usable > Number(element.dataset.above ?? 0);
    attribute(element, "data-on", on ? "1" : "0");
  },
  unit(element, one) {
    write(element, unitText(one.meta?.u));
  },
};

/** Bind every element of a drawing; call the result to let go. @param {Element} root */
export function bindDrawing(root) {
  const ends = [];
  const tags = new Set();
  for (const element of root.querySelectorAll("[data-tag]")) {
    const name = element.getAttribute("data-tag");
    const draw = BINDERS[element.getAttribute("data-as") ?? "text"];
    const one = cell(name);
    const listener = () => {
      attribute(element, "data-q", one.state);
      draw(element, one);
    };
    one.listeners.add(listener);
    tags.add(name);
    ends.push(() => one.listeners.delete(listener));
    listener();
  }
  ends.push(watch([...tags]));
  return () => { for (const end of ends) end(); };
}
