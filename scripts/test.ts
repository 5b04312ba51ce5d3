/**
 * Runs the tests: `npm test`, or `npm test -- src/event test/browser` for those below some paths.
 * Unit tests stand beside the code in src/ and pages/; everything else lives in test/.
 */
import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const roots = process.argv.slice(2);
const files = (roots.length > 0 ? roots : ['src', 'pages', 'test', 'bench', 'scripts']).flatMap((name) => {
  const from = path.resolve(root, name);
  if (!statSync(from, { throwIfNoEntry: false })?.isDirectory()) return [from];
  return globSync('**/*.test.ts', { cwd: from }).map((file) => path.join(from, file));
});
if (files.length === 0) {
  process.stderr.write(`No test file below ${roots.join(', ')}.\n`);
  process.exit(2);
}
const reporter = process.stdout.isTTY ? 'spec' : (process.env['MILLRACE_TEST_REPORTER'] ?? 'spec');
const words = ['--test', `--test-reporter=${reporter}`, '--test-concurrency=2', '--test-timeout=300000'];
const { status } = spawnSync(process.execPath, [...words, ...files.sort()], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
