import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { loadAssets, replyWithAsset } from './assets.ts';

function folder(t: Parameters<typeof temporaryDirectory>[0], files: Record<string, string>): string {
  const directory = temporaryDirectory(t);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    writeFileSync(path.join(directory, name), content);
  }
  return directory;
}

test('scripts reach the browser without types, importing what the browser can load', (t) => {
  const directory = folder(t, {
    'main.ts': `import type { Gone } from '../../elsewhere.ts';\nimport { b } from './parts/b.ts';\nexport const a: number = b;`,
    'parts/b.ts': `import lib from "lib";\nimport { a } from "../main.ts";\nexport const b = lib as number;\nconst later = () => import('./c.ts');`,
    'lib.mjs': 'export default 1;',
  });
  const assets = loadAssets(directory, {
    extra: [{ name: 'lib.js', file: path.join(directory, 'lib.mjs'), specifier: 'lib' }],
  });
  const main = String(assets.get('main.js')?.body);
  assert.ok(!main.includes('elsewhere') && !main.includes(': number'));
  assert.match(main, /from '\.\/parts\/b\.js'/);
  const part = String(assets.get('parts/b.js')?.body);
  assert.match(part, /from "\.\.\/lib\.js"/);
  assert.match(part, /from "\.\.\/main\.js"/);
  assert.match(part, /import\('\.\/c\.js'\)/);
  assert.equal(String(assets.get('lib.js')?.body), 'export default 1;');
});

test('only what a browser needs is served', (t) => {
  const directory = folder(t, {
    'index.html': '<!doctype html>',
    'a.test.ts': 'never',
    'a.d.ts': 'never',
    '.secret': 'never',
    'notes.md': 'never',
  });
  assert.deepEqual([...loadAssets(directory).keys()], ['index.html']);
});

test('a browser that has the version hears 304', (t) => {
  const assets = loadAssets(folder(t, { 'index.html': 'one', 'b.css': 'two' }));
  const page = assets.get('index.html')!;
  assert.equal(replyWithAsset(page, undefined).status, 200);
  assert.equal(replyWithAsset(page, undefined).headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(replyWithAsset(page, `"other", W/${page.etag}`).status, 304);
  assert.equal(replyWithAsset(page, page.etag).body, undefined);
  assert.equal(replyWithAsset(assets.get('b.css')!, page.etag).status, 200);
});

test('the warning about type stripping is kept back, and no other', (t) => {
  const directory = folder(t, { 'main.ts': 'const a: number = 1;' });
  const program = `
    import { loadAssets } from ${JSON.stringify(path.join(import.meta.dirname, 'assets.ts'))};
    loadAssets(${JSON.stringify(directory)});
    process.emitWarning('still heard', 'ExperimentalWarning');`;
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', program]);
  assert.equal(status, 0, String(stderr));
  assert.ok(!String(stderr).includes('stripTypeScriptTypes'), String(stderr));
  assert.match(String(stderr), /still heard/);
});
