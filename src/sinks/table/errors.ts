import { defineErrors } from '../../support/errors.ts';

export const tableErrors = defineErrors({
  TABLE_BUSY: {
    decision: 'retry',
    help: 'Another process is writing to the database file for long; nothing needs to be done unless this goes on.',
  },
  TABLE_FULL: {
    decision: 'retry',
    help: 'Free disk space where the database file lies; loading then goes on by itself.',
  },
  TABLE_FAILED: {
    decision: 'stop',
    help: 'The disk did not take a read or a write. Check the disk and its file system, then restart the connector.',
  },
  TABLE_UNUSABLE: {
    decision: 'stop',
    help: 'Check that the path of the table is right, and that this user may write to the file and its directory.',
  },
  TABLE_VERSION_UNKNOWN: {
    decision: 'stop',
    help: 'Use the version of Millrace that wrote the file, or give the table another path.',
  },
  TABLE_OWNERSHIP_LOST: {
    decision: 'retry',
    help: 'Another writer has taken the partition over; nothing needs to be done.',
  },
  TABLE_TOPIC_REPLACED: {
    decision: 'stop',
    help: 'The topic was deleted and made anew. Delete its row from the table "position" to load the new one as well.',
  },
  TABLE_POSITION_OUT_OF_RANGE: {
    decision: 'stop',
    help: 'Records between the table and the log are missing. Find out why, then delete the row from the table "position".',
  },
});
