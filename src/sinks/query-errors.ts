import { defineErrors } from '../support/errors.ts';

/** What a question about events can meet, whichever store answers it. */
export const queryErrors = defineErrors({
  QUERY_INVALID: {
    decision: 'refuse',
    help: 'Correct the question as the message says; /api describes the parameters.',
  },
  QUERY_TOO_SLOW: {
    decision: 'refuse',
    help: 'Narrow the question down: a shorter time, a type, or a word that fewer events contain.',
  },
  QUERY_BUSY: { decision: 'retry', help: 'Too many questions are being answered; ask again in a moment.' },
});
