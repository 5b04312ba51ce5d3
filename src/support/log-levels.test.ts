import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { LogLevels } from './log-levels.ts';
import { WEIGHT_OF } from './logger.ts';

const CONFIGURED = { level: 'info', format: 'json' } as const;

function thresholdOf(levels: LogLevels, name: string): number {
  const { threshold } = levels.optionsFor(name);
  assert.ok(threshold);
  return new Int32Array(threshold)[0] as number;
}

test('loggers begin at the level of the nearest one above them', () => {
  const levels = new LogLevels(CONFIGURED);
  assert.deepEqual(levels.all(), { root: { level: 'INFO' } });
  levels.optionsFor('connectors');
  levels.set('connectors', 'DEBUG', 5);
  assert.equal(thresholdOf(levels, 'connectors.files'), WEIGHT_OF.debug);
  assert.equal(thresholdOf(levels, 'operations'), WEIGHT_OF.info);
  assert.deepEqual(levels.all()['connectors.files'], { level: 'DEBUG' });
});

test('a level holds for a logger and those below it, wherever they are by now', () => {
  const levels = new LogLevels(CONFIGURED);
  const names = ['connectors', 'connectors.files', 'connectorsx', 'operations'];
  const shared = names.map((name) => levels.optionsFor(name).threshold);
  const now = () => shared.map((one) => new Int32Array(one as SharedArrayBuffer)[0]);
  assert.deepEqual(levels.set('connectors', 'ERROR', 7), ['connectors', 'connectors.files']);
  assert.deepEqual(now(), [50, 50, 30, 30]);
  assert.deepEqual(levels.all()['connectors.files'], { level: 'ERROR', lastModified: 7 });
  assert.deepEqual(levels.set('root', 'OFF', 8), [...names, 'root'].sort());
  assert.ok(now().every((threshold) => (threshold ?? 0) > WEIGHT_OF.error));
  assert.deepEqual(levels.set('root', 'OFF', 9), []);
  assert.throws(() => levels.set('nobody', 'INFO', 9), { code: 'LOGGER_UNKNOWN' });
  levels.forget('operations');
  assert.ok(!Object.hasOwn(levels.all(), 'operations'));
});

/** What a program writes that says each word at each level, in its main thread and in another. */
const SAYING = (main: string, other: string) => `
  const { LogLevels } = await import(${JSON.stringify(new URL('./log-levels.ts', import.meta.url))});
  const { createLogger } = await import(${JSON.stringify(new URL('./logger.ts', import.meta.url))});
  const { Worker } = await import('node:worker_threads');
  const { once } = await import('node:events');
  const levels = new LogLevels({ level: 'info', format: 'json' });
  const logger = createLogger(levels.optionsFor('root')).child({ part: 'main' });
  const worker = new Worker(${JSON.stringify(OTHER_THREAD)}, { eval: true, execArgv: [], workerData: levels.optionsFor('other') });
  const say = async (word) => {
    for (const level of ['error', 'warn', 'info', 'debug']) logger[level]({}, word);
    worker.postMessage(word);
    await once(worker, 'message');
  };
  await say('configured');
  levels.set('root', ${JSON.stringify(main)}, 1);
  levels.set('other', ${JSON.stringify(other)}, 1);
  await say('set');
  await worker.terminate();
`;
const OTHER_THREAD = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(${JSON.stringify(new URL('./logger.ts', import.meta.url))}).then(({ createLogger }) => {
    const logger = createLogger(workerData).child({ part: 'other' });
    parentPort.on('message', (word) => {
      for (const level of ['error', 'warn', 'info', 'debug']) logger[level]({}, word);
      parentPort.postMessage('said');
    });
  });
`;

test('a level that is set holds for the next line, in every thread', () => {
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', SAYING('WARN', 'DEBUG')], {
    encoding: 'utf8',
  });
  const lines = stderr.split('\n').filter(Boolean);
  const said = lines.map((line) => JSON.parse(line) as { level: string; part: string; msg: string });
  const levelsOf = (part: string, word: string) =>
    said.filter((line) => line.part === part && line.msg === word).map(({ level }) => level);
  for (const part of ['main', 'other']) assert.deepEqual(levelsOf(part, 'configured'), ['error', 'warn', 'info']);
  assert.deepEqual(levelsOf('main', 'set'), ['error', 'warn']);
  assert.deepEqual(levelsOf('other', 'set'), ['error', 'warn', 'info', 'debug']);
});
