import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { LoadedConfiguration } from '../app/configuration.ts';
import { eventTopics } from '../app/configuration.ts';
import { prepareDataDirectory } from '../app/data-directory.ts';
import type { Configuration } from '../app/definition.ts';
import { findRunning } from '../app/running.ts';
import { configuredPartitions, differences, impliedTopics } from '../app/topics.ts';
import { parseAddress } from '../config/address.ts';
import { describeBytes } from '../config/units.ts';
import { openLog } from '../log/open.ts';
import type { CollectorStatus } from '../operations/status.ts';
import type { FilesConfig } from '../sinks/files/config.ts';
import { cautionsOfFiles } from '../sinks/files/config.ts';
import { storeOf } from '../sinks/files/stores/choose.ts';
import { filesDirectory } from '../sinks/files/stores/directory.ts';
import { askStore } from '../sinks/search/store.ts';
import type { PostgresTableConfig } from '../sinks/table/postgres/config.ts';
import { cautionsOfPostgres } from '../sinks/table/postgres/config.ts';
import { tryPostgres } from '../sinks/table/postgres/prepare.ts';
import { tableFile } from '../sinks/table/sqlite/file.ts';
import { MillraceError, messageOf } from '../support/errors.ts';
import type { Command } from './command.ts';
import { EXIT } from './command.ts';
import { printable } from './output.ts';
import { printFaults } from './run.ts';
import { requireProgram } from './target.ts';

export interface Finding {
  readonly check: string;
  readonly state: 'good' | 'warning' | 'bad';
  readonly found: string;
  /** Of the error that it is, or will come to. */
  readonly code?: string;
  /** What to do, unless it is good. */
  readonly help?: string;
}

/** A store that takes longer to answer can't be reached. */
const STORE_ANSWER_MS = 15_000;

/** Below this much free space on the data's disk a burst can't be absorbed for long. */
const LITTLE_SPACE_BYTES = 2 ** 30;

export const doctor: Command = {
  name: 'doctor',
  summary: 'Check configuration, disk, ports and stores, and say what to do',
  details:
    'Stores are asked whether they could be written to, also while the program runs; HDFS what is left of its quotas, too. ' +
    'Exit code 1 if something is bad, 2 if it is the configuration.',
  async run({ output, load }) {
    const loaded = load();
    printFaults(loaded, output);
    if (loaded.faults.length > 0) return EXIT.usage;
    const findings = [
      checkNode(),
      ...checkDisk(loaded),
      ...(await checkKafka(loaded)),
      ...(await checkProgram(loaded)),
    ];
    for (const { check, state, found, code, help } of findings) {
      if (output.json) output.value({ check, state, found, code, help });
      else {
        const colour = ({ good: 'green', warning: 'yellow', bad: 'red' } as const)[state];
        output.line(
          `${output.style(colour, state.padEnd(7))}  ${check}: ${printable(found)}${help ? `\n         ${help}` : ''}`,
        );
      }
    }
    return findings.some(({ state }) => state === 'bad') ? EXIT.failed : EXIT.good;
  },
};

function checkNode(): Finding {
  const database = new DatabaseSync(':memory:');
  const row = database.prepare('SELECT sqlite_version() AS version').get() as { version: string };
  database.close();
  return { check: 'runtime', state: 'good', found: `Node ${process.versions.node}, SQLite ${row.version}` };
}

function checkDisk({ configuration }: LoadedConfiguration): Finding[] {
  const data = path.resolve(configuration.data);
  try {
    prepareDataDirectory(data);
  } catch (error) {
    const { message, help } = error as MillraceError;
    return [{ check: 'data', state: 'bad', found: message, help }];
  }
  const { bavail, bsize } = statfsSync(data);
  const free = bavail * bsize;
  const little = free < LITTLE_SPACE_BYTES;
  return [
    { check: 'data', state: 'good', found: `${data} can be written` },
    {
      check: 'disk',
      state: little ? 'warning' : 'good',
      found: `${describeBytes(free)} free`,
      ...(little ? { help: 'Free some space: when the disk is full, the collector answers 503.' } : {}),
    },
  ];
}

/** Whether Kafka answers, and has the topics that the configuration implies. */
async function checkKafka({ configuration }: LoadedConfiguration): Promise<Finding[]> {
  const { kafka } = configuration.log;
  if (!kafka) return [];
  const log = await openLog({
    config: configuration.log,
    directory: '',
    partitions: configuredPartitions(configuration),
    logging: { ...configuration.logging, level: 'error' },
  });
  try {
    const existing = new Set((await log.admin.topics()).map((topic) => topic.name));
    const findings: Finding[] = [
      { check: 'log', state: 'good', found: `Kafka answers at ${kafka.brokers.join(', ')}` },
    ];
    for (const [topic, asked] of impliedTopics(configuration)) {
      if (!existing.has(topic)) continue;
      for (const { setting, configured, found } of differences(asked, await log.admin.createTopic(topic, asked))) {
        findings.push({
          check: `topic ${topic}`,
          state: 'warning',
          found: `${setting} is ${found}, but the configuration says ${configured}`,
          help: 'It is used as it is; make the configuration say the same, or change the topic with the tools of Kafka.',
        });
      }
    }
    return findings;
  } catch (error) {
    const help =
      'Check log.kafka in the configuration, the network, and that the brokers run; collecting goes on meanwhile.';
    return [{ check: 'log', state: 'bad', found: messageOf(error), help }];
  } finally {
    await log.close();
  }
}

/** Either a program runs, and is asked; or none does, and then the ports must be free. */
async function checkProgram(loaded: LoadedConfiguration): Promise<Finding[]> {
  const { configuration } = loaded;
  const data = path.resolve(configuration.data);
  if (findRunning(data).length > 0) {
    try {
      const { connectors, collector } = await (await requireProgram(loaded)).status();
      return [
        { check: 'program', state: 'good', found: 'runs' },
        ...(collector ? [checkCollector(collector)] : []),
        ...connectors.map(({ name, state, lag, lastError }): Finding => {
          const found = `${state}, lag ${lag}${lastError ? `, last error: ${lastError.message}` : ''}`;
          const bad = state === 'FAILED';
          return {
            check: `connector ${name}`,
            state: bad ? 'bad' : 'good',
            found,
            ...(bad ? { help: `Mend the cause, then "millrace connectors restart ${name}".` } : {}),
          };
        }),
        ...(await checkStores(loaded, new Set(connectors.map(({ name }) => name)))),
      ];
    } catch (error) {
      return [
        {
          check: 'program',
          state: 'warning',
          found: messageOf(error),
          help: 'It was not stopped in order; start it again with "millrace up": it recovers by itself.',
        },
      ];
    }
  }
  const ports = await Promise.all([
    checkPort('collector port', configuration.collector.listen),
    checkPort('operations port', configuration.operations.listen),
  ]);
  const earlier = existsSync(path.join(data, 'log')) ? 'holds earlier data' : 'is empty';
  const found = configuration.log.kafka ? 'does not run here' : `does not run; the log ${earlier}`;
  return [
    { check: 'program', state: 'good', found },
    ...ports,
    ...(await checkStores(loaded, new Set(Object.keys(configuration.connectors)))),
  ];
}

function checkCollector({ ready }: CollectorStatus): Finding {
  if (ready) return { check: 'collector', state: 'good', found: 'takes events' };
  return {
    check: 'collector',
    state: 'bad',
    found: 'takes no events now',
    help: 'See "millrace status" and the log lines of the program.',
  };
}

/** Whether each of these connectors could write to its store, as far as the configuration has them. */
async function checkStores({ configuration }: LoadedConfiguration, names: ReadonlySet<string>): Promise<Finding[]> {
  const data = path.resolve(configuration.data);
  const connectors = Object.entries(configuration.connectors).filter(([name]) => names.has(name));
  const findings = connectors.map(
    async ([name, { topics, files, search, table }]): Promise<Finding | readonly Finding[]> => {
      const check = `store of ${name}`;
      const signal = AbortSignal.timeout(STORE_ANSWER_MS);
      if (search) return checkAnswer(check, async () => `${await askStore(search, signal)} answers`);
      if (table?.postgres) return checkPostgres(check, table.postgres, signal);
      const at = files ? filesDirectory(files, data) : table && tableFile(table, data);
      if (files && at === undefined) return checkFileStore(check, files, data, countPartitions(configuration, topics));
      try {
        if (files) writable(String(at));
        else checkTable(String(at));
        return { check, state: 'good', found: `${at} can be written` };
      } catch (error) {
        return {
          check,
          state: 'bad',
          found: `${at}: ${messageOf(error)}`,
          help: 'Make it writable for this user, or set its "path" to another place.',
        };
      }
    },
  );
  return (await Promise.all(findings)).flat();
}

/** Partitions of these topics of events, or of all. */
function countPartitions(configuration: Configuration, topics: readonly string[] | undefined): number {
  return eventTopics(configuration)
    .filter(({ name }) => topics?.includes(name) ?? true)
    .reduce((sum, { partitions }) => sum + partitions, 0);
}

/** Whether a store that is elsewhere answers, takes us for who we are, and keeps its promises; and what it tells of itself. */
async function checkFileStore(
  check: string,
  config: FilesConfig,
  data: string,
  partitions: number,
): Promise<readonly Finding[]> {
  const store = storeOf(config, data);
  try {
    await store.open(AbortSignal.timeout(STORE_ANSWER_MS));
    const [caution] = cautionsOfFiles(config);
    const opened: Finding =
      caution === undefined
        ? { check, state: 'good', found: 'answers, and keeps what the files need' }
        : { check, state: 'warning', found: caution, help: 'Use https.' };
    const told = (await store.examine?.(partitions, AbortSignal.timeout(STORE_ANSWER_MS))) ?? [];
    return [opened, ...told.map((one) => toFinding(check, one))];
  } catch (error) {
    return [unreachable(check, error)];
  } finally {
    await store.close();
  }
}

async function checkPostgres(check: string, config: PostgresTableConfig, signal: AbortSignal): Promise<Finding> {
  const finding = await checkAnswer(check, () => tryPostgres(config, signal));
  const [caution] = cautionsOfPostgres(config);
  if (caution === undefined || finding.state === 'bad') return finding;
  return { check, state: 'warning', found: caution, help: 'Set "tls".' };
}

/** What a store tells of itself. */
function toFinding(check: string, told: string | MillraceError): Finding {
  if (typeof told === 'string') return { check, state: 'good', found: told };
  const { message, code, decision, help } = told;
  return { check, state: decision === 'stop' ? 'bad' : 'warning', found: message, code, help };
}

/** What opening a store threw. */
function unreachable(check: string, error: unknown): Finding {
  // What comes from elsewhere has codes too, which are not ours.
  const said = error instanceof MillraceError ? { code: error.code, help: error.help } : undefined;
  return { check, state: 'bad', found: messageOf(error), help: 'Check that the store can be reached.', ...said };
}

/** Whether a store answers, as what it says of itself; what it throws says what to do. */
async function checkAnswer(check: string, ask: () => Promise<string>): Promise<Finding> {
  try {
    return { check, state: 'good', found: await ask() };
  } catch (error) {
    return unreachable(check, error);
  }
}

/** Throws if neither the directory, nor where it would be made, can be written. */
function writable(directory: string): void {
  if (existsSync(directory)) accessSync(directory, constants.R_OK | constants.W_OK);
  else writable(path.dirname(directory));
}

function checkTable(file: string): void {
  if (!existsSync(file)) {
    writable(path.dirname(file));
    return;
  }
  const database = new DatabaseSync(file);
  database.prepare('PRAGMA user_version').get();
  database.close();
  accessSync(file, constants.R_OK | constants.W_OK);
}

async function checkPort(check: string, listen: string): Promise<Finding> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(parseAddress(listen), resolve);
    });
    return { check, state: 'good', found: `${listen} is free` };
  } catch (error) {
    return {
      check,
      state: 'bad',
      found: messageOf(error),
      help: 'Stop what listens there, or set "listen" to another port.',
    };
  } finally {
    server.close();
  }
}
