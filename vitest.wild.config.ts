import { defineConfig } from 'vitest/config';

// What needs other tools, kernels or daemons than those of the machine: npm run test:wild.
export default defineConfig({
  test: {
    name: 'wild',
    include: ['test/wild/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 900_000,
  },
});
