import { defineErrors } from '../../../support/errors.ts';

export const postgresErrors = defineErrors({
  POSTGRES_UNREACHABLE: {
    decision: 'retry',
    help: 'Check that the server runs and that its address is right; loading goes on by itself once it answers.',
  },
  POSTGRES_SLOW: {
    decision: 'retry',
    help: 'The server, or the way to it, is slower than the deadlines of the connector. Raise "statementTimeout" if this goes on.',
  },
  POSTGRES_BUSY: {
    decision: 'retry',
    help: 'Other transactions hold what this one needs; nothing needs to be done unless this goes on.',
  },
  POSTGRES_FULL: {
    decision: 'retry',
    help: 'The server has no room, memory or connections left. Give it more; loading then goes on by itself.',
  },
  POSTGRES_UNAUTHORIZED: {
    decision: 'stop',
    help: 'Correct user, password and database in the "url" of the connector, then restart it.',
  },
  POSTGRES_FORBIDDEN: {
    decision: 'stop',
    help: 'Give the user of the connector the rights that docs/postgres.md lists, then restart the connector.',
  },
  POSTGRES_TLS_FAILED: {
    decision: 'stop',
    help: 'Set "tls" of the connector as the server needs it: its "ca", or no encryption where the server has none.',
  },
  POSTGRES_TOO_OLD: { decision: 'stop', help: 'Use PostgreSQL 14 or later.' },
  POSTGRES_TABLE_UNSUITABLE: {
    decision: 'stop',
    help: 'Make the table as docs/postgres.md describes it, or name another one, then restart the connector.',
  },
  POSTGRES_REFUSED: {
    decision: 'stop',
    help: 'The server does not do what it is asked, for the reason in the message. Mend that, then restart the connector.',
  },
  EVENT_NOT_STORABLE: {
    decision: 'dead-letter',
    help: 'PostgreSQL holds no NUL, no half of a surrogate pair, and no number beyond a double. Correct the event.',
  },
  EVENT_REFUSED_BY_TABLE: {
    decision: 'dead-letter',
    help: "The server's code stands in the dead letter. Correct the event, or what was added to the table, then replay it.",
  },
});
