// The button of the horn: on, off, silence. It says by words what a tap does.

import { html } from "htm/preact";
import { useRef } from "preact/hooks";
import { heardAlarm, hornOn, hornReady, silence, turnHorn } from "../horn.js";
import { t } from "../i18n.js";

export function HornButton() {
  const sounds = heardAlarm.value !== null && hornReady.value, waits = hornOn.value && !hornReady.value;
  const touched = useRef(false); // the tap that gives it its sound has come down on it: it is not one to turn it off
  const words = t(sounds ? "horn.silence" : !hornOn.value ? "horn.off" : hornReady.value ? "horn.on" : "horn.waits");
  const press = () => {
    if (waits || touched.current) turnHorn(true);
    else if (sounds) silence();
    else turnHorn(!hornOn.value);
    touched.current = false;
  };
  return html`<button type="button" class=${sounds ? "horn sounds" : waits ? "horn waits" : "horn"} aria-pressed=${hornOn.value} title=${t("horn.words")} onPointerDown=${() => { touched.current = waits; }} onClick=${press}>
    <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3 9v6h4l6 5V4L7 9z" />${hornOn.value ? html`<path class="wave" d="M16 8q3 4 0 8M18.5 5.5q5 6.5 0 13" />` : html`<path class="wave" d="M16 9l6 6m0-6l-6 6" />`}</svg><span>${words}</span></button>`;
}
