import { defineErrors } from '../../support/errors.ts';

export const searchErrors = defineErrors({
  SEARCH_UNREACHABLE: {
    decision: 'retry',
    help: 'Check that the nodes run and that their addresses are right; loading goes on by itself once one answers.',
  },
  SEARCH_OVERLOADED: {
    decision: 'retry',
    help: 'The store refuses more than it can take. Loading goes on by itself; give the store more room if this goes on.',
  },
  SEARCH_BLOCKED: {
    decision: 'retry',
    help: 'Free disk space for the store, or lift the block from its indices or open them; loading then goes on by itself.',
  },
  SEARCH_INDEX_UNUSABLE: {
    decision: 'retry',
    help: 'The store takes no event at all into this index. Mend what its reason names: a limit of shards, a pipeline, an alias or a routing; loading then goes on by itself.',
  },
  SEARCH_ANSWER_WRONG: {
    decision: 'retry',
    help: 'Something between here and the store changes its answers or requests; look at the proxies on the way.',
  },
  SEARCH_UNAUTHORIZED: {
    decision: 'stop',
    help: 'Correct the user, API key or token of the connector, then restart it.',
  },
  SEARCH_FORBIDDEN: {
    decision: 'stop',
    help: 'Give the user of the connector the rights that docs/search.md lists, then restart the connector.',
  },
  SEARCH_INDEX_MISSING: {
    decision: 'stop',
    help: 'Let the store create indices of this name (action.auto_create_index), or create it, then restart the connector.',
  },
  SEARCH_REFUSED: {
    decision: 'stop',
    help: 'The store does not understand what it is asked. Check that the address is right and the version is a known one.',
  },
  SEARCH_WRONG_PRODUCT: {
    decision: 'stop',
    help: 'Name the cluster under "elasticsearch" or "opensearch", as which of them it is.',
  },
  SEARCH_CA_UNUSABLE: { decision: 'stop', help: 'Name a readable file with certificates in PEM as "ca".' },
  EVENT_REFUSED_BY_STORE: {
    decision: 'dead-letter',
    help: "The store's reason stands in the dead letter. Correct the mapping or the event, then replay it.",
  },
  EVENT_ID_TOO_LONG: { decision: 'dead-letter', help: 'Give events ids of at most 512 bytes.' },
  EVENT_TOO_LARGE_FOR_STORE: {
    decision: 'dead-letter',
    help: 'Raise http.max_content_length of the store, or that of the proxy before it, or send smaller events.',
  },
});
