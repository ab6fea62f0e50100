// Prints the names of skipped tests and the closing line of a test run, from vitest's JSON reports.
import { readFileSync } from "node:fs";

const reports = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, "utf8")));
const files = reports.flatMap((report) => report.testResults);
const skipped = files.flatMap((file) =>
  file.assertionResults.filter(
    (test) => test.status === "pending" || test.status === "skipped" || test.status === "todo",
  ),
);
for (const test of skipped) process.stdout.write(`skipped: ${test.fullName}\n`);
// A file that could not even be loaded holds no tests; it counts as a failure of its own.
const broken = files.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
const count = (name) => reports.reduce((sum, report) => sum + report[name], 0);
const failed = count("numFailedTests") + broken;
const passed = count("numPassedTests");
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped.length} skipped\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
