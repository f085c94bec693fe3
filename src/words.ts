/** `1 service`, `2 services`. For nouns that take an s. */
export function counted(number: number, noun: string): string {
  return `${number} ${named(number, noun)}`;
}

/** `service` for 1, `services` for 2. For nouns that take an s. */
export function named(number: number, noun: string): string {
  return number === 1 ? noun : `${noun}s`;
}
