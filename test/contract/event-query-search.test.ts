import { IndexNames } from '../../src/sinks/search/index-name.ts';
import { openSearchEventQuery } from '../../src/sinks/search/query.ts';
import { SearchSink } from '../../src/sinks/search/sink.ts';
import { ALL_SEARCH_ENGINES, SEARCH_ENGINES, searchConfigFor, searchNodeOrSkip } from '../engines/search-test.ts';
import { fakeSinkContext } from '../support/fake-sink-context.ts';
import { toRecord } from '../support/fill-table.ts';
import { eventQueryContract } from './event-query.ts';

const DEADLINE_MS = 30_000;

for (const engine of ALL_SEARCH_ENGINES) {
  eventQueryContract(SEARCH_ENGINES[engine].label, async (t, events) => {
    const node = await searchNodeOrSkip(t, engine);
    if (!node) return undefined;
    const config = searchConfigFor(node);
    const topics = { events: { id: 'topic-1', partitions: 1, startOffset: 0, endOffset: events.length } };
    const sink = new SearchSink(config, fakeSinkContext(topics, ''));
    const { signal } = new AbortController();
    await sink.open(signal);
    const writer = await sink.partition({ topic: 'events', partition: 0 }, signal);
    await writer.write(events.map(toRecord), signal);
    await writer.flush(signal);
    await writer.abandon();
    await sink.close();
    await node.ask('POST', `/${new IndexNames(config.index, config.late).all}/_refresh`);
    const query = openSearchEventQuery(config, DEADLINE_MS);
    t.after(() => query.close());
    return query;
  });
}
