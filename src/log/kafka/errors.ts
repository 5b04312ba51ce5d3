import type { ErrorMaker, MillraceError } from '../../support/errors.ts';
import { logErrors } from '../errors.ts';
import { protocolErrors, protocolErrorsCodesById } from './client.ts';

/**
 * What the codes in Kafka's answers mean to us. Those that are not here may pass by themselves, so
 * that the question is asked again, of whom the cluster names by then.
 * Source: https://kafka.apache.org/protocol#protocol_error_codes
 */
const MEANINGS: Readonly<Record<string, ErrorMaker>> = {
  UNKNOWN_TOPIC_OR_PARTITION: logErrors.TOPIC_UNKNOWN,
  UNKNOWN_TOPIC_ID: logErrors.TOPIC_UNKNOWN,
  INVALID_TOPIC_EXCEPTION: logErrors.TOPIC_NAME_INVALID,
  MESSAGE_TOO_LARGE: logErrors.RECORD_TOO_LARGE,
  RECORD_LIST_TOO_LARGE: logErrors.RECORD_TOO_LARGE,
  INVALID_TIMESTAMP: logErrors.RECORD_REFUSED,
  INVALID_RECORD: logErrors.RECORD_REFUSED,
  POLICY_VIOLATION: logErrors.RECORD_REFUSED,
  UNSUPPORTED_COMPRESSION_TYPE: logErrors.RECORD_REFUSED,
  TOPIC_AUTHORIZATION_FAILED: logErrors.NOT_AUTHORIZED,
  GROUP_AUTHORIZATION_FAILED: logErrors.NOT_AUTHORIZED,
  CLUSTER_AUTHORIZATION_FAILED: logErrors.NOT_AUTHORIZED,
  ILLEGAL_GENERATION: logErrors.PARTITION_NOT_OWNED,
  UNKNOWN_MEMBER_ID: logErrors.PARTITION_NOT_OWNED,
  FENCED_INSTANCE_ID: logErrors.PARTITION_NOT_OWNED,
  NON_EMPTY_GROUP: logErrors.GROUP_HAS_MEMBERS,
  GROUP_SUBSCRIBED_TO_TOPIC: logErrors.GROUP_HAS_MEMBERS,
};

/** Names of the codes that the code of this folder asks for. */
export const NO_ERROR = 0;
export const OFFSET_OUT_OF_RANGE = 1;
export const UNKNOWN_TOPIC_OR_PARTITION = 3;
export const NOT_LEADER_OR_FOLLOWER = 6;
export const NOT_COORDINATOR = 16;
export const ILLEGAL_GENERATION = 22;
export const UNKNOWN_MEMBER_ID = 25;
export const REBALANCE_IN_PROGRESS = 27;
export const TOPIC_ALREADY_EXISTS = 36;
export const OUT_OF_ORDER_SEQUENCE_NUMBER = 45;
export const DUPLICATE_SEQUENCE_NUMBER = 46;
export const INVALID_PRODUCER_EPOCH = 47;
export const UNKNOWN_PRODUCER_ID = 59;
export const GROUP_ID_NOT_FOUND = 69;
export const MEMBER_ID_REQUIRED = 79;

/** An error of ours for a code in an answer; `what` says what was asked, such as `send to topic-0`. */
export function errorOf(code: number, what: string, detail?: string | null): MillraceError {
  const name = protocolErrorsCodesById[code] ?? `code ${code}`;
  const make = MEANINGS[name] ?? logErrors.LOG_UNAVAILABLE;
  return make(`${what}: Kafka answered ${name} (${detail ?? protocolErrors[name]?.message ?? 'unknown'})`);
}

/** Throws for any code but the one that means that all is well. */
export function check(code: number, what: string, detail?: string | null): void {
  if (code !== NO_ERROR) throw errorOf(code, what, detail);
}
