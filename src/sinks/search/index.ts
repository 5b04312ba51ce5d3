import type { SinkContext } from '../sink.ts';
import type { SearchConfig } from './config.ts';
import { searchConfig } from './config.ts';

/** The `search` sink, as the registry, the configuration and the reference docs know it. */
export const searchSink = {
  name: 'search',
  summary: 'An index for each day of events in Elasticsearch or OpenSearch, searched by the dashboard and by Kibana',
  guarantee:
    'One document an event id within an index, which every copy of an event meets; a data stream finds copies until it rolls over.',
  config: searchConfig,
  load: async () => {
    const { SearchSink } = await import('./sink.ts');
    return (config: SearchConfig, context: SinkContext) => new SearchSink(config, context);
  },
} as const;
