import { defineErrors, MillraceError } from '../../support/errors.ts';

export const filesErrors = defineErrors({
  FILES_CHAIN_MISSING: {
    decision: 'stop',
    help: 'The log says that this connector has loaded records, but its folder "_millrace" does not. Point the path back to where the files were, or reset the position of the connector in the log to load everything again.',
  },
  FILES_OWNER_MISMATCH: {
    decision: 'stop',
    help: 'Give each connector, and each log, a path of its own.',
  },
  FILES_TOPIC_UNKNOWN: {
    decision: 'retry',
    help: 'Create the topic in the log, or take it out of the topics of the connector.',
  },
  FILES_TOPIC_RECREATED: {
    decision: 'stop',
    help: 'The topic was deleted and made anew. Set "gaps: record" to start loading the new one; what was loaded from the old one stays.',
  },
  FILES_RECORDS_EXPIRED: {
    decision: 'stop',
    help: 'The log dropped records before they were loaded. Set "gaps: record" to note what is missing and go on, and lengthen the retention of the topic.',
  },
  FILES_AHEAD_OF_LOG: {
    decision: 'stop',
    help: 'The log ends before what was already loaded: it was cut or restored from an older copy. Restore the log, or load into a new path.',
  },
  FILES_TAKEN_OVER: {
    decision: 'retry',
    help: 'Another writer has the partition now; nothing needs to be done.',
  },
  FILES_MANIFEST_UNREADABLE: {
    decision: 'stop',
    help: 'The newest manifest of the partition is damaged. Restore it from a copy; an older one must not be used in its place.',
  },
  FILES_DATA_MISSING: {
    decision: 'stop',
    help: 'A committed file is neither at its place nor waiting to be moved there. Restore it from a copy; it is named in the message.',
  },
  FILES_PATH_OCCUPIED: {
    decision: 'stop',
    help: 'Something else stands where a committed file must go. Move it away, then start the connector again.',
  },
  FILES_LENGTH_MISMATCH: {
    decision: 'retry',
    help: 'The store kept another number of bytes than were sent; the records are written again.',
  },
  FILES_GONE: {
    decision: 'retry',
    help: 'A temporary file was removed, as a new owner of the partition does; nothing needs to be done.',
  },
  FILES_DISK_FULL: {
    decision: 'retry',
    help: 'Free space where the files are stored; loading goes on by itself.',
  },
  FILES_NOT_PERMITTED: {
    decision: 'stop',
    help: 'Let the user that runs Millrace write below the path of the files.',
  },
  FILES_STORE_UNFIT: {
    decision: 'stop',
    help: 'Put the path on a file system with hard links, such as ext4, XFS, APFS or NTFS.',
  },
  FILES_STORE_FAILED: {
    decision: 'stop',
    help: 'The disk did not take a write. Check the disk and its file system, then start the connector again: it recovers by itself.',
  },
  FILES_STORE_UNAVAILABLE: {
    decision: 'retry',
    help: 'Check that the store can be reached; what was not stored is tried again.',
  },
  RECORD_NOT_A_JSON_LINE: {
    decision: 'dead-letter',
    help: 'Send one JSON object without line breaks as the value of a record.',
  },
});

/** Whether an error says that a file is not there (any more). */
export function isGone(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'FILES_GONE';
}
