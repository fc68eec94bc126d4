// Addresses: every screen has one, and so has an open faceplate (?fp=NAME). No library.

import { signal } from "@preact/signals";

/** @type {import("@preact/signals").Signal<{path: string, query: URLSearchParams}>} */
export const route = signal(here());

function here() {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

/** Show another address. @param {string} address */
export function go(address, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  route.value = here();
}

/** The present address with some of its query changed; null takes a name away. */
export function withQuery(changes) {
  const query = new URLSearchParams(route.value.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return route.value.path + (text ? `?${text}` : "");
}

/** What the address names under a name, if a table has it of its own; else the usual. */
export function named(table, name, usual) {
  const asked = route.value.query.get(name);
  return asked !== null && Object.hasOwn(table, asked) ? asked : usual;
}

/** Open the faceplate of a loop or a tag over the screen that is shown; null closes it. */
export const openFaceplate = (name) => go(withQuery({ fp: name }), { replace: true });

/** @returns {Record<string, string>|null} the parts of a path that fit a pattern as /station/:name */
export function match(pattern, path) {
  const wanted = pattern.split("/"), given = path.replace(/(.)\/$/, "$1").split("/");
  if (wanted.length !== given.length) return null;
  const found = {};
  for (const [k, part] of wanted.entries()) {
    if (part.startsWith(":")) found[part.slice(1)] = decoded(given[k]);
    else if (part !== given[k]) return null;
  }
  return found;
}

/** As it was written where it is no code for anything. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

addEventListener("popstate", () => { route.value = here(); });

addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || link.pathname.startsWith("/api/")) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
