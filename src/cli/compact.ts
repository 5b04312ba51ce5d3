import { formatBytes, parseDuration } from '../config/units.ts';
import { compactFiles } from '../sinks/files/compaction/compact.ts';
import { systemClock } from '../support/clock.ts';
import { silentLogger } from '../support/logger.ts';
import type { Command } from './command.ts';
import { cliErrors, EXIT } from './command.ts';
import { namedConnector } from './named-connector.ts';
import { openFileStore } from './open-file-store.ts';
import { printable } from './output.ts';
import { progressBar } from './progress-bar.ts';

const DEFAULT_BEFORE_MS = 7_200_000;

export const compact: Command = {
  name: 'compact',
  summary: "Merge a connector's small files of past hours into large ones",
  positionals: 'CONNECTOR',
  mostPositionals: 1,
  options: {
    before: {
      type: 'string',
      value: 'DURATION',
      description: 'Leave folders alone whose hour ended less than this ago, such as 30m, 2h or 1d (default 2h)',
    },
    copy: {
      type: 'boolean',
      description: 'Copy files on HDFS as well, where they are joined otherwise: into large blocks',
    },
    'dry-run': { type: 'boolean', description: 'Say what there is to merge, and change nothing' },
  },
  details:
    'For JSON lines that are loaded exactly once, compressed or not. Loading may go on meanwhile. ' +
    'A merge that was cut off is finished by the next one. On HDFS files are joined where they lie, elsewhere copied. ' +
    'Exit code 1 if a file is damaged, or HDFS refuses to join it: it stays as it is.',
  async run(call) {
    const { values, output, signal } = call;
    const beforeMs = durationOf(values['before']);
    const { name, dataDirectory, connector } = await namedConnector('compact', call);
    const { files } = connector;
    if (!files) throw cliErrors.USAGE(`compact is for connectors that load into files, and ${name} does not.`);
    await using stack = new AsyncDisposableStack();
    const store = stack.adopt(await openFileStore(files, dataDirectory, signal), (store) => store.close());
    const dryRun = values['dry-run'] === true;
    const warnings: string[] = [];
    const found = await compactFiles({
      store,
      config: files,
      beforeMs,
      copy: values['copy'] === true,
      dryRun,
      clock: systemClock,
      logger: {
        ...silentLogger,
        warn: (fields, message) => void warnings.push(`${message}: ${(fields as { reason?: string }).reason}`),
      },
      newId: () => crypto.randomUUID(),
      onProgress: progressBar(output, 'folders'),
      signal,
    });
    if (output.json) output.value({ dryRun, ...found });
    else {
      const { folders, sources, merged, bytes, damaged, refused } = found;
      if (dryRun) output.line(`To merge: ${sources} files in ${folders} folders.`);
      else output.line(`Merged: ${sources} files in ${folders} folders into ${merged}, ${formatBytes(bytes)}.`);
      for (const file of damaged) output.note(`Damaged, and left as it is: ${printable(file)}`);
      for (const file of refused) output.note(`Not joined, and left as it is: ${printable(file)}`);
      for (const warning of warnings) output.note(printable(warning));
    }
    return found.damaged.length + found.refused.length === 0 ? EXIT.good : EXIT.failed;
  },
};

function durationOf(text: unknown): number {
  if (text === undefined) return DEFAULT_BEFORE_MS;
  const duration = parseDuration(String(text));
  if (duration === undefined) throw cliErrors.USAGE('--before takes a duration such as 30m, 2h or 1d.');
  return duration;
}
