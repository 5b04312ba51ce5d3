import { defineErrors } from '../support/errors.ts';

export const loaderErrors = defineErrors({
  CONSUMER_STALLED: {
    decision: 'retry',
    help: 'The connector reads anew by itself; if this repeats, look at the network between this process and the log.',
  },
});
