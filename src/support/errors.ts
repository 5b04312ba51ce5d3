/**
 * Errors with a code. The code carries the decision that the code above takes, so that nothing
 * ever has to look into a message.
 *
 * - `retry`: the same call may succeed later; nothing was decided.
 * - `dead-letter`: this record will never be taken; the others will.
 * - `stop`: a person must act; going on would lose or double something.
 * - `refuse`: the caller asked for something wrong; nothing happened.
 */
export type Decision = 'retry' | 'dead-letter' | 'stop' | 'refuse';

/** What a code means to whoever meets it. */
export interface ErrorMeaning {
  readonly decision: Decision;
  /** One sentence on what to do about it. */
  readonly help: string;
}

/** An error that a user can meet: what happened (message), what it is (code), what to do (help). */
export class MillraceError extends Error {
  readonly code: string;
  readonly decision: Decision;
  readonly help: string;

  constructor(code: string, meaning: ErrorMeaning, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MillraceError';
    this.code = code;
    this.decision = meaning.decision;
    this.help = meaning.help;
  }
}

/** Makes an error of one code; `message` is one sentence on what happened. */
export interface ErrorMaker {
  (message: string, options?: ErrorOptions): MillraceError;
  readonly meaning: ErrorMeaning;
}

/**
 * One table of coded errors becomes one maker a code: `errors.LOG_IN_USE('…')`.
 * Docs are generated from the tables. A code means one decision, wherever it is met.
 */
export function defineErrors<const T extends Readonly<Record<string, ErrorMeaning>>>(
  table: T,
): Readonly<Record<keyof T & string, ErrorMaker>> {
  const makers = Object.entries(table).map(([code, meaning]) => {
    const make = (message: string, options?: ErrorOptions) => new MillraceError(code, meaning, message, options);
    return [code, Object.assign(make, { meaning })] as const;
  });
  return Object.fromEntries(makers) as Record<keyof T & string, ErrorMaker>;
}

/** What to do about any error: an unknown one is retried, since it decided nothing. */
export function decisionOf(error: unknown): Decision {
  return error instanceof MillraceError ? error.decision : 'retry';
}

/** The message of anything thrown, for a log line or a status. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error as it crosses a thread or a wire; structured clone would lose the code. */
export interface PlainError {
  readonly message: string;
  readonly code?: string;
  readonly decision?: Decision;
  readonly help?: string;
}

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof MillraceError)) return { message: messageOf(error) };
  return { message: error.message, code: error.code, decision: error.decision, help: error.help };
}

export function fromPlainError(plain: PlainError): Error {
  if (plain.code === undefined) return new Error(plain.message);
  const meaning = { decision: plain.decision ?? 'retry', help: plain.help ?? '' };
  return new MillraceError(plain.code, meaning, plain.message);
}
