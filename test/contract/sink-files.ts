import type { TestContext } from 'node:test';
import type { FilesConfig } from '../../src/sinks/files/config.ts';
import { readBack } from '../../src/sinks/files/read-files.ts';
import { createFilesSink } from '../../src/sinks/files/sink.ts';
import type { FileStore } from '../../src/sinks/files/stores/file-store.ts';
import { filesConfigWith } from '../support/files.ts';
import type { SinkHarness } from './sink.ts';

/** The files sink over any store of files, for the contract of sinks. `store` gives one over the same root each time. */
export function filesHarness(t: TestContext, store: () => FileStore, given: Partial<FilesConfig>): SinkHarness {
  return {
    create: (context) =>
      createFilesSink(filesConfigWith(given), context, { namedTypes: ['select-color'], store: store() }),
    readBack: async () => {
      const events: { id: string }[] = [];
      await using stack = new AsyncDisposableStack();
      const reader = stack.adopt(store(), (reader) => reader.close());
      await reader.open(t.signal);
      for await (const line of readBack(reader, t.signal)) events.push(JSON.parse(line.toString('utf8')));
      return events;
    },
    mayDouble: given.guarantee === 'at-least-once',
    refused: Buffer.from('{"id":"two\nlines"}'),
  };
}
