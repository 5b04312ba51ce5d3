/** What HDFS answers, and what it means. Nearly every error is a 403: the name of the exception decides. */
import { isUntrusted } from '../../../../support/certificates.ts';
import { MillraceError, messageOf } from '../../../../support/errors.ts';
import { filesErrors } from '../../errors.ts';
import type { HttpAnswer } from './http.ts';

/** As much of an exception's message as is passed on. DataNodes send a Java stack along. */
const SHOWN_CHARACTERS = 300;

/** An answer that is no success, as the exception that HDFS names in it. */
export class RemoteException extends Error {
  override readonly name = 'RemoteException';
  readonly status: number;
  /** The name of the Java class without its package; empty if the answer is not from HDFS. */
  readonly exception: string;

  constructor(status: number, exception: string, message: string) {
    super(message);
    this.status = status;
    this.exception = exception;
  }

  /** Another NameNode may be the active one. */
  get isStandby(): boolean {
    if (this.exception === 'StandbyException') return true;
    return this.exception === 'RetriableException' && !this.isSafeMode;
  }

  /** In a highly available pair it hides in the message of another exception. */
  get isSafeMode(): boolean {
    if (this.exception === 'SafeModeException') return true;
    return this.exception === 'RetriableException' && /safe ?mode/i.test(this.message);
  }

  /** A bare 404 is not one: a gateway that has lost its way knows nothing of files. */
  get isNotFound(): boolean {
    return this.exception === 'FileNotFoundException';
  }
}

export function remoteException({ status, body }: HttpAnswer): RemoteException {
  try {
    const { RemoteException: remote } = JSON.parse(body.toString('utf8')) as {
      RemoteException?: { exception?: unknown; message?: unknown };
    };
    if (remote) return new RemoteException(status, String(remote.exception), shown(String(remote.message)));
  } catch {
    // Not from HDFS: a gateway, or a proxy.
  }
  return new RemoteException(status, '', `HTTP status ${status}`);
}

const UNAUTHENTICATED = 401;

/** By the name of the exception; what is not here may pass by itself. */
const MEANINGS = new Map<string, keyof typeof filesErrors>(
  Object.entries({
    AccessControlException: 'FILES_NOT_PERMITTED',
    AuthorizationException: 'FILES_NOT_PERMITTED',
    SecurityException: 'FILES_HDFS_USER',
    AuthenticationException: 'FILES_HDFS_USER',
    InvalidToken: 'FILES_HDFS_USER',
    NSQuotaExceededException: 'FILES_HDFS_QUOTA',
    DSQuotaExceededException: 'FILES_HDFS_QUOTA',
    QuotaByStorageTypeExceededException: 'FILES_HDFS_QUOTA',
    QuotaExceededException: 'FILES_HDFS_QUOTA',
    InvalidPathException: 'FILES_HDFS_REFUSED',
    IllegalArgumentException: 'FILES_HDFS_REFUSED',
    HadoopIllegalArgumentException: 'FILES_HDFS_REFUSED',
    SnapshotException: 'FILES_HDFS_REFUSED',
    UnsupportedOperationException: 'FILES_HDFS_REFUSED',
    PathIsNotDirectoryException: 'FILES_HDFS_REFUSED',
    ParentNotDirectoryException: 'FILES_HDFS_REFUSED',
    FileNotFoundException: 'FILES_GONE',
  } as const),
);

/** How HDFS says that no DataNode takes or has a block, in the message of a plain IOException. */
const NO_DATANODE =
  /could only be written to 0 of the|Failed to find datanode|could only be replicated to 0 nodes|No active and not excluded nodes contain this block/;

/** How it says that it will never make such files, likewise. */
const NEVER = /^(Requested replication factor|Specified block size)/;

/** The error that a user meets; `what` is what was tried. */
export function codedError(what: string, error: RemoteException): MillraceError {
  const message = `${what}: ${error.message}`;
  if (error.status === UNAUTHENTICATED) return filesErrors.FILES_HDFS_USER(message, { cause: error });
  if (error.isSafeMode) return filesErrors.FILES_HDFS_SAFE_MODE(message, { cause: error });
  if (error.isStandby) return filesErrors.FILES_HDFS_STANDBY(message, { cause: error });
  if (NO_DATANODE.test(error.message)) return filesErrors.FILES_HDFS_NO_DATANODE(message, { cause: error });
  if (NEVER.test(error.message)) return filesErrors.FILES_HDFS_REFUSED(message, { cause: error });
  const code = MEANINGS.get(error.exception) ?? 'FILES_STORE_UNAVAILABLE';
  return filesErrors[code](message, { cause: error });
}

/** The error that a user meets, of whatever a request failed with; the reason of the signal if that ended it. */
export function coded(what: string, error: unknown, signal: AbortSignal): unknown {
  if (error instanceof MillraceError) return error;
  if (error instanceof RemoteException) return codedError(what, error);
  if (signal.aborted) return signal.reason;
  if (isUntrusted(error) || isUntrusted((error as Error).cause ?? {})) {
    return filesErrors.FILES_HDFS_TLS(`${what}: ${messageOf(error)}`, { cause: error });
  }
  return filesErrors.FILES_STORE_UNAVAILABLE(`${what}: ${messageOf(error)}`, { cause: error });
}

export function isNotFound(error: unknown): boolean {
  const cause = error instanceof MillraceError ? error.cause : error;
  return cause instanceof RemoteException && cause.isNotFound;
}

function shown(message: string): string {
  const [line = ''] = message.split('\n');
  return line.replaceAll(/[\u0000-\u001f\u007f]/g, ' ').slice(0, SHOWN_CHARACTERS);
}
