import { defineErrors } from '../support/errors.ts';

export const logErrors = defineErrors({
  LOG_IN_USE: {
    decision: 'stop',
    help: 'Stop the other process, or give this one a data directory of its own ("data" in the configuration).',
  },
  LOG_FAILED: {
    decision: 'stop',
    help: 'The disk did not take a write. Check the disk and its file system, then start Millrace again: it recovers by itself.',
  },
  LOG_FULL: {
    decision: 'retry',
    help: 'Free disk space below the data directory, or lower the retention of the log.',
  },
  LOG_CORRUPT: {
    decision: 'stop',
    help: 'Restore the log from a copy, or move it away to start a new one.',
  },
  LOG_UNAVAILABLE: {
    decision: 'retry',
    help: 'Check that the log is running and can be reached; what was not stored is tried again.',
  },
  LOG_CLOSED: { decision: 'refuse', help: 'The program is stopping; try again when it is up.' },
  TOPIC_UNKNOWN: {
    decision: 'dead-letter',
    help: 'Add the topic to "topics" in the configuration, or create it in the log.',
  },
  TOPIC_NAME_INVALID: {
    decision: 'refuse',
    help: 'Use 1 to 249 letters, digits, dots, underscores and hyphens, and neither "." nor "..".',
  },
  RECORD_TOO_LARGE: {
    decision: 'dead-letter',
    help: 'Lower collector.limits.eventBytes, or raise what the log takes.',
  },
  RECORD_REFUSED: {
    decision: 'dead-letter',
    help: "Look at the topic's settings in the log, such as message.timestamp.after.max.ms and the cluster's policies.",
  },
  NOT_AUTHORIZED: {
    decision: 'dead-letter',
    help: "Give the program's user the right to do this in the log (Kafka: an ACL).",
  },
  POSITION_BEYOND_LOG: {
    decision: 'retry',
    help: 'If a replica of the log is behind, it is waited for. If the records are lost, set the position back: stop the connector, then PATCH or DELETE /connectors/NAME/offsets.',
  },
  PARTITION_NOT_OWNED: {
    decision: 'retry',
    help: 'Another member of the group has the partition now; nothing needs to be done.',
  },
  GROUP_HAS_MEMBERS: { decision: 'refuse', help: 'Stop the connector first, then change its positions.' },
});
