import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MACHINES, NUMBERS, type SystemCall } from '../../../src/linux/system-calls.ts';

/** AUDIT_ARCH_… of linux/audit.h is EM_… of linux/elf-em.h with __AUDIT_ARCH_64BIT and __AUDIT_ARCH_LE. */
const AUDIT_64BIT_LE = 0xc000_0000;
const ELF_MACHINES = { x64: 62, arm64: 183 };

/** What the kernel's headers say of an architecture: a name and a number in each line. */
function numbersOf(architecture: string): Map<string, number> {
  const file = new URL(`../../fixtures/linux/system-calls-${architecture}.txt`, import.meta.url);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return new Map(
    lines
      .filter((line) => !line.startsWith('#'))
      .map((line) => line.split(' '))
      .map(([name = '', number]) => [name, Number(number)]),
  );
}

test('there is a table for each architecture', () => {
  expect(Object.keys(MACHINES).sort()).toEqual(Object.keys(ELF_MACHINES).sort());
});

describe.each(Object.entries(ELF_MACHINES))('on %s', (architecture, elfMachine) => {
  const machine = MACHINES[architecture];
  const kernel = numbersOf(architecture);

  test('the kernel calls the architecture so', () => {
    expect(machine?.audit).toBe(AUDIT_64BIT_LE + elfMachine);
  });

  test.each(Object.keys(NUMBERS) as SystemCall[])('%s has the number that the kernel has for it', (call) => {
    expect(machine?.numberOf(call)).toBe(kernel.get(call));
  });
});

test('what one architecture lacks is there on the other one', () => {
  const everywhere = new Set(Object.keys(ELF_MACHINES).flatMap((name) => [...numbersOf(name).keys()]));
  expect(Object.keys(NUMBERS).filter((call) => !everywhere.has(call))).toEqual([]);
});
