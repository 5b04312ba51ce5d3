import { MillraceError, messageOf, toPlainError } from '../support/errors.ts';

/** Where a command writes to; a test gives its own. */
export interface Streams {
  out(text: string): void;
  error(text: string): void;
  readonly isTerminal: boolean;
}

export const processStreams: Streams = {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  isTerminal: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
};

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';
const STYLES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

/** A command's answers: text for people, JSON for machines, colour only on a terminal. */
export class Output {
  readonly json: boolean;
  readonly #streams: Streams;

  constructor(streams: Streams, json: boolean) {
    this.#streams = streams;
    this.json = json;
  }

  get isTerminal(): boolean {
    return this.#streams.isTerminal;
  }

  line(text = ''): void {
    this.#streams.out(`${text}\n`);
  }

  /** One value on one line of JSON, safe for a terminal: what `printable` writes are JSON's own escapes. */
  value(value: unknown): void {
    this.line(printable(JSON.stringify(value)));
  }

  /** Shows how far a long piece of work is, in place of what was shown before; '' ends it. For a terminal only. */
  progress(text: string): void {
    this.#streams.error(`\r\u001b[K${text}`);
  }

  note(text: string): void {
    this.#streams.error(`${text}\n`);
  }

  style(style: Style, text: string): string {
    return this.#streams.isTerminal ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;
  }

  /** Aligned columns; cells are made safe for a terminal. */
  table(heads: readonly string[], rows: readonly (readonly string[])[]): void {
    const safe = rows.map((row) => row.map(printable));
    const widths = heads.map((head, column) => Math.max(head.length, ...safe.map((row) => row[column]?.length ?? 0)));
    const align = (row: readonly string[]) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd();
    this.line(this.style('bold', align(heads)));
    for (const row of safe) this.line(align(row));
  }

  /** What happened, and what to do about it. */
  failure(error: unknown): void {
    if (this.json) {
      const { message, code = 'INTERNAL', help = '' } = toPlainError(error);
      this.value({ error: { code, message, help } });
      return;
    }
    const help = error instanceof MillraceError ? `\n${error.help}` : '';
    this.note(`${this.style('red', 'millrace:')} ${printable(messageOf(error))}${help}`);
  }
}

/**
 * Text that can't steer a terminal: control characters, and the marks that turn the direction of
 * writing round, are shown as escapes.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
}
