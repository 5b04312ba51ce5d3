import { defineErrors } from '../support/errors.ts';

/** Why a record is no event that a keyed store takes. */
export const eventErrors = defineErrors({
  EVENT_ID_TAKEN: {
    decision: 'dead-letter',
    help: 'A different event with this id is stored already. Every event needs an id of its own.',
  },
  RECORD_NOT_AN_EVENT: {
    decision: 'dead-letter',
    help: 'Write UTF-8 JSON objects to the topic, with a string "id" and "type" in each.',
  },
  RECORD_TOO_DEEP: { decision: 'dead-letter', help: 'Nest objects and lists in events less deeply.' },
});
