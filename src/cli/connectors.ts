import type { ConnectorStatus } from '../operations/status.ts';
import type { Command } from './command.ts';
import { cliErrors, EXIT } from './command.ts';
import { requireProgram } from './target.ts';

const ACTIONS = ['pause', 'resume', 'restart'] as const;

export const connectors: Command = {
  name: 'connectors',
  summary: 'Show connectors, their states and lags; pause, resume or restart one',
  positionals: '[pause|resume|restart NAME]',
  mostPositionals: 2,
  details: 'Exit code 1 if a connector has failed. Needs the running program.',
  async run({ positionals: [word, name], output, loadValid }) {
    const action = ACTIONS.find((one) => one === word);
    if (word !== undefined && (!action || name === undefined)) {
      throw cliErrors.USAGE(`millrace connectors: write "pause NAME", "resume NAME" or "restart NAME".`);
    }
    const program = await requireProgram(loadValid(), 'loads');
    if (action && name !== undefined) {
      await program.control(name, action);
      if (output.json) output.value({ connector: name, action });
      else output.line(`${name}: ${action} was taken up.`);
      return EXIT.good;
    }
    const { connectors: list } = await program.status();
    if (output.json) output.value(list);
    else
      output.table(
        ['NAME', 'SINK', 'STATE', 'LAG', 'LOADED', 'DUPLICATES', 'DEAD LETTERS', 'LAST ERROR'],
        list.map(row),
      );
    return list.some(({ state }) => state === 'FAILED') ? EXIT.failed : EXIT.good;
  },
};

function row({ name, sink, state, lag, loaded, duplicates, deadLettered, lastError }: ConnectorStatus): string[] {
  return [name, sink, state, ...[lag, loaded, duplicates, deadLettered].map(String), lastError?.message ?? ''];
}
