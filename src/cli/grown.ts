import type { Command } from './command.ts';
import { cliErrors } from './command.ts';

/** `collect` and `load` are two halves of one program; they meet in a log that several processes share. */
function needsKafka(name: string, summary: string): Command {
  return {
    name,
    summary,
    details: 'Needs a log that several processes can share; the embedded one belongs to one process.',
    run({ loadValid }) {
      loadValid();
      throw cliErrors.NEEDS_KAFKA(`millrace ${name} needs "log.kafka"; this configuration has the embedded log.`);
    },
  };
}

export const collect = needsKafka('collect', 'Run only the collector (needs a shared log)');
export const load = needsKafka('load', 'Run only the connectors (needs a shared log)');
