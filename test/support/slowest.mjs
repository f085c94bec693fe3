// Where the time of a test run went: its slowest files.
//
//   node slowest.mjs RESULTS.json
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const SHOWN = 12;
const [file] = process.argv.slice(2);
const { testResults } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { testResults: [] };
const files = testResults
  .map(({ name, startTime, endTime }) => ({
    name: relative('', name),
    seconds: (endTime - startTime) / 1000,
  }))
  .sort((a, b) => b.seconds - a.seconds);
for (const { name, seconds } of files.slice(0, SHOWN))
  console.log(`${seconds.toFixed(0).padStart(4)} s  ${name}`);
