/** What a tag may be given: properties of the element, and data attributes. */
interface Given {
  readonly class?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly title?: string;
  readonly label?: string;
}

/** Makes an element. Children that are strings become text, never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  given: Given = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (given.class) element.className = given.class;
  if (given.title) element.title = given.title;
  if (given.label) element.ariaLabel = given.label;
  Object.assign(element.dataset, given.data);
  element.append(...children);
  return element;
}

/** The element with this id; the page and its scripts ship together, so it is there. */
export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const LONGEST_SHOWN = 200;

/**
 * A value that came from a visitor: as text, isolated so that its direction marks turn nothing
 * around outside it, and clipped; the details show all of it.
 */
export function foreign(value: string): HTMLElement {
  const characters = [...value.slice(0, LONGEST_SHOWN * 2)];
  const clipped = characters.length > LONGEST_SHOWN || value.length > LONGEST_SHOWN * 2;
  const shown = clipped ? `${characters.slice(0, LONGEST_SHOWN).join('')}…` : value;
  return make('bdi', { class: 'foreign', ...(clipped ? { data: { clipped: 'true' } } : {}) }, shown);
}

export function button(text: string, onClick: () => void, label?: string): HTMLButtonElement {
  const made = make('button', label === undefined ? {} : { label }, text);
  made.type = 'button';
  made.addEventListener('click', onClick);
  return made;
}
