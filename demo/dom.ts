// Finds the page's elements, typed and checked.
// SPDX-License-Identifier: MIT

/** The element of that id; throws when the page has none of that kind, which is a mistake in index.html. */
export function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
  return found;
}
