/**
 * Loading by both sinks, each next to a bare loop that does the same work: the same files,
 * compression and fsyncs, or the same schema, keys and indices. Records come from memory.
 */
import * as files from './load-files.ts';
import * as table from './load-table.ts';
import type { BenchResult } from './result.ts';
import type { Report } from './run.ts';

export async function run(report: Report): Promise<BenchResult> {
  report('files …');
  const loadedFiles = await files.run();
  report('table …');
  const loadedTable = await table.run();
  return {
    name: 'load',
    ok: loadedFiles.ok && loadedTable.ok,
    figures: { ...loadedFiles.figures, ...loadedTable.figures },
    ratios: { ...loadedFiles.ratios, ...loadedTable.ratios },
    targets: { ...loadedFiles.targets, ...loadedTable.targets },
  };
}
