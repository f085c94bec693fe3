import { readdirSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { CONDITION_MS, TEST_MS } from './test/support/patience.ts';

/** Tests on real namespaces and processes: two files at a time, each in a process of its own, with the patience of a busy machine. */
const REAL = {
  pool: 'forks',
  maxWorkers: 2,
  testTimeout: TEST_MS,
  hookTimeout: TEST_MS,
  expect: { poll: { timeout: CONDITION_MS } },
} as const;

/** Unit tests that take more inputs with `npm test` than with `npm run test:unit`. */
const THOROUGH = ['test/unit', 'test/fuzz'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((name) => name.endsWith('.test.ts') && readFileSync(name, 'utf8').includes('support/amount.ts')),
);

const UNIT = {
  // Loading the modules anew for each of 110 files would take three times as long as the tests.
  isolate: false,
  pool: 'forks',
  testTimeout: CONDITION_MS,
} as const;

// The groups run one after the other, the quick ones first.
export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/fuzz/**/*.test.ts'],
          sequence: { groupOrder: 0 },
          ...UNIT,
          provide: { thorough: false },
        },
      },
      {
        test: {
          name: 'thorough',
          include: THOROUGH,
          sequence: { groupOrder: 1 },
          ...UNIT,
          provide: { thorough: true },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          sequence: { groupOrder: 2 },
          ...REAL,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          sequence: { groupOrder: 3 },
          ...REAL,
        },
      },
    ],
  },
});
