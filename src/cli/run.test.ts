import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { EMBEDDED_DEFAULTS } from '../../test/support/embedded-log.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { deadLetterTopic } from '../log/dead-letter.ts';
import { openEmbeddedLog } from '../log/embedded/open.ts';
import { runCommandLine } from './run.ts';

/** Runs commands in this process, in a directory of their own. */
function commandLine(t: TestContext) {
  const workingDirectory = temporaryDirectory(t);
  mkdirSync(workingDirectory, { recursive: true });
  const run = async (...words: string[]) => {
    const said = { out: '', error: '' };
    const code = await runCommandLine(words, {
      streams: {
        out: (text) => {
          said.out += text;
        },
        error: (text) => {
          said.error += text;
        },
        isTerminal: false,
      },
      environment: {},
      workingDirectory,
      signal: AbortSignal.timeout(20_000),
    });
    return { code, ...said };
  };
  const data = path.join(workingDirectory, 'data');
  writeFileSync(path.join(workingDirectory, 'millrace.yaml'), JSON.stringify({ data }));
  return { run, data };
}

test('a question about data that is not there makes none', async (t) => {
  const { run, data } = commandLine(t);
  for (const words of [
    ['tail'],
    ['deadletters'],
    ['status'],
    ['connectors'],
    ['verify', 'files'],
    ['compact', 'files'],
    ['adopt', 'files'],
  ]) {
    assert.equal((await run(...words)).code, 3, words.join(' '));
    assert.ok(!existsSync(data));
  }
});

test('nothing that a visitor sent steers a terminal, in text and in JSON alike', async (t) => {
  const { run, data } = commandLine(t);
  const evil = '\u009b31m\u061c\u202e\u2028\u007f';
  const log = await openEmbeddedLog({ directory: path.join(data, 'log'), ...EMBEDDED_DEFAULTS });
  await log.admin.createTopic('web-events', { partitions: 2 });
  const producer = log.producer();
  await producer.send({ topic: 'web-events', partition: 0 }, [
    { value: Buffer.from(JSON.stringify({ v: evil })), timestamp: 1 },
  ]);
  await producer.close();
  await log.close();
  for (const format of [[], ['--json'], ['--format', 'full']]) {
    const { code, out } = await run('tail', '--from', 'earliest', '-n', '1', ...format);
    assert.equal(code, 0);
    assert.doesNotMatch(out.trimEnd(), /[\p{Cc}\u061c\u202e\u2028]/u);
    const parsed = JSON.parse(out) as { v?: string; value?: string };
    assert.equal(parsed.v ?? (JSON.parse(parsed.value!) as { v: string }).v, evil);
  }
});

test('dead letters can be listed and replayed for a connector that is new in the configuration', async (t) => {
  const { run, data } = commandLine(t);
  mkdirSync(path.join(data, 'log'), { recursive: true });
  assert.deepEqual(JSON.parse((await run('deadletters', '--json')).out), []);
  const { code, error } = await run('deadletters', 'replay', 'search', `${deadLetterTopic('search')}-0-7`);
  assert.equal(code, 1);
  assert.match(error, /Not found among the dead letters of search: 1/);
});

test('a stale announcement does not lead to the program of other data', async (t) => {
  const { run, data } = commandLine(t);
  const asked: string[] = [];
  let authorized = false;
  const other = createServer((request, response) => {
    asked.push(request.url ?? '');
    authorized ||= request.headers.authorization !== undefined;
    response.setHeader('content-type', 'application/json').end('{"status":"up","instance":"other"}');
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const running = path.join(data, 'running');
  mkdirSync(running, { recursive: true });
  /** Above the largest process id that Linux gives (pid_max, 2^22). */
  const pid = 2 ** 22 + 1;
  const operations = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const announce = (program: { pid: number; instance: string; operations: string }) =>
    writeFileSync(path.join(running, `${program.pid}.json`), JSON.stringify(program));
  announce({ pid, instance: 'one', operations });
  assert.equal((await run('status')).code, 3);
  assert.deepEqual(asked, []);
  assert.deepEqual(readdirSync(running), [], 'a process that is gone is forgotten');
  // The process id and the port both belong to others by now.
  announce({ pid: process.pid, instance: 'one', operations });
  writeFileSync(
    path.join(data, '..', 'millrace.yaml'),
    JSON.stringify({ data, operations: { token: 'a-token-of-some-length' } }),
  );
  assert.equal((await run('status')).code, 3);
  assert.deepEqual(asked, ['/health']);
  assert.equal(authorized, false, 'a stranger is not told the token');
});

test('a wrong call is told from a wrong word', async (t) => {
  const { run } = commandLine(t);
  assert.match((await run('--json', 'status')).out, /Options come after the command/);
  assert.equal((await run('help', 'nothing')).code, 2);
  assert.equal(
    (await run('tail', '--bogus')).error.split('\n')[0],
    "millrace: millrace tail: Unknown option '--bogus'.",
  );
});
