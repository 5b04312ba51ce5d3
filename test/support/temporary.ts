import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

/** A directory of the test's own, removed after it. */
export function temporaryDirectory(t: Pick<TestContext, 'after'>): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
