// Begins: texts, who is logged in, the plant, the live socket; then draws what the address names.

import { computed, effect, signal } from "@preact/signals";
import { html, render } from "htm/preact";
import { Problem, session, whoami } from "./api.js";
import { Frame } from "./frame.js";
import { ready, said, t } from "./i18n.js";
import { connect, disconnect, endedBy, link, serverBoot } from "./live.js";
import { learn, plant } from "./plant.js";
import { route } from "./router.js";
import { Entry } from "./screens/entry.js";
import { bringAll, place } from "./screens/index.js";
import "./keys.js";
import "./recipe_limits.js";
import "./theme.js";

const AGAIN_MS = 2000, REST_MS = 1000;
const failed = signal("");

function App() {
  if (session.value === undefined) return html`<main id="screen"><p class="empty">${failed.value ? t("frame.no_server") : t("screen.asking")}</p></main>`;
  if (session.value === null) return html`<${Entry} why=${endedBy.value} />`;
  const found = place.value;
  return html`<${Frame} screen=${found?.component ?? NoScreen} params=${found?.params ?? {}} />`;
}

function NoScreen() {
  return html`<p class="empty">${t("screen.none", { path: route.value.path })} <a href="/">${t("frame.home")}</a></p>`;
}

/** Ask again while the server does not answer. */
async function begin() {
  try {
    await whoami();
    failed.value = "";
  } catch (error) {
    failed.value = error instanceof Problem ? error.code : String(error);
    setTimeout(begin, AGAIN_MS);
  }
}

let learned = "", learning = false, later = 0; // learned: from which start of the server

async function learnOrLater() {
  clearTimeout(later);
  if (learning) return;
  learning = true;
  try {
    await learn();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status !== 401) later = setTimeout(learnOrLater, AGAIN_MS);
  } finally {
    learning = false;
  }
}

/** The name; null when nobody is logged in, undefined before it was asked. It changes with the person, not with every answer. */
const person = computed(() => (session.value ? session.value.user : session.value));

effect(() => { // a person comes, a person goes
  if (person.value) {
    connect();
    learnOrLater();
  } else if (person.value === null) {
    disconnect();
    plant.value = null;
  }
});

effect(() => { // the server let go of us: ask who we are now
  if (endedBy.value) session.value = null;
});

effect(() => { // a server that was started anew may know of other stations, tags and limits
  const boot = serverBoot.value;
  if (link.value !== "live" || !session.peek()) return;
  if (!plant.peek() || (learned && learned !== boot)) learnOrLater();
  learned = boot;
});

effect(() => {
  const line = said(plant.value?.line?.title ?? ""), screen = place.value ? t(place.value.title) : "";
  document.title = [screen, line || "Dryline"].filter(Boolean).join(" · ");
});

const stop = effect(() => { // the picture is alive: now the other screens
  if (link.value !== "live") return;
  queueMicrotask(() => stop());
  setTimeout(bringAll, REST_MS);
});

setInterval(() => { // a socket that is refused does not say why: perhaps nobody is logged in any more
  if (session.peek() && link.peek() !== "live") whoami().catch(() => null);
}, AGAIN_MS);

/** Without texts there is nothing to show: a server that is just being started has them in a moment. */
async function textsAtLast() {
  for (;;) {
    try {
      return await ready();
    } catch {
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
    }
  }
}

place.peek()?.component.bring?.(); // while the texts are coming
await Promise.all([textsAtLast(), begin()]);
render(html`<${App} />`, document.getElementById("app"));
