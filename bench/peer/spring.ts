/** The design to compare with: Spring Boot and its KafkaTemplate, from the sources beside this file. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { enginesDirectory, makeOnce } from '../../test/engines/maven.ts';
import { freePorts } from '../../test/engines/ports.ts';
import { runJob, ServerProcess } from '../../test/engines/server-process.ts';
import type { Report } from '../run.ts';
import type { PeerOptions, PeerServer, StartPeer } from './server.ts';

const SOURCES = path.join(import.meta.dirname, 'spring');
const JAR = 'spring-producer-1.jar';
const BUILD_MS = 600_000;
/** More than the server ever needed, less than the default of a quarter of the machine. */
const HEAP = '-Xmx512m';
const READY = /Started RestApiProducer/;

/** Builds it with Maven, once, into the cache of the engines. */
export async function prepareSpring(report: Report): Promise<StartPeer> {
  const home = path.join(enginesDirectory(), `spring-${hashOf(SOURCES)}`);
  const jar = path.join(home, JAR);
  await makeOnce(jar, async () => {
    report('Building the Spring design with Maven, once …');
    mkdirSync(home, { recursive: true });
    const staging = mkdtempSync(path.join(home, 'building-'));
    try {
      cpSync(SOURCES, staging, { recursive: true });
      await runJob('mvn', ['-B', '-ntp', '-q', '-f', path.join(staging, 'pom.xml'), 'package'], BUILD_MS);
      renameSync(path.join(staging, 'target', JAR), jar);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  });
  return (options) => startSpring(jar, options);
}

async function startSpring(jar: string, { brokers, directory, before }: PeerOptions): Promise<PeerServer> {
  const [port] = await freePorts(1);
  const [program = 'java', ...words] = [...before, 'java'];
  const server = new ServerProcess({
    name: 'Spring',
    program,
    words: [...words, HEAP, `-DPORT=${port}`, `-DBROKERS=${brokers.join(',')}`, '-jar', jar],
    output: path.join(directory, 'spring.log'),
    ready: READY,
  });
  await server.start();
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    pid: server.pid,
    stop: () => server.stop(),
    kill: () => server.kill(),
  };
}

function hashOf(directory: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const file = path.join(directory, name);
    if (statSync(file).isFile()) hash.update(`${name}\0`).update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 12);
}
