import { filesSink } from './files/index.ts';
import { searchSink } from './search/index.ts';
import { tableSink } from './table/index.ts';

/**
 * Every kind of sink, by the name that a connector's configuration gives it. What makes one is loaded only where it
 * is used: each thread that knows the definitions would hold the clients of all stores otherwise.
 */
export const sinks = { files: filesSink, search: searchSink, table: tableSink } as const;

export type SinkKind = keyof typeof sinks;
