/** What is made of several runs. */

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** The value that a part `q` of them stay below; they must be sorted. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** The median of each figure over several runs that have the same ones, under a common prefix. */
export function medians<T extends Readonly<Record<string, number>>>(
  prefix: string,
  runs: readonly T[],
): Record<string, number> {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(names.map((name) => [`${prefix}_${name}`, round(median(runs.map((run) => run[name]!)))]));
}
