// Closing line of `npm test`. With --all it also fails when a test was skipped, is a stub, or no test ran at all.
//
//   node results.mjs RESULTS.json [--all]
import { existsSync, readFileSync } from 'node:fs';

const [file, ...flags] = process.argv.slice(2);
if (!existsSync(file)) {
  console.error('the tests did not run to their end');
  process.exit(1);
}
const results = JSON.parse(readFileSync(file, 'utf8'));
const passed = results.numPassedTests;
// A file that does not load counts as one failure, though none of its tests is known.
const broken = results.testResults.filter(
  ({ status, assertionResults }) =>
    status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
).length;
const failed = results.numFailedTests + broken;
const skipped = results.testResults.flatMap(({ name, assertionResults }) =>
  assertionResults
    .filter(({ status }) => status !== 'passed' && status !== 'failed')
    .map(({ fullName }) => `${name}: ${fullName}`),
);

if (flags.includes('--all')) {
  for (const test of skipped) console.log(`did not run: ${test}`);
  if (skipped.length > 0 || passed + failed === 0) process.exitCode = 1;
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
