import { runPython } from './python.ts';

/** One thread and little memory: it shares the machine with other tests. */
const PROGRAM = `
from pyspark.sql import SparkSession
settings = {
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    "spark.driver.memory": "600m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
builder = SparkSession.builder.master("local[1]")
for name, value in settings.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("OFF")
answers = []
for question in input:
    reader = spark.read.format(question["format"])
    if "schema" in question:
        reader = reader.schema(question["schema"])
    reader.load(question["path"]).createOrReplaceTempView("events")
    answers.append([list(row) for row in spark.sql(question["query"]).collect()])
spark.stop()
print(json.dumps(answers, default=str))
`;

export interface SparkQuestion {
  readonly format: 'json' | 'parquet';
  /** The root of the files: a folder, or the address of one, such as `hdfs://…`. */
  readonly path: string;
  /** The columns; what is in the files decides if left out. */
  readonly schema?: string;
  /** The files are the table `events`. */
  readonly query: string;
}

/** The rows that Spark answers to each question; what JSON has no type for comes as text. Needs Java 17. */
export async function spark(questions: readonly SparkQuestion[]): Promise<readonly unknown[][][]> {
  const output = await runPython('pyspark==3.5.6', PROGRAM, questions);
  return JSON.parse(output.slice(output.lastIndexOf('\n', output.length - 2) + 1)) as unknown[][][];
}
