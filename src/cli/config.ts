import { stringify } from 'yaml';
import type { Configuration } from '../app/definition.ts';
import { configurationDefinition } from '../app/definition.ts';
import { policies, policySettings } from '../app/policy.ts';
import { toJsonSchema, withoutSecrets } from '../config/write.ts';
import type { Call, Command } from './command.ts';
import { cliErrors, EXIT } from './command.ts';
import type { Output } from './output.ts';
import { printFaults } from './run.ts';

export const config: Command = {
  name: 'config',
  summary: 'Check the configuration, show what is in force, or print its JSON Schema',
  positionals: 'check|show|schema',
  mostPositionals: 1,
  options: {
    policy: {
      type: 'boolean',
      description: 'With show: what the policy in force promises and costs, and its settings',
    },
  },
  details:
    'check: every fault with file and line, exit code 2 if there is one. show: all defaults filled in, secrets hidden.',
  async run(call) {
    const work = { check, show, schema }[call.positionals[0] ?? ''];
    if (!work) throw cliErrors.USAGE('millrace config: write "check", "show" or "schema".');
    return work(call);
  },
};

function check({ output, load }: Call): number {
  const loaded = load();
  printFaults(loaded, output);
  if (loaded.faults.length > 0) return EXIT.usage;
  if (output.json) output.value({ file: loaded.file ?? null, faults: [] });
  else output.line(loaded.file ? `${loaded.file} is good.` : 'There is no configuration file; every default is good.');
  return EXIT.good;
}

function show({ output, values, loadValid }: Call): number {
  const { configuration } = loadValid();
  if (values['policy'] === true) return showPolicy(output, configuration);
  const shown = withoutSecrets(configurationDefinition, configuration);
  if (output.json) output.value(shown);
  else output.line(stringify(shown).trimEnd());
  return EXIT.good;
}

function showPolicy(output: Output, configuration: Configuration): number {
  const { policy: name } = configuration;
  const { promise, cost, lost, doubled } = policies[name];
  const settings = policySettings(configuration);
  if (output.json) {
    output.value({ policy: name, promise, cost, lost, doubled, settings });
    return EXIT.good;
  }
  output.line(`${output.style('bold', `policy: ${name}`)}\n`);
  for (const [title, text] of Object.entries({
    promises: promise,
    costs: cost,
    'may lose': lost,
    'may double': doubled,
  })) {
    output.line(`  ${title.padEnd(11)} ${text}.`);
  }
  output.line();
  output.table(
    ['SETTING', 'IN FORCE'],
    Object.entries(settings).map(([path, value]) => [path, String(value)]),
  );
  return EXIT.good;
}

function schema({ output }: Call): number {
  output.line(JSON.stringify(toJsonSchema(configurationDefinition), undefined, 2));
  return EXIT.good;
}
