/** Numbers that look random and are the same in every run (mulberry32). */
export interface Random {
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number;
  pick<T>(items: readonly [T, ...T[]]): T;
}

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  function below(limit: number): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  }
  return { below, pick: (items) => items[below(items.length)] ?? items[0] };
}

/** `text` with a few characters taken out, doubled, or put in from `alphabet`. */
export function mutate(text: string, alphabet: string, random: Random): string {
  let result = text;
  for (let change = random.below(8) + 1; change > 0; change -= 1) {
    const at = random.below(result.length + 1);
    const length = random.below(12);
    const inserted = alphabet[random.below(alphabet.length)] ?? '';
    const middle = random.pick([inserted, '', result.slice(at, at + length).repeat(2)]);
    result = result.slice(0, at) + middle + result.slice(at + length);
  }
  return result;
}
