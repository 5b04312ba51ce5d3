import { isUntrusted } from '../../../../support/certificates.ts';
import type { ErrorMaker } from '../../../../support/errors.ts';
import { MillraceError, messageOf } from '../../../../support/errors.ts';
import { filesErrors } from '../../errors.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const BY_CODE: Readonly<Record<string, ErrorMaker>> = {
  NoSuchKey: filesErrors.FILES_GONE,
  NoSuchUpload: filesErrors.FILES_GONE,
  NoSuchBucket: filesErrors.FILES_S3_NO_BUCKET,
  InvalidAccessKeyId: filesErrors.FILES_S3_CREDENTIALS,
  SignatureDoesNotMatch: filesErrors.FILES_S3_CREDENTIALS,
  InvalidToken: filesErrors.FILES_S3_CREDENTIALS,
  ExpiredToken: filesErrors.FILES_S3_CREDENTIALS,
  CredentialsProviderError: filesErrors.FILES_S3_NO_CREDENTIALS,
  AccessDenied: filesErrors.FILES_NOT_PERMITTED,
  PermanentRedirect: filesErrors.FILES_S3_REGION,
  AuthorizationHeaderMalformed: filesErrors.FILES_S3_REGION,
  IllegalLocationConstraintException: filesErrors.FILES_S3_REGION,
  RequestTimeTooSkewed: filesErrors.FILES_S3_CLOCK,
  SlowDown: filesErrors.FILES_S3_THROTTLED,
  TooManyRequests: filesErrors.FILES_S3_THROTTLED,
  ServiceUnavailable: filesErrors.FILES_S3_THROTTLED,
  // What the key service of encrypted buckets says, passed on with 400.
  ThrottlingException: filesErrors.FILES_S3_THROTTLED,
  Throttling: filesErrors.FILES_S3_THROTTLED,
  RequestLimitExceeded: filesErrors.FILES_S3_THROTTLED,
  RequestTimeout: filesErrors.FILES_STORE_UNAVAILABLE,
  // The connection was cut in the middle of a body.
  IncompleteBody: filesErrors.FILES_STORE_UNAVAILABLE,
  OperationAborted: filesErrors.FILES_STORE_UNAVAILABLE,
  ConditionalRequestConflict: filesErrors.FILES_STORE_UNAVAILABLE,
};

/** An answer to HEAD has no body, and so no code. */
const BY_STATUS: Readonly<Record<number, ErrorMaker>> = {
  301: filesErrors.FILES_S3_REGION,
  403: filesErrors.FILES_NOT_PERMITTED,
  404: filesErrors.FILES_GONE,
  408: filesErrors.FILES_STORE_UNAVAILABLE,
  409: filesErrors.FILES_STORE_UNAVAILABLE,
  429: filesErrors.FILES_S3_THROTTLED,
};

interface Answered {
  readonly name?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Characters of a message of the service that are shown. */
const SHOWN_CHARACTERS = 300;

/** What a failure of the SDK means to the protocol; no answer at all decides nothing. */
export function codeError(what: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const { name = '', $metadata: { httpStatusCode: status = 0 } = {} } = error as Answered;
  const detail = JSON.stringify(messageOf(error).slice(0, SHOWN_CHARACTERS));
  const message = `${what}: ${statusText(status)}${/^\w{1,60}$/.test(name) ? name : 'error'} ${detail}`;
  if (isUntrusted(error)) return filesErrors.FILES_S3_TLS(message, { cause: error });
  const known = Object.hasOwn(BY_CODE, name) ? BY_CODE[name] : BY_STATUS[status];
  const refused = status >= 400 && status < 500;
  const make = known ?? (refused ? filesErrors.FILES_S3_REFUSED : filesErrors.FILES_STORE_UNAVAILABLE);
  return make(message, { cause: error });
}

function statusText(status: number): string {
  return status === 0 ? '' : `${status} `;
}

/** The HTTP status of the answer behind an error; 0 if there was none. */
export function statusOf(error: unknown): number {
  const { cause } = error as { cause?: Answered };
  return cause?.$metadata?.httpStatusCode ?? 0;
}

/** The service's own code behind an error. */
export function nameOf(error: unknown): string {
  return (error as { cause?: Answered }).cause?.name ?? '';
}
