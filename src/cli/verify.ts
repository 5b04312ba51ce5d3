import { existsSync } from 'node:fs';
import path from 'node:path';
import type { LoadedConfiguration } from '../app/configuration.ts';
import { eventTopics } from '../app/configuration.ts';
import { configuredPartitions } from '../app/topics.ts';
import type { OpenLog } from '../log/open.ts';
import { openLog } from '../log/open.ts';
import { verifyFiles } from '../sinks/files/verify/verify.ts';
import type { PartitionFindings } from '../sinks/verification.ts';
import { isSound } from '../sinks/verification.ts';
import { MillraceError } from '../support/errors.ts';
import type { Command } from './command.ts';
import { cliErrors, EXIT } from './command.ts';
import { filesConnector, openStore } from './files-connector.ts';
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
    const connector = filesConnector('verify', call);
    const { name, loaded, files } = connector;
    await using stack = new AsyncDisposableStack();
    const log = stack.adopt(await openForReading(loaded), (log) => log.close());
    const store = stack.adopt(await openStore(connector, signal), (store) => store.close());
    const topics = connector.topics ?? eventTopics(loaded.configuration).map((topic) => topic.name);
    const onProgress = progressBar(output, 'records');
    const { guarantee } = files;
    const partitions = await verifyFiles({ log, store, connector: name, topics, guarantee, signal, onProgress });
    return report(output, partitions);
  },
};

async function openForReading({ configuration }: LoadedConfiguration): Promise<OpenLog> {
  const { data, log: config, logging } = configuration;
  const directory = path.resolve(data, 'log');
  if (config.embedded && !existsSync(directory)) throw cliErrors.NOT_REACHABLE(`${path.resolve(data)} holds no log.`);
  try {
    return await openLog({
      config,
      directory,
      partitions: configuredPartitions(configuration),
      logging: { ...logging, level: 'error' },
    });
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'LOG_IN_USE') throw error;
    throw cliErrors.LOG_BUSY(error.message, { cause: error });
  }
}

function report(output: Output, partitions: readonly PartitionFindings[]): number {
  const total = Object.fromEntries(
    SUMS.map((name) => [name, partitions.reduce((sum, one) => sum + one[name], 0)]),
  ) as Sums;
  const sound = partitions.every(isSound);
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
