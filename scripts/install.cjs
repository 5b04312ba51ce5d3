// Installs what is missing, and nothing when nothing is: `node scripts/install.cjs run-time|all`.
//
// Plain JavaScript for whatever Node the machine has (20 or newer), since it brings the Node
// that runs everything else. A stamp in node_modules says which lock file is installed, so
// that an unchanged checkout costs one hash.
'use strict';
const { createHash } = require('node:crypto');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const modules = path.join(root, 'node_modules');
const stampFile = path.join(modules, '.millrace-installed.json');
const { nodePackageDirectories } = require('../bin/find-node.cjs');

main();

function main() {
  const wanted = process.argv[2];
  if (wanted !== 'run-time' && wanted !== 'all') fail('usage: node scripts/install.cjs run-time|all', 2);
  const lock = createHash('sha256')
    .update(fs.readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = readStamp();
  const satisfied = stamp.lock === lock && (stamp.extent === 'all' || stamp.extent === wanted);
  if (!satisfied) {
    install(wanted);
  }
  linkNode();
  if (!satisfied) fs.writeFileSync(stampFile, `${JSON.stringify({ lock, extent: wanted })}\n`);
}

function readStamp() {
  try {
    return JSON.parse(fs.readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
}

function install(extent) {
  const npm = process.env.npm_execpath;
  const omit = extent === 'run-time' ? ['--omit=dev'] : [];
  const words = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', ...omit];
  process.stderr.write('Installing packages (only when they changed) …\n');
  const done = npm
    ? spawnSync(process.execPath, [npm, ...words], { cwd: root, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', words, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (done.error) fail(`npm could not be started: ${done.error.message}`, 1);
  if (done.status !== 0) {
    fail(
      'The packages could not be installed; npm says why above. Check the network or the registry, and try again.',
      1,
    );
  }
}

/**
 * npm 10 links no `node` when a lock file lists one package a platform; npm 11 and 12 do. The
 * scripts in package.json count on `node` being ours, so the link is made where it is missing.
 */
function linkNode() {
  const windows = process.platform === 'win32';
  const link = path.join(modules, '.bin', windows ? 'node.exe' : 'node');
  if (fs.existsSync(link)) return;
  const from = nodePackageDirectories(root)
    .map((directory) => path.join(directory, 'bin', windows ? 'node.exe' : 'node'))
    .find((file) => fs.existsSync(file));
  if (!from) return; // a platform without a package: bin/millrace checks the machine's own Node
  fs.mkdirSync(path.dirname(link), { recursive: true });
  try {
    if (windows) fs.copyFileSync(from, link);
    else fs.symlinkSync(path.relative(path.dirname(link), from), link);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
}

function fail(message, code) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}
