import { hash } from 'node:crypto';

/**
 * Which of the workers take part in a connector: those of the highest hashes (rendezvous hashing),
 * so that all choose the same without a word, and one that comes or goes changes little.
 */
export function takingPart(connector: string, workers: readonly string[], most: number): readonly string[] {
  const ranked = workers.map((worker) => [hash('sha256', `${connector} ${worker}`), worker] as const);
  return ranked
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .slice(0, most)
    .map(([, worker]) => worker)
    .sort();
}
