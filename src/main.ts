import { runCommandLine } from './cli/run.ts';

process.exitCode = await runCommandLine(process.argv.slice(2));
// Nothing of ours is left by then; but Node's own teardown (Environment::CleanupHandles, in 26.10) has
// been seen to spin for ever after connections to servers that were killed.
process.on('beforeExit', () => process.exit());
