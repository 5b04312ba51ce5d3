import { defineErrors } from '../support/errors.ts';

export const loaderErrors = defineErrors({
  CONSUMER_STALLED: {
    decision: 'retry',
    help: 'The connector reads anew by itself; if this repeats, look at the network between this process and the log.',
  },
  DEAD_LETTER_REFUSED: {
    decision: 'stop',
    help: 'The log takes no dead letters of this connector. Look at the settings of the topic that the message names, and at the rights of the user in the log; then restart the connector.',
  },
  LOG_CUT: {
    decision: 'retry',
    help: 'Kafka lost records that had been read: a leader was elected uncleanly, or a broker lost its disk. Use several replicas and "min.insync.replicas".',
  },
  RECORD_NOT_TOLERATED: {
    decision: 'stop',
    help: 'Mend the store or the mapping and restart the connector; with "tolerance: all" such records go to the dead letters.',
  },
  REPLAY_UNDER_WAY: {
    decision: 'retry',
    help: 'Wait until it is done: "GET /api/connectors/NAME/replay" says how far it is, and DELETE ends it.',
  },
  REPLAY_WOULD_DOUBLE: {
    decision: 'refuse',
    help: 'Files hold records without asking what is there. "millrace verify NAME" tells whether any is missing; "millrace deadletters replay NAME" gives back what was refused.',
  },
});
