import type { KafkaNode } from '../../../test/engines/kafka.ts';
import { startKafka } from '../../../test/engines/kafka.ts';
import { FaultProxy } from '../../../test/engines/proxy.ts';
import { KafkaView } from '../../../test/support/kafka-view.ts';
import { OTHER_CORE, pinnedTo } from '../../processes.ts';
import type { Scenario } from './scenarios.ts';

/** Kafka as a scenario needs it, and the way in which it goes away and comes back. */
export interface Setting {
  /** For the program. */
  readonly brokers: readonly string[];
  /** For whoever looks on from outside; no fault stands between. */
  readonly plainBrokers: readonly string[];
  breakLog(): Promise<void>;
  /** Resolves once Kafka takes requests again. */
  mendLog(): Promise<void>;
  close(): Promise<void>;
}

/** `measured`: speed counts, so that three brokers keep to one core: they would take all that a small machine has. */
export async function startSetting({ fault }: Scenario, measured: boolean): Promise<Setting> {
  if (fault === 'half_open') return startBehindProxy();
  const nodeCount = fault === 'leader_killed' ? 3 : 1;
  const kafka = await startKafka({ nodes: nodeCount, before: measured && nodeCount > 1 ? pinnedTo(OTHER_CORE) : [] });
  const { plainBrokers, nodes } = kafka;
  let victim: KafkaNode = nodes[0]!;
  const setting = { brokers: kafka.brokers, plainBrokers, close: () => kafka.close() };
  if (fault === 'frozen') {
    return { ...setting, breakLog: async () => victim.freeze(), mendLog: async () => victim.thaw() };
  }
  return {
    ...setting,
    breakLog: async () => {
      if (fault === 'leader_killed') victim = await leaderAmong(nodes, plainBrokers);
      await victim.kill();
    },
    mendLog: () => victim.start(),
  };
}

/** Connections that were open when the bytes began to vanish stay dead: they have to be noticed, and made anew. */
async function startBehindProxy(): Promise<Setting> {
  const proxy = await FaultProxy.start();
  const kafka = await startKafka({ advertised: [proxy.address] });
  proxy.to(kafka.nodes[0]!.address);
  return {
    brokers: kafka.brokers,
    plainBrokers: kafka.plainBrokers,
    breakLog: async () => proxy.swallow(),
    mendLog: async () => proxy.pass(),
    close: async () => {
      await proxy.close();
      await kafka.close();
    },
  };
}

async function leaderAmong(nodes: readonly KafkaNode[], brokers: readonly string[]): Promise<KafkaNode> {
  const view = new KafkaView(brokers);
  try {
    const leader = await view.leaderOf('select-color', 0);
    const node = nodes.find(({ id }) => id === leader);
    if (!node) throw new Error(`select-color-0 is led by ${leader}, which is none of ours`);
    return node;
  } finally {
    await view.close();
  }
}
