import { startMillrace } from '../app/millrace.ts';
import { createLogger } from '../support/logger.ts';
import type { Command } from './command.ts';
import { EXIT } from './command.ts';

/** Longest time that a stop may take altogether before the process gives up on it. */
const STOP_DEADLINE_MS = 40_000;

export const up: Command = {
  name: 'up',
  summary: 'Run everything in this process: collector, log, connectors, dashboard',
  details: [
    'Ends in order on Ctrl-C or SIGTERM: exit code 0 if every acknowledged event is safe, else 1.',
    'A second Ctrl-C ends it at once.',
  ].join('\n'),
  async run({ output, signal, loadValid }) {
    const loaded = loadValid();
    const logger = createLogger(loaded.configuration.logging);
    const millrace = await startMillrace(loaded, logger);
    if (output.json) {
      output.value({ collector: millrace.collector, operations: millrace.operations, data: loaded.configuration.data });
    } else {
      output.line(`\n  ${output.style('bold', 'Millrace is running.')}  Data: ${loaded.configuration.data}\n`);
      output.line(`  Page       ${millrace.collector}`);
      output.line(`  Dashboard  ${millrace.operations}`);
      output.line(`\n  ${output.style('dim', 'Ctrl-C stops it; nothing acknowledged is lost.')}\n`);
    }
    const stopped = new Promise<undefined>((resolve) => {
      if (signal.aborted) resolve(undefined);
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    const failure = await Promise.race([stopped, millrace.failed]);
    if (failure) logger.error({ error: failure.message }, 'the log failed; stopping');
    const giveUp = setTimeout(() => {
      logger.error({}, 'the stop took too long; ending without it');
      process.exit(EXIT.failed);
    }, STOP_DEADLINE_MS);
    const unsafe = await millrace.stop();
    clearTimeout(giveUp);
    if (unsafe > 0) logger.error({ events: unsafe }, 'acknowledged events did not reach the log');
    else logger.info({}, 'stopped; every acknowledged event is safe');
    return unsafe > 0 || failure ? EXIT.failed : EXIT.good;
  },
};
