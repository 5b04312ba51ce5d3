import { adoptFiles } from '../sinks/files/adopt.ts';
import { storeOf } from '../sinks/files/stores/choose.ts';
import { systemClock } from '../support/clock.ts';
import { silentLogger } from '../support/logger.ts';
import type { Command } from './command.ts';
import { cliErrors, EXIT } from './command.ts';
import { namedConnector } from './named-connector.ts';
import { openExistingLog } from './open-log.ts';

const FROM = ['position', 'earliest'] as const;

export const adopt: Command = {
  name: 'adopt',
  summary: 'Go on in a path whose files know nothing of what a connector has loaded',
  positionals: 'CONNECTOR',
  mostPositionals: 1,
  options: {
    from: {
      type: 'string',
      value: 'WHERE',
      description:
        'Where to go on: "position", the connector\'s position in the log (default), or "earliest", the first record that the log still has',
    },
  },
  details:
    'For what stops with FILES_CHAIN_MISSING: files that are left behind, or a path that was changed. Also for ' +
    'FILES_DATA_MISSING, where the files of the last commit were taken away: they are passed over. Stop loading first. ' +
    'Other partitions whose files say where to go on are left alone. ' +
    'Refused if files in the path may hold what would be loaded next.',
  async run(call) {
    const { values, output, signal } = call;
    const given = values['from'] ?? 'position';
    const from = FROM.find((one) => one === given);
    if (from === undefined) throw cliErrors.USAGE('--from takes "position" or "earliest".');
    const named = await namedConnector('adopt', call);
    const { name, loaded, connector, dataDirectory } = named;
    const { files } = connector;
    if (files?.guarantee !== 'exactly-once') {
      throw cliErrors.USAGE(`adopt is for connectors that load into files exactly once, and ${name} does not.`);
    }
    await using stack = new AsyncDisposableStack();
    const log = stack.adopt(await openExistingLog(loaded), (log) => log.close());
    // It may be the first to come there, so it makes the folder where there is none.
    const store = stack.adopt(storeOf(files, dataDirectory), (store) => store.close());
    await store.open(signal);
    const topics = await named.topicsIn(log.admin);
    const adopted = await adoptFiles({
      ...{ store, admin: log.admin, connector: name, topics, from, signal },
      ...{ clock: systemClock, logger: silentLogger, newId: () => crypto.randomUUID() },
    });
    if (output.json) output.value({ adopted });
    else if (adopted.length === 0) output.line('Nothing to adopt: every partition that was loaded is known here.');
    else {
      output.table(
        ['PARTITION', 'GOES ON AT'],
        adopted.map(({ topic, partition, next }) => [`${topic}-${partition}`, String(next)]),
      );
      for (const file of adopted.flatMap(({ missing }) => missing))
        output.line(`Passed over, since it is gone: ${file}`);
    }
    return EXIT.good;
  },
};
