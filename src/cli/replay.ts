import { sinkMaker } from '../app/connector-sink.ts';
import { createTopics } from '../app/topics.ts';
import type { Replayed, TimeRange } from '../loader/replay.ts';
import { replay as replayRange } from '../loader/replay.ts';
import { systemClock } from '../support/clock.ts';
import { fromPlainError } from '../support/errors.ts';
import { createLogger } from '../support/logger.ts';
import type { Call, Command } from './command.ts';
import { cliErrors, EXIT } from './command.ts';
import type { NamedConnector } from './named-connector.ts';
import { namedConnector, planOf } from './named-connector.ts';
import { openExistingLog } from './open-log.ts';
import { progressBar } from './progress-bar.ts';
import type { ProgramClient } from './target.ts';
import { findProgram } from './target.ts';
import { timeOption } from './time-option.ts';

/** How often the program that replays is asked how far it is. */
const LOOK_AGAIN_MS = 200;

export const replay: Command = {
  name: 'replay',
  summary: "Load a time range of the log into a connector's store once more",
  positionals: 'CONNECTOR',
  mostPositionals: 1,
  options: {
    from: { type: 'string', value: 'TIME', description: 'Events of this time and later, such as 2026-11-22T12:00:00Z' },
    to: { type: 'string', value: 'TIME', description: 'Events before this time' },
  },
  details: [
    "Times are those of the events (their field timestamp), which the log's records carry.",
    'For tables and search engines: what the store holds stays, what is missing is written. Nothing that the',
    'connector has not loaded yet is touched, nor its position. It may be repeated, also after it was cut off.',
    'With the embedded log the running program does the work, else this process. Exit code 2 for files.',
  ].join('\n'),
  async run(call) {
    const { output, signal } = call;
    const range = rangeOf(call);
    const connector = await namedConnector('replay', call);
    const work: Work = { connector, range, onProgress: progressBar(output, 'records'), signal };
    // Kafka is open to any process; the embedded log to the one that has it.
    const program = connector.loaded.configuration.log.embedded && (await findProgram(connector.loaded));
    try {
      const replayed = program ? await inProgram(program, work) : await inThisProcess(work);
      if (output.json) output.value({ connector: connector.name, ...range, ...replayed });
      else {
        const { read, written, present, refused } = replayed;
        output.table(
          ['READ', 'WRITTEN', 'ALREADY THERE', 'DEAD LETTERS'],
          [[read, written, present, refused].map(String)],
        );
      }
      return EXIT.good;
    } catch (error) {
      if (!signal.aborted) throw error;
      output.progress('');
      output.note('Stopped. What was written stays; the same call goes on.');
      return EXIT.failed;
    }
  },
};

interface Work {
  readonly connector: NamedConnector;
  readonly range: TimeRange;
  readonly onProgress: (done: number, all: number) => void;
  readonly signal: AbortSignal;
}

async function inThisProcess({ connector: named, range, onProgress, signal }: Work): Promise<Replayed> {
  const { name, loaded, connector } = named;
  const { configuration } = loaded;
  await using stack = new AsyncDisposableStack();
  const log = stack.adopt(await openExistingLog(loaded), (log) => log.close());
  // A connector that is new in the configuration has no topics of its own yet.
  await createTopics(log.admin, configuration);
  const logger = createLogger({ ...configuration.logging, level: 'error' });
  const createSink = await sinkMaker(planOf(named), log, logger);
  const topics = await named.topicsIn(log.admin);
  const { loader: config } = connector;
  return await replayRange({
    ...{ log, connector: name, topics, config, createSink },
    ...{ ...range, clock: systemClock, onProgress, signal },
  });
}

async function inProgram(program: ProgramClient, { connector, range, onProgress, signal }: Work): Promise<Replayed> {
  const { name } = connector;
  await program.replay(name, range);
  for (;;) {
    const { state, done, all, replayed, error } = await program.replayState(name);
    onProgress(done, all);
    if (error) throw fromPlainError(error);
    if (replayed) return replayed;
    if (state === 'NONE') throw cliErrors.NOT_REACHABLE(`The connector ${name} was started anew meanwhile.`);
    await systemClock.sleep(LOOK_AGAIN_MS, signal);
    if (signal.aborted) await program.stopReplay(name);
    signal.throwIfAborted();
  }
}

function rangeOf({ values }: Call): TimeRange {
  const [from, to] = [timeOption('from', values['from']), timeOption('to', values['to'])];
  if (from >= to) throw cliErrors.USAGE('--from must be before --to.');
  return { from, to };
}
