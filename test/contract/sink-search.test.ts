import { IndexNames } from '../../src/sinks/search/index-name.ts';
import { SearchSink } from '../../src/sinks/search/sink.ts';
import {
  ALL_SEARCH_ENGINES,
  documentsOf,
  SEARCH_ENGINES,
  searchConfigFor,
  searchNodeOrSkip,
} from '../engines/search-test.ts';
import { sinkContract } from './sink.ts';

for (const engine of ALL_SEARCH_ENGINES) {
  sinkContract(`search in ${SEARCH_ENGINES[engine].label}`, async (t) => {
    const node = await searchNodeOrSkip(t, engine);
    if (!node) return undefined;
    // Requests of a few events, so that several are under way at once.
    const bulk = { events: 7, bytes: 2 ** 20, requests: 3, gzip: true };
    const config = searchConfigFor(node, { bulk });
    return {
      create: (context) => new SearchSink(config, context),
      readBack: async () => {
        const documents = await documentsOf(node, new IndexNames(config.index, config.late).all);
        return documents.map(({ _source }) => ({ id: String(_source['id']) }));
      },
      remove: async (id) => {
        const documents = await documentsOf(node, new IndexNames(config.index, config.late).all);
        for (const { _index, _id } of documents) if (_id === id) await node.ask('DELETE', `/${_index}/_doc/${_id}`);
      },
      refused: Buffer.from('no event'),
    };
  });
}
