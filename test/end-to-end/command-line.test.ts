import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { Program } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');

/** Runs a command to its end, in a directory with a configuration of its own. */
function commandIn(directory: string) {
  return (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...words], {
      cwd: directory,
      encoding: 'utf8',
      timeout: 30_000,
      env: { ...process.env, MILLRACE_CONFIG: undefined },
    });
    return { status, stdout, stderr };
  };
}

function withConfiguration(t: TestContext, yaml: string) {
  const directory = temporaryDirectory(t);
  writeFileSync(path.join(directory, 'millrace.yaml'), yaml);
  return commandIn(directory);
}

test('help and version come without a configuration', (t) => {
  const millrace = commandIn(temporaryDirectory(t));
  const { status, stdout } = millrace('--help');
  assert.equal(status, 0);
  for (const name of [
    'up',
    'collect',
    'load',
    'status',
    'tail',
    'connectors',
    'deadletters',
    'verify',
    'compact',
    'adopt',
    'doctor',
    'config',
  ]) {
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
    const help = millrace(name, '--help');
    assert.equal(help.status, 0);
    assert.match(help.stdout, new RegExp(`^Usage: millrace ${name}`));
    assert.match(help.stdout, /--config FILE/);
  }
  assert.match(millrace('--version').stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal(millrace().status, 2);
});

test('a wrong call says so and exits with 2', (t) => {
  const millrace = commandIn(temporaryDirectory(t));
  for (const words of [['nonsense'], ['up', '--nonsense'], ['up', 'extra'], ['tail', '--from', 'noon'], ['config']]) {
    const { status, stderr } = millrace(...words);
    assert.equal(status, 2, words.join(' '));
    assert.match(stderr, /^millrace: .+\n.+--help/, words.join(' '));
  }
  const { status, stdout } = millrace('nonsense', '--json');
  assert.equal(status, 2);
  assert.equal(JSON.parse(stdout).error.code, 'USAGE');
});

test('every fault of a configuration is said at once, with file and line, by every command that reads it', (t) => {
  const millrace = withConfiguration(
    t,
    [
      'colector: {}',
      'collector:',
      '  limits: { bodyBytes: lots }',
      'operations: { listen: "0.0.0.0:8083", token: "${NO_SUCH_VARIABLE}" }',
      'connectors: { both: { files: {}, table: { sqlite: {} } } }',
    ].join('\n'),
  );
  for (const words of [['config', 'check'], ['up'], ['doctor'], ['status']]) {
    const { status, stderr } = millrace(...words);
    assert.equal(status, 2, words.join(' '));
    assert.match(stderr, /millrace\.yaml:1: There is no field "colector"\. Did you mean "collector"\?/);
    assert.match(stderr, /millrace\.yaml:3: collector\.limits\.bodyBytes must be a size/);
    assert.match(stderr, /millrace\.yaml:4: operations\.token needs the environment variable NO_SUCH_VARIABLE/);
  }
  const crossed = withConfiguration(
    t,
    'operations: { listen: "0.0.0.0:8083" }\nconnectors: { both: { topics: [nowhere], files: {}, table: { sqlite: {} } } }\n',
  );
  const { status, stderr } = crossed('config', 'check');
  assert.equal(status, 2);
  assert.match(stderr, /:1: Listening on 0\.0\.0\.0 .*needs a token/);
  assert.match(stderr, /:2: connectors\.both must have exactly one of: files, search, table/);
  assert.match(stderr, /:2: connectors\.both\.topics names "nowhere"/);
});

test('what is in force can be shown, secrets hidden, and the schema printed', (t) => {
  const millrace = withConfiguration(t, 'operations: { token: "a-secret-of-some-length" }\n');
  const shown = millrace('config', 'show');
  assert.equal(shown.status, 0);
  assert.match(shown.stdout, /bodyBytes: 1MiB/);
  assert.doesNotMatch(shown.stdout, /a-secret/);
  const schema = JSON.parse(millrace('config', 'schema').stdout);
  assert.equal(schema.properties.collector.properties.listen.type, 'string');
  assert.equal(millrace('config', 'check').status, 0);
});

test('a data directory that can not be used is an error with a code, at once', (t) => {
  const occupied = path.join(temporaryDirectory(t), 'occupied');
  writeFileSync(occupied, '');
  for (const data of [
    occupied,
    path.join(occupied, 'below'),
    ...(process.platform === 'linux' ? ['/proc/nope'] : []),
  ]) {
    const millrace = withConfiguration(t, JSON.stringify({ data }));
    const { status, stdout } = millrace('up', '--json');
    assert.equal(status, 1, data);
    assert.equal(JSON.parse(stdout).error.code, 'DATA_UNUSABLE');
    assert.match(JSON.parse(stdout).error.help, /set "data" to another/);
    assert.equal(millrace('doctor').status, 1);
  }
});

test('a port that is taken is the one thing said, before any connector begins', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const taken = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const [part, code] of Object.entries({ collector: 'LISTEN_FAILED', operations: 'OPERATIONS_LISTEN_FAILED' })) {
    const free = { collector: { listen: '127.0.0.1:0' }, operations: { listen: '127.0.0.1:0' } };
    const configuration = { ...free, [part]: { listen: taken }, logging: { level: 'info', format: 'json' } };
    const { status, stdout, stderr } = withConfiguration(t, JSON.stringify(configuration))('up', '--json');
    assert.equal(status, 1);
    assert.equal(JSON.parse(stdout).error.code, code);
    assert.equal(stderr, '');
  }
});

test('the doctor finds a store that can not be written', (t) => {
  const directory = temporaryDirectory(t);
  const occupied = path.join(directory, 'occupied');
  mkdirSync(occupied);
  writeFileSync(
    path.join(directory, 'millrace.yaml'),
    `collector: { listen: "127.0.0.1:0" }\noperations: { listen: "127.0.0.1:0" }\nconnectors: { files: { files: {} }, search: { table: { sqlite: { path: "${occupied}" } } } }\n`,
  );
  const { status, stdout } = commandIn(directory)('doctor', '--json');
  assert.equal(status, 1);
  const findings = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { check: string; state: string; help?: string });
  const bad = findings.filter(({ state }) => state === 'bad');
  assert.deepEqual(
    bad.map(({ check }) => check),
    ['store of search'],
  );
  assert.ok(bad[0]?.help);
});

test('the halves of the program say what they need', (t) => {
  const millrace = commandIn(temporaryDirectory(t));
  for (const name of ['collect', 'load']) {
    const { status, stderr } = millrace(name);
    assert.equal(status, 2);
    assert.match(stderr, /needs "log\.kafka"/);
  }
});

test('commands speak to the running program, and open the data where none runs', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(directory, { recursive: true });
  const schema = path.join(directory, 'color.json');
  writeFileSync(schema, JSON.stringify({ required: ['colorName'] }));
  const program = await Program.start({
    directory,
    configuration: { topics: { 'select-color': { types: ['select-color'], schema } } },
  });
  t.after(() => program.kill());
  const millrace = commandIn(directory);

  const send = (events: object[]) =>
    fetch(`${program.collector}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events),
    });
  await send([
    { id: 'one', type: 'select-color', colorName: 'red' },
    { id: 'one', type: 'select-color', colorName: 'blue', userName: '\u202e\u0007evil' },
    { id: 'two', type: 'select-color' },
  ]);
  await until('the taken id is in the dead letters', async () => {
    const { connectors } = await program.status();
    return connectors.some(({ name, deadLettered }) => name === 'search' && deadLettered === 1);
  });

  const status = JSON.parse(millrace('status', '--json').stdout);
  assert.equal(status.accounting.accepted, 2);
  assert.deepEqual(status.collector.rejectedEvents, { SCHEMA_MISMATCH: 1 });
  assert.match(millrace('connectors').stdout, /search +table +RUNNING/);
  assert.equal(millrace('doctor').status, 0);

  const tailed = millrace('tail', 'select-color', '--from', 'earliest', '-n', '2');
  assert.equal(tailed.status, 0);
  assert.match(tailed.stdout, /"colorName":"blue"/);
  assert.doesNotMatch(tailed.stdout, /[\u202e\u0007]/);
  assert.equal(millrace('tail', 'no-such-topic').status, 1);

  const letters = JSON.parse(millrace('deadletters', 'list', '--json').stdout) as { id: string; code: string }[];
  assert.deepEqual(letters.map(({ code }) => code).sort(), ['EVENT_ID_TAKEN', 'SCHEMA_MISMATCH']);
  const taken = letters.find(({ code }) => code === 'EVENT_ID_TAKEN');
  assert.ok(taken);
  assert.match(millrace('deadletters', 'show', taken.id).stdout, /payload: .*"colorName":"blue"/);
  assert.equal(millrace('deadletters', 'show', 'millrace-dead-letters-0-999').status, 1);

  const found = (...words: string[]) => JSON.parse(millrace('deadletters', 'list', '--json', ...words).stdout).length;
  assert.equal(found('--code', 'EVENT_ID_TAKEN', '--text', 'BLUE', '--from', '2026-01-01T00:00:00Z'), 1);
  assert.equal(found('--to', '2026-01-01T00:00:00Z'), 0);
  assert.equal(millrace('deadletters', 'list', '--from', 'yesterday').status, 2);

  // Between a commit of files and that of the group's position, records count as loaded and as waiting.
  const loadedIntoFiles = async () => {
    await program.hasLoaded(['files']);
    return (await program.status()).connectors.find(({ name }) => name === 'files')?.loaded;
  };
  const before = await loadedIntoFiles();
  assert.equal(JSON.parse(millrace('deadletters', 'replay', 'search', '--json').stdout).replayed, 1);
  await until('only the one that refused it got it again', async () => {
    const { connectors } = await program.status();
    return connectors.some(({ name, deadLettered }) => name === 'search' && deadLettered === 2);
  });
  assert.equal(await loadedIntoFiles(), before);

  assert.equal(millrace('deadletters', 'purge').status, 2);
  assert.equal(JSON.parse(millrace('deadletters', 'purge', 'search', '--json').stdout).purged, 2);
  assert.equal(found('--of', 'search'), 0);
  assert.equal(found(), 1);

  assert.equal(millrace('connectors', 'pause', 'files').status, 0);
  await until('it is paused', () => /files +files +PAUSED/.test(millrace('connectors').stdout));
  assert.equal(millrace('connectors', 'resume', 'files').status, 0);
  await until('it runs', () => /files +files +RUNNING/.test(millrace('connectors').stdout));
  assert.equal(millrace('connectors', 'restart', 'nobody').status, 1);

  // As after a crash: the announcement is still there, the program is not.
  await program.kill();
  assert.equal(millrace('status').status, 3);
  const stopped = JSON.parse(millrace('tail', 'select-color', '--from', 'earliest', '-n', '1', '--json').stdout);
  assert.equal(stopped.topic, 'select-color');
  assert.equal(JSON.parse(millrace('deadletters', 'list', '--json', '--of', 'collector').stdout).length, 1);
});

test('a port that is taken ends the start with what to do, not with a stack', async (t) => {
  const directory = temporaryDirectory(t);
  const program = await Program.start({ directory });
  t.after(() => program.kill());
  const { port } = new URL(program.collector);
  const second = withConfiguration(
    t,
    `collector: { listen: "127.0.0.1:${port}" }\noperations: { listen: "127.0.0.1:0" }\n`,
  );
  const { status, stderr } = second('up');
  assert.equal(status, 1);
  assert.match(stderr, /millrace: .*127\.0\.0\.1/);
  assert.doesNotMatch(stderr, / at .*\.ts:/);
  const third = withConfiguration(
    t,
    `collector: { listen: "127.0.0.1:0" }\noperations: { listen: "127.0.0.1:${port}" }\n`,
  );
  const failed = third('up');
  assert.equal(failed.status, 1);
  assert.doesNotMatch(failed.stderr, / at .*\.ts:/);
});
