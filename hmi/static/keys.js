// Keys for those who have some: 1 the line, 2... the stations, A alarms, T trends, ? what keys there
// are. All of it optional.

import { session } from "./api.js";
import { helpOpen } from "./elements/key_help.js";
import { openProposals } from "./elements/twostep.js";
import { stations } from "./plant.js";
import { go } from "./router.js";

const PLACES = { a: "/alarms", t: "/trends" };

addEventListener("keydown", (event) => {
  const inField = event.target instanceof Element && event.target.closest("input, select, textarea");
  if (openProposals.peek() > 0) return; // a number that was meant for a field leads nobody away from what he decides
  if (inField || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !session.peek()) return;
  if (event.key === "?") helpOpen.value = !helpOpen.peek();
  else if (event.key === "1") go("/");
  else if (/^[2-9]$/.test(event.key)) {
    const found = stations()[Number(event.key) - 2];
    if (found) go(`/station/${found.name}`);
  } else if (PLACES[event.key.toLowerCase()]) go(PLACES[event.key.toLowerCase()]);
});
