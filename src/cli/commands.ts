import { adopt } from './adopt.ts';
import type { Command } from './command.ts';
import { compact } from './compact.ts';
import { config } from './config.ts';
import { connectors } from './connectors.ts';
import { deadletters } from './deadletters.ts';
import { doctor } from './doctor.ts';
import { replay } from './replay.ts';
import { status } from './status.ts';
import { tail } from './tail.ts';
import { collect, load, up } from './up.ts';
import { verify } from './verify.ts';

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  up,
  collect,
  load,
  status,
  tail,
  connectors,
  deadletters,
  replay,
  verify,
  compact,
  adopt,
  doctor,
  config,
];
