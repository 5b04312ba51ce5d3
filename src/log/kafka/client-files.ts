export type Client = typeof import('@platformatic/kafka');

/** The front door of Kafka's client, beside which its files stand. */
export const root = import.meta.resolve('@platformatic/kafka');

/** Imports one of its files, by its place in the package, of which the version is pinned. */
export async function clientFile<Part>(file: string): Promise<Part> {
  return import(new URL(file, root).href);
}
