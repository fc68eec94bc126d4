// Every screen, in the order of the menu. A new one is a module here and its texts in i18n.
//
// A screen is {id, path, title, component}; `page: true` puts it into the row of pages, `needs` names
// the permission without which it is not offered. A path may have :parts, they become properties.

import { computed } from "@preact/signals";
import { may } from "../api.js";
import { match, route } from "../router.js";
import { alarmSummary } from "./alarms.js";
import { gallery } from "./gallery.js";
import { overview } from "./overview.js";
import { station } from "./station.js";
import { trends } from "./trends.js";

export const SCREENS = [overview, station, alarmSummary, trends, gallery];

/** Those that stand in the menu, for who may see them. */
export const pages = computed(() => SCREENS.filter((s) => s.page && (!s.needs || may(s.needs))));

/** The screen of the present address with its parts; null for an address that is none. */
export const place = computed(() => {
  for (const screen of SCREENS) {
    const params = match(screen.path, route.value.path);
    if (params) return { ...screen, params };
  }
  return null;
});
