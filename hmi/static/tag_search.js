// Finding tags by what people type. Pure.

/** Tags whose name or words have every word that was typed; in either language. */
export function matching(tags, typed, words = (text) => text) {
  const parts = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return tags.filter((tag) => {
    const text = `${tag.n} ${tag.tx} ${words(tag.tx)}`.toLowerCase();
    return parts.every((part) => text.includes(part));
  });
}
