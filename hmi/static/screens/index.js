// Every screen, in the order of the menu. A new one is a module here, whose default export draws it,
// and its texts in i18n.
//
// A screen is {id, path, title, module}, or {..., component} where the first look mostly falls, so that it
// comes with the frame; `page: true` puts it into the row of pages, `needs` names the permission without
// which it is not offered, `shown` says whether it is to be had here at all. A path may have :parts, they
// become properties.

import { computed } from "@preact/signals";
import { may } from "../api.js";
import { late } from "../late.js";
import { match, route } from "../router.js";
import { simulated } from "../simulator.js";
import Overview from "./overview.js";
import Station from "./station.js";

export const SCREENS = [
  { id: "overview", path: "/", title: "screen.overview", component: Overview },
  { id: "station", path: "/station/:name", title: "screen.station", component: Station },
  { id: "alarms", path: "/alarms", title: "screen.alarms", page: true, module: () => import("./alarms.js") },
  { id: "trends", path: "/trends", title: "screen.trends", page: true, module: () => import("./trends.js") },
  { id: "recipes", path: "/recipes", title: "screen.recipes", page: true, module: () => import("./recipes.js") },
  { id: "recipes", path: "/recipes/:kind/:name", title: "screen.recipe", module: () => import("./recipe.js") },
  { id: "runs", path: "/runs", title: "screen.runs", page: true, module: () => import("./runs.js") },
  { id: "run", path: "/runs/:run", title: "screen.run", module: () => import("./run.js") },
  { id: "compare", path: "/compare", title: "screen.compare", module: () => import("./compare.js") },
  { id: "trial", path: "/trials/:trial", title: "screen.trial", module: () => import("./trials.js") },
  { id: "energy", path: "/energy", title: "screen.energy", page: true, module: () => import("./energy.js") },
  { id: "demo", path: "/demo", title: "screen.demo", page: true, shown: simulated, module: () => import("./demo.js") },
  { id: "audit", path: "/audit", title: "screen.audit", page: true, needs: "read_audit", module: () => import("./audit.js") },
  { id: "health", path: "/health", title: "screen.health", page: true, module: () => import("./health.js") },
  { id: "users", path: "/users", title: "screen.users", page: true, needs: "administer", module: () => import("./users.js") },
  { id: "account", path: "/account", title: "screen.account", module: () => import("./account.js") },
  { id: "gallery", path: "/gallery", title: "screen.gallery", module: () => import("./gallery.js") },
].map((screen) => ({ ...screen, component: screen.component ?? late(screen.module) }));

/** Those that stand in the menu, for who may see them. */
export const pages = computed(() => SCREENS.filter((s) => s.page && (!s.needs || may(s.needs)) && (!s.shown || s.shown())));

/** The screen of the present address with its parts; null for an address that is none. */
export const place = computed(() => {
  for (const screen of SCREENS) {
    const params = match(screen.path, route.value.path);
    if (params) return { ...screen, params };
  }
  return null;
});

/** Bring all of them, one after another: then none has to be waited for, nor needs a server to be shown. */
export async function bringAll() {
  for (const { component } of SCREENS) await component.bring?.();
}
