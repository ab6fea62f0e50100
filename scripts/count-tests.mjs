// Prints the names of skipped tests and the closing line of a test run, from vitest's JSON report.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
const skipped = report.testResults.flatMap((file) =>
  file.assertionResults.filter(
    (test) => test.status === "pending" || test.status === "skipped" || test.status === "todo",
  ),
);
for (const test of skipped) process.stdout.write(`skipped: ${test.fullName}\n`);
// A file that could not even be loaded holds no tests; it counts as a failure of its own.
const broken = report.testResults.filter(
  (file) => file.status === "failed" && file.assertionResults.length === 0,
).length;
const failed = report.numFailedTests + broken;
process.stdout.write(`${report.numPassedTests} passed, ${failed} failed, ${skipped.length} skipped\n`);
process.exitCode = failed > 0 || report.numPassedTests === 0 ? 1 : 0;
