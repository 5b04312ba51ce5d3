import type { Halves, Millrace } from '../app/millrace.ts';
import { startMillrace } from '../app/millrace.ts';
import { LogLevels, ROOT_LOGGER } from '../support/log-levels.ts';
import { createLogger } from '../support/logger.ts';
import { whenAborted } from '../support/within.ts';
import type { Call, Command } from './command.ts';
import { cliErrors, EXIT } from './command.ts';

/** Longest time that a stop may take altogether before the process gives up on it. */
const STOP_DEADLINE_MS = 40_000;

const ENDING = [
  'Ends in order on Ctrl-C or SIGTERM: exit code 0 if every acknowledged event is safe, else 1.',
  'A second Ctrl-C ends it at once.',
].join('\n');

export const up: Command = {
  name: 'up',
  summary: 'Run everything in this process: collector, log, connectors, dashboard',
  details: ENDING,
  run: (call) => serve(call, { collect: true, load: true }),
};

/** `collect` and `load` are two halves of one program; they meet in a log that several processes share. */
export const collect = half('collect', 'Run only the collector; needs "log.kafka"', { collect: true, load: false });
export const load = half('load', 'Run only the connectors; needs "log.kafka"', { collect: false, load: true });

function half(name: string, summary: string, halves: Halves): Command {
  return {
    name,
    summary,
    details: [
      'Any number of these may run, on any machines: the log shares the work among them.',
      'Two on one machine need ports of their own, such as --set operations.listen=127.0.0.1:8084.',
      ENDING,
    ].join('\n'),
    run(call) {
      if (!call.loadValid().configuration.log.kafka) {
        throw cliErrors.NEEDS_KAFKA(`millrace ${name} needs "log.kafka"; this configuration has the embedded log.`);
      }
      return serve(call, halves);
    },
  };
}

async function serve({ output, signal, loadValid }: Call, halves: Halves): Promise<number> {
  const loaded = loadValid();
  const levels = new LogLevels(loaded.configuration.logging);
  const logger = createLogger(levels.optionsFor(ROOT_LOGGER));
  const millrace = await startMillrace(loaded, halves, levels);
  const { collector, operations } = millrace;
  const { data } = loaded.configuration;
  if (output.json) output.value({ collector, operations, data });
  else {
    output.line(`\n  ${output.style('bold', 'Millrace is running.')}  Data: ${data}\n`);
    if (collector !== undefined) output.line(`  ${halves.load ? 'Page     ' : 'Collector'}  ${collector}`);
    output.line(`  Dashboard  ${operations}`);
    output.line(`\n  ${output.style('dim', 'Ctrl-C stops it; nothing acknowledged is lost.')}\n`);
  }
  const failure = await Promise.race([whenAborted(signal), millrace.failed]);
  if (failure) logger.error({ error: failure.message }, 'the log failed; stopping');
  const unsafe = await stopWithin(millrace, () => {
    logger.error({}, 'the stop took too long; ending without it');
    process.exit(EXIT.failed);
  });
  if (unsafe > 0) logger.error({ events: unsafe }, 'acknowledged events did not reach the log');
  else logger.info({}, 'stopped; every acknowledged event is safe');
  return unsafe > 0 || failure ? EXIT.failed : EXIT.good;
}

async function stopWithin(millrace: Millrace, giveUp: () => void): Promise<number> {
  const timer = setTimeout(giveUp, STOP_DEADLINE_MS);
  try {
    return await millrace.stop();
  } finally {
    clearTimeout(timer);
  }
}
