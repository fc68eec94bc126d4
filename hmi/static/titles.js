// Short names of stations, for where there is little room.

import { said, t } from "./i18n.js";

/** Its kind where there is a text for it, else its title. */
export function shortTitle(station) {
  const words = t(`kind.${station.kind}`);
  return words === `kind.${station.kind}` ? said(station.title) : words;
}
