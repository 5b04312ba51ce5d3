/** Processes on cores of their own, and what Linux knows of them (proc(5)). */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** What is measured has this core to itself. */
export const MEASURED_CORE = 0;
/** The load and the stores share this one. */
export const OTHER_CORE = 1;

/** proc(5) counts time in hundredths of a second on every architecture that Node runs on. */
const TICK_MICROSECONDS = 10_000;
/** Writing it to clear_refs sets the peak of the memory to what is held now. */
const RESET_PEAK = '5';
/** In /proc/PID/stat after the name, which may hold anything but ends with the last parenthesis. */
const USER_TIME_AT = 11;
const SYSTEM_TIME_AT = 12;

/** Words before a command that keep it, and all its threads, on one core. */
export function pinnedTo(core: number): readonly string[] {
  return ['taskset', '-c', String(core)];
}

/** Keeps this process on one core, with all its threads and whatever it starts without a word about its core. */
export function pinThis(core: number): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(process.pid)]);
}

/** Of all threads, since the start. */
export function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TIME_AT]) + Number(fields[SYSTEM_TIME_AT])) * TICK_MICROSECONDS;
}

/** From now on the peak is counted anew. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, RESET_PEAK);
}

/** In MiB, since the start or {@link forgetPeak}. */
export function peakRssMb(pid: number): number {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Math.round(Number(kib) / 1024);
}
