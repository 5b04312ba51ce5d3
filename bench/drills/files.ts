/** The drill of a store of files, on a local disk. */
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BenchResult } from '../result.ts';
import type { Report } from '../run.ts';
import type { StoreDrillOptions, StoreUnderTest } from './stores/drill.ts';
import { storeDrill } from './stores/drill.ts';
import { fileStoreCalls, intoFiles } from './stores/file-store.ts';

export const run = (report: Report) => filesDrill('all', report);

export function filesDrill(steps: StoreDrillOptions['steps'], report: Report): Promise<BenchResult> {
  return storeDrill({ name: 'files', start: startLocal, steps }, report);
}

async function startLocal(): Promise<StoreUnderTest> {
  const root = mkdtempSync(path.join(tmpdir(), 'millrace-drill-local-'));
  return {
    sink: intoFiles({ local: { path: root } }),
    calls: fileStoreCalls('local.ts', 'LocalFileStore'),
    idsStored: async () => {
      const texts = await Promise.all(
        globSync('**/*.json', { cwd: root, exclude: ['_millrace'] }).map((file) =>
          readFile(path.join(root, file), 'utf8'),
        ),
      );
      return texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => (JSON.parse(line) as { id: string }).id);
    },
    leftBehind: async () => globSync('_millrace/tmp/**/*.{part,manifest}', { cwd: root }),
    disturbances: {},
    close: async () => rmSync(root, { recursive: true, force: true }),
  };
}
