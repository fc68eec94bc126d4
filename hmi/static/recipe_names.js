// How recipes and their versions are called. Pure.

/** "coater/nmc@1.1.0" in parts; null for the built-in procedure. */
export function recipeParts(title) {
  const found = /^([^/]+)\/([^@]+)@(.+)$/.exec(title ?? "");
  return found && { kind: found[1], name: found[2], version: found[3] };
}

/** Where a version is shown. */
export const recipeAddress = ({ kind, name, version }) =>
  `/recipes/${encodeURIComponent(kind)}/${encodeURIComponent(name)}?v=${encodeURIComponent(version)}`;

/** Where the server has it. */
export const recipePath = ({ kind, name, version }) => `/recipes/${[kind, name, version].map(encodeURIComponent).join("/")}`;

/** The next free number above a version: one step up. known: versions there are. */
export function nextVersion(version, known) {
  const [major, minor] = version.split(".").map(Number);
  let step = minor + 1;
  while (known.includes(`${major}.${step}.0`)) step += 1;
  return `${major}.${step}.0`;
}

/** What the header of a file says it is; null when it does not say. */
export function headerOf(text) {
  const of = (key) => new RegExp(`^${key}:[ \\t]*["']?([^"'#\\s]+)`, "m").exec(text)?.[1];
  const [kind, name, version] = ["kind", "name", "version"].map(of);
  return kind && name && version ? { kind, name, version } : null;
}

/** A tag of a recipe with its full name: what begins with a point belongs to the station. */
export const fullName = (tag, prefix) => (tag.startsWith(".") ? prefix + tag : tag);

/** Kinds in the order given, names, newest version first. rows: {kind, name, version}. */
export function inOrder(rows, kinds) {
  const numbers = (row) => row.version.split(".").map(Number);
  const newer = (a, b) => numbers(b).map((n, k) => n - numbers(a)[k]).find((d) => d !== 0) ?? 0;
  const place = (row) => (kinds.includes(row.kind) ? kinds.indexOf(row.kind) : kinds.length);
  return [...rows].sort((a, b) => place(a) - place(b) || (a.name < b.name ? -1 : a.name > b.name ? 1 : newer(a, b)));
}
