import { decisionOf, defineErrors, MillraceError } from '../support/errors.ts';

export const operationsErrors = defineErrors({
  CONNECTOR_UNKNOWN: { decision: 'refuse', help: 'See the names of the connectors in GET /api/status.' },
  REPLAY_IMPOSSIBLE: { decision: 'refuse', help: 'Correct the event where it is made, and send it again.' },
  DEAD_LETTER_UNKNOWN: { decision: 'refuse', help: 'See the ids of the dead letters in GET /api/dead-letters.' },
  REQUEST_INVALID: { decision: 'refuse', help: 'See the parameters and their bounds in GET /openapi.json.' },
  NOT_FOUND: { decision: 'refuse', help: 'See what can be asked in GET /openapi.json.' },
  TOKEN_REQUIRED: {
    decision: 'refuse',
    help: 'Send the configured operations.token in the header "Authorization: Bearer …".',
  },
  HOST_REFUSED: {
    decision: 'refuse',
    help: 'Call the server by an IP address or localhost, or add the name to operations.hosts in the configuration.',
  },
  ORIGIN_REFUSED: {
    decision: 'refuse',
    help: 'Use the dashboard of this server itself, or a client that is no page in a browser.',
  },
  SEARCH_NOT_CONFIGURED: {
    decision: 'refuse',
    help: 'Add a connector with a "table" or "search" sink to the configuration.',
  },
  QUESTION_TIMED_OUT: { decision: 'retry', help: 'Ask about a shorter time, or with fewer conditions.' },
  OPERATIONS_BUSY: { decision: 'retry', help: 'Try again in a moment, or close other dashboards and tails.' },
  OPERATIONS_LISTEN_FAILED: {
    decision: 'stop',
    help: 'Choose another address or port in operations.listen, or stop what uses it.',
  },
  OPERATIONS_FAILED: { decision: 'retry', help: 'See the cause in the log of the program.' },
});

/** Codes whose HTTP status is not the one of their decision; codes of other tables are named as text. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  CONNECTOR_UNKNOWN: 404,
  TOPIC_UNKNOWN: 404,
  DEAD_LETTER_UNKNOWN: 404,
  NOT_FOUND: 404,
  REPLAY_IMPOSSIBLE: 409,
  REPLAY_UNDER_WAY: 409,
  TOKEN_REQUIRED: 401,
  HOST_REFUSED: 421,
  ORIGIN_REFUSED: 403,
  SEARCH_NOT_CONFIGURED: 404,
  QUESTION_TIMED_OUT: 504,
  OPERATIONS_FAILED: 500,
};

const STATUS_OF_DECISION = { retry: 503, refuse: 400, 'dead-letter': 400, stop: 500 } as const;

/** An error as every answer of the operations server carries it. */
export interface ErrorReply {
  readonly status: number;
  readonly body: { readonly error: { readonly code: string; readonly message: string; readonly help: string } };
}

/** What to answer for anything thrown. Errors without a code say nothing of themselves to a caller. */
export function toErrorReply(error: unknown): ErrorReply {
  const known = toKnown(error);
  const status = STATUS_OF_CODE[known.code] ?? STATUS_OF_DECISION[decisionOf(known)];
  return { status, body: { error: { code: known.code, message: known.message, help: known.help } } };
}

function toKnown(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  return operationsErrors.OPERATIONS_FAILED('The question could not be answered.');
}
