import { runPython } from './python.ts';

const PROGRAM = `
import duckdb
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
answers = [connection.execute(query).fetchall() for query in input]
print(json.dumps(answers, default=str))
`;

/** The rows that DuckDB, in a process of its own, answers to each query; what JSON has no type for comes as text. */
export async function duckdb(queries: readonly string[]): Promise<readonly unknown[][][]> {
  return JSON.parse(await runPython('duckdb==2.0.0', PROGRAM, queries)) as unknown[][][];
}
