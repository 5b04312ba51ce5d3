import { Program } from '../../test/support/program.ts';
import type { PeerOptions, PeerServer } from './server.ts';

/** `millrace collect` as it is without configuration, but for the brokers. */
export async function startMillrace({ brokers, directory, before }: PeerOptions): Promise<PeerServer> {
  const configuration = { log: { kafka: { brokers } } };
  const program = await Program.start({ directory, configuration, before, command: 'collect' });
  return {
    url: new URL(program.collector),
    pid: program.pid,
    stop: async () => {
      const code = await program.stop();
      if (code !== 0) throw new Error(`the collector ended with ${code}`);
    },
    kill: () => program.kill(),
  };
}
