/** What the page sends, as `POST /v1/events` takes it. */
export interface SelectColor {
  /** Made once, and the same on every retry: the stores keep one copy an id. */
  readonly id: string;
  readonly type: 'select-color';
  readonly userName: string;
  /** A CSS colour name or a hex colour. */
  readonly colorName: string;
  /** When it was picked, RFC 3339. */
  readonly timestamp: string;
  readonly page: string;
}

export function selectColor(userName: string, colorName: string): SelectColor {
  return {
    id: randomId(),
    type: 'select-color',
    userName,
    colorName,
    timestamp: new Date().toISOString(),
    page: location.pathname,
  };
}

/** A version 4 UUID. Browsers offer `randomUUID` on https and localhost only; random bytes they offer everywhere. */
function randomId(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** These are CSS colour values, but no colours of their own. */
const KEYWORDS = new Set(['currentcolor', 'inherit', 'initial', 'revert', 'revert-layer', 'unset', 'transparent']);

/** Whether a word is a CSS colour name or a hex colour. */
export function isColour(word: string): boolean {
  const wellFormed = /^(#[0-9a-f]{3,8}|[a-z]{3,40})$/i.test(word) && !KEYWORDS.has(word.toLowerCase());
  return wellFormed && CSS.supports('color', word);
}
