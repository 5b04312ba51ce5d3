/** The drill of a store of files, on real HDFS. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WebHdfs } from '../../src/sinks/files/stores/hdfs/webhdfs.ts';
import { startHdfs } from '../../test/engines/hdfs.ts';
import type { BenchResult } from '../result.ts';
import type { Report } from '../run.ts';
import type { StoreDrillOptions, StoreUnderTest } from './stores/drill.ts';
import { storeDrill } from './stores/drill.ts';
import { fileStoreCalls, intoFiles } from './stores/file-store.ts';

const ROOT = '/events';
/** How long a server is away, or a disk is full. */
const AWAY_MS = 5_000;
/** The disk of the DataNode. HDFS wants room on it for a whole block for each file that it begins. */
const DISK_MIB = 256;
const BLOCK_BYTES = 1 << 20;
const LOOK_MS = 60_000;

export const run = (report: Report) => hdfsDrill({ steps: 'all' }, report);

export function hdfsDrill(
  { steps, without = [] }: Pick<StoreDrillOptions, 'steps' | 'without'>,
  report: Report,
): Promise<BenchResult> {
  return storeDrill({ name: 'hdfs', start: startUnderTest, steps, without }, report);
}

async function startUnderTest(report: Report): Promise<StoreUnderTest> {
  const disk = smallDisk(report);
  const hdfs = await startHdfs({
    properties: {
      'dfs.blocksize': String(BLOCK_BYTES),
      // Else it wants a gigabyte more than the block.
      'dfs.datanode.round-robin-volume-choosing-policy.additional-available-space': '0',
      'dfs.client.block.write.locateFollowingBlock.initial.delay.ms': '20',
    },
    ...(disk ? { blocks: [disk.directory] } : {}),
  });
  const [dataNode] = hdfs.dataNodes;
  const client = new WebHdfs({ namenodes: [hdfs.url], user: hdfs.user, headers: {}, deadline: LOOK_MS });
  const below = async (folder: string): Promise<string[]> => {
    const entries = await client.list(folder, AbortSignal.timeout(LOOK_MS));
    const lists = entries.map(({ name, directory }) =>
      directory ? below(`${folder}/${name}`) : [`${folder}/${name}`],
    );
    return (await Promise.all(lists)).flat();
  };
  return {
    sink: intoFiles({ hdfs: { namenodes: [hdfs.url], user: hdfs.user, path: ROOT, deadline: '10s' } }),
    calls: fileStoreCalls('hdfs/store.ts', 'HdfsFileStore'),
    idsStored: async () => {
      const text = await hdfs.shell('-cat', `${ROOT}/type=*/*/*/*.json`).catch((error: Error) => {
        if (error.message.includes('No such file')) return '';
        throw error;
      });
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.map((line) => (JSON.parse(line) as { id: string }).id);
    },
    leftBehind: () => below(`${ROOT}/_millrace/tmp`),
    disturbances: {
      datanode_killed: async () => {
        await dataNode!.kill();
        await delay(AWAY_MS);
        await dataNode!.start();
        await hdfs.writable();
      },
      namenode_restarted: async () => {
        await hdfs.nameNode.kill();
        await delay(AWAY_MS);
        await hdfs.nameNode.start();
        // Files can be read, and nothing can be changed.
        await hdfs.admin('-safemode', 'enter');
        await delay(AWAY_MS);
        await hdfs.admin('-safemode', 'leave');
        await hdfs.writable();
      },
      ...(disk
        ? {
            disk_full: async () => {
              await disk.fill();
              await delay(AWAY_MS);
              await disk.free();
            },
          }
        : {}),
    },
    close: async () => {
      client.close();
      await hdfs.close();
      disk?.remove();
    },
  };
}

/** A small disk, in memory, for the blocks; undefined, and said so, where we may not mount one. */
function smallDisk(report: Report) {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-drill-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', directory], { stdio: 'pipe' });
  } catch {
    rmSync(directory, { recursive: true });
    report('LEFT OUT: disk_full, since this user may not mount a disk to fill');
    return undefined;
  }
  const filler = path.join(directory, 'filler');
  return {
    directory,
    /** Writes until there is no space. */
    fill: async () => {
      await writeFile(filler, Buffer.alloc(DISK_MIB << 20)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOSPC') throw error;
      });
    },
    free: () => rm(filler),
    remove: () => {
      execFileSync('umount', ['-l', directory]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
