// Wall display: ?kiosk=1 shows a screen without menus and larger, and stays so from screen to screen
// until ?kiosk=0. Looking only: acting needs a window with a person at it.

import { effect, signal } from "@preact/signals";
import { outdated } from "./live.js";
import { route } from "./router.js";

const KEPT = "dryline-kiosk";
export const kiosk = signal(sessionStorage.getItem(KEPT) === "1");

effect(() => {
  const asked = route.value.query.get("kiosk");
  if (asked !== null) kiosk.value = asked === "1";
});
effect(() => { // nobody is there to tap on "load the new version"
  if (kiosk.value && outdated.value) location.reload();
});
effect(() => {
  document.documentElement.toggleAttribute("data-kiosk", kiosk.value);
  sessionStorage.setItem(KEPT, kiosk.value ? "1" : "0");
});
