/**
 * What a word is, the same for what is stored and for what is asked. SQLite's own tokenizer knows
 * the Unicode of 2012; so words are folded and parted here, and its `ascii` tokenizer, which
 * takes everything beyond ASCII as a letter, only cuts at what is left: ASCII that is no letter or digit.
 */
const NOT_A_WORD = /[^\p{L}\p{N}\p{M}\p{Co}]+/gu;
const BEYOND_ASCII = /[^\0-\x7f]/;

/**
 * Text as SQLite's `ascii` tokenizer takes it: letters beyond ASCII in one case and one form, and
 * spaces for whatever else is there that is not part of a word. ASCII it folds and parts itself.
 */
export function foldWords(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text;
  // A sigma at a word's end has a form of its own, which a prefix of the word would not have.
  const folded = text.toLowerCase().normalize('NFC').replaceAll('ς', 'σ');
  return folded.replace(NOT_A_WORD, ' ');
}

export interface Word {
  /** Folded. */
  readonly word: string;
  /** Matches every word that starts with it. */
  readonly prefix: boolean;
}

/** The words of a question: parted by anything, the last of a term being a prefix if `*` follows it. */
export function wordsAsked(text: string): readonly Word[] {
  return text.split(/\s+/u).flatMap((term) => {
    const folded = foldWords(term.endsWith('*') ? term.slice(0, -1) : term).toLowerCase();
    const words = folded.split(NOT_A_WORD).filter(Boolean);
    const prefix = term.endsWith('*') && folded.endsWith(words.at(-1) ?? ' ');
    return words.map((word, i) => ({ word, prefix: prefix && i === words.length - 1 }));
  });
}

/** The words in a text that `foldWords` returned. */
export function wordsOf(folded: string): readonly string[] {
  return folded.toLowerCase().split(NOT_A_WORD).filter(Boolean);
}
