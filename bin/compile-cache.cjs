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
const WARM_UP_MS = 60_000;

/** Where Node keeps what it compiled. */
const DIRECTORY = process.env.NODE_COMPILE_CACHE || path.join(tmpdir(), 'node-compile-cache');

/** Fills the cache of this Node where it lacks a module as it is now. Whatever fails costs memory, and nothing else. */
function fillCompileCache(node) {
  const name = createHash('sha256').update(`${root}\n${node}\n${process.getuid?.()}`).digest('hex').slice(0, 16);
  const stamp = path.join(DIRECTORY, `millrace-${name}`);
  try {
    const fingerprint = fingerprintOf(node, path.join(root, 'src'));
    if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === fingerprint) return;
    const environment = { ...process.env, NODE_COMPILE_CACHE: DIRECTORY };
    const script = path.join(__dirname, 'warm-up.mjs');
    const { status } = spawnSync(node, [script], { env: environment, stdio: 'ignore', timeout: WARM_UP_MS });
    if (status === 0) fs.writeFileSync(stamp, fingerprint);
  } catch {
    // A cache that can't be written is one that is not used.
  }
}

/** Changes with Node, and with each module that is added, removed or changed. */
function fingerprintOf(node, source) {
  const hash = createHash('sha256').update(`${fs.statSync(node).mtimeMs}\n`);
  const files = fs.readdirSync(source, { recursive: true }).filter((file) => file.endsWith('.ts'));
  for (const file of files.sort()) hash.update(`${file} ${fs.statSync(path.join(source, file)).mtimeMs}\n`);
  return hash.digest('hex');
}

module.exports = { DIRECTORY, fillCompileCache };
