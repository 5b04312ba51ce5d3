// Node strips the types of each module in each thread, and a thread that strips one holds the 25 MiB of the stripper
// for good. Node's own compile cache would spare that, but it keeps what it has read of each module for as long as
// the thread lives: 15 MiB of a loader with one connector. So the modules are stripped ahead, by a process of its
// own, before the first start and again when one has changed. Plain JavaScript, like the launcher that uses it.
'use strict';
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const ROOT = path.dirname(__dirname);
const STRIPPER = 'strip.mjs';
const LOADER = 'stripped-modules.mjs';
const STRIP_MS = 60_000;

/** What this process was started with to load stripped modules: its other processes need it too, its threads have it. */
function importFlags() {
  return process.execArgv.filter((word) => word.startsWith('--import=') && word.includes(`/${LOADER}?`));
}

/**
 * The URL of the module by which a thread loads the stripped modules as the sources are now; undefined where there are
 * none, and Node strips them itself.
 */
function strippedModules(root = ROOT) {
  const name = fingerprintOf(root);
  if (!fs.existsSync(path.join(root, 'build', name))) return undefined;
  const url = pathToFileURL(path.join(root, 'bin', LOADER));
  url.searchParams.set('build', name);
  return url.href;
}

/** Strips the modules if that is yet to be done, half a second. Whatever fails costs memory, and nothing else. */
function strip(node, root = ROOT) {
  const build = path.join(root, 'build');
  const name = fingerprintOf(root);
  if (fs.existsSync(path.join(build, name))) return;
  // Others may do the same at this moment.
  const unfinished = path.join(build, `unfinished-${process.pid}`);
  try {
    fs.mkdirSync(unfinished, { recursive: true });
    try {
      const words = [path.join(__dirname, STRIPPER), path.join(root, 'src'), unfinished];
      const { status } = spawnSync(node, words, { stdio: 'ignore', timeout: STRIP_MS, killSignal: 'SIGKILL' });
      if (status !== 0) return;
      fs.renameSync(unfinished, path.join(build, name));
    } finally {
      fs.rmSync(unfinished, { recursive: true, force: true });
    }
    // What is of other sources, or of others that are late. A program that runs has what it needs, or strips the rest.
    for (const other of fs.readdirSync(build)) {
      if (other !== name) fs.rmSync(path.join(build, other), { recursive: true, force: true });
    }
  } catch {
    // Another process was faster, or nothing can be written here.
  }
}

/** Of the modules: another one for each file that is added, removed or changed. */
function fingerprintOf(root) {
  const source = path.join(root, 'src');
  const names = fs.readdirSync(source, { recursive: true }).filter((name) => name.endsWith('.ts'));
  const hash = createHash('sha256');
  for (const file of [path.join(__dirname, STRIPPER), ...names.sort().map((name) => path.join(source, name))]) {
    const { mtimeMs, size } = fs.statSync(file);
    hash.update(`${path.relative(root, file)} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

module.exports = { importFlags, strip, strippedModules };
