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
const STRIPPER = path.join(__dirname, 'strip.mjs');
const LOADER = 'stripped-modules.mjs';
const STRIP_MS = 60_000;

/** What this process was started with to load stripped modules: its other processes need it too, its threads have it. */
function importFlags() {
  return process.execArgv.filter((word) => word.startsWith('--import=') && word.includes(`/${LOADER}?`));
}

/**
 * The URL of the module by which a thread loads the stripped modules as the sources are now. Strips them with this
 * Node if that is yet to be done, half a second. Undefined where that fails: Node strips them itself then.
 */
function strippedModules(node, root = ROOT) {
  try {
    const build = path.join(root, 'build');
    const name = fingerprintOf(node, root);
    if (!fs.existsSync(path.join(build, name)) && !strip(node, path.join(root, 'src'), build, name)) return undefined;
    const url = pathToFileURL(path.join(root, 'bin', LOADER));
    url.searchParams.set('build', name);
    return url.href;
  } catch {
    // Nothing can be written here, or sources change at this moment.
    return undefined;
  }
}

/** Strips all modules into a folder of that name, and says whether it is there. Others may do the same meanwhile. */
function strip(node, source, build, name) {
  fs.mkdirSync(build, { recursive: true });
  const finished = path.join(build, name);
  const unfinished = fs.mkdtempSync(path.join(build, 'unfinished-'));
  try {
    const words = [STRIPPER, source, unfinished];
    const { status } = spawnSync(node, words, { stdio: 'ignore', timeout: STRIP_MS, killSignal: 'SIGKILL' });
    if (status === 0) {
      // Of this user alone so far.
      fs.chmodSync(unfinished, 0o777 & ~process.umask());
      fs.renameSync(unfinished, finished);
    }
  } catch {
    // Another process was faster, or there is no room.
  } finally {
    fs.rmSync(unfinished, { recursive: true, force: true });
  }
  removeOthers(build, name);
  return fs.existsSync(finished);
}

/** What is of other sources, and what was never finished. A program that runs has what it needs, or strips the rest. */
function removeOthers(build, name) {
  for (const other of fs.readdirSync(build)) {
    const file = path.join(build, other);
    const isOld = /^[0-9a-f]{16}$/.test(other) && other !== name;
    const isLeft = other.startsWith('unfinished-') && Date.now() - fs.statSync(file).mtimeMs > STRIP_MS;
    if (isOld || isLeft) fs.rmSync(file, { recursive: true, force: true });
  }
}

/** Of all modules and what strips them. Their contents, not their times, which copies and images change or keep. */
function fingerprintOf(node, root) {
  const source = path.join(root, 'src');
  const modules = fs
    .readdirSync(source, { recursive: true })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !path.basename(name).startsWith('.'))
    .sort();
  const hash = createHash('sha256')
    .update(`${fs.statSync(node).size}\n`)
    .update(fs.readFileSync(STRIPPER));
  for (const name of modules) hash.update(`${name}\n`).update(fs.readFileSync(path.join(source, name)));
  return hash.digest('hex').slice(0, 16);
}

module.exports = { importFlags, strippedModules };
