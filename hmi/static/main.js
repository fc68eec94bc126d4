// Begins: texts, who is logged in, the plant, the live socket; then draws what the address names.

import { effect, signal } from "@preact/signals";
import { html, render } from "htm/preact";
import { Problem, session, whoami } from "./api.js";
import { Frame } from "./frame.js";
import { ready, said, t } from "./i18n.js";
import { connect, disconnect, endedBy, link } from "./live.js";
import { learn, plant } from "./plant.js";
import { route } from "./router.js";
import { Entry } from "./screens/entry.js";
import { place } from "./screens/index.js";
import "./keys.js";
import "./recipe_limits.js";
import "./theme.js";

const AGAIN_MS = 2000;
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

async function learnOrLater() {
  try {
    await learn();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status !== 401) setTimeout(learnOrLater, AGAIN_MS);
  }
}

effect(() => { // a person comes, a person goes
  const user = session.value?.user;
  if (user) {
    connect();
    learnOrLater();
  } else if (session.value === null) {
    disconnect();
    plant.value = null;
  }
});

effect(() => { // the server let go of us: ask who we are now
  if (endedBy.value) session.value = null;
});

effect(() => { // a server that was started anew may know of other stations
  if (link.value === "live" && !plant.peek() && session.peek()) learnOrLater();
});

effect(() => {
  const line = said(plant.value?.line?.title ?? ""), screen = place.value ? t(place.value.title) : "";
  document.title = [screen, line || "Dryline"].filter(Boolean).join(" · ");
});

setInterval(() => { // a socket that is refused does not say why: perhaps nobody is logged in any more
  if (session.peek() && link.peek() !== "live") whoami().catch(() => null);
}, AGAIN_MS);

await ready();
await begin();
render(html`<${App} />`, document.getElementById("app"));
