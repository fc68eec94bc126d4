// What is brought when it is first drawn, so that the first picture need not wait for all the others.

import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { t } from "./i18n.js";
import { link } from "./live.js";

const AGAIN_MS = 2000, ANEW_MS = 10000, TRIES = 2;
const ANEW = "dryline-anew";

/** Some browsers keep it that a module did not come until the page is loaded anew: then nothing else helps. */
function pageAnew() {
  const now = Date.now(), last = Number(sessionStorage.getItem(ANEW) ?? 0);
  if (link.peek() !== "live" || document.querySelector("dialog[open]") || Math.abs(now - last) < ANEW_MS) return;
  sessionStorage.setItem(ANEW, String(now));
  location.reload();
}

/** A component that stands for the default export of a module. `bring()` brings it before it is drawn;
 * it never fails, for what did not come is asked for again when it is drawn. */
export function late(load) {
  const found = signal(/** @type {any} */ (null)), failed = signal(false);
  const bring = async () => {
    if (found.peek()) return;
    try {
      const module = await load();
      found.value = module.default;
      failed.value = false;
    } catch (error) {
      console.warn(error);
      failed.value = true;
    }
  };
  function Late(params) {
    const missing = !found.value, live = link.value === "live";
    useEffect(() => { // at once, when the server is back, and then until it is there
      if (!missing) return undefined;
      let tries = 0, gone = false;
      const again = async () => {
        await bring();
        tries += 1;
        if (!found.peek() && !gone && tries >= TRIES) pageAnew();
      };
      again();
      const timer = setInterval(again, AGAIN_MS);
      return () => {
        gone = true;
        clearInterval(timer);
      };
    }, [missing, live]);
    if (!missing) return html`<${found.value} ...${params} />`;
    return html`<p class="empty" role="status">${t(failed.value ? "frame.no_server" : "screen.asking")}</p>`;
  }
  return Object.assign(Late, { bring });
}
