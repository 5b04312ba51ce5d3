/** The thread of the operations server, in a program that collects: nothing an operator asks takes time from that. */
import { parentPort, workerData } from 'node:worker_threads';
import type { OperationsData } from './operations-part.ts';
import { runOperations } from './operations-part.ts';

if (parentPort) await runOperations(parentPort, workerData as OperationsData);
