import type { FastifyError } from 'fastify';
import type { Decision } from '../../support/errors.ts';
import { defineErrors, MillraceError } from '../../support/errors.ts';

export const connectErrors = defineErrors({
  CONNECT_CONFIG_INVALID: {
    decision: 'refuse',
    help: 'Mend the listed keys; PUT /connector-plugins/{plugin}/config/validate lists them key by key.',
  },
  CONNECT_REQUEST_INVALID: { decision: 'refuse', help: 'See docs/connect.md.' },
  CONNECT_NOT_FOUND: { decision: 'refuse', help: 'See GET /connectors and GET /connector-plugins.' },
  CONNECT_METHOD_UNKNOWN: { decision: 'refuse', help: 'See docs/connect.md for the calls that there are.' },
  CONNECT_NOT_SERVED: { decision: 'refuse', help: 'Ask a process that loads: "millrace up" or "millrace load".' },
  CONNECTOR_OF_THE_FILE: { decision: 'refuse', help: 'Change it in the configuration file, and start Millrace again.' },
});

/** The form of Kafka Connect's errors. */
export interface ConnectError {
  readonly error_code: number;
  readonly message: string;
}

const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  CONNECT_NOT_FOUND: 404,
  CONNECT_METHOD_UNKNOWN: 405,
  CONNECT_NOT_SERVED: 404,
  LOGGER_UNKNOWN: 404,
  CONNECTOR_NOT_STORED: 404,
  CONNECTOR_EXISTS: 409,
  CONNECTORS_TOO_MANY: 409,
  // Of another worker, which has not let go yet.
  GROUP_HAS_MEMBERS: 409,
  CONNECTOR_CHANGING: 409,
  CONNECTOR_OF_THE_FILE: 409,
  // Of the server that the routes stand in.
  TOKEN_REQUIRED: 401,
  ORIGIN_REFUSED: 403,
  HOST_REFUSED: 421,
};

const STATUS_OF_DECISION: Readonly<Record<Decision, number>> = {
  retry: 503,
  refuse: 400,
  'dead-letter': 400,
  stop: 500,
};

/** Anything thrown, as an answer; what has no code says nothing of itself. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof MillraceError) {
    const status = STATUS_OF_CODE[error.code] ?? STATUS_OF_DECISION[error.decision];
    return { error_code: status, message: error.message };
  }
  const { statusCode = 500, message } = error as Partial<FastifyError>;
  if (statusCode >= 400 && statusCode < 500) return { error_code: statusCode, message: message ?? '' };
  return { error_code: 500, message: 'The request could not be answered; see the log of the program.' };
}
