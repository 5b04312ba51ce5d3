import { filesSink } from './files/index.ts';
import { searchSink } from './search/index.ts';
import { tableSink } from './table/index.ts';

/** Every kind of sink, by the name that a connector's configuration gives it. */
export const sinks = { files: filesSink, search: searchSink, table: tableSink } as const;

export type SinkKind = keyof typeof sinks;
