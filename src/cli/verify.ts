import type { OpenLog } from '../log/open.ts';
import { verifyFiles } from '../sinks/files/verify/verify.ts';
import { verifyKeyed } from '../sinks/keyed-verification.ts';
import { SearchKeyedStore } from '../sinks/search/keyed-store.ts';
import { keyedTable } from '../sinks/table/keyed-store.ts';
import type { Findings, VerifyProgress } from '../sinks/verification.ts';
import { isSound } from '../sinks/verification.ts';
import type { Command } from './command.ts';
import { EXIT } from './command.ts';
import type { NamedConnector } from './named-connector.ts';
import { namedConnector } from './named-connector.ts';
import { openFileStore } from './open-file-store.ts';
import { openExistingLog } from './open-log.ts';
import type { Output } from './output.ts';
import { progressBar } from './progress-bar.ts';

const SUMS = ['records', 'deadLettered', 'stored', 'lost', 'doubled', 'unexpected', 'corrupt'] as const;
type Sums = Record<(typeof SUMS)[number], number>;

export const verify: Command = {
  name: 'verify',
  summary: 'Compare what a connector has stored with the log, record by record',
  positionals: 'CONNECTOR',
  mostPositionals: 1,
  details:
    'Over what the log still holds, up to where the store says it is loaded; dead letters are counted apart. ' +
    'With the embedded log, stop the program first. Exit code 0 only if nothing is lost, doubled, unexpected or corrupt.',
  async run(call) {
    const { output, signal } = call;
    const connector = await namedConnector('verify', call);
    const compare = comparisonOf(connector);
    await using stack = new AsyncDisposableStack();
    const log = stack.adopt(await openExistingLog(connector.loaded), (log) => log.close());
    const { name } = connector;
    const topics = await connector.topicsIn(log.admin);
    const onProgress = progressBar(output, 'records');
    return report(output, await compare({ log, connector: name, topics, onProgress, signal }));
  },
};

/** How the store of a connector is compared with the log. */
function comparisonOf(named: NamedConnector): (options: ComparisonOptions) => Promise<Findings> {
  const { name, connector, dataDirectory } = named;
  const { files, search, table } = connector;
  if (files) {
    return async (options) => {
      await using stack = new AsyncDisposableStack();
      const store = stack.adopt(await openFileStore(files, dataDirectory, options.signal), (store) => store.close());
      return { partitions: await verifyFiles({ ...options, store, guarantee: files.guarantee }), unexpected: 0 };
    };
  }
  if (search) {
    return async (options) => {
      await using stack = new AsyncDisposableStack();
      const store = stack.adopt(new SearchKeyedStore(search), (store) => store.close());
      await store.open(options.signal);
      return await verifyKeyed({ ...options, store });
    };
  }
  if (table) {
    return async (options) => {
      await using stack = new AsyncDisposableStack();
      const store = stack.adopt(keyedTable(table, dataDirectory, name), (store) => store.close());
      return await verifyKeyed({ ...options, store });
    };
  }
  throw new Error(`the connector ${name} has no sink`);
}

/** What every comparison needs. */
interface ComparisonOptions {
  readonly log: OpenLog;
  readonly connector: string;
  readonly topics: readonly string[];
  readonly onProgress: VerifyProgress;
  readonly signal: AbortSignal;
}

function report(output: Output, { partitions, unexpected }: Findings): number {
  const total = Object.fromEntries(
    SUMS.map((name) => [name, partitions.reduce((sum, one) => sum + one[name], 0)]),
  ) as Sums;
  total.unexpected += unexpected;
  const sound = isSound(total);
  if (output.json) output.value({ sound, total, partitions });
  else {
    const heads = [
      'partition',
      'offsets',
      'records',
      'dead letters',
      'stored',
      'lost',
      'doubled',
      'unexpected',
      'corrupt',
    ];
    const cells = (sums: Sums) => SUMS.map((name) => String(sums[name]));
    const rows = partitions.map((one) => [`${one.topic}-${one.partition}`, `${one.from}–${one.to}`, ...cells(one)]);
    output.table(heads, [...rows, ['all', '', ...cells(total)]]);
    output.line();
    if (sound) output.line(output.style('green', 'Nothing is lost, doubled, unexpected or corrupt.'));
    else output.line(output.style('red', 'The store is not what the log says.'));
  }
  return sound ? EXIT.good : EXIT.failed;
}
