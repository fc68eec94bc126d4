// Every screen, in the order of the menu. A new one is a module here and its texts in i18n.
//
// A screen is {id, path, title, component}; `page: true` puts it into the row of pages, `needs` names
// the permission without which it is not offered, `shown` says whether it is to be had here at all. A
// path may have :parts, they become properties.

import { computed } from "@preact/signals";
import { may } from "../api.js";
import { match, route } from "../router.js";
import { account } from "./account.js";
import { alarmSummary } from "./alarms.js";
import { auditLog } from "./audit.js";
import { compare } from "./compare.js";
import { demo } from "./demo.js";
import { energy } from "./energy.js";
import { gallery } from "./gallery.js";
import { health } from "./health.js";
import { overview } from "./overview.js";
import { recipe } from "./recipe.js";
import { recipes } from "./recipes.js";
import { run } from "./run.js";
import { runs } from "./runs.js";
import { station } from "./station.js";
import { trends } from "./trends.js";
import { trial } from "./trials.js";
import { userList } from "./users.js";

export const SCREENS = [overview, station, alarmSummary, trends, recipes, recipe, runs, run, compare, trial, energy, demo, auditLog, health, userList, account, gallery];

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
