// Node strips the types of each module in each thread, and a thread that strips one holds the 25 MiB of the stripper
// for good. What is in the compile cache comes stripped. So the cache is filled before the first start, by a process
// of its own, and again when a module has changed. Plain JavaScript, like the launcher that uses it.
'use strict';
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const root = path.dirname(__dirname);
const uid = process.getuid?.();
const WARM_UP_MS = 60_000;

/** Where Node keeps what it compiled: what is said in the environment, else a folder that is this user's alone. */
const GIVEN = process.env.NODE_COMPILE_CACHE;
const DIRECTORY = GIVEN || path.join(tmpdir(), `millrace-compile-cache-${uid ?? 'user'}`);

/** The folder, or undefined where it can't be used. Code is run from it, so it must not be another user's. */
function compileCache() {
  try {
    fs.mkdirSync(DIRECTORY, { recursive: true, mode: 0o700 });
    fs.accessSync(DIRECTORY, fs.constants.W_OK);
    return GIVEN || uid === undefined || fs.lstatSync(DIRECTORY).uid === uid ? DIRECTORY : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Fills the cache in a folder for a Node with these flags, of which each set has a part of its own there, where it
 * lacks a module as it is now. Whatever fails costs memory, and nothing else.
 */
function fillCompileCache(directory, node, flags) {
  try {
    const name = createHash('sha256')
      .update([root, node, ...flags].join('\n'))
      .digest('hex')
      .slice(0, 16);
    const stamp = path.join(directory, `millrace-${name}`);
    const fingerprint = fingerprintOf([node, ...modulesBelow(path.join(root, 'src'))]);
    if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === fingerprint) return;
    spawnSync(node, [...flags, path.join(__dirname, 'warm-up.mjs')], {
      env: { ...process.env, NODE_COMPILE_CACHE: directory },
      stdio: 'ignore',
      timeout: WARM_UP_MS,
      // The program itself takes SIGTERM for a wish.
      killSignal: 'SIGKILL',
    });
    // Also where that failed: it would fail at each start.
    fs.writeFileSync(stamp, fingerprint);
  } catch {
    // A cache that can't be written is one that is not used.
  }
}

function modulesBelow(source) {
  const names = fs.readdirSync(source, { recursive: true }).filter((name) => name.endsWith('.ts'));
  return names.sort().map((name) => path.join(source, name));
}

/** Changes with each file that is added, removed or changed. */
function fingerprintOf(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const { mtimeMs, size } = fs.statSync(file);
    hash.update(`${file} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

module.exports = { compileCache, fillCompileCache };
