import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { temporaryDirectory } from '../../../test/support/temporary.ts';
import { hasReference, isReferenceOnly, processReferences, resolveReferences } from './references.ts';

const none = processReferences({ environment: {} });

test('references are replaced, several in one text', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(path.join(directory, 'password'), 'pass$1{word}\n');
  const sources = processReferences({ environment: { USER_NAME: 'kim' }, directory });
  assert.deepEqual(resolveReferences(`${'${env:USER_NAME}'}:${'${file:password}'}@x`, sources), {
    text: 'kim:pass$1{word}@x',
  });
});

test('every reference that stands for nothing is told', () => {
  const resolution = resolveReferences('${env:ONE} ${file:two}', none);
  assert.deepEqual(resolution, {
    fault:
      "needs the environment variable ONE, which is not set or may not be named, and the file two, which can't be used: no folder for such files is configured",
  });
});

test('a file is read only below its folder', (t) => {
  const directory = temporaryDirectory(t);
  const secrets = path.join(directory, 'secrets');
  mkdirSync(path.join(secrets, 'folder'), { recursive: true });
  writeFileSync(path.join(directory, 'outside'), 'not to be seen');
  mkdirSync(path.join(directory, 'secrets-too'));
  writeFileSync(path.join(directory, 'secrets-too', 'one'), 'not to be seen');
  symlinkSync(path.join(directory, 'outside'), path.join(secrets, 'link'));
  writeFileSync(path.join(secrets, 'large'), 'x'.repeat(64 * 1024 + 1));
  writeFileSync(path.join(secrets, 'one'), 'good');
  const sources = processReferences({ environment: {}, directory: secrets });
  const read = (name: string) => resolveReferences(`\${file:${name}}`, sources);

  assert.deepEqual(read('one'), { text: 'good' });
  assert.deepEqual(read(path.join(secrets, 'one')), { text: 'good' });
  for (const name of ['../outside', path.join(directory, 'outside'), 'link', '../secrets-too/one', '.', '..']) {
    const resolution = read(name);
    assert.ok('fault' in resolution && /is not below/.test(resolution.fault), `${name}: ${JSON.stringify(resolution)}`);
  }
  for (const [name, why] of [
    ['folder', /not a file/],
    ['large', /larger than/],
    ['missing', /no such file/],
    ['../missing', /no such file/],
  ] as const) {
    const resolution = read(name);
    assert.ok('fault' in resolution && why.test(resolution.fault), `${name}: ${JSON.stringify(resolution)}`);
  }
});

test('only what is nothing but references counts as such', () => {
  assert.ok(isReferenceOnly('${env:A}${file:b}'));
  for (const text of ['', 'x${env:A}', '${env:A} ', '${env:}', '${other:A}', '${env:A', '$${env:A}'])
    assert.ok(!isReferenceOnly(text), text);
});

test('a text without references stands for itself', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!hasReference(text));
      assert.deepEqual(resolveReferences(text, none), { text });
    }),
  );
});

test('only such variables can be named as the operator lets be named', () => {
  const environment = { CONNECT_ONE: '1', CONNECT: '2', HOME: '/root', DB_URL: 'x' };
  const sources = processReferences({ environment, variables: ['CONNECT_*', 'DB_URL'] });
  const isFound = (name: string) => 'text' in resolveReferences(`\${env:${name}}`, sources);
  assert.deepEqual(Object.keys(environment).filter(isFound), ['CONNECT_ONE', 'DB_URL']);
});
