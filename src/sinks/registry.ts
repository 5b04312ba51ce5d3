import { filesSink } from './files/index.ts';
import { tableSink } from './table/index.ts';

/** Every kind of sink, by the name that a connector's configuration gives it. */
export const sinks = { files: filesSink, table: tableSink } as const;

export type SinkKind = keyof typeof sinks;
