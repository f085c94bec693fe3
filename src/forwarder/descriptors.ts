import { readdirSync, readFileSync, statSync } from 'node:fs';

/** Soft limit of open files, which node raises to the hard one when it starts. */
export function descriptorLimit(): number {
  const line = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\d+)/m);
  return Number(line?.[1] ?? 1024);
}

/** Kernels from 6.2 on tell it as the size of the directory; elsewhere the names are counted. */
export function openDescriptors(): number {
  return statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length;
}
