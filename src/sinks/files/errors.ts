import { defineErrors, MillraceError } from '../../support/errors.ts';

export const filesErrors = defineErrors({
  FILES_CHAIN_MISSING: {
    decision: 'stop',
    help: 'The log says that this connector has loaded records, but its folder "_millrace" does not. Point the path back to where the files were. To leave them behind, stop loading and run "millrace adopt NAME": the connector then goes on here from its position in the log, or with "--from earliest" from the first record that the log still has.',
  },
  FILES_ADOPT_WOULD_DOUBLE: {
    decision: 'refuse',
    help: 'Files that already hold what would be loaded next stand in the path. Move the file that the message names away with all others of its partition, restore "_millrace" from a copy, or load into a new path.',
  },
  FILES_REWIND_WOULD_DOUBLE: {
    decision: 'refuse',
    help: 'Files hold records without asking what is there. To load them again, make a connector with another name and another path.',
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
    help: 'The log ends before what was already loaded: it was cut or restored from an older copy. Restore the log, or load into a new path, which "millrace adopt NAME --from earliest" begins.',
  },
  FILES_LOG_CUT: {
    decision: 'stop',
    help: 'Records that were loaded are no longer in the log, and others may have their offsets, which would be passed over: brokers lost data, or an older copy was restored. Restore the log, or load into a new path, which "millrace adopt NAME --from earliest" begins.',
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
    help: 'A file of the last commit, which the message names, is neither at its place nor waiting to be moved there. Restore it from a copy. If it was moved or deleted on purpose, stop loading and run "millrace adopt NAME", which passes over it.',
  },
  FILES_PATH_OCCUPIED: {
    decision: 'stop',
    help: 'Something else stands where a committed file must go. Move it away, then start the connector again.',
  },
  FILES_MERGED_MEANWHILE: {
    decision: 'retry',
    help: 'Files were merged while they were compared. Run verify again once the compaction is over.',
  },
  FILES_JOIN_REFUSED: {
    decision: 'refuse',
    help: 'HDFS does not join these files, as the message says: they are in a snapshot, for instance. They stay as they are, and hold each record once; "millrace compact" joins them when it is possible.',
  },
  FILES_COMPACT_UNFIT: {
    decision: 'stop',
    help: 'Only JSON lines that were loaded exactly once can be merged: Parquet files would have to be written anew, and files without manifests do not say what they hold.',
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
    help: 'A local path must be on a file system with hard links, such as ext4, XFS, APFS or NTFS; HDFS must honour "renameoptions", which HttpFS does not.',
  },
  FILES_STORE_FAILED: {
    decision: 'stop',
    help: 'The disk did not take a write. Check the disk and its file system, then start the connector again: it recovers by itself.',
  },
  FILES_STORE_UNAVAILABLE: {
    decision: 'retry',
    help: 'Check that the store can be reached; what was not stored is tried again.',
  },
  FILES_HDFS_SAFE_MODE: {
    decision: 'retry',
    help: 'The NameNode has not heard of enough blocks yet, or was put into safe mode: see "hdfs dfsadmin -safemode get". Loading goes on by itself once it is left.',
  },
  FILES_HDFS_STANDBY: {
    decision: 'retry',
    help: 'None of the NameNodes is active: check "hdfs haadmin -getAllServiceState". Loading goes on by itself.',
  },
  FILES_HDFS_NO_DATANODE: {
    decision: 'retry',
    help: 'No DataNode takes blocks: check that they run, can be reached from here, and have space ("hdfs dfsadmin -report"). Loading goes on by itself.',
  },
  FILES_HDFS_QUOTA: {
    decision: 'stop',
    help: 'Raise the quota of the folder ("hdfs dfs -count -q"), or make room, then start the connector again.',
  },
  FILES_HDFS_QUOTA_LOW: {
    decision: 'retry',
    help: 'Loading stops when the quota is used up: raise it ("hdfs dfsadmin -setQuota", "-setSpaceQuota"), make room, or merge small files ("millrace compact"); of space a smaller "blockSize" takes less while files are written.',
  },
  FILES_HDFS_USER: {
    decision: 'stop',
    help: 'Set "user" to one that may write below the path, or give a token or password if HDFS asks who we are.',
  },
  FILES_HDFS_TLS: {
    decision: 'stop',
    help: 'Name in "ca" a readable PEM file with the authority that signed the certificate, and in "namenodes" the host that the certificate is for.',
  },
  FILES_HDFS_REDIRECT: {
    decision: 'stop',
    help: 'The NameNode sends data to a host that "redirectHosts" does not name, or from https to http. Add the host if it is one of yours.',
  },
  FILES_HDFS_REFUSED: {
    decision: 'stop',
    help: 'HDFS refuses the request itself, as the message says: check the path for names that it forbids, "replication" and "blockSize", and the version of HDFS or of the gateway.',
  },
  FILES_S3_NO_BUCKET: {
    decision: 'stop',
    help: 'Make the bucket, or correct "bucket", "region" and "endpoint".',
  },
  FILES_S3_CREDENTIALS: {
    decision: 'stop',
    help: 'Check the key, its secret and its token, or what AWS tools would find in the environment and files; a temporary key may have expired.',
  },
  FILES_S3_NO_CREDENTIALS: {
    decision: 'retry',
    help: 'Set "accessKeyId" and "secretAccessKey", or give credentials where AWS tools look: environment, files, the metadata service of the machine. It is looked again by itself.',
  },
  FILES_S3_TLS: {
    decision: 'stop',
    help: 'Name in "ca" a readable PEM file with the authority that signed the certificate, and in "endpoint" the host that the certificate is for.',
  },
  FILES_S3_REGION: {
    decision: 'stop',
    help: 'Set "region" to that of the bucket, and "endpoint" to an address of that region.',
  },
  FILES_S3_CLOCK: {
    decision: 'stop',
    help: "Set this machine's clock: S3 refuses requests signed more than 15 minutes off.",
  },
  FILES_S3_THROTTLED: {
    decision: 'retry',
    help: 'The service asks for fewer requests; loading goes on by itself. Longer "roll" times make fewer files.',
  },
  FILES_S3_LIFECYCLE: {
    decision: 'stop',
    help: 'Change the lifecycle rules of the bucket so that they neither end incomplete uploads below the prefix nor expire or archive its "_millrace/", and permit s3:GetLifecycleConfiguration.',
  },
  FILES_S3_UNFIT: {
    decision: 'stop',
    help: 'Use a service that honours If-None-Match on PUT, lists what was just written and keeps open uploads: AWS, or a current MinIO, Ceph or versitygw.',
  },
  FILES_S3_REFUSED: {
    decision: 'stop',
    help: 'S3 refuses the request itself: check the prefix and that the service supports multipart uploads.',
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

/** Whether an error says that files stay apart, as sound as before. */
export function isJoinRefused(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'FILES_JOIN_REFUSED';
}

/** Whether a file could not be read for a reason that lies not in the file: the store is to blame, or the reader stopped. */
export function isStoreTrouble(error: unknown): boolean {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return name === 'AbortError' || (typeof code === 'string' && code.startsWith('FILES_') && code !== 'FILES_GONE');
}
