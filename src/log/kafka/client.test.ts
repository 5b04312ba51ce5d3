import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import * as parts from './client.ts';
import { Ajv2020 } from './late-ajv.ts';

test('the parts are those of the whole client', async () => {
  const whole: Readonly<Record<string, unknown>> = { ...(await import('@platformatic/kafka')) };
  const { apis, ...others } = parts;
  assert.ok(Object.keys(others).length > 8);
  for (const [name, part] of Object.entries(others)) assert.equal(part, whole[name], name);
  for (const name of ['createAPI', 'fetchV12', 'produceV9'] as const) assert.equal(apis[name], whole[name], name);
});

test('the parts are loaded without a library of schemas, producer, consumer, and questions that nobody puts', () => {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    await import(${JSON.stringify(import.meta.resolve('./client.ts'))});
    console.log(JSON.stringify(loaded));
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  const loaded = JSON.parse(output) as string[];
  assert.ok(loaded.some((url) => url.endsWith('/network/connection.js')));
  const unwanted =
    /\/node_modules\/(ajv|ajv-draft-04|avsc|protobufjs)\/|\/mnemonist\/(index|bloom-filter)|\/(producer|consumer)\.js$/;
  assert.deepEqual(
    loaded.filter((url) => unwanted.test(url)),
    [],
  );
  const questions = loaded.filter((url) => /\/dist\/apis\/\w+\/.*-v\d+\.js$/.test(url));
  assert.equal(questions.length, Object.keys(parts.apis).filter((name) => /V\d+$/.test(name)).length);
});

test('a schema that is compiled late judges as Ajv does', () => {
  const ajv = new Ajv2020({ allErrors: true });
  const validate = ajv.compile({ type: 'object', properties: { size: { even: true } }, required: ['size'] });
  ajv.addKeyword({ keyword: 'even', validate: (_: unknown, size: number) => size % 2 === 0 });
  assert.equal(validate({ size: 2 }), true);
  assert.equal(validate({ size: 3 }), false);
  assert.equal(validate.errors?.[0]?.keyword, 'even');
  assert.equal(validate({}), false);
  assert.equal(validate.errors?.[0]?.keyword, 'required');
});
