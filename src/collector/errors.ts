import type { EventFault } from '../event/errors.ts';
import { EVENT_FAULTS, eventError } from '../event/errors.ts';
import type { ErrorMeaning, MillraceError } from '../support/errors.ts';
import { defineErrors } from '../support/errors.ts';

/** What can be wrong with a request, and the status that says so. */
const FAULTS = {
  HTTP_INVALID: {
    status: 400,
    decision: 'refuse',
    message: 'This is not an HTTP/1.1 request.',
    help: 'Check the client, and any proxy between.',
  },
  QUERY_INVALID: {
    status: 400,
    decision: 'refuse',
    message: 'The query of the URL is not valid percent-encoded UTF-8.',
    help: 'Encode values with encodeURIComponent.',
  },
  COLOR_MISSING: {
    status: 400,
    decision: 'refuse',
    message: 'The parameter "color" is missing.',
    help: 'Call /api/select?color=red&user=name.',
  },
  BODY_EMPTY: {
    status: 400,
    decision: 'refuse',
    message: 'The body holds no event.',
    help: 'Send one JSON object, an array of them, or one a line.',
  },
  COMPRESSION_INVALID: {
    status: 400,
    decision: 'refuse',
    message: 'The body could not be decompressed.',
    help: 'Compress the whole body with what Content-Encoding names.',
  },
  SCHEMA_MISMATCH: {
    status: 400,
    decision: 'refuse',
    message: 'The event does not match the schema of its type.',
    help: 'Compare it with the schema in the configuration; the event is kept among the dead letters.',
  },
  LOG_REFUSED: {
    status: 400,
    decision: 'refuse',
    message: 'The log does not take this event.',
    help: 'Send a smaller event, or ask whoever runs the collector: its own log says more.',
  },
  NOT_FOUND: {
    status: 404,
    decision: 'refuse',
    message: 'There is nothing at this path.',
    help: 'See /openapi.json for the paths there are.',
  },
  EVENT_UNKNOWN: {
    status: 404,
    decision: 'refuse',
    message: 'No event with this id has been seen lately.',
    help: 'Ask within minutes of sending, with the id that was sent.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    decision: 'refuse',
    message: 'This path does not know this method.',
    help: 'The header Allow names those it does.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    decision: 'retry',
    message: 'The request took too long to arrive.',
    help: 'Send again; on slow lines send smaller batches, or raise collector.limits.requestTime.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    decision: 'refuse',
    message: 'The body has too many bytes.',
    help: 'Send smaller batches, or raise collector.limits.bodyBytes or inflatedBytes.',
  },
  BATCH_TOO_LONG: {
    status: 413,
    decision: 'refuse',
    message: 'The batch has too many events.',
    help: 'Send smaller batches, or raise collector.limits.batchEvents.',
  },
  URL_TOO_LONG: {
    status: 414,
    decision: 'refuse',
    message: 'The URL is too long.',
    help: 'Send the event as the body of POST /v1/events, or raise collector.limits.urlBytes.',
  },
  TYPE_UNSUPPORTED: {
    status: 415,
    decision: 'refuse',
    message: 'The content type of the body is not taken.',
    help: 'Send application/json, application/x-ndjson or text/plain, in UTF-8.',
  },
  ENCODING_UNSUPPORTED: {
    status: 415,
    decision: 'refuse',
    message: 'The content encoding of the body is not taken.',
    help: 'Send the body as it is, or compressed once with gzip, deflate, br or zstd.',
  },
  EXPECTATION_UNSUPPORTED: {
    status: 417,
    decision: 'refuse',
    message: 'The only expectation that is met is 100-continue.',
    help: 'Leave out the header Expect.',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    decision: 'retry',
    message: 'This client asks too often.',
    help: 'Wait as long as Retry-After says.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    decision: 'refuse',
    message: 'The headers are too large.',
    help: 'Send smaller cookies, or raise collector.limits.headerBytes.',
  },
  INTERNAL: {
    status: 500,
    decision: 'retry',
    message: 'Something failed here.',
    help: 'Send again, and look into the log of the collector.',
  },
  DISK_UNWRITABLE: {
    status: 503,
    decision: 'retry',
    message: 'The collector can not write to its disk.',
    help: 'Send again after a while. On the collector, make room on the disk of the data directory, or mend it.',
  },
  BUFFER_FULL: {
    status: 503,
    decision: 'retry',
    message: 'The collector is full.',
    help: 'Send again after Retry-After, with the same ids.',
  },
  SPOOL_FULL: {
    status: 503,
    decision: 'retry',
    message: 'The log cannot be reached, and the spool of the collector is full.',
    help: 'Send again after Retry-After, with the same ids; raise delivery.spool.bytes to bridge longer outages.',
  },
  STOPPING: {
    status: 503,
    decision: 'retry',
    message: 'The collector is stopping.',
    help: 'Send again after Retry-After, with the same ids.',
  },
  LOG_AWAY: {
    status: 503,
    decision: 'retry',
    message: 'The log cannot be reached.',
    help: 'Send again after Retry-After, with the same ids.',
  },
  DELIVERY_UNCERTAIN: {
    status: 503,
    decision: 'retry',
    message: 'The log has not confirmed the event in time; it may still arrive.',
    help: 'Send again after Retry-After, with the same id, so that one copy is kept.',
  },
  BODIES_FULL: {
    status: 503,
    decision: 'retry',
    message: 'Too many request bodies are arriving at once.',
    help: 'Send again after Retry-After, or raise collector.limits.heldBytes.',
  },
  CONNECTIONS_FULL: {
    status: 503,
    decision: 'retry',
    message: 'Too many connections are open.',
    help: 'Send again after Retry-After, or raise collector.limits.connections.',
  },
} as const satisfies Record<string, ErrorMeaning & { readonly status: number; readonly message: string }>;

export type RequestFault = keyof typeof FAULTS;

/** Everything that a client can be told. */
export type Fault = RequestFault | EventFault;

export const collectorErrors = defineErrors({
  ...FAULTS,
  LISTEN_FAILED: {
    decision: 'stop',
    help: 'Choose another address or port in collector.listen, or stop what uses it.',
  },
  SCHEMA_INVALID: {
    decision: 'stop',
    help: 'Correct the JSON Schema that the topic names.',
  },
  PROXY_INVALID: {
    decision: 'stop',
    help: 'Write collector.trustedProxies as addresses or networks, such as 10.0.0.1 or 10.0.0.0/8.',
  },
});

/** What turns requests away although nothing is wrong with them: counted apart from refusals. */
export const SHED_CAUSES = {
  BUFFER_FULL: 'buffer_full',
  SPOOL_FULL: 'spool_full',
  STOPPING: 'stopping',
  LOG_AWAY: 'log_away',
  DISK_UNWRITABLE: 'disk_unwritable',
  DELIVERY_UNCERTAIN: 'delivery_uncertain',
  BODIES_FULL: 'bodies_full',
  CONNECTIONS_FULL: 'connections_full',
  TOO_MANY_REQUESTS: 'too_many_requests',
} as const satisfies Partial<Record<RequestFault, string>>;

export const REQUEST_FAULTS = Object.keys(FAULTS) as readonly RequestFault[];
export const ALL_FAULTS: readonly Fault[] = [...REQUEST_FAULTS, ...EVENT_FAULTS];

export function isShed(fault: Fault): fault is keyof typeof SHED_CAUSES {
  return fault in SHED_CAUSES;
}

/** The HTTP status of a fault: for one of an event, that of a request which holds only this event. */
export function statusOf(fault: Fault): number {
  if (fault in FAULTS) return FAULTS[fault as RequestFault].status;
  return fault === 'EVENT_TOO_LARGE' ? 413 : 400;
}

/** The fault as an error, with its message and help. */
export function faultError(fault: Fault): MillraceError {
  if (fault in FAULTS) return collectorErrors[fault as RequestFault](FAULTS[fault as RequestFault].message);
  return eventError(fault as EventFault);
}

const MESSAGES = Object.fromEntries(ALL_FAULTS.map((fault) => [fault, faultError(fault).message])) as Record<
  Fault,
  string
>;

/** The fault in one sentence, without the cost of an error: a batch may hold many. */
export function reasonOf(fault: Fault): string {
  return MESSAGES[fault];
}
